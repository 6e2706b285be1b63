# SPDX-License-Identifier: BSD-3-Clause
"""A byte-level NBD client: it sends what it is told, valid or not, and takes
the answers apart, checking every field that the protocol fixes."""

import socket
import struct

NBDMAGIC = 0x4e42444d41474943
IHAVEOPT = 0x49484156454f5054
REPLY_MAGIC = 0x3e889045565a9
REQUEST_MAGIC = 0x25609513
EXTENDED_REQUEST_MAGIC = 0x21e41c71
EXTENDED_REPLY_MAGIC = 0x6e8a278c
SIMPLE_MAGIC = 0x67446698
CHUNK_MAGIC = 0x668e33ef

EXPORT_NAME, ABORT, LIST, STARTTLS, INFO, GO = 1, 2, 3, 5, 6, 7
STRUCTURED_REPLY, LIST_META, SET_META, EXTENDED_HEADERS = 8, 9, 10, 11

REP_ACK, REP_SERVER, REP_INFO, REP_META = 1, 2, 3, 4
ERR = 1 << 31
ERR_UNSUP, ERR_POLICY, ERR_INVALID = ERR + 1, ERR + 2, ERR + 3
ERR_UNKNOWN, ERR_SHUTDOWN, ERR_TOO_BIG = ERR + 6, ERR + 7, ERR + 9
ERR_EXT_HEADER_REQD = ERR + 10

INFO_EXPORT, INFO_BLOCK_SIZE = 0, 3

READ, WRITE, DISC, FLUSH, TRIM, CACHE, WRITE_ZEROES, BLOCK_STATUS = range(8)
FUA, NO_HOLE, DF, REQ_ONE, PAYLOAD_LEN = 1, 2, 4, 8, 32
DONE = 1
NONE, OFFSET_DATA, OFFSET_HOLE, STATUS, STATUS_EXT = 0, 1, 2, 5, 6
ERROR, ERROR_OFFSET = 0x8001, 0x8002

EPERM, EIO, ENOMEM, EINVAL, EOVERFLOW, ESHUTDOWN = 1, 5, 12, 22, 75, 108
ERRORS = {1, 5, 12, 22, 28, 75, 95, 108}


class Closed(Exception):
    """The server has closed the connection."""


def string(text):
    data = text if isinstance(text, bytes) else text.encode()
    return struct.pack('>I', len(data)) + data


def info_payload(name, requests=()):
    return string(name) + struct.pack('>H%dH' % len(requests), len(requests),
                                      *requests)


def meta_payload(name, queries=()):
    return (string(name) + struct.pack('>I', len(queries)) +
            b''.join(string(query) for query in queries))


