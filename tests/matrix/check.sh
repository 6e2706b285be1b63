#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Runs tests against the QEMUs of other Debian suites, each test's name followed
# by its suite, and closes with the line that counts them.  A suite that cannot
# be had is one skipped test.    check.sh TEST...    ($srcdir, $builddir are set)

set -uo pipefail
: "${srcdir:?run me through make check-matrix}" "${builddir:?}"
cache=${PULLBACK_MATRIX_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/pullback/matrix}
suites=${PULLBACK_MATRIX_SUITES:-trixie unstable}
results=$builddir/tests/matrix/results
jobs=${PULLBACK_MATRIX_JOBS:-2}
limit=600 # seconds for one test

# run_test SUITE QEMU TEST: one line on what came of it, PASS, FAIL or SKIP first.
run_test ()
{
  local log=$results/$1/${3%.sh}.log result
  mkdir -p "$(dirname "$log")"
  case $3 in /*) path=$3 ;; *.sh) path=$srcdir/$3 ;; *) path=$builddir/$3 ;; esac
  QEMU=$2 timeout -k 30 $limit "$builddir/run" "$path" >"$log" 2>&1
  case $? in
  0) result=PASS ;;
  77) result=SKIP ;;
  *) result=FAIL ;;
  esac
  echo "$result: $3 [$1]"
  [ $result = PASS ] || tail -n 40 "$log" | sed 's/^/  | /'
}

rm -rf "$results"
mkdir -p "$results"
for suite in $suites; do
  if ! qemu=$("$srcdir/tests/matrix/prepare.sh" "$suite" "$cache"); then
    echo "SKIP: no QEMU of $suite could be had [$suite]"
    continue
  fi
  echo "$suite: $("$qemu" --version | head -n 1)"
  for test; do
    while [ "$(jobs -rp | wc -l)" -ge "$jobs" ]; do
      wait -n
    done
    run_test "$suite" "$qemu" "$test" &
  done
  wait
done | tee "$results/summary"

count () { grep -c "^$1: " "$results/summary"; }
passed=$(count PASS) failed=$(count FAIL) skipped=$(count SKIP)
[ $((passed + failed + skipped)) -gt 0 ] || failed=1
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
