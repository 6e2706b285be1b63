#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The oracle with the methods that a QEMU of the matrix can do, too, but that are
# chosen only for older ones.

set -e
ORACLE_METHOD=overlay "$srcdir/tests/oracle/run-oracle.sh"
# Not for disks in an iothread.
ORACLE_METHOD=filter ORACLE_IOTHREADS=0 "$srcdir/tests/oracle/run-oracle.sh"
