#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# The same questions, byte by byte, to QEMU's own server and to the relay before
# nbdkit and the plugin before QEMU's: the same image, the same dirty bitmap.
# Where the answers differ it is said here, and why; nothing else may differ.

import os
import shutil
import socket as sockets
import struct
import subprocess
import sys

for program in ('qemu-nbd', 'qemu-img', 'qemu-io'):
    if not shutil.which(program):
        print(program + ' is not here')
        sys.exit(77)

import stage
import wire
from wire import (ABORT, BLOCK_STATUS, CACHE, DF, DISC, EXPORT_NAME,
                  EXTENDED_HEADERS, FLUSH, FUA, GO, INFO, LIST, LIST_META,
                  NO_HOLE, READ, REQ_ONE, SET_META, STARTTLS,
                  STRUCTURED_REPLY, TRIM, WRITE, WRITE_ZEROES)

M = 1 << 20
SIZE = 8 * M
BITMAP = 'qemu:dirty-bitmap:monday'


def image():
    """Data, zeroes and holes; changed since monday: the MiB at 1 and at 6."""
    path = stage.path('image.qcow2')

    def run(*arguments):
        subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL)
    run('qemu-img', 'create', '-q', '-f', 'qcow2', path, str(SIZE))
    run('qemu-io', '-f', 'qcow2', '-c', 'write -P 1 0 2M', '-c',
        'write -P 2 3M 512k', '-c', 'write -P 3 7M 64k', path)
    run('qemu-img', 'bitmap', '--add', '-f', 'qcow2', path, 'monday')
    run('qemu-io', '-f', 'qcow2', '-c', 'write -P 4 1M 1M', '-c',
        'write -z 6M 64k', path)
    return path


qemu_socket = stage.path('qemu.sock')
qemu = stage.start(['qemu-nbd', '-r', '-t', '-e', '100', '-f', 'qcow2', '-k',
                    qemu_socket, '-x', 'vda', '-B', 'monday', image()],
                   socket=qemu_socket, stderr=subprocess.DEVNULL)
plugin_socket = stage.path('plugin.sock')
nbdkit = stage.start(['nbdkit', '-f', '-U', plugin_socket, 'pullback',
                      'socket=' + qemu_socket], socket=plugin_socket)
relay, relay_socket = stage.relay(
    plugin_socket, '--context',
    'export=vda,name=%s,view=vda@monday' % BITMAP)


# How a client begins.

def fresh(address):
    return wire.Client(address)


def structured(address):
    c = wire.Client(address)
    c.negotiate_structured()
    return c


def opened(address):
    c = wire.Client(address)
    c.go('vda')
    return c


def opened_structured(address):
    c = structured(address)
    c.go('vda')
    return c


def with_contexts(address):
    c = structured(address)
    ids = c.contexts(SET_META, 'vda', ['base:allocation', BITMAP])
    c.names_of = {number: name for name, number in ids.items()}
    c.go('vda')
    return c


# What is asked; a client that is closed is an answer, too.

def final(number, payload=b'', length=None):
    return lambda c: c.result(number, payload, length)


def all_kinds(number, payload=b''):
    return lambda c: sorted(kind for kind, _ in c.option(number, payload))


def contexts(number, *queries):
    return lambda c: sorted(c.contexts(number, 'vda', queries))


def info(number, *requests):
    return lambda c: c.info(number, 'vda', requests)


def export_name(name):
    def ask(c):
        c.send_option(EXPORT_NAME, name)
        size, flags = c.unpack('QH')
        return size, flags, c.receive(0 if c.no_zeroes else 124)
    return ask


def error(command, offset=0, length=512, flags=0, payload=b''):
    """QEMU has simple replies for what has no content, as it may."""
    def ask(c):
        cookie = c.request(command, offset, length, flags, payload=payload)
        magic = c.socket.recv(4, sockets.MSG_PEEK | sockets.MSG_WAITALL)
        if magic == struct.pack('>I', wire.SIMPLE_MAGIC):
            return c.simple(cookie)
        return c.error(cookie) if magic else 'closed'
    return ask


def read(offset, length, flags=0):
    return lambda c: c.read(offset, length, flags)


