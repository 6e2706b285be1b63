#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A backup in two calls: what can fail fails in the first, and the second is the
# point in time.  One that is given up, late, or overtaken leaves nothing.

. "$srcdir/tests/end-to-end/functions.sh"

# prepared_left: seconds that the prepared backup still may wait.
field ()
{
  pullback backup-info web --json | /usr/bin/python3 -c '
import json, sys
print(json.load(sys.stdin)[sys.argv[1]])' "$1"
}

now ()
{
  echo "${EPOCHREALTIME/[.,]/}"
}

start_domain
disk_write vda 0x11 0 8M
expect_failure "No such file\|cannot" \
  pullback backup-begin web --prepare --scratch "$tmp/nowhere"
nothing_left

# What is written between the calls is in the point in time.
pullback backup-begin web --prepare --checkpoint monday >"$tmp/prepared"
grep -q "^Backup prepared" "$tmp/prepared"
grep -q "Point in time: .*not taken yet" "$tmp/prepared"
same "state" "$(field state)" prepared
same "moment" "$(field cut_time_microseconds)" 0
same "bitmaps" "$(bitmaps fmt-a)" ""
expect_failure "is only prepared" pullback backup-end web
expect_failure "is running" pullback backup-begin web
expect_failure "is running" pullback checkpoint-create-as web other
disk_write vda 0x22 1M 64k
before=$(now)
pullback backup-cut web >"$tmp/cut"
after=$(now)
grep -q "^Backup started" "$tmp/cut"
grep -q "^Taken in: .*ms" "$tmp/cut"
grep -q "^Point in time: .*:[0-9][0-9]\.[0-9]\{6\} " "$tmp/cut"
moment=$(field cut_time_microseconds) took=$(field cut_microseconds)
[ "$before" -le "$moment" ] && [ $((moment + took)) -le "$after" ] ||
  fail "the point in time was $moment for $took, asked for from $before to $after"
cp "$tmp/vda.truth" "$tmp/vda.cut"
disk_write vda 0x33 2M 64k
read_from vda "$tmp/vda.pulled"
cmp "$tmp/vda.pulled" "$tmp/vda.cut"
expect_failure "not one that waits" pullback backup-cut web
pullback backup-end web >/dev/null
nothing_left
expect_failure "no backup of domain" pullback backup-cut web

# Given up, and forgotten by everybody.
pullback backup-begin web --prepare --checkpoint tuesday >/dev/null
pullback backup-end web --abort >/dev/null
nothing_left
pullback backup-begin web --push --prepare --target vda="$tmp/pushed.qcow2" \
  --checkpoint tuesday >/dev/null
[ -e "$tmp/pushed.qcow2" ] || fail "the target is not prepared"
pullback backup-end web --abort >/dev/null
[ ! -e "$tmp/pushed.qcow2" ] || fail "the target is left"
nothing_left
pullback backup-begin web --prepare --prepare-timeout 1 --checkpoint tuesday >/dev/null
backup_is () { [ "$(field state)" = "$1" ]; }
wait_for 20 backup_is failed
nothing_left
field reason | grep -q "was not taken within 1 seconds" || fail "$(field reason)"
expect_failure "not one that waits.*within 1 seconds" pullback backup-cut web
expect_failure "not taken within 1 seconds" pullback backup-end web
expect_failure "from 1 to" pullback backup-begin web --prepare --prepare-timeout 0
expect_failure "needs --prepare" pullback backup-begin web --prepare-timeout 5
expect_failure "'prepare_seconds' of the request must be a number" \
  eval 'http POST /v1/domains/web/backup "{\"prepare\":true,\"prepare_seconds\":1000000}"; false'

# A push's point in time is the second call, too.
pullback backup-begin web --push --prepare --target vda="$tmp/pushed.qcow2" \
  --checkpoint tuesday >/dev/null
disk_write vda 0x44 3M 64k
cp "$tmp/vda.truth" "$tmp/vda.cut"
pullback backup-cut web >/dev/null
disk_write vda 0x55 4M 64k
wait_for 60 backup_is completed
qemu-img convert -O raw "$tmp/pushed.qcow2" "$tmp/pushed.raw"
cmp "$tmp/pushed.raw" "$tmp/vda.cut"
pullback backup-end web >/dev/null
nothing_left

# A snapshot by somebody else in between: the disk is not the one that was planned.
pullback backup-begin web --prepare --checkpoint wednesday >/dev/null
"$qemu_img" create -q -f qcow2 -b "$tmp/vda.qcow2" -F qcow2 "$tmp/over.qcow2"
qmp blockdev-add "{\"driver\": \"qcow2\", \"node-name\": \"over\", \"backing\": null,
  \"file\": {\"driver\": \"file\", \"filename\": \"$tmp/over.qcow2\"}}" >/dev/null
if qmp blockdev-snapshot '{"node": "fmt-a", "overlay": "over"}' >/dev/null 2>&1; then
  expect_failure "disk 'vda' has changed since the backup was prepared" \
    pullback backup-cut web
  same "backup" "$(pullback domain-list | grep -c running || true)" 0
  same "bitmaps" "$(bitmaps over) / $(bitmaps fmt-b)" " / monday"
  same "exports" "$(qmp query-block-exports)" "[]"
else
  # QEMU itself refuses it while an overlay for the backup is on the disk.
  pullback backup-cut web >/dev/null
  pullback backup-end web --abort >/dev/null
fi

# The daemon dies while a backup is prepared: the next one takes it down.
pullback backup-begin web --prepare --checkpoint thursday >/dev/null
kill -9 "$pullbackd_pid"
wait "$pullbackd_pid" || true
start_pullbackd
pullback domain-info web >/dev/null
same "nodes" "$(qmp query-named-block-nodes | grep -c '"pb[0-9a-f]*-')" 0
! pgrep -f "$tmp/home/run/web" || fail "a process is left"

# QEMU goes meanwhile.
pullback backup-begin web --prepare --checkpoint thursday >/dev/null
qmp quit >/dev/null
wait "$qemu_pid" || true
wait_for 20 eval 'field reason | grep -q "connection to QEMU is lost"'
expect_failure "connection to QEMU is lost" pullback backup-cut web
! pgrep -f "$tmp/home/run/web" || fail "a process is left"
