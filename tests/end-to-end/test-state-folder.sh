#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A state folder that is full or cannot be written to, at each step: a verb is
# refused before anything began, or what it would have lost is still there.

. "$srcdir/tests/end-to-end/functions.sh"

# Mounts of the test's own end with it.
if [ -z "${PULLBACK_OWN_MOUNTS:-}" ]; then
  unshare -m true 2>/dev/null || skip "no mounts of one's own: not root"
  rm -rf "$tmp"
  trap - EXIT
  PULLBACK_OWN_MOUNTS=1 exec unshare -m "$0"
fi
mkdir -p "$tmp/home/state" "$tmp/scratch"
mount -t tmpfs -o size=2m pullback-test "$tmp/home/state" ||
  skip "no tmpfs can be mounted"
unmount ()
{
  local status=$?

  set +e
  umount -l "$tmp/home/state"
  (exit $status)
  cleanup
}
trap unmount EXIT

fill ()
{
  cat /dev/zero >"$tmp/home/state/filler" 2>/dev/null || true
}

drain ()
{
  rm "$tmp/home/state/filler"
}

lock ()
{
  mount -o remount,ro "$tmp/home/state"
}

unlock ()
{
  mount -o remount,rw "$tmp/home/state"
}

# kept: all that there is of checkpoints, in the state folder and in QEMU.
kept ()
{
  (cd "$tmp/home/state/domains/web" && find . -type f ! -empty | sort &&
    cat current checkpoints/*) 2>&1
  bitmaps fmt-a
  bitmaps fmt-b
}

# refused COMMAND...: says why, and leaves all as it was.
refused ()
{
  kept >"$tmp/before"
  expect_failure "$why" "$@"
  kept | diff "$tmp/before" - || fail "changed by: $*"
  nothing_left
}

start_domain
disk_write vda 0x11 0 1M
pullback checkpoint-create-as web monday >/dev/null
disk_write vda 0x12 2M 1M
begin=(pullback backup-begin web --scratch "$tmp/scratch")

for how in fill:drain:"No space left" lock:unlock:"Read-only file system"; do
  IFS=: read -r break mend why <<<"$how"
  $break
  refused pullback checkpoint-create-as web tuesday
  refused pullback checkpoint-delete web monday
  refused "${begin[@]}"
  refused "${begin[@]}" --incremental monday --checkpoint tuesday
  refused pullback backup-begin web --push --checkpoint tuesday \
    --target "vda=$tmp/push.qcow2"
  [ ! -e "$tmp/push.qcow2" ] || fail "a target is left"
  expect_failure "$why" pullback domain-add other --qmp "$tmp/qmp.sock"
  same "checkpoints" "$(pullback checkpoint-list web --name | tr '\n' ' ')" "monday "
  $mend

  # While a backup runs: its readers do not notice, and the end is refused or
  # takes its checkpoint back, with the older one as it was.
  "${begin[@]}" --incremental monday --checkpoint tuesday >/dev/null
  $break
  read_from vda "$tmp/pulled"
  cmp "$tmp/pulled" "$tmp/vda.truth" || fail "wrong bytes"
  expect_failure "$why" pullback backup-end web
  $mend
  pullback backup-end web --abort >/dev/null 2>&1 || true
  pullback domain-info web >/dev/null
  nothing_left
  same "bitmaps" "$(bitmaps fmt-a) $(bitmaps fmt-b)" "monday monday"
  same "checkpoints" "$(pullback checkpoint-list web --name | tr '\n' ' ')" "monday "

  # A daemon that begins there.
  "${begin[@]}" --checkpoint tuesday >/dev/null
  $break
  kill -9 "$pullbackd_pid"
  wait "$pullbackd_pid" 2>/dev/null || true
  pullbackd >>"$tmp/pullbackd.log" 2>&1 &
  pullbackd_pid=$!
  ends_with_test "$pullbackd_pid"
  answers_or_ends ()
  {
    ! kill -0 "$pullbackd_pid" 2>/dev/null ||
      pullback -c "unix://$tmp/home/run/pullbackd.sock" domain-list >/dev/null 2>&1
  }
  wait_for 20 answers_or_ends
  $mend
  kill -0 "$pullbackd_pid" 2>/dev/null || start_pullbackd
  pullback backup-end web --abort >/dev/null 2>&1 || true
  pullback domain-info web >/dev/null
  nothing_left
  same "bitmaps" "$(bitmaps fmt-a) $(bitmaps fmt-b)" "monday monday"
done

# All works again, and the increment since monday has all of it.
"${begin[@]}" --incremental monday --checkpoint tuesday >/dev/null
same "changes" "$(changed_map qemu:dirty-bitmap:backup-vda vda)" "2097152 1048576"
pullback backup-end web >/dev/null
qemu_alive
