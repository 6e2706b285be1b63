#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A clock that was set back between checkpoints: parents still come before their
# children, names that are made of the time do not clash, and increments are
# right; nothing but what is shown as the time depends on it.

. "$srcdir/tests/checkpoints/functions.sh"

start_domain
for name in first second third; do
  pullback checkpoint-create-as web $name >/dev/null
  guest_write /machine/peripheral/vda/virtio-backend "write -P 0x11 ${#name}M 64k"
done

# As if the clock had gone back by years before the second and again before the
# third.
kill_pullbackd
/usr/bin/python3 - "$PULLBACK_HOME"/state/domains/web/checkpoints/*.xml <<'PYTHON'
import re, sys, xml.etree.ElementTree as ET
times = {"second": 1000000002, "third": 1000000001}
for path in sys.argv[1:]:
    text = open(path).read()
    time = times.pop(ET.fromstring(text).findtext("name"), None)
    if time:
        text, count = re.subn("<creationTime>[0-9]*", "<creationTime>%d" % time, text)
        assert count == 1
        open(path, "w").write(text)
assert not times
PYTHON
start_pullbackd
same "times" "$(info second Created) $(info third Created)" \
  "$(date -d @1000000002 '+%Y-%m-%d %H:%M:%S %z') $(date -d @1000000001 '+%Y-%m-%d %H:%M:%S %z')"
same "topological" "$(names --topological)" "first second third"
same "the API's order" "$(http GET /v1/domains/web/checkpoints |
  grep -o '"name":"[a-z]*"' | tr '\n' ' ')" \
  '"name":"first" "name":"second" "name":"third" '
same "current" "$(pullback checkpoint-current web --name)" third

# What is made after it is the child of the last.
pullback checkpoint-create-as web fourth >/dev/null
same "parent" "$(pullback checkpoint-parent web fourth)" third
guest_write /machine/peripheral/vda/virtio-backend "write -P 0x12 9M 64k"
pullback backup-begin web --incremental second >/dev/null
same "changed since the second" "$(nbdinfo --map=qemu:dirty-bitmap:backup-vda \
  "nbd+unix:///vda?socket=$PULLBACK_HOME/run/web/nbd.sock" |
  awk '$3 % 2 { print $1 "+" $2 }' | tr '\n' ' ')" \
  "5242880+65536 6291456+65536 9437184+65536 "
pullback backup-end web >/dev/null

# Names of the time, many within the same second, as after a clock that stood
# still or went back.
for _ in 1 2 3 4 5; do
  pullback checkpoint-create web >/dev/null
done
same "made" "$(names | wc -w)" 9
pullback checkpoint-delete web second >/dev/null
same "parent" "$(pullback checkpoint-parent web third)" first
qemu_alive
