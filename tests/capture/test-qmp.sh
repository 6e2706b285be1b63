#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The QMP client against a real QEMU, and against what is not QMP.

. "$srcdir/tests/capture/functions.sh"

start_qemu -S
run_python qmp-client.py "$qemu_pid"
