# SPDX-License-Identifier: BSD-3-Clause
"""Backups by chance of a guest that writes without pause.  Each point in time is
pulled in several ways by several clients at once: as a whole, and as increments
since every checkpoint that is kept, applied to the images of that checkpoint.
All of them must be the same, and exactly what all disks held at one instant of
the cut.  Meanwhile clients vanish, backups are aborted, checkpoints deleted, and
the daemon and the processes of the data path are killed."""

import argparse
import concurrent.futures
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time

import nbd

from read_once import read_once

# More would take more time than they tell.
MAX_CHECKPOINTS = 4


class Failed(Exception):
    """A promise that was not kept."""


def run(*command, check=True):
    """What the command prints, or None if it fails and may."""
    result = subprocess.run(command, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, check=False)
    text = result.stdout.decode(errors='replace')
    if result.returncode == 0:
        return text
    if check:
        raise Failed('%s: %s' % (' '.join(command), text))
    return None


def pullback(*arguments, check=True):
    return run('pullback', *arguments, check=check)


def say(*words):
    print('  %7.2f' % (time.monotonic() - START), *words, flush=True)


START = time.monotonic()


class Checkpoint:
    """A point in time that is kept, and the proven images of it."""

    def __init__(self, name, images):
        self.name = name
        self.images = images  # {disk: path}

    def forget(self):
        for path in self.images.values():
            os.unlink(path)


class Pull:
    """One client's work: an image of one disk, in some way."""

    def __init__(self, disk, way, base, path):
        self.disk, self.way, self.base, self.path = disk, way, base, path

    def __str__(self):
        return '%s %s%s' % (self.disk, self.way.__name__,
                            ' since ' + self.base.name if self.base else '')


