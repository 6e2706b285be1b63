#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The methods that this QEMU can do besides the one that suits it best; and what
# it cannot do is refused.

. "$srcdir/tests/capture/functions.sh"

start_two_disks
best=$(expected_method)
methods=$(methods_here)
for method in transaction filter; do
  case $methods in
  *$method*) continue ;;
  esac
  expect_failure "cannot be backed up by the method '$method'" \
    run_python contents.py "$method" "$method"
done
for method in $methods; do
  [ "$method" != "$best" ] || continue
  run_python contents.py "$method" "$method"
  qemu_alive
  qmp quit >/dev/null
  wait "$qemu_pid" || fail "QEMU ended badly"
  rm -f "$tmp"/*.sock
  start_two_disks
done
