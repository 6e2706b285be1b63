#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What bash offers for pullback: verbs, options, names the daemon knows; and
# asking for it starts no daemon.

. "$srcdir/tests/functions.sh"

. "$srcdir/controller/cli/bash-completion/pullback"
# Only valid while bash itself completes.
compopt ()
{
  :
}

# offered WORDS...: for the last word; on one line.
offered ()
{
  COMP_WORDS=("$@")
  COMP_CWORD=$(($# - 1))
  COMPREPLY=()
  _pullback
  echo "${COMPREPLY[*]}"
}

export PULLBACK_HOME=$tmp/home
same "verbs" "$(offered pullback domain-)" \
  "domain-add domain-list domain-info domain-set domain-remove"
same "verbs after help" "$(offered pullback help backup-d)" "backup-dumpxml"
same "verbs after a URI" "$(offered pullback -c unix:///x backup-d)" \
  "backup-dumpxml"
same "options" "$(offered pullback backup-end web --)" \
  "--domain --abort --require-complete --json --help"
same "events" "$(offered pullback event --event backup-b)" \
  "backup-began backup-broken"
same "methods" "$(offered pullback backup-begin web --method t)" transaction
same "formats" "$(offered pullback backup-begin web --format q)" qcow2
same "domains without a daemon" "$(offered pullback domain-info '')" ""
[ ! -e "$PULLBACK_HOME" ] || fail "a daemon was started"

"$qemu_img" create -q -f qcow2 "$tmp/a.qcow2" 1M
start_qemu \
  -blockdev "qcow2,node-name=fmt-a,file.driver=file,file.filename=$tmp/a.qcow2" \
  -device virtio-blk-pci,drive=fmt-a,id=system
start_pullbackd
pullback domain-add "my web" --qmp "$tmp/qmp.sock" >/dev/null
pullback checkpoint-create-as "my web" monday >/dev/null
same "domains" "$(offered pullback domain-info '')" 'my\ web'
same "checkpoints" "$(offered pullback checkpoint-delete 'my\ web' m)" monday
same "bases" "$(offered pullback backup-begin 'my\ web' --incremental '')" monday
same "other names" "$(offered pullback checkpoint-delete 'my\ web' x)" ""
