#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The oracle with the methods that a QEMU of the matrix can do, too, but that are
# chosen only for older ones.

set -e
for method in filter overlay; do
  ORACLE_METHOD=$method "$srcdir/tests/oracle/run-oracle.sh"
done
