#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Whoever waits for events is told what becomes of backups and checkpoints, in
# its order and once; and who comes late or again knows what was missed.

. "$srcdir/tests/push/functions.sh"

# events_are LINES: since the last time, without their reasons, which are in
# $tmp/reasons.
events_are ()
{
  http GET "/v1/events?since=$(cat "$tmp/seen")" | tail -n 1 |
    /usr/bin/python3 -c '
import json, sys
answer = json.load(sys.stdin)
for event in answer["events"]:
    reason = event["data"].pop("reason", None)
    print(event["event"], *(f"{k}={v}" for k, v in event["data"].items()))
    if reason:
        print(reason, file=sys.stderr)
assert not answer["lost"]
open(sys.argv[1], "w").write(str(answer["next"]))' "$tmp/seen" \
      >"$tmp/new" 2>"$tmp/reasons"
  diff "$tmp/new" <(echo "$1") || fail "other events"
}

echo 0 >"$tmp/seen"
start_domain
same "none so far" "$(http GET '/v1/events?since=0' | tail -n 1 |
  sed 's/"next":[0-9]*/"next":N/')" '{"events":[],"next":N,"lost":false}'

# Some wait all the time.
pullback event web --all --loop --timestamp --since 0 >"$tmp/loop" &
loop=$!
ends_with_test "$loop"
pullback event web --event checkpoint-deleted --since 0 >"$tmp/one" &
one=$!
ends_with_test "$one"
pullback checkpoint-create-as web monday >/dev/null
pullback checkpoint-create-as web tuesday >/dev/null
pullback checkpoint-dumpxml web tuesday >"$tmp/tuesday.xml"
pullback checkpoint-delete web tuesday --metadata >/dev/null
pullback checkpoint-create web "$tmp/tuesday.xml" --redefine >/dev/null
pullback checkpoint-delete web monday --children --metadata >/dev/null
pullback checkpoint-import web >/dev/null
events_are "checkpoint-created checkpoint=monday how=create
checkpoint-created checkpoint=tuesday how=create
checkpoint-deleted checkpoint=tuesday metadata_only=True
checkpoint-created checkpoint=tuesday how=redefine
checkpoint-deleted checkpoint=monday metadata_only=True
checkpoint-deleted checkpoint=tuesday metadata_only=True
checkpoint-created checkpoint=monday how=import
checkpoint-created checkpoint=tuesday how=import"

# What fails has not happened.
pullback checkpoint-create-as web monday >/dev/null 2>&1 && fail "twice"
pullback backup-begin web --incremental nothing >/dev/null 2>&1 && fail "nothing"

# A pull that is kept, one that is not, one that breaks.
pullback backup-begin web --checkpoint a >/dev/null
pullback backup-end web >/dev/null
pullback backup-begin web --checkpoint b >/dev/null
pullback backup-end web --abort >/dev/null
pullback backup-begin web >/dev/null
pullback backup-end web >/dev/null
events_are "backup-began mode=pull checkpoint=a
checkpoint-created checkpoint=a how=backup
backup-ended mode=pull checkpoint=a committed=True
backup-began mode=pull checkpoint=b
backup-ended mode=pull checkpoint=b committed=False
backup-began mode=pull
backup-ended mode=pull"

# pid_of PROGRAM: of the backup's process.
pid_of ()
{
  process_like "$1.*$tmp/home/run/web"
}
pullback backup-begin web --checkpoint c >/dev/null
kill -9 "$(pid_of pullback-relay)"
pullback event web --event backup-resumed --since "$(cat "$tmp/seen")" \
  --timeout 60 >"$tmp/resumed"
grep -q "reason: 'pullback-relay was killed" "$tmp/resumed" ||
  fail "$(cat "$tmp/resumed")"
kill -9 "$(pid_of pullback-broker)"
pullback event web --event backup-broken --since "$(cat "$tmp/seen")" \
  --timeout 60 >"$tmp/broken"
grep -q "^event 'backup-broken' for domain 'web': mode: 'pull' checkpoint: 'c' reason: 'pullback-broker was killed" \
  "$tmp/broken" || fail "$(cat "$tmp/broken")"
