#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Whether the guest stands still for the point in time is printed as measured, by
# each method that this QEMU has, and where it may not, nothing pauses it.

. "$srcdir/tests/functions.sh"

# A guest that runs, and disks in no iothread, as the filter needs it.
for disk in vda vdb; do
  "$qemu_img" create -q -f qcow2 "$tmp/$disk.qcow2" 16M
done
start_qemu \
  -blockdev "qcow2,node-name=fmt-a,file.driver=file,file.filename=$tmp/vda.qcow2" \
  -device virtio-blk-pci,drive=fmt-a,id=vda \
  -blockdev "qcow2,node-name=fmt-b,file.driver=file,file.filename=$tmp/vdb.qcow2" \
  -device virtio-blk-pci,drive=fmt-b,id=vdb
start_pullbackd
pullback domain-add web --qmp "$tmp/qmp.sock" >/dev/null

field ()
{
  pullback backup-info web --json | /usr/bin/python3 -c '
import json, sys
print(json.load(sys.stdin)[sys.argv[1]])' "$1"
}

tried=0
for method in transaction filter overlay; do
  pullback backup-begin web --method $method >"$tmp/begun" 2>"$tmp/error" ||
    { grep -q "cannot be backed up by the method" "$tmp/error" || fail "$(cat "$tmp/error")"; continue; }
  tried=$((tried + 1))
  cut=$(field cut_microseconds) pause=$(field pause_microseconds)
  [ "$cut" -gt 0 ] || fail "$method took no time"
  if [ $method = filter ]; then
    [ "$pause" -ge "$cut" ] || fail "paused for $pause, cut in $cut"
    grep -q "^Guest paused: .* ms$" "$tmp/begun"
  else
    same "pause by $method" "$pause" 0
    grep -q "^Guest paused: *no$" "$tmp/begun"
  fi
  pullback backup-end web >/dev/null

  if [ $method = filter ]; then
    expect_failure "the method 'filter'.*pauses the guest.*no pause is allowed" \
      pullback backup-begin web --method $method --no-pause
    # A guest that stands still is not paused; one that was continued would be.
    qmp stop >/dev/null
    pullback backup-begin web --method $method --no-pause >/dev/null
    same "pause" "$(field pause_microseconds)" 0
    pullback backup-end web >/dev/null
    pullback backup-begin web --method $method --no-pause --prepare >/dev/null
    qmp cont >/dev/null
    expect_failure "no pause is allowed" pullback backup-cut web
  else
    pullback backup-begin web --method $method --no-pause >/dev/null
    pullback backup-end web >/dev/null
  fi
  [[ $(qmp query-status) == *'"running": true'* ]] || fail "the guest is paused"
  same "exports" "$(qmp query-block-exports)" "[]"
  same "nodes" "$(qmp query-named-block-nodes | grep -c '"pb[0-9a-f]*-')" 0
done
[ $tried -gt 0 ] || fail "no method was tried"

# The one that is chosen by itself.
chosen=$(pullback domain-info web | sed -n 's/^Method: *//p')
if [ "$chosen" = filter ]; then
  expect_failure "no pause is allowed" pullback backup-begin web --no-pause
else
  pullback backup-begin web --no-pause >/dev/null
  pullback backup-end web >/dev/null
fi
pullback backup-begin web --push --no-pause --target vda="$tmp/pushed.qcow2" |
  grep -q "^Guest paused: *no$"
