#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A backup that was given a time is ended when it is over, whatever its client
# does, also by the next daemon.

. "$srcdir/tests/push/functions.sh"

start_domain
disk_write vda 0x11 0 8M
disk_write vdb 0x12 1M 2M
pullback checkpoint-create-as web monday >/dev/null
disk_write vda 0x13 4M 1M

# ends_with_reason CHECKPOINT: the backup that runs, by itself; nothing is left.
ends_with_reason ()
{
  wait_state failed
  pullback backup-info web | grep -q "^Reason: .*had run for the 2 seconds" ||
    fail "no reason: $(pullback backup-info web)"
  http GET "/v1/events?since=0" >"$tmp/events"
  grep -q "\"backup-failed\",\"data\":{\"mode\":\"[a-z]*\",\"checkpoint\":\"$1\",\"committed\":false,\"reason\":\"it had run for the 2 seconds" \
    "$tmp/events" || fail "no event: $(cat "$tmp/events")"
  nothing_left
  same "checkpoints" "$(pullback checkpoint-list web --name | tr '\n' ' ')" "monday "
  same "bitmaps" "$(bitmaps fmt-a) $(bitmaps fmt-b)" "monday monday"
  expect_failure "had broken and is void: it had run for" pullback backup-end web
  qemu_alive
}

# While a client reads and reads.
pullback backup-begin web --incremental monday --checkpoint late \
  --max-duration 2 >/dev/null
http GET /v1/domains/web/backup | grep -q '"seconds_left":[012]' || fail "no time"
( while nbdcopy "$(uri vda)" null: 2>/dev/null; do :; done ) &
reader=$!
ends_with_test "$reader"
ends_with_reason late
wait "$reader" || fail "the reader was not told"

# A push to a server that is too slow for it.
slow_server slow 1000000
pullback backup-begin web --push --checkpoint late2 --max-duration 2 \
  --target "vda=nbd+unix:///?socket=$tmp/slow.sock" >/dev/null
ends_with_reason late2

# The daemon dies; the next one knows how long it still has.
pullback backup-begin web --checkpoint late3 --max-duration 2 >/dev/null
kill -9 "$pullbackd_pid"
wait "$pullbackd_pid" 2>/dev/null || true
start_pullbackd
wait_state failed
nothing_left
same "bitmaps" "$(bitmaps fmt-a) $(bitmaps fmt-b)" "monday monday"
expect_failure "had broken and is void" pullback backup-end web

# One that was only prepared counts from its cut on, and is not ended by it.
pullback backup-begin web --prepare --max-duration 86400 --checkpoint kept >/dev/null
http GET /v1/domains/web/backup | grep -q '"waits":5' || fail "does not wait"
pullback backup-cut web >/dev/null
http GET /v1/domains/web/backup | grep -q '"seconds_left":8' || fail "no time"
pullback backup-end web >/dev/null
