#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The daemon dies while it makes or deletes checkpoints: afterwards each of them
# is there whole or gone whole.

. "$srcdir/tests/checkpoints/functions.sh"

# whole CHECKPOINT...: those, and no bitmap more or less.
whole ()
{
  same "names" "$(names --topological)" "$*"
  local sorted
  sorted=$(printf '%s\n' "$@" | sort | xargs)
  same "bitmaps of vda" "$(bitmaps fmt-a)" "$sorted"
  same "bitmaps of vdb" "$(bitmaps fmt-b)" "$sorted"
  [ ! -e "$PULLBACK_HOME/state/domains/web/doomed" ] || fail "still doomed"
}

remove_bitmap ()
{
  qmp block-dirty-bitmap-remove "{\"node\": \"$1\", \"name\": \"$2\"}" >/dev/null
}

start_domain
for name in c1 c2 c3; do
  pullback checkpoint-create-as web $name >/dev/null
done
state=$PULLBACK_HOME/state/domains/web

# Each moment of a deletion that a crash can leave behind.
# Before anything was removed.
kill_pullbackd
printf 'c3\n' >"$state/doomed"
start_pullbackd
whole c1 c2
same "current" "$(pullback checkpoint-current web --name)" c2
pullback domain-info web | grep -q "checkpoint 'c3' was being made or deleted" ||
  fail "domain-info does not say it: $(pullback domain-info web)"
grep -q "domain 'web': checkpoint 'c3' was being made or deleted" \
  "$tmp/pullbackd.log" || fail "the log does not say it"
# QEMU died when it had removed one bitmap of two; meanwhile it is not there.
pullback checkpoint-create-as web c3 >/dev/null
kill_pullbackd
printf 'c2\nc3\n' >"$state/doomed"
remove_bitmap fmt-a c2
quit_qemu
start_pullbackd
same "not yet gone" "$(names 2>/dev/null)" "c1 c2 c3"
info c2 State | grep -q "broken: it was being made or deleted" ||
  fail "not said: $(info c2 State)"
expect_failure "domain 'web'" pullback checkpoint-create-as web c9
start_disks
whole c1
# All bitmaps are gone; then the metadata are gone, too.
pullback checkpoint-create-as web c2 >/dev/null
kill_pullbackd
printf 'c2\n' >"$state/doomed"
remove_bitmap fmt-a c2
remove_bitmap fmt-b c2
start_pullbackd
whole c1
kill_pullbackd
printf 'c2\n' >"$state/doomed"
start_pullbackd
whole c1
# Both die: what QEMU had not stored is gone, what it had is inconsistent, and a
# deletion that was begun is still finished.
pullback checkpoint-create-as web c2 >/dev/null
quit_qemu
start_disks
pullback checkpoint-create-as web c3 >/dev/null
kill_pullbackd
printf 'c2\nc3\n' >"$state/doomed"
kill -9 "$qemu_pid"
wait "$qemu_pid" 2>/dev/null || true
rm -f "$tmp"/{qmp,monitor}.sock
start_pullbackd
start_disks
same "names" "$(names 2>/dev/null)" c1
info c1 State | grep -q inconsistent || fail "not said: $(info c1 State)"
same "bitmaps" "$(bitmaps fmt-a) / $(bitmaps fmt-b)" "c1 / c1"
pullback checkpoint-delete web c1 >/dev/null
pullback checkpoint-create-as web c1 >/dev/null
whole c1
# A damaged list is not guessed at; without it all are kept.
kill_pullbackd
printf '../c1\n' >"$state/doomed"
start_pullbackd
refused "doomed is damaged" pullback checkpoint-create-as web c2
rm "$state/doomed"
whole c1

# And in earnest: killed at any moment of one or the other.
for ((i = 0; i < 24; i++)); do
  if [ -e "$state/checkpoints/c2.xml" ]; then
    command=(checkpoint-delete web c1 --children-only)
  else
    command=(checkpoint-create-as web c2)
  fi
  # With -c, since it would start a daemon of its own once this one is dead.
  timeout 20 pullback -c "unix://$PULLBACK_HOME/run/pullbackd.sock" \
    "${command[@]}" >/dev/null 2>&1 &
  client=$!
  /usr/bin/python3 -c "import time; time.sleep(0.0015 * ($i + 1))"
  kill_pullbackd
  wait $client || true
  start_pullbackd
  case $(names) in
  c1) whole c1 ;;
  "c1 c2") whole c1 c2 ;;
  *) fail "neither: $(names)" ;;
  esac
done
qemu_alive
