#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A migration by others while a backup runs: it fails, and the guest and the backup
# go on.

. "$srcdir/tests/end-to-end/others.sh"

ended ()
{
  qmp query-migrate | grep -q '"status": "\(completed\|failed\)"'
}

migrate ()
{
  qmp migrate "{\"uri\": \"exec:cat >$tmp/migration\"}" && wait_for 60 ended &&
    qmp query-migrate && qmp query-migrate | grep -q '"status": "completed"'
}

begin_incremental
is_refused migrate || fail "the guest was migrated away under the backup"
cat "$tmp/others.log"
qmp query-status | grep -q '"status": "running"' || fail "the guest stands still"
write_on vda vdb
reads_right
end_right
increments_are_whole vda vdb
# It was the backup that kept it from going.
migrate >"$tmp/others.log" 2>&1 || fail "nor does it go without a backup"
images_are_sound "$tmp/vda.qcow2"
