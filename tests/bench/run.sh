#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The benchmark: runs the rows, each a file in rows/, and prints one table of their
# medians and goals.    ./run tests/bench/run.sh [ROW...]
#   BENCH=full     the long rows too
#   BENCH_RUNS=N   measured runs of each, at least 5
#   BENCH_LINES=F  where the machine-readable lines go (tests/bench/last)
#   QEMU=PATH      another QEMU than the machine's own

set -uo pipefail
: "${srcdir:?run me through ./bootstrap bench or ./run}" "${builddir:?}"
export bench_lines=${BENCH_LINES:-$builddir/tests/bench/last}
rows=("$@")
[ ${#rows[@]} -gt 0 ] ||
  mapfile -t rows < <(cd "$srcdir/tests/bench/rows" && printf '%s\n' *.sh)

machine ()
{
  local memory
  memory=$(awk '/^MemTotal:/ { printf "%.0f", $2 / 1048576 }' /proc/meminfo)
  printf 'machine\t%s, %s cores, %s GiB, Linux %s\n' \
    "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)" \
    "$(nproc)" "$memory" "$(uname -r)"
  printf 'with\t%s\n' "$("${QEMU:-qemu-system-x86_64}" --version | head -n 1)" \
    "$(nbdkit --version)" "libnbd $(nbdinfo --version | sed -n 's/^nbdinfo //p')"
}

mkdir -p "$(dirname "$bench_lines")"
[ "${BENCH_APPEND:-}" = 1 ] || machine >"$bench_lines"
failed=0
for row in "${rows[@]}"; do
  echo "$row" >&2
  start=$SECONDS
  if ! bash -c '. "$srcdir/tests/bench/functions.sh" && . "$srcdir/tests/bench/rows/$0"' "$row"; then
    failed=1
    printf 'note\t%s\t%s\n' "${row%.sh}" "this row failed" >>"$bench_lines"
  fi
  echo "  $((SECONDS - start)) s" >&2
done
awk -f "$srcdir/tests/bench/table.awk" "$bench_lines"
exit $failed
