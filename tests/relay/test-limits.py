#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Limits of the transmission and of addresses: who is over one is closed or
# waits, and the others notice nothing.

import socket as sockets
import struct
import subprocess
import sys

import stage
import wire
from origin import Held, Origin, contents
from wire import OFFSET_DATA, READ

held = Held(stage.path('held.sock'))
origin = Origin(stage.path('origin.sock'))


def client(address, structured=True):
    c = wire.Client(address)
    if structured:
        c.negotiate_structured()
    c.go('vda')
    return c


def check_connections_per_address():
    with sockets.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
    relay, socket = stage.relay(origin.path, '--listen',
                                'tcp:0.0.0.0:%d' % port, '--insecure',
                                '--max-connections-per-address', '2',
                                name='address.sock')
    one, other = ('127.0.0.1', port), ('127.0.0.2', port)

    def closed(address):
        with wire.Client(address, source=address[0], greet=False) as c:
            c.expect_closed()

    with wire.Client(one, source=one[0]) as a, \
            wire.Client(one, source=one[0]):
        closed(one)
        closed(one)
        # Others are not concerned, nor are Unix sockets.
        with wire.Client(other, source=other[0]) as b, \
                wire.Client(socket) as c, wire.Client(socket) as d, \
                wire.Client(socket) as e:
            for each in (a, b, c, d, e):
                assert each.names() == ['vda']
    stage.wait_for('the clients to go', lambda: stage.idle(relay))
    with wire.Client(one, source=one[0]) as a:
        assert a.names() == ['vda']


def check_idle_time():
    relay, socket = stage.relay(held.path, '--idle-time', '1',
                                name='idle.sock')
    with client(socket) as waiting, client(socket) as idle, \
            client(socket) as half:
        cookie = waiting.request(READ, 0, 8192)
        half.send(struct.pack('>IHHQ', wire.REQUEST_MAGIC, 0, READ, 1))
        stage.wait_for('the request', lambda: held.waiting)
        idle.expect_closed()
        half.expect_closed()
        # Two more threads than its main one are those of who waits.
        stage.wait_for('the others to go',
                       lambda: stage.threads_of(relay) == 3)
        held.release()
        assert wire.assemble(waiting.chunks(cookie), 0,
                             8192) == contents(0, 8192)
        waiting.expect_closed()


def check_who_does_not_take_its_answers():
    relay, socket = stage.relay(origin.path, '--idle-time', '1',
                                name='stalled.sock')
    for structured in (False, True):
        for length in (60000, 1 << 20):
            with client(socket, structured) as c:
                for i in range(40):
                    c.request(READ, i * length, length)
                stage.wait_for('it to be closed', lambda: stage.idle(relay))


def check_bytes_in_flight():
    _, socket = stage.relay(held.path, '--max-bytes-in-flight', '10000',
                            name='bytes.sock')
    with client(socket) as c, client(socket) as other:
        for i in range(4):
            c.request(READ, i * 4096, 4096, cookie=i)
        stage.wait_for('two requests', lambda: len(held.waiting) == 2)
        # What is over the limit of one is no matter to another; and a single
        # request may be of any length.
        cookie = other.request(READ, 0, 20000)
        stage.wait_for('three requests', lambda: len(held.waiting) == 3)
        assert sorted(w[3] for w in held.waiting) == [4096, 4096, 20000]
        held.release()
        assert wire.assemble(other.chunks(cookie), 0,
                             20000) == contents(0, 20000)
        stage.wait_for('the other two', lambda: len(held.waiting) == 2)
        held.release()
        for _ in range(4):
            flags, kind, cookie, data = c.chunk()
            assert kind == OFFSET_DATA and flags & wire.DONE
            assert data[8:] == contents(cookie * 4096, 4096)


def check_requests_in_flight():
    relay, socket = stage.relay(held.path, '--max-requests-in-flight', '2',
                                name='requests.sock')
    with client(socket) as c, client(socket) as other:
        for i in range(4):
            c.request(READ, i * 512, 512, cookie=i)
        stage.wait_for('two requests', lambda: len(held.waiting) == 2)
        cookie = other.request(READ, 0, 512)
        stage.wait_for('three requests', lambda: len(held.waiting) == 3)
        held.release()
        assert wire.assemble(other.chunks(cookie), 0, 512) == contents(0, 512)
        stage.wait_for('the other two', lambda: len(held.waiting) == 2)
        held.release()
        assert {c.chunk()[2] for _ in range(4)} == set(range(4))
    refused = subprocess.run(
        ['pullback-relay', '--upstream', 'unix:' + held.path, '--listen',
         'unix:' + stage.path('never.sock'), '--max-requests-in-flight', '65'],
        stderr=subprocess.PIPE, timeout=20)
    assert refused.returncode == 1 and b'64 at most' in refused.stderr


stage.run_checks(sys.modules[__name__])
