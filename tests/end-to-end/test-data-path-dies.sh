#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# nbdkit or the relay killed in full traffic, and both at once: QEMU lives, also
# where it aborts when an NBD client closes first; they are started again, clients
# connect again and read the right bytes, and the backup is committed.  One that is
# killed again and again breaks the backup; so does the end of the broker, which
# has QEMU close first.

. "$srcdir/tests/end-to-end/functions.sh"

start_domain
disk_write vda 0x11 0 32M
cp "$tmp/vda.truth" "$tmp/vda.cut"

# A client that reads the disk again and again, whatever happens to its server,
# until the file 'stop' is there.
read_on ()
{
  until [ -e "$tmp/stop" ]; do nbdcopy "$(uri vda)" null: 2>/dev/null || true; done
}

reads_right ()
{
  rm -f "$tmp/vda.read"
  read_from vda "$tmp/vda.read"
  cmp "$tmp/vda.read" "$tmp/vda.cut"
}

pullback backup-begin web --checkpoint monday >/dev/null
read_on &
client=$!
ends_with_test "$client"
pattern=0x20
for victims in nbdkit pullback-relay "nbdkit pullback-relay"; do
  reads_right
  old=()
  for victim in $victims; do old+=("$(process_of "$victim")"); done
  kill -9 "${old[@]}"
  for victim in $victims; do
    wait_for 10 is_another "$victim" "${old[0]}"
    old=("${old[@]:1}")
  done
  # Nobody waits for the new one: the socket has been there all the time.
  reads_right
  qemu_alive
  disk_write vda $((++pattern)) 1M 64k
  reads_right
done
same "state" "$(backup_state)" running
touch "$tmp/stop"
wait "$client"
pullback backup-end web >/dev/null
qemu_alive
nothing_left
same "bitmaps" "$(bitmaps fmt-a)" monday
grep -q "nbdkit was killed by signal 9 and is started again" \
  "$tmp/pullbackd.log" || fail "the log does not say what happened"

# Monday knows what was written meanwhile; the relay that asks for it is a new one.
cp "$tmp/vda.truth" "$tmp/vda.cut"
pullback backup-begin web --incremental monday --checkpoint tuesday >/dev/null
printf '1048576 65536\n' >"$tmp/expected"
for victim in pullback-relay nbdkit; do
  pid=$(process_of $victim)
  kill -9 "$pid"
  wait_for 10 is_another $victim "$pid"
  changed_map qemu:dirty-bitmap:backup-vda vda >"$tmp/got"
  diff -u "$tmp/expected" "$tmp/got"
done

# There is an end to it.
for _ in 1 2 3 4 5 6; do
  pid=$(process_of pullback-relay)
  [ -n "$pid" ] || break
  kill -9 "$pid"
  wait_for 10 eval "is_another pullback-relay $pid || backup_is broken"
done
wait_for 10 backup_is broken
pullback backup-info web --json | grep -q "pullback-relay was killed.*too often" ||
  fail "the reason is not said"
expect_failure "checkpoint 'tuesday' was removed" pullback backup-end web
nothing_left
qemu_alive
same "bitmaps" "$(bitmaps fmt-a)" monday

# Without its broker another death could be QEMU's: the exports go at once.
pullback backup-begin web --checkpoint tuesday >/dev/null
reads_right
exports_gone () { [ "$(qmp query-block-exports)" = "[]" ]; }
kill -9 "$(process_of pullback-broker)"
wait_for 10 exports_gone
wait_for 10 backup_is broken
qemu_alive
expect_failure "pullback-broker was killed.*checkpoint 'tuesday' was removed" \
  pullback backup-end web
nothing_left
qemu_alive
same "bitmaps" "$(bitmaps fmt-a)" monday
same "checkpoints" "$(pullback checkpoint-list web --name)" monday
