# SPDX-License-Identifier: BSD-3-Clause
# For tests with libvirt: a libvirtd of the test's own and a domain of it with
# two disks, the same kept as raw files (the truth), on which nothing runs.

. "$srcdir/tests/push/functions.sh"

schemas=/usr/share/libvirt/schemas
# libvirt goes with the QEMU that it was packaged with.
emulator=$(command -v qemu-system-x86_64) || skip "qemu-system-x86_64 is not here"

# Nothing hangs.
virsh () { timeout 60 virsh -q "$@"; }
pullback () { timeout 60 pullback "$@"; }
nbdinfo () { timeout 60 nbdinfo "$@"; }
nbdcopy () { timeout 60 nbdcopy "$@"; }
xmllint () { timeout 60 xmllint --nonet "$@"; }

# As root it would be the machine's own libvirtd, with files in /run and /var: it
# gets a user namespace in which it is not root.
start_libvirtd ()
{
  local folder=$tmp/libvirt not_root=()

  command -v libvirtd >/dev/null && command -v virsh >/dev/null ||
    skip "libvirtd and virsh are not here"
  if [ "$(id -u)" -eq 0 ]; then
    not_root=(unshare --user --map-user=1000 --map-group=1000)
    "${not_root[@]}" true || skip "there are no user namespaces"
  fi
  mkdir -p "$folder"/{run,config/libvirt,cache}
  # No virtlogd, which would outlive the test.
  echo 'stdio_handler = "file"' >"$folder/config/libvirt/qemu.conf"
  HOME=$folder XDG_RUNTIME_DIR=$folder/run XDG_CONFIG_HOME=$folder/config \
    XDG_CACHE_HOME=$folder/cache "${not_root[@]}" libvirtd \
    >"$tmp/libvirtd.log" 2>&1 &
  ends_with_test $!
  export LIBVIRT_DEFAULT_URI="qemu+unix:///session?socket=$folder/run/libvirt/libvirt-sock"
  wait_for 30 virsh version >/dev/null 2>&1
}

disk_element ()
{
  echo "<disk type='file' device='disk'><driver name='qemu' type='qcow2'/>
    <source file='$tmp/$1.qcow2'/><target dev='$1' bus='virtio'/></disk>"
}

# libvirt keeps its own monitor; Pullback and the test get theirs.
start_libvirt_domain ()
{
  local disk socket

  for disk in vda vdb; do
    "$qemu_img" create -q -f qcow2 "$tmp/$disk.qcow2" $disk_size
    truncate -s $disk_size "$tmp/$disk.truth"
  done
  cat >"$tmp/domain.xml" <<END
<domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>web</name>
  <memory unit='MiB'>64</memory>
  <os><type arch='x86_64' machine='q35'>hvm</type></os>
  <devices>
    <emulator>$emulator</emulator>
    $(for disk in vda vdb; do disk_element $disk; done)
    <memballoon model='none'/>
  </devices>
  <qemu:commandline>
    $(for socket in qmp monitor; do
      echo "<qemu:arg value='-qmp'/>"
      echo "<qemu:arg value='unix:$tmp/$socket.sock,server=on,wait=off'/>"
    done)
  </qemu:commandline>
</domain>
END
  virsh create "$tmp/domain.xml" --paused
  qemu_pid=$(cat "$tmp/libvirt/run/libvirt/qemu/run/web.pid")
  ends_with_test "$qemu_pid"
}

# libvirt_write DISK PATTERN OFFSET LENGTH: by the guest, and in the truth.
libvirt_write ()
{
  local device=virtio-disk0

  [ "$1" = vda ] || device=virtio-disk1
  guest_write "/machine/peripheral/$device/virtio-backend" "write -P $2 $3 $4"
  qemu-io -f raw -c "write -P $2 $3 $4" "$tmp/$1.truth" >/dev/null
}

# libvirt_accepts KIND FILE: libvirt's own schema does.
libvirt_accepts ()
{
  xmllint --noout --relaxng "$schemas/domain$1.rng" "$2" 2>"$tmp/schema.err" ||
    fail "libvirt's schema refuses $2: $(cat "$tmp/schema.err" "$2")"
}

# we_accept KIND FILE: our schema and our parser do.
we_accept ()
{
  xmllint --noout --relaxng "$srcdir/docs/schemas/domain$1.rng" "$2" \
    2>"$tmp/schema.err" ||
    fail "our schema refuses $2: $(cat "$tmp/schema.err" "$2")"
  "$builddir/tests/formats/format-document" "$1" <"$2" >"$tmp/formatted" ||
    fail "our parser refuses $2: $(cat "$2")"
}
