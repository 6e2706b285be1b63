#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The relay's child process, which connects for it, is killed alone: another one
# takes its place, and a client that reads does not notice.  Where nobody can make
# one any more the relay is started again, on the same socket.  The backup ends well
# each time.

. "$srcdir/tests/end-to-end/functions.sh"

start_domain
disk_write vda 0x11 0 32M

reads_right ()
{
  rm -f "$tmp/vda.read"
  read_from vda "$tmp/vda.read"
  cmp "$tmp/vda.read" "$tmp/vda.cut"
}

child_of () { pgrep -P "$1" | head -n 1; }

# begin CHECKPOINT: a backup, one client that stays connected, and 'keeper' and
# 'child' of its relay.
begin ()
{
  cp "$tmp/vda.truth" "$tmp/vda.cut"
  pullback backup-begin web --checkpoint "$1" >/dev/null
  reads_right
  relay=$(process_of pullback-relay)
  keeper=$(child_of "$relay")
  child=$(child_of "$keeper")
}

begin monday
# Waits for a word and reads, twice, on the connection that it has.
mkfifo "$tmp/go"
/usr/bin/python3 -m nbd -u "$(uri vda)" -c - <<END >"$tmp/connected" &
first = h.pread(65536, 0)
print("connected", flush=True)
for _ in range(2):
    open("$tmp/go").read()
    assert h.pread(65536, 0) == first
    print("read", flush=True)
END
client=$!
ends_with_test "$client"
said () { [ "$(wc -l <"$tmp/connected")" -eq "$1" ]; }
wait_for 10 said 1
for words in 2 3; do
  kill -9 "$child"
  echo >"$tmp/go"
  wait_for 10 said $words
  reads_right
  same "relay" "$(process_of pullback-relay)" "$relay"
  old=$child
  child=$(child_of "$keeper")
  [ "$child" != "$old" ] || fail "it is the same child"
done
wait "$client"
same "state" "$(backup_state)" running
# What was read before is known still.
nbdcopy "$(uri vdb)" null:
pullback backup-end web --require-complete >/dev/null
nothing_left
qemu_alive

# Both of them: the next client finds the next relay.
disk_write vda 0x22 1M 64k
begin tuesday
kill -9 "$keeper" "$child"
! nbdinfo "$(uri vda)" >/dev/null 2>&1 || fail "the relay has a child still"
wait_for 10 is_another pullback-relay "$relay"
reads_right
same "state" "$(backup_state)" running
grep -q "pullback-relay ended with status 1 and is started again" \
  "$tmp/pullbackd.log" || fail "the log does not say what happened"
pullback backup-end web >/dev/null
nothing_left
qemu_alive
same "checkpoints" "$(pullback checkpoint-list web --name | xargs)" "monday tuesday"
