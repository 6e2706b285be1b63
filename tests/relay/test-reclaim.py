#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# --reclaim: what clients have received is trimmed from the server behind, in
# whole clusters, and nothing that they may not have; clients cannot trim.

import os
import re
import signal
import sys

import nbd

import stage
from stage import K

CLUSTER = 64 * K
M = 1 << 20
SIZE = 8 * M
fresh = 0


class Chain:
    """A new server that logs what is asked of it, and a relay before it."""

    def __init__(self, *arguments, size=SIZE):
        global fresh
        fresh += 1
        self.log = stage.path('origin%d.log' % fresh)
        self.origin_socket = stage.path('origin%d.sock' % fresh)
        self.size = size
        self.start_origin()
        _, self.socket = stage.relay(self.origin_socket, *arguments,
                                     name='relay%d.sock' % fresh)

    def start_origin(self):
        self.origin = stage.start(
            ['nbdkit', '-f', '-U', self.origin_socket, '--filter=log',
             'memory', str(self.size), 'logfile=' + self.log],
            self.origin_socket)

    def client(self):
        handle = nbd.NBD()
        handle.set_strict_mode(0)
        handle.connect_unix(self.socket)
        return handle

    def trimmed(self):
        """The clusters."""
        clusters = set()
        with open(self.log) as log:
            for match in re.finditer(
                    r' Trim id=\d+ offset=0x(\w+) count=0x(\w+)', log.read()):
                offset, length = (int(text, 16) for text in match.groups())
                assert offset % CLUSTER == 0 and length % CLUSTER == 0, match
                clusters.update(range(offset // CLUSTER,
                                      (offset + length) // CLUSTER))
        return clusters

    def becomes(self, clusters):
        stage.wait_for('trims of %s' % clusters,
                       lambda: self.trimmed() == set(clusters))


def check_whole_clusters():
    chain = Chain('--reclaim')
    first, second = chain.client(), chain.client()
    first.pread(2 * CLUSTER + 512, 0)  # and a part of the third
    second.pread(CLUSTER - 512, 5 * CLUSTER)  # all but a sector
    first.shutdown()
    chain.becomes({0, 1})
    second.pread(CLUSTER - 512, 2 * CLUSTER + 512)  # the rest of the third
    second.pread(CLUSTER, 20 * CLUSTER + 1024)  # two halves
    second.shutdown()
    chain.becomes({0, 1, 2})
    third = chain.client()
    third.pread(1024, 20 * CLUSTER)
    third.pread(512, 6 * CLUSTER - 512)
    third.shutdown()
    chain.becomes({0, 1, 2, 5, 20})


def check_what_may_not_be_received():
    chain = Chain('--reclaim')
    killed = chain.client()
    killed.pread(4 * CLUSTER, 0)
    del killed  # without a disconnect
    last = chain.client()
    last.pread(CLUSTER, 9 * CLUSTER)
    last.shutdown()
    chain.becomes({9})


def check_a_connection_that_goes_on():
    chain = Chain('--reclaim', size=256 * M)
    client = chain.client()
    for offset in range(0, 160 * M, M):
        client.pread(M, offset)
    stage.wait_for('trims', lambda: len(chain.trimmed()) >= 64 * 16)
    assert max(chain.trimmed()) < (160 - 64) * 16, max(chain.trimmed())
    client.shutdown()
    chain.becomes(range(160 * 16))


def check_clients_cannot_trim():
    chain = Chain('--reclaim')
    client = chain.client()
    assert client.is_read_only() and not client.can_trim()
    for call in (lambda: client.trim(CLUSTER, 0),
                 lambda: client.zero(CLUSTER, 0),
                 lambda: client.pwrite(bytes(CLUSTER), 0)):
        try:
            call()
            assert False
        except nbd.Error as error:
            assert error.errnum == 1, error  # EPERM
    client.shutdown()
    assert chain.trimmed() == set()


def check_without():
    chain = Chain()
    client = chain.client()
    client.pread(SIZE, 0)
    client.shutdown()
    again = chain.client()
    again.pread(SIZE, 0)
    again.shutdown()
    assert chain.trimmed() == set()


def check_the_server_comes_back():
    chain = Chain('--reclaim')
    first = chain.client()
    first.pread(CLUSTER, 0)
    first.shutdown()
    chain.becomes({0})
    stage.end(chain.origin, signal.SIGKILL)
    os.unlink(chain.origin_socket)
    chain.start_origin()
    second = chain.client()
    second.pread(CLUSTER, CLUSTER)
    second.shutdown()
    stage.wait_for('a trim', lambda: 1 in chain.trimmed())


stage.run_checks(sys.modules[__name__])
