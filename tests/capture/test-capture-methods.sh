#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The methods that this QEMU can do besides the one that suits it best; and what
# it cannot do is refused.

. "$srcdir/tests/capture/functions.sh"

# next_method METHOD: another QEMU, with disks for it.
next_method ()
{
  qmp quit >/dev/null
  wait "$qemu_pid" || fail "QEMU ended badly"
  rm -f "$tmp"/*.sock
  method=$1
  start_two_disks
}

start_two_disks
best=$(expected_method)
methods=$(methods_here)
# In an iothread a stopped guest may not go on: never by the filter.
expect_failure \
  "by the method 'filter' with disks in an iothread: no version can" \
  run_python contents.py filter filter
case $methods in
*transaction*) ;;
*) expect_failure "cannot be backed up by the method 'transaction'" \
  run_python contents.py transaction transaction ;;
esac
for method in $methods; do
  [ "$method" != "$best" ] || continue
  next_method "$method"
  run_python contents.py "$method" "$method"
  qemu_alive
done
