#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# The transmission phase byte by byte, against an honest server; each check is
# named by the rule that it is for (cookies 16, kinds of reply 17, ...).

import os
import struct
import sys
import threading

import stage
import wire
from wire import (BLOCK_STATUS, CACHE, DF, DISC, DONE, EINVAL, EIO, EPERM,
                  FLUSH, NONE, OFFSET_DATA, READ, REQ_ONE, SET_META, TRIM,
                  WRITE, WRITE_ZEROES)

DISK = stage.write_disk()
SIZE = stage.SIZE
origin, origin_socket = stage.origin()
relay, socket = stage.usual_relay(origin_socket)


def client(structured=True, contexts=None, export='vda', extended=False):
    c = wire.Client(socket)
    if extended:
        c.negotiate_extended()
    elif structured:
        c.negotiate_structured()
    if contexts is not None:
        c.ids = c.contexts(SET_META, export, contexts)
    c.go(export)
    return c


def both(function):
    """With simple and with structured replies, and with extended headers."""
    for structured, extended in ((False, False), (True, False), (True, True)):
        with client(structured, extended=extended) as c:
            function(c)
            assert c.read(0, 512) == DISK[:512]


def rule_16_cookies():
    def check(c):
        for cookie in (0, 1, 1 << 63, (1 << 64) - 1, 0x2560951325609513):
            c.request(READ, 0, 512, cookie=cookie)
            if c.structured:
                assert wire.assemble(c.chunks(cookie), 0, 512) == DISK[:512]
            else:
                assert c.simple(cookie) == 0
                assert c.receive(512) == DISK[:512]
    both(check)


def collect(c, expected):
    """Replies to pipelined reads in any order; cookie -> [bytes]."""
    result = {}
    open_replies = {}
    done = 0
    while done < expected:
        flags, kind, cookie, data = c.chunk()
        if kind in (OFFSET_DATA, wire.OFFSET_HOLE):
            open_replies.setdefault(cookie, []).append(data)
        else:
            assert kind == NONE, kind
        if flags & DONE:
            done += 1
            result.setdefault(cookie, []).extend(open_replies.pop(cookie, []))
    return result


def rule_16_duplicate_cookies_in_flight():
    for extended in (False, True):
        with client(extended=extended) as c:
            for i in range(40):
                c.request(READ, i * 4096, 4096, cookie=5)
            (cookie, replies), = collect(c, 40).items()
            assert cookie == 5
            got = {struct.unpack('>Q', data[:8])[0]: data[8:]
                   for data in replies}
            assert got == {i * 4096: DISK[i * 4096:(i + 1) * 4096]
                           for i in range(40)}


def rule_16_hundreds_of_requests():
    for length, extended in ((512, False), (300 * 1024, False), (512, True),
                             (300 * 1024, True)):
        with client(extended=extended) as c:
            sender = threading.Thread(target=lambda: [
                c.request(READ, i * 7 * 512, length, cookie=i)
                for i in range(200)])
            sender.start()
            replies = collect(c, 200)
            sender.join()
            assert len(replies) == 200
            for i, (data,) in replies.items():
                assert data == (struct.pack('>Q', i * 3584) +
                                DISK[i * 3584:i * 3584 + length])


def rule_17_kinds_of_reply():
    with client(structured=False) as c:
        assert c.read(4096, 1000) == DISK[4096:5096]
        assert c.read(SIZE, 1) == EINVAL
    with client() as c:
        kinds = [kind for kind, _ in c.chunks(c.request(READ, 0, 512))]
        assert kinds in ([OFFSET_DATA], [OFFSET_DATA, NONE])
        (kind, data), = c.chunks(c.request(READ, SIZE, 1))
        assert wire.parse_error(kind, data) == EINVAL


def rule_17_errors_of_upstream():
    open(stage.path('fail'), 'w').close()
    try:
        for structured in (False, True):
            with client(structured) as c:
                for length in (1, 512, SIZE):
                    assert c.read(0, length) == EIO
    finally:
        os.unlink(stage.path('fail'))


