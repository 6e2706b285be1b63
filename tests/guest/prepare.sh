#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Fetches the guest's kernel once, so that tests need no network: Debian's cloud
# kernel, unpacked and not installed, or else the kernel of this machine.
#   prepare.sh FOLDER    FOLDER/vmlinuz, FOLDER/modules/*.ko and their order;
#                        FOLDER/agent, qemu-ga with all that it loads, where
#                        Debian's package can be had

set -euo pipefail
folder=${1:?usage: prepare.sh FOLDER}

# What a virtio disk and the guest agent's port need, in the order in which it can be loaded; a kernel may
# have some of them built in, and not each has all of them.
modules=(
  virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci
  virtio_blk virtio_console
)

# Made by this version of the list.
! echo "${modules[@]}" | cmp -s - "$folder/made-of" || exit 0

work=$(mktemp -d /tmp/pullback-kernel-XXXXXX)
trap 'rm -rf "$work"' EXIT

# Sets vmlinuz and tree (a folder with the kernel's modules).
debian_kernel ()
{
  local package
  package=$(apt-cache depends linux-image-cloud-amd64 |
    sed -n 's/^ *Depends: \(linux-image-[0-9]\)/\1/p' | head -n 1)
  [ -n "$package" ] ||
    { echo "prepare.sh: apt knows no linux-image-cloud-amd64" >&2; return 1; }
  # apt reads with a user of its own where it can; the folder is not for it.
  (cd "$work" && apt-get -q -o APT::Sandbox::User="$(id -un)" \
    download "$package")
  dpkg-deb -x "$work"/*.deb "$work/unpacked"
  vmlinuz=$(echo "$work"/unpacked/boot/vmlinuz-*)
  tree=$work/unpacked
}

host_kernel ()
{
  local release
  release=$(uname -r)
  tree=/lib/modules/$release
  for vmlinuz in "$tree/vmlinuz" "/boot/vmlinuz-$release"; do
    [ ! -r "$vmlinuz" ] || return 0
  done
  echo "prepare.sh: this machine's kernel ($release) is not readable" >&2
  return 1
}

if command -v apt-get >/dev/null; then
  debian_kernel
else
  host_kernel
fi

mkdir -p "$work/result/modules"
cp "$vmlinuz" "$work/result/vmlinuz"
for module in "${modules[@]}"; do
  file=$(find "$tree" -name "$module.ko" -o -name "$module.ko.*" | head -n 1)
  target=$work/result/modules/$module.ko
  case $file in
  '') continue ;;
  *.xz) xz -dc "$file" >"$target" ;;
  *.zst) zstd -qdc "$file" >"$target" ;;
  *) cp "$file" "$target" ;;
  esac
  echo "$module.ko" >>"$work/result/modules/order"
done

# The agent is unpacked and not installed: it has no business on the host.
if command -v apt-get >/dev/null &&
  (cd "$work" && apt-get -q -o APT::Sandbox::User="$(id -un)" \
    download qemu-guest-agent && dpkg-deb -x qemu-guest-agent_*.deb agent); then
  mkdir "$work/result/agent"
  cp "$work/agent/usr/sbin/qemu-ga" "$work/result/agent"
  # "name => path (address)", and the loader alone.
  ldd "$work/agent/usr/sbin/qemu-ga" | grep -o '/[^ ]*' |
    xargs -I{} cp -L {} "$work/result/agent" ||
    rm -r "$work/result/agent"
fi

echo "${modules[@]}" >"$work/result/made-of"

# Whole or not at all, also when two of these run at the same time.
mkdir -p "$(dirname "$folder")"
rm -rf "$folder"
cp -r "$work/result" "$folder.$$"
mv -T "$folder.$$" "$folder" 2>/dev/null || rm -rf "$folder.$$"
