# SPDX-License-Identifier: BSD-3-Clause
# For the tests of the plugin: servers for it to talk to, and what its views say.
# To be read after tests/functions.sh.

# start_storage_daemon ARGS...: an NBD server on $tmp/server.sock.  Sets
# daemon_pid.
start_storage_daemon ()
{
  rm -f "$tmp/server.sock" "$tmp/daemon.pid"
  timeout 120 qemu-storage-daemon \
    --nbd-server "addr.type=unix,addr.path=$tmp/server.sock" \
    --pidfile "$tmp/daemon.pid" "$@" >"$tmp/daemon.log" 2>&1 &
  ends_with_test $!
  wait_for 20 test -s "$tmp/daemon.pid"
  daemon_pid=$(<"$tmp/daemon.pid")
}

stop_storage_daemon ()
{
  kill "$daemon_pid"
  wait_for 20 not kill -0 "$daemon_pid"
}

not ()
{
  ! "$@" 2>/dev/null
}

# serve_image FILE [EXPORT-OPTIONS]: it as the read-only export vda.
serve_image ()
{
  start_storage_daemon \
    --blockdev "file,node-name=file,filename=$1,read-only=on" \
    --blockdev qcow2,node-name=disk,file=file,read-only=on \
    --export "nbd,id=vda,node-name=disk,name=vda${2:+,$2}"
}

# start_plugin PARAMETERS...: nbdkit with the plugin on $tmp/plugin.sock, its
# messages in $tmp/nbdkit.log, and what clients ask of it in $tmp/requests.
# Sets plugin_pid.
start_plugin ()
{
  rm -f "$tmp/plugin.sock" "$tmp/nbdkit.pid"
  timeout 120 nbdkit -f -U "$tmp/plugin.sock" -P "$tmp/nbdkit.pid" \
    --filter=log pullback logfile="$tmp/requests" "$@" 2>"$tmp/nbdkit.log" &
  ends_with_test $!
  wait_for 20 test -s "$tmp/nbdkit.pid"
  plugin_pid=$(<"$tmp/nbdkit.pid")
}

stop_plugin ()
{
  kill "$plugin_pid"
  wait_for 20 not kill -0 "$plugin_pid"
}

# uri EXPORT [SOCKET]
uri ()
{
  echo "nbd+unix:///$1?socket=${2:-$tmp/plugin.sock}"
}

# map URI [CONTEXT]: offset, length and flags, a line a run.
map ()
{
  nbdinfo "--map=${2:-base:allocation}" "$1" | awk '{ print $1, $2, $3 }'
}

# make_disk CLUSTERS SEED: $tmp/disk.qcow2 with the bitmaps monday and tuesday,
# as truth.py says.
make_disk ()
{
  local disk=$tmp/disk.qcow2
  /usr/bin/python3 "$srcdir/tests/plugin/truth.py" "$tmp" "$1" "$2"
  $qemu_img create -q -f qcow2 "$disk" "$(($1 * 65536))"
  qemu-io -t unsafe -f qcow2 "$disk" <"$tmp/base.io" >"$tmp/qemu-io.log"
  $qemu_img bitmap --add --enable -f qcow2 "$disk" monday
  qemu-io -t unsafe -f qcow2 "$disk" <"$tmp/monday.io" >"$tmp/qemu-io.log"
  $qemu_img bitmap --add --enable -f qcow2 "$disk" tuesday
  qemu-io -t unsafe -f qcow2 "$disk" <"$tmp/tuesday.io" >"$tmp/qemu-io.log"
  $qemu_img bitmap --disable -f qcow2 "$disk" monday
  $qemu_img bitmap --disable -f qcow2 "$disk" tuesday
}