class Torture:
    def __init__(self, options):
        self.options = options
        self.random = random.Random(options.seed)
        self.folder = options.folder
        self.home = os.environ['PULLBACK_HOME']
        self.disks = options.disks
        self.checkpoints = []
        self.cuts = self.images = self.increments = self.kills = 0
        self.socket = os.path.join(self.home, 'run', 'web', 'nbd.sock')
        options_there_are = run('pullback', 'backup-begin', '--help')
        self.with_changes_only = '--changes-only' in options_there_are
        self.with_reclaim = '--reclaim' in options_there_are

    def path(self, name):
        return os.path.join(self.folder, name)

    def uri(self, export):
        return 'nbd+unix:///%s?socket=%s' % (export, self.socket)

    # The guest and the daemon.

    def progress(self):
        console = os.path.join(os.environ['srcdir'], 'tests/guest/console.py')
        return int(run('/usr/bin/python3', console, self.path('console.sock'),
                       '60', 'cat /run/progress'))

    def methods(self):
        """Those that this QEMU can do; None is the one that suits it."""
        version = tuple(map(int, self.options.qemu_version.split('.')))[:2]
        methods = [None, 'overlay']
        if version >= (10, 1):
            methods.append('transaction')
        if version >= (8, 0) and self.options.iothreads == 0:
            methods.append('filter')
        return methods

    def kill(self, name, number=signal.SIGKILL):
        """That process of this test, as if the machine's memory had run out."""
        pids = []
        for pid in filter(str.isdigit, os.listdir('/proc')):
            try:
                with open('/proc/%s/comm' % pid) as file:
                    found = file.read().strip() == name[:15]
                with open('/proc/%s/environ' % pid) as file:
                    found = found and \
                        'PULLBACK_HOME=%s\0' % self.home in file.read()
                if found:
                    os.kill(int(pid), number)
                    self.kills += 1
                    pids.append(pid)
            except OSError:
                pass
        return pids

    def restart(self):
        """The daemon makes room for the next one, whom the next command
        starts."""
        for pid in self.kill('pullbackd', signal.SIGUSR1):
            while os.path.exists('/proc/%s/fd/0' % pid):
                time.sleep(0.01)

    def job(self):
        """What backup-info says; None: no backup runs."""
        text = pullback('backup-info', 'web', '--json', check=False)
        return json.loads(text) if text else None

    def names(self):
        return pullback('checkpoint-list', 'web', '--name').split()

    # Ways to pull: each leaves a raw image at pull.path, or raises.

    def whole(self, pull):
        run('nbdcopy', '--request-size=%d' % self.chance(
            4096, 65536, 131072, 262144, 1 << 25),
            '--connections=%d' % self.chance(1, 2, 4),
            self.uri(pull.disk), pull.path)

    def convert(self, pull):
        run(self.options.qemu_img, 'convert', '-O', 'raw',
            self.uri(pull.disk), pull.path)

    def thin(self, pull):
        """A qcow2 overlay upon the base's image."""
        view = '%s@%s' % (pull.disk, pull.base.name)
        overlay = pull.path + '.qcow2'
        run(self.options.qemu_img, 'convert', '-O', 'qcow2', '-F', 'raw',
            '-B', pull.base.images[pull.disk], self.uri(view), overlay)
        run(self.options.qemu_img, 'convert', '-O', 'raw', overlay, pull.path)
        os.unlink(overlay)

    def in_place(self, pull):
        """The base's image brought up to date."""
        view = '%s@%s/inplace' % (pull.disk, pull.base.name)
        shutil.copyfile(pull.base.images[pull.disk], pull.path)
        # nbdcopy reads whole requests: none must be larger than a cluster where
        # there is only what changed.
        run('nbdcopy', '-S', '0', '--destination-is-zero',
            '--request-size=65536', self.uri(view), '--', '[', 'qemu-nbd',
            '-f', 'raw', pull.path, ']')

    def by_context(self, pull):
        """What a program would do that asks for a metadata context."""
        context = 'pullback:since:' + pull.base.name
        shutil.copyfile(pull.base.images[pull.disk], pull.path)
        handle = nbd.NBD()
        handle.add_meta_context(context)
        handle.connect_uri(self.uri(pull.disk))
        with open(pull.path, 'r+b') as image:
            for offset, length, flags in extents(handle, context):
                image.seek(offset)
                if flags & 2:
                    image.write(bytes(length))
                elif flags & 1:
                    image.write(handle.pread(length, offset))
        handle.shutdown()

    def once(self, pull):
        """In pieces that are reclaimed one by one."""
        if pull.base:
            shutil.copyfile(pull.base.images[pull.disk], pull.path)
        export = '%s@%s%s' % (pull.disk, pull.base.name,
                              self.chance('', '/inplace')) \
            if pull.base else pull.disk
        read_once(self.uri(export), pull.path, self.random.random())

    def chance(self, *values):
        return self.random.choice(values)

    def by_chance(self, probability):
        """Not in the first two cuts, so that there are increments."""
        return self.random.random() < probability and self.cuts > 2

    # One backup.

    def begin(self):
        """The job, and between which writes the cut was; None: it did not
        begin, which only a killed daemon excuses."""
        name = 'c%d' % self.cuts if not self.by_chance(0.1) else None
        base = self.chance(None, *self.checkpoints)
        method = self.chance(*self.methods())
        arguments = ['backup-begin', 'web']
        if name:
            arguments += ['--checkpoint', name]
        if base:
            arguments += ['--incremental', base.name]
        if method:
            arguments += ['--method', method]
        if base and self.with_changes_only and method in (None, 'filter') and \
                self.random.random() < 0.4 and self.can_limit():
            arguments.append('--changes-only')
        if self.with_reclaim and method != 'overlay' and self.can_reclaim() and \
                self.random.random() < 0.3:
            arguments.append('--reclaim')
        killed = self.by_chance(0.03)
        earliest = self.progress()
        if killed:
            self.begin_and_kill(arguments)
        else:
            pullback(*arguments)
        job = self.job()
        # One more can be complete and not be told yet.
        latest = self.progress() + 1
        say(' '.join(arguments[2:]) or 'a backup', '(killed)' * killed)
        if job is None and not killed:
            raise Failed('the backup that has begun does not run')
        return name, job, earliest, latest

    def can_limit(self):
        version = tuple(map(int, self.options.qemu_version.split('.')))[:2]
        return version >= (8, 0) and self.options.iothreads == 0

    def can_reclaim(self):
        version = tuple(map(int, self.options.qemu_version.split('.')))[:2]
        return version >= (10, 1) or \
            version >= (9, 1) and self.options.iothreads == 0

    def begin_and_kill(self, arguments):
        delay = self.random.random() * 0.2
        with subprocess.Popen(['pullback', *arguments],
                              stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL):
            time.sleep(delay)
            self.kill('pullbackd')

    def plan(self, job):
        """The pulls of this cut: all disks as a whole, where that is served,
        and since every base in one or two ways."""
        if job.get('reclaim'):
            return self.plan_once(job)
        pulls = []
        for disk in job['disks']:
            if not disk.get('changes_only'):
                pulls.append(Pull(disk['name'],
                                  self.chance(self.whole, self.convert),
                                  None, None))
            for base in self.checkpoints:
                if base.name not in disk['bases']:
                    raise Failed('%s has no changes since %s' %
                                 (disk['name'], base.name))
                ways = [self.thin, self.in_place]
                if not disk.get('changes_only'):
                    ways.append(self.by_context)
                for way in self.random.sample(ways, self.chance(1, 1, 2)):
                    pulls.append(Pull(disk['name'], way, base, None))
        return self.place(pulls)

    def plan_once(self, job):
        """One pull of each disk, since each byte can be read once.  Only the one
        in pieces can go on where a process was killed."""
        pulls = []
        for disk in job['disks']:
            bases = self.checkpoints if disk['changes_only'] else \
                [None, *self.checkpoints]
            base = self.chance(*bases)
            ways = [self.thin, self.in_place] if base else \
                [self.whole, self.convert]
            pulls.append(Pull(disk['name'],
                              self.chance(self.once, self.once, *ways),
                              base, None))
        return self.place(pulls)

    def place(self, pulls):
        for number, pull in enumerate(pulls):
            pull.path = self.path('pull-%d.raw' % number)
        self.random.shuffle(pulls)
        return pulls

    def vanishing_client(self):
        """A client that is killed while it reads."""
        with subprocess.Popen(['nbdcopy', self.uri(self.chance(*self.disks)),
                               'null:'], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL) as client:
            time.sleep(self.random.random() * 0.1)
            client.kill()

    def pull(self, pulls, reclaim):
        """All of them, several at a time.  The next daemon takes a backup up,
        and nobody notices; clients of another process that is killed have to
        come again."""
        victims = self.chance((), (), ('pullbackd',), ('restart',), ('nbdkit',),
                              ('pullback-relay',), ('pullbackd', 'nbdkit')) \
            if self.by_chance(0.5 if reclaim else 0.2) else ()
        if reclaim and any(pull.way != self.once for pull in pulls):
            victims = ()
        failed = []
        with concurrent.futures.ThreadPoolExecutor(self.chance(2, 3, 4)) as pool:
            running = {pool.submit(pull.way, pull): pull for pull in pulls}
            if not reclaim and self.random.random() < 0.3:
                self.vanishing_client()
            if victims:
                time.sleep(self.random.random())
                say('killing', *victims)
                for victim in victims:
                    if victim == 'restart':
                        self.restart()
                    else:
                        self.kill(victim)
                # Brings the next daemon, which brings the others.
                self.job()
            for future in concurrent.futures.as_completed(running):
                try:
                    future.result()
                except (Failed, nbd.Error) as error:
                    if reclaim or not set(victims) - {'pullbackd', 'restart'}:
                        job = self.job()
                        raise Failed('%s: %s; the backup is %s, %s' % (
                            running[future], error,
                            job and job['state'], job and job['reason'])) \
                            from error
                    failed.append(running[future])
        if failed:
            say('again:', ', '.join(map(str, failed)))
        for pull in failed:
            self.remove_image(pull)
            pull.way(pull)

    @staticmethod
    def remove_image(pull):
        for path in (pull.path, pull.path + '.qcow2'):
            if os.path.exists(path):
                os.unlink(path)

    def check(self, done, earliest, latest):
        """All images of a disk are the same, and those of all disks a state.
        {disk: path} of the images."""
        images = {}
        for pull in done:
            first = images.setdefault(pull.disk, pull)
            if first is not pull and \
                    run('cmp', first.path, pull.path, check=False) is None:
                raise Failed('not the same: %s is %s, %s is %s; %s' % (
                    first, first.path, pull, pull.path,
                    difference(first.path, pull.path)))
            self.images += 1
            self.increments += pull.base is not None
        paths = {disk: images[disk].path for disk in self.disks}
        first, last = map(int, run(self.options.checker, 'check',
                                   str(self.options.seed),
                                   *paths.values()).split())
        if last < earliest or first > latest:
            raise Failed('the images are of write %d, not one from %d to %d' %
                         (first, earliest, latest))
        say('write %d (%d to %d), %d images' % (first, earliest, latest,
                                                len(done)))
        return paths

    def end(self, job, name):
        """Whether the checkpoint is there afterwards."""
        abort = self.by_chance(0.1)
        killed = self.by_chance(0.03)
        arguments = ['backup-end', 'web'] + ['--abort'] * abort
        if job is None:
            pass
        elif killed:
            self.begin_and_kill(arguments)
        else:
            pullback(*arguments)
        if self.job() is not None:
            if not killed:
                raise Failed('the backup that has ended runs')
            pullback('backup-end', 'web', '--abort')
        kept = name in self.names()
        if job is None and kept:
            raise Failed('the backup has not begun, but checkpoint %s is there'
                         % name)
        if job and not killed and kept != (name is not None and not abort):
            raise Failed('checkpoint %s is %s' % (name, ('missing', 'there')
                                                  [kept]))
        return kept

    def one_cut(self):
        self.cuts += 1
        name, job, earliest, latest = self.begin()
        paths = None
        if job:
            pulls = self.plan(job)
            self.pull(pulls, job.get('reclaim'))
            paths = self.check(pulls, earliest, latest)
            job = self.job()
            if job is None or job['state'] != 'running':
                raise Failed('the backup is gone: %s' % job)
        kept = self.end(job, name)
        if kept:
            self.keep(Checkpoint(name, paths))
        for file in os.listdir(self.folder):
            if file.startswith('pull-'):
                os.unlink(self.path(file))
        self.compare_names()

    def keep(self, checkpoint):
        for disk, path in checkpoint.images.items():
            kept = self.path('%s-%s.raw' % (checkpoint.name, disk))
            os.rename(path, kept)
            checkpoint.images[disk] = kept
        self.checkpoints.append(checkpoint)
        while len(self.checkpoints) > self.chance(1, 2, 3, MAX_CHECKPOINTS):
            victim = self.chance(*self.checkpoints)
            say('checkpoint-delete', victim.name)
            pullback('checkpoint-delete', 'web', victim.name)
            self.checkpoints.remove(victim)
            victim.forget()

    def compare_names(self):
        got = sorted(self.names())
        wanted = sorted(checkpoint.name for checkpoint in self.checkpoints)
        if got != wanted:
            raise Failed('checkpoints are %s, not %s' % (got, wanted))

    # The whole.

    def inventory(self):
        """What Pullback must not leave: QEMU's nodes and bitmaps."""
        qmp = os.path.join(os.environ['srcdir'], 'tests/qmp.py')
        nodes = json.loads(run('/usr/bin/python3', qmp,
                               self.path('monitor.sock'),
                               'query-named-block-nodes'))
        return sorted((node['node-name'] if not node['node-name'].startswith(
            '#') else '', sorted(bitmap['name'] for bitmap in
                                 node.get('dirty-bitmaps', ())))
                      for node in nodes)

    def run(self):
        before = self.inventory()
        pullback('domain-add', 'web', '--qmp', self.path('qmp.sock'))
        end = time.monotonic() + self.options.seconds
        while time.monotonic() < end or self.cuts < 3:
            self.one_cut()
        for checkpoint in self.checkpoints:
            pullback('checkpoint-delete', 'web', checkpoint.name)
            checkpoint.forget()
        pullback('domain-remove', 'web')
        if self.inventory() != before:
            raise Failed('QEMU has %s, but had %s' % (self.inventory(), before))
        say('%d cuts, %d images, of them %d increments, %d processes killed, '
            '%d writes' % (self.cuts, self.images, self.increments, self.kills,
                           self.progress()))


