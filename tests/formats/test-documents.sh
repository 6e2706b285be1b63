#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Every document of the corpus through the parser, the formatter and the schema:
#   good/           parses; the output is the .out beside it, formats to itself,
#                   and the schema accepts both
#   bad/            is refused with the .err beside it, and by the schema
#   beyond-schema/  is refused with the .err beside it; a schema cannot say why
# and documents beyond the limits, which are made here.

. "$srcdir/tests/functions.sh"

format_document=$builddir/tests/formats/format-document
corpus=$srcdir/tests/formats/corpus

# schema_accepts KIND FILE
schema_accepts ()
{
  xmllint --nonet --noout --relaxng "$srcdir/docs/schemas/domain$1.rng" \
    "$2" 2>"$tmp/schema.err"
}

check_good ()
{
  local kind=$1 xml=$2 out=${2%.xml}.out

  "$format_document" "$kind" <"$xml" >"$tmp/once" 2>"$tmp/err" ||
    fail "$xml was refused: $(cat "$tmp/err")"
  [ ! -s "$tmp/err" ] || fail "$xml: on standard error: $(cat "$tmp/err")"
  diff -u "$out" "$tmp/once" || fail "$xml: not formatted as $out"
  "$format_document" "$kind" <"$tmp/once" >"$tmp/twice" ||
    fail "$out was refused"
  diff -u "$tmp/once" "$tmp/twice" || fail "$out is not formatted as itself"
  schema_accepts "$kind" "$xml" ||
    fail "the schema refuses $xml: $(cat "$tmp/schema.err")"
  schema_accepts "$kind" "$out" ||
    fail "the schema refuses $out: $(cat "$tmp/schema.err")"
}

# check_refused KIND XML TEXT: with one line that contains the text.
check_refused ()
{
  if "$format_document" "$1" <"$2" >"$tmp/out" 2>"$tmp/err"; then
    cat "$tmp/out"
    fail "$2 was accepted"
  fi
  grep -qF -e "$3" "$tmp/err" || fail "$2: got '$(cat "$tmp/err")', wanted '$3'"
  same "lines on standard error for $2" "$(wc -l <"$tmp/err")" 1
}

for kind in checkpoint backup; do
  for xml in "$corpus/$kind"/good/*.xml; do
    check_good "$kind" "$xml"
  done
  for xml in "$corpus/$kind"/bad/*.xml; do
    check_refused "$kind" "$xml" "$(cat "${xml%.xml}.err")"
    ! schema_accepts "$kind" "$xml" || fail "the schema accepts $xml"
  done
  for xml in "$corpus/$kind"/beyond-schema/*.xml; do
    check_refused "$kind" "$xml" "$(cat "${xml%.xml}.err")"
    schema_accepts "$kind" "$xml" ||
      fail "the schema refuses $xml: it belongs in bad/"
  done
done

# disks COUNT ROOT
disks ()
{
  echo "<$2><disks>"
  seq -f "<disk name='d%.0f'/>" "$1"
  echo "</disks></$2>"
}

# deep LEVELS: in a <domain>, whose content is otherwise of no interest.
deep ()
{
  local levels=$(($1 - 2)) i

  printf '<domaincheckpoint><domain><name>web</name>'
  for ((i = 0; i < levels; i++)); do printf '<x>'; done
  for ((i = 0; i < levels; i++)); do printf '</x>'; done
  printf '</domain></domaincheckpoint>'
}

# padded BYTES: a document of that length.
padded ()
{
  printf '<domaincheckpoint>%*s</domaincheckpoint>' $(($1 - 37)) ''
}

for kind in checkpoint backup; do
  disks 1024 "domain$kind" >"$tmp/many.xml"
  "$format_document" "$kind" <"$tmp/many.xml" >"$tmp/out"
  same "disks" "$(grep -c "<disk " "$tmp/out")" 1024
  disks 1025 "domain$kind" >"$tmp/many.xml"
  check_refused "$kind" "$tmp/many.xml" \
    "domain$kind, line 1026, <disk>: there are more than 1024 disks"
done

deep 64 >"$tmp/deep.xml"
"$format_document" checkpoint <"$tmp/deep.xml" >"$tmp/out"
deep 65 >"$tmp/deep.xml"
check_refused checkpoint "$tmp/deep.xml" "nested more than 64 deep"
deep 100000 >"$tmp/deep.xml"
check_refused checkpoint "$tmp/deep.xml" "domaincheckpoint, line 1: "

padded 1048576 >"$tmp/long.xml"
same "bytes" "$(wc -c <"$tmp/long.xml")" 1048576
"$format_document" checkpoint <"$tmp/long.xml" >"$tmp/out"
padded 1048577 >"$tmp/long.xml"
check_refused checkpoint "$tmp/long.xml" \
  "domaincheckpoint: the document has 1048577 bytes; at most 1048576"

# A NUL does not end a document early.
printf '<domaincheckpoint/>\0<junk>' >"$tmp/nul.xml"
check_refused checkpoint "$tmp/nul.xml" "the document has a NUL byte"

# More lines than fit into a node of libxml2.
{ head -c 70000 /dev/zero | tr '\0' '\n'; echo '<domaincheckpoint x="1"/>'; } >"$tmp/lines.xml"
check_refused checkpoint "$tmp/lines.xml" "there is no attribute 'x' here"