grep -q "^events received: 1$" "$tmp/broken" || fail "not one event"
pullback backup-end web >/dev/null 2>&1 && fail "a broken backup was kept"
events_are "backup-began mode=pull checkpoint=c
backup-resumed mode=pull checkpoint=c
backup-broken mode=pull checkpoint=c
backup-ended mode=pull checkpoint=c committed=False"
same "reasons" "$(grep -c "pullback-broker was killed" "$tmp/reasons")" 2

# Pushes: completed, cancelled, failed.
pullback backup-begin web --push --checkpoint d --target "vda=$tmp/d" >/dev/null
wait_state completed
pullback backup-end web >/dev/null
events_are "backup-began mode=push checkpoint=d
checkpoint-created checkpoint=d how=backup
backup-completed mode=push checkpoint=d committed=True"

disk_write vda 0x11 0 32M
slow_server slow 2000000
pullback backup-begin web --push --checkpoint e \
  --target "vda=nbd+unix:///?socket=$tmp/slow.sock" >/dev/null
pullback backup-end web --abort >/dev/null
events_are "backup-began mode=push checkpoint=e
backup-cancelled mode=push checkpoint=e committed=False"

slow_server gone 2000000
pullback backup-begin web --push --checkpoint f \
  --target "vda=nbd+unix:///?socket=$tmp/gone.sock" >/dev/null
kill -9 "$slow_pid" && wait "$slow_pid" 2>/dev/null || true
wait_state failed
events_are "backup-began mode=push checkpoint=f
backup-failed mode=push checkpoint=f committed=False"
same "reason" "$(cat "$tmp/reasons")" \
  "$(pullback backup-info web | sed -n 's/^Reason: *//p')"
pullback backup-end web --abort >/dev/null

# Those who waited all the time have seen it all.
wait "$one" || fail "no checkpoint-deleted came"
same "one" "$(cat "$tmp/one")" \
  "event 'checkpoint-deleted' for domain 'web': checkpoint: 'tuesday' metadata_only: 'true'
events received: 1"
pullback event --all --loop --since 0 --timeout 1 --timestamp | grep "^20" >"$tmp/all"
all_seen ()
{
  [ "$(grep -c '^20' "$tmp/loop")" = "$(wc -l <"$tmp/all")" ]
}
wait_for 20 all_seen
kill -TERM "$loop"
wait "$loop" || fail "the loop failed"
same "the end of the loop" "$(tail -n 2 "$tmp/loop")" "event loop interrupted
events received: $(wc -l <"$tmp/all")"
head -n -2 "$tmp/loop" | diff - "$tmp/all" || fail "missed some"
grep -q "^$(date -u +%Y)-[0-9-]* [0-9:]*\.[0-9]\{3\}+0000: event 'backup-began'" \
  "$tmp/all" || fail "no time: $(head -n 1 "$tmp/all")"

# Another domain's are not this one's.
expect_failure "event loop timed out" \
  pullback event nobody --all --since 0 --timeout 1
grep -q "^events received: 0$" "$tmp/expected.out" || fail "not none"

# A daemon that waits for none of them ends at once, and the next one says that
# what it has is not the rest.
seen=$(cat "$tmp/seen")
sockets ()
{
  find "/proc/$pullbackd_pid/fd" -lname 'socket:*' | wc -l
}
before=$(sockets)
# With -c, since another one would be started else.
pullback -c "unix://$PULLBACK_HOME/run/pullbackd.sock" event --all --loop \
  >"$tmp/loop" 2>&1 &
loop=$!
ends_with_test "$loop"
waits ()
{
  [ "$(sockets)" -gt "$before" ]
}
wait_for 20 waits
kill "$pullbackd_pid"
wait "$pullbackd_pid"
wait "$loop" && fail "went on without a daemon"
start_pullbackd
pullback checkpoint-delete web --checkpointname a >/dev/null
pullback event --all --since "$seen" --timeout 20 >"$tmp/after" 2>&1
grep -q "warning: events were lost" "$tmp/after" || fail "nothing was lost"
grep -q "event 'checkpoint-deleted'.*checkpoint: 'a'" "$tmp/after" ||
  fail "no event: $(cat "$tmp/after")"

# So does one that begins before the numbers of the last, by a clock that was
# set back; and the ring keeps the last 1024.
http GET "/v1/events?since=9000000000000000" | grep -q '"lost":true' ||
  fail "a number to come was not noticed"
qemu_alive
