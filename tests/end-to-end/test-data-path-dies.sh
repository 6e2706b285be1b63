#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# nbdkit or the relay killed in full traffic: QEMU lives, also where it aborts
# when an NBD client closes first; the backup says that it broke, and no
# checkpoint comes of it.

. "$srcdir/tests/end-to-end/functions.sh"

start_domain
disk_write vda 0x11 0 32M

for victim in "nbdkit --foreground" "pullback-relay --upstream"; do
  pullback backup-begin web --checkpoint monday >/dev/null
  # A client that reads the disk again and again until its server is gone.
  while nbdcopy "$(uri vda)" null: 2>/dev/null; do :; done &
  client=$!
  ends_with_test "$client"
  read_from vda "$tmp/vda.full"
  cmp "$tmp/vda.full" "$tmp/vda.truth"

  pid=$(pgrep -f "$victim.*$tmp/home/run/web/" | head -n 1)
  kill -9 "$pid"
  wait "$client" || true
  wait_for 10 grep -q broken <(pullback backup-info web --json)
  # nbdkit 1.32 aborts when the relay dies in the middle of its replies, and may
  # be the first to be noticed.
  pullback backup-info web --json | grep -q "was killed by signal [69]" ||
    fail "the reason is not said"
  qemu_alive
  disk_write vda 0x22 1M 64k
  expect_failure "checkpoint 'monday' was removed" pullback backup-end web
  qemu_alive
  nothing_left
  same "bitmaps" "$(bitmaps fmt-a)" ""
  same "checkpoints" "$(pullback checkpoint-list web --name)" ""
done

# The domain is as good as new.
pullback backup-begin web --checkpoint monday >/dev/null
read_from vda "$tmp/vda.full"
cmp "$tmp/vda.full" "$tmp/vda.truth"
pullback backup-end web >/dev/null
qemu_alive