def status(offset, length, flags=0):
    """Joined and cut to the range: both may tell of less, or of more."""
    def ask(c):
        result = {name: [] for name in c.names_of.values()}
        position = offset
        while position < offset + length:
            answer = c.block_status(position, offset + length - position, flags)
            if isinstance(answer, int):
                return answer
            ends = set()
            for number, extents in answer.items():
                end = position
                for extent, value in extents:
                    extent = min(extent, offset + length - end)
                    add(result[c.names_of[number]], extent, value)
                    end += extent
                ends.add(end)
            if flags & REQ_ONE or len(ends) > 1:
                return {name: extents[0] for name, extents in result.items()}
            position = ends.pop()
        return result
    return ask


def add(extents, length, value):
    if extents and extents[-1][1] == value:
        extents[-1] = extents[-1][0] + length, value
    elif length:
        extents.append((length, value))


def goes_on(c):
    """After whatever went before."""
    return 'vda' in c.names()


good = wire.string('vda')
QUESTIONS = {
    # The handshake.
    'unknown option': (fresh, final(77)),
    'unknown option with a payload': (fresh, final(77, b'x' * 5000)),
    'PEEK_EXPORT': (fresh, final(4)),
    'LIST': (fresh, lambda c: 'vda' in c.names()),
    'LIST with a payload': (fresh, final(LIST, b'x')),
    'ABORT': (fresh, final(ABORT)),
    'ABORT with a payload': (fresh, final(ABORT, b'x')),
    'STARTTLS without TLS': (fresh, final(STARTTLS)),
    'STRUCTURED_REPLY': (fresh, final(STRUCTURED_REPLY)),
    'STRUCTURED_REPLY twice': (structured, final(STRUCTURED_REPLY)),
    'STRUCTURED_REPLY with a payload': (fresh, final(STRUCTURED_REPLY, b'x')),
    'EXTENDED_HEADERS': (fresh, final(EXTENDED_HEADERS)),
    'EXTENDED_HEADERS with a payload': (fresh, final(EXTENDED_HEADERS, b'x')),
    'EXPORT_NAME': (fresh, export_name(b'vda')),
    'EXPORT_NAME of nothing': (fresh, export_name(b'vdz')),
    'EXPORT_NAME that is too long': (fresh, export_name(b'x' * 5000)),
    'INFO': (fresh, info(INFO)),
    'INFO, structured': (structured, info(INFO)),
    'INFO of block sizes': (fresh, info(INFO, 3)),
    'GO': (fresh, info(GO)),
    'GO, structured': (structured, info(GO)),
    'GO with an unknown request': (fresh, info(GO, 77)),
    'LIST_META without structured replies': (
        fresh, final(LIST_META, wire.meta_payload('vda'))),
    'LIST_META of everything': (structured, contexts(LIST_META)),
    'LIST_META base:': (structured, contexts(LIST_META, 'base:')),
    'LIST_META qemu:': (structured, contexts(LIST_META, 'qemu:')),
    'LIST_META qemu:dirty-bitmap:': (
        structured, contexts(LIST_META, 'qemu:dirty-bitmap:')),
    'LIST_META by name': (structured, contexts(LIST_META, BITMAP)),
    'LIST_META of the unknown': (
        structured, contexts(LIST_META, 'x:', 'x:y', 'base:nothing',
                             'qemu:dirty-bitmap:nothing')),
    'LIST_META twice the same': (
        structured, contexts(LIST_META, 'base:', 'base:allocation')),
    'SET_META without structured replies': (
        fresh, final(SET_META, wire.meta_payload('vda'))),
    'SET_META of nothing': (structured, contexts(SET_META)),
    'SET_META of all': (structured,
                        contexts(SET_META, 'base:allocation', BITMAP)),
    'SET_META of wildcards': (
        structured, contexts(SET_META, 'base:', 'qemu:')),
    'SET_META qemu:dirty-bitmap:': (
        structured, contexts(SET_META, 'qemu:dirty-bitmap:')),
    'SET_META of the unknown': (structured, contexts(SET_META, 'x:y')),
    # Errors in transmission.
    'status without contexts': (opened_structured, error(BLOCK_STATUS)),
    'status beyond the end': (with_contexts, status(SIZE, 512)),
    'status of nothing': (with_contexts, error(BLOCK_STATUS, 0, 0)),
    'status with unknown flags': (with_contexts,
                                  error(BLOCK_STATUS, 0, 512, 1 << 9)),
    'status with DF': (with_contexts, error(BLOCK_STATUS, 0, 512, DF)),
    'DISC': (opened, error(DISC)),
    'a magic that is none': (
        opened, lambda c: c.error(c.request(READ, 0, 512, magic=1))),
}
for number, name in ((INFO, 'INFO'), (GO, 'GO')):
    for what, payload in (
            ('nothing', b''), ('of an unknown export', wire.info_payload('x')),
            ('short', b'\0\0'), ('no count', good),
            ('half a count', good + b'\0'),
            ('name beyond', struct.pack('>I', 9) + b'vda\0\0'),
            ('name of 2^32 - 1', struct.pack('>I', 0xffffffff) + b'vda\0\0'),
            ('requests missing', good + b'\0\x02\0\0'),
            ('requests too many', good + b'\0\0\0\0'),
            ('name of 4097', wire.info_payload('x' * 4097))):
        QUESTIONS['%s, %s' % (name, what)] = (fresh, final(number, payload))
