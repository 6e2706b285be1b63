#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# What the control channel says has been read: what clients have received, and
# nothing that was written and may never have come to them.

import socket as sockets
import sys

import nbd

import control
import stage
import wire
from origin import Held, Origin
from stage import K

stage.write_disk()
SIZE = stage.SIZE
M = 1 << 20
_, nbdkit = stage.origin()
VIEWS = ['vda', 'vda@monday', 'vda@monday/inplace', 'vda@tuesday']

# As it says: 3 MiB of data in vda, 1 MiB of zeroes; 64 KiB of data and 128 KiB
# of zeroes in vda@monday.
FULL = (3 * M, M, 0)
MONDAY = (64 * K, 128 * K, SIZE - 192 * K)
fresh = 0


class Relay:
    """A new one for each check: it forgets nothing."""

    def __init__(self, upstream=nbdkit, *arguments):
        global fresh
        fresh += 1
        self.process, self.socket, self.channel = control.controlled(
            upstream, 'relay%d' % fresh, *arguments, start=stage.usual_relay)

    def say(self, line):
        with control.Controller(self.channel) as c:
            return c.say(line)

    def numbers(self, first='vda'):
        """[READ, SENT] or [READ, SENT, DATA, MISSING, ZEROES, CLEAN]."""
        others = [name for name in VIEWS if name != first]
        answer = self.say('read ' + ' '.join(map(control.word,
                                                 [first, *others])))
        words = answer.split()
        assert words[0] == 'ok', answer
        return list(map(int, words[1:]))

    def fetch(self, export):
        stage.wait_for('the map', lambda: self.say(
            'map ' + control.word(export)) == 'ok whole')

    def left(self, first):
        """(MISSING, ZEROES, CLEAN)"""
        self.fetch(first)
        return tuple(self.numbers(first)[3:])

    def becomes(self, function, value):
        """As soon as the relay has noticed."""
        stage.wait_for(str(value), lambda: function() == value)

    def client(self, export='vda', contexts=(), structured=True, port=None):
        handle = nbd.NBD()
        handle.set_request_structured_replies(structured)
        handle.set_export_name(export)
        for context in contexts:
            handle.add_meta_context(context)
        if port:
            handle.connect_tcp('127.0.0.1', port)
        else:
            handle.connect_unix(self.socket)
        return handle


def free_port():
    with sockets.socket() as one:
        one.bind(('127.0.0.1', 0))
        return one.getsockname()[1]


def read_all(handle, start=0, end=SIZE, step=100 * K):
    while start < end:
        length = min(step, end - start)
        handle.pread(length, start)
        start += length


def check_nobody_reads():
    relay = Relay()
    assert relay.numbers() == [0, 0]
    assert relay.left('vda') == FULL
    assert relay.numbers() == [0, 0, 3 * M, *FULL]
    assert relay.left('vda@monday') == MONDAY
    assert relay.left('vda@monday/inplace') == (64 * K, 0, SIZE - 64 * K)


def check_all_is_read():
    for structured in (True, False):
        for step in (200 * K, M, SIZE):
            relay = Relay()
            handle = relay.client(structured=structured)
            read_all(handle, step=step)
            handle.shutdown()
            relay.becomes(lambda: relay.numbers()[:2], [SIZE, 0])
            assert relay.left('vda') == (0, 0, 0)
            assert relay.left('vda@monday') == (0, 0, 0)


