# SPDX-License-Identifier: BSD-3-Clause
# Writes a qcow2 image with changes all over it, by its format (docs/interop/qcow2.txt
# of QEMU): COUNT clusters of data, evenly spread, and a persistent bitmap in which one
# grain of each has changed.    image.py FILE SIZE COUNT GRAIN BITMAP
# All that an image of COUNT such clusters has is there but for the bytes in them.
import array
import struct
import sys

CLUSTER_BITS = 16
CLUSTER = 1 << CLUSTER_BITS
L2_ENTRIES = CLUSTER // 8
REFCOUNTS = CLUSTER // 2  # of 16 bits in a block
COPIED = 1 << 63          # its refcount is one
AUTOCLEAR_BITMAPS = 1
BITMAPS_EXTENSION = 0x23852875
FEATURES = 104            # the header's length without extensions


def up(value, unit):
    """How many units hold the value."""
    return -(-value // unit)


def big_endian(words):
    """The bytes of an array, padded to whole clusters."""
    if sys.byteorder == "little":
        words.byteswap()
    data = words.tobytes()
    return data + bytes(-len(data) % CLUSTER)


def bitmap_bytes(grains, changed):
    data = bytearray(up(up(grains, 8), CLUSTER) * CLUSTER)
    for grain in changed:
        data[grain >> 3] |= 1 << (grain & 7)
    return bytes(data)


def directory(table, entries, grain, name):
    """The one entry: neither in use nor enabled, so that it is frozen."""
    entry = struct.pack(">QIIBBHI", table, entries, 0, 1, grain.bit_length() - 1,
                        len(name), 0) + name
    return entry + bytes(-len(entry) % 8)


def header(size, l1, l1_size, refcount_table, refcount_clusters, entry, position):
    fixed = struct.pack(">4sIQIIQIIQQIIQQQQII", b"QFI\xfb", 3, 0, 0, CLUSTER_BITS, size,
                        0, l1_size, l1, refcount_table, refcount_clusters, 0, 0,
                        0, 0, AUTOCLEAR_BITMAPS, 4, FEATURES)
    extension = struct.pack(">IIIIQQ", BITMAPS_EXTENSION, 24, 1, 0, len(entry), position)
    return fixed + extension + struct.pack(">II", 0, 0)


def write(path, size, count, grain, name):
    grains = up(size, grain)
    changed = [i * grains // count for i in range(count)]
    clusters = [g * grain >> CLUSTER_BITS for g in changed]
    assert count <= grains and all(a < b for a, b in zip(clusters, clusters[1:])), \
        "so many changes are not apart from each other"
    bitmap = bitmap_bytes(grains, changed)
    entries = len(bitmap) // CLUSTER
    l1_size = up(size, L2_ENTRIES * CLUSTER)

    # What lies where, in clusters: header, directory, bitmap's table, bitmap, L1, L2
    # and data, then what counts the references.
    at_table = 2
    at_bitmap = at_table + up(entries * 8, CLUSTER)
    at_l1 = at_bitmap + entries
    at_l2 = at_l1 + up(l1_size * 8, CLUSTER)
    at_refcounts = at_l2 + l1_size
    blocks = table = 1
    while True:
        total = at_refcounts + table + blocks + count
        if blocks * REFCOUNTS >= total and table * L2_ENTRIES >= blocks:
            break
        blocks, table = up(total, REFCOUNTS), up(up(total, REFCOUNTS), L2_ENTRIES)
    at_data = at_refcounts + table + blocks

    l2 = array.array("Q", bytes(l1_size * CLUSTER))
    for i, cluster in enumerate(clusters):
        l2[cluster] = at_data + i << CLUSTER_BITS | COPIED
    refcounts = array.array("H", [1]) * total
    entry = directory(at_table << CLUSTER_BITS, entries, grain, name)

    def addresses(first, number, flag=0):
        return big_endian(array.array("Q", [first + i << CLUSTER_BITS | flag for i in range(number)]))

    with open(path, "wb") as file:
        def put(cluster, data):
            file.seek(cluster << CLUSTER_BITS)
            file.write(data)
        put(0, header(size, at_l1 << CLUSTER_BITS, l1_size, at_refcounts << CLUSTER_BITS,
                      table, entry, 1 << CLUSTER_BITS))
        put(1, entry)
        put(at_table, addresses(at_bitmap, entries))
        put(at_bitmap, bitmap)
        put(at_l1, addresses(at_l2, l1_size, COPIED))
        put(at_l2, big_endian(l2))
        put(at_refcounts, addresses(at_refcounts + table, blocks))
        put(at_refcounts + table, big_endian(refcounts))
        file.truncate(total << CLUSTER_BITS)


write(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]),
      sys.argv[5].encode())
