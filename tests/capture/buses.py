# SPDX-License-Identifier: BSD-3-Clause
"""Disks on every bus, with and without an id, raw and under a user's filter, in
one capture: each method finds its way to the device and back.

buses.py METHOD"""

import sys
import time

from capture import *

method = sys.argv[1]
monitor = Monitor()
driver = Driver()
before = monitor.state()
inventory = driver("disks")
qdevs = {b["inserted"]["node-name"]: b["qdev"]
         for b in monitor("query-block") if "inserted" in b}
disks = [Disk(monitor, name, qdevs[inventory[name]["top"]],
              inventory[name]["size"]) for name in sorted(inventory)]
assert len(disks) == 6, sorted(inventory)
for number, disk in enumerate(disks):
    disk.write(64 * KiB * number, 200 * KiB, number + 1)
was = [bytes(d.truth) for d in disks]
for disk in disks:
    disk.changed["new"] = set()

start = time.monotonic()
report = driver(
    "begin", method=method, job="web server, monday: a long name",
    socket=TMP + "/nbd.sock", disks=[
        {"disk": d.name, "export": d.name, "new": "new", "maps": [],
         "scratch": "%s/%s.scratch" % (TMP, d.name)} for d in disks])
print("%s, %d disks: begin %d ms, cut %d us, pause %d us"
      % (method, len(disks), (time.monotonic() - start) * 1000,
         report["cut"], report["pause"]))
assert report["method"] == method
for disk in disks:
    disk.write(100 * KiB, 300 * KiB, 0xee)
exports = [Export(TMP + "/nbd.sock", d.name) for d in disks]
for disk, export, then in zip(disks, exports, was):
    assert export.size == len(then), disk.name
    assert export.read() == then, disk.name
start = time.monotonic()
driver("stop-exports")
driver("end", keep=True)
print("end %d ms" % ((time.monotonic() - start) * 1000))
driver("free")

after = driver("disks")
for disk in disks:
    bitmap = after[disk.name]["bitmaps"]["new"]
    assert bitmap["count"] == 64 * KiB * len(disk.changed["new"]), disk.name
    assert bitmap["persistent"] == (after[disk.name]["format"] == "qcow2")
    monitor("block-dirty-bitmap-remove", node=after[disk.name]["node"],
            name="new")
    # The device has its own node again: what is written is read.
    disk.write(0, 64 * KiB, 0xaa)
assert monitor.state() == before
driver.close()
