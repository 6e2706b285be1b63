#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Stock clients through the relay give what they give from the server behind it.

. "$srcdir/tests/functions.sh"

cd "$tmp"
# 64 MiB: data, zeroes, data with holes; what changed since monday: the MiB at 1
# and the one at 40, the latter now zeroes.
truncate -s 64M disk
dd if=/dev/urandom of=disk bs=1M count=20 conv=notrunc status=none
dd if=/dev/urandom of=disk bs=1M seek=50 count=3 conv=notrunc status=none

cat >script <<END
#!/bin/sh
cd $tmp
case \$1 in
thread_model) echo parallel ;;
list_exports) printf '%s\n' NAMES vda vda@monday vda@monday/inplace ;;
open) case \$3 in
  vda|vda@monday|vda@monday/inplace) echo "\$3" ;;
  *) echo "ENOENT no such export" >&2; exit 1 ;; esac ;;
get_size) echo 67108864 ;;
can_extents) exit 0 ;;
pread) echo \$2 \$3 \$4 >>reads.log
  dd if=disk iflag=skip_bytes,count_bytes bs=1M skip=\$4 count=\$3 \
    2>/dev/null ;;
extents) case \$2 in
  vda) cat <<EXTENTS
0 20M
20M 30M hole,zero
50M 3M
53M 11M hole,zero
EXTENTS
  ;;
  vda@monday) cat <<EXTENTS
0 1M hole
1M 1M
2M 38M hole
40M 1M hole,zero
41M 23M hole
EXTENTS
  ;;
  *) cat <<EXTENTS
0 1M hole,zero
1M 1M
2M 38M hole,zero
40M 1M
41M 23M hole,zero
EXTENTS
  ;; esac ;;
*) exit 2 ;;
esac
END
chmod +x script

nbdkit -f -U "$tmp/origin.sock" sh "$tmp/script" >origin.log 2>&1 &
ends_with_test $!
wait_for 10 test -S origin.sock
port=$(/usr/bin/python3 -c 'import socket
s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
pullback-relay --upstream "unix:$tmp/origin.sock" \
  --listen "unix:$tmp/relay.sock" --listen "tcp:127.0.0.1:$port" \
  --context export=vda,name=qemu:dirty-bitmap:backup-vda,view=vda@monday \
  >relay.log 2>&1 &
relay_pid=$!
ends_with_test "$relay_pid"

uri ()
{
  echo "nbd+unix:///${1-}?socket=$tmp/relay.sock"
}
origin_uri ()
{
  echo "nbd+unix:///${1-}?socket=$tmp/origin.sock"
}
wait_for 10 nbdinfo --size "$(uri vda)" >/dev/null 2>&1

# nbdinfo
same "size" "$(nbdinfo --size "$(uri vda)")" 67108864
nbdinfo --list "$(uri)" >list
for export in vda vda@monday vda@monday/inplace; do
  grep -q "^export=\"$export\":" list || fail "nbdinfo --list lacks $export"
done
nbdinfo --json "$(uri vda)" >json
for context in base:allocation qemu:dirty-bitmap:backup-vda \
               pullback:since:monday; do
  grep -q "\"$context\"" json || fail "nbdinfo --json lacks $context"
done
nbdinfo --list --json "$(uri)" >/dev/null
nbdinfo --is read-only "$(uri vda)"
nbdinfo --can multi-conn "$(uri vda)"
nbdinfo --can df "$(uri vda)"
! nbdinfo --can trim "$(uri vda)" || fail "trim is offered"
for export in vda vda@monday vda@monday/inplace; do
  same "map of $export" "$(nbdinfo --map "$(uri $export)")" \
    "$(nbdinfo --map "$(origin_uri $export)")"
done
map ()
{
  nbdinfo --map="$1" "$(uri vda)" | awk '{print $1, $2, $3}' | paste -sd,
}
same "since monday" "$(map pullback:since:monday)" \
  "0 1048576 0,1048576 1048576 1,2097152 39845888 0,41943040 1048576 3,$(
  )42991616 24117248 0"
same "dirty bitmap" "$(map qemu:dirty-bitmap:backup-vda)" \
  "0 1048576 0,1048576 1048576 1,2097152 39845888 0,41943040 1048576 1,$(
  )42991616 24117248 0"

# Every context, as a map and in sums; and what the server can and is.
nbdinfo --json "$(uri vda)" | /usr/bin/python3 -c 'import json, sys
print(*json.load(sys.stdin)["exports"][0]["contexts"], sep="\n")' >contexts
same "contexts" "$(sort contexts | paste -sd,)" \
  "base:allocation,pullback:since:monday,qemu:dirty-bitmap:backup-vda"
while read -r context; do
  nbdinfo --map="$context" --json "$(uri vda)" >map.json
  nbdinfo --map="$context" --totals "$(uri vda)" >totals
  /usr/bin/python3 - <<'END'
import json
end = 0
for extent in json.load(open('map.json')):
    assert extent['offset'] == end, extent
    end += extent['length']
assert end == 64 << 20, end
assert sum(int(line.split()[0]) for line in open('totals')) == end
END
done <contexts
for capability in connect df multi-conn read; do
  nbdinfo --can $capability "$(uri vda)" || fail "nbdinfo --can $capability"