def rule_18_done_is_never_on_what_can_still_fail():
    with client() as c:
        chunks = c.chunks(c.request(READ, 0, 2 << 20))
        assert chunks[-1] == (NONE, b'')
        assert wire.assemble(chunks, 0, 2 << 20) == DISK[:2 << 20]


def rule_19_read():
    def check(c):
        for offset, length in ((0, 1), (0, 512), (511, 1026), (SIZE - 1, 1),
                               (1000001, 65536), (1000001, 65537),
                               ((1 << 20) - 5, 300000), (0, SIZE)):
            assert c.read(offset, length) == DISK[offset:offset + length]
    both(check)


def rule_19_dont_fragment():
    with client() as c:
        for length in (1, 65536, 1 << 20, SIZE):
            assert c.read(0, length, flags=DF) == DISK[:length]
    with client(structured=False) as c:
        # It was not advertised.
        assert c.read(0, 512, flags=DF) == EINVAL


EXTENTS = stage.CONTEXTS


def cut(extents, offset, length):
    """What the truth says of a range."""
    result = []
    position = 0
    for extent, flags in extents:
        start, end = max(position, offset), min(position + extent,
                                                offset + length)
        if start < end:
            result.append((end - start, flags))
        position += extent
    return result


def rule_20_block_status():
    for extended in (False, True):
        block_status_is_the_truth(extended)


def block_status_is_the_truth(extended):
    with client(contexts=list(EXTENTS), extended=extended) as c:
        assert set(c.ids) == set(EXTENTS)
        for offset, length in ((0, SIZE), (0, 1), (65535, 2), (65536, 65536),
                               (100, SIZE - 100), (SIZE - 1, 1),
                               (131072, 4 * 65536), (1 << 20, 1 << 20)):
            answer = c.block_status(offset, length)
            assert set(answer) == set(c.ids.values())
            for name, context in c.ids.items():
                assert answer[context] == cut(EXTENTS[name], offset,
                                              length), name
            one = c.block_status(offset, length, flags=REQ_ONE)
            for name, context in c.ids.items():
                (extent, flags), = one[context]
                first = cut(EXTENTS[name], offset, length)[0]
                assert flags == first[1] and extent <= first[0]


def rule_19_holes_where_zeroes_are_known():
    fresh, fresh_socket = stage.usual_relay(origin_socket, name='holes.sock')
    zeroes = (1 << 20, 1 << 20)

    def chunks(c, offset, length, flags=0):
        got = c.chunks(c.request(READ, offset, length, flags))
        assert wire.assemble(got, offset, length,
                             flags) == DISK[offset:offset + length]
        return [(kind, len(data) - 8 if kind == OFFSET_DATA else
                 struct.unpack('>QI', data))
                for kind, data in got if kind != NONE]

    for extended in (False, True):
        with wire.Client(fresh_socket) as c:
            if extended:
                c.negotiate_extended()
            else:
                c.negotiate_structured()
            c.contexts(SET_META, 'vda', ['base:allocation'])
            c.go('vda')
            if not extended:
                # Nobody has asked yet, and a read does not.
                assert chunks(c, *zeroes) == [(OFFSET_DATA, 1 << 20)]
                c.block_status(0, 1)
            assert chunks(c, *zeroes) == [(wire.OFFSET_HOLE, zeroes)]
            assert chunks(c, zeroes[0] + 511, 99999) == [
                (wire.OFFSET_HOLE, (zeroes[0] + 511, 99999))]
            # Data around it, in any order, and a hole too small to mention.
            assert sorted(chunks(c, 0, SIZE), key=str) == sorted([
                (OFFSET_DATA, 1 << 20), (OFFSET_DATA, 2 << 20),
                (wire.OFFSET_HOLE, zeroes)], key=str)
            assert chunks(c, (1 << 20) - 512, 1024) == [(OFFSET_DATA, 1024)]
            assert chunks(c, 0, SIZE, DF) == [(OFFSET_DATA, SIZE)]
            assert chunks(c, *zeroes, DF) == [(OFFSET_DATA, 1 << 20)]
    # With simple replies there are none.
    with wire.Client(fresh_socket) as c:
        c.go('vda')
        assert c.read(0, SIZE) == DISK
    # What views call zeroes is not what they read.
    for export in ('vda@monday', 'vda@monday/inplace'):
        with wire.Client(fresh_socket) as c:
            c.negotiate_structured()
            c.contexts(SET_META, export, ['base:allocation'])
            c.go(export)
            c.block_status(0, SIZE)
            assert chunks(c, 0, SIZE) == [(OFFSET_DATA, SIZE)]
    stage.end(fresh)


