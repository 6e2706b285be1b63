#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# The relay's process gives up what it does not need, and the child that runs its
# errands does not outlive it, and is replaced when it is gone.

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


def helpers(relay):
    """The keeper, and the child that it keeps."""
    stage.wait_for('its child', lambda: children(relay.pid) and
                   children(children(relay.pid)[0]))
    keeper, = children(relay.pid)
    child, = children(keeper)
    return keeper, child


def is_gone(pid):
    try:
        return status_of(pid)['State'].startswith('Z')
    except FileNotFoundError:
        return True


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
    # The others: no new privileges either, and none of the clients' sockets.
    for process in helpers(relay):
        assert status_of(process)['NoNewPrivs'] == '1'
        fds = os.listdir('/proc/%d/fd' % process)
        assert set(fds) <= {'0', '1', '2', '3'}, fds
    keeper, child = helpers(relay)
    assert stage.end(relay) == 0
    assert is_gone(keeper) and is_gone(child)
    assert not os.path.exists(socket)


def check_its_child_ends_with_it():
    relay, socket = stage.relay(origin.path)
    # It listens a moment before it is confined.
    serves(socket)
    processes = helpers(relay)
    stage.end(relay, signal.SIGKILL)
    stage.wait_for('the others to end',
                   lambda: all(is_gone(process) for process in processes))
    # The next one takes the address at once.
    relay, socket = stage.relay(origin.path)
    serves(socket)
    stage.end(relay)


def check_a_child_that_is_gone():
    """Another one takes its place, as often as that happens."""
    with open(stage.path('log'), 'wb') as log:
        relay, socket = stage.relay(origin.path, stderr=log)
        with wire.Client(socket) as c:
            c.go('vda')
            keeper, child = helpers(relay)
            for _ in range(8):
                os.kill(child, signal.SIGKILL)
                # Who is connected goes on, and who comes is served.
                assert c.read(0, 512) == contents(0, 512)
                serves(socket)
                old, (same, child) = child, helpers(relay)
                assert same == keeper and child != old
                assert is_gone(old)
            assert c.read(0, 512) == contents(0, 512)
        assert stage.end(relay) == 0
    assert not os.path.exists(socket)
    with open(stage.path('log')) as log:
        assert log.read().count('another one in its place') == 8


def check_a_keeper_that_is_gone():
    """The child goes on; without both the relay ends, to be started again."""
    with open(stage.path('log'), 'wb') as log:
        relay, socket = stage.relay(origin.path, stderr=log)
        with wire.Client(socket) as c:
            c.go('vda')
            keeper, child = helpers(relay)
            os.kill(keeper, signal.SIGKILL)
            serves(socket)
            assert c.read(0, 512) == contents(0, 512)
            os.kill(child, signal.SIGKILL)
            # Who is connected goes on until somebody comes.
            assert c.read(0, 512) == contents(0, 512)
            with wire.Client(socket) as other:
                other.send_option(wire.GO, wire.info_payload('vda'))
                assert relay.wait(60) == 1
    with open(stage.path('log')) as log:
        assert 'is to be started again' in log.read()


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
    clients = [wire.Client(socket) for _ in range(5)]
    for c in clients:
        c.send_option(wire.GO, wire.info_payload('vda'))
    # All of them are being connected, not one after another; by another child, too,
    # if the first one ends meanwhile.
    for victims in (1, 0):
        child = helpers(relay)[1]
        stage.wait_for('five to connect', lambda: len(
            os.listdir('/proc/%d/task' % child)) == 1 + len(clients))
        if victims:
            os.kill(child, signal.SIGKILL)
            stage.wait_for('another one', lambda: helpers(relay)[1] != child)
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
