#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# The relay as a process: its sockets, socket activation, its end, and what it
# says when it is told nonsense.

import ctypes
import errno
import os
import re
import signal
import socket as sockets
import subprocess
import sys
import time

import stage
import wire
from origin import Held, contents
from wire import ERR_SHUTDOWN, ESHUTDOWN, GO, READ

PIDFD_GETFD = 438

origin_path = stage.path('origin.sock')


origin = Held(origin_path)


def answers(c, reads):
    """{cookie: bytes or error} of reads at 0, {cookie: length}."""
    result, chunks = {}, {cookie: [] for cookie in reads}
    while len(result) < len(reads):
        if c.structured:
            flags, kind, cookie, data = c.chunk()
            chunks[cookie].append((kind, data))
            if flags & wire.DONE:
                result[cookie] = wire.assemble(chunks[cookie], 0,
                                               reads[cookie])
        else:
            magic, error, cookie = c.unpack('IIQ')
            assert magic == wire.SIMPLE_MAGIC
            result[cookie] = error or c.receive(reads[cookie])
    return result


def rule_24_shutdown():
    for number in (signal.SIGTERM, signal.SIGINT):
        for structured in (False, True):
            relay, socket = stage.relay(origin_path)
            with wire.Client(socket) as c, wire.Client(socket) as idle, \
                    wire.Client(socket) as negotiating:
                for one in (c, idle):
                    if structured:
                        one.negotiate_structured()
                    one.go('vda')
                cookie = c.request(READ, 0, 8192)
                stage.wait_for('the request', lambda: origin.waiting)
                relay.send_signal(number)
                # Nobody is waited for who waits for nothing.
                idle.expect_closed()
                negotiating.expect_closed()
                assert not os.path.exists(socket)
                # What was asked before is done, what is asked now is refused.
                # Which is answered first is not said.
                late = c.request(READ, 0, 512)
                origin.release()
                assert answers(c, {cookie: 8192, late: 512}) == {
                    cookie: contents(0, 8192), late: ESHUTDOWN}
                c.expect_closed()
            assert relay.wait(10) == 0


def rule_24_shutdown_while_negotiating():
    relay, socket = stage.relay(origin_path)
    with wire.Client(socket) as c, wire.Client(socket) as busy:
        busy.go('vda')
        busy.request(READ, 0, 512)
        stage.wait_for('the request', lambda: origin.waiting)
        # Half an option: the rest comes after the signal.
        payload = wire.info_payload('vda')
        c.send_option(GO, payload[:3], length=len(payload))
        stage.wait_for('both clients', lambda: stage.threads_of(relay) == 4)
        relay.send_signal(signal.SIGTERM)
        stage.wait_for('the socket to go', lambda: not os.path.exists(socket))
        c.send(payload[3:])
        assert c.option_replies(GO)[-1][0] == ERR_SHUTDOWN
        c.expect_closed()
        origin.release()
    assert relay.wait(10) == 0


def check_shutdown_does_not_wait_for_ever():
    relay, socket = stage.relay(origin_path)
    begin = time.monotonic()
    with wire.Client(socket) as c:
        c.go('vda')
        c.request(READ, 0, 512)
        stage.wait_for('the request', lambda: origin.waiting)
        relay.send_signal(signal.SIGTERM)
        assert relay.wait(20) == 0
    assert time.monotonic() - begin < 15
    origin.waiting.clear()


def serves(address):
    with wire.Client(address) as c:
        return c.names() == ['vda']


def check_inherited_sockets():
    listeners = [sockets.socket(sockets.AF_UNIX),
                 sockets.socket(sockets.AF_INET)]
    listeners[0].bind(stage.path('inherited.sock'))
    listeners[1].bind(('127.0.0.1', 0))
    for one in listeners:
        one.listen()

    def inherit():
        # Through high numbers, so that neither is in the other's way.
        high = [os.dup2(one.fileno(), 100 + i)
                for i, one in enumerate(listeners)]
        for i, one in enumerate(high):
            os.dup2(one, 3 + i)
        os.environ['LISTEN_FDS'] = str(len(high))
        os.environ['LISTEN_PID'] = str(os.getpid())

    relay = stage.start(['/bin/sh', '-c', 'LISTEN_FDS=2 LISTEN_PID=$$ exec '
                         'pullback-relay --upstream unix:' + origin_path],
                        preexec_fn=inherit, close_fds=False)
    assert serves(stage.path('inherited.sock'))
    assert serves(listeners[1].getsockname())
    assert stage.end(relay) == 0
    # It is not ours.
    assert os.path.exists(stage.path('inherited.sock'))
    for one in listeners:
        one.close()


def check_listening():
    port = free_port()
    relay, socket = stage.relay(origin_path, '--listen',
                                'unix:' + stage.path('second.sock'),
                                '--listen', 'tcp:127.0.0.1:%d' % port)
    assert serves(socket) and serves(stage.path('second.sock'))
    assert serves(('127.0.0.1', port))
    refuses('another process uses it', '--listen', 'unix:' + socket)
    refuses('another process uses this port', '--listen',
            'tcp:127.0.0.1:%d' % port)
    assert serves(socket)
    # A killed relay leaves its file, which the next one takes over.
    assert stage.end(relay, signal.SIGKILL) == -signal.SIGKILL
    assert os.path.exists(socket)
    relay, socket = stage.relay(origin_path)
    assert serves(socket)
    assert stage.end(relay) == 0
    assert not os.path.exists(socket)


