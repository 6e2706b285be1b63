#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# QEMU answers with an error, at each command of a backup's begin and end.

. "$srcdir/tests/faults/functions.sh"
faults error
