#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# An external snapshot by others during a backup: QEMU refuses it, or the device is
# above their overlay when the backup has ended, also by the next daemon, and the
# checkpoints, whose bitmaps it left behind, say so.

. "$srcdir/tests/end-to-end/others.sh"

snapshot ()
{
  qmp blockdev-snapshot-sync "{\"node-name\": \"fmt-a\", \"format\": \"qcow2\",
    \"snapshot-node-name\": \"over-a\", \"snapshot-file\": \"$tmp/over-a.qcow2\"}"
}

# row HOW: how the backup ends.
row ()
{
  local refused=no

  begin_incremental
  if is_refused snapshot; then refused=yes; fi
  write_on vda vdb
  reads_right
  "$1"
  nothing_of_ours
  if [ $refused = yes ]; then
    same "node of vda" "$(used_node)" fmt-a
    [ "$1" = abort ] || increments_are_whole vda vdb
    images_are_sound "$tmp/vda.qcow2"
  else
    same "node of vda" "$(used_node)" over-a
    [ "$1" != end_right ] || broken "its bitmap is in a backing image only" vda vdb
    images_are_sound "$tmp/over-a.qcow2"
  fi
  stop_pullbackd
  rm -rf "$tmp"/{home,qmp.sock,monitor.sock,*.qcow2,*.truth}
}

abort ()
{
  pullback backup-end web --abort >/dev/null
}
# A backup of a disk that is another image by now is taken down, not taken up.
after_restart ()
{
  kill_pullbackd
  start_pullbackd
  if [ "$refused" = yes ]; then
    reads_right
    end_right
  else
    same "checkpoints" "$(pullback checkpoint-list web --name)" base
  fi
}

row end_right
row abort
row after_restart
