# SPDX-License-Identifier: BSD-3-Clause
"""A relay with a control channel, and a controller on it."""

import socket as sockets

import stage


def controlled(upstream, name, *arguments, start=stage.relay, **others):
    """(process, its socket, the channel's)."""
    listener = sockets.socket(sockets.AF_UNIX)
    listener.bind(stage.path(name + '.control'))
    listener.listen(10)
    process, socket = start(
        upstream, '--control', str(listener.fileno()), *arguments,
        name=name + '.sock', pass_fds=[listener.fileno()], threads=2, **others)
    listener.close()
    return process, socket, stage.path(name + '.control')


class Controller:
    def __init__(self, path):
        self.socket = sockets.socket(sockets.AF_UNIX)
        self.socket.settimeout(20)
        self.socket.connect(path)
        self.file = self.socket.makefile('rb')

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.socket.close()

    def say(self, line):
        data = line if isinstance(line, bytes) else line.encode()
        self.socket.sendall(data + b'\n')
        return self.file.readline().decode().rstrip('\n')


def word(text):
    return ''.join(c if c.isalnum() else '%%%02x' % ord(c) for c in text)
