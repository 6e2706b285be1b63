# SPDX-License-Identifier: BSD-3-Clause
# For tests of push backups: the domain of the tests of the whole path, whose
# disks QEMU writes to targets by itself.

. "$srcdir/tests/end-to-end/functions.sh"

# wait_state STATE: which a backup reaches by itself.
wait_state ()
{
  wait_for 120 not_running
  backup_is "$1" ||
    { pullback backup-info web; fail "the backup is not $1"; }
}

not_running ()
{
  ! backup_is running
}

# compare_raw IMAGE TRUTH: all bytes that the guest sees.
compare_raw ()
{
  "$qemu_img" compare -F raw "$1" "$2" >/dev/null ||
    fail "$1 differs from $2"
}

# truth_at NAME: the disks as they are now, as $tmp/DISK.NAME.
truth_at ()
{
  local disk

  for disk in vda vdb; do
    cp --sparse=always "$tmp/$disk.truth" "$tmp/$disk.$1"
  done
}

# data_ranges IMAGE: start and length of each range that the image itself has,
# data or zeroes, neighbours joined.
data_ranges ()
{
  "$qemu_img" map --output=json "$1" | /usr/bin/python3 -c '
import json, sys
runs = []
for e in json.load(sys.stdin):
    if e["depth"] == 0 and (e["data"] or e.get("present", True)):
        start, end = e["start"], e["start"] + e["length"]
        if runs and runs[-1][1] == start:
            runs[-1][1] = end
        else:
            runs.append([start, end])
print(*["%d+%d" % (s, e - s) for s, e in runs])'
}

# slow_server NAME BYTES-PER-SECOND: an export of a disk's size that takes what
# is written to it only slowly, on $tmp/NAME.sock.  Sets slow_pid.
slow_server ()
{
  nbdkit -f -U "$tmp/$1.sock" --filter=rate memory $disk_size \
    rate=$(($2 * 8)) >"$tmp/$1.log" 2>&1 &
  slow_pid=$!
  ends_with_test "$slow_pid"
  wait_for 10 test -S "$tmp/$1.sock"
}
