#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The daemon killed while the guest stands still for the cut: the next one lets
# the guest go on.  By the filter method, which QEMU 7.2 cannot do.

. "$srcdir/tests/functions.sh"

"$qemu_img" create -q -f qcow2 "$tmp/vda.qcow2" 64M
start_qemu \
  -blockdev "qcow2,node-name=vda,file.driver=file,file.filename=$tmp/vda.qcow2" \
  -device virtio-blk-pci,drive=vda,id=vda
/usr/bin/python3 "$srcdir/tests/capture/dies-in-pause.py" \
  "$tmp/proxy.sock" "$tmp/qmp.sock" "$tmp/home/run/pullbackd.pid" &
ends_with_test $!
wait_for 10 test -S "$tmp/proxy.sock"
start_pullbackd
pullback domain-add web --qmp "$tmp/proxy.sock" >/dev/null
! pullback backup-begin web --method filter --checkpoint monday >/dev/null 2>&1 ||
  fail "the daemon was not killed"
wait "$pullbackd_pid" || true
[[ $(qmp query-status) == *'"paused"'* ]] || fail "not killed in the pause"

start_pullbackd
pullback domain-info web >/dev/null
[[ $(qmp query-status) == *'"running": true'* ]] || fail "the guest is paused"
same "nodes" "$(qmp query-named-block-nodes | grep -c '"pb[0-9a-f]*-')" 0
# A guest that was stopped by somebody else stays so.
qmp stop >/dev/null
pullback domain-info web >/dev/null
[[ $(qmp query-status) == *'"paused"'* ]] || fail "the guest was continued"
