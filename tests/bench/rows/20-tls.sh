# SPDX-License-Identifier: BSD-3-Clause
# The same data through TLS: QEMU's own against the relay's.

# Through TLS it goes so slowly that the short run takes a quarter.
if is_full; then size=2G; else size=512M; fi
"$qemu_img" create -q -f qcow2 "$tmp/vda.qcow2" $size
qemu-io -t unsafe -f qcow2 -c "write -q -P 1 0 $size" "$tmp/vda.qcow2" >/dev/null
mkdir "$tmp/keys"
psktool -u client -p "$tmp/keys/keys.psk" >/dev/null 2>&1
image="qcow2,node-name=vda,read-only=on,file.driver=file,file.filename=$tmp/vda.qcow2,file.read-only=on"

start_qemu -S -blockdev "$image" \
  -object "tls-creds-psk,id=tls,endpoint=server,dir=$tmp/keys"
qmp nbd-server-start "{\"addr\": {\"type\": \"unix\",
  \"data\": {\"path\": \"$tmp/server.sock\"}}, \"tls-creds\": \"tls\"}" >/dev/null
qmp block-export-add '{"type": "nbd", "id": "vda", "node-name": "vda",
  "name": "vda"}' >/dev/null
# A second QEMU for the plugin: a process has one NBD server.
rm "$tmp/monitor.sock"
mv "$tmp/server.sock" "$tmp/server-tls.sock"
start_qemu -S -blockdev "$image"
serve_node vda vda
start_nbdkit plugin "${as_pullbackd[@]}" "socket=$tmp/server.sock"
start_relay relay-tls "$tmp/plugin.sock" --tls-psk "$tmp/keys/keys.psk"

at_tls ()
{
  echo "nbds+unix://client@/vda?socket=$tmp/$1.sock&tls-psk-file=$tmp/keys/keys.psk"
}
qemu-tls () { nbdcopy "$(at_tls server-tls)" null:; }
relay-with-tls () { nbdcopy "$(at_tls relay-tls)" null:; }

begin_row tls "$size of data to null:, with TLS"
in_turns s qemu-tls relay-with-tls
goal_faster relay-with-tls qemu-tls 1.00
