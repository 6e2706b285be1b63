# SPDX-License-Identifier: BSD-3-Clause
# For tests of checkpoints: a QEMU with two disks, a pullbackd, and QEMU's own
# word for which bitmaps there are.

. "$srcdir/tests/functions.sh"

# start_disks [QEMU-ARGS...]: on images that are there, or new ones.
start_disks ()
{
  local disk

  for disk in a b; do
    [ -e "$tmp/$disk.qcow2" ] ||
      "$qemu_img" create -q -f qcow2 "$tmp/$disk.qcow2" 64M
  done
  start_qemu \
    -blockdev "qcow2,node-name=fmt-a,file.driver=file,file.filename=$tmp/a.qcow2" \
    -device virtio-blk-pci,drive=fmt-a,id=vda \
    -blockdev "qcow2,node-name=fmt-b,file.driver=file,file.filename=$tmp/b.qcow2" \
    -device virtio-blk-pci,drive=fmt-b,id=vdb "$@"
  # Its socket is there before its disks are.
  qmp query-status >/dev/null
}

start_domain ()
{
  start_disks
  start_pullbackd
  pullback domain-add web --qmp "$tmp/qmp.sock" >/dev/null
}

# bitmaps NODE: the names of its dirty bitmaps, sorted, on one line.
bitmaps ()
{
  qmp query-named-block-nodes | /usr/bin/python3 -c '
import json, sys
for node in json.load(sys.stdin):
    if node["node-name"] == sys.argv[1]:
        print(*sorted(b["name"] for b in node.get("dirty-bitmaps", [])
                      if "name" in b))' "$1"
}

# add_bitmap NAME [persistent [disabled]]: on both disks, by hand.
add_bitmap ()
{
  local node

  for node in fmt-a fmt-b; do
    qmp block-dirty-bitmap-add "{\"node\": \"$node\", \"name\": \"$1\",
      \"persistent\": ${2:-true}, \"disabled\": ${3:-false}}" >/dev/null
  done
}

# document NAME [PARENT]: one of both disks, as libvirt prints it.
document ()
{
  echo "<domaincheckpoint><name>$1</name>"
  [ -z "${2:-}" ] || echo "<parent><name>$2</name></parent>"
  echo "<creationTime>$((1500000000 + ${3:-0}))</creationTime><disks>
    <disk name='vda' checkpoint='bitmap' bitmap='$1'/>
    <disk name='vdb' checkpoint='bitmap' bitmap='$1'/></disks>
    <domain type='kvm'><name>vm-of-libvirt</name><memory>1</memory></domain>
    </domaincheckpoint>"
}

# redefine [OPTIONS...] <DOCUMENT
redefine ()
{
  cat >"$tmp/redefined.xml"
  pullback checkpoint-create web "$tmp/redefined.xml" --redefine "$@"
}

# names [OPTIONS...]: of checkpoint-list, on one line.
names ()
{
  pullback checkpoint-list web --name "$@" | tr '\n' ' ' | sed 's/ $//'
}

# info CHECKPOINT FIELD: of checkpoint-info.
info ()
{
  pullback checkpoint-info web "$1" | sed -n "s/^$2: *//p"
}

# state: all that the daemon keeps, and QEMU's bitmaps: what must not change.
everything ()
{
  (cd "$PULLBACK_HOME/state/domains/web" && tail -n +1 current checkpoints/* 2>/dev/null) || true
  ls "$PULLBACK_HOME/state/domains/web"
  bitmaps fmt-a
  bitmaps fmt-b
}

# refused TEXT COMMAND...: it fails, says the text, and changes nothing.
refused ()
{
  everything >"$tmp/before"
  expect_failure "$@"
  everything | diff "$tmp/before" - || fail "changed by: $*"
}

kill_pullbackd ()
{
  kill -9 "$pullbackd_pid"
  wait "$pullbackd_pid" 2>/dev/null || true
}

# ended QEMU: asked to, so that it stores the bitmaps.
quit_qemu ()
{
  qmp quit >/dev/null || true
  wait "$qemu_pid" || true
  rm -f "$tmp"/{qmp,monitor}.sock
}
