#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# QEMU does what it is told and nobody hears it, at each command.

. "$srcdir/tests/faults/functions.sh"
limit=4
faults lost
