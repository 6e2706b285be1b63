# SPDX-License-Identifier: BSD-3-Clause
# For the rows about maps, after functions.sh: an image with changes all over it.

# serve_changed_image SIZE COUNT: a QEMU with the read-only export vda, whose bitmap
# monday has COUNT changed clusters, each apart from the others.  Such an image would
# have COUNT clusters of data; what a cluster holds is of no matter to maps, so that
# QEMU writes them to null-co, and serves the metadata that it has made over a file of
# holes: for each range it still asks the file system, as for any image.
serve_changed_image ()
{
  local image=$tmp/changed.qcow2 data=$tmp/changed.data bytes
  bytes=$(numfmt --from=iec "$1")
  rm -f "$image" "$data"
  truncate -s "$1" "$data"
  "$qemu_img" create -q -f qcow2 -o "data_file=$data" "$image" "$1" >/dev/null
  rm "$data"
  start_qemu -S
  qmp blockdev-add "{\"driver\": \"qcow2\", \"node-name\": \"making\",
    \"file\": {\"driver\": \"file\", \"filename\": \"$image\",
               \"cache\": {\"no-flush\": true}},
    \"cache-clean-interval\": 0, \"l2-cache-size\": 134217728,
    \"data-file\": {\"driver\": \"null-co\", \"size\": $bytes}}" >/dev/null
  qmp block-dirty-bitmap-add '{"node": "making", "name": "monday",
    "persistent": true}' >/dev/null
  qmp nbd-server-start "{\"addr\": {\"type\": \"unix\",
    \"data\": {\"path\": \"$tmp/making.sock\"}}}" >/dev/null
  qmp block-export-add '{"type": "nbd", "id": "making", "node-name": "making",
    "name": "making", "writable": true}' >/dev/null
  /usr/bin/python3 "$srcdir/tests/bench/image.py" "$(at making making)" "$2"
  qmp block-export-del '{"id": "making", "mode": "hard"}' >/dev/null
  qmp nbd-server-stop >/dev/null
  qmp block-dirty-bitmap-disable '{"node": "making", "name": "monday"}' >/dev/null
  wait_for 20 qmp blockdev-del '{"node-name": "making"}' >/dev/null 2>&1
  truncate -s "$1" "$data"
  qmp blockdev-add "{\"driver\": \"qcow2\", \"node-name\": \"vda\",
    \"read-only\": true,
    \"file\": {\"driver\": \"file\", \"filename\": \"$image\"},
    \"data-file\": {\"driver\": \"file\", \"filename\": \"$data\"}}" >/dev/null
  serve_node vda vda monday
}
