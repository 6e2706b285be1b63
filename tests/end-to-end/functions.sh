# SPDX-License-Identifier: BSD-3-Clause
# For tests of the whole path: a QEMU with two disks in an iothread, the same
# disks kept by the test as raw files (the truth), and a pullbackd of its own.

. "$srcdir/tests/functions.sh"

# Neither a multiple of the bitmaps' granularity nor of a sector's 8.
disk_size=$((64 * 1024 * 1024 + 512))

# start_domain [BYTES-PER-SECOND]: at which both images together are read.  The
# daemon is told of the monitor at $monitor.
monitor=$tmp/qmp.sock
start_domain ()
{
  local disk

  for disk in vda vdb; do
    "$qemu_img" create -q -f qcow2 "$tmp/$disk.qcow2" $disk_size
    truncate -s $disk_size "$tmp/$disk.truth"
  done
  start_disks "$@"
  start_pullbackd
  pullback domain-add web --qmp "$monitor" >/dev/null
}

# start_disks [BYTES-PER-SECOND]: a QEMU on the images as they are.  With
# $no_iothread the disks are in none.
start_disks ()
{
  local file=file.driver=file,file.filename slow=()
  local iothread=${no_iothread:-,iothread=io0}

  if [ $# -gt 0 ]; then
    slow=(-object "throttle-group,id=slow,x-bps-read=$1")
    file=file.driver=throttle,file.throttle-group=slow
    file=$file,file.file.driver=file,file.file.filename
  fi
  start_qemu -S -object iothread,id=io0 "${slow[@]}" \
    -blockdev "qcow2,node-name=fmt-a,$file=$tmp/vda.qcow2,discard=unmap" \
    -device virtio-blk-pci,drive=fmt-a,id=vda${iothread#yes} \
    -blockdev "qcow2,node-name=fmt-b,$file=$tmp/vdb.qcow2,discard=unmap" \
    -device virtio-blk-pci,drive=fmt-b,id=vdb${iothread#yes}
  wait_for 10 test -S "$monitor"
}

# kill_qemu: with -9; its sockets would be taken for those of the next one.
kill_qemu ()
{
  kill -9 "$qemu_pid" 2>/dev/null || true
  wait "$qemu_pid" 2>/dev/null || true
  rm -f "$tmp/qmp.sock" "$tmp/monitor.sock"
}

# start_tap: what the daemon and its monitor say goes through a tap, which does
# what 'tap' tells it.  It listens as long as there is a monitor.
start_tap ()
{
  monitor=$tmp/tap.sock
  /usr/bin/python3 "$srcdir/tests/end-to-end/tap.py" \
    "$monitor" "$tmp/qmp.sock" "$tmp/tap" &
  ends_with_test $!
  [ ! -S "$tmp/qmp.sock" ] || wait_for 10 test -S "$monitor"
}

# tap N kill PID | tap N drop SECONDS: when the daemon gives its Nth command from
# now on that changes something, before QEMU sees it (N even), or afterwards,
# before the daemon hears of it (N odd).  tapped: whether that has come to pass.
tap ()
{
  rm -f "$tmp/tap.done"
  echo "$@" >"$tmp/tap.new"
  mv "$tmp/tap.new" "$tmp/tap"
}
untap () { rm -f "$tmp/tap"; }
tapped () { [ -e "$tmp/tap.done" ]; }

# disk_write DISK PATTERN OFFSET LENGTH: by the guest, and in the truth.
disk_write ()
{
  guest_write "/machine/peripheral/$1/virtio-backend" "write -P $2 $3 $4"
  qemu-io -f raw -c "write -P $2 $3 $4" "$tmp/$1.truth" >/dev/null
}

# guest_has PATTERN OFFSET LENGTH: on vda, as the guest reads it.
guest_has ()
{
  : >"$tmp/qemu.log"
  guest_write /machine/peripheral/vda/virtio-backend "read -P $1 $2 $3"
  ! grep -q "verification failed\|error" "$tmp/qemu.log" ||
    fail "the guest does not read what it wrote: $(cat "$tmp/qemu.log")"
}

# disk_discard DISK OFFSET LENGTH: the same.  Not while a backup runs, when some
# versions of QEMU ignore a discard; and not by write -z, since qemu-io of QEMU
# 7.2 aborts on that for a disk in an iothread.
disk_discard ()
{
  guest_write "/machine/peripheral/$1/virtio-backend" "discard $2 $3"
  qemu-io -f raw -c "write -z $2 $3" "$tmp/$1.truth" >/dev/null
}

# uri EXPORT [SOCKET]
uri ()
{
  echo "nbd+unix:///$1?socket=${2:-$tmp/home/run/web/nbd.sock}"
}

# read_from EXPORT FILE [SOCKET]: the whole export as a raw file.
read_from ()
{
  nbdcopy "$(uri "$1" "${3:-}")" "$2"
}

# changed_map NAME-OF-CONTEXT EXPORT [SOCKET]: start and length of each run that
# is dirty, neighbours joined.
changed_map ()
{
  nbdinfo --map="$1" --json "$(uri "$2" "${3:-}")" | /usr/bin/python3 -c '
import json, sys
runs = []
for extent in json.load(sys.stdin):
    if extent["type"] & 1:
        start, end = extent["offset"], extent["offset"] + extent["length"]
        if runs and runs[-1][1] == start:
            runs[-1][1] = end
        else:
            runs.append([start, end])
for start, end in runs:
    print(start, end - start)'
}

# No node, export, job, socket, scratch file or process of a backup is left.
nothing_left ()
{
  same "exports" "$(qmp query-block-exports)" "[]"
  same "jobs" "$(qmp query-block-jobs)" "[]"
  same "nodes" "$(qmp query-named-block-nodes |
    grep -o '"node-name": "[^#"]*"' | sort -u | tr -d '\n')" \
    '"node-name": "fmt-a""node-name": "fmt-b"'
  ! ls "$tmp/home/run/web/"*.sock 2>/dev/null || fail "a socket is left"
  ! find "$tmp/home" -name '*.scratch' | grep . || fail "a scratch file is left"
  ! pgrep -f "$tmp/home/run/web" || fail "a process is left"
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

# process_of nbdkit|pullback-relay|pullback-broker: its pid, in the backup of web;
# nothing if there is none.
process_of ()
{
  local arguments
  case $1 in
  nbdkit) arguments="nbdkit --foreground .*" ;;
  pullback-relay) arguments="pullback-relay --upstream .*" ;;
  pullback-broker) arguments="pullback-broker " ;;
  esac
  process_like "$arguments$tmp/home/run/web/"
}

