#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A backup begun with the XML documents that virsh takes, and what is given back.

. "$srcdir/tests/end-to-end/functions.sh"

start_domain
cat >"$tmp/checkpoint.xml" <<END
<domaincheckpoint>
  <name>monday</name>
  <description>before the upgrade</description>
  <disks>
    <disk name='vda' checkpoint='bitmap' bitmap='monday-a'/>
    <disk name='vdb' checkpoint='no'/>
  </disks>
</domaincheckpoint>
END
cat >"$tmp/backup.xml" <<END
<domainbackup mode='pull'>
  <server transport='unix' socket='$tmp/pull.sock'/>
  <disks>
    <disk name='vda' backup='yes' type='file' exportname='root' exportbitmap='changes'>
      <scratch file='$tmp/vda.scratch'/>
    </disk>
    <disk name='vdb' backup='no'/>
  </disks>
</domainbackup>
END
disk_write vda 0x11 0 1M
pullback backup-begin web "$tmp/backup.xml" "$tmp/checkpoint.xml" >/dev/null
same "bitmaps" "$(bitmaps fmt-a)/$(bitmaps fmt-b)" "monday-a/"
[ -e "$tmp/vda.scratch" ] || fail "the scratch file is not where it was wanted"
same "size" "$(nbdinfo --size "nbd+unix:///root?socket=$tmp/pull.sock")" $disk_size
pullback backup-dumpxml web >"$tmp/out.xml"
xmllint --noout "$tmp/out.xml"
grep -q "exportname=['\"]root['\"]" "$tmp/out.xml" || fail "no exportname"
pullback backup-end web >/dev/null
[ ! -e "$tmp/vda.scratch" ] || fail "the scratch file is left"
[ ! -e "$tmp/pull.sock" ] || fail "the socket is left"
nothing_left
pullback checkpoint-dumpxml web monday >"$tmp/monday.xml"
xmllint --noout "$tmp/monday.xml"
grep -q "before the upgrade" "$tmp/monday.xml" || fail "no description"
grep -q "bitmap=['\"]monday-a['\"]" "$tmp/monday.xml" || fail "no bitmap"

# The increment, by the document.
disk_write vda 0x22 8M 64k
sed -e "s|<domainbackup mode='pull'>|&<incremental>monday</incremental>|" \
  "$tmp/backup.xml" >"$tmp/incremental.xml"
pullback backup-begin web "$tmp/incremental.xml" >/dev/null
pullback backup-dumpxml web | grep -q "<incremental>monday</incremental>" ||
  fail "no incremental"
same "changed" "$(nbdinfo --map=qemu:dirty-bitmap:changes \
  "nbd+unix:///root?socket=$tmp/pull.sock" | awk '$3 == 1 {print $1, $2}')" \
  "8388608 65536"
pullback backup-end web >/dev/null

# The scratch file exists: it could be anybody's.
echo precious >"$tmp/vda.scratch"
expect_failure "exists already" pullback backup-begin web "$tmp/backup.xml"
same "scratch" "$(cat "$tmp/vda.scratch")" precious
rm "$tmp/vda.scratch"

# Bad documents.
# A disk twice: by its name, and by its image's path.
for other in vda "$tmp/vda.qcow2"; do
  cat >"$tmp/twice.xml" <<END
<domainbackup mode='pull'>
  <disks>
    <disk name='vda' type='file'><scratch file='$tmp/one.scratch'/></disk>
    <disk name='$other' type='file'><scratch file='$tmp/two.scratch'/></disk>
  </disks>
</domainbackup>
END
  expect_failure "disk 'vda' is \(listed\|named\) twice" \
    pullback backup-begin web "$tmp/twice.xml"
  nothing_left
done
printf '<domainbackup mode="pull"' >"$tmp/bad.xml"
expect_failure "line" pullback backup-begin web "$tmp/bad.xml"
printf '<!DOCTYPE a [<!ENTITY e SYSTEM "file://%s">]><domainbackup mode="pull"><incremental>&e;</incremental></domainbackup>' \
  "$tmp/backup.xml" >"$tmp/bad.xml"
expect_failure "DOCTYPE\|entit" pullback backup-begin web "$tmp/bad.xml"
nothing_left