def rule_19_holes_when_upstream_fails():
    with client(contexts=['base:allocation']) as c:
        c.block_status(0, SIZE)
        open(stage.path('fail'), 'w').close()
        try:
            assert c.read(0, SIZE) == EIO
            assert c.read(1 << 20, 1 << 20) == bytes(1 << 20)
        finally:
            os.unlink(stage.path('fail'))


def rule_20_views():
    for export in stage.EXPORTS:
        with client(contexts=['base:allocation'], export=export) as c:
            answer = c.block_status(0, SIZE)
            assert list(answer.values()) == [stage.ALLOCATION[export]]


def rule_20_no_context():
    with client() as c:
        assert c.block_status(0, 512) == EINVAL
    with client(contexts=['no:thing']) as c:
        assert c.block_status(0, 512) == EINVAL
    with client(structured=False) as c:
        assert c.error(c.request(BLOCK_STATUS, 0, 512)) == EINVAL


def rule_20_past_the_end():
    with client(contexts=['base:allocation'], extended=True) as c:
        for offset, length in ((0, 1 << 32), (0, (1 << 32) + 512),
                               (512, (1 << 64) - 512), (0, (1 << 64) - 1)):
            assert c.block_status(offset, length) == EINVAL
    with client(contexts=['base:allocation']) as c:
        for offset, length in ((SIZE, 1), (SIZE - 1, 2), (0, SIZE + 1),
                               ((1 << 64) - 1, 2), ((1 << 64) - 512, 1024),
                               (1 << 63, 512), (0, 0xffffffff)):
            assert c.block_status(offset, length) == EINVAL
        assert len(c.block_status(0, 512)) == 1


def rule_20_a_map_that_cannot_be_had():
    blind, _ = stage.path('blind'), None
    fresh, fresh_socket = stage.usual_relay(origin_socket, name='fresh.sock')
    open(blind, 'w').close()
    try:
        with wire.Client(fresh_socket) as c:
            c.negotiate_structured()
            c.contexts(SET_META, 'vda', ['base:allocation',
                                         'pullback:since:monday'])
            c.go('vda')
            assert c.block_status(0, SIZE) == EIO
            assert c.block_status(0, 1) == EIO
            assert c.read(0, 512) == DISK[:512]
            os.unlink(blind)
            assert sorted(c.block_status(0, SIZE).values()) == sorted(
                [EXTENTS['base:allocation'], stage.SINCE_MONDAY])
    finally:
        stage.end(fresh)


def rule_21_out_of_range():
    def check(c):
        for offset, length in ((SIZE, 1), (SIZE - 1, 2), (0, SIZE + 1),
                               ((1 << 64) - 1, 2), ((1 << 64) - 512, 1024),
                               ((1 << 64) - 512, 512), (1 << 63, 512),
                               (0, 0xffffffff), (SIZE + 1, 0)):
            assert c.read(offset, length) == EINVAL, (offset, length)
    both(check)


def rule_21_unknown_commands():
    def check(c):
        for command in (FLUSH, CACHE, 8, 9, 255, 0xffff):
            assert c.error(c.request(command, 0, 512)) == EINVAL
            assert c.error(c.request(command)) == EINVAL
    both(check)


