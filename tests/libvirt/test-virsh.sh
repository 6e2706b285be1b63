#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The same verbs, options and words given to virsh (on libvirt's driver for tests)
# and to pullback: what both print about one tree of checkpoints is the same to
# the letter, and every option that virsh has pullback has, too.

. "$srcdir/tests/checkpoints/functions.sh"

command -v virsh >/dev/null || skip "virsh is not here"
cat >"$tmp/node.xml" <<END
<node><domain type='test'><name>web</name>
<uuid>9ac7f40d-8313-4a88-a174-c1158626b03a</uuid><memory>65536</memory><os><type>hvm</type></os><devices>
<disk type='file' device='disk'><driver name='qemu' type='qcow2'/>
<source file='/a'/><target dev='vda' bus='virtio'/></disk>
<disk type='file' device='disk'><driver name='qemu' type='qcow2'/>
<source file='/b'/><target dev='vdb' bus='virtio'/></disk></devices></domain></node>
END
export TZ=UTC

# The driver keeps nothing: the tree is made again for every question.
# It comes in by --redefine, which wants the whole domain.
tree="root
b root
a b
D b
leaf a
other"
domain=$(timeout 60 virsh -q -c "test://$tmp/node.xml" "dumpxml web")
{
  n=0
  while read -r name parent; do
    {
      document "$name" "$parent" $n | sed '/<domain /,/<\/domaincheckpoint>/d'
      echo "$domain</domaincheckpoint>"
    } >"$tmp/$name.xml"
    echo "checkpoint-create web $tmp/$name.xml --redefine;"
    n=$((n + 1))
  done <<<"$tree"
} | tr -d '\n' >"$tmp/make"

start_domain
n=0
while read -r name parent; do
  add_bitmap "$name"
  document "$name" "$parent" $n | redefine >/dev/null
  n=$((n + 1))
done <<<"$tree"

# virsh_says WORDS...: about the tree.
virsh_says ()
{
  timeout 60 virsh -c "test://$tmp/node.xml" "$(cat "$tmp/make") echo ====; $*" \
    >"$tmp/said" 2>&1
  sed '0,/====/d' "$tmp/said"
}

# Empty lines at the end, of which virsh prints more or less by its options.
trimmed ()
{
  sed -e ':more' -e '/^[[:space:]]*$/{$d;N;bmore' -e '}'
}

# equal WORDS...
equal ()
{
  virsh_says "$@" | trimmed >"$tmp/virsh"
  # shellcheck disable=SC2068
  { pullback $@ 2>&1 || true; } | trimmed | diff "$tmp/virsh" - ||
    fail "pullback and virsh differ: $*"
}

for options in "" --parent --roots --leaves --no-leaves "--roots --leaves" \
               "--from b" "--from b --descendants" "--from b --parent" \
               "--from b --descendants --leaves" "--from leaf"; do
  equal "checkpoint-list web $options --name"
  equal "checkpoint-list web $options"
done
# Topological order leaves open which of two children comes first.
for options in "" "--parent" "--from root --descendants"; do
  virsh_says "checkpoint-list web --topological $options" | trimmed |
    sort >"$tmp/virsh"
  # shellcheck disable=SC2086
  pullback checkpoint-list web --topological $options | trimmed | sort | diff "$tmp/virsh" - ||
    fail "checkpoint-list --topological $options"
done
for options in --tree "--tree --from b" "--from root --tree"; do
  equal "checkpoint-list web $options"
done
for name in root b leaf; do
  virsh_says "checkpoint-info web $name" | trimmed >"$tmp/virsh"
  pullback checkpoint-info web $name | head -n "$(wc -l <"$tmp/virsh")" |
    diff "$tmp/virsh" - || fail "checkpoint-info $name"
done
equal "checkpoint-parent web leaf"
equal "checkpoint-parent --checkpointname leaf --domain web"
equal "checkpoint-dumpxml web leaf --no-domain"
equal "checkpoint-dumpxml web leaf --no-domain --xpath //disk"
equal "checkpoint-dumpxml web leaf --no-domain --xpath //disk/@name"
equal "checkpoint-dumpxml web leaf --no-domain --xpath //disks --wrap"
equal "checkpoint-dumpxml web leaf --no-domain --xpath /domaincheckpoint/name/text()"
equal "checkpoint-dumpxml web leaf --no-domain --xpath //nothing"
expect_failure "not an XPath" pullback checkpoint-dumpxml web leaf --xpath '//['
expect_failure "not an XPath" pullback checkpoint-dumpxml web leaf --xpath 'count(//disk)'
expect_failure "wrap needs --xpath" pullback checkpoint-dumpxml web leaf --wrap

# What virsh makes of words and options, by the document that comes of them. It
# writes checkpoint= only where it was said.
for words in "c" "c text" "c text vda,bitmap=x vdb,checkpoint=no" \
             "c text --diskspec vda,bitmap=x,checkpoint=bitmap vdb" \
             "--name c --diskspec vda --diskspec vdb,bitmap=y" \
             "--diskspec=vda --description text --name=c" \
             "vda vdb vdc vdd"; do
  virsh_says "checkpoint-create-as web $words --print-xml" |
    sed "s/<disk name='\([^']*\)'\( bitmap\|\/\)/<disk name='\1' checkpoint='bitmap'\2/
      s/ \(bitmap='[^']*'\) \(checkpoint='[^']*'\)/ \2 \1/; /^\$/d" >"$tmp/virsh"
  # shellcheck disable=SC2086
  pullback checkpoint-create-as web $words --print-xml | trimmed | diff "$tmp/virsh" - ||
    fail "checkpoint-create-as web $words"
done

# deleted HOW NAME: what is left, on both sides, and what is said.
deleted ()
{
  virsh_says "checkpoint-delete web $2 $1; checkpoint-list web --name" \
    >"$tmp/virsh"
  {
    # shellcheck disable=SC2086
    pullback checkpoint-delete web $2 $1
    pullback checkpoint-list web --name
  } | diff <(sed '/^$/d' "$tmp/virsh") - || fail "checkpoint-delete $1"
}
deleted --children-only a
add_bitmap leaf
document leaf a 4 | redefine >/dev/null
deleted "--children --metadata" b

# Every option that virsh's help has.
for verb in checkpoint-create checkpoint-create-as checkpoint-delete \
            checkpoint-dumpxml checkpoint-edit checkpoint-info checkpoint-list \
            checkpoint-parent backup-begin backup-dumpxml event; do
  timeout 60 virsh help $verb | grep -o -e '--[a-z-]*' | sort -u >"$tmp/virsh"
  pullback help $verb | grep -o -e '--[a-z-]*' | sort -u >"$tmp/pullback"
  same "options that only virsh has for $verb" \
    "$(comm -23 "$tmp/virsh" "$tmp/pullback" | tr '\n' ' ')" ""
done
