#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# A server behind the relay that dies, stalls or lies: the client gets an error
# that is one, others notice nothing, and the relay stays up.

import os
import struct
import sys
import threading

import origin
import stage
import wire
from origin import Origin, contents
from wire import (EINVAL, EIO, ERR_SHUTDOWN, GO, INFO, LIST, LIST_META, NONE,
                  OFFSET_DATA, READ, REP_ACK, REP_INFO, REP_SERVER, SET_META)

origin_path = stage.path('origin.sock')
relay_log = open(stage.path('relay.log'), 'wb')
relay, socket = stage.relay(origin_path, stderr=relay_log)


def client(structured=True, contexts=None, extended=False):
    c = wire.Client(socket)
    if extended:
        c.negotiate_extended()
    elif structured:
        c.negotiate_structured()
    if contexts is not None:
        c.contexts(SET_META, 'vda', contexts)
    c.info_flags = c.go('vda')[1]
    return c


class served:
    """The origin for the length of a with statement."""

    def __init__(self, kind):
        self.kind = kind

    def __enter__(self):
        self.origin = self.kind(origin_path)
        return self.origin

    def __exit__(self, *_):
        self.origin.stop()
        assert relay.poll() is None, 'the relay has ended'


def works():
    """The relay serves an honest origin."""
    with served(Origin):
        for structured in (False, True):
            with client(structured) as c:
                assert c.read(4096, 8192) == contents(4096, 8192)


def rule_06_the_default_export():
    """The empty name is whatever the server behind makes of it."""
    with served(Origin):
        with wire.Client(socket) as c:
            c.send_option(wire.EXPORT_NAME)
            size, flags = c.unpack('QH')
            assert size == Origin.size and flags & 1
            assert c.read(0, 512) == contents(0, 512)
        with wire.Client(socket) as c:
            c.negotiate_structured()
            c.contexts(SET_META, '', ['base:allocation'])
            c.go('')
            assert len(c.block_status(0, 512)) == 1


def check_honest():
    works()


def check_no_upstream():
    for number, payload in ((GO, wire.info_payload('vda')),
                            (INFO, wire.info_payload('vda')), (LIST, b''),
                            (LIST_META, wire.meta_payload('unseen'))):
        with wire.Client(socket) as c:
            kind, text = c.option(number, payload)[-1]
            assert kind == ERR_SHUTDOWN and text
            # Negotiation goes on, and the server may come back.
            with served(Origin):
                assert c.result(number, payload) == REP_ACK
    with wire.Client(socket) as c:
        c.send_option(wire.EXPORT_NAME, b'vda')
        c.expect_closed()


# Lies in the handshake.


class Silent(Origin):
    def greet(self, connection):
        raise wire.Closed()


class Garbage(Origin):
    def greet(self, connection):
        connection.sendall(b'HTTP/1.1 400 Bad Request\r\n\r\n')


class OldStyle(Origin):
    def greet(self, connection):
        connection.sendall(struct.pack('>QQQ124s', wire.NBDMAGIC,
                                       0x420281861253, 1 << 20, b''))


class NotFixed(Origin):
    def greet(self, connection):
        connection.sendall(struct.pack('>QQH', wire.NBDMAGIC, wire.IHAVEOPT,
                                       0))


def replies(*answers):
    """An origin that answers LIST, INFO and GO with (kind, data) pairs."""
    class Liar(Origin):
        def list(self, connection):
            for kind, data in answers:
                self.reply(connection, LIST, kind, data)

        def info(self, connection, number):
            for kind, data in answers:
                self.reply(connection, number, kind, data)
    return Liar


def export(size, flags=0x103):
    return REP_INFO, struct.pack('>HQH', 0, size, flags)


def sizes(*three):
    return REP_INFO, struct.pack('>HIII', 3, *three)


ACK = (REP_ACK, b'')


class BadReplyMagic(Origin):
    def reply(self, connection, number, kind, data=b''):
        connection.sendall(struct.pack('>QIII', 1, number, kind, len(data)) +
                           data)


class WrongOption(Origin):
    def reply(self, connection, number, kind, data=b''):
        super().reply(connection, number + 1, kind, data)


class HugeReply(Origin):
    def reply(self, connection, number, kind, data=b''):
        connection.sendall(struct.pack('>QIII', wire.REPLY_MAGIC, number, kind,
                                       0xffffffff))


