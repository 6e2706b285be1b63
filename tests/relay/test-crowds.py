#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Many clients: a thousand that are idle, two hundred that come and go at once,
# and some that stall while others work.

import random
import resource
import sys
import threading

import stage
import wire
from wire import ABORT, LIST_META, READ, SET_META

IDLE = 1000
CROWD = 200
MEMORY = 64 << 10  # KiB

_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
if most < 3 * IDLE:
    print('no more than %d descriptors are allowed' % most)
    sys.exit(77)

origin_socket = stage.path('origin.sock')
# A thread for each connection: a thousand have sixteen thousand otherwise.
origin = stage.start(['nbdkit', '-f', '-t', '1', '-r', '-U', origin_socket,
                      'pattern', '64M'], socket=origin_socket)


def contents(offset, length):
    """Of nbdkit's pattern: every 8 bytes say where they are."""
    return b''.join(i.to_bytes(8, 'big')
                    for i in range(offset, offset + length, 8))


def client(socket):
    c = wire.Client(socket, timeout=60)
    c.negotiate_structured()
    c.contexts(SET_META, '', ['base:allocation'])
    c.go('')
    return c


def works(c):
    offset = 4096
    assert c.read(offset, 4096) == contents(offset, 4096)
    assert len(c.block_status(0, 1 << 20)) == 1


def memory(process):
    with open('/proc/%d/status' % process.pid) as status:
        for line in status:
            if line.startswith('VmRSS:'):
                return int(line.split()[1])
    raise AssertionError('no VmRSS')


def check_a_thousand_idle_clients():
    relay, socket = stage.relay(origin_socket, '--max-connections',
                                str(IDLE + 1), name='idle.sock')
    idle = []
    try:
        for i in range(IDLE):
            c = wire.Client(socket, timeout=60)
            idle.append(c)
            c.go('')
            # So that buffers have been used, and some pipes.
            length = 300000 if i % 50 == 0 else 60000
            assert len(c.read(0, length)) == length
        if not stage.is_sanitized():
            stage.wait_for('memory of %d clients (%d KiB) to be given back'
                           % (IDLE, memory(relay)),
                           lambda: memory(relay) < MEMORY)
            print('%d idle clients: %d KiB' % (IDLE, memory(relay)))
        with client(socket) as c:
            works(c)
        for c in idle[::100]:
            assert c.read(4096, 4096) == contents(4096, 4096)
    finally:
        for c in idle:
            c.socket.close()
    stage.wait_for('them to be gone', lambda: stage.idle(relay), 60)
    assert stage.end(relay) == 0


def come_and_go(socket, seed, failures):
    """Leaves at any point, well-behaved or not."""
    chance = random.Random(seed)
    try:
        for _ in range(5):
            with wire.Client(socket, timeout=60) as c:
                steps = [lambda: c.names(), c.negotiate_structured,
                         lambda: c.contexts(LIST_META, ''),
                         lambda: c.contexts(SET_META, '', ['base:allocation']),
                         lambda: c.go(''), lambda: works(c)]
                how_many = chance.randrange(len(steps) + 1)
                for step in steps[:how_many]:
                    step()
                if how_many == len(steps):
                    for i in range(chance.randrange(20)):
                        c.request(READ, i << 20, 1 << 20)
                elif chance.random() < 0.3 and how_many < 5:
                    assert c.result(ABORT) == wire.REP_ACK
    except Exception as error:
        failures.append(repr(error))


def check_two_hundred_come_and_go():
    relay, socket = stage.relay(origin_socket, name='crowd.sock')
    failures = []
    # One is there all the time.
    with client(socket) as steady:
        crowd = [threading.Thread(target=come_and_go,
                                  args=(socket, seed, failures))
                 for seed in range(CROWD)]
        for one in crowd:
            one.start()
        while any(one.is_alive() for one in crowd):
            works(steady)
        for one in crowd:
            one.join()
        works(steady)
    assert not failures, failures[:3]
    stage.wait_for('them to be gone', lambda: stage.idle(relay), 60)
    assert origin.poll() is None
    with client(socket) as c:
        works(c)
    assert stage.end(relay) == 0


def check_stalled_readers_delay_nobody():
    relay, socket = stage.relay(origin_socket, name='stalled.sock')
    stalled = [client(socket) for _ in range(20)]
    for c in stalled:
        for i in range(64):
            c.request(READ, 0, 8 << 20)
    # They never read a byte; nothing of what follows could come if they were
    # waited for.
    with client(socket) as c:
        for _ in range(50):
            works(c)
        assert len(c.read(0, 32 << 20)) == 32 << 20
    for _ in range(3):
        with client(socket) as c:
            works(c)
    for c in stalled:
        c.socket.close()
    stage.wait_for('them to be gone', lambda: stage.idle(relay), 60)
    assert stage.end(relay) == 0


def check_who_is_over_the_limit_reaches_nobody():
    from origin import Origin

    class Counting(Origin):
        connections = 0

        def greet(self, connection):
            Counting.connections += 1
            Origin.greet(self, connection)

    counting = Counting(stage.path('counting.sock'))
    _, socket = stage.relay(counting.path, '--max-connections', '1',
                            name='full.sock')
    found = []

    def is_let_in():
        """Who only tried whether the relay is there may be in the queue yet."""
        try:
            found.append(wire.Client(socket))
            return True
        except wire.Closed:
            return False
    stage.wait_for('a place', is_let_in)
    with found[0] as c:
        c.go('vda')
        before = Counting.connections
        for _ in range(20):
            with wire.Client(socket, greet=False) as other:
                other.expect_closed()
        assert Counting.connections == before
        assert len(c.read(0, 512)) == 512


stage.run_checks(sys.modules[__name__])
