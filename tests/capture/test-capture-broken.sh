#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A point in time that is lost is never served, and does not hurt the guest.

. "$srcdir/tests/capture/functions.sh"

start_two_disks
methods=$(methods_here)
qmp quit >/dev/null
wait "$qemu_pid"
for method in $methods; do
  rm -f "$tmp"/*.sock
  start_two_disks
  run_python broken.py "$method"
  wait "$qemu_pid" || fail "QEMU ended badly with the method $method"
  # All writes of the guest went through.
  "$qemu_img" compare -f raw -F qcow2 "$tmp/truth" "$tmp/vda.qcow2"
done
