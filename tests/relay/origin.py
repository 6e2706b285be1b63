# SPDX-License-Identifier: BSD-3-Clause
"""An NBD server whose every answer a test can replace: for what no honest one
can be made to do.  By default it serves one export, 'vda'."""

import os
import socket
import struct
import threading

import wire

SIZE = 64 << 20


class Origin:
    size = SIZE
    flags = 1 | 2 | 1 << 8

    def __init__(self, path):
        self.path = path
        self.lock = threading.Lock()
        self.sockets = []
        self.opened = {}  # the name of each connection's export
        self.listener = None
        self.listen()

    def listen(self):
        if os.path.exists(self.path):
            os.unlink(self.path)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(100)
        threading.Thread(target=self.accept, args=(self.listener,),
                         daemon=True).start()

    def accept(self, listener):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with self.lock:
                self.sockets.append(connection)
            threading.Thread(target=self.serve, args=(connection,),
                             daemon=True).start()

    def stop(self):
        """As if the process were killed."""
        self.cut(self.listener)
        with self.lock:
            for connection in self.sockets:
                self.cut(connection)
            self.sockets.clear()

    @staticmethod
    def cut(connection):
        try:
            connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        connection.close()

    def serve(self, connection):
        try:
            self.greet(connection)
            if self.negotiate(connection):
                self.transmit(connection)
        except (OSError, wire.Closed):
            pass
        finally:
            self.cut(connection)

    @staticmethod
    def receive(connection, length):
        data = b''
        while len(data) < length:
            more = connection.recv(length - len(data))
            if not more:
                raise wire.Closed()
            data += more
        return data

    # What a test may replace.

    def greet(self, connection):
        connection.sendall(struct.pack('>QQH', wire.NBDMAGIC, wire.IHAVEOPT,
                                       3))
        self.receive(connection, 4)

    def reply(self, connection, number, kind, data=b''):
        connection.sendall(struct.pack('>QIII', wire.REPLY_MAGIC, number, kind,
                                       len(data)) + data)

    def list(self, connection):
        self.reply(connection, wire.LIST, wire.REP_SERVER, wire.string('vda'))
        self.reply(connection, wire.LIST, wire.REP_ACK)

    def open(self, connection, number, name):
        self.opened[connection] = name
        self.info(connection, number)

    def info(self, connection, number):
        self.reply(connection, number, wire.REP_INFO,
                   struct.pack('>HQH', 0, self.size, self.flags))
        self.reply(connection, number, wire.REP_ACK)

    def set_meta(self, connection):
        self.reply(connection, wire.SET_META, wire.REP_META,
                   struct.pack('>I', 1) + b'base:allocation')
        self.reply(connection, wire.SET_META, wire.REP_ACK)

    def other_option(self, connection, number):
        self.reply(connection, number, wire.ERR_UNSUP)

    def read(self, connection, cookie, offset, length):
        self.send_data(connection, cookie, contents(offset, length))

    def block_status(self, connection, cookie, offset, length):
        self.send_status(connection, cookie, [(length, 0)])

    def send_data(self, connection, cookie, data):
        connection.sendall(struct.pack('>IIQ', wire.SIMPLE_MAGIC, 0, cookie) +
                           data)

    def send_error(self, connection, cookie, error):
        connection.sendall(struct.pack('>IIQ', wire.SIMPLE_MAGIC, error,
                                       cookie))

    def send_status(self, connection, cookie, extents, context=1):
        data = struct.pack('>I', context) + b''.join(
            struct.pack('>II', *extent) for extent in extents)
        connection.sendall(struct.pack('>IHHQI', wire.CHUNK_MAGIC, 1,
                                       wire.STATUS, cookie, len(data)) + data)

    def cache(self, connection, cookie, offset, length):
        self.send_error(connection, cookie, 0)

    # The conversation.

    def negotiate(self, connection):
        """True once in transmission."""
        while True:
            magic, number, length = struct.unpack(
                '>QII', self.receive(connection, 16))
            assert magic == wire.IHAVEOPT
            data = self.receive(connection, length)
            if number == wire.LIST:
                self.list(connection)
            elif number in (wire.INFO, wire.GO):
                name_length, = struct.unpack('>I', data[:4])
                self.open(connection, number,
                          data[4:4 + name_length].decode())
                if number == wire.GO:
                    return True
            elif number == wire.SET_META:
                self.set_meta(connection)
            elif number == wire.STRUCTURED_REPLY:
                self.reply(connection, number, wire.REP_ACK)
            elif number == wire.ABORT:
                self.reply(connection, number, wire.REP_ACK)
                return False
            else:
                self.other_option(connection, number)

    def transmit(self, connection):
        while True:
            magic, _, command, cookie, offset, length = struct.unpack(
                '>IHHQQI', self.receive(connection, 28))
            assert magic == wire.REQUEST_MAGIC
            if command == wire.DISC:
                return
            if command == wire.READ:
                self.read(connection, cookie, offset, length)
            elif command == wire.CACHE:
                self.cache(connection, cookie, offset, length)
            elif command == wire.BLOCK_STATUS:
                self.block_status(connection, cookie, offset, length)


class Held(Origin):
    """Answers reads when told to: those that it has got by then."""

    def __init__(self, path):
        self.waiting = []
        super().__init__(path)

    def read(self, connection, cookie, offset, length):
        with self.lock:
            self.waiting.append((connection, cookie, offset, length))

    def release(self):
        with self.lock:
            waiting, self.waiting = self.waiting, []
        for connection, cookie, offset, length in waiting:
            self.send_data(connection, cookie, contents(offset, length))


def contents(offset, length):
    """The bytes of 'vda': every 8 bytes say where they are."""
    first = offset // 8
    last = (offset + length + 7) // 8
    data = struct.pack('>%dQ' % (last - first),
                       *range(first * 8, last * 8, 8))
    return data[offset - first * 8:offset - first * 8 + length]