done
# It says no by 2; 1 is an error.
says_no ()
{
  local status=0
  nbdinfo "$@" "$(uri vda)" || status=$?
  same "nbdinfo $*" "$status" 2
}
for capability in cache fast-zero flush fua trim write zero; do
  says_no --can $capability
done
says_no --is rotational
says_no --is tls
nbdinfo --no-content "$(uri vda)" | grep -q 'uri: nbd+unix' || fail "nbdinfo"
expect_failure 'No such file or directory for export: nothing' nbdinfo "$(uri nothing)"

# nbd-client's listing, which is of the kind that needs no kernel module
if command -v nbd-client >/dev/null; then
  nbd-client -l 127.0.0.1 "$port" >list
  same "nbd-client -l" "$(grep -c '^vda' list)" 3
fi

# fio reads at random and in order, several at once, and compares
if command -v fio >/dev/null && fio --enghelp | grep -qw nbd; then
  for how in read randread; do
    fio --name=relay --ioengine=nbd --uri="$(uri vda)" --rw=$how --bs=64k \
      --iodepth=16 --numjobs=2 --thread --size=64M --io_size=8M --readonly \
      --output-format=json --output=fio.json
    /usr/bin/python3 - <<'END'
import json
text = open('fio.json').read()
for job in json.loads(text[text.index('{'):])['jobs']:  # after the engine's word
    assert job['error'] == 0 and job['read']['io_bytes'] == 8 << 20, job
END
  done
fi

# nbdcopy: as it likes, one connection, large requests, over TCP, views
nbdcopy "$(uri vda)" copy
cmp disk copy
for connections in 1 4 16; do
  rm -f copy
  nbdcopy --connections=$connections "$(uri vda)" copy
  cmp disk copy
done
nbdcopy --request-size=8388608 --allocated "$(uri vda)" copy
cmp disk copy
nbdcopy "nbd://127.0.0.1:$port/vda" copy
cmp disk copy
nbdcopy --synchronous "$(uri vda)" copy
cmp disk copy

# qemu-img
"$qemu_img" info "$(uri vda)" | grep -q '64 MiB' || fail "qemu-img info"
same "qemu-img map" \
  "$("$qemu_img" map --output=json -f raw "$(uri vda)")" \
  "$("$qemu_img" map --output=json -f raw "$(origin_uri vda)")"
"$qemu_img" compare -f raw -F raw "$(uri vda)" disk >/dev/null
"$qemu_img" convert -f raw -O raw "$(uri vda)" converted
cmp disk converted
# QEMU reads the context that it is told to: dirty is "no data" to it.
"$qemu_img" map --output=json --image-opts \
  "driver=nbd,server.type=unix,server.path=$tmp/relay.sock,export=vda,$(
  )x-dirty-bitmap=qemu:dirty-bitmap:backup-vda" >dirty.json
same "dirty ranges for qemu-img" "$(grep -c '"data": false' dirty.json)" 2

# An increment as an overlay: only what changed is read.
"$qemu_img" create -q -f qcow2 full.qcow2 64M
: >reads.log
"$qemu_img" convert -f raw -O qcow2 -B full.qcow2 -F qcow2 \
  "$(uri vda@monday)" increment.qcow2
/usr/bin/python3 - <<'END'
for line in open('reads.log'):
    export, length, offset = line.split()
    length, offset = int(length), int(offset)
    # The first sectors are read to find the format.
    assert offset + length <= 1 << 16 or \
        1 << 20 <= offset < offset + length <= 2 << 20, line
END

# qemu-io
qemu-io -r -f raw -c 'read 1M 1M' -c 'read 52M 4k' "$(uri vda)" >/dev/null
expect_failure 'ermi\|ead-only\|read only' \
  qemu-io -f raw -c 'write 0 4k' "$(uri vda)"

# nbdsh, with a command that is not allowed and a range that is not there
/usr/bin/python3 - "$(uri vda)" <<'END'
import errno
import sys
import nbd

h = nbd.NBD()
h.set_strict_mode(0)
h.add_meta_context('base:allocation')
h.add_meta_context('pullback:since:monday')
h.connect_uri(sys.argv[1])
disk = open('disk', 'rb').read()
assert h.pread(1000, 12345) == disk[12345:13345]
for command in (lambda: h.pwrite(b'x' * 512, 0), lambda: h.trim(512, 0),
                lambda: h.zero(512, 0)):
    try:
        command()
        raise AssertionError('succeeded')
    except nbd.Error as error:
        assert error.errnum == errno.EPERM, error
for command in (lambda: h.pread(512, 64 << 20), lambda: h.cache(512, 0),
                lambda: h.block_status(512, 64 << 20, lambda *_: 0)):
    try:
        command()
        raise AssertionError('succeeded')
    except nbd.Error as error:
        assert error.errnum == errno.EINVAL, error
seen = {}
h.block_status(64 << 20, 0, lambda name, offset, entries, error:
               seen.update({name: entries}) or 0)
assert seen['base:allocation'] == [20 << 20, 0, 30 << 20, 3, 3 << 20, 0,
                                   11 << 20, 3], seen
assert seen['pullback:since:monday'] == [1 << 20, 0, 1 << 20, 1, 38 << 20, 0,
                                         1 << 20, 3, 23 << 20, 0], seen
h.shutdown()
END

kill "$relay_pid"
wait "$relay_pid" || fail "the relay ended with $?"
