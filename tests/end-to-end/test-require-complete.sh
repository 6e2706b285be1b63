#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# backup-end --require-complete: refused, with how much of which disk is left,
# until clients have received all that it takes; then the checkpoint is kept.
# What a client that was killed had been sent does not count, nor does what a
# relay that was killed has forgotten.

. "$srcdir/tests/end-to-end/functions.sh"

M=1048576

# pull EXPORT START END: these MiB, asking about nothing; and disconnects.
pull ()
{
  /usr/bin/python3 -m nbd -u "$(uri "$1")" -c "
for i in range($2, $3):
    h.pread($M, i * $M)
h.shutdown()"
}

# left TEXT: it is not complete, and says so; the backup goes on.
left ()
{
  refused "$1" backup-end web --require-complete
  same "state" "$(backup_state)" running
}

# The relay hears of a disconnection in a moment.
complete () { pullback backup-end web --require-complete; }
ends () { wait_for 10 complete; }

reading () { pullback backup-info web --json | json_get "disks[0].$1"; }
is_reading () { [ "$(reading "$1")" = "$2" ]; }

start_domain
disk_write vda 0x11 0 32M
disk_write vdb 0x22 0 1M

# Full: nobody, one half, the other half by somebody else.
pullback backup-begin web --checkpoint monday >/dev/null
left "of disk 'vda' $((32 * M)) of $((32 * M)) bytes were never read"
left "of disk 'vdb' $M of $M bytes were never read"
pull vda 0 16
wait_for 10 is_reading read $((16 * M))
left "of disk 'vda' $((16 * M)) of $((32 * M)) bytes were never read"
same "required" "$(reading "exports[0].required")" $((32 * M))
same "missing" "$(reading "exports[0].missing")" $((16 * M))
pullback backup-info web | grep -q "16.* MiB of 32.* MiB" || fail "not shown"
expect_failure "mutually exclusive" pullback backup-end web --abort --require-complete
same "state" "$(backup_state)" running
pull vda 16 32
# Where the zeroes are is part of it.
wait_for 10 is_reading read $((32 * M))
left "of disk 'vda' $((disk_size - 32 * M)) bytes without data were neither"
nbdinfo --map "$(uri vda)" >/dev/null
! complete || fail "complete without vdb"
read_from vdb "$tmp/vdb.raw"
ends
same "checkpoints" "$(pullback checkpoint-list web --name)" monday
nothing_left

# Changes: those since the base that is named, and nothing else.
disk_write vda 0x33 1M 2M
disk_discard vda 8M 1M
pullback backup-begin web --incremental monday --checkpoint tuesday >/dev/null
left "of disk 'vda' $((2 * M)) of $((2 * M)) bytes that changed since 'monday'"
"$qemu_img" create -q -f raw "$tmp/base.raw" $disk_size
"$qemu_img" convert -f raw -O qcow2 -B "$tmp/base.raw" -F raw \
  "$(uri vda@monday)" "$tmp/tuesday.qcow2"
ends

# A client that is connected, and the same one killed.
pullback backup-begin web --incremental monday >/dev/null
/usr/bin/python3 -m nbd -u "$(uri vda)" -c "
import time
h.pread(32 * $M, 0)
open('$tmp/has-read', 'w').close()
time.sleep(600)" &
client=$!
ends_with_test "$client"
wait_for 20 test -e "$tmp/has-read"
left "$((32 * M)) bytes were sent to clients that are still connected"
kill -9 "$client"
wait "$client" 2>/dev/null || true
wait_for 10 is_reading sent 0
left "of disk 'vda' $((2 * M)) of $((2 * M)) bytes that changed"

