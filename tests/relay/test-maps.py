#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Maps that the relay reads as bytes from a server that offers them so: they are
# told as if block status had been asked, no client gets hold of them, and one that
# is not a map does no harm.

import functools
import struct
import sys
import time

import stage
import wire
from origin import Origin
from wire import (CACHE, EIO, ERR_UNKNOWN, GO, INFO, LIST, LIST_META, READ,
                  REP_ACK, REP_INFO, REP_SERVER, SET_META)

PREFIX = 'pullback-map:'
PIECE, STRIDE = 1 << 31, 1 << 26
MAX_RUNS = PIECE // 512
HOLE, ZERO, DATA = 1, 3, 0
origin_path = stage.path('origin.sock')


class Mapped(Origin):
    """Serves maps as well; 'runs' are those of each segment, [(end, flags)]."""
    size = 4096
    minimum = 1
    runs = [[(4096, 0)]]
    count = None  # says that there are so many

    def __init__(self, path):
        self.reads, self.cached, self.asked = [], [], 0
        super().__init__(path)

    def header(self):
        return b'PullMap\1' + struct.pack('>QQ', self.size, PIECE)

    def map_size(self):
        return (-(-self.size // PIECE) + 1) * STRIDE

    def list(self, connection):
        for name in ('vda', 'vda@monday', PREFIX + 'vda'):
            self.reply(connection, LIST, REP_SERVER, wire.string(name))
        self.reply(connection, LIST, REP_ACK)

    def open(self, connection, number, name):
        self.opened[connection] = name
        is_map = name.startswith(PREFIX)
        self.reply(connection, number, REP_INFO,
                   struct.pack('>HQH', 0, self.map_size() if is_map
                               else self.size, self.flags | 1 << 10))
        if not is_map:
            self.reply(connection, number, REP_INFO, struct.pack(
                '>HIII', 3, self.minimum, 65536, 1 << 20))
        self.reply(connection, number, REP_ACK)

    @functools.lru_cache(1)
    def bytes_of_map(self):
        """{position: bytes}"""
        parts = {0: self.header()}
        for i, runs in enumerate(self.runs):
            count = len(runs) if self.count is None else self.count
            parts[(1 + i) * STRIDE] = struct.pack('>Q', count) + b''.join(
                struct.pack('>II', *run) for run in runs)
        return parts

    def read(self, connection, cookie, offset, length):
        if not self.opened[connection].startswith(PREFIX):
            return super().read(connection, cookie, offset, length)
        self.reads.append((offset, length))
        data = bytearray(length)
        for position, part in self.bytes_of_map().items():
            first, last = max(position, offset), min(position + len(part),
                                                     offset + length)
            if first < last:
                data[first - offset:last - offset] = \
                    part[first - position:last - position]
        return self.send_map(connection, cookie, offset, bytes(data))

    def send_map(self, connection, cookie, offset, data):
        # Reads of the map are answered by chunks, since libnbd wants them.
        connection.sendall(struct.pack('>IHHQIQ', wire.CHUNK_MAGIC, 1,
                                       wire.OFFSET_DATA, cookie,
                                       8 + len(data), offset) + data)

    def cache(self, connection, cookie, offset, length):
        self.cached.append((offset, length))
        connection.sendall(struct.pack('>IHHQI', wire.CHUNK_MAGIC, 1, wire.NONE,
                                       cookie, 0))

    def block_status(self, connection, cookie, offset, length):
        self.asked += 1
        self.send_status(connection, cookie, [(length, DATA)])


def variant(**members):
    return type('Variant', (Mapped,), members)


class served:
    """An origin, and a relay before it that knows nothing yet."""

    def __init__(self, kind):
        self.kind = kind

    def __enter__(self):
        self.origin = self.kind(origin_path)
        self.log = open(stage.path('maps.log'), 'wb')
        self.process, self.socket = stage.relay(origin_path, name='maps.sock',
                                                stderr=self.log)
        return self

    def __exit__(self, *_):
        self.origin.stop()
        stage.end(self.process)

    def client(self, contexts=('base:allocation',), export='vda'):
        client = wire.Client(self.socket)
        client.negotiate_structured()
        self.ids = client.contexts(SET_META, export, list(contexts))
        client.go(export)
        return client

    def walk(self, size):
        """All extents of vda, a segment a request."""
        extents = []
        with self.client() as c:
            at = 0
            while at < size:
                answer = c.block_status(at, min(PIECE, size - at))
                if not isinstance(answer, dict):
                    return answer
                for length, flags in answer[1]:
                    extents.append((length, flags))
                    at += length
        return extents

    def said(self):
        with open(stage.path('maps.log')) as log:
            return log.read()


def check_it_is_read():
    size = 70 * PIECE + 12345
    runs = [[(4096 * (1 + i % 3), HOLE), (PIECE // 2, DATA), (PIECE, ZERO)]
            for i in range(70)] + [[(12345, HOLE)]]
    with served(variant(size=size, runs=runs)) as s:
        wanted, at = [], 0
        for segment in runs:
            last = 0
            for end, flags in segment:
                wanted.append((end - last, flags))
                last = end
        assert s.walk(size) == wanted
        assert s.origin.asked == 0
        positions = [offset for offset, _ in s.origin.reads]
        # The header and each segment once; ahead of the client, upstream knew.
        assert sorted(positions) == [i * STRIDE for i in range(72)], positions
        told = set()
        for offset, length in s.origin.cached:
            assert offset % STRIDE == 0 and length % STRIDE == 0 < length
            assert offset + length <= s.origin.map_size()
            told.update(range(offset // STRIDE, (offset + length) // STRIDE))
        assert len(told) > 30, told
        # Another client has it from memory.
        assert s.walk(size) == wanted
        assert len(s.origin.reads) == 72


def check_long_segments():
    """More runs than are read at first, and than fit in what is read at once."""
    for count in (2046, 2047, 2048, 5000, 140000):
        runs = [(512 * (i + 1), i % 2) for i in range(count)]
        with served(variant(size=512 * count, runs=[runs])) as s:
            assert s.walk(512 * count) == [(512, i % 2) for i in range(count)]
            assert s.origin.asked == 0


def check_whole_blocks():
    """Of what ends within a block, and at an end beyond the reach of requests."""
    K = 1024
    size = 20 * K + 100
    runs = [[(100, HOLE), (4 * K, HOLE), (5 * K, ZERO), (12 * K, HOLE),
             (size - 50, ZERO), (size, HOLE)]]
    with served(variant(size=size, minimum=4096, runs=runs)) as s:
        with s.client(['base:allocation', 'pullback:since:monday']) as c:
            answer = c.block_status(0, 20 * K)
            assert answer[s.ids['base:allocation']] == [
                (4 * K, HOLE), (4 * K, DATA), (4 * K, HOLE), (8 * K, ZERO)]
            assert answer[s.ids['pullback:since:monday']] == [
                (4 * K, 0), (4 * K, 1), (4 * K, 0), (8 * K, 3)]
        assert s.origin.asked == 0


def check_clients_do_not_see_them():
    name = PREFIX + 'vda'
    with served(Mapped) as s:
        with wire.Client(s.socket) as c:
            c.negotiate_structured()
            assert set(c.names()) == {'vda', 'vda@monday'}
            for option in (INFO, GO):
                assert c.result(option, wire.info_payload(name)) == ERR_UNKNOWN
            for option in (LIST_META, SET_META):
                assert c.result(option, wire.meta_payload(
                    name, ['base:allocation'])) == ERR_UNKNOWN
            # They are upstream's all the same.
            c.contexts(SET_META, 'vda', ['base:allocation'])
            c.go('vda')
            assert c.block_status(0, 4096) == {1: [(4096, 0)]}
        with wire.Client(s.socket) as c:
            c.send_option(wire.EXPORT_NAME, name.encode())
            with stage.expect_closed():
                c.receive(1)
        assert PREFIX + 'vda' in s.origin.opened.values()
    # Not by another name either.
    s.origin = Mapped(origin_path)
    process, socket = stage.relay(
        origin_path, '--context', 'export=vda,name=x:map,view=' + name,
        name='context.sock')
    with wire.Client(socket) as c:
        c.negotiate_structured()
        assert 'x:map' not in c.contexts(LIST_META, 'vda')
    stage.end(process)
    s.origin.stop()


def check_servers_without():
    """Those that know any name, none, or hang up on it: by block status."""
    class Unknown(Mapped):
        def open(self, connection, number, name):
            if name.startswith(PREFIX):
                self.reply(connection, number, ERR_UNKNOWN)
            else:
                super().open(connection, number, name)

        def negotiate(self, connection):
            # A refused GO does not end the options.
            while super().negotiate(connection):
                if not self.opened.get(connection, '').startswith(PREFIX):
                    return True
            return False

    class HangsUp(Mapped):
        def open(self, connection, number, name):
            if name.startswith(PREFIX):
                raise wire.Closed()
            super().open(connection, number, name)

    class AnyName(Mapped):
        def map_size(self):
            return self.size

    for kind in (Unknown, HangsUp, AnyName):
        with served(kind) as s:
            assert s.walk(4096) == [(4096, DATA)], kind
            assert s.origin.asked == 1 and s.origin.reads == [], kind
    # As large as a map would be, but none.
    for header in (b'', b'PullMap\2' + struct.pack('>QQ', STRIDE * 2, PIECE),
                   b'PullMap\1' + struct.pack('>QQ', STRIDE * 2 + 1, PIECE),
                   b'PullMap\1' + struct.pack('>QQ', STRIDE * 2, PIECE * 2)):
        with served(variant(size=STRIDE * 2,
                            header=lambda self, h=header: h)) as s:
            assert s.walk(STRIDE * 2) == [(STRIDE * 2, DATA)]
            assert s.origin.asked == 1 and len(s.origin.reads) == 1
            assert 'in a form that is not known' in s.said()


def check_what_is_no_map():
    """An error for the client, and a relay that goes on."""
    lies = {
        'no runs': dict(runs=[[]]),
        'less than it says': dict(runs=[[(4096, 0)]], count=2),
        'more than can be': dict(runs=[[(4096, 0)]], count=MAX_RUNS + 1),
        'beyond all measure': dict(runs=[[(4096, 0)]], count=(1 << 64) - 1),
        'too short': dict(runs=[[(4095, 0)]]),
        'too long': dict(runs=[[(4097, 0)]]),
        'an empty run': dict(runs=[[(100, 0), (100, 1), (4096, 0)]]),
        'not ascending': dict(runs=[[(4000, 0), (100, 1), (4096, 0)]]),
        'one after the end': dict(runs=[[(4096, 0), (4097, 1)]]),
        'unknown flags': dict(runs=[[(4096, 4)]]),
        'many flags': dict(runs=[[(4096, 0xffffffff)]]),
    }

    def error(self, connection, cookie, offset, data):
        if offset == 0:
            return Mapped.send_map(self, connection, cookie, offset, data)
        return connection.sendall(struct.pack(
            '>IHHQIIH', wire.CHUNK_MAGIC, 1, wire.ERROR, cookie, 6, EIO, 0))

    def dies(self, connection, cookie, offset, data):
        if offset > 0:
            raise wire.Closed()
        Mapped.send_map(self, connection, cookie, offset, data)

    for what, lie in lies.items():
        with served(variant(**lie)) as s:
            assert s.walk(4096) == EIO, what
            assert "map of it is not one" in s.said(), what
            # It is asked again.
            s.origin.bytes_of_map = lambda: {0: s.origin.header(), STRIDE: (
                struct.pack('>QII', 1, 4096, ZERO))}
            assert s.walk(4096) == [(4096, ZERO)], what
            assert s.origin.asked == 0
    for what in (error, dies):
        with served(variant(send_map=what)) as s:
            assert s.walk(4096) == EIO, what


def check_everything_is_answered():
    """The relay does not hang up with reads under way: some nbdkits do not survive
    that."""
    class Slow(Mapped):
        size = 8 * PIECE
        runs = [[(PIECE, DATA)]] * 5 + [[]] + [[(PIECE, DATA)]] * 2
        answered, broken = 0, False

        def send_map(self, connection, cookie, offset, data):
            if offset > 6 * STRIDE:
                time.sleep(0.1)
            try:
                super().send_map(connection, cookie, offset, data)
            except OSError:
                self.broken = True
                raise
            self.answered += 1

    with served(Slow) as s:
        assert s.walk(8 * PIECE) == EIO
        # The fifth segment is asked for again, on another connection.  The origin
        # may know a moment later that what it sent has been received.
        stage.wait_for('the last answer', lambda: s.origin.broken or
                       s.origin.answered == 1 + 8 + 1 + 3)
        assert not s.origin.broken


def memory_of(process):
    with open('/proc/%d/status' % process.pid) as status:
        for line in status:
            if line.startswith('VmHWM:'):
                return int(line.split()[1]) * 1024
    raise AssertionError


def check_memory():
    """A server that says there are as many runs as can be, of as many segments as
    can be, takes no memory by saying it."""
    size = 200 * PIECE
    with served(variant(size=size, runs=[[(1 << 20, DATA)]] * 200,
                        count=MAX_RUNS)) as s:
        before = memory_of(s.process)
        for _ in range(20):
            assert s.walk(size) == EIO
        assert stage.is_sanitized() or \
            memory_of(s.process) - before < 20 << 20


stage.run_checks(sys.modules[__name__])
