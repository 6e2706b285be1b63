#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The method that suits this QEMU: contents and maps of three points in time.

. "$srcdir/tests/capture/functions.sh"

start_two_disks
run_python contents.py auto "$(expected_method)"
qemu_alive
qmp quit >/dev/null
wait "$qemu_pid" || fail "QEMU ended badly"
"$qemu_img" check -q "$tmp/vda.qcow2"
