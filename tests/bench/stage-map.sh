# SPDX-License-Identifier: BSD-3-Clause
# For the rows about maps, after functions.sh: an image with changes all over it.

# serve_changed_image SIZE COUNT [GRAIN]: a QEMU with the read-only export vda, of
# whose clusters COUNT are data, evenly spread; and in its bitmap monday one grain
# of each has changed, so that it has twice as many extents, give or take one.
serve_changed_image ()
{
  local image=$tmp/changed.qcow2 grain=${3:-65536} bytes
  bytes=$(numfmt --from=iec "$1")
  rm -f "$image"
  /usr/bin/python3 "$srcdir/tests/bench/image.py" "$image" "$bytes" "$2" "$grain" monday
  "$qemu_img" check -q -f qcow2 "$image" || fail "qemu-img takes $image for broken"
  start_qemu -S
  qmp blockdev-add "{\"driver\": \"qcow2\", \"node-name\": \"vda\",
    \"read-only\": true,
    \"file\": {\"driver\": \"file\", \"filename\": \"$image\"}}" >/dev/null
  serve_node vda vda monday
  same "changed bytes that QEMU tells" \
    "$(nbdinfo --map=qemu:dirty-bitmap:monday --totals "$(at server vda)" |
      awk '$3 == 1 { print $1 }')" $(($2 * grain))
}
