#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A backup served with TLS and certificates: to the clients that people have, by
# option and by document; and what is refused.

. "$srcdir/tests/end-to-end/functions.sh"
. "$srcdir/tests/relay/certificates.sh"

make_certificates "$tmp"
start_domain
disk_write vda 0x11 0 8M
cp "$tmp/vda.truth" "$tmp/vda.cut"
port=$(free_port)
tls=$tmp/home/config/tls

# Without certificates nothing begins, and what lacks is named.
refused "'$tls/server-cert.pem'" backup-begin web --listen "tcp:localhost:$port" --tls
mkdir -p "$tls"
cp "$tmp"/server/* "$tls/"
rm "$tls/ca-cert.pem"
refused "'$tls/ca-cert.pem'" backup-begin web --listen "tcp:localhost:$port" --tls
echo nonsense >"$tls/ca-cert.pem"
refused "certificate authority '$tls/ca-cert.pem'" \
  backup-begin web --listen "tcp:localhost:$port" --tls
nothing_left
cp "$tmp/ca-cert.pem" "$tls/"

refused "without TLS only a loopback" backup-begin web --listen "tcp:0.0.0.0:$port"
refused "needs --listen" backup-begin web --tls
refused "both served with TLS and insecure" \
  backup-begin web --listen "tcp:localhost:$port" --tls --insecure
nothing_left

# with FOLDER: query of a URI for a client with these certificates.
with () { echo "tls-certificates=$tmp/$1"; }
server=nbds://localhost:$port

pulls ()
{
  same "size" "$(nbdinfo --size "$server/vda?$(with friend)")" $disk_size
  nbdcopy "$server/vda?$(with friend)" "$tmp/copy"
  cmp "$tmp/copy" "$tmp/vda.cut"
  "$qemu_img" convert -O raw \
    --object "tls-creds-x509,id=tls0,dir=$tmp/friend,endpoint=client" \
    --image-opts "driver=nbd,host=localhost,port=$port,export=vda,tls-creds=tls0" \
    "$tmp/copy"
  cmp "$tmp/copy" "$tmp/vda.cut"
  ! nbdinfo --size "$server/vda?$(with stranger)" 2>/dev/null || fail "a stranger"
  ! nbdinfo --size "$server/vda?$(with former)" 2>/dev/null || fail "one revoked"
  ! nbdinfo --size "nbd://localhost:$port/vda" 2>/dev/null || fail "without TLS"
}

pullback backup-begin web --listen "tcp:localhost:$port" --tls >"$tmp/begin.out"
grep -q "$server/vda" "$tmp/begin.out" || fail "the URI: $(cat "$tmp/begin.out")"
pulls
pullback backup-dumpxml web >"$tmp/backup.xml"
grep -q "tls=[\"']yes[\"']" "$tmp/backup.xml" || fail "the document"
pullback backup-end web >/dev/null
nothing_left

# The document, and a socket; tickets can be added there, too.
cat >"$tmp/backup.xml" <<END
<domainbackup mode='pull'>
  <server transport='unix' socket='$tmp/nbd.sock' tls='yes'/>
</domainbackup>
END
pullback backup-begin web "$tmp/backup.xml" >/dev/null
server=nbds+unix://
same "over a socket" "$(/usr/bin/python3 - "$tmp/nbd.sock" "$tmp/friend" <<'END'
import sys, nbd
handle = nbd.NBD()
handle.set_tls(nbd.TLS_REQUIRE)
handle.set_tls_certificates(sys.argv[2])
handle.set_tls_verify_peer(False)
handle.set_export_name("vda")
handle.connect_unix(sys.argv[1])
print(handle.get_size())
END
)" $disk_size
uri=$(pullback backup-ticket web --add --json | json_get 'uris[0].uri')
same "with a ticket" "$(nbdinfo --size "$uri")" $disk_size
pullback backup-end web >/dev/null
nothing_left

# Others can connect only if that is said.
pullback backup-begin web --listen "tcp:0.0.0.0:$port" --insecure >/dev/null
same "insecure" "$(nbdinfo --size "nbd://localhost:$port/vda")" $disk_size
grep -q "neither encrypted" "$tmp/home/run/web/pullback-relay.log" ||
  fail "nobody was warned"
pullback backup-end web >/dev/null
nothing_left

# Who of those with a certificate.
stop_pullbackd
start_pullbackd --tls-certificates "$tmp/server" --tls-subject "*CN=nobody*"
pullback backup-begin web --listen "tcp:localhost:$port" --tls >/dev/null
! nbdinfo --size "nbds://localhost:$port/vda?$(with friend)" 2>/dev/null ||
  fail "a subject that is not allowed"
pullback backup-end web >/dev/null
stop_pullbackd
start_pullbackd --tls-certificates "$tmp/server" --tls-no-verify-peer
pullback backup-begin web --listen "tcp:localhost:$port" --tls >/dev/null
server=nbds://localhost:$port
same "anybody" \
  "$(nbdinfo --size "$server/vda?$(with stranger)")" $disk_size
pullback backup-end web >/dev/null
nothing_left
! pullbackd --tls-no-verify-peer --tls-subject x 2>"$tmp/err" || fail "both"
grep -q "exclude each other" "$tmp/err" || fail "both: $(cat "$tmp/err")"
