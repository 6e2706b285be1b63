#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# 10,000 checkpoints in the catalogue: lists are whole, and the time that they take
# is printed (a fraction of a second); what changes many at once does not take
# minutes.

. "$srcdir/tests/checkpoints/functions.sh"

count=10000
start_domain
pullback checkpoint-create-as web c00000 >/dev/null
pullback checkpoint-dumpxml web c00000 --generation >"$tmp/first.xml"
kill_pullbackd
/usr/bin/python3 - "$tmp/first.xml" "$PULLBACK_HOME/state/domains/web" $count <<'END'
import sys
first = open(sys.argv[1]).read().strip()
parent = ""
for i in range(int(sys.argv[3])):
    name = "c%05d" % i
    xml = first.replace("c00000", name)
    if i:
        xml = xml.replace("</name>", "</name><parent><name>c%05d</name></parent>"
                          % (i - 1), 1)
    open("%s/checkpoints/%s.xml" % (sys.argv[2], name), "w").write(xml)
open(sys.argv[2] + "/current", "w").write(name + "\n")
END
start_pullbackd

# Of the daemon's processor time, in milliseconds.
daemon_time ()
{
  awk -v hertz="$(getconf CLK_TCK)" '{print int(($14 + $15) * 1000 / hertz)}' \
    "/proc/$pullbackd_pid/stat"
}

# milliseconds COMMAND...: of processor time, its own and the daemon's, the best of
# three: what the clock says depends on what else runs here.
milliseconds ()
{
  local before own took best=1000000 TIMEFORMAT='%3U %3S'
  for _ in 1 2 3; do
    before=$(daemon_time)
    own=$({ time "$@" >"$tmp/out" 2>"$tmp/err"; } 2>&1)
    took=$(($(daemon_time) - before + $(awk '{print int(($1 + $2) * 1000)}' <<<"$own")))
    [ "$took" -ge "$best" ] || best=$took
  done
  echo "$best"
}

# The first look says what is broken.
pullback checkpoint-list web >/dev/null
took=$(milliseconds pullback checkpoint-list web)
echo "list: $took ms"
same "rows" "$(grep -c '^ c' "$tmp/out")" $count
took=$(milliseconds pullback checkpoint-list web --name --topological --leaves)
echo "leaves: $took ms"
same "leaf" "$(cat "$tmp/out")" c09999
same "descendants" "$(info c00000 Descendants)" $((count - 1))
same "lines in the log" "$(grep -c "is broken" "$tmp/pullbackd.log")" 20
grep -q "so it is with 9979 more" "$tmp/pullbackd.log" || fail "the rest is not counted"

same "deleted" "$(pullback checkpoint-delete web c00009 --children)" \
  "Domain checkpoint c00009 deleted"
same "left" "$(names 2>/dev/null | wc -w)" 9
same "current" "$(pullback checkpoint-current web --name)" c00008
qemu_alive