def extents(handle, context):
    """[(offset, length, flags)] of the whole export."""
    result, offset, size = [], 0, handle.get_size()

    def add(name, _, entries, __):
        nonlocal offset
        if name == context:
            for length, flags in zip(entries[::2], entries[1::2]):
                result.append((offset, length, flags))
                offset += length

    while offset < size:
        before = offset
        handle.block_status(min(size - offset, 1 << 30), offset, add)
        if offset == before:
            raise Failed('no extents of ' + context)
    return result


def difference(one, other):
    """Where they begin to differ, and in how many places they do."""
    places = subprocess.run(['cmp', '-l', one, other], check=False,
                            stdout=subprocess.PIPE).stdout.splitlines()
    if not places:
        return 'their lengths differ'
    return '%d bytes differ, the first at %d' % (
        len(places), int(places[0].split()[0]) - 1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--seed', type=int)
    parser.add_argument('--seconds', type=float)
    parser.add_argument('--folder')
    parser.add_argument('--checker')
    parser.add_argument('--qemu-img')
    parser.add_argument('--qemu-version')
    parser.add_argument('--iothreads', type=int)
    parser.add_argument('disks', nargs='+')
    try:
        Torture(parser.parse_args()).run()
    except Failed as error:
        sys.exit('torture.py: %s' % error)


main()
