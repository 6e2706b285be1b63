# SPDX-License-Identifier: BSD-3-Clause
"""Writes the seeds of the relay's fuzz targets: real sessions of real clients
through a relay in front of nbdkit, recorded on both sides of the relay.
    ./run /usr/bin/python3 tests/fuzz/record.py CORPUS-FOLDER"""

import os
import re
import socket
import struct
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.environ['srcdir'], 'tests', 'relay'))

import stage
import wire

SIZE = 512 * 1024
SCRIPT = r"""#!/bin/sh
case $1 in
thread_model) echo serialize_requests ;;
list_exports) printf '%s\n' NAMES vda vda@monday vda@monday/inplace ;;
open) case $3 in
  vda|vda@monday|vda@monday/inplace) echo "$3" ;;
  *) echo "ENOENT no such export" >&2; exit 1 ;; esac ;;
get_size) echo 524288 ;;
can_extents) exit 0 ;;
can_cache) echo native ;;
cache) exit 0 ;;
pread) head -c $3 /dev/zero ;;
extents) case $2 in
  vda) printf '%s\n' '0 64k' '64k 128k hole,zero' '192k 320k' ;;
  vda@monday) printf '%s\n' '0 64k hole' '64k 64k' '128k 384k hole' ;;
  *) printf '%s\n' '0 64k hole,zero' '64k 64k' '128k 384k hole,zero' ;;
  esac ;;
*) exit 2 ;;
esac
"""
SEND, WAIT, ZEROES, NEXT, ANSWER = b'\0', b'\1', b'\2', b'\3', b'\4'
REPLIES = (struct.pack('>I', wire.SIMPLE_MAGIC),
           struct.pack('>I', wire.CHUNK_MAGIC))


class Tap:
    """Stands before a socket and keeps what passes: for each connection a list
    of (whether it came from the listener's client, bytes)."""

    def __init__(self, path, target):
        self.target = target
        self.connections = []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(16)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            client, _ = self.listener.accept()
            server = socket.socket(socket.AF_UNIX)
            server.connect(self.target)
            words = []
            self.connections.append(words)
            for source, sink, is_client in ((client, server, True),
                                            (server, client, False)):
                threading.Thread(target=self.pass_on, daemon=True,
                                 args=(source, sink, is_client, words)).start()

    @staticmethod
    def pass_on(source, sink, is_client, words):
        try:
            while True:
                data = source.recv(1 << 20)
                if not data:
                    break
                words.append((is_client, data))
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass


def from_client(words):
    """All that the connection's client said."""
    return b''.join(data for is_client, data in words if is_client)


def step(action, data):
    return action + struct.pack('>H', len(data)) + data


def steps(data):
    """A server's words as steps of a script, long runs of zeroes as such."""
    result = []
    if data.startswith(REPLIES):
        header, data = data[:16], data[16:]
        result.append(step(ANSWER, header))
    for part in re.split(rb'((?:\0{16}){8,})', data):
        if part and len(part) % 16 == 0 and not part.strip(b'\0'):
            result.append(ZEROES + struct.pack('>H', len(part) // 16))
        elif part:
            result.append(step(SEND, part))
    return result


def message_length(data, greeted):
    """Of the relay's message that the data begins with, its flags being the
    first."""
    if not greeted:
        return 4
    if data.startswith(struct.pack('>Q', wire.IHAVEOPT)):
        return 16 + struct.unpack('>I', data[12:16])[0]
    return 28


def script(words):
    """Waits for each of the relay's messages, says what the server said."""
    result, heard, said, greeted = [], b'', b'', False
    for is_client, data in words:
        if not is_client:
            said += data
            continue
        result += steps(said)
        said = b''
        heard += data
        while heard and len(heard) >= message_length(heard, greeted):
            heard = heard[message_length(heard, greeted):]
            greeted = True
            result.append(WAIT)
    result += steps(said)
    # Whether the relay takes its leave is of no interest.
    while result and result[-1] == WAIT:
        result.pop()
    return b''.join(result)


def begin_of_transmission(data):
    """Where the client's options end, and which kind of replies it has chosen;
    None: they do not."""
    position, replies = 4, 0
    while position + 16 <= len(data):
        _, option, length = struct.unpack('>QII', data[position:position + 16])
        position += 16 + length
        replies = {wire.STRUCTURED_REPLY: 2,
                   wire.EXTENDED_HEADERS: 3}.get(option, replies)
        if option in (wire.GO, wire.EXPORT_NAME):
            return position, replies
    return None


def keep(folder, name, data):
    # Longer ones only slow the search down.
    if len(data) <= 4096:
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, name), 'wb') as seed:
            seed.write(data)