class Client:
    def __init__(self, address, flags=3, greet=True, timeout=20,
                 source=None):
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        self.socket = socket.socket(family)
        self.socket.settimeout(timeout)
        if source:
            self.socket.bind((source, 0))
        self.socket.connect(address)
        self.structured = False
        self.extended = False
        self.cookie = 0
        self.offsets = {}
        if greet:
            self.greeting()
            self.send(struct.pack('>I', flags))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    # Bytes.

    def send(self, data):
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise Closed() from error

    def receive(self, length):
        data = bytearray()
        while len(data) < length:
            try:
                more = self.socket.recv(min(length - len(data), 1 << 20))
            except ConnectionResetError as error:
                raise Closed() from error
            if not more:
                raise Closed()
            data += more
        return bytes(data)

    def unpack(self, form):
        form = '>' + form
        return struct.unpack(form, self.receive(struct.calcsize(form)))

    def expect_closed(self):
        """Nothing more comes but the end."""
        try:
            more = self.socket.recv(1)
        except ConnectionResetError:
            return
        assert more == b'', 'bytes instead of the end: %r' % more

    # The handshake.

    def greeting(self):
        magic, option_magic, flags = self.unpack('QQH')
        assert magic == NBDMAGIC and option_magic == IHAVEOPT
        assert flags == 3, flags
        return flags

    def send_option(self, number, data=b'', length=None):
        self.send(struct.pack('>QII', IHAVEOPT, number,
                              len(data) if length is None else length) + data)

    def option_reply(self, number):
        magic, option, kind, length = self.unpack('QIII')
        assert magic == REPLY_MAGIC, hex(magic)
        assert option == number, (option, number)
        data = self.receive(length)
        if kind & ERR:
            assert len(data) <= 4096
            data.decode()
        elif kind == REP_ACK:
            assert data == b''
        return kind, data

    def option_replies(self, number):
        """Up to the final one: [(kind, data)]."""
        replies = []
        while True:
            replies.append(self.option_reply(number))
            if replies[-1][0] == REP_ACK or replies[-1][0] & ERR:
                return replies

    def option(self, number, data=b'', length=None):
        self.send_option(number, data, length)
        return self.option_replies(number)

    def result(self, number, data=b'', length=None):
        """The kind of the final reply."""
        return self.option(number, data, length)[-1][0]

    def negotiate_structured(self):
        assert self.result(STRUCTURED_REPLY) == REP_ACK
        self.structured = True

    def negotiate_extended(self):
        assert self.result(EXTENDED_HEADERS) == REP_ACK
        self.structured = self.extended = True

    def names(self):
        replies = self.option(LIST)
        assert replies[-1][0] == REP_ACK
        result = []
        for kind, data in replies[:-1]:
            assert kind == REP_SERVER
            length, = struct.unpack('>I', data[:4])
            assert length <= len(data) - 4
            result.append(data[4:4 + length].decode())
        return result

    def contexts(self, number, export, queries=()):
        """{name: id}, in the answer to LIST_META or SET_META."""
        replies = self.option(number, meta_payload(export, queries))
        assert replies[-1][0] == REP_ACK, hex(replies[-1][0])
        result = {}
        for kind, data in replies[:-1]:
            assert kind == REP_META
            name = data[4:].decode()
            assert name not in result
            result[name], = struct.unpack('>I', data[:4])
        if number == SET_META:
            assert len(set(result.values())) == len(result)
        return result

    def info(self, number, name, requests=()):
        """(size, flags, block sizes or None) of INFO or GO."""
        replies = self.option(number, info_payload(name, requests))
        assert replies[-1][0] == REP_ACK, hex(replies[-1][0])
        export = sizes = None
        for kind, data in replies[:-1]:
            assert kind == REP_INFO
            what, = struct.unpack('>H', data[:2])
            if what == INFO_EXPORT:
                assert export is None and len(data) == 12
                export = struct.unpack('>QH', data[2:])
            elif what == INFO_BLOCK_SIZE:
                assert sizes is None and len(data) == 14
                sizes = struct.unpack('>III', data[2:])
        return export + (sizes,)

    def go(self, name):
        return self.info(GO, name)

    # Transmission.

    def request(self, command, offset=0, length=0, flags=0, cookie=None,
                payload=b'', magic=None):
        """With extended headers a payload is announced as such."""
        if cookie is None:
            self.cookie += 1
            cookie = self.cookie
        if self.extended:
            self.offsets.setdefault(cookie, []).append(offset)
            flags |= PAYLOAD_LEN if payload else 0
            self.send(struct.pack('>IHHQQQ', magic or EXTENDED_REQUEST_MAGIC,
                                  flags, command, cookie, offset, length) +
                      payload)
        else:
            self.send(struct.pack('>IHHQQI', magic or REQUEST_MAGIC, flags,
                                  command, cookie, offset, length) + payload)
        return cookie

    def chunk(self):
        if self.extended:
            magic, flags, kind, cookie, offset, length = self.unpack('IHHQQQ')
            assert magic == EXTENDED_REPLY_MAGIC, hex(magic)
            assert offset in self.offsets[cookie], (offset, cookie)
        else:
            magic, flags, kind, cookie, length = self.unpack('IHHQI')
            assert magic == CHUNK_MAGIC, hex(magic)
        assert flags in (0, DONE), flags
        return flags, kind, cookie, self.receive(length)

    def chunks(self, cookie):
        """All chunks of one reply, when no other is outstanding."""
        result = []
        while True:
            flags, kind, echoed, data = self.chunk()
            assert echoed == cookie, (echoed, cookie)
            result.append((kind, data))
            if flags & DONE:
                return result
            assert kind != NONE

    def simple(self, cookie):
        magic, error, echoed = self.unpack('IIQ')
        assert magic == SIMPLE_MAGIC, hex(magic)
        assert echoed == cookie, (echoed, cookie)
        assert error == 0 or error in ERRORS
        return error

    def error(self, cookie):
        """The error (or 0) of a reply without content."""
        if not self.structured:
            return self.simple(cookie)
        (kind, data), = self.chunks(cookie)
        if kind == NONE:
            assert data == b''
            return 0
        return parse_error(kind, data)

    def read(self, offset, length, flags=0):
        """The bytes, or the error as a number."""
        cookie = self.request(READ, offset, length, flags)
        if not self.structured:
            error = self.simple(cookie)
            return error if error else self.receive(length)
        return assemble(self.chunks(cookie), offset, length, flags)

    def block_status(self, offset, length, flags=0):
        """{context id: [(length, flags)]}, or the error as a number."""
        cookie = self.request(BLOCK_STATUS, offset, length, flags)
        result = {}
        for kind, data in self.chunks(cookie):
            if kind & 0x8000:
                return parse_error(kind, data)
            if self.extended:
                assert kind == STATUS_EXT, kind
                context, count = struct.unpack('>II', data[:8])
                assert count >= 1 and len(data) == 8 + 16 * count
                extents = list(struct.iter_unpack('>QQ', data[8:]))
                assert all(flags >> 32 == 0 for _, flags in extents)
            else:
                assert kind == STATUS, kind
                assert len(data) % 8 == 4 and len(data) >= 12
                context, = struct.unpack('>I', data[:4])
                extents = list(struct.iter_unpack('>II', data[4:]))
            assert context not in result
            check_extents(extents, length, flags)
            result[context] = extents
        return result


