#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Other targets than new files: an NBD server, full and incremental; files that
# are there; a block device; and a document instead of options.

. "$srcdir/tests/push/functions.sh"

# serve NAME ARGS...: qemu-nbd on $tmp/NAME.sock.
serve ()
{
  local name=$1
  shift
  qemu-nbd --persistent --discard=unmap -k "$tmp/$name.sock" "$@" \
    >"$tmp/$name.log" 2>&1 &
  served=$!
  ends_with_test "$served"
  wait_for 10 test -S "$tmp/$name.sock"
}

end_served ()
{
  kill "$served"
  wait "$served" || true
}

start_domain
for disk in vda vdb; do
  disk_write $disk 0x11 0 4M
  disk_write $disk 0x12 20M 512k
done

# A server's export that is larger than the disk, by name; the other disk's
# server is said in a document.
truncate -s 80M "$tmp/vda.remote"
"$qemu_img" create -q -f qcow2 "$tmp/vdb.remote" $disk_size
serve vda -f raw -x "nightly backup" "$tmp/vda.remote"
vda_served=$served
serve vdb -f qcow2 "$tmp/vdb.remote"
cat >"$tmp/backup.xml" <<END
<domainbackup mode='push'>
  <disks>
    <disk name='vda' type='network'>
      <target protocol='nbd' name='nightly backup'>
        <host transport='unix' socket='$tmp/vda.sock'/>
      </target>
    </disk>
    <disk name='vdb' type='network'>
      <target protocol='nbd'><host transport='unix' socket='$tmp/vdb.sock'/></target>
    </disk>
  </disks>
</domainbackup>
END
truth_at monday
pullback backup-begin web "$tmp/backup.xml" --checkpoint monday >"$tmp/begin.out"
grep -q "raw *nbd+unix:///nightly%20backup?socket=$tmp/vda.sock" "$tmp/begin.out" ||
  { cat "$tmp/begin.out"; fail "the target is not shown"; }
pullback backup-dumpxml web >"$tmp/dumped.xml"
xmllint --noout --relaxng "$srcdir/docs/schemas/domainbackup.rng" "$tmp/dumped.xml"
wait_state completed
pullback backup-end web >/dev/null
nothing_left
end_served
served=$vda_served
end_served
cmp -n $disk_size "$tmp/vda.remote" "$tmp/vda.monday"
compare_raw "$tmp/vdb.remote" "$tmp/vdb.monday"

# The increment to a server that keeps the rest: an image on the full one.
disk_write vdb 0x21 1M 128k
disk_write vdb 0 2M 64k
"$qemu_img" create -q -f qcow2 -b "$tmp/vdb.remote" -F qcow2 "$tmp/vdb.increment"
serve increment -f qcow2 "$tmp/vdb.increment"
pullback backup-begin web --push --incremental monday \
  --target "vdb=nbd+unix:///?socket=$tmp/increment.sock" >/dev/null
wait_state completed
pullback backup-end web >/dev/null
end_served
compare_raw "$tmp/vdb.increment" "$tmp/vdb.truth"
same "clusters of the increment" "$(data_ranges "$tmp/vdb.increment")" \
  "1048576+131072 2097152+65536"

# An export that is too small is QEMU's to refuse.
truncate -s 1M "$tmp/small"
serve small -f raw "$tmp/small"
expect_failure "disk 'vda': " pullback backup-begin web --push \
  --target "vda=nbd+unix:///?socket=$tmp/small.sock"
end_served
nothing_left

# Files that are there: raw, with other bytes in it, and qcow2.
head -c $disk_size /dev/urandom >"$tmp/there.raw"
pullback backup-begin web --push --reuse-external --format raw \
  --target "vda=$tmp/there.raw" >/dev/null
wait_state completed
cmp "$tmp/there.raw" "$tmp/vda.truth"
"$qemu_img" create -q -f qcow2 -o cluster_size=128k "$tmp/there.qcow2" $disk_size
pullback backup-begin web --push --reuse-external \
  --target "vda=$tmp/there.qcow2" >/dev/null
wait_state completed
compare_raw "$tmp/there.qcow2" "$tmp/vda.truth"

# Not named: beside the image.
pullback backup-begin web --push --checkpoint tuesday --disk vda >/dev/null
wait_state completed
compare_raw "$tmp/vda.qcow2.tuesday" "$tmp/vda.truth"
pullback backup-end web >/dev/null

# A block device, where this machine lets us have one.
truncate -s 80M "$tmp/device"
if loop=$(losetup --show -f "$tmp/device" 2>/dev/null); then
  for format in raw qcow2; do
    status=0
    pullback backup-begin web --push --format $format --target "vda=$loop" \
      >"$tmp/begin.out" 2>&1 || status=$?
    [ $status = 0 ] || break
    wait_for 60 not_running
  done
  "$qemu_img" compare -f qcow2 -F raw "$loop" "$tmp/vda.truth" >"$tmp/compare.out" || status=$?
  state=$(backup_state || true)
  losetup -d "$loop"
  same "push to a device" "$status $state" "0 completed"
else
  echo "no loop device here: a device as target is not tested" >&2
fi
qemu_alive
