#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Random writes to a disk in two periods, and what must be true afterwards.

truth.py FOLDER CLUSTERS SEED writes to the folder
  base.io, monday.io, tuesday.io   commands for qemu-io, to be run in this order
  monday.raw, now.raw              the disk when monday began, and at the end
  VIEW.map                         the map of each view: offset length flags,
                                   with '/' of the name replaced by '-'
Bitmaps named monday and tuesday are to be recording from the time when the file
of that name is run, at a granularity of a cluster of 64 KiB.
"""

import os
import random
import sys

CLUSTER = 65536


def main():
    folder, clusters, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    rng = random.Random(seed)
    disk = [0] * clusters  # the byte that fills the cluster

    def play(name, count):
        """Writes commands, changes the disk, and returns the changed."""
        changed = set()
        with open(os.path.join(folder, name + ".io"), "w") as out:
            for _ in range(count):
                length = rng.randint(1, 5)
                first = rng.randrange(clusters - length)
                byte = rng.choice([0, rng.randint(1, 255), rng.randint(1, 255)])
                how = "-P %d" % byte if byte else "-z"
                out.write("write -q %s %d %d\n"
                          % (how, first * CLUSTER, length * CLUSTER))
                for cluster in range(first, first + length):
                    disk[cluster] = byte
                    changed.add(cluster)
        return changed

    def save(name):
        with open(os.path.join(folder, name), "wb") as out:
            for byte in disk:
                out.write(bytes([byte]) * CLUSTER)

    def save_map(name, flags_of):
        runs = []
        for cluster in range(clusters):
            flags = flags_of(cluster)
            if runs and runs[-1][1] == flags:
                runs[-1][0] += 1
            else:
                runs.append([1, flags])
        with open(os.path.join(folder, name + ".map"), "w") as out:
            offset = 0
            for count, flags in runs:
                out.write("%d %d %d\n"
                          % (offset * CLUSTER, count * CLUSTER, flags))
                offset += count

    play("base", clusters // 4)
    save("monday.raw")
    since_monday = play("monday", clusters // 20)
    since_tuesday = play("tuesday", clusters // 30)
    since_monday |= since_tuesday
    save("now.raw")

    save_map("vda", lambda c: 0 if disk[c] else 3)
    for name, changed in ("monday", since_monday), ("tuesday", since_tuesday):
        save_map("vda@" + name,
                 lambda c: 1 if c not in changed else 0 if disk[c] else 3)
        save_map("vda@" + name + "-inplace",
                 lambda c: 0 if c in changed else 3)
    with open(os.path.join(folder, "changed-data"), "w") as out:
        out.write("%d\n" % (CLUSTER * sum(1 for c in since_monday if disk[c])))


main()
