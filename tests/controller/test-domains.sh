#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Domains by the CLI, against a real QEMU: what is shown, what is kept over a
# restart, and every way in which a monitor can be no monitor.

. "$srcdir/tests/functions.sh"

"$qemu_img" create -q -f qcow2 "$tmp/a.qcow2" 3G
truncate -s 1M "$tmp/b.raw"
start_qemu \
  -blockdev "qcow2,node-name=fmt-a,file.driver=file,file.filename=$tmp/a.qcow2" \
  -device virtio-blk-pci,drive=fmt-a,id=system \
  -blockdev "raw,node-name=fmt-b,file.driver=file,file.filename=$tmp/b.raw" \
  -device virtio-blk-pci,drive=fmt-b
start_pullbackd

same "an empty list" "$(pullback domain-list --name)" ""

# A relative path is below the caller's folder, not the daemon's.
(cd "$tmp" && pullback domain-add web --qmp qmp.sock --disk data=fmt-b) \
  >"$tmp/added"
grep -q "^Domain web added$" "$tmp/added" || fail "$(cat "$tmp/added")"
grep -q "^ system  *3.0 GiB  *qcow2  *yes  *yes .*$tmp/a.qcow2" "$tmp/added" ||
  fail "disk system: $(cat "$tmp/added")"
grep -q "^ data  *1.0 MiB  *raw  *yes  *no " "$tmp/added" ||
  fail "disk data: $(cat "$tmp/added")"
grep -q "^data: .*bitmaps" "$tmp/added" || fail "no reason for disk data"

# The answer as JSON is what the API gives, and agrees with QEMU.
pullback domain-info web --json >"$tmp/info.json"
same "answer" "$(cat "$tmp/info.json")" "$(http GET /v1/domains/web | sed -n 2p)"
/usr/bin/python3 - "$tmp" "$(qmp query-version)" <<'PYTHON'
import json, sys
tmp, version = sys.argv[1], json.loads(sys.argv[2])["qemu"]
info = json.load(open(tmp + "/info.json"))
assert info["name"] == "web" and info["qmp"] == tmp + "/qmp.sock", info
assert info["qemu"].startswith("%(major)d.%(minor)d" % version), info
disks = {disk["name"]: disk for disk in info["disks"]}
assert set(disks) == {"system", "data"}, disks
assert disks["system"]["size"] == 3 << 30, disks
assert disks["data"]["node"] == "fmt-b" and not disks["data"]["checkpoint"]
PYTHON
pullback domain-info web >"$tmp/info"
for line in "Name:  *web" "Monitor:  *$tmp/qmp.sock" "QEMU:  *[0-9]" \
            "Method:  *[a-z]"; do
  grep -q "^$line" "$tmp/info" || fail "no '$line': $(cat "$tmp/info")"
done
same "the list" "$(pullback domain-list --name)" web
pullback domain-list | grep -q "^ web  *-  *$tmp/qmp.sock$" || fail "the list"

# Nobody else can be meant by the name, and the second attempt changes nothing.
expect_failure "web" pullback domain-add web --qmp "$tmp/qmp.sock"
expect_failure "no-such-device.: plug it in, or give --disk of domain-add one of" \
  pullback domain-add db --qmp "$tmp/qmp.sock" --disk x=no-such-device
expect_failure "'x=' is not of the form" \
  pullback domain-add db --qmp "$tmp/qmp.sock" --disk x=
expect_failure "'x' is named twice" \
  pullback domain-add db --qmp "$tmp/qmp.sock" --disk x=system --disk x=fmt-b
control=$(printf 'a\tb')
for name in "" . .hidden a/b a@b "$control" "$(printf 'x%.0s' {1..129})"; do
  expect_failure "name" pullback domain-add "$name" --qmp "$tmp/qmp.sock"
done
same "the list after refusals" "$(pullback domain-list --name)" web

# Monitors that are none.
expect_failure "'$tmp/absent.sock' does not exist" \
  pullback domain-add db --qmp "$tmp/absent.sock"
: >"$tmp/file"
expect_failure "$tmp/file" pullback domain-add db --qmp "$tmp/file"
# Another service, here the daemon itself, does not greet as a monitor.
expect_failure "$PULLBACK_HOME/run/pullbackd.sock" \
  pullback domain-add db --qmp "$PULLBACK_HOME/run/pullbackd.sock"
# A monitor serves one client: this one holds it.
mkfifo "$tmp/hold"
/usr/bin/python3 -c '
import socket, sys
monitor = socket.socket(socket.AF_UNIX)
monitor.connect(sys.argv[1])
monitor.recv(1)
print("held", flush=True)
open(sys.argv[2]).read()' "$tmp/qmp.sock" "$tmp/hold" >"$tmp/held.out" &
ends_with_test $!
wait_for 10 grep -q held "$tmp/held.out"
expect_failure "busy" pullback domain-info web
# A slow answer holds up nobody else.
pullback domain-info web >/dev/null 2>&1 &
slow=$!
begin=${EPOCHREALTIME/./}
pullback domain-list >/dev/null
[ $((${EPOCHREALTIME/./} - begin)) -lt 2000000 ] || fail "the list was held up"
wait "$slow" && fail "the monitor is not busy"
: >"$tmp/hold"

# What is known survives the daemon.
kill "$pullbackd_pid"
wait "$pullbackd_pid"
start_pullbackd
wait_for 10 pullback domain-info web >/dev/null
same "disks after a restart" \
  "$(pullback domain-info web --json | grep -o '"name":"[a-z]*"' | sort | tr -d '\n')" \
  '"name":"data""name":"system""name":"web"'

pullback domain-remove web >"$tmp/removed"
same "answer" "$(cat "$tmp/removed")" "Domain web removed"
same "the list at the end" "$(pullback domain-list --name)" ""
expect_failure "domain 'web' is not known; 'pullback domain-list'" \
  pullback domain-info web
expect_failure "is not known" pullback domain-remove web
qemu_alive