for number, name in ((LIST_META, 'LIST_META'), (SET_META, 'SET_META')):
    for what, payload in (
            ('nothing', b''), ('no count', good),
            ('unknown export', wire.meta_payload('vdz', ['base:'])),
            ('name beyond', struct.pack('>I', 9) + b'vda'),
            ('queries missing', good + struct.pack('>I', 2)),
            ('query beyond', good + struct.pack('>II', 1, 9) + b'base:'),
            ('bytes left', good + struct.pack('>II', 0, 9)),
            ('query without colon', wire.meta_payload('vda', ['base'])),
            ('empty query', wire.meta_payload('vda', ['']))):
        QUESTIONS['%s, %s' % (name, what)] = (structured,
                                              final(number, payload))
for start, kind in ((opened, 'simple'), (opened_structured, 'structured')):
    for what, question in (
            ('read', read(0, 512)), ('read of a byte', read(M - 1, 2)),
            ('read of everything', read(0, SIZE)),
            ('read of zeroes', read(4 * M, M)), ('read of nothing', read(0, 0)),
            ('read at the end', read(SIZE - 1, 1)),
            ('read beyond', read(SIZE, 1)),
            ('read across the end', read(SIZE - 1, 2)),
            ('read that wraps', read((1 << 64) - 512, 1024)),
            ('read of too much', read(0, 0xffffffff)),
            ('read of nothing, beyond', read(SIZE + 1, 0)),
            ('read with REQ_ONE', read(0, 512, REQ_ONE)),
            ('read with NO_HOLE', read(0, 512, NO_HOLE)),
            ('read with unknown flags', read(0, 512, 1 << 9)),
            ('read with FUA', read(0, 512, FUA)),
            ('write', error(WRITE, 0, 512, payload=b'x' * 512)),
            ('write beyond', error(WRITE, SIZE, 512, payload=b'x' * 512)),
            ('write of nothing', error(WRITE, 0, 0)),
            ('trim', error(TRIM)), ('trim beyond', error(TRIM, SIZE)),
            ('write zeroes', error(WRITE_ZEROES)),
            ('flush', error(FLUSH, 0, 0)), ('cache', error(CACHE)),
            ('cache beyond', error(CACHE, SIZE, 512)),
            ('command 8', error(8)), ('command 65535', error(0xffff))):
        QUESTIONS['%s, %s' % (what, kind)] = (start, question)
QUESTIONS['read with DF, simple'] = opened, read(0, 512, DF)
for length in (512, M, SIZE):
    QUESTIONS['read of %d with DF' % length] = (opened_structured,
                                                read(0, length, DF))
for offset, length in ((0, SIZE), (0, 1), (M - 1, 2), (M, M), (SIZE - 1, 1),
                       (4 * M, M), (6 * M, 65536), (3 * M, 4 * M)):
    for flags in (0, REQ_ONE):
        QUESTIONS['status of %d at %d, %d' % (length, offset, flags)] = (
            with_contexts, status(offset, length, flags))


