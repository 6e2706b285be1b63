#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# libpullback as a stranger's program uses it, and that nothing but its API is
# visible.

. "$srcdir/tests/functions.sh"

"$qemu_img" create -q -f qcow2 "$tmp/a.qcow2" 1M
start_qemu \
  -blockdev "qcow2,node-name=fmt-a,file.driver=file,file.filename=$tmp/a.qcow2" \
  -device virtio-blk-pci,drive=fmt-a,id=system
start_pullbackd
"$builddir/tests/controller/client" "unix://$PULLBACK_HOME/run/pullbackd.sock" \
  "$tmp/qmp.sock"

# The functions of the header, those of the library, and no others.
grep -o 'pullback_[a-z_]* (' "$srcdir/controller/client/pullback.h" |
  tr -d ' (' | sort -u >"$tmp/declared"
nm -D --defined-only "$builddir/controller/.libs/libpullback.so" |
  awk '{ print $3 }' | sort -u >"$tmp/visible"
diff "$tmp/declared" "$tmp/visible" || fail "declared and visible differ"

# C++ programs can include it.
if command -v g++ >/dev/null; then
  g++ -Wall -Werror -fsyntax-only -x c++ "$srcdir/controller/client/pullback.h"
fi
qemu_alive
