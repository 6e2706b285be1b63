# SPDX-License-Identifier: BSD-3-Clause
"""Lets a begin fail at each step at which a real QEMU can be made to, and
compares QEMU and the folder with what they were before.

rollback.py METHOD"""

import subprocess
import sys

from capture import *

method = sys.argv[1]
monitor = Monitor()
driver = Driver()
socket_path = TMP + "/nbd.sock"
NAMES = ("vda", "vdb", "sda")
CONFLICT, QEMU, SYSTEM = 3, 5, 6


def disk(name, **changes):
    return {"disk": name, "export": name, "new": "new",
            "scratch": "%s/%s.scratch" % (TMP, name),
            "maps": [["monday", "recording"]], **changes}


def begin(first={}, second={}, **changes):
    request = {"method": method, "job": "cut", "socket": socket_path,
               "disks": [disk("vda", **first), disk("vdb", **second),
                         disk("sda")], **changes}
    return driver("begin", **request)


def refused(text, first={}, second={}, kind=None, **changes):
    before, files = monitor.state(), sorted(os.listdir(TMP))
    try:
        begin(first, second, **changes)
        raise AssertionError("succeeded, should have said %r" % text)
    except Failed as failed:
        assert text in str(failed), \
            "said %r, should have said %r" % (str(failed), text)
        assert kind in (None, failed.kind), (failed.kind, str(failed))
        print("as it should: %s" % failed)
    after = monitor.state()
    assert after == before, "left behind:\n%s\nbefore:\n%s" % (after, before)
    left = set(os.listdir(TMP)) - set(files)
    assert not left, "files left behind: %s" % left


def all_failures():
    missing = TMP + "/no-such-folder/"
    refused("is its folder there", second={"scratch": missing + "x"}, kind=SYSTEM)
    refused("nbd-server-start", socket=missing + "nbd.sock", kind=QEMU)

    with open(TMP + "/vdb.scratch", "w") as precious:
        precious.write("precious")
    refused("remove it if no backup", kind=CONFLICT)
    assert open(TMP + "/vdb.scratch").read() == "precious"
    os.unlink(TMP + "/vdb.scratch")

    other = {"type": "unix", "data": {"path": TMP + "/other.sock"}}
    monitor("nbd-server-start", addr=other)
    refused("in use by somebody else", kind=CONFLICT)
    socket.socket(socket.AF_UNIX).connect(TMP + "/other.sock")
    monitor("nbd-server-stop")

    monitor("block-dirty-bitmap-add", node="vdb-format", name="new")
    refused("Bitmap already exists")
    monitor("block-dirty-bitmap-remove", node="vdb-format", name="new")

    # After the cut: two frozen maps, two exports of one name.
    refused("Bitmap already exists", second={
        "maps": [["monday", "recording"], ["monday", "recording"]]})
    refused("disk 'vdb'", second={"export": "vda"})
    refused("missing", second={"maps": [["monday", "no-such"]]})
    refused("'vda' is asked for twice", second={"disk": "vda"})

    # A node of the name that is to be made is there already.
    parts = {"overlay": ["file", "overlay", "f"],
             "filter": ["file", "f", "a"],
             "transaction": ["file", "f", "a"]}[method]
    for part in parts:
        monitor("blockdev-add", driver="null-co", node_name="cut-1-" + part)
        refused("cut-1-" + part)
        monitor("blockdev-del", node_name="cut-1-" + part)

    if method != "filter":
        # A job of the name is there already: one that waits to be dismissed.
        monitor("blockdev-create", job_id="cut-1", options={
            "driver": "file", "filename": TMP + "/created", "size": 512})
        wait_until(lambda: monitor("query-jobs")[0]["status"] == "concluded")
        refused("cut-1")
        monitor("job-dismiss", id="cut-1")


def bitmap_gone_meanwhile():
    """What the inventory knew is not so any more."""
    driver("inventory")
    monitor("block-dirty-bitmap-remove", node="vdb-format", name="recording")
    refused("recording")
    monitor("block-dirty-bitmap-add", node="vdb-format", name="recording")


def works():
    before = monitor.state()
    assert begin()["method"] == method
    driver("end")  # without stop-exports: it is done there, too
    driver("free")
    assert monitor.state() == before


def device_gone_meanwhile():
    """The third disk's device goes: in the pause its filter cannot be set."""
    driver("inventory")
    monitor("device_del", id="sda")
    wait_until(lambda: not any(b.get("qdev", "").endswith("sda")
                               for b in monitor("query-block")))
    if method == "filter":
        refused("qom-set")
    else:
        begin()  # its node is there still
        driver("end")
        driver("free")


def killed_in_between(pid):
    """QEMU does not answer, then ends: the begin fails, the files go."""
    os.kill(pid, 19)
    driver.send("begin", method=method, job="cut", socket=socket_path,
                disks=[disk("vda"), disk("vdb")])
    # Killed while the begin waits for an answer.
    subprocess.run(["sleep", "0.5"], check=True)
    os.kill(pid, 9)
    expect_failure("closed the monitor", driver.answer)
    assert not [f for f in os.listdir(TMP) if f.endswith(".scratch")]


for name in NAMES:
    monitor("block-dirty-bitmap-add", node=name + "-format", name="recording",
            persistent=True)
all_failures()
monitor("cont")
all_failures()
bitmap_gone_meanwhile()
works()
device_gone_meanwhile()
assert monitor("query-status")["running"]
killed_in_between(int(sys.argv[2]))
driver.close()