def record(corpus, name, run, *relay_options):
    """One session in a relay of its own."""
    names = [stage.path(name + end) for end in ('.client', '.server')]
    server = Tap(names[1], stage.path('origin.sock'))
    process, socket_path = stage.usual_relay(names[1], *relay_options,
                                             name=name + '.sock')
    client = Tap(names[0], socket_path)
    run(names[0])
    stage.wait_for('the client to be gone', lambda: stage.idle(process))
    for i, words in enumerate(client.connections):
        sent = from_client(words)
        numbered = name if i == 0 else '%s-%d' % (name, i)
        keep(corpus + '/relay-handshake', numbered, b'\0' + sent)
        found = begin_of_transmission(sent)
        if found:
            keep(corpus + '/relay-transmission', numbered,
                 bytes([found[1] | 16]) + sent[found[0]:])
    # Which of the server's connections are whose is not to be seen.
    if len(client.connections) == 1:
        keep(corpus + '/relay-upstream', name,
             struct.pack('>H', len(sent)) + sent +
             NEXT.join(script(words) for words in server.connections))
    stage.end(process)


def tool(*command):
    """A client that is a program; URI in its arguments is the tap's."""
    def run(tap):
        result = subprocess.run(
            [part.replace('URI', 'nbd+unix:///vda?socket=' + tap)
             .replace('VIEW', 'nbd+unix:///vda@monday?socket=' + tap)
             .replace('TAP', tap) for part in command],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        if result.returncode != 0:
            sys.exit('%s: %s' % (command, result.stdout.decode()))
    return run


CONTEXTS = ['base:allocation', 'qemu:dirty-bitmap:backup-vda',
            'pullback:since:monday']


def byte_client(replies):
    """What no tool here does: this kind of replies, and every command."""
    def run(tap):
        with wire.Client(tap) as client:
            client.option(99, b'unknown')
            if replies == 'structured':
                client.negotiate_structured()
            if replies == 'extended':
                client.negotiate_extended()
            if replies:
                client.contexts(wire.LIST_META, 'vda', ['pullback:'])
                client.contexts(wire.SET_META, 'vda', CONTEXTS)
            client.names()
            client.info(wire.INFO, 'vda', [wire.INFO_BLOCK_SIZE])
            client.go('vda')
            talk(client, replies)
    return run


def talk(client, replies):
    client.read(0, 512)
    client.read(1, 100000)
    for command in (wire.WRITE, wire.FLUSH, wire.TRIM, wire.WRITE_ZEROES, 77):
        client.error(client.request(
            command, length=16,
            payload=b'x' * 16 if command == wire.WRITE else b''))
    client.error(client.request(wire.CACHE, length=4096))
    assert client.read(SIZE, 1) == wire.EINVAL
    if replies:
        client.block_status(0, SIZE)
        client.block_status(512, 65536, wire.REQ_ONE)
        # Now that holes are known.
        client.read(0, SIZE)
        client.read(0, 200000, wire.DF)
    client.request(wire.DISC)


def old_client(tap):
    """EXPORT_NAME, and neither of the handshake's flags."""
    with wire.Client(tap, flags=0) as client:
        client.send_option(wire.EXPORT_NAME, b'vda')
        assert len(client.receive(134)) == 134
        client.read(4096, 70000)
        client.request(wire.DISC)


def starttls_client(tap):
    with wire.Client(tap) as client:
        client.option(wire.STARTTLS)
        client.option(wire.ABORT)


SESSIONS = {
    'nbdinfo': tool('nbdinfo', 'URI'),
    'nbdinfo-list': tool('nbdinfo', '--list', 'nbd+unix:///?socket=TAP'),
    'nbdinfo-map': tool('nbdinfo', '--map', 'URI'),
    'nbdinfo-map-since': tool('nbdinfo', '--map=pullback:since:monday', 'URI'),
    'nbdcopy': tool('nbdcopy', '--connections=1', 'URI', 'null:'),
    'nbdcopy-view': tool('nbdcopy', '--connections=1', 'VIEW', 'null:'),
    'qemu-img-info': tool('qemu-img', 'info', 'URI'),
    'qemu-img-map': tool('qemu-img', 'map', 'VIEW'),
    'qemu-img-convert': tool('qemu-img', 'convert', 'URI', 'TAP.raw'),
    'qemu-io': tool('qemu-io', '-r', '-f', 'raw', '-c', 'read 1000 70000',
                    '-c', 'read 0 200k', 'URI'),
    'bytes-simple': byte_client(None),
    'bytes-structured': byte_client('structured'),
    'bytes-extended': byte_client('extended'),
    'bytes-old': old_client,
    'bytes-starttls': starttls_client,
}


def main():
    with open(stage.path('script'), 'w') as file:
        file.write(SCRIPT)
    os.chmod(stage.path('script'), 0o755)
    stage.start(['nbdkit', '-f', '-t', '1', '-U', stage.path('origin.sock'),
                 'sh', stage.path('script')], socket=stage.path('origin.sock'))
    for name, run in SESSIONS.items():
        record(sys.argv[1], name, run)


main()
