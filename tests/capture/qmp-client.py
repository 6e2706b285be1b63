# SPDX-License-Identifier: BSD-3-Clause
"""The QMP client: against the running QEMU, and against servers that are none.

qmp-client.py QEMU-PID"""

import sys
import threading
import time

from capture import *

SERVER = TMP + "/server.sock"
CONFLICT, INVALID, QEMU = 3, 1, 5
GREETING = (b'{"QMP": {"version": {"qemu": {"micro": 1, "minor": 2, "major": 7},'
            b' "package": ""}, "capabilities": ["oob"]}}\r\n')


def no_connection(text, path, kind):
    try:
        Driver(path)
    except Failed as failed:
        assert text in str(failed) and path in str(failed), str(failed)
        assert failed.kind == kind, (failed.kind, str(failed))
        return
    raise AssertionError("connected; should have said %r" % text)


def serve(conversation, clients=1):
    """A server for so many clients, one after the other; 'conversation' gets the
    connection."""
    if os.path.exists(SERVER):
        os.unlink(SERVER)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(SERVER)
    listener.listen(1)

    def run():
        for _ in range(clients):
            connection, _ = listener.accept()
            with connection:
                try:
                    conversation(connection)
                except OSError:
                    pass  # the client went: it has seen enough
        listener.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


def says(data):
    """A server that says this and waits until the client goes."""
    def conversation(connection):
        connection.sendall(data)
        connection.recv(1)
    return conversation


def not_there():
    no_connection("does not exist", TMP + "/no.sock", QEMU)
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(TMP + "/stale.sock")
    stale.close()
    no_connection("nobody listens", TMP + "/stale.sock", QEMU)
    no_connection("longer than", TMP + "/" + "x" * 120, INVALID)


def not_qmp():
    for data in (b"NBDMAGICIHAVEOPT\0\3", b"SSH-2.0-x\r\n", b'"text"\n', b"7\n",
                 b"null\n", b"[]\n", b'{"no": "greeting"}\n', b"\0\0\0",
                 b'{"QMP": {"version": {"qemu": {"minor": 2, "micro": 1,',
                 b"[" * 100000, b"{" + b" " * (17 << 20)):
        whole = data.count(b"{") <= data.count(b"}") or len(data) > 1 << 20
        thread = serve(says(data) if whole else lambda c: c.sendall(data))
        no_connection("not QMP", SERVER, INVALID if whole else QEMU)
        thread.join(20)
    for version in (b'{"QMP": {}}', b'{"QMP": {"version": {"qemu": []}}}',
                    b'{"QMP": 3}',
                    b'{"QMP": {"version": {"qemu": {"major": -1}}}}'):
        thread = serve(says(version))
        try:
            Driver(SERVER)
            raise AssertionError("took %r for QMP" % version)
        except Failed as failed:
            assert "names no version" in str(failed), str(failed)
        thread.join(20)
    thread = serve(lambda connection: None)
    no_connection("closed the connection", SERVER, QEMU)
    thread.join(20)
    # One that stays silent is as one that serves somebody else.
    thread = serve(says(b""))
    no_connection("monitor busy", SERVER, CONFLICT)
    thread.join(20)


def answer(connection, request, **members):
    members["id"] = request["id"]
    connection.sendall(json.dumps(members).encode() + b"\r\n")


def late_and_odd_answers():
    """In any order, with unknown ids, too late; and the connection goes on."""
    def conversation(connection):
        stream = connection.makefile("r")
        connection.sendall(GREETING)
        answer(connection, json.loads(stream.readline()), **{"return": {}})
        first, second = (json.loads(stream.readline()) for _ in range(2))
        connection.sendall(b'{"return": "whose?"}{"return": 1, "id": "x"}\n')
        answer(connection, {"id": 999999}, **{"return": "nobody's"})
        answer(connection, second, **{"return": "second"})
        answer(connection, first, **{"return": "first"})
        answer(connection, json.loads(stream.readline()), odd=1)
        answer(connection, json.loads(stream.readline()), error={})
        slow = json.loads(stream.readline())  # no answer: the limit passes
        last = json.loads(stream.readline())
        answer(connection, slow, **{"return": "too late"})
        answer(connection, last, **{"return": "last"})
        stream.readline()

    thread = serve(conversation)
    driver = Driver(SERVER)
    got = driver("pipeline", commands=[["a", None], ["b", None]])
    assert got["results"] == ["first", "second"], got
    for _ in range(2):
        expect_failure("neither return nor error", driver, "execute",
                       command="a")
    start = time.monotonic()
    expect_failure("slow: QEMU did not answer", driver, "execute",
                   command="slow")
    assert 29 < time.monotonic() - start < 40
    assert driver("execute", command="last") == "last"
    driver.close()
    thread.join(20)


def not_qmp_any_more():
    def conversation(connection):
        stream = connection.makefile("r")
        connection.sendall(GREETING)
        answer(connection, json.loads(stream.readline()), **{"return": {}})
        stream.readline()
        connection.sendall(b"}garbage\n")
        connection.recv(1)

    thread = serve(conversation)
    driver = Driver(SERVER)
    for _ in range(2):
        expect_failure("sent what is not QMP", driver, "execute", command="a")
    assert "" in driver("events")
    driver.close()
    thread.join(20)


