#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# The control channel, and tickets given by it: who is let in, to what, and for
# how long.  Also a file of keys.

import os
import secrets
import socket as sockets
import subprocess
import sys

import nbd

import control
import stage
import wire
from origin import Origin, contents

KEY = secrets.token_hex(32)
OTHER = secrets.token_hex(32)
VIEWS = ['vda', 'vda@monday', 'vda@monday/inplace', 'vda@tuesday']
log = stage.path('relay.log')


class Counting(Origin):
    """Knows whether anybody has connected."""
    connections = 0

    def greet(self, connection):
        Counting.connections += 1
        Origin.greet(self, connection)


def controlled(upstream, name, *arguments):
    return control.controlled(upstream, name, '--tls', 'require', *arguments,
                              stderr=open(log, 'ab'))


DISK = stage.write_disk()
_, nbdkit = stage.origin()
relay, socket, channel = controlled(nbdkit, 'relay')


def controller(path=channel):
    return control.Controller(path)


def say(line, path=channel):
    with controller(path) as c:
        return c.say(line)


def give(identity, key=KEY, seconds=0, exports=(), path=channel):
    answer = say(' '.join(['ticket', identity, key, str(seconds),
                           *map(control.word, exports)]), path)
    assert answer == 'ok', answer


def client(identity, key=KEY, export='vda', contexts=(), opt=False,
           address=None):
    """Raises nbd.Error if it is not let in."""
    path = stage.path('keys-' + identity)
    with open(path, 'w') as file:
        file.write('%s:%s\n' % (identity, key))
    handle = nbd.NBD()
    handle.set_tls(nbd.TLS_REQUIRE)
    handle.set_tls_username(identity)
    handle.set_tls_psk_file(path)
    handle.set_export_name(export)
    for context in contexts:
        handle.add_meta_context(context)
    handle.set_opt_mode(opt)
    handle.connect_unix(address or socket)
    return handle


def refused(*arguments, **others):
    try:
        client(*arguments, **others)
    except nbd.Error as error:
        return error.string
    raise AssertionError('let in: %r %r' % (arguments, others))


def names(identity):
    handle = client(identity, opt=True)
    found = []
    handle.opt_list(lambda name, _: found.append(name))
    handle.opt_abort()
    return sorted(found)


def known(identity, export):
    """The contexts that LIST_META_CONTEXT has for it."""
    handle = client(identity, export=export, opt=True)
    found = []
    handle.opt_list_meta_context(lambda name: found.append(name))
    handle.opt_abort()
    return sorted(found)


def check_all_exports():
    give('everybody')
    assert names('everybody') == sorted(stage.EXPORTS)
    for export in stage.EXPORTS:
        handle = client('everybody', export=export)
        assert handle.pread(512, 4096) == DISK[4096:4608]
        handle.shutdown()


def check_some_exports():
    give('vda-only', exports=VIEWS)
    give('view-only', exports=['vda@monday'])
    give('odd', exports=['odd,name'])
    assert names('vda-only') == sorted(VIEWS)
    assert names('view-only') == ['vda@monday']
    assert names('odd') == ['odd,name']
    handle = client('vda-only', contexts=['pullback:since:monday'])
    assert handle.can_meta_context('pullback:since:monday')
    handle.shutdown()
    assert known('vda-only', 'vda') == [
        'base:allocation', 'pullback:since:monday', 'pullback:since:tuesday']
    assert known('view-only', 'vda@monday') == ['base:allocation']


def check_what_is_not_allowed_does_not_exist():
    give('view-only', exports=['vda@monday'])
    for export in ('vda', 'vda@monday/inplace', 'vda@tuesday', 'odd,name', ''):
        # In the words, too.
        assert (refused('view-only', export=export).replace(export, '') ==
                refused('view-only', export='nothing').replace(
                    'nothing', '')), export
        try:
            known('view-only', export)
            raise AssertionError(export)
        except nbd.Error:
            pass


def check_contexts_of_exports_that_are_not_allowed():
    give('no-views', exports=['vda'])
    assert known('no-views', 'vda') == ['base:allocation']


