# SPDX-License-Identifier: BSD-3-Clause
"""A full capture, then two incremental ones, of two disks that are written all
the while: bytes, maps and bitmaps against the truth.

contents.py METHOD EXPECTED-METHOD"""

import random
import sys

from capture import *

method, expected = sys.argv[1:]
chance = random.Random(7)
SIZE = 64 * MiB
monitor = Monitor()
driver = Driver()
disks = [
    Disk(monitor, "vda", "/machine/peripheral/vda/virtio-backend", SIZE),
    Disk(monitor, "vdb", "/machine/peripheral/vdb/virtio-backend", SIZE),
]
socket_path = TMP + "/nbd.sock"
kept = []  # connections: never closed before QEMU has closed them


def scribble(times):
    """Writes and discards of many sizes, over the edges of clusters."""
    for _ in range(times):
        disk = chance.choice(disks)
        size = chance.choice([512, 4 * KiB, 64 * KiB, 200 * KiB, 1 * MiB])
        offset = chance.randrange(0, SIZE - 2 * MiB) // 512 * 512
        if chance.random() < 0.2:
            disk.discard(offset // (64 * KiB) * 64 * KiB,
                         chance.randrange(1, 20) * 64 * KiB)
        else:
            disk.write(offset, size, chance.randrange(1, 256))


def begin(new, bases):
    return driver("begin", method=method, job="cut", socket=socket_path, disks=[
        {"disk": d.name, "export": d.name, "new": new,
         "scratch": "%s/%s.scratch" % (TMP, d.name),
         "maps": [["since " + base, "b-" + base] for base in bases]}
        for d in disks])


def nodes_like(text):
    return [n["node-name"] for n in
            monitor("query-named-block-nodes", flat=True)
            if text in n["node-name"]]


def round_trip(name, bases, keep=True):
    before = monitor.state()
    truth = [bytes(d.truth) for d in disks]
    wanted = [{base: set(d.changed["b-" + base]) for base in bases}
              for d in disks]
    report = begin("b-" + name, bases)
    assert report["method"] == expected, report
    paused = report["pause"] > 0
    assert paused == (expected == "filter" and before["running"]), report
    print("%s: cut %d us, guest paused %d us"
          % (report["method"], report["cut"], report["pause"]))
    for disk in disks:
        disk.changed["b-" + name] = set()
    assert monitor.state()["running"] == before["running"]
    inventory = driver("disks")
    for disk in disks:
        assert inventory[disk.name]["node"] == disk.name + "-format", inventory
        assert inventory[disk.name]["bitmaps"]["b-" + name]["recording"]
        assert inventory[disk.name]["reason"] is None, inventory

    scribble(60)
    for disk, was, since in zip(disks, truth, wanted):
        contexts = ["qemu:dirty-bitmap:since " + base for base in bases]
        export = Export(socket_path, disk.name,
                        contexts + ["base:allocation"])
        kept.append(export)
        assert export.size == SIZE
        half = export.read(128 * KiB)
        assert half == was, "%s: not the bytes of the cut" % disk.name
        for base, context in zip(bases, contexts):
            got = dirty_blocks(export.extents(context))
            assert got == since[base], "%s: %s: %d blocks, wanted %d" % (
                disk.name, context, len(got), len(since[base]))
        # Where it is said to read as zeroes, it does.
        for offset, length, flags in export.extents("base:allocation"):
            if flags & 2:
                assert not any(was[offset:offset + length]), (offset, length)
    scribble(20)
    for export, was in zip(kept[-2:], truth):
        assert export.read(1 * MiB) == was, "later: not the bytes of the cut"
    assert driver("broken") is None

    driver("stop-exports")
    # Nobody gets at them any more; they stay until the clients have gone.
    assert all(export["shutting-down"]
               for export in monitor("query-block-exports"))
    driver("stop-exports")
    driver("end", keep=keep)
    driver("free")
    after = monitor.state()
    for disk in disks:
        bitmaps = before["nodes"][disk.name + "-format"][2]
        if keep:
            bitmaps["b-" + name] = [True, True, 64 * KiB, False]
        else:
            del disk.changed["b-" + name]
        assert not os.path.exists("%s/%s.scratch" % (TMP, disk.name))
    assert after == before, "left behind:\n%s\nbefore:\n%s" % (after, before)
    # The new bitmap has recorded exactly what was written after the cut.
    for disk in disks if keep else []:
        count = driver("disks")[disk.name]["bitmaps"]["b-" + name]["count"]
        assert count == 64 * KiB * len(disk.changed["b-" + name]), count


scribble(80)
round_trip("monday", [])
scribble(30)
round_trip("tuesday", ["monday"])
scribble(30)
round_trip("aborted", ["monday", "tuesday"], keep=False)
monitor("cont")
scribble(10)
round_trip("wednesday", ["monday", "tuesday"])
driver.close()
