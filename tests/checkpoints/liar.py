# SPDX-License-Identifier: BSD-3-Clause
# Between a monitor's client and QEMU, for what a real QEMU cannot be made to do:
#   liar.py LISTEN QEMU MODE-FILE
# The first word of MODE-FILE says what becomes of a transaction with the bitmap
# action in its second word:
#   honest   it is passed on
#   nothing  success is reported, and nothing done
#   half     success is reported, and only the first action done
#   lost     it is done, but the connection is lost before the answer
#   refused  its last action is about a node that does not exist
import json
import os
import socket
import sys
import threading

listen, qemu, mode_file = sys.argv[1:]


def change(line):
    """What to send to QEMU instead of the line (None: nothing), the answer to
    send at once (None: QEMU's), and whether the connection is lost after it."""
    mode, action = open(mode_file).read().split()
    command = json.loads(line)
    actions = command.get("arguments", {}).get("actions", [])
    if (mode == "honest" or command.get("execute") != "transaction"
            or not actions or actions[0]["type"] != action):
        return line, None, False
    if mode == "nothing":
        answer = {"return": {}}
        if "id" in command:
            answer["id"] = command["id"]
        return None, json.dumps(answer).encode() + b"\r\n", False
    if mode == "half":
        del actions[1:]
    elif mode == "refused":
        actions[-1]["data"]["node"] = "no-such-node"
    return json.dumps(command).encode() + b"\r\n", None, mode == "lost"


def upwards(client, server, lost):
    for line in client.makefile("rb"):
        if not line.strip():
            continue
        to_qemu, to_client, cut = change(line)
        if cut:
            lost.set()
        if to_qemu:
            server.sendall(to_qemu)
        if to_client:
            client.sendall(to_client)
    try:
        server.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def serve(client):
    server = socket.socket(socket.AF_UNIX)
    server.connect(qemu)
    lost = threading.Event()
    threading.Thread(target=upwards, args=(client, server, lost), daemon=True).start()
    for line in server.makefile("rb"):
        if lost.is_set() and b'"return"' in line:
            break
        try:
            client.sendall(line)
        except OSError:
            break
    for end in client, server:
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        end.close()


def guarded(client):
    try:
        serve(client)
    except OSError:
        client.close()


listener = socket.socket(socket.AF_UNIX)
listener.bind(listen + ".new")
listener.listen()
os.rename(listen + ".new", listen)
while True:
    connection, _ = listener.accept()
    threading.Thread(target=guarded, args=(connection,), daemon=True).start()