def check_half_is_read():
    relay = Relay()
    handle = relay.client()
    read_all(handle, 0, SIZE // 2, 60 * K)
    handle.shutdown()
    relay.becomes(lambda: relay.numbers()[:2], [SIZE // 2, 0])
    assert relay.left('vda') == (2 * M, 0, 0)
    # The other half by another client, of a view: these are the same bytes.
    handle = relay.client('vda@tuesday')
    read_all(handle, SIZE // 2, SIZE)
    handle.shutdown()
    relay.becomes(lambda: relay.left('vda'), (0, 0, 0))


def check_zeroes_that_were_told_need_not_be_read():
    relay = Relay()
    handle = relay.client(contexts=['base:allocation'])
    handle.block_status(SIZE, 0, lambda *_: 0)
    handle.shutdown()
    relay.becomes(lambda: relay.left('vda'), (3 * M, 0, 0))
    # Nor by who asks for changes: they are zeroes there, too.
    handle = relay.client(contexts=['pullback:since:monday'])
    handle.block_status(SIZE, 0, lambda *_: 0)
    handle.pread(64 * K, 64 * K)
    handle.shutdown()
    relay.becomes(lambda: relay.left('vda@monday'), (0, 0, 0))
    assert relay.left('vda') == (3 * M - 192 * K, 0, 0)


def check_only_what_was_told_counts():
    relay = Relay()
    handle = relay.client(contexts=['base:allocation'])
    handle.block_status(M + 256 * K, 0, lambda *_: 0)
    handle.shutdown()
    relay.becomes(lambda: relay.left('vda'), (3 * M, 768 * K, 0))


def check_a_dirty_bitmap_tells_no_zeroes():
    relay = Relay()
    handle = relay.client(contexts=['qemu:dirty-bitmap:backup-vda'])
    handle.block_status(SIZE, 0, lambda *_: 0)
    handle.shutdown()
    assert relay.left('vda@monday') == MONDAY
    handle = relay.client()
    handle.pread(192 * K, 64 * K)
    handle.shutdown()
    relay.becomes(lambda: relay.left('vda@monday')[:2], (0, 0))


def check_what_a_view_calls_zeroes_in_place_is_not():
    relay = Relay()
    handle = relay.client('vda@monday/inplace', contexts=['base:allocation'])
    handle.block_status(SIZE, 0, lambda *_: 0)
    handle.pread(64 * K, 64 * K)
    handle.shutdown()
    relay.becomes(lambda: relay.left('vda@monday/inplace'), (0, 0, 0))
    assert relay.left('vda') == (3 * M - 64 * K, M, 0)


def check_a_read_that_fails_is_none():
    relay = Relay()
    handle = relay.client()
    try:
        handle.set_strict_mode(0)
        handle.pread(512, SIZE)
        raise AssertionError('read beyond the end')
    except nbd.Error:
        pass
    open(stage.path('fail'), 'w').close()
    try:
        for length in (512, 100 * K, 2 * M):
            try:
                handle.pread(length, 0)
                raise AssertionError('read')
            except nbd.Error:
                pass
    finally:
        stage.os.unlink(stage.path('fail'))
    handle.shutdown()
    stage.wait_for('the end', lambda: stage.threads_of(relay.process) == 2)
    assert relay.numbers() == [0, 0]


def check_a_range_that_is_cached_is_not_read():
    class Caching(Origin):
        flags = Origin.flags | 1 << 10

    relay = Relay(Caching(stage.path('caching-origin.sock')).path)
    handle = relay.client()
    handle.cache(M, 0)
    handle.shutdown()
    stage.wait_for('the end', lambda: stage.threads_of(relay.process) == 2)
    assert relay.numbers() == [0, 0]


def check_connected():
    relay = Relay()
    handle = relay.client()
    read_all(handle, 0, M)
    relay.becomes(relay.numbers, [0, M])
    handle.shutdown()
    relay.becomes(relay.numbers, [M, 0])
    # What is read again is not counted twice.
    handle = relay.client()
    read_all(handle, 0, M + 4096)
    relay.becomes(relay.numbers, [M, 4096])
    handle.shutdown()


def check_a_long_connection():
    """What was sent 64 MiB before, and as much as the sockets can hold."""
    origin = Origin(stage.path('long-origin.sock'))
    port = free_port()
    listen = ()
    for address in (None, str(port)):
        relay = Relay(origin.path, *listen)
        handle = relay.client(port=address)
        for offset in range(0, origin.size, M):
            handle.pread(M, offset)
        relay.becomes(relay.numbers, [0, origin.size])
        for offset in range(0, origin.size // 2, M):
            handle.pread(M, offset)
        relay.becomes(lambda: sum(relay.numbers()), origin.size)
        read, sent = relay.numbers()
        # It is counted by the mebibyte, and the sockets come on top.
        if address is None:
            assert 0 < read <= origin.size // 2, read
        handle.shutdown()
        relay.becomes(relay.numbers, [origin.size, 0])
        listen = ('--listen', 'tcp:127.0.0.1:%d' % port)


def check_killed():
    """The client is gone without a word: it may have got nothing."""
    relay = Relay()
    with wire.Client(relay.socket) as c:
        c.negotiate_structured()
        c.go('vda')
        for offset in range(0, SIZE, 64 * K):
            c.read(offset, 64 * K)
        relay.becomes(relay.numbers, [0, SIZE])
    relay.becomes(relay.numbers, [0, 0])
    assert relay.left('vda') == FULL


def check_with_tls():
    """The same; what TLS has more to send is none of it."""
    _, socket, channel = control.controlled(
        nbdkit, 'tls', '--tls', 'require', start=stage.usual_relay)
    relay = Relay.__new__(Relay)
    relay.channel = channel
    key = '00112233445566778899aabbccddeeff'
    assert relay.say('ticket friend %s 0' % key) == 'ok'
    with open(stage.path('keys'), 'w') as file:
        file.write('friend:%s\n' % key)
    for how in ('killed', 'disconnected'):
        handle = nbd.NBD()
        handle.set_tls(nbd.TLS_REQUIRE)
        handle.set_tls_username('friend')
        handle.set_tls_psk_file(stage.path('keys'))
        handle.set_export_name('vda')
        handle.connect_unix(socket)
        read_all(handle)
        relay.becomes(relay.numbers, [0, SIZE])
        if how == 'disconnected':
            handle.shutdown()
        del handle
        relay.becomes(relay.numbers, [0 if how == 'killed' else SIZE, 0])
    assert relay.left('vda') == (0, 0, 0)


def check_killed_with_full_buffers():
    relay = Relay()
    with wire.Client(relay.socket) as c:
        c.negotiate_structured()
        c.go('vda')
        for offset in range(0, SIZE, 64 * K):
            c.request(wire.READ, offset, 64 * K)
        stage.wait_for('bytes', lambda: relay.numbers()[1] > 0)
    relay.becomes(relay.numbers, [0, 0])


def check_disconnected_too_early():
    """What is answered after NBD_CMD_DISC is nobody's."""
    origin = Held(stage.path('held-origin.sock'))
    relay = Relay(origin.path)
    with wire.Client(relay.socket) as c:
        c.negotiate_structured()
        c.go('vda')
        for offset in (0, 64 * K):
            c.request(wire.READ, offset, 64 * K)
        stage.wait_for('the requests', lambda: len(origin.waiting) == 2)
        c.request(wire.DISC)
        c.socket.shutdown(sockets.SHUT_WR)
        stage.time.sleep(0.1)
        origin.release()
        while c.socket.recv(1 << 20):
            pass
    stage.wait_for('the end', lambda: stage.threads_of(relay.process) == 2)
    assert relay.numbers() == [0, 0]


def check_a_map_that_cannot_be_had():
    relay = Relay()
    open(stage.path('blind'), 'w').close()
    try:
        stage.wait_for('an error', lambda: relay.say('map vda').startswith(
            'error the map cannot be had'))
        assert relay.numbers() == [0, 0]
    finally:
        stage.os.unlink(stage.path('blind'))
    assert relay.left('vda') == FULL
    stage.wait_for('an error', lambda: relay.say('map nothing').startswith(
        'error the map cannot be had'))


def check_a_slow_map_keeps_nobody_waiting():
    class Slow(Origin):
        def block_status(self, connection, cookie, offset, length):
            asked.append(connection)

    asked = []
    origin = Slow(stage.path('slow-origin.sock'))
    relay = Relay(origin.path)
    assert relay.say('map vda') == 'ok'
    stage.wait_for('the question', lambda: asked)
    assert relay.say('ping') == 'ok'
    assert relay.say('map vda') == 'ok'
    assert relay.numbers() == [0, 0]
    # And the end does not wait for it.
    assert stage.end(relay.process) == 0


def check_bad_lines():
    relay = Relay()
    for line, answer in (('read', 'error not read EXPORT...'),
                         ('read ', 'error not read EXPORT...'),
                         ('read vda ', 'error not read EXPORT...'),
                         ('read %ff', 'error not read EXPORT...'),
                         ('map', 'error not map EXPORT'),
                         ('map a b', 'error not map EXPORT'),
                         ('map %ff', 'error not map EXPORT'),
                         ('read never', 'ok 0 0')):
        assert relay.say(line) == answer, line


stage.run_checks(sys.modules[__name__])
