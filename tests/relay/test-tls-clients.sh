#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Stock clients through TLS, with certificates and with keys; and those that have
# neither.

. "$srcdir/tests/functions.sh"
. "$srcdir/tests/relay/certificates.sh"

for tool in certtool psktool; do
  command -v $tool >/dev/null || skip "$tool is not here"
done

cd "$tmp"
make_certificates "$tmp"
mkdir keys
psktool -u friend -p keys/keys.psk >/dev/null 2>&1
psktool -u friend -p wrong.psk >/dev/null 2>&1

truncate -s 32M disk
dd if=/dev/urandom of=disk bs=1M count=9 seek=3 conv=notrunc status=none
nbdkit -f -U "$tmp/origin.sock" file disk >origin.log 2>&1 &
ends_with_test $!
wait_for 10 test -S origin.sock

port=$(/usr/bin/python3 -c 'import socket
s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
pullback-relay --upstream "unix:$tmp/origin.sock" \
  --listen "tcp:localhost:$port" --listen "unix:$tmp/relay.sock" \
  --tls-certificates "$tmp/server" --tls-psk keys/keys.psk >relay.log 2>&1 &
relay_pid=$!
ends_with_test "$relay_pid"
wait_for 10 test -S relay.sock

x509="nbds://localhost:$port/?tls-certificates=$tmp"
psk="nbds://friend@localhost:$port/?tls-psk-file=$tmp"

works ()
{
  # works URI
  local same_map
  same "size" "$(nbdinfo --size "$1")" 33554432
  nbdinfo --json "$1" | grep -q '"TLS": true' || fail "no TLS: $1"
  same_map=$(nbdinfo --map "nbd+unix:///?socket=$tmp/origin.sock")
  same "map" "$(nbdinfo --map "$1")" "$same_map"
  rm -f copy
  nbdcopy "$1" copy
  cmp disk copy
  nbdcopy --synchronous "$1" copy
  cmp disk copy
}
works "$x509/friend"
works "$psk/keys/keys.psk"

# nbdsh's module, many requests at once
for uri in "$x509/friend" "$psk/keys/keys.psk"; do
  /usr/bin/python3 - "$uri" <<'END'
import sys
import nbd

h = nbd.NBD()
h.set_uri_allow_local_file(True)
h.connect_uri(sys.argv[1])
assert h.get_tls_negotiated()
disk = open('disk', 'rb').read()
buffers = [nbd.Buffer(1 << 20) for _ in range(32)]
cookies = [h.aio_pread(buffer, i << 20) for i, buffer in enumerate(buffers)]
while h.aio_in_flight() > 0:
    h.poll(-1)
for i, (cookie, buffer) in enumerate(zip(cookies, buffers)):
    assert h.aio_command_completed(cookie)
    assert buffer.to_bytearray() == disk[i << 20:(i + 1) << 20], i
h.shutdown()
END
done

for refused in "$x509/stranger" "$x509/former" "$psk/wrong.psk" \
               "nbds://nobody@localhost:$port/?tls-psk-file=$tmp/keys/keys.psk" \
               "nbd://localhost:$port/" \
               "nbd+unix:///?socket=$tmp/relay.sock"; do
  ! nbdinfo --size "$refused" >refused.log 2>&1 ||
    fail "this client was not refused: $refused"
done

qemu_works ()
{
  # qemu_works --object tls-creds-...
  local image="driver=nbd,host=localhost,port=$port,tls-creds=tls0"
  "$qemu_img" info "$@" --image-opts "$image" | grep -q '32 MiB' ||
    fail "qemu-img info $*"
  "$qemu_img" convert "$@" --image-opts "$image" -O raw converted
  cmp disk converted
  "$qemu_img" compare "$@" --image-opts "$image" \
    driver=raw,file.driver=file,file.filename=disk >/dev/null
  qemu-io -r "$@" --image-opts "$image" -c 'read -P 0 0 1M' \
    -c 'read 3M 64k' -c 'read -P 0 31M 1M' >io.log
  same "qemu-io" "$(grep -c 'bytes read\|^read .* bytes at' io.log)" 3
  ! grep -i 'fail' io.log || fail "qemu-io $*"
  same "qemu-img map" \
    "$("$qemu_img" map "$@" --output=json --image-opts "$image" |
       sed 's/, "offset": [0-9]*//; s/"compressed": false//')" \
    "$("$qemu_img" map --output=json -f raw \
         "nbd+unix:///?socket=$tmp/origin.sock" |
       sed 's/, "offset": [0-9]*//; s/"compressed": false//')"
}
qemu_works --object \
  "tls-creds-x509,id=tls0,endpoint=client,dir=$tmp/friend"
qemu_works --object \
  "tls-creds-psk,id=tls0,endpoint=client,dir=$tmp/keys,username=friend"
! "$qemu_img" info --image-opts \
    --object "tls-creds-x509,id=tls0,endpoint=client,dir=$tmp/stranger" \
    "driver=nbd,host=localhost,port=$port,tls-creds=tls0" >refused.log 2>&1 ||
  fail "a stranger's QEMU was not refused"

# A key that is added, or taken away, counts from the next client on.
sed s/friend/later/ keys/keys.psk >later.psk
cat later.psk >>keys/keys.psk
nbdinfo --size "nbds://later@localhost:$port/?tls-psk-file=$tmp/later.psk" \
  >/dev/null
cp later.psk keys/keys.psk
! nbdinfo --size "$psk/keys/keys.psk" >refused.log 2>&1 ||
  fail "a key that is gone still counts"

kill "$relay_pid"
wait "$relay_pid" || fail "the relay ended with $?"
