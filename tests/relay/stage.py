# SPDX-License-Identifier: BSD-3-Clause
"""What the relay's tests share: a temporary folder, an nbdkit with several
exports behind a relay, and a runner for checks that are functions."""

import atexit
import contextlib
import os
import random
import shutil
import signal
import socket as sockets
import subprocess
import sys
import tempfile
import time
import traceback

import wire

SIZE = 4 << 20
K = 1024

# The truth: [(length, flags)] of base:allocation, and the contexts made of it.
ALLOCATION = {
    'vda': [(1024 * K, 0), (1024 * K, 3), (2048 * K, 0)],
    'vda@monday': [(64 * K, 1), (64 * K, 0), (128 * K, 3), (3840 * K, 1)],
    'vda@tuesday': [(4032 * K, 1), (64 * K, 0)],
    'vda@monday/inplace': [(64 * K, 3), (64 * K, 0), (3968 * K, 3)],
    'odd,name': [(4096 * K, 0)],
}
EXPORTS = list(ALLOCATION)
SINCE_MONDAY = [(64 * K, 0), (64 * K, 1), (128 * K, 3), (3840 * K, 0)]
SINCE_TUESDAY = [(4032 * K, 0), (64 * K, 1)]
DIRTY_MONDAY = [(64 * K, 0), (192 * K, 1), (3840 * K, 0)]
CONTEXTS = {
    'base:allocation': ALLOCATION['vda'],
    'qemu:dirty-bitmap:backup-vda': DIRTY_MONDAY,
    'pullback:since:monday': SINCE_MONDAY,
    'pullback:since:tuesday': SINCE_TUESDAY,
}

folder = tempfile.mkdtemp(prefix='pullback-', dir='/tmp')
processes = []
relays = []


@atexit.register
def clean_up():
    for process in reversed(processes):
        end(process, signal.SIGKILL)
    shutil.rmtree(folder, ignore_errors=True)


def on_signal(*_):
    sys.exit(1)


signal.signal(signal.SIGTERM, on_signal)


def path(name):
    return os.path.join(folder, name)


def wait_for(what, condition, seconds=20):
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, 'waited in vain for ' + what
        time.sleep(0.01)


def start(arguments, socket=None, **others):
    process = subprocess.Popen(arguments, **others)
    processes.append(process)
    if socket:
        wait_for(socket, lambda: connects(socket) or
                 process.poll() is not None)
        assert process.poll() is None, '%s ended' % arguments[0]
    return process


def connects(address):
    """A server listens at a path, whose file alone may be there a moment earlier,
    or at a host and port."""
    one = sockets.socket(sockets.AF_INET if isinstance(address, tuple)
                         else sockets.AF_UNIX)
    try:
        one.connect(address)
        return True
    except OSError:
        return False
    finally:
        one.close()


def end(process, number=signal.SIGTERM):
    """The process's status; it must end."""
    if process.poll() is None:
        process.send_signal(number)
    try:
        return process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise
    finally:
        if process in processes:
            processes.remove(process)


def relay(upstream, *arguments, name='relay.sock', threads=1, **others):
    """A relay; (process, socket's path).  'threads' are those it has without
    clients."""
    socket = path(name)
    process = start(['pullback-relay', '--upstream', 'unix:' + upstream,
                     '--listen', 'unix:' + socket, *arguments],
                    socket=socket, **others)
    # The client that found it is gone.
    wait_for('the relay to be idle', lambda: threads_of(process) == threads)
    relays.append(process)
    return process, socket


def write_disk():
    """The bytes of all exports, which allocation agrees with."""
    data = bytearray(random.Random(7).randbytes(SIZE))
    data[1 << 20:2 << 20] = bytes(1 << 20)
    with open(path('disk'), 'wb') as disk:
        disk.write(data)
    return bytes(data)


def write_script():
    """An nbdkit script with the exports above; reads fail with EIO where a file
    'fail' exists, extents where 'blind' does."""
    lines = []
    names = {0: '', 1: 'hole', 3: 'hole,zero'}
    for export, extents in ALLOCATION.items():
        offset = 0
        lines.append("'%s') cat <<END" % export)
        for length, flags in extents:
            lines.append('%d %d %s' % (offset, length, names[flags]))
            offset += length
        lines += ['END', ';;']
    with open(path('script'), 'w') as script:
        script.write('\n'.join([
            '#!/bin/sh',
            'cd %s' % folder,
            'case $1 in',
            'thread_model) echo parallel ;;',
            "list_exports) printf '%%s\\n' NAMES %s ;;" %
            ' '.join("'%s'" % name for name in EXPORTS),
            'open) case $3 in',
            '  %s) echo "$3" ;;' % '|'.join("'%s'" % name for name in EXPORTS),
            '  *) echo "ENOENT no such export" >&2; exit 1 ;; esac ;;',
            'get_size) echo %d ;;' % SIZE,
            'can_extents) exit 0 ;;',
            'pread) test -e fail && { echo "EIO told to" >&2; exit 1; }',
            '  dd if=disk iflag=skip_bytes,count_bytes bs=1M skip=$4 count=$3 '
            '2>/dev/null ;;',
            'extents) test -e blind && { echo "EIO told to" >&2; exit 1; }',
            '  case $2 in',
            *lines,
            'esac ;;',
            '*) exit 2 ;;',
            'esac', '']))
    os.chmod(path('script'), 0o755)


def origin(socket='origin.sock'):
    """nbdkit with all the exports; (process, socket's path)."""
    write_script()
    socket = path(socket)
    process = start(['nbdkit', '-f', '-U', socket, 'sh', path('script')],
                    socket=socket, stderr=open(path('origin.log'), 'ab'))
    return process, socket


def usual_relay(upstream, *arguments, **others):
    return relay(upstream, '--context',
                 'export=vda,name=qemu:dirty-bitmap:backup-vda,view=vda@monday',
                 '--context',
                 'export=odd,,name,name=x:a,,b,view=vda@monday',
                 '--context', 'export=vda,name=x:none,view=vda@never',
                 *arguments, **others)


def is_sanitized():
    """The sanitizers take memory of their own."""
    linked = subprocess.run(['ldd', os.environ['PULLBACK_RELAY']],
                            stdout=subprocess.PIPE, check=False).stdout
    return b'libasan' in linked


def threads_of(process):
    return len(os.listdir('/proc/%d/task' % process.pid))


def idle(process):
    """The relay serves no client: its main thread is alone."""
    return threads_of(process) == 1


@contextlib.contextmanager
def expect_closed():
    try:
        yield
    except wire.Closed:
        return
    raise AssertionError('the connection was not closed')


def run_checks(module):
    """Runs all functions named rule_* or check_*; exits."""
    failed = 0
    for name, function in list(vars(module).items()):
        if not name.startswith(('rule_', 'check_')):
            continue
        begin = time.monotonic()
        try:
            function()
            result = 'ok'
        except Exception:
            traceback.print_exc()
            failed += 1
            result = 'FAILED'
        print('%-6s %s (%.2f s)' % (result, name, time.monotonic() - begin),
              flush=True)
    # A relay that was not killed ends well; a sanitizer would say otherwise.
    for process in relays:
        if process in processes and process.poll() is None:
            if end(process) != 0:
                print('FAILED the relay ended with %d' % process.returncode)
                failed += 1
    sys.exit(1 if failed else 0)