def one_schema():
    """The schema of a QEMU is asked for once, that of another one on the same
    socket anew, and no answer is not a no."""
    asked = []

    def qemu(*commands):
        schema = [{"name": name, "meta-type": "command", "arg-type": "0"}
                  for name in commands]

        def conversation(connection):
            connection.sendall(GREETING)
            for line in connection.makefile("r"):
                request = json.loads(line)
                asked.append(request["execute"])
                if request["execute"] == "qmp_capabilities":
                    answer(connection, request, **{"return": {}})
                elif commands:
                    answer(connection, request, **{"return": schema})
                else:
                    answer(connection, request, error={"class": "GenericError",
                                                       "desc": "not now"})
        return conversation

    def can(command):
        return driver("can-at", path=SERVER, command=command)

    driver = Driver()
    thread = serve(qemu("old"), clients=3)
    assert can("old") and can("old") and not can("new")
    thread.join(20)
    assert asked.count("query-qmp-schema") == 2, asked
    # Started again: the socket is made anew.
    thread = serve(qemu("new"), clients=3)
    assert not can("old") and can("new") and can("new")
    thread.join(20)
    assert asked.count("query-qmp-schema") == 4, asked
    thread = serve(qemu())
    expect_failure("query-qmp-schema: not now", can, "new")
    thread.join(20)
    driver.close()


def another_behind():
    """What listens stays, and another QEMU is behind it by now: only its greeting
    tells."""
    minors = iter((2, 3, 3))
    schemas = {2: ["old"], 3: ["new"]}

    def conversation(connection):
        minor = next(minors)
        connection.sendall(GREETING.replace(b'"minor": 2', b'"minor": %d' % minor))
        for line in connection.makefile("r"):
            request = json.loads(line)
            value = {} if request["execute"] == "qmp_capabilities" else [
                {"name": name, "meta-type": "command"} for name in schemas[minor]]
            answer(connection, request, **{"return": value})

    thread = serve(conversation, clients=3)
    driver = Driver()
    for known in (True, False, False):
        assert driver("can-at", path=SERVER, command="old") is known
    driver.close()
    thread.join(20)


def with_qemu(pid):
    monitor = Monitor()
    driver = Driver()
    no_connection("monitor busy", TMP + "/qmp.sock", CONFLICT)
    version = monitor("query-version")["qemu"]
    assert driver("version") == {
        "number": version["major"] * 1000 + version["minor"],
        "text": "%(major)d.%(minor)d.%(micro)d" % version}
    assert driver("execute", command="query-status") == monitor("query-status")
    expect_failure("no-such: The command no-such has not been found", driver,
                   "execute", command="no-such")
    expect_failure("qom-get: ", driver, "execute", command="qom-get",
                   arguments={"path": "/nowhere", "property": "x"})
    odd = 'name "with" \\ all\n\u00e4\U0001f600'
    expect_failure("name \"with\" \\", driver, "execute", command="qom-list",
                   arguments={"path": odd})

    # More at once than QEMU queues, with large answers, one wrong among them.
    commands = [["query-commands", None], ["qom-list", {"path": "/machine"}]]
    commands = (commands * 25)[:50]
    commands[20] = ["no-such", {}]
    got = driver("pipeline", commands=commands)
    assert got["failed"] == 20 and "no-such" in got["error"], got
    assert [r is None for r in got["results"]] == [i == 20 for i in range(50)]
    assert len(got["results"][0]) == len(monitor("query-commands"))

    for known, command, variant, member in (
            (True, "query-block", None, None),
            (True, "blockdev-backup", None, "filter-node-name"),
            (True, "blockdev-add", "copy-before-write", "target"),
            (True, "blockdev-add", "copy-before-write", None),
            (True, "block-export-add", "nbd", "bitmaps"),
            (False, "no-such", None, None),
            (False, "RESUME", None, None),
            (False, "query-block", None, "x"),
            (False, "blockdev-add", "no-such", None),
            (False, "blockdev-add", "copy-before-write", "no-such"),
            (version["major"] >= 11, "blockdev-backup", None, "on-cbw-error")):
        if (command, member) == ("blockdev-backup", "on-cbw-error") and \
                version["major"] == 10:
            continue  # from 10.1 on
        assert driver("can", command=command, variant=variant,
                      member=member) is known, (command, variant, member)

    driver("mark")
    monitor("cont")
    driver("wait", event="RESUME", timeout=20000)
    expect_failure("did not say RESUME", driver, "wait", event="RESUME",
                   timeout=100)  # each is found once
    monitor("blockdev-add", driver="null-co", node_name="n", size=1 << 20)
    monitor("blockdev-add", driver="null-co", node_name="m", size=1 << 20)
    monitor("blockdev-backup", device="n", target="m", sync="full",
            job_id="one")
    data = driver("wait", event="BLOCK_JOB_COMPLETED", key="device",
                  value="one", timeout=20000)
    assert data["len"] == 1 << 20, data
    assert "RESUME" in driver("events")

    # Ends while a command waits for its answer.
    os.kill(pid, 19)
    driver.send("execute", command="query-block")
    time.sleep(0.3)  # so that it waits; if not, the answer is the same
    start = time.monotonic()
    os.kill(pid, 9)
    expect_failure("closed the monitor", driver.answer)
    assert time.monotonic() - start < 10
    for _ in range(3):  # no signal, no hang
        expect_failure("query-block: ", driver, "execute",
                       command="query-block")
    expect_failure("closed the monitor", driver, "wait", event="STOP",
                   timeout=20000)
    # Who waits is woken before the handler is told.
    wait_until(lambda: driver("events")[-1] == "")
    driver.close()


not_there()
not_qmp()
not_qmp_any_more()
one_schema()
another_behind()
with_qemu(int(sys.argv[1]))
late_and_odd_answers()
