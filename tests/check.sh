#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Runs all tests (or the make target in $1), says why those failed that did, and
# closes with one line that counts them: N passed, M failed, K skipped.

set -uo pipefail
cd "$(dirname "$0")/.."
target=${1:-check}

make -k -j"$(nproc)" "$target" 2>&1
status=$?

passed=0 failed=0 skipped=0
while read -r result log; do
  case $result in
  PASS) passed=$((passed + 1)) ;;
  SKIP) skipped=$((skipped + 1)) ;;
  *)
    failed=$((failed + 1))
    echo "$result: ${log%.log}"
    tail -n 40 "$log" 2>&1 | sed 's/^/  | /'
    ;;
  esac
done < <(make -s list-test-results)

# A build that failed, or a harness that broke, must not look like success.
[ "$status" -eq 0 ] || [ "$failed" -gt 0 ] || failed=1
[ $((passed + failed)) -gt 0 ] || failed=1
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
