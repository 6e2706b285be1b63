#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What happens to QEMU itself during a backup.  A guest that is reset or paused
# does not break it.  A QEMU that is killed or quits, in the begin, while it runs
# and in the end, ends it with the reason; when one is started again on the images
# nothing of the backup is left, and disks whose bitmaps are not whole are backed up
# in full, which is said.  So it is where the whole machine went down.

. "$srcdir/tests/end-to-end/functions.sh"

start_tap
start_domain
disk_write vda 0x11 0 8M
pullback backup-begin web --checkpoint monday >/dev/null
pullback backup-end web >/dev/null
cp "$tmp/vda.truth" "$tmp/vda.cut"

reads_right ()
{
  rm -f "$tmp/vda.read"
  read_from vda "$tmp/vda.read"
  cmp "$tmp/vda.read" "$tmp/vda.cut"
}

# Reset, paused, and going on.
pullback backup-begin web --incremental monday --checkpoint tuesday >/dev/null
qmp system_reset >/dev/null
disk_write vda 0x22 1M 64k
reads_right
qmp cont >/dev/null
disk_write vda 0x23 2M 64k
qmp stop >/dev/null
reads_right
same "state" "$(backup_state)" running
pullback backup-end web >/dev/null
nothing_left
qmp cont >/dev/null
pullback backup-begin web --incremental tuesday >/dev/null
qmp system_reset >/dev/null
changed_map qemu:dirty-bitmap:backup-vda vda >"$tmp/got"
printf '1048576 65536\n2097152 65536\n' >"$tmp/expected"
diff -u "$tmp/expected" "$tmp/got"
pullback backup-end web >/dev/null

# An orderly end of QEMU stores the bitmaps in the images, that of the backup's own
# checkpoint, too.
pullback backup-begin web --incremental tuesday --checkpoint wednesday >/dev/null
qmp quit >/dev/null || true
wait "$qemu_pid" 2>/dev/null || true
rm -f "$tmp/qmp.sock" "$tmp/monitor.sock"
wait_for 10 backup_is broken
pullback backup-info web --json | grep -q "QEMU has ended: its guest was powered off" ||
  fail "the reason is not said"
! pullback backup-end web >"$tmp/end.out" 2>&1 || fail "it was committed"
! pgrep -f "$tmp/home/run/web" || fail "a process is left"
! find "$tmp/home" -name '*.scratch' | grep . || fail "a scratch file is left"
"$qemu_img" info "$tmp/vda.qcow2" | grep -q "name: wednesday" ||
  fail "the bitmap was not stored"
start_disks
# By itself, without anybody asking.
bitmaps_are () { [ "$(bitmaps fmt-a) $(bitmaps fmt-b)" = "$1" ]; }
wait_for 90 bitmaps_are "monday tuesday monday tuesday"
nothing_left
same "checkpoints" "$(pullback checkpoint-list web --name | xargs)" \
  "monday tuesday"
pullback backup-begin web --incremental tuesday >/dev/null
changed_map qemu:dirty-bitmap:backup-vda vda >"$tmp/got"
diff -u "$tmp/expected" "$tmp/got"
pullback backup-end web >/dev/null

# Killed in the begin, while it runs, and in the end.
ended_and_clean ()
{
  ! pgrep -f "$tmp/home/run/web" || fail "a process is left"
  ! find "$tmp/home" -name '*.scratch' | grep . || fail "a scratch file is left"
  kill_qemu
  start_disks
  pullback domain-info web >/dev/null
  nothing_left
  same "bitmaps" "$(bitmaps fmt-a)" "monday tuesday"
}
# In the first steps, before the cut, and in the cut or after it: the methods take
# different numbers of commands.
for step in 1 8 13; do
  tap $step kill "$qemu_pid"
  ! pullback backup-begin web --checkpoint thursday >"$tmp/begin.out" 2>&1 ||
    fail "it began"
  tapped || fail "there are not so many steps"
  ended_and_clean
done
untap
pullback backup-begin web --checkpoint thursday >/dev/null
kill_qemu
wait_for 10 backup_is broken
pullback backup-info web --json | grep -q "connection to QEMU is lost" ||
  fail "the reason is not said"
! pullback backup-end web >"$tmp/end.out" 2>&1 || fail "it was committed"
ended_and_clean
pullback backup-begin web --checkpoint thursday >/dev/null
tap 2 kill "$qemu_pid"
! pullback backup-end web --abort >"$tmp/end.out" 2>&1 || fail "it was ended"
tapped || fail "there are not so many steps"
untap
ended_and_clean

# Each of the disks says why there is no increment of it.
cp "$tmp/vda.truth" "$tmp/vda.cut"
pullback backup-begin web --incremental tuesday --json >"$tmp/begin.json"
/usr/bin/python3 - "$tmp/begin.json" <<'END'
import json, sys
disks = json.load(open(sys.argv[1]))["disks"]
assert [d["mode"] for d in disks] == ["full", "full"], disks
assert all("no increment since 'tuesday'" in d["fallback"] for d in disks), disks
END
reads_right
pullback backup-end web >/dev/null

# The machine goes down: nothing lives on, and what is in the run folder has gone.
# The daemon first, which would start the others again.
for name in monday tuesday; do
  pullback checkpoint-delete web $name >/dev/null
done
pullback backup-begin web --checkpoint friday >/dev/null
pullback backup-end web >/dev/null
pullback backup-begin web --incremental friday --checkpoint saturday >/dev/null
reads_right
kill_pullbackd
kill -9 "$(process_of pullback-broker)" "$(process_of nbdkit)" \
  "$(process_of pullback-relay)"
kill_qemu
rm -rf "$tmp/home/run"
start_pullbackd
start_disks
wait_for 90 bitmaps_are " "
pullback domain-info web >/dev/null
nothing_left
[ ! -e "$tmp/home/state/domains/web/job.json" ] || fail "the journal is left"
same "checkpoints" "$(pullback checkpoint-list web --name)" friday
pullback backup-begin web --incremental friday --json >"$tmp/begin.json"
grep -q "no increment since 'friday'" "$tmp/begin.json" || fail "not said"
reads_right
pullback backup-end web >/dev/null
