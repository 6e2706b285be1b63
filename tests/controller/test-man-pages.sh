#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The man pages have every verb and option that --help has, and no others.

. "$srcdir/tests/functions.sh"

options ()
{
  { grep -o -e '--[a-z][a-z-]*' || true; } | sort -u
}

# The verbs, and for each the usage that its help begins with.
pullback help | sed -n 's/^  \([a-z][a-z-]*\)  *[A-Z].*/\1/p' >"$tmp/verbs"
[ "$(wc -l <"$tmp/verbs")" -ge 16 ] || fail "too few verbs"
sed -n 's/^=head2 \([a-z][a-z-]*\).*/\1/p' "$srcdir/docs/pullback.pod" \
  >"$tmp/pod-verbs"
diff "$tmp/verbs" "$tmp/pod-verbs" || fail "help and man page differ in verbs"

while read -r verb; do
  same "synopsis of $verb in the man page" \
    "$(sed -n "s/^=head2 \($verb\( .*\)\{0,1\}\)$/\1/p" "$srcdir/docs/pullback.pod")" \
    "$(pullback "$verb" --help | sed -n '1s/^Usage: pullback \[-c URI\] //p')"
  # Each option of the usage is explained: in an item or in the text.
  awk -v verb="$verb" '/^=head/ { inside = $2 == verb; next } inside' \
    "$srcdir/docs/pullback.pod" >"$tmp/section"
  pullback "$verb" --help | head -n 1 | options | { grep -v -x -e --json || true; } |
    while read -r option; do
      grep -q -e "B<$option>" "$tmp/section" ||
        fail "the man page does not explain $option of $verb"
    done
done <"$tmp/verbs"

# Options of no verb.
same "general options" \
  "$(sed -n '/^=head1 OPTIONS/,/^=head1 DOMAINS/p' "$srcdir/docs/pullback.pod" |
    sed -n 's/^=item//p' | options)" \
  "$(pullback --help | grep '^ *-' | options)"

same "options of pullbackd" \
  "$(sed -n '/^=head1 OPTIONS/,/^=head1 SIGNALS/p' "$srcdir/docs/pullbackd.pod" |
    sed -n 's/^=item//p' | options)" \
  "$(pullbackd --help | grep '^ *-' | options)"

for page in pullback.1 pullbackd.8; do
  [ -s "$builddir/docs/$page" ] || fail "docs/$page was not made"
done
