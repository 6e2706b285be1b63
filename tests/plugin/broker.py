#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Hands out connections to an NBD server, as pullbackd does.

broker.py BROKER-SOCKET SERVER-SOCKET: keeps a duplicate of each connection.  On
a line from standard input it writes how many it has handed out and how many of
those are still open.  When the server's socket is not there it hands out none.
"""

import os
import select
import socket
import sys


def is_open(connection):
    try:
        return connection.recv(1, socket.MSG_DONTWAIT | socket.MSG_PEEK) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False


def main():
    kept = []
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(sys.argv[1])
    listener.listen(16)
    while True:
        readable, _, _ = select.select([listener, sys.stdin], [], [])
        if sys.stdin in readable:
            if not sys.stdin.readline():
                return
            print(len(kept), sum(map(is_open, kept)), flush=True)
        if listener in readable:
            client, _ = listener.accept()
            server = socket.socket(socket.AF_UNIX)
            if os.path.exists(sys.argv[2]):
                server.connect(sys.argv[2])
                kept.append(server)
                socket.send_fds(client, [b"+"], [server.fileno()])
            client.close()


main()
