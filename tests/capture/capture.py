# SPDX-License-Identifier: BSD-3-Clause
"""What the tests of this folder share: the program under test by its driver, a
monitor of the test's own, guest writes with a truth kept beside, NBD."""

import json
import os
import socket
import subprocess
import time

DRIVER = os.environ["builddir"] + "/tests/capture/driver"
TMP = os.environ["tmp"]
KiB = 1024
MiB = 1024 * KiB


class Failed(Exception):
    """The program under test, or QEMU, reported an error."""


class Driver:
    """The program under test, connected to the monitor for it."""

    def __init__(self, path=TMP + "/qmp.sock"):
        self.process = subprocess.Popen(
            [DRIVER, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True)
        try:
            self.answer()
        except Failed:
            self.process.wait(timeout=20)
            raise

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError("the driver is gone: %s" % self.process.wait())
        answer = json.loads(line)
        if "error" in answer:
            failed = Failed(answer["error"])
            failed.kind = answer["kind"]
            raise failed
        return answer["return"]

    def send(self, action, **members):
        self.process.stdin.write(json.dumps({"do": action, **members}) + "\n")
        self.process.stdin.flush()

    def __call__(self, action, **members):
        self.send(action, **members)
        return self.answer()

    def close(self):
        self.process.stdin.close()
        status = self.process.wait(timeout=60)
        assert status == 0, "the driver ended with %d" % status


class Monitor:
    """The test's own monitor: independent of the program under test."""

    def __init__(self, path=TMP + "/monitor.sock"):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(60)
        self.socket.connect(path)
        self.stream = self.socket.makefile("rw")
        self.stream.readline()
        self("qmp_capabilities")

    def __call__(self, command, **arguments):
        named = {k.replace("_", "-"): v for k, v in arguments.items()}
        self.stream.write(
            json.dumps({"execute": command, "arguments": named}) + "\n")
        self.stream.flush()
        while True:
            line = self.stream.readline()
            if not line:
                raise Failed("QEMU closed the monitor during " + command)
            answer = json.loads(line)
            if "error" in answer:
                raise Failed(command + ": " + answer["error"]["desc"])
            if "return" in answer:
                return answer["return"]

    def version(self):
        version = self("query-version")["qemu"]
        return version["major"] * 1000 + version["minor"]

    def state(self):
        """All that a backup could leave behind in QEMU."""
        nodes = {}
        for node in self("query-named-block-nodes", flat=True):
            bitmaps = {}
            for bitmap in node.get("dirty-bitmaps", []):
                # What is dirty may grow, by the guest; the rest must not change.
                bitmaps[bitmap.get("name")] = [
                    bitmap["recording"], bitmap["persistent"],
                    bitmap["granularity"], bitmap["busy"]]
            nodes[node["node-name"]] = [node["drv"], node["ro"], bitmaps]
        used = {b["qdev"]: b.get("inserted", {}).get("node-name")
                for b in self("query-block") if "qdev" in b}
        return {
            "nodes": nodes, "used": used,
            "jobs": self("query-jobs"),
            "block-jobs": self("query-block-jobs"),
            "exports": self("query-block-exports"),
            "running": self("query-status")["running"],
        }


class Disk:
    """A disk of the running QEMU with the bytes that it must have."""

    def __init__(self, monitor, name, qdev, size):
        self.monitor, self.name, self.qdev = monitor, name, qdev
        self.truth = bytearray(size)
        self.changed = {}  # bitmap name -> set of 64 KiB blocks written since

    def write(self, offset, size, byte):
        self.command("write -P %#x %d %d" % (byte, offset, size))
        self.truth[offset:offset + size] = bytes([byte]) * size
        self.note(offset, size)

    def discard(self, offset, size):
        """Whole clusters.  Written at once again, since a filter may swallow
        the discard.  (Not 'write -z': in an iothread of QEMU 7.2 qemu-io's own
        loop for it aborts.)"""
        self.command("discard %d %d" % (offset, size))
        self.write(offset, size // 2, 0)
        self.write(offset + size // 2, size - size // 2, 0xdd)

    def note(self, offset, size):
        for blocks in self.changed.values():
            blocks.update(range(offset // (64 * KiB),
                                (offset + size - 1) // (64 * KiB) + 1))

    def command(self, command):
        # As the guest does it: through the filters under the device.
        self.monitor("human-monitor-command",
                     command_line='qemu-io -d %s "%s"' % (self.qdev, command))


def dirty_blocks(extents, granularity=64 * KiB):
    """The blocks of a dirty bitmap's extents [(offset, length, flags)]."""
    blocks = set()
    for offset, length, flags in extents:
        if flags & 1:
            blocks.update(range(offset // granularity,
                                (offset + length - 1) // granularity + 1))
    return blocks


class Export:
    """An NBD connection that never closes first: QEMU 7.2 would abort."""

    def __init__(self, path, name, contexts=("base:allocation",)):
        import nbd
        self.handle = nbd.NBD()
        for context in contexts:
            self.handle.add_meta_context(context)
        self.handle.set_export_name(name)
        self.handle.connect_unix(path)
        self.size = self.handle.get_size()

    def read(self, chunk=128 * KiB):
        data = bytearray()
        for offset in range(0, self.size, chunk):
            data += self.handle.pread(min(chunk, self.size - offset), offset)
        return data

    def extents(self, context):
        found = []
        offset = 0
        while offset < self.size:
            got = []

            def extent(name, at, entries, error):
                if name == context:
                    position = at
                    for i in range(0, len(entries), 2):
                        got.append((position, entries[i], entries[i + 1]))
                        position += entries[i]

            self.handle.block_status(min(self.size - offset, 1 << 30), offset,
                                     extent)
            assert got, "no answer for context " + context
            found += got
            offset = got[-1][0] + got[-1][1]
        return found


def wait_until(condition, seconds=20):
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, "waited in vain"
        time.sleep(0.02)


def expect_failure(text, function, *args, **named):
    try:
        function(*args, **named)
    except Failed as failed:
        assert text in str(failed), \
            "said %r, should have said %r" % (str(failed), text)
        return str(failed)
    raise AssertionError("succeeded, should have failed with %r" % text)
