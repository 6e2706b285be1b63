# SPDX-License-Identifier: BSD-3-Clause
"""A point in time that is lost while it is exported: it is noticed, nobody can
read it any more, the guest's writes go on, and the end leaves nothing.

broken.py METHOD"""

import sys

from capture import *

method = sys.argv[1]
monitor = Monitor()
driver = Driver()
disk = Disk(monitor, "vda", "/machine/peripheral/vda/virtio-backend", 64 * MiB)
disk.write(0, 2 * MiB, 0x11)
before = monitor.state()


def lost_by(cause, reason, name="vda"):
    driver("begin", method=method, job="cut", socket=TMP + "/nbd.sock", disks=[
        {"disk": n, "export": n, "new": "new", "maps": [],
         "scratch": "%s/%s.scratch" % (TMP, n)} for n in ("vda", "vdb")])
    exports = [Export(TMP + "/nbd.sock", n) for n in ("vda", "vdb")]
    was = bytes(disk.truth[:1 * MiB])
    assert exports[0].handle.pread(1 * MiB, 0) == was
    cause()
    wait_until(lambda: driver("broken"))
    broken = driver("broken")[0]
    assert broken["disk"] == name and reason in broken["reason"], broken
    wait_until(lambda: monitor("query-block-exports") == [])
    for export in exports:
        try:
            export.handle.pread(64 * KiB, 0)
            raise AssertionError("a lost point in time was read")
        except Exception as error:  # nbd.Error, of the module Export loads
            assert "AssertionError" not in repr(error), error
    wait_until(lambda: monitor("query-jobs") == [])
    disk.write(0, 3 * MiB, 0x22)
    assert len(driver("broken")) == 1, driver("broken")
    driver("stop-exports")
    driver("end", keep=False)
    driver("free")
    assert monitor.state() == before
    for n in ("vda", "vdb"):
        assert not os.path.exists("%s/%s.scratch" % (TMP, n))


lost_by(lambda: monitor("block-export-del", id="cut-1", mode="hard"),
        "removed by somebody", "vdb")
if method != "filter":
    lost_by(lambda: monitor("job-cancel", id="cut-0"), "cancelled")


def scratch_used_up():
    monitor("block-set-write-threshold", node_name="cut-0-file",
            write_threshold=1 * MiB)
    # Old data of 2 MiB and more goes to the scratch file.
    disk.write(0, 2 * MiB, 0x33)
    disk.write(2 * MiB, 512, 0x33)


if method == "overlay":
    lost_by(scratch_used_up, "no more room")
driver.close()
monitor("quit")
with open(TMP + "/truth", "wb") as truth:
    truth.write(disk.truth)
