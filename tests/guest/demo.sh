#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The main job, shown on a real guest: a full and an incremental backup of its disk
# while it writes, and the proof that both are what the guest had at that moment.

. "$srcdir/tests/functions.sh"
. "$srcdir/tests/guest/guest.sh"
cd "$tmp"

bold='' dim='' plain='' progress=''
if [ -t 1 ]; then
  progress=-p
  bold=$(printf '\033[1m') dim=$(printf '\033[2m') plain=$(printf '\033[0m')
fi
step () { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }
note () { printf '  %s\n' "$*"; }

# Shows a command as a user types it, and runs it.
show ()
{
  printf '  %s$ %s%s\n' "$dim" "$(echo $1)" "$plain"
  eval "$1" | sed '/^$/d; s/^/    /'
}

# timed COMMAND...: sets took, in seconds with two decimals.
timed ()
{
  local start=${EPOCHREALTIME/[.,]/} end
  "$@"
  end=${EPOCHREALTIME/[.,]/}
  took=$(printf '%d.%02d' $(((end - start) / 1000000)) \
    $(((end - start) / 10000 % 100)))
}

mib () { echo $((($1 + 524288) / 1048576)); }

# A disk with 160 MiB in 40 files on 1 GiB of ext4, made without root.
make_disk ()
{
  local i
  mkdir content
  for i in {01..40}; do
    head -c 4M /dev/urandom >"content/document-$i"
  done
  truncate -s 1G disk.raw
  mke2fs -q -t ext4 -d content disk.raw
  "$qemu_img" convert -O qcow2 disk.raw disk.qcow2
  rm -r content disk.raw
}

# Writes and deletes files until the guest ends, one after the other; whoever
# makes the folder /run/turn has the disk to himself until it is removed.
start_writer ()
{
  guest_run 'n=0
    while :; do
      until mkdir /run/turn; do usleep 10000; done
      dd if=/dev/urandom of=/mnt/log-$n bs=64k count=4;
      rm -f /mnt/log-$((n - 8));
      sync; n=$((n + 1)); echo $n >/run/written;
      rmdir /run/turn;
    done >/dev/null 2>&1 &'
}

written () { guest_run 'cat /run/written'; }

# writes_on WHAT: the guest's writer is alive and goes on.
writes_on ()
{
  local before
  before=$(written)
  wait_for 20 eval '[ "$(written)" -gt '"$before"' ]'
}

# What the guest has, in order: checksum and name of every file.
files='find . -type f | sort | xargs sha256sum'

# cut NAME 'COMMAND': the guest tells what it has and holds still for the command.
cut_at ()
{
  guest_run 'until mkdir /run/turn 2>/dev/null; do usleep 10000; done
    cd /mnt; '"$files" >"$1.sums"
  guest_run 'sync; fsfreeze --freeze /mnt'
  note "$(wc -l <"$1.sums") files in the guest, their checksums noted in $1.sums"
  show "$2"
  guest_run 'fsfreeze --unfreeze /mnt; rmdir /run/turn'
}

# prove NAME IMAGE: the raw image is a sound file system with just those files.
prove ()
{
  e2fsck -fn "$2" >"e2fsck-$1.log" 2>&1 ||
    { cat "e2fsck-$1.log"; fail "the file system of $2 is damaged"; }
  mkdir "restored-$1"
  debugfs -R "rdump / restored-$1" "$2" >"debugfs-$1.log" 2>&1
  (cd "restored-$1" && eval "$files") >"restored-$1.sums"
  diff -u "$1.sums" "restored-$1.sums" ||
    fail "$2 does not hold the files that the guest had"
  note "$2: e2fsck finds nothing, all $(wc -l <"$1.sums") files are those of $1"
  rm -r "restored-$1"
}

started=$SECONDS
step "1. A Linux guest writes to a 1 GiB disk, in an iothread of QEMU"
make_disk
timed guest_start -object iothread,id=io -blockdev \
  "qcow2,node-name=disk,discard=unmap,file.driver=file,file.filename=$tmp/disk.qcow2" \
  -device virtio-blk-pci,drive=disk,id=vda,iothread=io
guest_run 'mount /dev/vda /mnt'
start_writer
wait_for 20 guest_run 'test -e /run/written'
note "$("$qemu" --version | sed -n '1s/ (.*//p'), booted in $took s; it writes and deletes files all the time"

step "2. A full backup, pulled while the guest goes on writing"
show 'pullback domain-add demo --qmp qmp.sock'
cut_at monday 'pullback backup-begin demo --checkpoint monday'
before=$(written)
timed show "nbdcopy $progress"' "nbd+unix:///vda?socket=run/demo/nbd.sock" monday.raw'
note "$(mib "$(stat -c %s monday.raw)") MiB in $took s; the guest wrote $(($(written) - before)) files meanwhile"
show 'pullback backup-end demo'
writes_on

step "3. An increment: the guest changes files, and only what changed is pulled"
guest_run 'cd /mnt; rm document-03 document-04; echo "a new line" >>document-05
  head -c 3000000 /dev/urandom >document-41; mv document-06 renamed'
note "in the guest: two files deleted, one appended to, one renamed, one new"
cut_at tuesday 'pullback backup-begin demo --incremental monday --checkpoint tuesday'
before=$(written)
timed show "qemu-img convert $progress"' -f raw -O qcow2 -B monday.raw -F raw "nbd+unix:///vda@monday?socket=run/demo/nbd.sock" tuesday.qcow2'
note "in $took s; the guest wrote $(($(written) - before)) files meanwhile"

show 'nbdinfo --map=qemu:dirty-bitmap:backup-vda --totals "nbd+unix:///vda?socket=run/demo/nbd.sock"'
changed=$(nbdinfo --map=qemu:dirty-bitmap:backup-vda --totals "nbd+unix:///vda?socket=run/demo/nbd.sock" |
  awk '$3 == 1 {print $1}')
show 'pullback backup-end demo'
show 'pullback checkpoint-list demo'
# What the clients of vda@monday have read, by the relay's own log.
pulled=$(sed -n "s/.*has read \([0-9]*\) bytes.* of export 'vda@monday'/\1/p" \
  run/demo/pullback-relay.log | awk '{sum += $1} END {print sum}')
full=$(stat -c %s monday.raw)
note "$pulled bytes were pulled, $(awk "BEGIN {printf \"%.1f\", $pulled * 100 / $full}") % of the disk's $full; $changed had changed"
[ "$pulled" -gt 0 ] || fail "the relay's log does not say what was pulled"
[ "$pulled" -le "$changed" ] || fail "more was pulled than what had changed"

step "4. Both restore points are what the guest had"
prove monday monday.raw
show 'qemu-img convert -O raw tuesday.qcow2 tuesday.raw'
prove tuesday tuesday.raw
writes_on
note "the guest has written $(written) files by now and goes on"
show 'pullback domain-remove demo'

step "All comparisons hold. $((SECONDS - started)) seconds."
