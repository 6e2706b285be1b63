#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A push that fails, is aborted or loses its QEMU: the guest lives, the
# checkpoint and the files that were made are gone, and the reason is said.

. "$srcdir/tests/push/functions.sh"

# begin ARGS...: a push with the checkpoint tuesday.
begin ()
{
  pullback backup-begin web --push --checkpoint tuesday "$@" >"$tmp/begin.out"
}

# taken_back: nothing of it is left, and monday is as it was.
taken_back ()
{
  nothing_left
  same "bitmaps" "$(bitmaps fmt-a) $(bitmaps fmt-b)" "monday monday"
  same "checkpoints" "$(pullback checkpoint-list web --name)" monday
  ! ls "$tmp"/*.new 2>/dev/null || fail "a file is left"
}

start_domain
disk_write vda 0x11 0 8M
disk_write vdb 0x11 0 48M
pullback checkpoint-create-as web monday >/dev/null

# What can be known before is refused before QEMU is touched.
echo mine >"$tmp/there"
expect_failure "target '$tmp/there' exists already" \
  begin --target "vda=$tmp/vda.new" --target "vdb=$tmp/there"
same "the file that was there" "$(cat "$tmp/there")" mine
taken_back
expect_failure "there is no folder '$tmp/missing'" \
  begin --target "vda=$tmp/vda.new" --target "vdb=$tmp/missing/vdb"
taken_back
expect_failure "two disks cannot share the target" \
  begin --target "vda=$tmp/vda.new" --target "vdb=$tmp/vda.new"
taken_back
expect_failure "is the image of disk 'vdb'" \
  begin --reuse-external --target "vda=$tmp/vdb.qcow2"
expect_failure "'$tmp/no-such-file': No such file" \
  begin --reuse-external --target "vda=$tmp/no-such-file"
expect_failure "no-such.sock" \
  begin --target "vda=$tmp/vda.new" \
  --target "vdb=nbd+unix:///?socket=$tmp/no-such.sock"
taken_back
# Of another size than the disk: QEMU refuses it.
"$qemu_img" create -q -f qcow2 "$tmp/small" 1M
expect_failure "disk 'vda'\|size" begin --reuse-external --target "vda=$tmp/small"
taken_back

# Aborted midway: 48 MiB at 4 MB/s.
slow_server slow 4000000
begin --target "vda=$tmp/vda.new" --target "vdb=nbd+unix:///?socket=$tmp/slow.sock"
backup_is running || fail "it is over already"
same "bitmaps" "$(bitmaps fmt-a)" "monday tuesday"
pullback backup-end web --abort >"$tmp/end.out"
grep -q "Domain checkpoint tuesday discarded" "$tmp/end.out" ||
  { cat "$tmp/end.out"; fail "the checkpoint is not discarded"; }
taken_back
expect_failure "no backup of domain 'web'" pullback backup-info web

# The server goes midway.
begin --target "vda=$tmp/vda.new" --target "vdb=nbd+unix:///?socket=$tmp/slow.sock"
backup_is running || fail "it is over already"
kill "$slow_pid"
wait_state failed
taken_back
qemu_alive
pullback backup-info web >"$tmp/info.out"
grep -q "^Reason: *disk 'vdb', to '$tmp/slow.sock': " "$tmp/info.out" ||
  { cat "$tmp/info.out"; fail "the reason is not said"; }
grep -q "^Checkpoint: *tuesday (removed)" "$tmp/info.out" ||
  { cat "$tmp/info.out"; fail "the removal is not said"; }
expect_failure "is void: disk 'vdb'.*checkpoint 'tuesday' was removed" \
  pullback backup-end web
expect_failure "no backup of domain 'web'" pullback backup-info web

# Cancelled by somebody else.
slow_server other 4000000
begin --target "vda=$tmp/vda.new" --target "vdb=nbd+unix:///?socket=$tmp/other.sock"
job=$(qmp query-jobs | /usr/bin/python3 -c '
import json, sys
print([j["id"] for j in json.load(sys.stdin) if j["id"].endswith("-1")][0])')
qmp job-cancel "{\"id\": \"$job\"}" >/dev/null
wait_state cancelled
taken_back
# The next one takes its place, and succeeds.
begin --target "vda=$tmp/vda.good" --target "vdb=$tmp/vdb.good"
wait_state completed
compare_raw "$tmp/vda.good" "$tmp/vda.truth"
compare_raw "$tmp/vdb.good" "$tmp/vdb.truth"
qemu_alive

# QEMU dies midway.
slow_server last 4000000
pullback backup-begin web --push --checkpoint wednesday \
  --target "vda=$tmp/vda.new" --target "vdb=nbd+unix:///?socket=$tmp/last.sock" \
  >/dev/null
backup_is running || fail "it is over already"
kill -9 "$qemu_pid"
wait_state failed
pullback backup-info web | grep -q "^Reason: .*monitor" ||
  { pullback backup-info web; fail "the reason is not said"; }
[ ! -e "$tmp/vda.new" ] || fail "a file is left"
expect_failure "is void" pullback backup-end web
same "checkpoints" "$(pullback checkpoint-list web --name 2>/dev/null | tr '\n' ' ')" \
  "monday tuesday "