def check_who_is_not_let_in():
    give('friend')
    unknown = refused('stranger')
    # Nothing tells a wrong key from an identity that there is not.
    assert unknown == refused('friend', OTHER)
    with wire.Client(socket) as c:
        assert c.result(wire.LIST) == wire.ERR + 5
    client('friend').shutdown()


def check_admission_comes_first():
    origin = Counting(stage.path('counting-origin.sock'))
    _, address, path = controlled(origin.path, 'counting')
    give('view-only', exports=['vda@monday'], path=path)
    give('vda', exports=['vda'], path=path)
    before = Counting.connections
    refused('stranger', address=address)
    refused('view-only', OTHER, address=address)
    refused('view-only', address=address)
    assert Counting.connections == before
    handle = client('vda', address=address)
    assert handle.pread(100000, 4096) == contents(4096, 100000)
    assert Counting.connections > before
    handle.shutdown()


def closed(handle):
    """The server ends it."""
    try:
        handle.poll(20000)
    except nbd.Error:
        return True
    return handle.aio_is_dead() or handle.aio_is_closed()


def check_revoked():
    give('leaving')
    give('staying')
    leaving = [client('leaving') for _ in range(3)]
    negotiating = client('leaving', opt=True)
    staying = client('staying')
    assert say('revoke leaving') == 'ok'
    assert all(closed(handle) for handle in [*leaving, negotiating])
    assert staying.pread(512, 0) is not None
    refused('leaving')
    assert say('revoke leaving') == 'error no such ticket'
    # The identity can be given anew, with another key.
    give('leaving', OTHER)
    refused('leaving')
    client('leaving', OTHER).shutdown()
    staying.shutdown()


def check_revoked_with_a_request_in_flight():
    give('busy')
    handle = client('busy')
    buffers = [nbd.Buffer(1 << 20) for _ in range(16)]
    for i, buffer in enumerate(buffers):
        handle.aio_pread(buffer, (i % 4) << 20)
    assert say('revoke busy') == 'ok'
    while not closed(handle):
        pass
    assert say('ping') == 'ok'


def let_in_for_a_while():
    """A client of a ticket that ends soon, but not before the client is in,
    which takes a busy machine more than a second."""
    for seconds in (1, 2, 4, 8, 16):
        give('short', seconds=seconds)
        try:
            return client('short')
        except nbd.Error:
            stage.wait_for('the ticket to end', lambda: say(
                'ticket short %s 0' % OTHER) == 'ok')
            assert say('revoke short') == 'ok'
    raise AssertionError('a client was never let in')


def check_expired():
    give('long', seconds=3600)
    long, short = client('long'), let_in_for_a_while()
    assert closed(short)
    refused('short')
    assert long.pread(512, 0) is not None
    assert say('revoke short') == 'error no such ticket'
    long.shutdown()


def check_given_again():
    give('twice', exports=['vda@monday'])
    handle = client('twice', export='vda@monday')
    give('twice', exports=['vda@monday'])
    assert handle.pread(512, 0) is not None
    # It stays as it was.
    give('twice')
    refused('twice', export='vda')
    assert (say('ticket twice %s 0' % OTHER) ==
            'error another ticket has this identity')
    handle.shutdown()


def check_bad_lines():
    form = 'error not ticket IDENTITY KEY SECONDS [EXPORT]...'
    with controller() as c:
        for line, answer in (
                ('', 'error unknown command'),
                ('pong', 'error unknown command'),
                ('ping x', 'error ping takes no words'),
                ('ticket', form), ('ticket a', form), ('ticket a b', form),
                ('ticket a b c', form), ('ticket  b 1', form),
                ('ticket a %s -1' % KEY, form),
                ('ticket a %s 4294967296' % KEY, form),
                ('ticket a%%00b %s 0' % KEY, form),
                ('ticket a%%2 %s 0' % KEY, form),
                ('ticket a%%zz %s 0' % KEY, form),
                ('ticket a b 0', 'error not a key'),
                ('ticket a xy 0', 'error not a key'),
                ('ticket a abc 0', 'error not a key'),
                ('ticket a %s 0' % ('00' * 15), 'error not a key'),
                ('ticket a %s 0' % ('00' * 65), 'error not a key'),
                ('ticket a%%3ab %s 0' % KEY, 'error not an identity'),
                ('ticket %s %s 0' % ('a' * 129, KEY), 'error not an identity'),
                ('ticket a %s 0 ' % KEY, "error not an export's name"),
                ('ticket a %s 0 %%ff' % KEY, "error not an export's name"),
                ('ticket a %s 0 %s' % (KEY, 'e' * 5000),
                 "error not an export's name"),
                ('revoke', 'error not revoke IDENTITY'),
                ('revoke a b', 'error not revoke IDENTITY'),
                ('revoke a', 'error no such ticket'),
                ('ping', 'ok')):
            assert c.say(line) == answer, (line, c)
    for data in (b'ping\0', b'x' * (1 << 18)):
        with controller() as c:
            try:
                assert c.say(data) == '', data[:10]
            except (BrokenPipeError, ConnectionResetError):
                pass
    assert say('ping') == 'ok'


