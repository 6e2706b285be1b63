# SPDX-License-Identifier: BSD-3-Clause
# 2 GiB of data of an image of 8 GiB to null:, by one client and by four at once.

make_data_image "$tmp/vda.qcow2"
start_qemu -S -blockdev \
  "qcow2,node-name=vda,read-only=on,file.driver=file,file.filename=$tmp/vda.qcow2,file.read-only=on"
serve_node vda vda
start_nbdkit plugin "${as_pullbackd[@]}" "socket=$tmp/server.sock"
start_relay relay "$tmp/plugin.sock"
start_relay relay-at-qemu "$tmp/server.sock"
start_nbdkit nbdkit-nbd nbd "socket=$tmp/server.sock" export=vda
qemu-nbd -r -t -e 64 -f raw -k "$tmp/qemu-nbd.sock" "$(at server vda)" \
  2>"$tmp/qemu-nbd.log" &
ends_with_test $!
wait_for 20 test -S "$tmp/qemu-nbd.sock"

qemu () { nbdcopy "$(at server vda)" null:; }
plugin () { nbdcopy "$(at plugin vda)" null:; }
relay () { nbdcopy "$(at relay vda)" null:; }
nbdkit-nbd () { nbdcopy "$(at nbdkit-nbd)" null:; }
qemu-nbd-again () { nbdcopy "$(at qemu-nbd)" null:; }

# What nbdkit costs, and what larger requests would bring.
relay-at-qemu () { nbdcopy "$(at relay-at-qemu vda)" null:; }
plugin-by-512k () { nbdcopy --request-size=524288 "$(at plugin vda)" null:; }
relay-by-512k () { nbdcopy --request-size=524288 "$(at relay vda)" null:; }
alone=() by_4=()
if is_full; then
  alone=(relay-at-qemu plugin-by-512k relay-by-512k)
  by_4=(relay-at-qemu-by-4)
fi

begin_row pull "2 GiB of data to null:"
in_turns s qemu plugin relay nbdkit-nbd qemu-nbd-again "${alone[@]}"
goal_faster plugin qemu 0.80
goal_faster plugin nbdkit-nbd 1.00
goal_faster plugin qemu-nbd-again 1.00
goal_faster relay qemu 0.70

# A quarter for each, so that it is as much in all.
"$qemu_img" create -q -f qcow2 "$tmp/vdb.qcow2" 2G
qemu-io -t unsafe -f qcow2 -c "write -q -P 9 0 512M" "$tmp/vdb.qcow2" >/dev/null
qmp blockdev-add "{\"driver\": \"qcow2\", \"node-name\": \"vdb\",
  \"read-only\": true, \"file\": {\"driver\": \"file\",
  \"filename\": \"$tmp/vdb.qcow2\"}}" >/dev/null
qmp block-export-add '{"type": "nbd", "id": "vdb", "node-name": "vdb",
  "name": "vdb"}' >/dev/null

by_4 ()
{
  local i clients=()
  for i in 1 2 3 4; do
    nbdcopy "$(at "$1" vdb)" null: &
    clients+=($!)
  done
  for i in "${clients[@]}"; do
    wait "$i"
  done
}
qemu-by-4 () { by_4 server; }
plugin-by-4 () { by_4 plugin; }
relay-by-4 () { by_4 relay; }
relay-at-qemu-by-4 () { by_4 relay-at-qemu; }

begin_row pull-by-4 "4 clients at once, 512 MiB each"
in_turns s qemu-by-4 plugin-by-4 relay-by-4 "${by_4[@]}"
goal_faster plugin-by-4 qemu-by-4 0.80
goal_faster relay-by-4 qemu-by-4 0.80