def parse_error(kind, data):
    assert kind in (ERROR, ERROR_OFFSET), hex(kind)
    error, length = struct.unpack('>IH', data[:6])
    assert error in ERRORS
    assert length <= 4096
    assert len(data) == 6 + length + (8 if kind == ERROR_OFFSET else 0)
    data[6:6 + length].decode()
    return error


def assemble(chunks, offset, length, flags=0):
    """The bytes of a structured read, or its error."""
    if len(chunks) == 1 and chunks[0][0] & 0x8000:
        return parse_error(*chunks[0])
    result = bytearray(length)
    covered = bytearray(length)
    content = 0
    failed = None
    for kind, data in chunks:
        if kind & 0x8000:
            failed = parse_error(kind, data)
        elif kind == OFFSET_DATA:
            start = struct.unpack('>Q', data[:8])[0] - offset
            end = start + len(data) - 8
            assert 0 <= start < end <= length
            assert not any(covered[start:end]), 'chunks overlap'
            result[start:end] = data[8:]
            covered[start:end] = b'\1' * (end - start)
            content += 1
        elif kind == OFFSET_HOLE:
            start, hole = struct.unpack('>QI', data)
            start -= offset
            assert 0 <= start < start + hole <= length and not flags & DF
            assert not any(covered[start:start + hole]), 'chunks overlap'
            covered[start:start + hole] = b'\1' * hole
        else:
            assert kind == NONE and data == b'', kind
    assert not flags & DF or content <= 1
    if failed is not None:
        return failed
    assert all(covered), 'not all bytes are covered'
    return bytes(result)


def check_extents(extents, length, flags):
    assert 1 <= len(extents) <= 1 << 20
    assert all(extent > 0 for extent, _ in extents)
    assert sum(extent for extent, _ in extents[:-1]) < length
    if flags & REQ_ONE:
        assert len(extents) == 1 and extents[0][0] <= length
