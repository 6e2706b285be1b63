#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Unpacks the QEMU of another Debian suite into a folder, with all the libraries
# it needs, and prints the path of a command that runs it from there.
#   prepare.sh SUITE CACHE-FOLDER    CACHE-FOLDER/SUITE/qemu-system-x86_64

set -euo pipefail
suite=${1:?usage: prepare.sh SUITE CACHE-FOLDER}
cache=$(realpath -m "${2:?usage: prepare.sh SUITE CACHE-FOLDER}")
command=$cache/$suite/qemu-system-x86_64

if [ -x "$command" ] && "$command" --version >/dev/null 2>&1; then
  echo "$command"
  exit 0
fi

die () { echo "prepare.sh: $*" >&2; exit 1; }

command -v apt-get >/dev/null || die "only apt can unpack another suite"
# The mirror that this machine uses; suites are siblings there.
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' |
  grep -m 1 '/debian/*$') || die "apt has no source with Debian's packages"

mkdir -p "$cache"
folder=$(mktemp -d "$cache/$suite.XXXXXX")
trap 'rm -rf "$folder"' EXIT
mkdir -p "$folder"/apt/{lists,archives}/partial
: >"$folder/apt/status"
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]" \
  "$mirror $suite main" >"$folder/apt/sources.list"

# apt as if nothing were installed; a mirror's copy of an older day serves as well.
# It reads with a user of its own where it can; the folder is not for that one.
suite_apt ()
{
  apt-get -qq \
    -o Dir::State::status="$folder/apt/status" \
    -o Dir::State::lists="$folder/apt/lists" \
    -o Dir::Cache="$folder/apt" \
    -o Dir::Cache::archives="$folder/apt/archives" \
    -o Dir::Etc::sourcelist="$folder/apt/sources.list" \
    -o Dir::Etc::sourceparts=/dev/null -o Dir::Etc::preferencesparts=/dev/null \
    -o Acquire::Check-Valid-Until=false -o APT::Update::Error-Mode=any \
    -o APT::Sandbox::User="$(id -un)" -o Debug::NoLocking=true \
    "$@" >&2
}

suite_apt update || die "apt cannot read the lists of $suite"
suite_apt --yes --no-install-recommends --download-only install \
  qemu-system-x86 || die "apt cannot download QEMU of $suite"
for package in "$folder"/apt/archives/*.deb; do
  dpkg-deb -x "$package" "$folder"
done
rm -rf "$folder/apt"

# Its own loader and libraries, so that no chroot and no root is needed.
cat >"$folder/qemu-system-x86_64" <<'END'
#!/bin/sh
root=$(dirname "$(readlink -f "$0")")
libraries=$root/usr/lib/x86_64-linux-gnu
export QEMU_MODULE_DIR="$libraries/qemu"
exec "$libraries/ld-linux-x86-64.so.2" --library-path "$libraries" \
  "$root/usr/bin/qemu-system-x86_64" \
  -L "$root/usr/share/qemu" -L "$root/usr/share/seabios" "$@"
END
chmod 755 "$folder" "$folder/qemu-system-x86_64"
"$folder/qemu-system-x86_64" --version >/dev/null ||
  die "QEMU of $suite does not run here"
rm -rf "${cache:?}/$suite"
mv -T "$folder" "$cache/$suite"
trap - EXIT
echo "$command"
