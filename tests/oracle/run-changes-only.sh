#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The oracle with --changes-only, wherever a QEMU of the matrix can do it: with
# iothreads, for each disk one, from 10.1 on.

set -e
version=$("${QEMU:-qemu-system-x86_64}" --version |
  sed -n 's/.*version \([0-9]*\)\.\([0-9]*\).*/\1 * 1000 + \2/p')
if [ $((version)) -lt 9001 ]; then
  echo "SKIP: this version of QEMU cannot keep only what changed" >&2
  exit 77
fi
export ORACLE_CHANGES_ONLY=yes
ORACLE_IOTHREADS=0 "$srcdir/tests/oracle/run-oracle.sh"
[ $((version)) -lt 10001 ] || ORACLE_IOTHREADS=2 "$srcdir/tests/oracle/run-oracle.sh"
