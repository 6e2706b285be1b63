# SPDX-License-Identifier: BSD-3-Clause
"""The disks of a QEMU with one of each kind: names, nodes, threads, reasons."""

from capture import *

monitor = Monitor()
driver = Driver()


def check(name, **wanted):
    assert name in disks, "no %s among %s" % (name, sorted(disks))
    for key, value in wanted.items():
        assert disks[name][key] == value, "%s: %s is %r, wanted %r" % (
            name, key, disks[name][key], value)


monitor("block-dirty-bitmap-add", node="first-format", name="kept",
        persistent=True)
monitor("block-dirty-bitmap-add", node="first-format", name="off",
        disabled=True, granularity=4096)
monitor("human-monitor-command", command_line=
        'qemu-io -d /machine/peripheral/first/virtio-backend "write 0 100k"')

disks = driver("disks")
check("first", node="first-format", top="first-format", format="qcow2",
      qdev="/machine/peripheral/first", file=TMP + "/first.qcow2",
      size=64 * MiB, iothread=True, persistent=True, reason=None)
check("vda", format="qcow2", iothread=False, reason=None)  # bus, no id
check("sda", format="qcow2", iothread=True, reason=None)  # its controller's
check("sdb", node="sata-format", iothread=False, reason=None)
check("nvme0n1", format="raw", persistent=False, reason=None, size=1 * MiB)
check("vdab", node="libvirt-format")  # the id stands for libvirt's name
check("old", format="qcow2", persistent=False, reason=None)
check("filtered", node="filtered-format", top="throttled", reason=None,
      persistent=True)
check("cd", reason="its medium is removable")
check("empty", reason="it has no medium", node=None)
check("locked", reason="it is read-only")
check("shared", node="shared-format", reason=None)
check("again", reason="it is the same image as disk 'shared'")
assert len(disks) == 13, sorted(disks)
assert disks["first"]["bitmaps"]["kept"] == {
    "count": 128 * KiB, "granularity": 64 * KiB, "recording": True,
    "persistent": True, "unusable": None}
assert disks["first"]["bitmaps"]["off"]["granularity"] == 4096
assert "not recording" in disks["first"]["bitmaps"]["off"]["unusable"]
assert "inconsistent" in disks["filtered"]["bitmaps"]["left"]["unusable"]

# Names by device id, drive, node, path; and one that takes another's.
disks = driver("disks", names=[
    ["boot", "first"], ["vda", "sata-format"], ["data", "anonymous"],
    ["first", "/machine/peripheral/filtered"]])
check("boot", node="first-format")
check("vda", node="sata-format")
check("data", qdev=driver("disks")["vda"]["qdev"])
check("first", top="throttled")
# The names that were taken are left out, never given twice.
assert len(disks) == 13, sorted(disks)
said = expect_failure("no device or node 'nowhere'", driver, "disks",
                      names=[["x", "nowhere"]])
for known in ("first", "sata-format", "filtered", "old"):
    assert known in said, said
expect_failure("given twice", driver, "disks",
               names=[["x", "first"], ["x", "old"]])
expect_failure("two names, 'x' and 'y'", driver, "disks",
               names=[["x", "first"], ["y", "first-format"]])
expect_failure("no device or node ''", driver, "disks", names=[["x", ""]])

# A backup of somebody else puts a filter on the disk.
monitor("human-monitor-command", command_line=
        'qemu-io -d /machine/peripheral/first/virtio-backend "write 8M 8M"')
monitor("blockdev-add", driver="null-co", node_name="target", size=64 * MiB)
monitor("blockdev-backup", device="first-format", target="target", speed=1,
        sync="incremental", bitmap="kept", job_id="other")
disks = driver("disks")
check("first", node="first-format", persistent=True, reason=None)
assert disks["first"]["top"] != "first-format"
assert disks["first"]["bitmaps"]["kept"]["count"] >= 128 * KiB
assert "in use" in disks["first"]["bitmaps"]["kept"]["unusable"]
monitor("job-cancel", id="other")
driver.close()
