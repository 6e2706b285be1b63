#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The monitor is closed after each command of a backup's begin and end.

. "$srcdir/tests/faults/functions.sh"
faults close-after