# One that is killed in the middle, with the sockets full.
mkfifo "$tmp/fifo"
exec 3<>"$tmp/fifo"
nbdcopy "$(uri vda)" - >&3 &
client=$!
ends_with_test "$client"
head -c $M <&3 >/dev/null
kill -9 "$client"
wait "$client" 2>/dev/null || true
exec 3>&-
wait_for 10 is_reading sent 0
same "read by who was killed" "$(reading read)" 0
left "of disk 'vda'"
pullback backup-end web --abort
nothing_left

# Without a base that is named, any one that a client has pulled by will do, but
# a base since which nothing has changed is no backup.
pullback checkpoint-create-as web noon >/dev/null
pullback backup-begin web --disk vda >/dev/null
left "of disk 'vda'"
"$qemu_img" convert -f raw -O qcow2 -B "$tmp/base.raw" -F raw \
  "$(uri vda@monday)" "$tmp/again.qcow2"
ends

# A map that takes its time holds nobody up but who waits for it.
pullback backup-begin web --disk vda --checkpoint evening >/dev/null
nbdcopy --no-extents "$(uri vda)" null:
wait_for 10 is_reading read $disk_size
kill -STOP "$(process_of nbdkit)"
pullback backup-end web --require-complete >"$tmp/end.out" 2>&1 &
end=$!
ends_with_test "$end"
for _ in 1 2 3 4 5; do
  timeout 60 pullback backup-info web >/dev/null
  timeout 60 pullback domain-info web >/dev/null
  timeout 60 pullback checkpoint-list web >/dev/null
done
kill -0 "$end" 2>/dev/null || fail "it did not wait: $(cat "$tmp/end.out")"
kill -CONT "$(process_of nbdkit)"
wait "$end" || fail "$(cat "$tmp/end.out")"
pullback checkpoint-list web --name | grep -qx evening || fail "not kept"

# It ends the backup that it was told to, and no other.
pullback backup-begin web --disk vda >/dev/null
old=$(process_of nbdkit)
kill -STOP "$old"
pullback backup-end web --require-complete >"$tmp/end.out" 2>&1 &
end=$!
ends_with_test "$end"
for _ in 1 2 3 4 5; do timeout 60 pullback backup-info web >/dev/null; done
pullback backup-end web --abort
! wait "$end" || fail "it ended another one"
grep -q "was ended meanwhile\|no backup of domain 'web' is running" "$tmp/end.out" ||
  fail "$(cat "$tmp/end.out")"
nothing_left

# A client that reads in more pieces than are remembered is told what to do.
port=$(free_port)
pullback backup-begin web --disk vda --listen "tcp:localhost:$port" >/dev/null
/usr/bin/python3 - "$port" <<'END'
import sys
import nbd
h = nbd.NBD()
h.set_request_structured_replies(False)
h.set_export_name("vda")
h.connect_tcp("localhost", sys.argv[1])
buffers = []
for i in range(20000):
    buffers.append(nbd.Buffer(1))
    h.aio_pread(buffers[-1], 2 * i)
    while h.aio_in_flight() > 64:
        h.poll(-1)
while h.aio_in_flight() > 0:
    h.poll(-1)
h.shutdown()
END
left "some was read in too many small pieces for pullback-relay to remember"
nbdcopy "nbd://localhost:$port/vda" null:
ends

# A relay that was started again; the next daemon knows that, too.  The end of
# nbdkit makes nobody forget.
pullback backup-begin web --disk vda >/dev/null
read_from vda "$tmp/vda.raw"
wait_for 10 is_reading read $((31 * M)) # without what is discarded
pid=$(process_of nbdkit)
kill -9 "$pid"
wait_for 10 is_another nbdkit "$pid"
same "read" "$(reading read)" $((31 * M))
pid=$(process_of pullback-relay)
kill -9 "$pid"
wait_for 10 is_another pullback-relay "$pid"
left "pullback-relay was started again, and has forgotten"
kill_pullbackd
start_pullbackd
left "pullback-relay was started again, and has forgotten"
read_from vda "$tmp/vda.raw"
ends
nothing_left
qemu_alive
