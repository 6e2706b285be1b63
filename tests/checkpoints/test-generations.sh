#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A client that knew "monday" can tell that it is another one now: the context
# that it asks for by its generation is there, or is not.

. "$srcdir/tests/checkpoints/functions.sh"

uri ()
{
  echo "nbd+unix:///$1?socket=$PULLBACK_HOME/run/web/nbd.sock"
}

# The context of monday's generation, of which it is the first 64 bits.
context ()
{
  echo "pullback:generation:monday:$(info monday Generation | tr -d - | cut -c 1-16)"
}

offered ()
{
  nbdinfo --json "$(uri vda)" | /usr/bin/python3 -c '
import json, sys
contexts = json.load(sys.stdin)["exports"][0]["contexts"]
print(*sorted(c for c in contexts if c.startswith(sys.argv[1])))' "$1"
}

start_domain
pullback checkpoint-create-as web monday >/dev/null
first=$(context)
guest_write /machine/peripheral/vda/virtio-backend "write -P 1 1M 64k"
pullback backup-begin web --incremental monday >/dev/null
same "generations" "$(offered pullback:generation:)" "$first"
same "for oVirt" "$(offered qemu:dirty-bitmap:)" qemu:dirty-bitmap:backup-vda
for name in "$first" pullback:since:monday; do
  same "map of $name" \
    "$(nbdinfo --map="$name" "$(uri vda)" | awk '$3 == 1 {print $1, $2}')" "1048576 65536"
done
pullback backup-end web >/dev/null

pullback checkpoint-delete web monday >/dev/null
pullback checkpoint-create-as web monday >/dev/null
[ "$(context)" != "$first" ] || fail "the same generation again"
pullback backup-begin web --incremental monday >/dev/null
same "generations" "$(offered pullback:generation:)" "$(context)"
expect_failure "$first" nbdinfo --map="$first" "$(uri vda)"
pullback backup-end web >/dev/null

# A checkpoint that a backup makes has one, too.
pullback backup-begin web --checkpoint tuesday >/dev/null
expect_failure "is running" pullback checkpoint-delete web monday
expect_failure "is running" pullback checkpoint-delete web monday --metadata
expect_failure "is running" pullback checkpoint-import web
same "list" "$(names 2>&1)" monday
same "state" "$(info monday State)" usable
same "no stranger's bitmap" \
  "$(pullback domain-info web | grep -c 'no checkpoint known')" 0
pullback backup-end web >/dev/null
info tuesday Generation | grep -q -E '^[0-9a-f-]{36}$' || fail "no generation"
qemu_alive
