# SPDX-License-Identifier: BSD-3-Clause
# An increment of 200 MiB into a thin qcow2, from begin to end, against libvirt
# with virtnbdbackup.

command -v virtnbdbackup >/dev/null || { begin_row increment "increment of 200 MiB"
  note "virtnbdbackup is not installed"; exit 0; }
disk_size=2G
. "$srcdir/tests/libvirt/functions.sh"

start_libvirtd
start_libvirt_domain
start_pullbackd
pullback domain-add web --qmp "$tmp/qmp.sock" >/dev/null

# The guest overwrites 200 MiB.
pattern=0
change ()
{
  local i
  pattern=$((pattern % 200 + 1))
  for i in 0 1 2 3; do
    guest_write /machine/peripheral/virtio-disk0/virtio-backend \
      "write -P $pattern $((i * 400))M 50M"
  done
}

# A URI with a socket's path it takes for a login over the network, and root it takes
# for the machine's libvirtd: the session's own is found by one who is not root.
as_not_root=()
[ "$(id -u)" -ne 0 ] ||
  as_not_root=(unshare --user --map-user=1000 --map-group=1000)

backup_by_virtnbdbackup ()
{
  XDG_RUNTIME_DIR=$tmp/libvirt/run HOME=$tmp/libvirt "${as_not_root[@]}" \
    virtnbdbackup -U qemu:///session -d web -i vda -n -S "$tmp" \
    -f "$tmp/virtnbdbackup.sock" -o "$tmp/theirs" -l "$1"
}
virtnbdbackup-inc () { change; count backup_by_virtnbdbackup inc; }

pull_increment ()
{
  pullback backup-begin web --disk vda --incremental "$1" --checkpoint "$2"
  "$qemu_img" convert -O qcow2 -B "$tmp/$1.qcow2" -F qcow2 \
    "nbd+unix:///vda@$1?socket=$tmp/home/run/web/nbd.sock" "$tmp/$2.qcow2"
  pullback backup-end web
}
number=0
pullback-inc ()
{
  change
  count pull_increment "c$number" "c$((number + 1))"
  pullback checkpoint-delete web "c$number"
  number=$((number + 1))
}

change
timed backup_by_virtnbdbackup full
"$qemu_img" create -q -f qcow2 "$tmp/c0.qcow2" $disk_size
pullback checkpoint-create-as web c0 --diskspec vda >/dev/null ||
  pullback checkpoint-create-as web c0 >/dev/null

begin_row increment "increment of 200 MiB, begin to end"
in_turns s virtnbdbackup-inc pullback-inc
goal_faster pullback-inc virtnbdbackup-inc 8
