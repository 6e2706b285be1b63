# SPDX-License-Identifier: BSD-3-Clause
"""Between a monitor's client and a real QEMU, for a fault at one command:
    qmp-proxy.py LISTEN QEMU RULE-FILE LOG
The words of RULE-FILE, "ACTION WHICH SERIAL", say what becomes of a command:
WHICH is its number since the rule was set, which a new SERIAL does, its name, or
"all" of them; each command is a line "NUMBER NAME" in LOG, which a rule empties.
    pass       nothing
    error      an error is the answer, and QEMU never sees it
    deaf       no answer, and QEMU never sees it
    lost       QEMU executes it, and its answer is lost
    hold       QEMU sees it when the rule is another one
    close      the connection is closed, and QEMU never sees it
    close-after  QEMU executes it, and the connection is closed
    twice      it is answered twice
    odd        each answer comes late and twice, in front of it one to nobody and an
               error without an id, and where there are several, the last comes first
"""
import json
import os
import socket
import sys
import threading
import time

listen, qemu, rule_file, log_file = sys.argv[1:]
lock = threading.Lock()
current = None
count = 0


def rule():
    return open(rule_file).read().split()


def next_action(name):
    """What is to become of this command."""
    global current, count
    with lock:
        now = rule()
        if now != current:
            current, count = now, 0
            open(log_file, "w").close()
        count += 1
        with open(log_file, "a") as log:
            log.write("%d %s\n" % (count, name))
        action, which = now[:2]
        return action if which in ("all", name, str(count)) else "pass"


def wait_for_another_rule():
    before = rule()
    while rule() == before:
        time.sleep(0.02)


class Connection:
    def __init__(self, client):
        self.client = client
        self.server = socket.socket(socket.AF_UNIX)
        self.server.connect(qemu)
        self.actions = {}  # of commands that QEMU has, by id
        self.sending = threading.Lock()
        self.kept = []  # odd answers that wait for others

    def close(self):
        for end in self.client, self.server:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def tell_client(self, line):
        with self.sending:
            self.client.sendall(line)

    def upwards(self):
        for line in self.client.makefile("rb"):
            if not line.strip():
                continue
            command = json.loads(line)
            action = next_action(command["execute"])
            number = command.get("id")
            if action == "close":
                return self.close()
            if action == "hold":
                wait_for_another_rule()
            if action == "error":
                answer = {"error": {"class": "GenericError", "desc": "a fault that was made"}, "id": number}
                self.tell_client(json.dumps(answer).encode() + b"\r\n")
            elif action != "deaf":
                self.actions[number] = action
                self.server.sendall(line)
        self.close()

    def odd(self, line):
        """Later, when all that is under way has been answered."""
        self.kept.append(line)
        if self.actions:
            return
        time.sleep(0.02)
        for kept in reversed(self.kept):
            self.tell_client(b'{"return": [1], "id": 987654321}\r\n')
            self.tell_client(b'{"error": {"class": "GenericError", "desc": "odd"}}\r\n')
            self.tell_client(kept)
            self.tell_client(kept)
        self.kept = []

    def downwards(self):
        for line in self.server.makefile("rb"):
            answer = json.loads(line)
            action = self.actions.pop(answer.get("id"), "pass") if "event" not in answer else "pass"
            if action == "close-after":
                break
            if action == "odd":
                self.odd(line)
            elif action != "lost":
                self.tell_client(line)
            if action == "twice":
                self.tell_client(line)
        self.close()

    def serve(self):
        up = threading.Thread(target=guarded, args=(self.upwards,), daemon=True)
        up.start()
        guarded(self.downwards)
        self.close()
        up.join()
        self.client.close()
        self.server.close()


def guarded(function):
    try:
        function()
    except (OSError, ValueError):
        pass


def main():
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(listen + ".new")
    listener.listen()
    os.rename(listen + ".new", listen)
    while True:
        client, _ = listener.accept()
        threading.Thread(target=lambda c: guarded(Connection(c).serve),
                         args=(client,), daemon=True).start()


main()