def no_delay(process, port):
    """TCP_NODELAY of the relay's sockets to its clients on this port, from
    copies of its descriptors; None where those cannot be had."""
    pidfd = os.pidfd_open(process.pid)
    libc = ctypes.CDLL(None, use_errno=True)
    found = []
    for fd in range(3, 30):
        copy = libc.syscall(PIDFD_GETFD, pidfd, fd, 0)
        if copy == -1:
            if ctypes.get_errno() in (errno.EPERM, errno.ENOSYS):
                return None
            continue
        try:
            one = sockets.socket(fileno=copy)
        except OSError:
            os.close(copy)
            continue
        with one:
            if one.family == sockets.AF_INET and \
                    one.getsockname()[1] == port and not one.getsockopt(
                        sockets.SOL_SOCKET, sockets.SO_ACCEPTCONN):
                found.append(one.getsockopt(sockets.IPPROTO_TCP,
                                            sockets.TCP_NODELAY))
    os.close(pidfd)
    return found


def rule_25_no_delay():
    port = free_port()
    relay, socket = stage.relay(origin_path, '--listen',
                                'tcp:127.0.0.1:%d' % port)
    # It listens there a moment later than at its socket.
    stage.wait_for('the relay', lambda: stage.connects(('127.0.0.1', port)))
    with wire.Client(('127.0.0.1', port)) as c:
        assert c.names() == ['vda']
        found = no_delay(relay, port)
        if found is None:
            print('not allowed to look at the relay\'s sockets')
        else:
            # That of the question above may be there still.
            assert found and set(found) == {1}, found
    assert stage.end(relay) == 0


def free_port():
    one = sockets.socket()
    one.bind(('127.0.0.1', 0))
    port = one.getsockname()[1]
    one.close()
    return port


def refuses(text, *arguments, upstream=True):
    command = ['pullback-relay', *arguments]
    if upstream:
        command += ['--upstream', 'unix:' + origin_path]
    result = subprocess.run(command, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, timeout=20)
    said = result.stderr.decode()
    assert result.returncode == 1 and text in said, (arguments, said)


def check_beyond_loopback():
    for address in ('tcp:0.0.0.0:%d', 'tcp::%d', 'tcp:[::]:%d'):
        refuses('--insecure', '--listen', address % free_port())
    port = free_port()
    relay = stage.start(['pullback-relay', '--insecure', '--upstream',
                         'nbd+unix:///?socket=' + origin_path, '--listen',
                         'tcp:0.0.0.0:%d' % port])
    address = ('127.0.0.1', port)

    def answers():
        try:
            return serves(address)
        except ConnectionRefusedError:
            return False
    stage.wait_for('the relay', answers)
    assert stage.end(relay) == 0


def check_bad_arguments():
    listen = ('--listen', 'unix:' + stage.path('never.sock'))
    refuses('--listen is needed')
    refuses('--upstream is needed', *listen, upstream=False)
    refuses('one argument too many', *listen, 'more')
    refuses('see pullback-relay --help', '--nonsense')
    refuses('at most', '--listen', 'unix:/' + 'x' * 200)
    refuses('is not an address', '--listen', 'vsock:1')
    refuses('is not an address', '--listen', 'tcp:host')
    refuses('No such file', '--listen', 'unix:/nowhere/at/all')
    for uri in ('nbds://host', 'nbd://host/export', 'nbd+unix:///x?socket=/y',
                'nbd+unix:///', 'nbd://', 'http://host'):
        refuses(uri, *listen, '--upstream', uri, upstream=False)
    for context in ('', 'export=a', 'export=a,name=b:c', 'name=b:c,view=d',
                    'export=a,name=bc,view=d', 'export=a,name=b:c,view=d,x=y',
                    'export=a,export=b,name=b:c,view=d',
                    'export=a,name=%s:,view=d' % ('x' * 4096)):
        refuses('--context', *listen, '--context', context)
    for number in ('0', '-1', 'x', '1x', '', '99999999999999999999'):
        refuses('is not a number', *listen, '--max-connections', number)
    assert not os.path.exists(stage.path('never.sock'))


def check_names_do_not_forge_the_log():
    with open(stage.path('log'), 'wb') as log:
        relay, socket = stage.relay(origin_path, stderr=log)
        with wire.Client(socket) as c:
            c.go('x\npullback-relay: forged')
            c.request(READ, 0, 512)
            stage.wait_for('the request', lambda: origin.waiting)
            origin.release()
            c.receive(16 + 512)
        assert stage.end(relay) == 0
    with open(stage.path('log')) as log:
        assert 'x?pullback-relay: forged' in log.read()


def check_the_log_does_not_grow_without_bound():
    with open(stage.path('log'), 'wb') as log:
        relay, socket = stage.relay(stage.path('nothing.sock'),
                                    '--negotiation-time', '100', stderr=log)
        with wire.Client(socket) as c:
            for _ in range(1500):
                c.send_option(wire.LIST)
                assert c.option_replies(wire.LIST)[-1][0] == ERR_SHUTDOWN
        assert stage.end(relay) == 0
    with open(stage.path('log')) as log:
        lines = log.readlines()
    assert 1000 <= len(lines) < 1500, len(lines)


def check_help_agrees_with_the_manual():
    usage = subprocess.run(['pullback-relay', '--help'], check=True,
                           stdout=subprocess.PIPE).stdout.decode()
    with open(os.path.join(os.environ['srcdir'],
                           'docs/pullback-relay.pod')) as page:
        manual = page.read()

    listed = set(re.findall(r'^  (--[a-z-]+)|, (--[a-z-]+) ', usage, re.M))
    described = re.findall(r'^=item B<(--[a-z-]+)>', manual, re.M)
    assert sorted(''.join(pair) for pair in listed) == sorted(described)
    version = subprocess.run(['pullback-relay', '--version'], check=True,
                             stdout=subprocess.PIPE).stdout.decode()
    assert version.startswith('pullback-relay ')


stage.run_checks(sys.modules[__name__])
