# SPDX-License-Identifier: BSD-3-Clause
# For the rows about maps, after functions.sh: an image with changes all over it.

# make_changed_image FILE SIZE COUNT GRAIN: COUNT of its clusters are data, evenly
# spread, and in its bitmap monday one grain of each has changed.
make_changed_image ()
{
  /usr/bin/python3 "$srcdir/tests/bench/image.py" "$1" "$(numfmt --from=iec "$2")" \
    "$3" "$4" monday
  "$qemu_img" check -q -f qcow2 "$1" || fail "qemu-img takes $1 for broken"
}

# take_room FILE COUNT: the data, which end the file, are no holes in it either, where
# there is room for them.  They are not written.
take_room ()
{
  local length=$(($2 * 65536)) size left
  size=$(stat -c %s "$1")
  left=$(df --output=avail -B1 "$1" | tail -n 1)
  if [ $((length * 2)) -lt "$left" ]; then
    fallocate -o $((size - length)) -l $length "$1"
  else
    note "no room for $(numfmt --to=iec $length): the clusters are holes of the file"
  fi
}

# serve_changed_image FILE COUNT GRAIN: by a QEMU, as the read-only export vda.
serve_changed_image ()
{
  start_qemu -S
  qmp blockdev-add "{\"driver\": \"qcow2\", \"node-name\": \"vda\",
    \"read-only\": true,
    \"file\": {\"driver\": \"file\", \"filename\": \"$1\"}}" >/dev/null
  serve_node vda vda monday
  same "changed bytes that QEMU tells" \
    "$(nbdinfo --map=qemu:dirty-bitmap:monday --totals "$(at server vda)" |
      awk '$3 == 1 { print $1 }')" $(($2 * $3))
}
