#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# The handshake byte by byte; each check is named by the rule of the protocol
# that it is for: greeting (01), replies to options (02) ... in the order of
# doc/proto.md.

import os
import struct
import sys

import stage
import wire
from wire import (ABORT, ERR_INVALID, ERR_TOO_BIG, ERR_UNKNOWN, ERR_UNSUP,
                  EXPORT_NAME, EXTENDED_HEADERS, GO, INFO, LIST, LIST_META,
                  REP_ACK, SET_META, STARTTLS, STRUCTURED_REPLY)

stage.write_disk()
origin, origin_socket = stage.origin()
relay_log = open(stage.path('relay.log'), 'wb')
relay, socket = stage.usual_relay(origin_socket, stderr=relay_log)

ALL = set(stage.CONTEXTS)


def client(**others):
    return wire.Client(socket, **others)


def still_parses(c):
    assert 'vda' in c.names()


def rule_01_greeting():
    with client(greet=False) as c:
        assert c.greeting() == 3


def rule_01_unknown_client_flags():
    for flags in (4, 1 << 31, 7, 0xffffffff):
        with client(flags=flags) as c:
            c.expect_closed()


def rule_01_known_client_flags():
    for flags in (0, 1, 2, 3):
        with client(flags=flags) as c:
            still_parses(c)


def rule_02_bad_option_magic():
    with client() as c:
        c.send(struct.pack('>QII', 0x1234, LIST, 0))
        c.expect_closed()


def rule_02_every_option_has_one_final_reply():
    """The reader of replies checks magic, echo and what errors look like."""
    with client() as c:
        for number in (*range(3, 30), 0x7fffffff, 0x80000000, 0xffffffff):
            if number == GO:
                continue
            for payload in (b'', b'\0', b'\0' * 100):
                replies = c.option(number, payload)
                assert all(kind < wire.ERR and kind != REP_ACK
                           for kind, _ in replies[:-1])
                assert number in (4, STARTTLS) or \
                    replies[-1][0] != ERR_UNSUP or number > 11
        still_parses(c)


def rule_03_unknown_option_is_drained():
    with client() as c:
        for number in (4, 12, 99, 0, 0xffffffff):
            for payload in (b'', b'x', b'y' * 5000, b'z' * 100000):
                assert c.result(number, payload) == ERR_UNSUP
        still_parses(c)


def rule_03_options_in_one_write():
    with client() as c:
        header = struct.pack('>QII', wire.IHAVEOPT, 77, 3) + b'abc'
        c.send(header * 50)
        for _ in range(50):
            assert c.option_replies(77)[-1][0] == ERR_UNSUP
        still_parses(c)


