# SPDX-License-Identifier: BSD-3-Clause
"""Reads every byte of an export once, in pieces of any length and in any order,
each on a connection of its own that is ended as the protocol wants it, so that
what was read is reclaimed while the rest is still being read.
    read_once.py URI IMAGE SEED
An increment, of a view EXPORT@BASE or EXPORT@BASE/inplace, is written upon the
image, which is then the base's; a whole export makes it."""

import random
import sys
import time

import nbd

HOLE, ZERO = 1, 2
LARGEST = 1 << 20
PATIENCE = 60  # seconds, for a process that is started again


def connect(uri, with_map=False):
    handle = nbd.NBD()
    if with_map:
        handle.add_meta_context(nbd.CONTEXT_BASE_ALLOCATION)
    handle.connect_uri(uri)
    return handle


def persist(action):
    """What the relay or nbdkit fails since it is killed is done again."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return action()
        except nbd.Error:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


def extents(uri):
    handle = connect(uri, True)
    found = []

    def take(_context, offset, entries, _error):
        for length, flags in zip(entries[::2], entries[1::2]):
            found.append((offset, length, flags))
            offset += length

    position, size = 0, handle.get_size()
    while position < size:
        before = len(found)
        handle.block_status(min(size - position, 1 << 30), position, take)
        position += sum(length for _, length, _ in found[before:])
    handle.shutdown()
    return size, found


def pieces(chance, offset, length):
    end = offset + length
    while offset < end:
        piece = min(512 * chance.randint(1, LARGEST // 512), end - offset)
        yield offset, piece
        offset += piece


def read_piece(chance, uri, offset, length):
    handle = connect(uri)
    parts = [(at, handle.pread(part, at)) for at, part in
             pieces(chance, offset, length)]
    try:
        handle.shutdown()
    except nbd.Error:
        pass  # it may have been heard all the same, and the bytes are here
    return parts


def read_once(uri, path, seed):
    chance = random.Random(seed)
    view = '@' in uri
    clean = HOLE | ZERO if uri.split('?')[0].endswith('/inplace') else HOLE
    size, found = persist(lambda: extents(uri))
    wanted = []
    with open(path, 'r+b' if view else 'w+b') as image:
        image.truncate(size)
        for offset, length, flags in found:
            if view and flags == clean:
                continue
            if flags & ZERO and chance.random() < 0.8:
                image.seek(offset)
                image.write(bytes(length))
            else:
                wanted += pieces(chance, offset, length)
        chance.shuffle(wanted)
        for offset, length in wanted:
            for at, data in persist(
                    lambda: read_piece(chance, uri, offset, length)):
                image.seek(at)
                image.write(data)


if __name__ == '__main__':
    read_once(sys.argv[1], sys.argv[2], int(sys.argv[3]))
