#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Tickets: a backup begun with one, which pulls it with the URIs as they are
# printed; more of them for some exports and for a time, listed and revoked; they
# outlive the daemon and the relay, and end with the backup.  No key is in a
# command line or a log.

. "$srcdir/tests/end-to-end/functions.sh"

start_domain
disk_write vda 0x11 0 8M
pullback backup-begin web --checkpoint monday >/dev/null
pullback backup-end web >/dev/null
disk_write vda 0x22 1M 192k
cp "$tmp/vda.truth" "$tmp/vda.cut"
port=$(free_port)

# The URIs that a ticket's table has, with the export's name before each.
uris () { sed -n 's/^ *\([^ ]*\) *\(nbds[^ ]*\)$/\1 \2/p' "$@"; }
uri_of () { uris "$1" | sed -n "s|^$2 ||p" | tail -n 1; }

pullback backup-begin web --incremental monday --listen "tcp:localhost:$port" \
  --ticket >"$tmp/begin.out"
key_file=$(sed -n 's/^Key file: *//p' "$tmp/begin.out")
same "key file" "$(stat -c '%a %U' "$key_file")" "600 $(id -un)"
key=$(cut -d: -f2 "$key_file")
same "exports shown" "$(uris "$tmp/begin.out" | grep tls-psk | cut -d' ' -f1 | tr '\n' ' ')" \
  "vda vda@monday vdb vdb@monday "

vda=$(uri_of "$tmp/begin.out" vda)
same "nbdinfo" "$(nbdinfo --size "$vda")" $disk_size
nbdcopy "$vda" "$tmp/copy"
cmp "$tmp/copy" "$tmp/vda.cut"
"$qemu_img" create -q -f raw "$tmp/base" $disk_size
monday=$(uri_of "$tmp/begin.out" vda@monday)
nbdinfo --map "$monday" | grep -q "1048576 *196608 *0" || fail "the view's map"
# The server's own name for it, with a key of QEMU's.
"$qemu_img" compare -f raw --image-opts \
  --object "tls-creds-psk,id=tls0,endpoint=client,dir=$tmp/psk,username=$(cut -d: -f1 "$key_file")" \
  "driver=nbd,host=localhost,port=$port,export=vda,tls-creds=tls0" \
  "driver=raw,file.driver=file,file.filename=$tmp/vda.cut" 2>/dev/null && fail "no key"
mkdir "$tmp/psk" && cp "$key_file" "$tmp/psk/keys.psk"
"$qemu_img" compare --image-opts \
  --object "tls-creds-psk,id=tls0,endpoint=client,dir=$tmp/psk,username=$(cut -d: -f1 "$key_file")" \
  "driver=nbd,host=localhost,port=$port,export=vda,tls-creds=tls0" \
  "driver=raw,file.driver=file,file.filename=$tmp/vda.cut" >/dev/null
! nbdinfo "nbd://localhost:$port/vda" 2>/dev/null || fail "without TLS"
! nbdinfo "${vda/nbds:\/\/??/nbds:\/\/zz}" 2>/dev/null || fail "another identity"

# Some exports, a file where it is told, a time.
pullback backup-ticket web --add --export vda@monday --key-file "$tmp/view.psk" \
  >"$tmp/view.out"
view=$(uri_of "$tmp/view.out" vda@monday)
[[ $view == *"tls-psk-file=$tmp/view.psk" ]] || fail "the key file: $view"
same "only what was asked for" "$(uris "$tmp/view.out" | cut -d' ' -f1)" vda@monday
same "the view" "$(nbdinfo --size "$view")" $disk_size
nbdinfo --size "${view/vda@monday/vda@monday\/inplace}" >/dev/null
! nbdinfo "${view/vda@monday/vda}" 2>/dev/null || fail "more than the ticket says"
same "the list" "$(nbdinfo --list --json "${view/vda@monday/}" | json_get 'exports[0].export-name')" vda@monday
pullback backup-ticket web --add --export vdb --json >"$tmp/vdb.json"
vdb=$(json_get 'uris[0].uri' <"$tmp/vdb.json")
nbdinfo --list "${vdb/\/vdb?/\/?}" | sed -n 's/^export="\(.*\)":/\1/p' | sort |
  tr '\n' ' ' >"$tmp/names"
same "a disk's views" "$(cat "$tmp/names")" "vdb vdb@monday vdb@monday/inplace "
nbdinfo --json "$vdb" >"$tmp/vdb.info"
grep -q '"qemu:dirty-bitmap:backup-vdb"' "$tmp/vdb.info" || fail "a disk's contexts"

# The list has no key.
pullback backup-ticket web >"$tmp/list"
same "tickets" "$(grep -c psk "$tmp/list")" 3
grep -q "vda@monday *with the backup *$tmp/view.psk" "$tmp/list" || fail "$(cat "$tmp/list")"
! pullback backup-ticket web --list --json | grep -q "\"key\"" || fail "a key is listed"
! pullback backup-info web --json | grep -q "$key" || fail "the key is told again"

# connection URI: a client that stays, and says when it is cut off.
connection ()
{
  /usr/bin/python3 - "$1" <<'END' &
import sys, nbd
handle = nbd.NBD()
handle.set_uri_allow_local_file(True)
handle.connect_uri(sys.argv[1])
open(sys.argv[1][-8:].replace("/", "_") + ".connected", "w")
while handle.aio_is_ready():
    try:
        handle.poll(-1)
    except nbd.Error:
        break
END
  client=$!
  ends_with_test $client
}
cd "$tmp"

