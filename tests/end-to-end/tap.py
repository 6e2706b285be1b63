# SPDX-License-Identifier: BSD-3-Clause
# Between a daemon and its monitor: ends one of them, or the connection, at a
# certain command.  See 'tap' in functions.sh.
#   tap.py LISTEN MONITOR ORDER-FILE
import json
import os
import select
import signal
import socket
import sys
import time

listen, monitor_path, order_path = sys.argv[1:]
# Commands that change nothing.
ASKING = ("query-", "x-debug-query-", "qom-get", "qom-list", "qmp_capabilities",
          "human-monitor-command")
decoder = json.JSONDecoder()


def messages(data):
    """Whole JSON values at the start of the text, with what is left of it."""
    found = []
    while data.strip():
        text = data.lstrip()
        try:
            message, end = decoder.raw_decode(text)
        except json.JSONDecodeError:
            return found, text
        found.append((message, text[:end] + "\n"))
        data = text[end:]
    return found, ""


class Order:
    """What is to be done, once."""

    def __init__(self):
        self.left = 0
        self.seen = None

    def read(self):
        try:
            status = os.stat(order_path)
        except FileNotFoundError:
            self.left = 0
            return
        if self.seen != status.st_ino:
            self.seen = status.st_ino
            number, self.action, self.argument = open(order_path).read().split()
            self.left = (int(number) + 1) // 2
            self.afterwards = int(number) % 2 == 1

    def counts(self, message):
        """Whether this command is the one."""
        name = message.get("execute", "")
        self.read()
        if self.left == 0 or name.startswith(ASKING):
            return False
        self.left -= 1
        self.name = name
        self.id = message.get("id")
        return self.left == 0

    def carry_out(self):
        with open(order_path + ".done", "w") as file:
            file.write(f"{self.name} {'after' if self.afterwards else 'before'}\n")
        if self.action == "kill":
            os.kill(int(self.argument), signal.SIGKILL)


def serve(client, monitor, order):
    """How it ended: "dropped" on purpose, or by whom."""
    pending = {client: "", monitor: ""}
    waiting = False
    while True:
        for source in select.select([client, monitor], [], [])[0]:
            try:
                data = source.recv(65536).decode()
            except ConnectionError:
                data = ""
            if not data:
                return "client" if source is client else "monitor"
            found, pending[source] = messages(pending[source] + data)
            for message, text in found:
                done = waiting and source is monitor and \
                    message.get("id", False) == order.id
                if source is client and order.counts(message):
                    waiting = order.afterwards
                    done = not waiting
                if done:
                    order.carry_out()
                    if order.action == "drop":
                        return "dropped"
                    continue
                try:
                    (monitor if source is client else client).sendall(text.encode())
                except OSError:
                    return "monitor" if source is client else "client"


order = Order()
while True:
    # As long as there is a monitor: where it has gone nobody listens here.
    while not os.path.exists(monitor_path):
        time.sleep(0.02)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(listen)
    listener.listen()
    listener.settimeout(0.05)
    end = "client"
    while end == "client" and os.path.exists(monitor_path):
        try:
            client, _ = listener.accept()
        except socket.timeout:
            continue
        monitor = socket.socket(socket.AF_UNIX)
        try:
            monitor.connect(monitor_path)
            end = serve(client, monitor, order)
        except OSError:
            end = "monitor"
        if end != "client":
            listener.close()
        client.close()
        monitor.close()
    listener.close()
    if end == "monitor" and os.path.exists(monitor_path):
        os.unlink(monitor_path)
    if end == "dropped":
        time.sleep(float(order.argument))
    os.unlink(listen)
