#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What is wrong on pullback's command line is one line that starts with
# 'error: ' and says what to do; help is there for every verb.

. "$srcdir/tests/functions.sh"

export PULLBACK_HOME=$tmp/home

# refused TEXT ARGS...: status 1, nothing on standard output, one line.
refused ()
{
  local text=$1 status=0
  shift
  pullback "$@" >"$tmp/out" 2>"$tmp/err" || status=$?
  same "status of pullback $*" "$status" 1
  same "output of pullback $*" "$(cat "$tmp/out")" ""
  same "lines of error of pullback $*" "$(wc -l <"$tmp/err")" 1
  grep -q "^error: .*$text" "$tmp/err" ||
    fail "pullback $*: wanted '$text', got: $(cat "$tmp/err")"
}

refused "a verb is needed"
refused "no such option: '-x'" -x
refused "value is missing after '-c'" -c
refused "unknown verb 'backup'" backup
refused "unknown verb 'nonsense'" help nonsense
refused "missing: 'DOMAIN'" domain-info
refused "missing: 'CHECKPOINT'" checkpoint-delete web
refused "one argument too many: 'three'" checkpoint-info one two three
refused "no such option: '--force'.*pullback help domain-info" \
  domain-info --force web
refused "value is missing after '--checkpoint'" backup-begin web --checkpoint
refused "given twice: 'method'" backup-begin web --method a --method b
refused "neither unix:PATH nor tcp" backup-begin web --listen x
refused "only for a backup with --push" backup-begin web --target vda=/x
refused "only for a backup without --push" backup-begin web --push --scratch /x
refused "no format 'vmdk'" backup-begin web --push --format vmdk --disk vda
refused "not of the form DISK=PATH" backup-begin web --push --target /x
refused "names disk 'vda' twice" backup-begin web --push --target vda=/x \
  --target vda=/y
refused "neither nbd://" backup-begin web --push --target vda=http://host/x
refused "neither nbd://" backup-begin web --push --target vda=nbd+unix:///x
refused "given twice: 'domain'" domain-info --domain web --domain web
refused "one argument too many: 'web'" domain-info --domain web web
refused "one of --list, --all, or --event <type> is required" event
refused "unknown event type backup-bored" event --event backup-bored
refused "mutually exclusive" event --event backup-began --all
refused "mutually exclusive" event --list --all
refused "timeout takes a number" event --all --timeout 0
refused "since takes a number" event --all --since -1
refused "missing: 'qmp'.*pullback help domain-add" domain-add web

refused "'https://host:1' is not supported.*unix:///PATH" \
  -c https://host:1 domain-list
refused "is not supported" -c unix://relative domain-list
refused "is not supported" -c /run/pullback/pullbackd.sock domain-list
refused "a Unix socket's can have 107" \
  -c "unix:///$(printf 'x%.0s' {1..110})" domain-list
refused "no daemon answers at unix:///nowhere: No such file" \
  -c unix:///nowhere domain-list

for address in foo unix: tcp: tcp:host tcp:host:0 tcp:host:65536 tcp::10809 \
               tcp:host:1x tcp:host:-1; do
  refused "listen.*$address" backup-begin web --listen "$address"
done
refused "cannot read the file '/nowhere'" backup-begin web /nowhere
refused "cannot read the file '/nowhere'" checkpoint-create web /nowhere
echo "<domainbackup/>" >"$tmp/backup.xml"
for option in --incremental --disk --listen; do
  refused "$option and the document" \
    backup-begin web "$tmp/backup.xml" $option unix:/x
done
refused "checkpoint and the document" backup-begin web "$tmp/backup.xml" \
  "$tmp/backup.xml" --checkpoint monday
printf '<domainbackup>\344</domainbackup>' >"$tmp/latin1.xml"
refused "is not a text in UTF-8" backup-begin web "$tmp/latin1.xml"
head -c 1048577 /dev/zero | tr '\0' x >"$tmp/large.xml"
refused "more than 1048576 bytes" backup-begin web "$tmp/large.xml"
refused "cannot read the file '$tmp'" backup-begin web "$tmp"
refused "'checkpoint=perhaps' in --diskspec" checkpoint-create-as web monday \
  --diskspec vda,checkpoint=perhaps
refused "in --diskspec" checkpoint-create-as web monday --diskspec vda,
[ ! -e "$tmp/home" ] || fail "a daemon was started for what was wrong anyhow"

# Positional arguments can be options, options can stand anywhere, as in virsh.
want=$(pullback checkpoint-create-as web monday --print-xml \
  --description 'a <b> & c' --diskspec vda,bitmap=a,,b --diskspec vdb,checkpoint=no)
same "order" "$(pullback checkpoint-create-as --print-xml --diskspec \
  vda,bitmap=a,,b --name monday --diskspec=vdb,checkpoint=no web \
  --description 'a <b> & c')" "$want"
grep -q "<description>a &lt;b&gt; &amp; c</description>" <<<"$want" ||
  fail "the description is not quoted: $want"
grep -q "bitmap='a,b'\|bitmap=\"a,b\"" <<<"$want" || fail "no bitmap: $want"
same "two dashes" "$(pullback checkpoint-create-as --print-xml -- web --name |
  grep -c '<name>--name</name>')" 1

# Help of every verb names its parameters, in all the ways to ask for it.
verbs=$(pullback help | sed -n 's/^  \([a-z][a-z]*-[a-z-]*\) .*/\1/p')
[ "$(wc -w <<<"$verbs")" -ge 16 ] || fail "too few verbs: $verbs"
for verb in $verbs; do
  pullback help "$verb" >"$tmp/help"
  grep -q "^Usage: pullback \[-c URI\] $verb" "$tmp/help" || fail "help $verb"
  pullback "$verb" --help | cmp - "$tmp/help"
done
pullback --help | cmp - <(pullback help)
pullback --version | grep -q '^pullback [0-9]' || fail "--version"

# A full disk is not a success.
[ ! -e /dev/full ] ||
  { ! pullback help >/dev/full 2>"$tmp/err" || fail "no error for a full disk"; }
