#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# pullbackd killed with -9 during a backup: the guest lives and clients read on; a
# new daemon takes the backup up, alone or with nbdkit or the relay killed, too, and
# it can be ended as if nothing had been.  Where it cannot be taken up it is taken
# down, with the provisional checkpoint, and the committed ones are kept.

. "$srcdir/tests/end-to-end/functions.sh"

start_domain
disk_write vda 0x11 0 8M
pullback backup-begin web --checkpoint monday >/dev/null
pullback backup-end web >/dev/null
disk_write vda 0x22 1M 64k
cp "$tmp/vda.truth" "$tmp/vda.cut"

reads_right ()
{
  rm -f "$tmp/vda.read"
  read_from vda "$tmp/vda.read"
  cmp "$tmp/vda.read" "$tmp/vda.cut"
}

pullback backup-begin web --incremental monday --checkpoint tuesday >/dev/null
# All but what the guest and clients change meanwhile.
info ()
{
  pullback backup-info web --json | /usr/bin/python3 -c '
import json, sys
backup = json.load(sys.stdin)
for disk in backup["disks"]:
    for name in ("scratch_used", "read", "sent", "exports"):
        del disk[name]
print(json.dumps(backup))'
}
info >"$tmp/info.before"
reads_right
kill_pullbackd
qemu_alive
disk_write vda 0x33 2M 64k
# Also of an export that nobody has opened before.
reads_right
read_from vdb "$tmp/vdb.read"
cmp "$tmp/vdb.read" "$tmp/vdb.truth"

# A client that is connected all the time notices nothing.
mkfifo "$tmp/go"
/usr/bin/python3 - "$(uri vda)" "$tmp/go" <<'END' &
import sys, nbd
h = nbd.NBD()
h.connect_uri(sys.argv[1])
first = h.pread(65536, 2 << 20)
open(sys.argv[2], "w").write("connected\n")
open(sys.argv[2]).read()
assert h.pread(65536, 2 << 20) == first == b"\x11" * 65536
END
client=$!
ends_with_test "$client"
read -r <"$tmp/go"
start_pullbackd
same "state" "$(backup_state)" running
info | diff - "$tmp/info.before"
echo go >"$tmp/go"
wait "$client" || fail "a client was cut off"
expect_failure "running already" pullback backup-begin web
changed_map qemu:dirty-bitmap:backup-vda vda >"$tmp/got"
printf '1048576 65536\n' >"$tmp/expected"
diff -u "$tmp/expected" "$tmp/got"

# The new daemon watches over what it has not started itself.
for victim in nbdkit pullback-relay; do
  pid=$(process_of $victim)
  kill -9 "$pid"
  wait_for 10 is_another $victim "$pid"
  reads_right
done

# The daemon and another at once: what holds the connections stays.
for victim in nbdkit pullback-relay; do
  pid=$(process_of $victim)
  kill -9 "$pid" "$pullbackd_pid"
  wait "$pullbackd_pid" 2>/dev/null || true
  qemu_alive
  disk_write vda 0x44 3M 64k
  start_pullbackd
  wait_for 10 is_another $victim "$pid"
  same "state" "$(backup_state)" running
  reads_right
done
pullback backup-end web >/dev/null
nothing_left
qemu_alive
same "bitmaps" "$(bitmaps fmt-a) $(bitmaps fmt-b)" "monday tuesday monday tuesday"
same "current" "$(pullback checkpoint-current web --name)" tuesday

# What has lost its broker is taken down; monday is kept, and knows everything.
pullback backup-begin web --incremental monday --checkpoint wednesday >/dev/null
kill -9 "$(process_of pullback-broker)" "$pullbackd_pid"
wait "$pullbackd_pid" 2>/dev/null || true
start_pullbackd
nothing_left
qemu_alive
same "bitmaps" "$(bitmaps fmt-a)" "monday tuesday"
same "checkpoints" "$(pullback checkpoint-list web --name | xargs)" \
  "monday tuesday"
pullback backup-begin web --incremental monday >/dev/null
changed_map qemu:dirty-bitmap:backup-vda vda >"$tmp/got"
printf '1048576 65536\n2097152 65536\n3145728 65536\n' >"$tmp/expected"
diff -u "$tmp/expected" "$tmp/got"
pullback backup-end web >/dev/null
nothing_left

# While what is left cannot be removed no backup takes the place of its journal.
pullback backup-begin web --checkpoint wednesday >/dev/null
kill_pullbackd
journal=$tmp/home/state/domains/web/job.json
mv "$journal" "$tmp/journal"
echo '{' >"$journal"
start_pullbackd
expect_failure "unfinished backup of domain 'web'" pullback domain-remove web
expect_failure "left cannot be removed.*is damaged" \
  pullback backup-begin web --checkpoint thursday
same "bitmaps" "$(bitmaps fmt-a)" "monday tuesday wednesday"
mv "$tmp/journal" "$journal"
same "state" "$(backup_state)" running
pullback backup-end web --abort >/dev/null
nothing_left
same "bitmaps" "$(bitmaps fmt-a)" "monday tuesday"

# The daemon and QEMU both gone: what is left is files and processes only.
pullback backup-begin web --checkpoint wednesday >/dev/null
kill -9 "$pullbackd_pid" "$qemu_pid"
wait "$pullbackd_pid" "$qemu_pid" || true
start_pullbackd
pullback domain-list >/dev/null
! pgrep -f "$tmp/home/run/web" || fail "a process of the data path is left"
! find "$tmp/home" -name '*.scratch' | grep . || fail "a scratch file is left"
pullback domain-remove web >/dev/null
same "domains" "$(pullback domain-list --json)" '{"domains":[]}'
