# SPDX-License-Identifier: BSD-3-Clause
# For tests of quiescing: a QEMU with a disk, a pullbackd, and a scripted guest
# agent whose every freeze and thaw is in $tmp/frozen.

. "$srcdir/tests/functions.sh"

# agent MODE: from now on; see agent.py.
agent ()
{
  echo "$1" >"$tmp/mode.new"
  mv "$tmp/mode.new" "$tmp/mode"
}

start_agent ()
{
  agent good
  : >"$tmp/frozen"
  /usr/bin/python3 "$srcdir/tests/quiesce/agent.py" \
    "$tmp/agent.sock" "$tmp/mode" "$tmp/frozen" 2>"$tmp/agent.log" &
  agent_pid=$!
  ends_with_test "$agent_pid"
  wait_for 10 test -S "$tmp/agent.sock"
}

start_domain ()
{
  "$qemu_img" create -q -f qcow2 "$tmp/vda.qcow2" 16M
  start_qemu \
    -blockdev "qcow2,node-name=fmt-a,file.driver=file,file.filename=$tmp/vda.qcow2" \
    -device virtio-blk-pci,drive=fmt-a,id=vda
  start_pullbackd
  pullback domain-add web --qmp "$tmp/qmp.sock" >/dev/null
}

# field NAME [NAME]: of the backup that runs.
field ()
{
  pullback backup-info web --json | /usr/bin/python3 -c '
import json, sys
value = json.load(sys.stdin)
for name in sys.argv[1:]:
    value = value[name]
print(value)' "$@"
}

# What happened to the guest, in order, and forgets it.
happened ()
{
  local words
  words=$(cut -d ' ' -f 1 "$tmp/frozen" | tr '\n' ' ')
  : >"$tmp/frozen"
  echo "${words% }"
}

last_is ()
{
  [ "$(tail -n 1 "$tmp/frozen" | cut -d ' ' -f 1)" = "$1" ]
}

when ()
{
  sed -n "s/^$1 //p" "$tmp/frozen" | tail -n 1
}

# Nothing of a backup is left in QEMU, and no process that holds a guest frozen.
nothing_left ()
{
  same "exports" "$(qmp query-block-exports)" "[]"
  same "jobs" "$(qmp query-block-jobs)" "[]"
  same "nodes" "$(qmp query-named-block-nodes | grep -c '"pb[0-9a-f]*-')" 0
  same "bitmaps" "$(qmp query-named-block-nodes | grep -c '"dirty-bitmaps"')" "${1:-0}"
  wait_for 10 no_freezer
}

no_freezer ()
{
  ! pgrep -f "pullback-freezer.*$tmp/" >/dev/null
}
