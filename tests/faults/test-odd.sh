#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# QEMU answers late, twice, out of order, and to what nobody asked.

. "$srcdir/tests/faults/functions.sh"
faults odd
