#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# TLS rule by rule: what is said before it, what it makes forgotten, and who is
# admitted.

import ctypes
import os
import shutil
import socket as sockets
import ssl
import struct
import subprocess
import sys

if not shutil.which('certtool'):
    print('certtool (gnutls-bin, gnutls-utils) is not here')
    sys.exit(77)

import stage
import wire
from origin import Held, Origin, contents
from wire import (ABORT, ERR_INVALID, ERR_UNSUP, EXPORT_NAME, EXTENDED_HEADERS,
                  GO, INFO, LIST, LIST_META, READ, REP_ACK, SET_META, STARTTLS,
                  STRUCTURED_REPLY)

ERR_TLS_REQD = wire.ERR + 5


class Counting(Origin):
    """Knows whether anybody has connected."""
    connections = 0

    def greet(self, connection):
        Counting.connections += 1
        Origin.greet(self, connection)


origin = Counting(stage.path('origin.sock'))
subprocess.run(['/bin/bash', '-ec', '. "$1"; make_certificates "$2"', 'bash',
                os.path.join(os.environ['srcdir'],
                             'tests/relay/certificates.sh'), stage.folder],
               check=True)
log = stage.path('relay.log')


def tls_relay(name, *arguments):
    return stage.relay(origin.path, '--tls-certificates',
                       stage.path('server'), *arguments,
                       name=name + '.sock', stderr=open(log, 'ab'))


relay, socket = tls_relay('require')
_, allowing = tls_relay('allow', '--tls', 'allow')


def context(name='friend', version=None, ciphers=None):
    result = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    result.check_hostname = False
    result.load_verify_locations(stage.path('ca-cert.pem'))
    if name:
        result.load_cert_chain(stage.path(name + '/client-cert.pem'),
                               stage.path(name + '/client-key.pem'))
    if version:
        result.minimum_version = result.maximum_version = version
    if ciphers:
        result.set_ciphers(ciphers)
    return result


def secure(c, name='friend', version=None, ciphers=None):
    assert c.result(STARTTLS) == REP_ACK
    c.socket = context(name, version, ciphers).wrap_socket(c.socket)
    return c


def works(c):
    c.negotiate_extended()
    c.contexts(SET_META, 'vda', ['base:allocation'])
    c.go('vda')
    assert c.read(4096, 100000) == contents(4096, 100000)
    assert c.read(0, 1 << 22) == contents(0, 1 << 22)
    assert len(c.block_status(0, origin.size)) == 1


def refused(address, name, version=None):
    """No answer to anything after the handshake, if that succeeds at all."""
    with wire.Client(address) as c:
        try:
            secure(c, name, version)
            c.send_option(LIST)
            c.option_reply(LIST)
        except (wire.Closed, ssl.SSLError, ConnectionError):
            return True
        return False


def rule_14_required():
    before = Counting.connections
    with wire.Client(socket) as c:
        for number, payload in (
                (LIST, b''), (LIST, b'x' * 70000), (STRUCTURED_REPLY, b''),
                (EXTENDED_HEADERS, b''), (INFO, wire.info_payload('vda')),
                (GO, wire.info_payload('vda')), (GO, b'x' * 70000),
                (SET_META, wire.meta_payload('vda', ['base:allocation'])),
                (SET_META, b'x' * 70000), (LIST_META, b'y' * 70000),
                (77, b'z' * 70000)):
            assert c.result(number, payload) == ERR_TLS_REQD, number
        assert c.result(STARTTLS, b'x') == ERR_INVALID
        # Nobody behind the relay has heard of this client.
        assert Counting.connections == before
        secure(c)
        assert Counting.connections == before
        works(c)
        assert c.socket.version() == 'TLSv1.3'
        # Not the first of the client's, but the fastest.
        assert c.socket.cipher()[0] == 'TLS_AES_128_GCM_SHA256'
    with wire.Client(socket) as c:
        c.send_option(EXPORT_NAME, b'vda')
        c.expect_closed()
    with wire.Client(socket) as c:
        assert c.result(ABORT) == REP_ACK
        c.expect_closed()