def check_many_tickets():
    with controller() as c:
        answers = [c.say('ticket many-%d %s 0' % (i, KEY))
                   for i in range(1100)]
        assert set(answers) == {'ok', 'error too many tickets'}
        assert answers.count('ok') <= 1024
        for i in range(1100):
            c.say('revoke many-%d' % i)


def check_controllers_come_and_go():
    with controller() as one:
        assert one.say('ping') == 'ok'
        # One at a time; who is silent does not keep the others out.
        assert say('ping') == 'ok'
        assert one.file.readline() == b''
    # In pieces, and several lines at once.
    with controller() as c:
        for byte in b'ping\nrevoke x\n':
            c.socket.sendall(bytes([byte]))
        c.socket.sendall(b'ping\nping\n')
        assert [c.file.readline() for _ in range(4)] == [
            b'ok\n', b'error no such ticket\n', b'ok\n', b'ok\n']


def refuses(text, *arguments):
    result = subprocess.run(
        ['pullback-relay', '--upstream', 'unix:' + nbdkit, '--listen',
         'unix:' + stage.path('never.sock'), *arguments],
        stderr=subprocess.PIPE, timeout=20)
    assert result.returncode == 1 and text in result.stderr.decode(), result


def check_bad_arguments():
    refuses("'0' is not a number", '--control', '0')
    refuses("'x' is not a number", '--control', 'x')
    refuses('--control 99 is not the descriptor', '--control', '99')


def check_with_certificates():
    subprocess.run(['/bin/bash', '-ec', '. "$1"; make_certificates "$2"',
                    'bash', os.path.join(os.environ['srcdir'],
                                         'tests/relay/certificates.sh'),
                    stage.folder], check=True)
    _, address, path = controlled(nbdkit, 'both', '--tls-certificates',
                                  stage.path('server'))
    give('both', exports=['vda@monday'], path=path)
    client('both', export='vda@monday', address=address).shutdown()
    refused('both', address=address)
    # Who has a certificate needs no ticket.
    handle = nbd.NBD()
    handle.set_tls(nbd.TLS_REQUIRE)
    handle.set_tls_certificates(stage.path('friend'))
    handle.set_tls_verify_peer(False)
    handle.set_export_name('vda')
    handle.connect_unix(address)
    assert handle.pread(512, 0) is not None
    handle.shutdown()


def check_a_file_of_keys_that_is_too_long():
    file = stage.path('keys.psk')
    line, longest = 'friend:%s\n' % KEY, 1 << 20
    with open(file, 'w') as keys:
        keys.write('x' * (longest - len(line) - 1) + '\n' + line)
    process, address = stage.relay(nbdkit, '--tls-psk', file, name='psk.sock',
                                   stderr=open(log, 'ab'))
    client('friend', address=address).shutdown()
    with open(file, 'a') as keys:
        keys.write('\n')
    refused('friend', address=address)
    with open(log) as said:
        assert 'longer than 1 MiB' in said.read()
    with open(file, 'w') as keys:
        keys.write(line)
    client('friend', address=address).shutdown()
    stage.end(process)


def check_no_key_in_the_log():
    with open(log) as file:
        text = file.read()
    assert KEY not in text and OTHER not in text


stage.run_checks(sys.modules[__name__])
