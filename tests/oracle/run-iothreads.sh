#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The oracle with no iothread, and with one for each disk.

set -e
for iothreads in 0 2; do
  ORACLE_IOTHREADS=$iothreads "$srcdir/tests/oracle/run-oracle.sh"
done