def rule_14_versions():
    with wire.Client(socket) as c:
        works(secure(c, version=ssl.TLSVersion.TLSv1_2))
        assert 'AES128-GCM' in c.socket.cipher()[0]
    with wire.Client(socket) as c:
        works(secure(c, version=ssl.TLSVersion.TLSv1_2, ciphers='CHACHA20'))
    assert refused(socket, 'friend', ssl.TLSVersion.TLSv1_1)


def rule_14_allowed():
    with wire.Client(allowing) as c:
        works(c)
    with wire.Client(allowing) as c:
        works(secure(c))


def rule_14_off():
    _, plain = stage.relay(origin.path, name='off.sock')
    with wire.Client(plain) as c:
        assert c.result(STARTTLS, b'x') == ERR_INVALID
        assert c.result(STARTTLS) == ERR_UNSUP
        works(c)


def rule_14_a_second_one():
    with wire.Client(socket) as c:
        secure(c)
        assert c.result(STARTTLS) == ERR_INVALID
        works(c)


def rule_14_state_is_forgotten():
    payload = wire.meta_payload('vda', ['base:allocation'])
    for number in (STRUCTURED_REPLY, EXTENDED_HEADERS):
        with wire.Client(allowing) as c:
            assert c.result(number) == REP_ACK
            assert c.result(SET_META, payload) == REP_ACK
            secure(c)
            assert c.result(SET_META, payload) == ERR_INVALID
            c.go('vda')
            # Simple replies to compact requests again.
            assert c.read(0, 512) == contents(0, 512)
    # Contexts alone: structured replies are negotiated anew, they are not.
    with wire.Client(allowing) as c:
        c.negotiate_structured()
        assert c.result(SET_META, payload) == REP_ACK
        secure(c)
        c.negotiate_structured()
        c.go('vda')
        assert c.block_status(0, 512) == wire.EINVAL


def rule_14_no_byte_from_before():
    # What somebody in between sends along with STARTTLS is never obeyed.
    injected = struct.pack('>QII', wire.IHAVEOPT, STRUCTURED_REPLY, 0)
    for address in (socket, allowing):
        with wire.Client(address) as c:
            c.send(struct.pack('>QII', wire.IHAVEOPT, STARTTLS, 0) + injected)
            assert c.option_reply(STARTTLS) == (REP_ACK, b'')
            c.expect_closed()


def until_closed(c):
    """An alert may come first."""
    try:
        while c.socket.recv(1000):
            pass
    except ConnectionResetError:
        pass


def rule_14_a_handshake_that_fails():
    for garbage in (b'GET / HTTP/1.0\r\n\r\n', b'\x16\x03\x01\xff\xff' + b'x',
                    struct.pack('>QII', wire.IHAVEOPT, LIST, 0) * 10):
        with wire.Client(socket) as c:
            assert c.result(STARTTLS) == REP_ACK
            c.send(garbage)
            c.socket.shutdown(1)
            until_closed(c)


def rule_14_a_handshake_that_does_not_end():
    _, hasty = tls_relay('hasty', '--negotiation-time', '1')
    with wire.Client(hasty) as c:
        assert c.result(STARTTLS) == REP_ACK
        c.send(b'\x16\x03\x01')
        until_closed(c)
    # Nor does who has done it, perhaps, stay without opening an export.
    with wire.Client(hasty) as c:
        try:
            secure(c)
        except (wire.Closed, ssl.SSLError, ConnectionError):
            pass
        until_closed(c)


def rule_24_tls_is_closed_first():
    with wire.Client(socket) as c:
        secure(c)
        c.go('vda')
        c.request(wire.DISC)
        # The end as TLS has it; one that is cut short would raise an error.
        assert c.socket.recv(1) == b''


def rule_24_shutdown():
    process, ending = tls_relay('ending')
    with wire.Client(ending) as c:
        secure(c)
        c.go('vda')
        assert c.read(0, 512) == contents(0, 512)
        assert stage.end(process) == 0
        assert c.socket.recv(1) == b''