def rule_21_unknown_flags():
    def check(c):
        for flags in (1, 2, 8, 16, 32, 64, 0x8000, 0xffff):
            if c.extended:
                flags &= ~wire.PAYLOAD_LEN  # bytes would have to follow
            if flags:
                assert c.error(c.request(READ, 0, 512, flags=flags)) == EINVAL
    both(check)
    with client(contexts=['base:allocation']) as c:
        for flags in (1, 2, 4, 16, 0x8000):
            assert c.block_status(0, 512, flags=flags) == EINVAL


def rule_23_writes():
    def check(c):
        for length in (0, 1, 28, 512, 100000, 1 << 25):
            cookie = c.request(WRITE, 0, length, payload=b'%' * length)
            assert c.error(cookie) == EPERM
        if c.extended:
            # A payload may come with any command, or with WRITE be missing.
            for command in (READ, BLOCK_STATUS, CACHE, 77):
                for length in (1, 32, 8 + 4 * 3, 100000):
                    cookie = c.request(command, 0, length, payload=b'!' * length)
                    assert c.error(cookie) == EINVAL
            assert c.error(c.request(WRITE, 0, 512)) == EPERM
            assert c.error(c.request(TRIM, 0, 1 << 40)) == EPERM
        # The payload looks like requests.
        payload = struct.pack('>IHHQQI', wire.REQUEST_MAGIC, 0, READ, 9, 0,
                              512) * 10
        cookie = c.request(WRITE, 0, len(payload), payload=payload)
        assert c.error(cookie) == EPERM
        for command in (TRIM, WRITE_ZEROES):
            assert c.error(c.request(command, 0, 512)) == EPERM
            assert c.error(c.request(command, 0, 0xffffffff)) == EPERM
    both(check)


def rule_24_disconnect():
    for structured in (False, True):
        with client(structured) as c:
            c.request(DISC)
            c.expect_closed()
    with client() as c:
        for i in range(30):
            c.request(READ, i * 100000, 100000, cookie=i)
        c.request(DISC)
        assert len(collect(c, 30)) == 30
        c.expect_closed()


def rule_24_half_closed():
    import socket as sockets
    with client() as c:
        c.request(READ, 0, 3 << 20, cookie=1)
        c.socket.shutdown(sockets.SHUT_WR)
        assert wire.assemble(c.chunks(1), 0, 3 << 20) == DISK[:3 << 20]
        c.expect_closed()


def rule_25_length_zero():
    def check(c):
        for offset in (0, 512, SIZE):
            assert c.error(c.request(READ, offset, 0)) == 0
        assert c.error(c.request(BLOCK_STATUS, 0, 0)) == EINVAL
    both(check)


def check_bad_request_magic():
    for structured in (False, True):
        with client(structured) as c:
            c.request(READ, 0, 512, magic=0x25609514)
            c.expect_closed()


def check_slow_reader_delays_nobody():
    with client() as slow, client() as quick:
        sender = threading.Thread(target=lambda: [
            slow.request(READ, 0, SIZE, flags=DF, cookie=i)
            for i in range(150)])
        sender.start()
        for i in range(50):
            assert quick.read(i * 4096, 4096) == DISK[i * 4096:(i + 1) * 4096]
        # It gets everything in the end.
        for _ in range(150):
            flags, kind, _, data = slow.chunk()
            assert kind == OFFSET_DATA and data[8:] == DISK
            if not flags & DONE:
                assert slow.chunk()[1] == NONE
        sender.join()


def check_client_leaves_in_transmission():
    # nbdkit aborts if its own client leaves in the middle of several replies.
    for structured in (False, True):
        for requests, length in ((1, SIZE), (60, SIZE), (60, 100000)) * 2:
            with client(structured) as c:
                for _ in range(requests):
                    c.request(READ, 0, length)
                c.receive(50000)
    with client(contexts=['base:allocation']) as c:
        c.request(BLOCK_STATUS, 0, SIZE)
    with client() as c:
        c.request(WRITE, 0, 1 << 20, payload=b'x' * 1000)
    stage.wait_for('all clients to be gone', lambda: stage.idle(relay))
    assert origin.poll() is None
    with client() as c:
        assert c.read(0, 512) == DISK[:512]


stage.run_checks(sys.modules[__name__])
