#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Ranges that only 64 bits can tell, and reads greater than what the server
# behind takes at once: against a server that refuses anything greater.

import struct
import sys

import origin
import stage
import wire
from origin import Origin, contents
from wire import (BLOCK_STATUS, DF, EINVAL, EIO, EOVERFLOW, NONE, OFFSET_DATA,
                  PAYLOAD_LEN, READ, REQ_ONE, SET_META, WRITE)

TERABYTE = 1 << 40
LARGEST = 65536

origin_path = stage.path('origin.sock')


class Large(Origin):
    """Of sixteen terabytes, in extents of three, without extended headers; a
    request of more than LARGEST is a mistake.  Reads beyond 8 TiB fail."""
    size = 16 * TERABYTE
    lengths = []

    def info(self, connection, number):
        self.reply(connection, number, wire.REP_INFO,
                   struct.pack('>HIII', 3, 512, 4096, LARGEST + 100))
        Origin.info(self, connection, number)

    def read(self, connection, cookie, offset, length):
        assert length <= LARGEST and (offset | length) % 512 == 0
        self.lengths.append(length)
        if offset >= 8 * TERABYTE:
            self.send_error(connection, cookie, EIO)
        else:
            self.send_data(connection, cookie, contents(offset, length))

    def block_status(self, connection, cookie, offset, length):
        assert length < 1 << 32
        extent = offset // (3 * TERABYTE)
        first = min((extent + 1) * 3 * TERABYTE - offset, length)
        extents = [(first, 3 if extent % 2 else 0)]
        if first < length:
            extents.append((length - first, 0 if extent % 2 else 3))
        self.send_status(connection, cookie, extents)


server = Large(origin_path)
relay, socket = stage.relay(origin_path)
TRUTH = [(3 * TERABYTE, 3 if i % 2 else 0) for i in range(5)] + [(TERABYTE, 3)]


def client(contexts=(), extended=True):
    c = wire.Client(socket)
    if extended:
        c.negotiate_extended()
    else:
        c.negotiate_structured()
    if contexts:
        c.contexts(SET_META, 'vda', contexts)
    c.go('vda')
    return c


def rule_20_block_status_in_one_go():
    with client(['base:allocation']) as c:
        (extents,) = c.block_status(0, server.size).values()
        assert extents == TRUTH, extents
        (extents,) = c.block_status(0, server.size, flags=REQ_ONE).values()
        assert extents == TRUTH[:1]
        (extents,) = c.block_status(TERABYTE, 6 * TERABYTE).values()
        assert extents == [(2 * TERABYTE, 0), (3 * TERABYTE, 3), (TERABYTE, 0)]
        assert c.block_status(512, server.size) == EINVAL


def rule_20_bytes_of_a_status_chunk():
    with client(['base:allocation']) as c:
        c.send(struct.pack('>IHHQQQ', 0x21e41c71, 0, BLOCK_STATUS,
                           0x1122334455667788, 3 * TERABYTE - 512, TERABYTE))
        assert c.receive(32 + 8 + 32) == struct.pack(
            '>IHHQQQ' 'II' 'QQQQ', 0x6e8a278c, 1, 6, 0x1122334455667788,
            3 * TERABYTE - 512, 40, 1, 2, 512, 0, TERABYTE - 512, 3)


def rule_20_compact_headers_stay_below_32_bits():
    with client(['base:allocation'], extended=False) as c:
        (extents,) = c.block_status(TERABYTE, 0xfffffe00).values()
        assert extents == [(0xfffffe00, 0)]


def rule_19_reads_in_pieces():
    """The header's offset is the request's, the payload's the piece's."""
    for extended in (False, True):
        with client(extended=extended) as c:
            for offset, length in ((0, LARGEST), (512, LARGEST + 512),
                                   (TERABYTE, 5 * LARGEST),
                                   (4096, 200 * LARGEST + 1024)):
                server.lengths.clear()
                assert c.read(offset, length) == contents(offset, length)
                pieces = -(-length // LARGEST)
                assert len(server.lengths) == pieces, server.lengths
                assert sum(server.lengths) == length


def rule_18_done_after_the_last_piece():
    with client() as c:
        # Many at once, so that pieces of one come between those of others.
        wanted = {c.request(READ, i * LARGEST, 7 * LARGEST): i * LARGEST
                  for i in range(20)}
        open_replies = {cookie: [] for cookie in wanted}
        while open_replies:
            flags, kind, cookie, data = c.chunk()
            open_replies[cookie].append((kind, data))
            if flags & wire.DONE:
                assert wire.assemble(
                    open_replies.pop(cookie), wanted[cookie],
                    7 * LARGEST) == contents(wanted[cookie], 7 * LARGEST)


def rule_19_a_piece_that_fails():
    with client() as c:
        offset = 8 * TERABYTE - 3 * LARGEST
        chunks = c.chunks(c.request(READ, offset, 6 * LARGEST))
        kinds = [kind for kind, _ in chunks]
        # One error, at the end, and nothing of what failed.
        assert kinds == [OFFSET_DATA] * 3 + [wire.ERROR], kinds
        assert wire.parse_error(*chunks[-1]) == EIO
        for _, data in chunks[:-1]:
            start, = struct.unpack('>Q', data[:8])
            assert data[8:] == contents(start, LARGEST)
        assert c.read(0, 512) == contents(0, 512)


def rule_19_what_must_not_be_fragmented():
    with client() as c:
        assert c.read(0, LARGEST, flags=DF) == contents(0, LARGEST)
        assert c.read(0, 2 * LARGEST, flags=DF) == EOVERFLOW
        assert c.read(0, 1 << 40, flags=DF) == EOVERFLOW


def rule_19_a_read_without_end():
    """Of gigabytes, by a client that does not stay to the end."""
    with client() as c:
        c.request(READ, 0, 4 * TERABYTE)
        c.receive(10 * LARGEST)
    stage.wait_for('the client to be gone', lambda: stage.idle(relay))


def rule_21_ranges():
    with client() as c:
        for offset, length in ((0, server.size + 512), (512, server.size),
                               (0, (1 << 64) - 512), (1 << 63, 1 << 63),
                               (server.size, 512), (0, TERABYTE + 1)):
            assert c.read(offset, length) == EINVAL
        assert c.read(0, 512) == contents(0, 512)


def rule_22_payloads_that_are_too_long():
    for command, length in ((WRITE, 1 << 32), (READ, (1 << 64) - 1),
                            (WRITE, (1 << 26) + 1)):
        with client() as c:
            c.request(command, 0, length, flags=PAYLOAD_LEN)
            c.expect_closed()


def rule_24_upstream_is_lost_between_pieces():
    class Dying(Large):
        def read(self, connection, cookie, offset, length):
            if offset >= 4 * LARGEST:
                raise wire.Closed()
            Large.read(self, connection, cookie, offset, length)

    server.stop()
    dying = Dying(origin_path)
    with client() as c:
        for _ in range(2):
            assert c.read(0, 400 * LARGEST) == EIO
        assert c.error(c.request(READ, 0, 512)) == EIO
    stage.wait_for('the client to be gone', lambda: stage.idle(relay))
    dying.stop()
    Large(origin_path)
    with client() as c:
        assert c.read(0, 512) == contents(0, 512)


stage.run_checks(sys.modules[__name__])
