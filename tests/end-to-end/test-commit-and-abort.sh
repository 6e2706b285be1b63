#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A checkpoint made by a backup is provisional: backup-end keeps it, --abort and
# a failed begin remove it, with all its bitmaps.

. "$srcdir/tests/end-to-end/functions.sh"

start_domain

pullback backup-begin web --checkpoint monday >/dev/null
same "bitmaps while it runs" "$(bitmaps fmt-a)" monday
same "checkpoints while it runs" "$(pullback checkpoint-list web --name)" ""
pullback backup-end web --abort >/dev/null
nothing_left
same "bitmaps after the abort" "$(bitmaps fmt-a)$(bitmaps fmt-b)" ""
same "checkpoints after the abort" "$(pullback checkpoint-list web --name)" ""

# The name is free again.
pullback backup-begin web --checkpoint monday >/dev/null
pullback backup-end web >/dev/null
same "checkpoints" "$(pullback checkpoint-list web --name)" monday
same "current" "$(pullback checkpoint-current web --name)" monday
same "bitmaps" "$(bitmaps fmt-a) $(bitmaps fmt-b)" "monday monday"

# A begin that fails on its last disk leaves nothing on the first.
qmp block-dirty-bitmap-add '{"node": "fmt-b", "name": "tuesday"}' >/dev/null
expect_failure "tuesday" pullback backup-begin web --checkpoint tuesday
nothing_left
same "bitmaps after a failed begin" "$(bitmaps fmt-a)" monday

# Metadata and bitmaps survive a restart of the daemon.
kill "$pullbackd_pid"
wait "$pullbackd_pid" || true
start_pullbackd
same "checkpoints after a restart" "$(pullback checkpoint-list web --name)" monday
pullback checkpoint-create-as web noon >/dev/null
same "parent" "$(pullback checkpoint-parent web noon)" monday
pullback checkpoint-delete web monday >/dev/null
same "bitmaps after a delete" "$(bitmaps fmt-a)" noon
same "checkpoints after a delete" "$(pullback checkpoint-list web --name)" noon