def rule_24_shutdown_with_requests_in_flight():
    held = Held(stage.path('held.sock'))
    process, held_socket = stage.relay(
        held.path, '--tls-certificates', stage.path('server'),
        name='drain.sock')
    for version in (None, ssl.TLSVersion.TLSv1_2):
        if process.poll() is not None:
            process, held_socket = stage.relay(
                held.path, '--tls-certificates', stage.path('server'),
                name='drain.sock')
        with wire.Client(held_socket) as c, wire.Client(held_socket) as idle:
            for one in (c, idle):
                secure(one, version=version)
                one.negotiate_structured()
                one.go('vda')
            cookie = c.request(READ, 0, 100000)
            stage.wait_for('the request', lambda: held.waiting)
            process.terminate()
            stage.wait_for('the socket to go',
                           lambda: not os.path.exists(held_socket))
            idle.socket.settimeout(20)
            assert idle.socket.recv(1) == b''
            late = c.request(READ, 0, 512)
            held.release()
            # In any order.
            replies = {cookie: [], late: []}
            done = 0
            while done < 2:
                flags, kind, echoed, data = c.chunk()
                replies[echoed].append((kind, data))
                done += flags & wire.DONE
            assert wire.assemble(replies[cookie], 0,
                                 100000) == contents(0, 100000)
            assert wire.assemble(replies[late], 0, 512) == wire.ESHUTDOWN
            assert c.socket.recv(1) == b''
        assert process.wait(10) == 0


def check_idle_time():
    held = Held(stage.path('held.sock'))
    _, idle = stage.relay(held.path, '--idle-time', '1', '--tls-certificates',
                          stage.path('server'), name='idle.sock')
    with wire.Client(idle) as c, wire.Client(idle) as waiting:
        for one in (c, waiting):
            secure(one)
            one.negotiate_structured()
            one.go('vda')
        cookie = waiting.request(READ, 0, 512)
        stage.wait_for('the request', lambda: held.waiting)
        c.expect_closed()
        held.release()
        assert wire.assemble(waiting.chunks(cookie), 0, 512) == contents(0, 512)
        waiting.expect_closed()


def check_who_is_admitted():
    before = Counting.connections
    for name in ('former', 'stranger', None):
        assert refused(socket, name), name
        assert refused(allowing, name), name
        assert refused(socket, name, ssl.TLSVersion.TLSv1_2), name
    assert Counting.connections == before
    _, anybody = tls_relay('anybody', '--tls-no-verify-peer')
    for name in ('friend', 'stranger', None):
        with wire.Client(anybody) as c:
            works(secure(c, name))


def check_subjects():
    for pattern, admitted in (('*CN=friend*', True), ('CN=fri*', True),
                              ('*O=Friends*', True), ('*CN=friends*', False),
                              ('friend', False)):
        process, some = tls_relay('subject', '--tls-subject', pattern)
        assert refused(some, 'friend') != admitted, pattern
        stage.end(process)
    process, some = tls_relay('subject', '--tls-subject', 'x', '--tls-subject',
                              '*CN=friend*')
    assert not refused(some, 'friend')
    stage.end(process)


class GnutlsSocket:
    """For what Python's TLS cannot be made to do."""
    library = ctypes.CDLL('libgnutls.so.30')
    CLIENT, CERTIFICATE, PEM, ASK_PEER, AGAIN = 2, 1, 1, 1, -28

    def __init__(self, plain, version):
        # Blocking, but not for ever.
        plain.setblocking(True)
        for option in (sockets.SO_RCVTIMEO, sockets.SO_SNDTIMEO):
            plain.setsockopt(sockets.SOL_SOCKET, option,
                             struct.pack('ll', 20, 0))
        self.plain = plain
        self.session, self.credentials = ctypes.c_void_p(), ctypes.c_void_p()
        priority = b'NORMAL:-VERS-ALL:+VERS-TLS' + version
        self.call('init', ctypes.byref(self.session), self.CLIENT, of=())
        self.call('priority_set_direct', priority, None)
        self.call('certificate_allocate_credentials',
                  ctypes.byref(self.credentials), of=())
        self.call('certificate_set_x509_key_file',
                  *(stage.path('friend/client-%s.pem' % kind).encode()
                    for kind in ('cert', 'key')), self.PEM,
                  of=(self.credentials,))
        self.call('credentials_set', self.CERTIFICATE, self.credentials)
        self.library.gnutls_transport_set_int2(self.session, plain.fileno(),
                                               plain.fileno())
        self.handshake()

    def call(self, name, *arguments, of=None):
        of = (self.session,) if of is None else of
        for _ in range(10):
            result = getattr(self.library, 'gnutls_' + name)(*of, *arguments)
            if result != self.AGAIN:
                break
        if result < 0:
            raise ConnectionResetError(name, result)
        return result

    def handshake(self):
        self.call('handshake')

    def update_keys(self):
        """Ours, and asks for the other side's."""
        self.call('session_key_update', self.ASK_PEER)

    def sendall(self, data):
        assert self.call('record_send', data,
                         ctypes.c_size_t(len(data))) == len(data)

    def recv(self, length):
        data = ctypes.create_string_buffer(length)
        received = self.call('record_recv', data, ctypes.c_size_t(length))
        return data.raw[:received]

    def close(self):
        self.plain.close()


