#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""An NBD server that answers block status by a script: what a real QEMU does
only in a race, or never.

scripted-server.py SOCKET SCRIPT LOG serves the export vda, whose size and
contexts are those of the script, a JSON object:
  size        bytes
  contexts    name: list of [length, flags], from the beginning of the export
  per_reply   how many extents there are in a reply at most
  fault       "empty extent", "error" or "hang up": instead of a reply to the
              block status of context fault_in
  only_in     name of a context: a question beyond what its flags mark fails
Each question is written to LOG: context, offset, length.
"""

import json
import os
import socket
import struct
import sys
import threading

IHAVEOPT = 0x49484156454F5054
EINVAL, EIO = 22, 5
OPT_ABORT, OPT_LIST, OPT_INFO, OPT_GO, OPT_STRUCTURED = 2, 3, 6, 7, 8
OPT_LIST_META, OPT_SET_META = 9, 10
REP_ACK, REP_SERVER, REP_INFO, REP_META = 1, 2, 3, 4
CMD_READ, CMD_DISC, CMD_BLOCK_STATUS = 0, 2, 7

script = json.load(open(sys.argv[2]))
log = open(sys.argv[3], "w")


class Client:
    def __init__(self, sock):
        self.sock = sock
        self.contexts = []

    def take(self, count):
        data = b""
        while len(data) < count:
            piece = self.sock.recv(count - len(data))
            if not piece:
                raise EOFError
            data += piece
        return data

    def reply(self, option, kind, payload=b""):
        self.sock.sendall(struct.pack(">QIII", 0x3E889045565A9, option, kind,
                                      len(payload)) + payload)

    def negotiate(self):
        self.sock.sendall(b"NBDMAGIC" + struct.pack(">QH", IHAVEOPT, 3))
        self.take(4)
        while True:
            _, option, length = struct.unpack(">QII", self.take(16))
            data = self.take(length)
            if option == OPT_LIST:
                self.reply(option, REP_SERVER, struct.pack(">I", 3) + b"vda")
            elif option in (OPT_INFO, OPT_GO):
                self.reply(option, REP_INFO,
                           struct.pack(">HQH", 0, script["size"], 0x103))
            elif option in (OPT_LIST_META, OPT_SET_META):
                self.select(option, data)
            self.reply(option, REP_ACK)
            if option == OPT_ABORT:
                raise EOFError
            if option == OPT_GO:
                return

    def select(self, option, data):
        at = 4 + struct.unpack_from(">I", data)[0]
        count, = struct.unpack_from(">I", data, at)
        at += 4
        names = []
        for _ in range(count):
            length, = struct.unpack_from(">I", data, at)
            names.append(data[at + 4:at + 4 + length].decode())
            at += 4 + length
        if option == OPT_LIST_META and not names:
            names = list(script["contexts"])
        else:
            self.contexts = names
        for number, name in enumerate(names):
            self.reply(option, REP_META,
                       struct.pack(">I", number) + name.encode())

    def chunk(self, kind, cookie, payload):
        self.sock.sendall(struct.pack(">IHHQI", 0x668E33EF, 1, kind, cookie,
                                      len(payload)) + payload)

    def error(self, cookie, number):
        self.chunk(0x8001, cookie, struct.pack(">IH", number, 0))

    def serve(self):
        while True:
            _, _, command, cookie, offset, length = \
                struct.unpack(">IHHQQI", self.take(28))
            if command == CMD_DISC:
                raise EOFError
            if command == CMD_READ:
                self.chunk(1, cookie,
                           struct.pack(">Q", offset) + bytes(length))
            elif command == CMD_BLOCK_STATUS:
                self.block_status(cookie, offset, length)

    def block_status(self, cookie, offset, length):
        name, = self.contexts
        log.write("%s %d %d\n" % (name, offset, length))
        log.flush()
        if script.get("fault_in") == name:
            if script["fault"] == "hang up":
                raise EOFError
            if script["fault"] == "error":
                return self.error(cookie, EIO)
            return self.chunk(5, cookie, struct.pack(">III", 0, 0, 0))
        if "only_in" in script and name != script["only_in"] and not all(
                flags for _, flags in
                extents(script["only_in"], offset, length)):
            return self.error(cookie, EINVAL)
        answer = extents(name, offset, length)[:script.get("per_reply", 1000)]
        return self.chunk(5, cookie, struct.pack(">I", 0) + b"".join(
            struct.pack(">II", *extent) for extent in answer))


def extents(name, offset, length):
    """Those of the range, the last one as long as the script has it."""
    answer, start, end = [], 0, offset + length
    for size, flags in script["contexts"][name]:
        if start < end and start + size > offset:
            answer.append((start + size - max(start, offset), flags))
        start += size
    return answer


def run(sock):
    client = Client(sock)
    try:
        client.negotiate()
        client.serve()
    except (EOFError, OSError):
        pass
    sock.close()


def main():
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(sys.argv[1] + ".new")
    listener.listen(16)
    os.rename(sys.argv[1] + ".new", sys.argv[1])
    while True:
        sock, _ = listener.accept()
        threading.Thread(target=run, args=(sock,), daemon=True).start()


main()
