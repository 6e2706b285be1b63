#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What the fuzz targets begin with, and what they have found before, holds with
# this build; and, where clang is here, a few seconds of search find nothing.

. "$srcdir/tests/functions.sh"

for target in relay-handshake relay-transmission relay-upstream relay-map \
  relay-runs; do
  "$builddir/tests/fuzz/replay-$target" "$srcdir/tests/fuzz/corpus/$target"/* \
    >"$tmp/$target.log" 2>&1 ||
    fail "$target: $(grep '/corpus/' "$tmp/$target.log" | tail -n 1)"
done

cat >"$tmp/empty.c" <<'END'
int LLVMFuzzerTestOneInput (const char *data, unsigned long size);
int LLVMFuzzerTestOneInput (const char *data, unsigned long size) { return 0; }
END
if ! clang -fsanitize=fuzzer,address,undefined -o "$tmp/empty" "$tmp/empty.c" \
  >"$tmp/clang.log" 2>&1; then
  echo "the seeds were replayed; there is no clang with libFuzzer to search with"
  exit 0
fi
# Not a part of the make that may run this test.
env -u MAKEFLAGS -u MAKELEVEL make -s -C "$builddir" fuzz FUZZ_SECONDS=3 \
  FUZZ_FLAGS=-seed=1 >"$tmp/fuzz.log" 2>&1 || fail "the search found something"
grep -h -e ':$' -e 'executed_units' "$tmp/fuzz.log"
