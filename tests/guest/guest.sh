# SPDX-License-Identifier: BSD-3-Clause
# A real Linux guest for a test, after tests/functions.sh: it boots from memory in
# about three seconds without KVM, and runs commands that come over a serial port.

# mke2fs, e2fsck and debugfs, which an ordinary user's PATH has not.
PATH=$PATH:/usr/sbin:/sbin
guest_cache=${PULLBACK_GUEST_CACHE:-$builddir/tests/guest/cache}

# guest_start [--agent] [--program FILE]... [QEMU-ARGS]...: boots; programs are found
# in the guest's /bin, and with --agent the guest agent runs, whose socket on the host
# is $tmp/agent.sock.  What the kernel says is in $tmp/guest.log.
guest_start ()
{
  local root=$tmp/guest-root agent=()
  [ -f "$guest_cache/modules/order" ] ||
    skip "no kernel for the guest; './bootstrap' fetches it"
  mkdir -p "$root/bin" "$root/modules"
  cp "$(command -v busybox)" "$root/bin/busybox"
  cp "$srcdir/tests/guest/init" "$root/init"
  cp "$guest_cache"/modules/* "$root/modules"
  if [ "${1:-}" = --agent ]; then
    [ -x "$guest_cache/agent/qemu-ga" ] ||
      skip "no guest agent; './bootstrap' fetches it"
    mkdir -p "$root/lib64"
    cp "$guest_cache"/agent/* "$root/lib64"
    agent=(-chardev "socket,path=$tmp/agent.sock,server=on,wait=off,id=agent"
      -device virtio-serial-pci
      -device virtserialport,chardev=agent,name=org.qemu.guest_agent.0)
    shift
  fi
  while [ "${1:-}" = --program ]; do
    cp "$2" "$root/bin"
    shift 2
  done
  chmod 755 "$root/init" "$root"/bin/*
  (cd "$root" && find . | cpio -o -H newc -R 0:0 --quiet) >"$tmp/initramfs"
  rm -rf "$root"

  # On a busy machine the kernel would find too few ticks of its timer in too
  # many cycles, and stop.
  start_qemu -accel tcg -m 256 \
    -kernel "$guest_cache/vmlinuz" -initrd "$tmp/initramfs" -no-reboot \
    -append 'console=ttyS0 panic=-1 quiet mitigations=off no_timer_check' \
    -serial "file:$tmp/guest.log" \
    -serial "unix:$tmp/console.sock,server=on,wait=off" "${agent[@]}" "$@"
  wait_for 120 grep -qs '^guest: ready' "$tmp/guest.log"
  [ ${#agent[@]} -eq 0 ] || guest_agent
}

# guest_run 'COMMANDS' [SECONDS]: prints their its output, returns its status.
guest_run ()
{
  /usr/bin/python3 "$srcdir/tests/guest/console.py" "$tmp/console.sock" \
    "${2:-60}" "$1"
}

# guest_agent: starts the guest's agent; its pid is in the guest's /run/qemu-ga.pid.
guest_agent ()
{
  guest_run 'LD_LIBRARY_PATH=/lib64 /lib64/qemu-ga --method virtio-serial \
    --path /dev/vport*p1 --statedir /run \
    --logfile /run/qemu-ga.log >/dev/null 2>&1 & echo $! >/run/qemu-ga.pid'
}
