#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# The relay's process gives up what it does not need, and the child that runs its
# errands neither outlives it nor is missed.

import os
import signal
import socket as sockets
import subprocess
import sys
import threading

import stage
import wire
from origin import Origin, contents

origin = Origin(stage.path('origin.sock'))


def status_of(pid):
    with open('/proc/%d/status' % pid) as file:
        return dict(line.rstrip('\n').split(':\t', 1) for line in file)


def children(pid):
    with open('/proc/%d/task/%d/children' % (pid, pid)) as file:
        return [int(child) for child in file.read().split()]


def serves(socket):
    with wire.Client(socket) as c:
        c.negotiate_structured()
        c.contexts(wire.SET_META, 'vda', ['base:allocation'])
        c.go('vda')
        assert c.read(0, 1 << 20) == contents(0, 1 << 20)
        assert len(c.block_status(0, origin.size)) == 1


def has_seccomp():
    linked = subprocess.run(['ldd', os.environ['PULLBACK_RELAY']],
                            stdout=subprocess.PIPE).stdout
    return b'libseccomp' in linked


def check_privileges():
    relay, socket = stage.relay(origin.path)
    serves(socket)
    status = status_of(relay.pid)
    assert status['NoNewPrivs'] == '1', status
    if has_seccomp():
        assert status['Seccomp'] == '2', status
    for kind in ('CapInh', 'CapPrm', 'CapEff', 'CapAmb'):
        assert int(status[kind], 16) == 0, (kind, status[kind])
    assert '0' not in status['Uid'].split() + status['Gid'].split(), status
    if os.geteuid() == 0:
        assert status['Groups'].split() == [], status
    # The child: no new privileges either, and none of the clients' sockets.
    child, = children(relay.pid)
    assert status_of(child)['NoNewPrivs'] == '1'
    fds = os.listdir('/proc/%d/fd' % child)
    assert set(fds) <= {'0', '1', '2', '3'}, fds
    assert stage.end(relay) == 0
    assert not os.path.exists('/proc/%d' % child)
    assert not os.path.exists(socket)


def check_its_child_ends_with_it():
    relay, socket = stage.relay(origin.path)
    # It listens a moment before it is confined.
    serves(socket)
    child, = children(relay.pid)
    stage.end(relay, signal.SIGKILL)
    stage.wait_for('the child to end',
                   lambda: not os.path.exists('/proc/%d' % child) or
                   status_of(child)['State'].startswith('Z'))
    # The next one takes the address at once.
    relay, socket = stage.relay(origin.path)
    serves(socket)
    stage.end(relay)


def check_a_child_that_is_gone():
    with open(stage.path('log'), 'wb') as log:
        relay, socket = stage.relay(origin.path, stderr=log)
        with wire.Client(socket) as c:
            c.go('vda')
            os.kill(children(relay.pid)[0], signal.SIGKILL)
            # Who is connected goes on, who comes is told.
            assert c.read(0, 512) == contents(0, 512)
            with wire.Client(socket) as other:
                assert other.result(
                    wire.GO, wire.info_payload('vda')) == wire.ERR_SHUTDOWN
            assert c.read(0, 512) == contents(0, 512)
        assert stage.end(relay) == 0
    with open(stage.path('log')) as log:
        assert 'child process is gone' in log.read()


class Hesitant(Origin):
    """Lets who connects wait until it is told to go on."""

    def __init__(self, path):
        self.may_go_on = threading.Event()
        super().__init__(path)

    def accept(self, listener):
        # Fewer places, and those are taken.
        listener.listen(0)
        fillers = []
        try:
            while True:
                filler = sockets.socket(sockets.AF_UNIX)
                fillers.append(filler)
                filler.setblocking(False)
                filler.connect(self.path)
        except BlockingIOError:
            self.full = True
        self.may_go_on.wait(60)
        super().accept(listener)


def check_connecting_delays_nobody():
    hesitant = Hesitant(stage.path('hesitant.sock'))
    stage.wait_for('its queue to be full', lambda: hasattr(hesitant, 'full'))
    relay, socket = stage.relay(hesitant.path)
    # It listens a moment before it has one.
    stage.wait_for('its child', lambda: children(relay.pid))
    child, = children(relay.pid)
    clients = [wire.Client(socket) for _ in range(5)]
    for c in clients:
        c.send_option(wire.GO, wire.info_payload('vda'))
    # All of them are being connected, not one after another.
    stage.wait_for('five to connect', lambda: len(
        os.listdir('/proc/%d/task' % child)) == 1 + len(clients))
    hesitant.may_go_on.set()
    for c in clients:
        assert c.option_replies(wire.GO)[-1][0] == wire.REP_ACK
        assert c.read(0, 512) == contents(0, 512)
        c.socket.close()
    stage.end(relay)
    hesitant.stop()


def check_it_is_not_dumped():
    """Nobody but root reads the keys in its memory."""
    relay, socket = stage.relay(origin.path)
    serves(socket)
    assert os.stat('/proc/%d/mem' % relay.pid).st_uid == 0
    stage.end(relay)


stage.run_checks(sys.modules[__name__])