class DiesInReply(Origin):
    def reply(self, connection, number, kind, data=b''):
        connection.sendall(struct.pack('>QIII', wire.REPLY_MAGIC, number, kind,
                                       len(data) + 10) + data)
        raise wire.Closed()


class TooMuch(Origin):
    def info(self, connection, number):
        # In one write, so that both parts arrive together.
        connection.sendall(
            struct.pack('>QIIIHQH', wire.REPLY_MAGIC, number, REP_INFO, 12, 0,
                        1 << 20, 0x103) +
            struct.pack('>QIII', wire.REPLY_MAGIC, number, REP_ACK, 0) +
            b'too much')


def refused(kind, number):
    with served(kind):
        with wire.Client(socket) as c:
            payload = wire.info_payload('vda') if number != LIST else b''
            answer = c.option(number, payload)
            assert [one for one, _ in answer] == [ERR_SHUTDOWN], answer
            assert len(answer[0][1]) <= 4096


def check_lies_about_everything():
    for kind in (Silent, Garbage, OldStyle, NotFixed, BadReplyMagic,
                 WrongOption, HugeReply, DiesInReply):
        for number in (LIST, INFO, GO):
            refused(kind, number)
    works()


def check_lies_about_an_export():
    for answers in ((ACK,),
                    (export(1 << 63), ACK), (export((1 << 64) - 1), ACK),
                    (export(1 << 20, 0), ACK),
                    ((REP_INFO, b''), ACK), ((REP_INFO, b'\0'), ACK),
                    ((REP_INFO, b'\0\0'), ACK),
                    ((REP_INFO, struct.pack('>HQ', 0, 1)), ACK),
                    (export(1), sizes(0, 512, 1 << 20), ACK),
                    (export(1), sizes(3, 512, 1 << 20), ACK),
                    (export(1), sizes(1 << 17, 1 << 17, 1 << 20), ACK),
                    (export(1), sizes(4096, 512, 1 << 20), ACK),
                    (export(1), sizes(1, 1000, 1 << 20), ACK),
                    (export(1), sizes(1, 4096, 512), ACK),
                    (export(1),) * 100,
                    ((wire.ERR_POLICY, b'no'),),
                    ((wire.ERR + 99, b'x' * 60000),)):
        for number in (INFO, GO):
            refused(replies(*answers), number)
    refused(TooMuch, GO)
    works()


def check_greatest_export():
    with served(replies(export((1 << 63) - 1), ACK)):
        with client() as c:
            assert c.read((1 << 63) - 2, 2) == EINVAL
            assert c.read((1 << 63) - 1, 0) == b''


def check_lies_about_the_list():
    for name in (struct.pack('>I', 4) + b'vda', b'', b'\0\0\0',
                 struct.pack('>I', 0xffffffff) + b'vda',
                 wire.string(b'a\0b'), wire.string(b'\xff'),
                 wire.string(b'x' * 4097)):
        refused(replies((REP_SERVER, name), ACK), LIST)
    refused(replies((REP_INFO, b'\0\0'), ACK), LIST)
    refused(replies(*[(REP_SERVER, wire.string('e%d' % i))
                      for i in range(17000)]), LIST)
    with served(replies((REP_SERVER, wire.string('vda') + b'a description'),
                        ACK)):
        with wire.Client(socket) as c:
            assert c.names() == ['vda']
    works()


# Death, and lies in transmission.

LARGE = 4 << 20  # streamed
SMALL = 65536    # taken in first