def flags_of_qemu(flags):
    """It also offers FLUSH, FUA and CACHE: the relay's export never changes, and
    nbdkit's plugin has no cache of its own."""
    return flags | 1 << 2 | 1 << 3 | 1 << 10


# The flags, simple and structured, and the block sizes, of the relay.
PLAIN = 1 | 2 | 1 << 8
CHUNKS = PLAIN | 1 << 7
SIZES = 1, 4096, 1 << 25
HAS_MORE_FLAGS = 'see flags_of_qemu'
SAYS_SIZES_UNASKED = 'QEMU tells block sizes unasked, and it has more flags'
ONLY_READS = ('writes to a read-only export are to be EPERM; QEMU has EINVAL '
              'where it does not offer the command')

# {question: (QEMU's answer, the relay's, why)}
DIFFERENCES = {
    'STARTTLS without TLS': (
        wire.ERR_POLICY, wire.ERR_UNSUP, 'either is allowed'),
    'STRUCTURED_REPLY twice': (
        wire.ERR_INVALID, wire.REP_ACK, 'not spoken of; it changes nothing'),
    'EXPORT_NAME': ((SIZE, flags_of_qemu(PLAIN), b''), (SIZE, PLAIN, b''),
                    HAS_MORE_FLAGS),
    'INFO of block sizes': ((SIZE, flags_of_qemu(PLAIN), SIZES),
                            (SIZE, PLAIN, SIZES), HAS_MORE_FLAGS),
    'LIST_META of everything': (
        ['base:allocation', BITMAP],
        ['base:allocation', 'pullback:since:monday', BITMAP],
        'what the relay is for'),
    'a magic that is none': (
        wire.EINVAL, 'closed', 'QEMU reads on, out of step, where it may close'),
}
for name in ('INFO', 'GO', 'GO with an unknown request'):
    DIFFERENCES[name] = ((SIZE, flags_of_qemu(PLAIN), SIZES),
                         (SIZE, PLAIN, None), SAYS_SIZES_UNASKED)
for name in ('INFO, structured', 'GO, structured'):
    DIFFERENCES[name] = ((SIZE, flags_of_qemu(CHUNKS), SIZES),
                         (SIZE, CHUNKS, None), SAYS_SIZES_UNASKED)
for name in ('LIST_META', 'SET_META'):
    DIFFERENCES[name + ', bytes left'] = (
        wire.REP_ACK, wire.ERR_INVALID, 'a length that does not fit is invalid')
for kind in ('simple', 'structured'):
    for name in ('write', 'write beyond', 'write of nothing', 'trim',
                 'trim beyond', 'write zeroes'):
        DIFFERENCES['%s, %s' % (name, kind)] = (wire.EINVAL, wire.EPERM,
                                                ONLY_READS)
    for name, answer in (('flush', 0), ('cache', 0),
                         ('read with FUA', b'\1' * 512)):
        DIFFERENCES['%s, %s' % (name, kind)] = (answer, wire.EINVAL,
                                                HAS_MORE_FLAGS)


def ask(address, question):
    start, function = question
    with start(address) as c:
        c.no_zeroes = True
        try:
            return function(c)
        except wire.Closed:
            return 'closed'


def check_answers():
    wrong = 0
    # QEMU has it from 8.2 on.
    if ask(qemu_socket, QUESTIONS['EXTENDED_HEADERS']) == wire.ERR_UNSUP:
        del QUESTIONS['EXTENDED_HEADERS']
        del QUESTIONS['EXTENDED_HEADERS with a payload']
    for name, question in QUESTIONS.items():
        theirs, ours = (ask(address, question)
                        for address in (qemu_socket, relay_socket))
        expected = DIFFERENCES.get(name, (theirs, theirs, ''))[:2]
        if (theirs, ours) != tuple(expected):
            print('%s:\n  QEMU  %.300r\n  relay %.300r' % (name, theirs, ours))
            wrong += 1
    assert wrong == 0, wrong
    assert set(DIFFERENCES) <= set(QUESTIONS)


stage.run_checks(sys.modules[__name__])