def rule_04_mistakes_do_not_disconnect():
    """Five hundred of them, on one connection."""
    mistakes = ((77, b'x'), (LIST, b'x'), (GO, b''), (INFO, b'\xff' * 9),
                (GO, wire.info_payload('no such export')),
                (STRUCTURED_REPLY, b'x'), (EXTENDED_HEADERS, b'x'),
                (STARTTLS, b'x'), (STARTTLS, b''), (SET_META, b''),
                (LIST_META, b'\0\0\0\x09vda'))
    with client() as c:
        for _ in range(500 // len(mistakes)):
            for number, payload in mistakes:
                assert c.result(number, payload) & wire.ERR
        still_parses(c)
        c.go('vda')
        assert c.read(0, 512) == DISK[:512]


def rule_05_names_that_are_no_strings():
    for name in (b'vd\0a', b'\xff\xfe', b'\xc0\x80', b'\xed\xa0\x80',
                 b'\xf4\x90\x80\x80', b'vda\xc3', b'x' * 4097):
        with client() as c:
            assert c.result(GO, wire.info_payload(name)) == ERR_INVALID
            assert c.result(LIST_META, wire.meta_payload(name)) == ERR_INVALID
            still_parses(c)


def rule_05_longest_name():
    with client() as c:
        for name in ('x' * 4096, 'ä' * 2048):
            assert c.result(GO, wire.info_payload(name)) == ERR_UNKNOWN
        still_parses(c)


def rule_06_export_name():
    for flags, zeroes in ((3, 0), (1, 124), (0, 124)):
        with client(flags=flags) as c:
            c.send_option(EXPORT_NAME, b'vda')
            size, transmission, = c.unpack('QH')
            assert size == stage.SIZE and transmission == 0x103
            assert c.receive(zeroes) == bytes(zeroes)
            assert c.read(0, 512) == DISK[:512]
            c.request(wire.DISC)
            c.expect_closed()


def rule_06_export_name_refused():
    for name in (b'no such export', b'', b'x' * 5000, b'\xff', b'x' * 100000):
        with client() as c:
            c.send_option(EXPORT_NAME, name)
            c.expect_closed()


def rule_07_abort():
    for payload in (b'', b'ignored', b'x' * 70000):
        with client() as c:
            assert c.result(ABORT, payload) == REP_ACK
            c.expect_closed()


def rule_07_abort_without_waiting():
    with client() as c:
        c.send_option(ABORT)
    with client() as c:
        still_parses(c)


def rule_08_list():
    with client() as c:
        assert c.names() == stage.EXPORTS


def rule_08_list_with_payload():
    with client() as c:
        for payload in (b'x', b'y' * 70000):
            assert c.result(LIST, payload) == ERR_INVALID
        still_parses(c)


def rule_09_lengths_that_overrun():
    bad = [
        b'', b'\0', struct.pack('>I', 0), struct.pack('>IB', 0, 0),
        struct.pack('>I', 0xffffffff) + b'vda\0\0',
        struct.pack('>I', 4) + b'vda\0\0',
        struct.pack('>I', 5) + b'vda\0\0',
        struct.pack('>I', 0x80000000) + b'vda\0\0',
        # More, or fewer, requests than are there.
        wire.string('vda') + struct.pack('>H', 1),
        wire.string('vda') + struct.pack('>H', 0xffff),
        wire.string('vda') + struct.pack('>HB', 1, 0),
        wire.string('vda') + struct.pack('>HH', 0, 0),
    ]
    with client() as c:
        for number in (INFO, GO):
            for payload in bad:
                assert c.result(number, payload) == ERR_INVALID, payload
        assert c.result(GO, b'\0' * 70000) in (ERR_INVALID, ERR_TOO_BIG)
        still_parses(c)


def rule_09_unknown_export():
    with client() as c:
        for number in (INFO, GO):
            for name in ('', 'vdz', 'vda@', 'vda@monday/'):
                replies = c.option(number, wire.info_payload(name))
                assert [kind for kind, _ in replies] == [ERR_UNKNOWN], name
        still_parses(c)


def rule_09_unknown_requests_are_ignored():
    with client() as c:
        size, flags, sizes = c.info(INFO, 'vda', (1, 2, 4, 0, 77, 0xffff))
        assert (size, sizes) == (stage.SIZE, None)


def rule_09_block_size():
    with client() as c:
        assert c.info(INFO, 'vda')[2] is None
        minimum, preferred, maximum = c.info(INFO, 'vda', (3,))[2]
        assert (minimum, preferred) == (1, 4096) and maximum >= 1 << 25


def rule_09_go_answers_as_info():
    for structured in (False, True):
        with client() as c:
            if structured:
                c.negotiate_structured()
            info = c.info(INFO, 'vda', (3,))
            assert c.info(GO, 'vda', (3,)) == info


def rule_10_transmission_flags():
    with client() as c:
        # Has flags, read-only, multi-conn.
        assert c.info(INFO, 'vda')[1] == 1 | 2 | 1 << 8
        c.negotiate_structured()
        assert c.info(INFO, 'vda')[1] == 1 | 2 | 1 << 7 | 1 << 8


def rule_11_payload_where_there_is_none():
    with client() as c:
        for number in (STRUCTURED_REPLY, STARTTLS, EXTENDED_HEADERS):
            for payload in (b'x', b'y' * 70000):
                assert c.result(number, payload) == ERR_INVALID, number
        # The refused STRUCTURED_REPLY has no effect.
        assert c.result(SET_META, wire.meta_payload('vda')) == ERR_INVALID
        c.go('vda')
        assert c.read(0, 512) == DISK[:512]


def rule_12_list_all_contexts():
    for structured in (False, True):
        with client() as c:
            if structured:
                c.negotiate_structured()
            assert set(c.contexts(LIST_META, 'vda')) == ALL


def rule_12_wildcards():
    with client() as c:
        c.negotiate_structured()
        for query, found in (
                ('base:', {'base:allocation'}),
                ('qemu:', {'qemu:dirty-bitmap:backup-vda'}),
                ('qemu:dirty-bitmap:', {'qemu:dirty-bitmap:backup-vda'}),
                ('pullback:', {'pullback:since:monday',
                               'pullback:since:tuesday'}),
                ('pullback:since:', {'pullback:since:monday',
                                     'pullback:since:tuesday'}),
                ('pullback:since:m', set()),
                ('pullback:since:monday', {'pullback:since:monday'}),
                ('unknown:', set()), (':', set()), ('', set()),
                ('base', set()), ('base:alloc', set())):
            got = c.contexts(LIST_META, 'vda', [query])
            assert set(got) == found, query
        got = c.contexts(LIST_META, 'vda', ['qemu:', 'no:thing', 'base:',
                                            'base:allocation'])
        assert set(got) == {'base:allocation', 'qemu:dirty-bitmap:backup-vda'}


def rule_12_lengths_that_overrun():
    good = wire.string('vda')
    bad = [
        b'', b'\0\0\0', struct.pack('>I', 0xffffffff),
        struct.pack('>I', 4) + b'vda', good, good + b'\0\0\0',
        good + struct.pack('>I', 1), good + struct.pack('>I', 0xffffffff),
        good + struct.pack('>II', 1, 5) + b'base',
        good + struct.pack('>II', 1, 0xffffffff) + b'base:',
        good + struct.pack('>II', 2, 5) + b'base:',
        good + struct.pack('>II', 0, 5) + b'base:',
        good + struct.pack('>II', 1, 5) + b'base:x',
        wire.meta_payload('vda', [b'x' * 4097]),
        wire.meta_payload('vda', [b'base:\0allocation']),
    ]
    with client() as c:
        c.negotiate_structured()
        for number in (LIST_META, SET_META):
            for payload in bad:
                assert c.result(number, payload) == ERR_INVALID, payload
        still_parses(c)


def rule_12_unknown_export():
    with client() as c:
        c.negotiate_structured()
        for number in (LIST_META, SET_META):
            assert c.result(number,
                            wire.meta_payload('vdz', ['base:'])) == ERR_UNKNOWN


def rule_12_too_many_queries():
    with client() as c:
        c.negotiate_structured()
        payload = wire.meta_payload('vda', ['x:' + 'y' * 4000] * 30)
        assert c.result(SET_META, payload) == ERR_TOO_BIG
        still_parses(c)


def rule_13_set_needs_structured_replies():
    with client() as c:
        payload = wire.meta_payload('vda', ['base:allocation'])
        assert c.result(SET_META, payload) == ERR_INVALID
        c.negotiate_structured()
        assert c.result(SET_META, payload) == REP_ACK


def selected(*calls):
    """What block status has after these SET_META payloads, GO to vda."""
    with client() as c:
        c.negotiate_structured()
        for payload in calls:
            c.option(SET_META, payload)
        c.go('vda')
        answer = c.block_status(0, stage.SIZE)
        return answer if isinstance(answer, int) else len(answer)


def rule_13_set():
    with client() as c:
        c.negotiate_structured()
        assert c.contexts(SET_META, 'vda') == {}
        assert c.contexts(SET_META, 'vda', ['base:', 'qemu:']) == {}
        got = c.contexts(SET_META, 'vda', ['x:none', 'pullback:since:tuesday',
                                           'base:allocation', 'no:thing',
                                           'base:allocation'])
        assert set(got) == {'base:allocation', 'pullback:since:tuesday'}


def rule_13_every_call_replaces():
    both = wire.meta_payload('vda', ['base:allocation',
                                     'pullback:since:monday'])
    one = wire.meta_payload('vda', ['base:allocation'])
    assert selected(both) == 2
    assert selected(both, one) == 1
    for nothing in (wire.meta_payload('vda'),
                    wire.meta_payload('vda', ['base:']),
                    wire.meta_payload('vdz', ['base:allocation']),
                    b'\0', wire.meta_payload('vda', [b'\0']),
                    wire.meta_payload('vda', ['x:' + 'y' * 4000] * 30)):
        assert selected(both, nothing) == wire.EINVAL, nothing
    assert selected(wire.meta_payload('vda', [b'\0']), both) == 2


def rule_13_contexts_of_another_export():
    assert selected(wire.meta_payload('vda@monday',
                                      ['base:allocation'])) == wire.EINVAL


def rule_13_contexts_of_views():
    with client() as c:
        c.negotiate_structured()
        for name in ('vda@monday', 'vda@tuesday', 'vda@monday/inplace'):
            assert set(c.contexts(LIST_META, name)) == {'base:allocation'}
        # A comma in --context is written twice.
        assert set(c.contexts(LIST_META, 'odd,name')) == {'base:allocation',
                                                          'x:a,b'}


def check_unknown_view_is_reported_once():
    with client() as c:
        c.contexts(LIST_META, 'vda')
        c.contexts(LIST_META, 'vda')
    with open(stage.path('relay.log')) as log:
        lines = [line for line in log if 'x:none' in line]
    assert len(lines) == 1 and 'vda@never' in lines[0], lines


def rule_14_starttls_is_refused():
    with client() as c:
        assert c.result(STARTTLS) == ERR_UNSUP
        still_parses(c)


def rule_15_extended_headers():
    for first in (False, True):
        with client() as c:
            if first:
                c.negotiate_structured()
            c.negotiate_extended()
            # They are the better ones, and asking again changes nothing.
            assert c.result(STRUCTURED_REPLY) == wire.ERR_EXT_HEADER_REQD
            assert c.result(EXTENDED_HEADERS) == REP_ACK
            assert c.info(INFO, 'vda')[1] == 1 | 2 | 1 << 7 | 1 << 8
            assert len(c.contexts(SET_META, 'vda', ['base:allocation'])) == 1
            c.go('vda')
            assert c.read(0, 512) == DISK[:512]
            assert list(c.block_status(0, stage.SIZE).values()) == [
                stage.ALLOCATION['vda']]


def rule_15_no_export_name():
    with client() as c:
        c.negotiate_extended()
        c.send_option(EXPORT_NAME, b'vda')
        c.expect_closed()


def rule_15_headers_of_the_wrong_kind():
    for extended in (False, True):
        with client() as c:
            c.negotiate_structured()
            if extended:
                c.negotiate_extended()
            c.go('vda')
            c.request(wire.READ, 0, 512,
                      magic=(wire.REQUEST_MAGIC if extended else
                             wire.EXTENDED_REQUEST_MAGIC))
            c.expect_closed()


def check_client_leaves_anywhere():
    whole = (struct.pack('>I', 3) +
             struct.pack('>QII', wire.IHAVEOPT, STRUCTURED_REPLY, 0) +
             struct.pack('>QII', wire.IHAVEOPT, SET_META, 30) +
             wire.meta_payload('vda', ['base:allocation']) +
             struct.pack('>QII', wire.IHAVEOPT, GO, 9) +
             wire.info_payload('vda') + b'\x25\x60\x95\x13')
    for length in range(0, len(whole), 3):
        with client(greet=False) as c:
            c.send(whole[:length])
    with client() as c:
        still_parses(c)
    stage.wait_for('all clients to be gone', lambda: stage.idle(relay))


def check_option_bytes():
    _, limited = stage.relay(origin_socket, '--max-option-bytes', '1000',
                             name='bytes.sock')
    with wire.Client(limited) as c:
        # 16 bytes of header each.
        for _ in range(9):
            assert c.result(77, b'x' * 80) == ERR_UNSUP
        c.send_option(77, b'x' * 150)
        c.expect_closed()
    with wire.Client(limited) as c:
        c.send_option(GO, length=0xffffffff)
        c.expect_closed()


def check_connections():
    process, limited = stage.relay(origin_socket, '--max-connections', '3',
                                   name='three.sock')
    for _ in range(2):
        with wire.Client(limited) as a, wire.Client(limited), \
                wire.Client(limited, greet=False):
            with wire.Client(limited, greet=False) as d:
                d.expect_closed()
            # The others notice nothing.
            still_parses(a)
        stage.wait_for('them to go', lambda: stage.idle(process))


def check_negotiation_time():
    _, limited = stage.relay(origin_socket, '--negotiation-time', '1',
                             name='hasty.sock')
    # Silence; half an option; a client that does not even greet.
    with wire.Client(limited, greet=False) as a, \
            wire.Client(limited, greet=False) as b, \
            wire.Client(limited, greet=False) as c:
        for one in (a, b):
            one.send(struct.pack('>I', 3))
        b.send_option(GO, b'\0\0', length=20)
        for one in (a, b, c):
            one.greeting()
            one.expect_closed()


def check_negotiation_time_ends_with_negotiation():
    _, limited = stage.relay(origin_socket, '--negotiation-time', '5',
                            name='in-time.sock')
    with wire.Client(limited) as c:
        c.go('vda')
        # Who comes later is closed, and by then the time of the first is up.
        with wire.Client(limited) as other:
            other.expect_closed()
        assert c.read(0, 512) == DISK[:512]


def check_new_exports_are_found():
    """An export that upstream has only now."""
    with open(stage.path('script')) as script:
        text = script.read()
    with open(stage.path('script.new'), 'w') as script:
        script.write(text.replace("'odd,name' ;;", "'odd,name' late ;;")
                     .replace("'odd,name') echo", "'odd,name'|late) echo"))
    os.chmod(stage.path('script.new'), 0o755)
    os.rename(stage.path('script.new'), stage.path('script'))
    with client() as c:
        assert set(c.contexts(LIST_META, 'late')) == {'base:allocation'}
        assert 'late' in c.names()
        assert c.go('late')[0] == stage.SIZE


with open(stage.path('disk'), 'rb') as disk:
    DISK = disk.read()
stage.run_checks(sys.modules[__name__])
