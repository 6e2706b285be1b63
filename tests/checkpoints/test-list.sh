#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# checkpoint-list: which ones, in what order, and the drawing, as virsh has them.

. "$srcdir/tests/checkpoints/functions.sh"

start_domain
same "no tree" "$(pullback checkpoint-list web --tree)" ""
same "no rows" "$(pullback checkpoint-list web)" \
  "$(printf ' Name   Creation Time\n-----------------------')"

# root - b - a - leaf; b - D; and another root.
n=0
while read -r name parent; do
  add_bitmap "$name"
  document "$name" "$parent" $n | redefine >/dev/null
  n=$((n + 1))
done <<END
root
b root
a b
D b
leaf a
other
END

same "by name" "$(names)" "a b D leaf other root"
same "topological" "$(names --topological)" "root b a leaf D other"
same "roots" "$(names --roots)" "other root"
same "leaves" "$(names --leaves)" "D leaf other"
same "no leaves" "$(names --no-leaves)" "a b root"
same "both" "$(names --no-leaves --leaves)" "a b D leaf other root"
same "from" "$(names --from b)" "a D"
same "from, descendants" "$(names --from b --descendants)" "a D leaf"
same "from, leaves" "$(names --from b --descendants --leaves)" "D leaf"
same "from a leaf" "$(names --from leaf)" ""
same "current" "$(pullback checkpoint-current web --name)" leaf
same "from current" "$(names --current)" ""

# virsh's tree, from its own test: two columns a level, a bar below each parent,
# and an empty line with the indentation after the last of a branch.
sed 's/\$$//' >"$tmp/tree" <<'END'
other$
$
root$
  |$
  +- b$
      |$
      +- a$
      |   |$
      |   +- leaf$
      |     $
      +- D$
        $
END
pullback checkpoint-list web --tree | diff "$tmp/tree" -
sed 's/\$$//' >"$tmp/tree" <<'END'
b$
  |$
  +- a$
  |   |$
  |   +- leaf$
  |     $
  +- D$
    $
END
pullback checkpoint-list web --tree --from b --descendants | diff "$tmp/tree" -
same "tree of children" "$(pullback checkpoint-list web --tree --from a)" \
  "$(printf 'a\n  |\n  +- leaf\n    \n')"

cat >"$tmp/table" <<'END'
 Name    Creation Time               Parent
---------------------------------------------
 a       2017-07-14 02:40:02 +0000   b
 b       2017-07-14 02:40:01 +0000   root
 D       2017-07-14 02:40:03 +0000   b
 leaf    2017-07-14 02:40:04 +0000   a
 other   2017-07-14 02:40:05 +0000   
 root    2017-07-14 02:40:00 +0000   
END
TZ=UTC pullback checkpoint-list web --parent | diff "$tmp/table" -
cat >"$tmp/table" <<'END'
 Name    Creation Time
------------------------------------
 other   2017-07-14 02:40:05 +0000
 root    2017-07-14 02:40:00 +0000
END
TZ=UTC pullback checkpoint-list web --roots | diff "$tmp/table" -

for pair in "tree name" "parent roots" "parent tree" "roots tree" \
            "leaves tree" "no-leaves tree" "current roots"; do
  read -r one other <<<"$pair"
  expect_failure "mutually exclusive" \
    pullback checkpoint-list web "--$one" "--$other"
done
expect_failure "mutually exclusive" pullback checkpoint-list web --roots --from b
expect_failure "mutually exclusive" \
  pullback checkpoint-list web --current --from b
expect_failure "requires --from" pullback checkpoint-list web --descendants
expect_failure "checkpoint 'x' of domain 'web' does not exist" \
  pullback checkpoint-list web --from x
qemu_alive
