# SPDX-License-Identifier: BSD-3-Clause
# A guest agent that misbehaves as a real one cannot be made to:
#   agent.py SOCKET MODE-FILE LOG
# MODE-FILE says how, and is read for each command; each freeze and thaw is a line
# in LOG, with the time in microseconds.  Modes:
#   good        as a real one
#   silent      answers nothing
#   refusing    cannot freeze
#   slow        answers freeze only when the mode has changed, then is good
#   late-thaw   does not answer thaw until the mode has changed
#   wrong-id    answers a synchronization with another id first
#   no-id       answers a synchronization with another id only
#   garbage     says what is not JSON before and between all that it says
#   only-garbage
#   dies        closes the connection when it has frozen, and comes back
#   thawed      is thawed by somebody else in between
#   frozen      is frozen by somebody else
#   strange     answers without a number
import json
import os
import socket
import sys
import time

path, mode_file, log_file = sys.argv[1:]
frozen = False


def mode():
    return open(mode_file).read().strip()


def log(what):
    with open(log_file, "a") as log:
        log.write("%s %d\n" % (what, time.time() * 1e6))


def wait_for_change(name):
    while mode() == name:
        time.sleep(0.02)


def freeze(send):
    global frozen
    if mode() == "refusing":
        return {"error": {"class": "GenericError", "desc": "cannot freeze here"}}
    frozen = True
    log("freeze")
    if mode() == "slow":
        wait_for_change("slow")
    if mode() == "dies":
        return None
    if mode() == "thawed":
        frozen = False
    return {"return": "many" if mode() == "strange" else 2}


def thaw(send):
    global frozen
    if mode() == "late-thaw":
        wait_for_change("late-thaw")
    count = 2 if frozen else 0
    frozen = False
    log("thaw")
    return {"return": count}


def synchronize(arguments, send):
    name, number = mode(), arguments["id"]
    if name in ("wrong-id", "no-id"):
        send(b"\xff", {"return": number ^ 1})
    if name == "garbage":
        send(b"}{ nonsense \x00\xff\xff{]", None)
    if name == "no-id":
        return None
    send(b"\xff", {"return": number})


def status():
    return {"return": "frozen" if frozen or mode() == "frozen" else "thawed"}


def serve(connection):
    def send(prefix, answer):
        text = b"" if answer is None else json.dumps(answer).encode() + b"\n"
        connection.sendall(prefix + text)

    for line in connection.makefile("rb"):
        name = mode()
        # What came before the delimiter is forgotten.
        command = json.loads(line.rpartition(b"\xff")[2])
        if name == "silent":
            continue
        if name == "only-garbage":
            send(b"\xff]]]] no agent\n" * 100, None)
            continue
        what = command["execute"]
        if what == "guest-sync-delimited":
            synchronize(command["arguments"], send)
        elif what == "guest-fsfreeze-status":
            send(b"", status())
        else:
            answer = {"guest-fsfreeze-freeze": freeze,
                      "guest-fsfreeze-thaw": thaw}[what](send)
            if answer is None:
                return
            send(b"", answer)


listener = socket.socket(socket.AF_UNIX)
listener.bind(path + ".new")
listener.listen()
os.rename(path + ".new", path)
while True:
    connection, _ = listener.accept()
    try:
        serve(connection)
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
    connection.close()