def secure_by_gnutls(c, version):
    assert c.result(STARTTLS) == REP_ACK
    c.socket = GnutlsSocket(c.socket, version)
    return c


def until_refused(action):
    """Fails if it can be repeated for ever."""
    try:
        for _ in range(100000):
            action()
    except ConnectionResetError:
        return
    raise AssertionError('nobody minds')


def check_new_keys_without_end():
    with wire.Client(socket) as steady:
        works(secure(steady))
        for opened in (False, True):
            with wire.Client(socket) as c:
                secure_by_gnutls(c, b'1.3')
                # Now and then they may be new.
                c.socket.update_keys()
                assert c.names() == ['vda']
                if opened:
                    works(c)
                until_refused(c.socket.update_keys)
            assert steady.read(0, 100000) == contents(0, 100000)


def check_no_second_handshake():
    with wire.Client(socket) as c:
        secure_by_gnutls(c, b'1.2')
        works(c)
        until_refused(c.socket.handshake)


def check_slow_reader_and_many_requests():
    with wire.Client(socket) as c:
        secure(c)
        c.negotiate_structured()
        c.go('vda')
        for i in range(60):
            c.request(READ, i * 100000, 100000, cookie=i)
        got = {}
        while len(got) < 60:
            flags, kind, cookie, data = c.chunk()
            if kind == wire.OFFSET_DATA:
                got[cookie] = data[8:]
        assert all(got[i] == contents(i * 100000, 100000) for i in got)
    # Who leaves in the middle is nobody's trouble.
    with wire.Client(socket) as c:
        secure(c)
        c.go('vda')
        for i in range(60):
            c.request(READ, i * 100000, 100000)
        c.receive(1000)
    stage.wait_for('it to be gone', lambda: stage.idle(relay))


def refuses(text, *arguments):
    result = subprocess.run(
        ['pullback-relay', '--upstream', 'unix:' + origin.path, '--listen',
         'unix:' + stage.path('never.sock'), *arguments],
        stderr=subprocess.PIPE, timeout=20)
    said = result.stderr.decode()
    assert result.returncode == 1 and text in said, (arguments, said)


def check_bad_arguments():
    refuses('is not off, allow or require', '--tls', 'maybe')
    refuses('TLS needs', '--tls', 'require')
    refuses('TLS needs', '--tls', 'allow')
    refuses('need --tls-certificates', '--tls-no-verify-peer')
    refuses('need --tls-certificates', '--tls-subject', 'x')
    refuses('exclude each other', '--tls-subject', 'x', '--tls-no-verify-peer',
            '--tls-certificates', stage.path('server'))
    refuses('server-key.pem', '--tls-certificates', stage.path('friend'))
    refuses('No such file', '--tls-psk', stage.path('nothing'))
    os.mkdir(stage.path('broken'))
    for name in os.listdir(stage.path('server')):
        shutil.copy(stage.path('server/' + name), stage.path('broken'))
    for name in ('ca-crl.pem', 'ca-cert.pem', 'server-cert.pem'):
        with open(stage.path('broken/' + name), 'w') as file:
            file.write('nonsense')
        refuses(name, '--tls-certificates', stage.path('broken'))
        shutil.copy(stage.path('server/' + name), stage.path('broken'))


def check_beyond_loopback():
    import socket as sockets
    with sockets.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
    listen = ('--listen', 'tcp:0.0.0.0:%d' % port)
    refuses('--insecure', *listen, '--tls', 'allow', '--tls-certificates',
            stage.path('server'))
    _, _ = tls_relay('open', *listen)
    with wire.Client(('127.0.0.1', port)) as c:
        works(secure(c))


stage.run_checks(sys.modules[__name__])
