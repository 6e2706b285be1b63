#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The guest's file systems are frozen at the point in time, and thawed whatever the
# agent does: a good one, a slow, silent, dying or raving one, and none.

. "$srcdir/tests/quiesce/functions.sh"

begin="pullback backup-begin web --quiesce-timeout 1"

start_domain
# Without an agent, by every verb, and the remedy is named.
expect_failure "domain-set web --agent" $begin --quiesce
expect_failure "domain-set web --agent" pullback checkpoint-create-as web c --quiesce
expect_failure "domain-set web --agent" pullback checkpoint-create web --quiesce
$begin --quiesce=try >"$tmp/out"
grep -q "^Quiesced: *no: the domain has no guest agent" "$tmp/out"
pullback backup-end web >/dev/null
pullback checkpoint-create-as web c --quiesce=try | grep -q "^Quiesced: *no: "
pullback checkpoint-delete web c >/dev/null
expect_failure "no value but 'try'" $begin --quiesce=maybe
expect_failure 'must be true, false or' \
  eval 'http POST /v1/domains/web/backup "{\"quiesce\": 7}"; false'

# One that nobody listens on, then one that is set and known.
pullback domain-set web --agent "$tmp/agent.sock" >/dev/null
expect_failure "could not be quiesced.*agent.sock' is not there" $begin --quiesce
nothing_left
start_agent
pullback domain-info web | grep -q "^Guest agent: *$tmp/agent.sock$"

# around COMMAND...: the file systems are frozen at the point in time.
around ()
{
  "$@" >"$tmp/out"
  grep -q "^Quiesced: *2 file systems, for .* ms$" "$tmp/out"
  same "guest" "$(cut -d ' ' -f 1 "$tmp/frozen" | tr '\n' ' ')" "freeze thaw "
}
for mode in good wrong-id garbage; do
  agent $mode
  for push in "" "--push --target vda=$tmp/pushed.qcow2"; do
    around $begin --quiesce $push
    moment=$(field cut_time_microseconds)
    [ "$(when freeze)" -lt "$moment" ] &&
      [ "$((moment + $(field cut_microseconds)))" -lt "$(when thaw)" ] ||
      fail "not frozen at $moment: $(cat "$tmp/frozen")"
    same "count" "$(field quiesce file_systems)" 2
    same "reason" "$(field quiesce reason)" None
    happened >/dev/null
    [ -z "$push" ] || wait_for 20 eval '[ "$(field state)" = completed ]'
    pullback backup-end web >/dev/null
    rm -f "$tmp/pushed.qcow2"
  done
  around pullback checkpoint-create-as web c --quiesce
  happened >/dev/null
  pullback checkpoint-delete web c >/dev/null
done

# The events that say so since the last time: whether it was required, and why not.
seen=0
failures_told ()
{
  /usr/bin/python3 "$srcdir/tests/controller/request.py" \
    "$PULLBACK_HOME/run/pullbackd.sock" GET "/v1/events?since=$seen" | tail -n 1 |
    /usr/bin/python3 -c '
import json, sys
answer = json.load(sys.stdin)
for event in answer["events"]:
    if event["event"] == "quiesce-failed" and event["domain"] == "web":
        print(event["data"]["required"], event["data"]["reason"])
open(sys.argv[1], "w").write(str(answer["next"]))' "$tmp/seen"
  seen=$(cat "$tmp/seen")
}
failures_told >/dev/null

# What came of it is known to the next daemon, too.
agent good
$begin --quiesce >/dev/null
was=$(field quiesce)
kill -9 "$pullbackd_pid"
wait "$pullbackd_pid" 2>/dev/null || true
start_pullbackd
same "quiesced" "$(field quiesce)" "$was"
pullback backup-end web >/dev/null
happened >/dev/null
seen=0
same "failures told" "$(failures_told)" ""

# fails MODE TEXT [HAPPENED]: the backup is refused, or with =try made all the same;
# and the guest is not left frozen.  Who waits for events is told.
fails ()
{
  agent "$1"
  expect_failure "could not be quiesced: .*$2" $begin --quiesce --checkpoint c
  nothing_left
  same "guest with $1" "$(happened)" "${3-}"
  expect_failure "could not be quiesced: .*$2" \
    http POST /v1/domains/web/checkpoints '{"quiesce": true, "quiesce_seconds": 1}'
  nothing_left
  $begin --quiesce=try >"$tmp/out"
  grep -q "^Quiesced: *no: .*$2" "$tmp/out" || fail "$(cat "$tmp/out")"
  pullback backup-end web >/dev/null
  nothing_left
  happened >/dev/null
  failures_told >"$tmp/told"
  same "told" "$(cut -d ' ' -f 1 "$tmp/told" | xargs)" "True True False"
  same "why" "$(grep -c "$2" "$tmp/told")" 3
}
http ()
{
  ! /usr/bin/python3 "$srcdir/tests/controller/request.py" \
    "$PULLBACK_HOME/run/pullbackd.sock" "$@" | grep '"error"'
}
fails silent "did not answer in time: is qemu-guest-agent running"
fails no-id "did not answer in time"
fails only-garbage "did not answer in time"
fails refusing "cannot freeze here" thaw
fails frozen "frozen already, by somebody else"
fails thawed "2 of the guest's 2 frozen file systems had been thawed" "freeze thaw"
fails strange "without a number" "freeze thaw"
fails dies "agent.sock' was closed" "freeze thaw"

# A freeze that takes too long is taken back when it is done.
agent slow
expect_failure "did not answer in time.*as soon as the agent answers" $begin --quiesce
nothing_else_left () { same "exports" "$(qmp query-block-exports)" "[]"; }
nothing_else_left
same "guest" "$(cut -d ' ' -f 1 "$tmp/frozen")" freeze
agent good
wait_for 20 last_is thaw
nothing_left
happened >/dev/null

# A thaw without an answer: the point in time is good, but nobody can say so.
agent late-thaw
expect_failure "could not be thawed yet" $begin --quiesce --checkpoint c
same "guest" "$(cut -d ' ' -f 1 "$tmp/frozen")" freeze
failures_told | grep -q "^True .*could not be thawed yet" || fail "not told"
agent good
wait_for 20 last_is thaw
nothing_left
happened >/dev/null