# is_another NAME PID: it runs, and is not PID.
is_another ()
{
  local pid
  pid=$(process_of "$1")
  [ -n "$pid" ] && [ "$pid" != "$2" ]
}

# Killed with -9, and gone.
kill_pullbackd ()
{
  kill -9 "$pullbackd_pid"
  wait "$pullbackd_pid" 2>/dev/null || true
}

# backup_state: running, broken...
backup_state ()
{
  pullback backup-info web --json | /usr/bin/python3 -c '
import json, sys
print(json.load(sys.stdin)["state"])'
}
backup_is () { [ "$(backup_state)" = "$1" ]; }

# refused TEXT ARGUMENT...: pullback fails, and says the text.
refused ()
{
  local text=$1 said
  shift
  ! said=$(pullback "$@" 2>&1) || fail "not refused: $*"
  [[ $said == *"$text"* ]] || fail "'$said' has not '$text': $*"
}

# json_get PATH: of the JSON on standard input, as disks[0].name.
json_get ()
{
  /usr/bin/python3 -c '
import json, re, sys
value = json.load(sys.stdin)
for name, index in re.findall(r"([a-z_-]+)|\[(\d+)\]", sys.argv[1]):
    value = value[name] if name else value[int(index)]
print(value)' "$1"
}

# As it is asked to: its backups are given up.
stop_pullbackd ()
{
  kill "$pullbackd_pid"
  wait "$pullbackd_pid"
}

free_port ()
{
  /usr/bin/python3 -c 'import socket
s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
