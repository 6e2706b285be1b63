# SPDX-License-Identifier: BSD-3-Clause
"""A fault at each command of a backup's begin, and at each of its end, by the proxy
in between: whatever the daemon answers, in the end QEMU, files, processes and
catalogue are as before, or the checkpoint is committed whole.

faults.py ACTION [METHOD]    one of qmp-proxy.py's

FAULTS=all in the environment: at each command indeed; without it, some actions only
at every second to fourth one, each at others."""

import http.client
import itertools
import json
import os
import sys

sys.path.insert(0, os.environ["srcdir"] + "/tests/capture")
from capture import *

action = sys.argv[1]
FIRST, STEP = {"error": (1, 1), "lost": (1, 4), "close-after": (2, 2), "deaf": (3, 4),
               "close": (2, 3), "twice": (3, 3), "odd": (1, 1)}[action]
if os.environ.get("FAULTS") == "all":
    FIRST = STEP = 1
DOMAIN = "/v1/domains/web"
HOME = os.environ["PULLBACK_HOME"]
serial = 0
monitor = Monitor()


class Daemon(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(120)
        self.sock.connect(HOME + "/run/pullbackd.sock")


def request(method, path, body=None):
    daemon = Daemon("pullbackd")
    daemon.request(method, path, json.dumps(body) if body else None)
    answer = daemon.getresponse()
    text = json.loads(answer.read())
    daemon.close()
    return answer.status, text


def proxy(what, which="all"):
    global serial
    serial += 1
    with open(TMP + "/proxy.rule.new", "w") as rule:
        rule.write("%s %s %d\n" % (what, which, serial))
    open(TMP + "/proxy.commands", "w").close()
    os.rename(TMP + "/proxy.rule.new", TMP + "/proxy.rule")


def commands():
    with open(TMP + "/proxy.commands") as log:
        return [line.split()[1] for line in log]


def bitmaps(name):
    """How many disks have it."""
    return sum(name in node[2] for node in monitor.state()["nodes"].values())


def server_runs():
    """QEMU tells by nothing else."""
    path = TMP + "/probe.sock"
    try:
        monitor("nbd-server-start", addr={"type": "unix", "data": {"path": path}})
    except Failed as failed:
        assert "already running" in str(failed), failed
        return True
    monitor("nbd-server-stop")
    return False


def processes():
    """Of a data path, by the folder of its sockets."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/cmdline" % pid, "rb") as line:
                if (HOME + "/run/web/").encode() in line.read():
                    found.append(pid)
        except OSError:
            pass
    return found


def files():
    return sorted(os.path.join(folder, name)
                  for folder, _, names in os.walk(HOME) for name in names
                  if not name.endswith(".log"))


def everything():
    return {"qemu": monitor.state(), "files": files(), "processes": processes(),
            "server": server_runs()}


def checkpoints():
    return sorted(c["name"] for c in
                  request("GET", DOMAIN + "/checkpoints")[1]["checkpoints"])


def settle():
    """What a fault left is taken down by the next operations, without faults."""
    proxy("pass")
    for _ in range(3):
        status, said = request("GET", DOMAIN + "/backup")
        if status == 404:
            break
        request("DELETE", DOMAIN + "/backup?abort=true")
    # QEMU may still be at work for a connection that was closed.
    wait_until(lambda: request("GET", DOMAIN)[0] == 200)


def check(before, what, said):
    wait_until(lambda: not processes())
    after = everything()
    assert after == before, "%s: %s\nafterwards %s\nbefore %s" % (
        what, said, after, before)


def begin():
    return request("POST", DOMAIN + "/backup", {
        "checkpoint_xml": "<domaincheckpoint><name>c</name></domaincheckpoint>",
        "backup_xml": "<domainbackup mode='pull'><incremental>base</incremental></domainbackup>",
        **options})


def faulty(number, function):
    """Whether the function got as far as that command, and what it answered."""
    proxy(action, number)
    status, said = function()
    seen = commands()
    return number <= len(seen), status, said, seen[min(number, len(seen)) - 1]


def begins():
    before = everything()
    for number in itertools.count(FIRST, STEP):
        reached, status, said, name = faulty(number, begin)
        what = "%s at command %d of a begin, %s" % (action, number, name)
        assert status == 201 or "error" in said, (what, said)
        if action == "twice":
            assert status == 201, (what, said)
        print(what, status, said.get("error", {}).get("message"))
        settle()
        assert checkpoints() == ["base"], (what, said, checkpoints())
        check(before, what, said)
        if not reached:
            assert status == 201, (what, said)
            return


def ends(abort):
    before = everything()
    for number in itertools.count(FIRST, STEP):
        proxy("pass")
        status, said = begin()
        assert status == 201, said
        reached, status, said, name = faulty(
            number, lambda: request("DELETE", DOMAIN + "/backup?abort=" + abort))
        what = "%s at command %d of an end (abort=%s), %s" % (
            action, number, abort, name)
        print(what, status, said.get("error", {}).get("message"))
        settle()
        committed = "c" in checkpoints()
        # What was said to be committed is, and all or nothing of it is there.
        assert committed >= (status == 200 and said["committed"]), (what, said)
        assert not (abort == "true" and committed), (what, said)
        assert bitmaps("c") == 2 * committed, (what, said, bitmaps("c"))
        if committed:
            status, answer = request("DELETE", DOMAIN + "/checkpoints/c")
            assert status == 200, (what, answer)
        check(before, what, said)
        if not reached:
            return


def odd():
    """Nothing fails for answers that are late, repeated, out of order or odd."""
    before = everything()
    for abort in "false", "true":
        proxy("odd")
        status, said = begin()
        assert status == 201, said
        status, said = request("DELETE", DOMAIN + "/backup?abort=" + abort)
        assert status == 200, said
        assert said["committed"] == (abort == "false"), said
        settle()
        if abort == "false":
            assert request("DELETE", DOMAIN + "/checkpoints/c")[0] == 200
        check(before, "odd", said)


options = {}
if len(sys.argv) > 2:
    options["method"] = sys.argv[2]
proxy("pass")
status, said = request("POST", DOMAIN + "/checkpoints", {
    "xml": "<domaincheckpoint><name>base</name></domaincheckpoint>"})
assert status == 201, said
if action == "odd":
    odd()
else:
    begins()
    ends("false")
    ends("true")
