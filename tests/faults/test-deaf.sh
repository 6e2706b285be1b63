#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# QEMU does not answer, and does nothing, at each command of a begin and an end.

. "$srcdir/tests/faults/functions.sh"
limit=4
faults deaf