class DiesInPayload(Origin):
    """After half the payload."""

    def read(self, connection, cookie, offset, length):
        connection.sendall(struct.pack('>IIQ', wire.SIMPLE_MAGIC, 0, cookie) +
                           contents(offset, length // 2))
        self.stop()
        raise wire.Closed()


def rule_19_upstream_dies_in_mid_payload():
    with served(DiesInPayload):
        with client() as c:
            chunks = c.chunks(c.request(READ, 0, LARGE))
            assert chunks[0][0] == OFFSET_DATA
            # The chunk is complete: what came, then zeroes.
            assert chunks[0][1] == (bytes(8) + contents(0, LARGE // 2) +
                                    bytes(LARGE // 2))
            assert wire.assemble(chunks, 0, LARGE) == EIO
            assert c.read(0, 512) == EIO
            # What does not need upstream still works.
            assert c.error(c.request(wire.FLUSH)) == EINVAL
    with served(DiesInPayload):
        with client() as c:
            assert c.read(0, SMALL) == EIO
            assert c.read(0, SMALL) == EIO
    with served(DiesInPayload):
        with client(structured=False) as c:
            assert c.read(0, SMALL) == EIO
            assert c.read(0, SMALL) == EIO
    with served(DiesInPayload):
        with client(structured=False) as c:
            cookie = c.request(READ, 0, LARGE)
            assert c.simple(cookie) == 0
            with stage.expect_closed():
                c.receive(LARGE)
    works()


class DiesAtTheEnd(Origin):
    """When as much is missing as the relay's own replies are long."""

    def __init__(self, path):
        self.may_go_on = threading.Event()
        super().__init__(path)

    def read(self, connection, cookie, offset, length):
        data = contents(offset, length - 16)
        connection.sendall(struct.pack('>IIQ', wire.SIMPLE_MAGIC, 0, cookie) +
                           data[:100000])
        self.may_go_on.wait(20)
        connection.sendall(data[100000:])
        self.stop()
        raise wire.Closed()


def rule_19_no_reply_fills_up_a_payload():
    for _ in range(40):
        with served(DiesAtTheEnd) as dying:
            with client(structured=False) as c:
                cookie = c.request(READ, 0, 200000)
                assert c.simple(cookie) == 0
                # Their answers wait for the end of the payload.
                for _ in range(3):
                    c.request(wire.FLUSH)
                dying.may_go_on.set()
                with stage.expect_closed():
                    c.receive(200000)
    works()


class Mute(Origin):
    """Answers no read."""

    def __init__(self, path):
        self.asked = 0
        super().__init__(path)

    def read(self, connection, cookie, offset, length):
        self.asked += 1


def check_upstream_dies_with_requests_in_flight():
    for structured in (False, True):
        with served(Mute) as mute:
            with client(structured) as c:
                # One more than can be in flight waits in the relay.
                for i in range(65):
                    c.request(READ, i * 512, 512, cookie=i)
                stage.wait_for('the requests', lambda: mute.asked == 64)
                mute.stop()
                for i in range(65):
                    if structured:
                        flags, kind, _, data = c.chunk()
                        assert flags == wire.DONE
                        assert wire.parse_error(kind, data) == EIO
                    else:
                        magic, error, _ = c.unpack('IIQ')
                        assert (magic, error) == (wire.SIMPLE_MAGIC, EIO)
                assert c.read(0, 512) == EIO
                with wire.Client(socket) as other:
                    assert other.result(
                        GO, wire.info_payload('vda')) == ERR_SHUTDOWN
    works()


def answer_with(function):
    class Liar(Origin):
        def read(self, connection, cookie, offset, length):
            function(self, connection, cookie, offset, length)
    return Liar


class Stalled(Origin):
    """Lets who asks for block status wait until it is told to go on."""

    def __init__(self, path):
        self.asked = threading.Event()
        self.may_go_on = threading.Event()
        super().__init__(path)

    def list(self, connection):
        for name in ('vda', 'vdb'):
            self.reply(connection, wire.LIST, REP_SERVER, wire.string(name))
        self.reply(connection, wire.LIST, REP_ACK)

    def block_status(self, connection, cookie, offset, length):
        if self.opened[connection] == 'vda':
            self.asked.set()
            self.may_go_on.wait(60)
        super().block_status(connection, cookie, offset, length)


def check_block_status_that_stalls_delays_nobody():
    with served(Stalled) as stalled:
        with client(contexts=['base:allocation']) as waits:
            cookie = waits.request(wire.BLOCK_STATUS, 0, 1 << 20)
            assert stalled.asked.wait(60)
            # Who reads, who comes, and who asks about another export.
            for _ in range(3):
                with client() as c:
                    assert c.read(4096, 8192) == contents(4096, 8192)
                with wire.Client(socket) as c:
                    assert sorted(c.names()) == ['vda', 'vdb']
                with wire.Client(socket) as c:
                    c.negotiate_structured()
                    c.contexts(SET_META, 'vdb', ['base:allocation'])
                    c.go('vdb')
                    assert len(c.block_status(0, 1 << 20)) == 1
            stalled.may_go_on.set()
            assert waits.chunks(cookie)


def check_lies_in_transmission():
    def bad_magic(self, connection, cookie, offset, length):
        connection.sendall(struct.pack('>IIQ', 0x67446699, 0, cookie) +
                           contents(offset, length))

    def structured(self, connection, cookie, offset, length):
        connection.sendall(struct.pack('>IHHQI', wire.CHUNK_MAGIC, 1, NONE,
                                       cookie, 0))

    def other_cookie(self, connection, cookie, offset, length):
        self.send_data(connection, cookie + 1, contents(offset, length))

    def huge_cookie(self, connection, cookie, offset, length):
        self.send_data(connection, (1 << 64) - 1, contents(offset, length))

    def no_cookie(self, connection, cookie, offset, length):
        self.send_data(connection, 0, contents(offset, length))

    for lie in (bad_magic, structured, other_cookie, huge_cookie, no_cookie):
        for length in (SMALL, LARGE):
            with served(answer_with(lie)):
                for kind in (False, True):
                    with client(kind) as c:
                        assert c.read(0, length) == EIO, lie
                        assert c.read(0, length) == EIO, lie

    def twice(self, connection, cookie, offset, length):
        self.send_data(connection, cookie, contents(offset, length))
        self.send_data(connection, cookie, contents(offset, length))

    with served(answer_with(twice)):
        with client() as c:
            assert c.read(0, SMALL) == contents(0, SMALL)
            c.cookie = 1000
            assert c.read(0, SMALL) == EIO
    works()


def rule_21_errors_are_the_protocols():
    for error, expected in ((1, 1), (5, 5), (12, 12), (22, 22), (28, 28),
                            (75, 75), (95, 95), (108, 108), (2, 5), (110, 5),
                            (0xffffffff, 5), (7, 5)):
        def fail(self, connection, cookie, offset, length):
            self.send_error(connection, cookie, error)
        with served(answer_with(fail)):
            for structured in (False, True):
                with client(structured) as c:
                    assert c.read(0, SMALL) == expected
                    assert c.read(0, LARGE) == expected


class Reversed(Origin):
    """Answers four reads at a time, the last first."""

    def __init__(self, path):
        self.waiting = []
        super().__init__(path)

    def read(self, connection, cookie, offset, length):
        self.waiting.append((cookie, offset, length))
        while len(self.waiting) >= 4:
            for one in reversed(self.waiting):
                self.send_data(connection, one[0], contents(*one[1:]))
            self.waiting.clear()


def rule_16_replies_out_of_order():
    with served(Reversed):
        with client() as c:
            for i in range(4):
                c.request(READ, i * LARGE, LARGE, cookie=i)
            got = {}
            while len(got) < 4:
                flags, kind, cookie, data = c.chunk()
                if kind == OFFSET_DATA:
                    got[cookie] = data[8:]
            assert list(got) == [3, 2, 1, 0]
            assert got == {i: contents(i * LARGE, LARGE) for i in range(4)}


class Aligned(Origin):
    def info(self, connection, number):
        self.reply(connection, number, *export(1 << 20))
        self.reply(connection, number, *sizes(4096, 65536, 1 << 18))
        self.reply(connection, number, *ACK)


def rule_22_block_sizes_of_upstream():
    with served(Aligned):
        with wire.Client(socket) as c:
            c.negotiate_structured()
            assert c.info(GO, 'vda', (3,))[2] == (4096, 65536, 1 << 18)
            for offset, length in ((1, 4096), (0, 1), (4096, 512), (512, 512)):
                assert c.read(offset, length) == EINVAL
            assert c.read(4096, 8192) == contents(4096, 8192)
            assert c.read(0, 1 << 18) == contents(0, 1 << 18)
            # Longer than the server takes: split, if it may be.
            assert c.read(0, 1 << 19) == contents(0, 1 << 19)
            assert c.read(0, 1 << 19, flags=wire.DF) == wire.EOVERFLOW
        with client(structured=False) as c:
            assert c.read(0, 1 << 19) == EINVAL
            assert c.read(0, 4096) == contents(0, 4096)


class Caching(Origin):
    """It can, but not all of it."""
    flags = Origin.flags | 1 << 10
    size = 6 << 32

    def __init__(self, path):
        self.cached = []
        super().__init__(path)

    def cache(self, connection, cookie, offset, length):
        self.cached.append((offset, length))
        self.send_error(connection, cookie, EIO if offset >= 5 << 32 else 0)


def rule_21_cache():
    with served(Origin):
        with client() as c:
            assert c.info_flags & 1 << 10 == 0
            assert c.error(c.request(wire.CACHE, 0, 512)) == EINVAL
    with served(Caching) as caching:
        for kind in ('simple', 'structured', 'extended'):
            c = client(kind != 'simple', extended=kind == 'extended')
            with c:
                assert c.info_flags & 1 << 10
                caching.cached.clear()
                assert c.error(c.request(wire.CACHE, 512, 1 << 20)) == 0
                assert c.error(c.request(wire.CACHE, 512, 0)) == 0
                assert c.error(c.request(wire.CACHE, 5 << 32, 512)) == EIO
                assert c.error(c.request(wire.CACHE, 6 << 32, 1)) == EINVAL
                assert c.error(c.request(wire.CACHE, 0, 512,
                                         flags=4)) == EINVAL
                assert caching.cached == [(512, 1 << 20), (5 << 32, 512)]
                assert c.read(0, 512) == contents(0, 512)
                if kind == 'extended':
                    caching.cached.clear()
                    assert c.error(c.request(wire.CACHE, 0, 5 << 32)) == 0
                    assert caching.cached == [(i << 31, 1 << 31)
                                              for i in range(10)]
                    assert c.error(c.request(wire.CACHE, 0, 6 << 32)) == EIO


def rule_22_reads_of_32_mib():
    with served(Origin):
        for structured in (False, True):
            with client(structured) as c:
                assert c.read(4096, 1 << 25) == contents(4096, 1 << 25)


# Maps.


def statuses(function):
    class Liar(Origin):
        def block_status(self, connection, cookie, offset, length):
            function(self, connection, cookie, offset, length)
    return Liar


def map_fails(kind, size):
    """A size of its own for each, as maps are kept."""
    kind.size = size
    with served(kind):
        with client(contexts=['base:allocation']) as c:
            assert c.block_status(0, 4096) == EIO
            assert c.read(0, 4096) == contents(0, 4096)
    with served(Origin) as honest:
        honest.size = size
        with client(contexts=['base:allocation']) as c:
            assert c.block_status(0, 8192) == {1: [(8192, 0)]}


def rule_20_lies_about_extents():
    def zero(self, connection, cookie, offset, length):
        self.send_status(connection, cookie, [(0, 0)])

    def none(self, connection, cookie, offset, length):
        connection.sendall(struct.pack('>IHHQI', wire.CHUNK_MAGIC, 1, NONE,
                                       cookie, 0))

    def empty(self, connection, cookie, offset, length):
        self.send_status(connection, cookie, [])

    def other_context(self, connection, cookie, offset, length):
        self.send_status(connection, cookie, [(length, 0)], context=9)

    def error(self, connection, cookie, offset, length):
        connection.sendall(struct.pack('>IHHQIIH', wire.CHUNK_MAGIC, 1,
                                       wire.ERROR, cookie, 6, EIO, 0))

    def dies(self, connection, cookie, offset, length):
        raise wire.Closed()

    class NoContext(Origin):
        def set_meta(self, connection):
            self.reply(connection, SET_META, REP_ACK)

    size = 32 << 20
    for lie in (zero, none, empty, other_context, error, dies):
        size += 65536
        map_fails(statuses(lie), size)
    map_fails(NoContext, size + 65536)


def rule_20_overshoot_is_cut():
    def overshoot(self, connection, cookie, offset, length):
        self.send_status(connection, cookie, [(4096, 1), (0xfffff000, 0)])

    kind = statuses(overshoot)
    kind.size = 16 << 20
    with served(kind):
        with client(contexts=['base:allocation']) as c:
            assert c.block_status(0, kind.size) == {
                1: [(4096, 1), (kind.size - 4096, 0)]}


class Unaligned(Origin):
    """Advertises blocks of 4 KiB, and tells of parts of them."""
    answers = []
    size = 1 << 20

    def list(self, connection):
        for name in ('vda', 'vda@monday'):
            self.reply(connection, LIST, REP_SERVER, wire.string(name))
        self.reply(connection, LIST, REP_ACK)

    def info(self, connection, number):
        self.reply(connection, number, *export(self.size))
        self.reply(connection, number, *sizes(4096, 65536, 1 << 18))
        self.reply(connection, number, *ACK)

    def block_status(self, connection, cookie, offset, length):
        assert offset % 4096 == 0 and length % 4096 == 0 < length
        extents, at = [], 0
        for size, flags in self.answers:
            # From where it was asked, until it has told enough for once.
            if at + size > offset:
                extents.append((at + size - max(at, offset), flags))
            at += size
            if at > offset + 100000:
                break
        self.send_status(connection, cookie, extents)


def rule_20_whole_blocks():
    K = 1024
    hole, zero, data = 1, 3, 0
    for answers, allocation, since in (
            # What differs within a block is data, in a view what changed.
            ([(4 * K, zero), (100, zero), (5000, hole), (K * K, zero)],
             [(4 * K, 3), (8 * K, 0), (1012 * K, 3)],
             [(4 * K, 3), (8 * K, 1), (1012 * K, 3)]),
            ([(1, data), (K * K, hole)],
             [(4 * K, 0), (1020 * K, 1)], [(4 * K, 1), (1020 * K, 0)]),
            ([(8191, hole), (1, data), (K * K, hole)],
             [(4 * K, 1), (4 * K, 0), (1016 * K, 1)],
             [(4 * K, 0), (4 * K, 1), (1016 * K, 0)]),
            # Many parts of one; equal ones are a whole.
            ([(512, hole)] * 8 + [(512, hole), (512, zero)] * 4 +
             [(K * K, hole)],
             [(4 * K, 1), (4 * K, 0), (1016 * K, 1)],
             [(4 * K, 0), (4 * K, 1), (1016 * K, 0)]),
            # An answer that ends within a block says nothing of the rest of it.
            ([(100001, hole), (K * K, zero)],
             [(96 * K, 1), (4 * K, 0), (924 * K, 3)],
             [(96 * K, 0), (4 * K, 1), (924 * K, 3)])):
        process, fresh = stage.relay(origin_path, name='unaligned.sock',
                                     stderr=relay_log)
        Unaligned.answers = answers
        # The end of an export that has no whole number of blocks is beyond reach.
        for size in (K * K, K * K + 100):
            Unaligned.size = size
            with served(Unaligned):
                for extended in (False, True):
                    with wire.Client(fresh) as c:
                        if extended:
                            c.negotiate_extended()
                        else:
                            c.negotiate_structured()
                        ids = c.contexts(SET_META, 'vda', [
                            'base:allocation', 'pullback:since:monday'])
                        c.go('vda')
                        assert c.block_status(0, K * K) == {
                            ids['base:allocation']: allocation,
                            ids['pullback:since:monday']: since}
                        # From the middle, and one alone.
                        (_, first), *_ = allocation
                        assert c.block_status(0, K * K, wire.REQ_ONE)[
                            ids['base:allocation']] == allocation[:1]
                        assert c.block_status(4 * K, 4 * K)[
                            ids['pullback:since:monday']][0][0] == 4 * K
                        assert c.block_status(100, 4 * K) == EINVAL
                        # Not a byte of what is no zeroes is left out.
                        got, at = c.read(0, K * K), 0
                        for length, flags in allocation:
                            expected = (bytes(length)
                                        if flags == zero and length > 32 * K
                                        else contents(at, length))
                            assert got[at:at + length] == expected
                            at += length
        stage.end(process)


class Fragmented(Origin):
    """Of 131072 extents."""
    size = 64 << 20
    maximum = 8192

    def info(self, connection, number):
        self.reply(connection, number, *export(self.size))
        self.reply(connection, number, *sizes(512, 4096, self.maximum))
        self.reply(connection, number, *ACK)

    def block_status(self, connection, cookie, offset, length):
        self.send_status(connection, cookie,
                         [(512, (offset // 512 + i) % 2)
                          for i in range(length // 512)])


def rule_20_no_chunk_exceeds_the_maximum_payload():
    _, fresh = stage.relay(origin_path, name='fragmented.sock')
    with served(Fragmented) as fragmented:
        for extended, maximum, count in ((False, 8192, 1024),
                                         (True, 8192, 512),
                                         # And never more than that.
                                         (False, 1 << 25, 65536),
                                         (True, 1 << 25, 65536)):
            fragmented.maximum = maximum
            with wire.Client(fresh) as c:
                if extended:
                    c.negotiate_extended()
                else:
                    c.negotiate_structured()
                c.contexts(SET_META, 'vda', ['base:allocation'])
                assert c.info(GO, 'vda', (3,))[2][2] == maximum
                (extents,) = c.block_status(0, Fragmented.size).values()
                assert len(extents) == count
                assert extents[:2] == [(512, 0), (512, 1)]


class Unstructured(Origin):
    """Has simple replies alone, and thus no contexts."""

    def reply(self, connection, number, kind, data=b''):
        if number == wire.STRUCTURED_REPLY:
            kind = wire.ERR_UNSUP
        super().reply(connection, number, kind, data)


class Contextless(Origin):
    """Selects no context."""

    def set_meta(self, connection):
        self.reply(connection, SET_META, REP_ACK)


class Refusing(Origin):
    """Offers a context, and then takes it back."""

    def set_meta(self, connection):
        self.reply(connection, SET_META, wire.REP_META,
                   struct.pack('>I', 1) + b'base:allocation')
        self.reply(connection, SET_META, wire.ERR_INVALID)


class WithViews(Contextless):
    """Tells the allocation of the view, not of the disk."""
    selected = None

    def list(self, connection):
        for name in ('vda', 'vda@monday'):
            self.reply(connection, LIST, REP_SERVER, wire.string(name))
        self.reply(connection, LIST, REP_ACK)

    def receive(self, connection, length):
        data = Origin.receive(connection, length)
        if b'base:allocation' in data:
            self.selected = data[4:].startswith(b'vda@monday')
        return data

    def set_meta(self, connection):
        if self.selected:
            Origin.set_meta(self, connection)
        else:
            super().set_meta(connection)


def rule_12_no_more_than_upstream_has():
    for kind, found in ((Unstructured, set()), (Contextless, set()),
                        (Refusing, set()), (Origin, {'base:allocation'}),
                        (WithViews, {'pullback:since:monday'})):
        process, fresh = stage.relay(origin_path, name='contexts.sock')
        with served(kind):
            with wire.Client(fresh) as c:
                c.negotiate_structured()
                for _ in range(2):
                    assert set(c.contexts(LIST_META, 'vda')) == found, kind
                wanted = ['base:allocation', 'pullback:since:monday']
                assert set(c.contexts(SET_META, 'vda', wanted)) == found
                c.go('vda')
                answer = c.block_status(0, 512)
                assert (len(answer) == 1 if found else answer == EINVAL)
                assert c.read(0, 512) == contents(0, 512)
        stage.end(process)


def rule_12_upstream_lies_about_contexts():
    class Endless(Origin):
        def set_meta(self, connection):
            for _ in range(100):
                self.reply(connection, SET_META, wire.REP_META,
                           struct.pack('>I', 1) + b'base:allocation')

    class Dying(Origin):
        def set_meta(self, connection):
            raise wire.Closed()

    for kind in (Endless, Dying):
        process, fresh = stage.relay(origin_path, name='contexts.sock')
        with served(kind):
            with wire.Client(fresh) as c:
                assert c.result(LIST_META, wire.meta_payload('vda')) == \
                    ERR_SHUTDOWN
        # It was not an answer: it is asked again.
        with served(Origin):
            with wire.Client(fresh) as c:
                assert set(c.contexts(LIST_META, 'vda')) == {'base:allocation'}
        stage.end(process)


class OtherSize(Origin):
    """Its export grows between two connections."""

    def info(self, connection, number):
        self.reply(connection, number, *export(self.size))
        self.reply(connection, number, *ACK)
        type(self).size += 4096


def rule_20_a_source_of_another_size():
    OtherSize.size = 8 << 20
    with served(OtherSize):
        with client(contexts=['base:allocation']) as c:
            assert c.block_status(0, 4096) == EIO


def check_no_protocol_errors_go_unsaid():
    with open(stage.path('relay.log')) as log:
        text = log.read()
    for said in ('cannot connect', 'no fixed newstyle greeting',
                 'of 2^63 bytes', 'a reply to no request', 'too many exports',
                 'not the size', 'does not offer base:allocation'):
        assert said in text, said


stage.run_checks(sys.modules[__name__])