# Revoked: cut off, and the file is gone.
connection "$view"
wait_for 10 test -e "$tmp/view.psk.connected"
identity=$(sed -n 's/^Ticket: *//p' "$tmp/view.out")
pullback backup-ticket web --revoke "$identity" | grep -q "revoked" || fail "revoke"
wait "$client"
[ ! -e "$tmp/view.psk" ] || fail "the key file is left"
refused "has no ticket '$identity'" backup-ticket web --revoke "$identity"
! nbdinfo "$view" 2>/dev/null || fail "revoked"

# Its time is up: the same.
pullback backup-ticket web --add --expires 10 --key-file "$tmp/brief.psk" >"$tmp/brief.out"
connection "$(uri_of "$tmp/brief.out" vda)"
wait "$client"

! nbdinfo "$(uri_of "$tmp/brief.out" vda)" 2>/dev/null || fail "expired"

# Bad requests lose nothing.
refused "no export 'vdx'" backup-ticket web --add --export vdx
refused "no export 'vda@never'" backup-ticket web --add --export vda@never
refused "from 1 to 31622400" backup-ticket web --add --expires 0
refused "needs --add" backup-ticket web --export vda
echo mine >"$tmp/taken"
refused "cannot write the key file '$tmp/taken'" backup-ticket web --add --key-file "$tmp/taken"
same "a file that was there" "$(cat "$tmp/taken")" mine
refused "No such file" backup-ticket web --add --key-file "$tmp/nowhere/key"
http POST /v1/domains/web/backup/tickets '{"exports":[]}' | grep -q "not empty" || fail "exports"
http POST /v1/domains/web/backup/tickets '{"exports":[1]}' | grep -q "array of" || fail "exports"
http POST /v1/domains/web/backup/tickets '{"seconds":-1}' | grep -q "from 1" || fail "seconds"
http POST /v1/domains/web/backup/tickets '{"key_file":"x"}' | grep -q "absolute" || fail "file"
same "tickets left" "$(pullback backup-ticket web | grep -c psk)" 2

# A daemon that is killed: its clients go on, and the next one knows the tickets.
connection "$vdb"
wait_for 10 test -e "$(echo "${vdb: -8}" | tr / _).connected"
kill_pullbackd
same "while there is none" "$(nbdinfo --size "$vda")" $disk_size
start_pullbackd
same "tickets kept" "$(pullback backup-ticket web | grep -c psk)" 2
same "afterwards" "$(nbdinfo --size "$vda")" $disk_size
kill -0 "$client" || fail "the client was cut off"

# A relay that is killed: the next one gets them.
old=$(process_of pullback-relay)
kill -9 "$old"
wait "$client"
wait_for 10 is_another pullback-relay "$old"
let_in () { nbdinfo --size "$vda" 2>/dev/null; }
wait_for 10 let_in >/dev/null
nbdcopy "$vda" "$tmp/copy2"
cmp "$tmp/copy2" "$tmp/vda.cut"
! nbdinfo "$view" 2>/dev/null || fail "revoked tickets come back"

# Where the key must not be.
for file in /proc/[0-9]*/cmdline /proc/[0-9]*/environ; do
  ! grep -qs "$key" "$file" 2>/dev/null || fail "a key is in $file"
done
! grep -rl "$key" "$tmp/pullbackd.log" "$tmp/home/run/web/"*.log "$tmp/home/state" ||
  fail "a key is in a log"

pullback backup-end web >/dev/null
[ ! -e "$key_file" ] || fail "a key file is left"
! ls "$tmp/home/run/web/"*.psk 2>/dev/null || fail "a key file is left"
nothing_left
refused "no backup of domain 'web' is running" backup-ticket web

# A Unix socket; one backup's ticket is not the next one's.
pullback backup-begin web --ticket --key-file "$tmp/unix.psk" --export vda >"$tmp/unix.out"
unix=$(uri_of "$tmp/unix.out" vda)
[[ $unix == nbds+unix://* ]] || fail "the URI: $unix"
same "over a socket" "$(nbdinfo --size "$unix")" $disk_size
nbdcopy "$unix" "$tmp/copy3"
cmp "$tmp/copy3" "$tmp/vda.cut"
cp "$tmp/unix.psk" "$tmp/old.psk"
pullback backup-end web --abort >/dev/null
[ ! -e "$tmp/unix.psk" ] || fail "a key file is left"
pullback backup-begin web --ticket >/dev/null
! nbdinfo "${unix/unix.psk/old.psk}" 2>/dev/null || fail "the last backup's ticket"
pullback backup-end web --abort >/dev/null
nothing_left

# Without TLS there are none, and a begin that fails leaves no key.
pullback backup-begin web >/dev/null
refused "begun with --ticket or --tls" backup-ticket web --add
pullback backup-end web >/dev/null
refused "no export 'vdx'" backup-begin web --ticket --export vdx
refused "needs --ticket" backup-begin web --export vda
refused "only for a backup without --push" backup-begin web --push --ticket
nothing_left
! ls "$tmp/home/run/web/"*.psk 2>/dev/null || fail "a key file is left"
