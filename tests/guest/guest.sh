# SPDX-License-Identifier: BSD-3-Clause
# A real Linux guest for a test, after tests/functions.sh: it boots from memory in
# about three seconds without KVM, and runs commands that come over a serial port.

# mke2fs, e2fsck and debugfs, which an ordinary user's PATH has not.
PATH=$PATH:/usr/sbin:/sbin
guest_cache=${PULLBACK_GUEST_CACHE:-$builddir/tests/guest/cache}

# guest_start [--program FILE]... [QEMU-ARGS]...: boots; programs are found in the
# guest's /bin.  What the kernel says is in $tmp/guest.log.
guest_start ()
{
  local root=$tmp/guest-root
  [ -f "$guest_cache/modules/order" ] ||
    skip "no kernel for the guest; './bootstrap' fetches it"
  mkdir -p "$root/bin" "$root/modules"
  cp "$(command -v busybox)" "$root/bin/busybox"
  cp "$srcdir/tests/guest/init" "$root/init"
  cp "$guest_cache"/modules/* "$root/modules"
  while [ "${1:-}" = --program ]; do
    cp "$2" "$root/bin"
    shift 2
  done
  chmod 755 "$root/init" "$root"/bin/*
  (cd "$root" && find . | cpio -o -H newc -R 0:0 --quiet) >"$tmp/initramfs"
  rm -rf "$root"

  start_qemu -accel tcg -m 256 \
    -kernel "$guest_cache/vmlinuz" -initrd "$tmp/initramfs" \
    -append 'console=ttyS0 panic=-1 quiet mitigations=off' -no-reboot \
    -serial "file:$tmp/guest.log" \
    -serial "unix:$tmp/console.sock,server=on,wait=off" "$@"
  wait_for 120 grep -qs '^guest: ready' "$tmp/guest.log"
}

# guest_run 'COMMANDS' [SECONDS]: prints their its output, returns its status.
guest_run ()
{
  /usr/bin/python3 "$srcdir/tests/guest/console.py" "$tmp/console.sock" \
    "${2:-60}" "$1"
}
