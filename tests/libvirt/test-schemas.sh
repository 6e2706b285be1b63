#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What we print validates against libvirt's own schemas.  Where it does not, it
# does once the one thing is replaced that libvirt's schema does not know.

. "$srcdir/tests/libvirt/functions.sh"

[ -f "$schemas/domainbackup.rng" ] || skip "libvirt's schemas are not here"

# known_difference DOCUMENT: the sed script that replaces it.
known_difference ()
{
  case $1 in
  # libvirt prints the index, too, and its schema does not have it.
  backup/libvirt-output | backup/pull-everything) echo "s/ index='[0-9]*'//" ;;
  # libvirt's schema wants a server in every pull, its parser does not.
  backup/excluded-with-more | backup/server-left-out)
    echo "s|^<domainbackup.*|&<server transport='unix' socket='/s'/>|" ;;
  # The proposal's wish, which libvirt never had.
  backup/push-network)
    echo "s/type='network'/type='file'/; /<target/,/<\/target>/d" ;;
  # In 2018 a disk could be named by its image.
  backup/proposal-2018-output) echo "s|disk name='/[^']*'|disk name='vdb'|" ;;
  # Its schema has letters and digits only in names, its parser has not.
  checkpoint/latin1 | checkpoint/texts)
    echo "s/name>[^<]*</name>x</; s/disk name='[^']*'/disk name='vda'/" ;;
  esac
}

for kind in backup checkpoint; do
  for out in "$srcdir/tests/formats/corpus/$kind"/good/*.out; do
    difference=$(known_difference "$kind/$(basename "$out" .out)")
    if [ -n "$difference" ]; then
      ! (libvirt_accepts $kind "$out") 2>/dev/null ||
        fail "$out is no exception: libvirt's schema accepts it"
    fi
    sed "$difference" "$out" >"$tmp/document.xml"
    libvirt_accepts $kind "$tmp/document.xml"
  done
done
