#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What goes wrong is said, with the name of what it went wrong with, and a server
# that went away is used again when it is back.

. "${srcdir:?}/tests/functions.sh"
. "$srcdir/tests/plugin/plugin.sh"

# plugin_fails TEXT PARAMETERS...: nbdkit does not even start.
plugin_fails ()
{
  local text=$1
  shift
  expect_failure "$text" nbdkit -U - pullback "$@" --run true
}

plugin_fails "which NBD server?"
plugin_fails "unknown parameter 'bitmap'" socket=x bitmap=monday
plugin_fails "socket= and broker= cannot both" socket=x broker=y
plugin_fails "uri= and uri= cannot both" nbd://a nbd://b
plugin_fails "connections=0: from 1 to 64" socket=x connections=0
plugin_fails "connections=65: from 1" socket=x connections=65
plugin_fails "where we expected a number" socket=x connections=many
plugin_fails "No such file" "socket=$tmp/absent.sock"
plugin_fails "Connection refused" uri=nbd://127.0.0.1:1
plugin_fails "cannot connect" uri=what
expect_failure "path of a socket has at most" nbdkit -U - pullback \
  "broker=/$(printf 'x%.0s' {1..200})" --run 'nbdinfo --list "$uri"'
plugin_fails "a name has at most 4096 bytes" socket=x \
  "export=$(printf 'x%.0s' {1..4097})"
: >"$tmp/file"
plugin_fails "Connection refused" "socket=$tmp/file"

# What --help tells, the man page tells too.
for parameter in $(nbdkit pullback --help | grep -o '^[][a-z]*=' | tr -d '[]='); do
  grep -q "^=item.*B<$parameter=>" "$srcdir/docs/nbdkit-pullback-plugin.pod" ||
    fail "the man page has no parameter $parameter"
done

make_disk 256 "$$"
serve_image "$tmp/disk.qcow2" bitmaps.0=monday
plugin_fails "there is no export 'vdb'; the server lists 'vda'" \
  "socket=$tmp/server.sock" export=vda export=vdb

start_plugin "socket=$tmp/server.sock"
# said TEXT: in nbdkit's log.
said ()
{
  grep -q -e "$1" "$tmp/nbdkit.log" ||
    { cat "$tmp/nbdkit.log"; fail "nbdkit did not say '$1'"; }
}
expect_failure . nbdinfo "$(uri vdb)"
said "no export and no bitmap for the name 'vdb'; $tmp/server.sock has 'vda', 'vda@monday'"
expect_failure . nbdinfo "$(uri vda@friday)"
said "for the name 'vda@friday'"
expect_failure . nbdinfo "$(uri vda@monday/inplace/)"

# The server goes away in the middle of a client's work, and comes back with one
# more bitmap: reads fail until then, and go on on the same connection after.
/usr/bin/python3 - "$tmp" >"$tmp/client.out" 2>"$tmp/client.log" <<'PYTHON' &
import errno, os, sys, time, nbd
tmp = sys.argv[1]
want = open(tmp + "/now.raw", "rb").read()
h = nbd.NBD()
h.add_meta_context("base:allocation")
h.set_export_name("vda@monday")
h.connect_unix(tmp + "/plugin.sock")

def wait_for(name):
    limit = time.time() + 20
    while not os.path.exists(tmp + "/" + name):
        assert time.time() < limit, "waited in vain for " + name
        time.sleep(0.02)

def status():
    h.block_status(h.get_size(), 0, lambda *answer: 0)

assert h.pread(65536, 65536) == want[65536:131072]
open(tmp + "/client-has-read", "w").close()
wait_for("server-is-gone")
for call in lambda: h.pread(65536, 0), lambda: h.pread(65536, 0), status:
    try:
        call()
    except nbd.Error as error:
        assert error.errno == "EIO", error
    else:
        raise AssertionError("it worked without a server")
open(tmp + "/client-has-failed", "w").close()
wait_for("server-is-back")
assert h.pread(65536, 65536) == want[65536:131072]
status()
open(tmp + "/client-has-read-again", "w").close()
wait_for("server-has-changed")
try:
    h.pread(65536, 0)
except nbd.Error as error:
    assert error.errno == "EIO", error
else:
    raise AssertionError("another disk was served")
PYTHON
client=$!
ends_with_test "$client"

step ()
{
  wait_for 20 test -e "$tmp/$1"
}
step client-has-read
stop_storage_daemon
touch "$tmp/server-is-gone"
step client-has-failed
said "export 'vda': \|cannot connect"
serve_image "$tmp/disk.qcow2" bitmaps.0=monday,bitmaps.1=tuesday
touch "$tmp/server-is-back"
step client-has-read-again
same "the map of a new bitmap" "$(map "$(uri vda@tuesday)")" \
  "$(<"$tmp/vda@tuesday.map")"

# Another disk by the same name.
stop_storage_daemon
$qemu_img create -q -f qcow2 "$tmp/other.qcow2" 1M
serve_image "$tmp/other.qcow2"
touch "$tmp/server-has-changed"
wait "$client" || { cat "$tmp/client.log"; fail "the client"; }
said "had 16777216 bytes when it was discovered, now it has 1048576"
