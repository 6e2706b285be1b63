#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A QEMU that reports what it has not done, or is lost at the worst moment: what
# is said and what is there agree, and what was begun is finished.

. "$srcdir/tests/checkpoints/functions.sh"

both ()
{
  same "names" "$(names)" "$1"
  same "bitmaps" "$(bitmaps fmt-a) / $(bitmaps fmt-b)" "$1 / $1"
  [ ! -e "$PULLBACK_HOME/state/domains/web/doomed" ] || fail "something is doomed"
}

mode ()
{
  echo "$@" >"$tmp/mode.new"
  mv "$tmp/mode.new" "$tmp/mode"
}

start_disks
mode honest -
timeout 300 /usr/bin/python3 "$srcdir/tests/checkpoints/liar.py" \
  "$tmp/liar.sock" "$tmp/qmp.sock" "$tmp/mode" &
ends_with_test $!
wait_for 10 test -S "$tmp/liar.sock"
start_pullbackd
pullback domain-add web --qmp "$tmp/liar.sock" >/dev/null
pullback checkpoint-create-as web c1 >/dev/null
pullback checkpoint-create-as web c2 >/dev/null

# A removal that was not done at all: it fails, and nothing has changed.
mode nothing block-dirty-bitmap-remove
refused "still has 2 bitmaps of checkpoint 'c2' after their removal" \
  pullback checkpoint-delete web c2
both "c1 c2"
refused "still has 4 bitmaps" pullback checkpoint-delete web c1 --children
both "c1 c2"

# One that was done on one disk only: it is broken, and goes on when it can.
mode half block-dirty-bitmap-remove
expect_failure "still has 1 bitmaps.*goes on" pullback checkpoint-delete web c2
same "bitmaps" "$(bitmaps fmt-a) / $(bitmaps fmt-b)" "c1 / c1 c2"
mode nothing block-dirty-bitmap-remove
info c2 State | grep -q "broken: it was being made or deleted" ||
  fail "not said: $(info c2 State)"
expect_failure "could not be removed" pullback checkpoint-create-as web c3
expect_failure "could not be removed" pullback backup-begin web
mode honest -
both c1

# The connection is lost when it was done, and nobody knows.
pullback checkpoint-create-as web c2 >/dev/null
mode lost block-dirty-bitmap-remove
expect_failure "goes on" pullback checkpoint-delete web c2
mode honest -
both c1

# The same while one is made: it was not made.
mode lost block-dirty-bitmap-add
expect_failure "checkpoint 'c2'" pullback checkpoint-create-as web c2
mode honest -
both c1
same "current" "$(pullback checkpoint-current web --name)" c1

# QEMU refuses one disk: all or none.
mode refused block-dirty-bitmap-add
refused "no-such-node" pullback checkpoint-create-as web c2
both c1
# It reports what it has not made: what is broken says so.
mode half block-dirty-bitmap-add
expect_failure "disk 'vdb': its bitmap is missing" pullback checkpoint-create-as web c2
both c1

# The way out where nothing else helps: forgotten, and not doomed any more.
mode honest -
pullback checkpoint-create-as web c2 >/dev/null
mode lost block-dirty-bitmap-remove
expect_failure "goes on" pullback checkpoint-delete web c2
pullback checkpoint-delete web c2 --metadata >/dev/null
mode honest -
both c1
qemu_alive
