#!/usr/bin/env python3
"""
Gets files back from the disks of a Holdfast volume, without Holdfast and without its index.

It needs Python 3.6 or newer and nothing else. It only reads the disks; it writes nothing but the folder that you name.

    python3 recover.py list DISK...
    python3 recover.py verify DISK...
    python3 recover.py extract DISK... --to FOLDER

DISK is the folder that was given to Holdfast as a node (it holds `holdfast-node.json`), on as many disks as are at hand.
The more disks you name, the more is found: what is damaged or missing on one is taken from another.

Exit codes: 0 everything is whole, 1 it could not be done, 2 wrong usage, 3 something is missing or damaged.
The bytes are described in format.md, which lies beside this script.
"""
import argparse
import collections
import errno
import filecmp
import hashlib
import json
import os
import re
import shutil
import stat
import struct
import sys
import time
import zlib

ROOT_ENTRY = 1
GENESIS = bytes(32)
BLOCK_BYTES = 65536
PAGE_CHUNKS = 256
WINDOW_BYTES = 1 << 20
KNOWN_FORMAT = 1
NAME_BYTES = 255  # The longest name that file systems take.
anyway = False  # Go on where a person has to be asked.
passed_over = []  # What a newer Holdfast made.

SEGMENT_HEADER_BYTES = 64
RECORD_HEADER = struct.Struct('<4sBBBB8sIIQ32sII8s')  # 80 bytes
BATCH_HEADER = struct.Struct('<4sHHQQ8s8s32sII32s')  # 112 bytes
FOOTER_ENTRY = struct.Struct('<32sQII')
FOOTER_TRAILER = struct.Struct('<4sIQ')


class Failure(Exception):
    """Nothing can be done; the message says what to do next."""


def warn(text):
    print('! ' + text, file=sys.stderr)


def met_newer(path, form):
    """Nothing is guessed about what a newer Holdfast wrote: the run ends, or with --anyway goes on without it."""
    text = '%s was made by a newer Holdfast: format %s; this script reads up to %d' % (path, form, KNOWN_FORMAT)
    if not anyway:
        raise Failure('%s. Nothing was changed. Use the script of that version: it lies on this disk or on another one of '
                      'the volume, as holdfast-*/recovery/recover.py. With --anyway this one goes on without it' % text)
    passed_over.append(path)
    warn('%s. It is passed over' % text)


def take_any_character():
    """What a terminal or a file cannot show of a name is escaped, and never the end of the run."""
    for name in ('stdout', 'stderr'):
        stream = getattr(sys, name)
        if hasattr(stream, 'reconfigure'):
            stream.reconfigure(errors='backslashreplace')
        else:  # Python 3.6.
            setattr(sys, name, open(stream.fileno(), 'w', 1, stream.encoding, 'backslashreplace', closefd=False))


# ---------------------------------------------------------------------------------------------------------- the disks


class Disk:
    """One node folder: PATH/holdfast-<node id>, and what its passport says."""

    def __init__(self, path, folder, volume, label):
        self.path, self.folder, self.volume, self.label = path, folder, volume, label

    def files(self, kind, pattern):
        """Paths of the files of a kind (`segments`, `journal`, ...) whose name matches, sorted."""
        folder = os.path.join(self.folder, kind)
        try:
            names = sorted(os.listdir(folder))
        except OSError as error:
            warn('%s: %s cannot be listed: %s' % (self.label, kind, error))
            return []
        return [os.path.join(folder, name) for name in names if re.search(pattern, name)]


def read_passport(path):
    """(volume id, node id, label), or None when there is none that verifies."""
    try:
        name = os.path.join(path, 'holdfast-node.json')
        with open(name, encoding='utf-8') as file:
            passport = json.load(file)
        form = passport['format']
        if isinstance(form, int) and form > KNOWN_FORMAT:
            met_newer(name, form)
            return None
        fields = [1] + [passport[key] for key in ('volume', 'node', 'label', 'created')]
        text = json.dumps(fields, separators=(',', ':'), ensure_ascii=False)
        if hashlib.sha256(text.encode()).hexdigest() == passport['checksum']:
            return passport['volume'], passport['node'], passport['label']
        warn('%s: the passport is damaged; the disk is read all the same' % path)
    except (OSError, ValueError, KeyError, TypeError, UnicodeError) as error:
        warn('%s: no passport can be read (%s); the disk is read all the same' % (path, error))
    return None


def find_disks(paths):
    disks = []
    for path in paths:
        path = os.path.abspath(path)
        inner = re.match(r'holdfast-([0-9a-f]{16})$', os.path.basename(path))
        if inner:  # Somebody named the folder inside.
            path = os.path.dirname(path)
        try:
            names = sorted(name for name in os.listdir(path) if re.match(r'holdfast-[0-9a-f]{16}$', name))
        except OSError as error:
            raise Failure('%s cannot be read: %s' % (path, error))
        if inner:
            names = [inner.group(0)]
        if not names:
            raise Failure('%s is no disk of Holdfast: it holds no folder holdfast-<16 digits>' % path)
        volume, node, label = read_passport(path) or (None, None, path)
        for name in names:
            is_own = name == 'holdfast-%s' % node
            disks.append(Disk(path, os.path.join(path, name), volume if is_own else None, label if is_own else name))
    return disks


def of_one_volume(disks, wanted):
    volumes = {}
    for disk in disks:
        if disk.volume is not None:
            volumes.setdefault(disk.volume, []).append(disk.label)
    if wanted is None and len(volumes) > 1:
        names = '; '.join('%s (%s)' % (volume, ', '.join(labels)) for volume, labels in volumes.items())
        raise Failure('these disks are of different volumes: %s. Say which one with --volume' % names)
    if wanted is not None and wanted not in volumes:
        raise Failure('no disk here is of volume %s' % wanted)
    volume = wanted or next(iter(volumes), None)
    return [disk for disk in disks if disk.volume in (None, volume)]


# -------------------------------------------------------------------------------------------------------- the history


Batch = collections.namedtuple('Batch', 'hash previous sequence epoch is_epoch path at length')
Checkpoint = collections.namedtuple('Checkpoint', 'hash sequence epoch path epochs')
Epoch = collections.namedtuple('Epoch', 'id parent sequence supersedes time')


def read_batches(path):
    """Every batch of a journal file that verifies; after a damaged one the search goes on behind it. None: damage."""
    with open(path, 'rb') as file:
        data = file.read()
    at = behind = 0
    while True:
        at = data.find(b'HFBT', at)
        if at < 0 or len(data) - at < BATCH_HEADER.size:
            if data[behind:].strip(b'\0'):
                yield None
            return
        fields = BATCH_HEADER.unpack_from(data, at)
        length = BATCH_HEADER.size + fields[8]
        is_header = zlib.crc32(data[at : at + 76]) == fields[9]
        if is_header and fields[1] > KNOWN_FORMAT:
            met_newer(path, fields[1])
            is_header = False
        if not is_header or at + length > len(data):
            at += 4
            continue
        digest = hashlib.sha256(data[at : at + 80])
        digest.update(data[at + BATCH_HEADER.size : at + length])
        if digest.digest() == fields[10]:
            is_epoch = bool(fields[2] & 1)
            yield Batch(digest.digest(), fields[7], fields[3], fields[5].hex(), is_epoch, path, at, length)
            at += length
            behind = at
        else:
            at += 4


def operations_of(batch):
    with open(batch.path, 'rb') as file:
        file.seek(batch.at + BATCH_HEADER.size)
        text = file.read(batch.length - BATCH_HEADER.size)
    for line in text.split(b'\n'):
        if line:
            yield json.loads(line.decode())


def checkpoint_lines(path):
    """The lines of a checkpoint; the last one is handed out only after the hash of all the others was right."""
    digest = hashlib.sha256()
    previous = None
    with open(path, 'rb') as file:
        for line in file:
            if previous is not None:
                digest.update(previous)
                yield previous
            previous = line
    try:
        trailer = json.loads((previous or b'').decode())
        if trailer['o'] == 'end' and trailer['hash'] == digest.hexdigest():
            yield previous
    except (ValueError, KeyError, TypeError):
        pass  # No last line: the caller sees that the file is not whole.


def read_checkpoint(path):
    """What it is of, and its epochs; None when it is not whole."""
    header, epochs, last, form = None, [], None, 0
    try:
        for line in checkpoint_lines(path):
            last = line
            if header is None:
                header = json.loads(line.decode())
                form = header['format']
            elif form > KNOWN_FORMAT:
                continue
            elif line.startswith(b'{"o":"epoch"'):
                epochs.append(epoch_of(json.loads(line.decode())))
        if header and last.startswith(b'{"o":"end","hash"') and form > KNOWN_FORMAT:
            met_newer(path, form)  # Believed only now: of a damaged file any digit may be another one.
            return None
        if header and last.startswith(b'{"o":"end","hash"'):
            return Checkpoint(bytes.fromhex(header['hash']), header['sequence'], header['epoch'], path, epochs)
    except (OSError, ValueError, KeyError, TypeError) as error:
        warn('%s cannot be read: %s' % (path, error))
        return None
    warn('%s is not whole' % path)
    return None


def epoch_of(operation, sequence=None):
    number = operation.get('born') if sequence is None else sequence
    return Epoch(operation['id'], operation['parent'], number, operation.get('supersedes', []), operation['time'])


class History:
    """All batches, checkpoints and epochs of all disks, and the line of changes that counts."""

    def __init__(self, disks):
        self.batches, self.checkpoints, self.epochs = {}, {}, {}
        self.damaged_after = []  # (change, journal file): what follows it there does not verify.
        self.is_whole = True  # Whether nothing speaks for changes after the line.
        for disk in disks:
            for path in disk.files('journal', r'\.journal$'):
                self._read_journal(path)
            for path in disk.files('checkpoints', r'\.checkpoint$'):
                checkpoint = read_checkpoint(path)
                if checkpoint and checkpoint.hash not in self.checkpoints:
                    self.checkpoints[checkpoint.hash] = checkpoint
                    for epoch in checkpoint.epochs:
                        self.epochs.setdefault(epoch.id, epoch)

    def _read_journal(self, path):
        first = re.match(r'\d{16}', os.path.basename(path))
        last = int(first.group(0)) - 1 if first else 0
        try:
            for batch in read_batches(path):
                if batch is None:
                    self.damaged_after.append((last, path))
                    continue
                last = batch.sequence
                if batch.hash not in self.batches:
                    self.batches[batch.hash] = batch
                    if batch.is_epoch:
                        epoch = epoch_of(next(operations_of(batch)), batch.sequence)
                        self.epochs[epoch.id] = epoch
        except OSError as error:
            warn('%s cannot be read: %s' % (path, error))

    def line(self, wanted):
        """(checkpoint or None, batches to apply on top of it). `wanted`: an epoch id, or None for the newest."""
        epoch = self._newest(wanted)
        ancestors = set(self._line_of(epoch))
        following = {}
        for batch in self.batches.values():
            if batch.epoch in ancestors:
                following.setdefault(batch.previous, []).append(batch)
        starts = [point for point in self.checkpoints.values() if point.epoch in ancestors]
        lines = [(point, self._forward(point.hash, following)) for point in starts]
        lines.append((None, self._forward(GENESIS, following)))
        ends = [(line[-1].sequence if line else point.sequence if point else 0) for point, line in lines]
        # The one that reaches furthest; of these the one with the least to apply.
        best = max(range(len(lines)), key=lambda index: (ends[index], -len(lines[index][1])))
        self._tell_gap(ends[best], ancestors)
        return lines[best]

    def _newest(self, wanted):
        if wanted is not None:
            if wanted not in self.epochs:
                raise Failure('no epoch %s is known; known are: %s' % (wanted, ', '.join(sorted(self.epochs))))
            return wanted
        passed = {epoch.parent for epoch in self.epochs.values()}
        passed.update(name for epoch in self.epochs.values() for name in epoch.supersedes)
        leaves = [epoch for epoch in self.epochs.values() if epoch.id not in passed]
        if not leaves:
            raise Failure('no journal and no checkpoint can be read on these disks: name another disk of this volume')
        served = [leaf for leaf in leaves if self._saved_something(leaf, leaves)] or leaves
        newest = max(served, key=lambda epoch: (epoch.sequence or 0, epoch.time))
        others = [leaf for leaf in served if leaf is not newest]
        if others and len(served) < len(leaves) or len(served) > 1 and served is not leaves:
            for other in others:
                when = time.strftime('%Y-%m-%d %H:%M', time.localtime(other.time / 1000))
                warn('another history went on from %s: to see it, add --history %s' % (when, other.id))
        return newest.id

    def _line_of(self, name):
        while name is not None:
            yield name
            name = self.epochs[name].parent if name in self.epochs else None

    def _saved_something(self, leaf, leaves):
        """Whether a batch lies on its line after the other leaves went apart from it."""
        own = list(self._line_of(leaf.id))
        shared = set()
        for other in leaves:
            if other is not leaf:
                shared.update(set(own) & set(self._line_of(other.id)))
        apart = set(own) - shared
        return any(batch.epoch in apart and not batch.is_epoch for batch in self.batches.values())

    @staticmethod
    def _forward(start, following):
        """The longest run of batches behind a hash."""
        line, choices, at = [], [], start
        while True:
            after = following.get(at, [])
            if len(after) > 1:
                # A batch that was taken back and the epoch that took its place: follow each, keep the longest.
                runs = [[batch] + History._forward(batch.hash, following) for batch in after]
                return line + max(runs, key=lambda run: run[-1].sequence)
            if not after:
                return line
            line.append(after[0])
            at = after[0].hash

    def _tell_gap(self, end, ancestors):
        beyond = [b for b in self.batches.values() if b.epoch in ancestors and b.sequence > end and not b.is_epoch]
        torn = [path for last, path in self.damaged_after if last == end]
        self.is_whole = not beyond and not torn
        if torn and not beyond:
            warn('%s is damaged, or was cut off, after change %d, the last one known: a newer change may be missing. '
                 'Name another disk of this volume: it may hold it' % (torn[0], end))
        if beyond:
            warn('the journal has a gap after change %d: %d later batches cannot be used. Name another disk of this '
                 'volume: it may hold what is missing' % (end, len(beyond)))


# ----------------------------------------------------------------------------------------------------------- the tree


class Entry:
    __slots__ = ('parent', 'name', 'content', 'modified')

    def __init__(self, parent, name, content, modified):
        self.parent, self.name, self.content, self.modified = parent, name, content, modified


class Content:
    """`chunks`: 36 bytes for each chunk, its id and its length."""

    __slots__ = ('chunks', 'size')

    def __init__(self):
        self.chunks, self.size = bytearray(), None

    def __iter__(self):
        return struct.iter_unpack('<32sI', self.chunks)

    def checksum(self, size, count):
        digest = hashlib.sha256(b'HFCONT01' + struct.pack('<QQ', size, count))
        for at in range(0, len(self.chunks), PAGE_CHUNKS * 36):
            digest.update(hashlib.sha256(self.chunks[at : at + PAGE_CHUNKS * 36]).digest())
        return digest.hexdigest()


class Tree:
    """The state that operations make: entries, contents, properties."""

    harmless = frozenset('checkpoint node ids data seal relocate retire want protect user lock unlock'.split())

    def __init__(self):
        self.name, self.entries, self.contents, self.properties = '', {}, {}, {}
        self.unknown = collections.Counter()
        self.is_newest = True  # False: changes are known to be missing, or may be.

    def apply(self, operation):
        kind = operation['o']
        method = getattr(self, '_' + kind, None)
        if method:
            method(operation)
        elif kind not in self.harmless and kind != 'epoch':
            self.unknown[kind] += 1

    def _volume(self, op):
        self.name = op['name']
        self.entries.setdefault(ROOT_ENTRY, Entry(None, '', None, op['created']))

    def _chunks(self, op):
        content = self.contents.setdefault(op['content'], Content())
        del content.chunks[op['first'] * 36 :]
        for chunk, length in op['chunks']:
            content.chunks += struct.pack('<32sI', bytes.fromhex(chunk), length)

    def _content(self, op):
        content = self.contents.setdefault(op['id'], Content())
        content.size = op['size']
        if content.checksum(op['size'], op['count']) != op['checksum']:
            warn('the list of chunks of content %d is not what it should be' % op['id'])

    def _entry(self, op):
        if 'died' not in op:
            self.entries[op['id']] = Entry(op['parent'], op['name'], op['content'], op['modified'])

    def _replace(self, op):
        entry = self.entries.get(op['id'])
        if entry:
            entry.content, entry.modified = op['content'], op['modified']

    def _times(self, op):
        entry = self.entries.get(op['id'])
        if entry and op['modified'] is not None:
            entry.modified = op['modified']

    def _move(self, op):
        entry = self.entries.get(op['id'])
        if entry:
            entry.parent, entry.name = op['parent'], op['name']

    def _end(self, op):
        if 'id' in op:  # The last line of a checkpoint has the same name.
            self.entries.pop(op['id'], None)

    def _prune(self, op):
        for content in op['contents']:
            self.contents.pop(content, None)

    def _property(self, op):
        of_entry = self.properties.setdefault(op['entry'], {})
        of_entry['{%s}%s' % (op['namespace'], op['name'])] = op['value']

    def walk(self):
        """(path as a tuple of names, entry id, entry), folders before what lies in them, in the order of names."""
        children = {}
        for number, entry in self.entries.items():
            if number != ROOT_ENTRY:
                children.setdefault(entry.parent, []).append((entry.name, number, entry))
        stack = [((), number, entry) for number, entry in [(ROOT_ENTRY, self.entries.get(ROOT_ENTRY))] if entry]
        while stack:
            path, number, entry = stack.pop()
            if path:
                yield path, number, entry
            for name, child, below in sorted(children.get(number, ()), reverse=True):
                stack.append((path + (name,), child, below))


def read_tree(disks, wanted):
    history = History(disks)
    checkpoint, batches = history.line(wanted)
    tree = Tree()
    if checkpoint:
        for line in checkpoint_lines(checkpoint.path):
            tree.apply(json.loads(line.decode()))
    for batch in batches:
        for operation in operations_of(batch):
            tree.apply(operation)
    for kind, count in sorted(tree.unknown.items()):
        warn('%d operations "%s" are not known to this script and were passed over: a newer Holdfast wrote them. Use '
             'the script of that version' % (count, kind))
    tree.is_newest = history.is_whole and not tree.unknown
    return tree


# ---------------------------------------------------------------------------------------------------------- the bytes


class Pool:
    """Where the wanted chunks lie, on all disks, and their bytes, each verified by its SHA-256."""

    def __init__(self, disks, wanted):
        self.files, self.places, self.handles = [], {}, collections.OrderedDict()
        self.wanted = wanted
        for disk in disks:
            self._scan(disk.files('segments', r'\.seg$'), disk)
        if len(self.places) < len(wanted):  # What waited to be deleted, and copies that were not finished.
            for disk in disks:
                self._scan(disk.files('attic', r'\.segments\.') + disk.files('segments', r'\.tmp$'), disk)

    def _scan(self, paths, disk):
        for path in paths:
            number = len(self.files)
            self.files.append(path)
            try:
                with open(path, 'rb') as file:
                    if is_newer_segment(file):
                        continue
                    for chunk, offset in read_footer(file) or walk_records(file):
                        if chunk in self.wanted:
                            self.places.setdefault(chunk, []).append((number, offset))
            except OSError as error:
                warn('%s: %s cannot be read: %s' % (disk.label, os.path.basename(path), error))

    def lacks(self, content):
        return [chunk for chunk, _ in content if chunk not in self.places]

    def read(self, chunk, length):
        """(bytes, ranges that are lost). What no copy has is zeros; a range is (first, end) inside the chunk."""
        blocks = {}
        for number, offset in self.places.get(chunk, ()):
            plain = self._read_record(number, offset, chunk, length, blocks)
            if plain is not None:
                return plain, []
        count = (length + BLOCK_BYTES - 1) // BLOCK_BYTES
        sizes = [min(BLOCK_BYTES, length - index * BLOCK_BYTES) for index in range(count)]
        plain = b''.join(blocks.get(index, bytes(sizes[index])) for index in range(count))
        if hashlib.sha256(plain).digest() == chunk:
            return plain, []  # Whole again, out of several damaged copies.
        lost = [index for index in range(count) if index not in blocks] or range(count)
        return plain, [(index * BLOCK_BYTES, index * BLOCK_BYTES + sizes[index]) for index in lost]

    def _read_record(self, number, offset, chunk, length, blocks):
        """The plain bytes if all of them verify; else `blocks` gets those that do."""
        try:
            file = self._open(number)
            file.seek(offset)
            head = read_head(file, offset)
            if not head or head.chunk != chunk or head.length != length:
                return None
            payload = file.read(head.length)
        except OSError as error:
            warn('%s cannot be read at %d: %s' % (self.files[number], offset, error))
            return None
        if hashlib.sha256(payload).digest() == chunk:
            return payload
        at = 0
        for index, (stored, checksum) in enumerate(head.blocks):
            block = payload[at : at + stored]
            if len(block) == stored and zlib.crc32(block) == checksum:
                blocks.setdefault(index, block)
            at += stored
        return None

    def _open(self, number):
        handle = self.handles.pop(number, None) or open(self.files[number], 'rb')
        self.handles[number] = handle
        if len(self.handles) > 64:
            self.handles.popitem(last=False)[1].close()
        return handle


def is_newer_segment(file):
    header = file.read(SEGMENT_HEADER_BYTES)
    form = int.from_bytes(header[4:6], 'little')
    is_header = header[:4] == b'HFSG' and hashlib.sha256(header[:32]).digest() == header[32:]
    if not is_header or form <= KNOWN_FORMAT:
        return False
    met_newer(file.name, form)
    return True


Head = collections.namedtuple('Head', 'type chunk length record_bytes blocks')


def read_head(file, offset):
    """The head of the record at the file's position; None when it does not verify."""
    header = file.read(RECORD_HEADER.size)
    if len(header) < RECORD_HEADER.size or header[:4] != b'HFRC':
        return None
    _, form, kind, codec, cipher, _, _, count, own, chunk, length, stored, checksum = RECORD_HEADER.unpack(header)
    if own != offset or not 0 < count <= 256:
        return None
    table = file.read(8 * count)
    if len(table) < 8 * count or hashlib.sha256(header[:72] + table).digest()[:8] != checksum:
        return None
    if form > KNOWN_FORMAT or codec | cipher:
        met_newer('%s, at %d,' % (file.name, offset), form if form > KNOWN_FORMAT else 'compressed or encrypted')
        return None
    blocks = list(struct.iter_unpack('<II', table))
    return Head(kind, chunk, length, RECORD_HEADER.size + len(table) + stored, blocks)


def read_footer(file):
    """[(chunk, offset)] of a segment that was sealed in order; None when it has no table that verifies."""
    end = file.seek(0, os.SEEK_END)
    if end < SEGMENT_HEADER_BYTES + FOOTER_TRAILER.size:
        return None
    file.seek(end - FOOTER_TRAILER.size)
    magic, count, offset = FOOTER_TRAILER.unpack(file.read(FOOTER_TRAILER.size))
    if magic != b'HFFT' or offset >= end:
        return None
    file.seek(offset)
    head = read_head(file, offset)
    if not head or head.type != 2 or head.length != count * FOOTER_ENTRY.size + FOOTER_TRAILER.size:
        return None
    plain = file.read(head.length)
    if hashlib.sha256(plain).digest() != head.chunk:
        return None
    entries = FOOTER_ENTRY.iter_unpack(plain[: count * FOOTER_ENTRY.size])
    return [(chunk, at) for chunk, at, _, _ in entries]


def walk_records(file):
    """[(chunk, offset)], record by record; behind a damaged one the next is searched."""
    found, at = [], SEGMENT_HEADER_BYTES
    end = file.seek(0, os.SEEK_END)
    while at < end:
        file.seek(at)
        head = read_head(file, at)
        if head:
            if head.type == 1:
                found.append((head.chunk, at))
            at += head.record_bytes
            continue
        at = find_record(file, at + 1, end)
    return found


def find_record(file, at, end):
    while at < end:
        file.seek(at)
        window = file.read(WINDOW_BYTES)
        hit = window.find(b'HFRC')
        if hit >= 0:
            return at + hit
        at += max(1, len(window) - 3)
    return end


# ------------------------------------------------------------------------------------------------------- the commands


class Progress:
    """A line on the terminal, renewed now and then."""

    def __init__(self, files, size):
        self.files, self.size, self.done_files, self.done_bytes, self.shown = files, size, 0, 0, 0.0
        self.is_shown = sys.stderr.isatty()

    def add(self, size):
        self.done_files += 1
        self.done_bytes += size
        if self.is_shown and time.time() - self.shown > 0.5:
            self.shown = time.time()
            share = (self.done_files, self.files, readable(self.done_bytes), readable(self.size))
            print('\r  %d of %d files, %s of %s ' % share, end='', file=sys.stderr)

    def end(self):
        if self.is_shown:
            print(file=sys.stderr)


def readable(size):
    for unit in ('B', 'KiB', 'MiB', 'GiB'):
        if size < 1024:
            return '%d %s' % (size, unit) if unit == 'B' else '%.1f %s' % (size, unit)
        size /= 1024
    return '%.1f TiB' % size


def below(path, only):
    return not only or path[: len(only)] == only


def command_list(tree, pool, files, options):
    missing = 0
    for path, _, entry in files:
        if entry.content is None:
            print('%14s  %s  %s/' % ('', when(entry), '/'.join(path)))
            continue
        content = tree.contents.get(entry.content)
        is_whole = content is not None and not pool.lacks(content)
        missing += not is_whole
        size = '?' if content is None else content.size
        print('%14s  %s  %s%s' % (size, when(entry), '/'.join(path), '' if is_whole else '   (parts are missing)'))
    return missing


def when(entry):
    try:
        return time.strftime('%Y-%m-%d %H:%M', time.localtime(entry.modified / 1000))
    except (ValueError, OverflowError, OSError):
        return '%16s' % '?'


def command_verify(tree, pool, files, options):
    return each_file(tree, pool, files, lambda path, entry: Sink())


def command_extract(tree, pool, files, options):
    target = os.path.abspath(options.to)
    try:
        os.makedirs(target, exist_ok=True)
        names = Names(target)
    except OSError as error:
        raise Failure('nothing can be written to %s: %s. Choose another folder' % (target, error.strerror))
    total = sum(needed(tree.contents[e.content], names, path) for path, _, e in files if e.content in tree.contents)
    free = shutil.disk_usage(target).free
    if free < total and not options.anyway:
        raise Failure('%s has %s free and %s are needed. Take another disk, or --anyway, or --only FOLDER for a part'
                      % (target, readable(free), readable(total)))
    folders, unmade = [], 0
    for path, _, entry in files:
        if entry.content is None:
            try:
                folders.append((names.folder(path), entry))
            except OSError as error:
                stop_when_full(path, error)
                warn('%s: the folder could not be made: %s' % ('/'.join(path), error))
                unmade += 1
    bad = unmade + each_file(tree, pool, files, lambda path, entry: FileSink(names, path, entry.modified))
    for folder, entry in reversed(folders):
        set_time(folder, entry.modified)
    write_properties(tree, files, names)
    return bad


def needed(content, names, path):
    """The room that the file will take: none when a file of its size is there, of an earlier run."""
    try:
        is_there = content.size == os.lstat(names.plain(path)).st_size
    except OSError:
        is_there = False
    return 0 if is_there else content.size or 0


def write_properties(tree, files, names):
    """What programs attached to files and folders (WebDAV properties), in one file beside them."""
    kept = {}
    for path, number, _ in files:
        values = {name: value for name, value in tree.properties.get(number, {}).items() if value is not None}
        if values:
            kept['/'.join(path)] = values
    if not kept:
        return
    data = json.dumps(kept, indent=1, ensure_ascii=False).encode('utf-8', 'backslashreplace')
    path = names.free(os.path.join(names.target, 'holdfast-properties.json'), lambda found: holds(found, data))
    if path:
        with open(path, 'xb') as file:
            file.write(data)


def holds(path, data):
    with open(path, 'rb') as file:
        return file.read(len(data) + 1) == data


def holds_content(path, content):
    """Whether the file is that content, byte by byte: each piece is named by its SHA-256."""
    if os.path.getsize(path) != content.size:
        return False
    with open(path, 'rb') as file:
        return all(hashlib.sha256(file.read(length)).digest() == chunk for chunk, length in content)


class Sink:
    """Takes the bytes of a file and keeps nothing."""

    def is_done(self, content):
        return False

    def write(self, data):
        pass

    def end(self, is_whole):
        pass

    def drop(self):
        pass


class FileSink(Sink):
    """Writes a file of its own and names it when all is there. Never replaces a file, never follows a link."""

    def __init__(self, names, path, modified):
        self.names, self.modified, self.file = names, modified, None
        self.path = os.path.join(names.folder(path[:-1]), names.safe(path[-1]))

    def is_done(self, content):
        free = self.names.free(self.path, lambda found: holds_content(found, content))  # Of an earlier run.
        self.path = free or self.path
        return free is None

    def write(self, data):
        if self.file is None:
            self.file = open(self.names.temporary, 'xb')
        self.file.write(data)

    def end(self, is_whole):
        self.write(b'')
        self.file.close()
        set_time(self.names.temporary, self.modified)
        made = self.names.temporary
        path = self.path
        if not is_whole:
            path = self.names.free(with_suffix(path, '.INCOMPLETE'), lambda found: filecmp.cmp(found, made, False))
        if path:
            os.rename(made, path)
            self.file = None
        else:  # An earlier run found as much.
            self.drop()

    def drop(self):
        """Ends what was begun; nothing of it is left."""
        if self.file is not None:
            self.file.close()
            self.file = None
            os.unlink(self.names.temporary)


def with_suffix(path, suffix):
    folder, name = os.path.split(path)
    room = NAME_BYTES - len(suffix)
    return os.path.join(folder, name.encode('utf-8', 'replace')[:room].decode('utf-8', 'ignore') + suffix)


def set_time(path, modified):
    try:
        os.utime(path, (modified / 1000, modified / 1000))
    except (OSError, OverflowError, ValueError) as error:
        warn('%s: its time could not be set: %s' % (path, error))


class Names:
    """Paths below the target. What is there already is left as it is: what has its name gets a number."""

    def __init__(self, target):
        self.target, self.folders = target, {(): target}
        self.temporary = self.free(os.path.join(target, '.holdfast-%d.part' % os.getpid()), lambda found: False)
        self.takes_few = os.name == 'nt' or not self._takes('.holdfast-%d:?' % os.getpid())

    def _takes(self, name):
        """A disk that was formatted for Windows takes fewer names, whatever the system."""
        path = os.path.join(self.target, name)
        try:
            open(path, 'xb').close()
            os.unlink(path)
            return True
        except OSError as error:
            if error.errno in (errno.EINVAL, errno.EILSEQ, errno.ENOENT):
                return False
            raise

    def folder(self, path):
        """The folder of that path, made when it is not there."""
        made = self.folders.get(path)
        if made is None:
            wanted = os.path.join(self.folder(path[:-1]), self.safe(path[-1]))
            made, number = wanted, 2
            while os.path.islink(made) or os.path.lexists(made) and not os.path.isdir(made):
                made = with_suffix(wanted, ' (recovered %d)' % number)
                number += 1
            os.makedirs(made, exist_ok=True)
            self.folders[path] = made
        return made

    def plain(self, path):
        return os.path.join(self.target, *[self.safe(name) for name in path])

    @staticmethod
    def free(path, is_it):
        """The path, or the first with a number that nothing has; None when what lies there `is_it`."""
        wanted, number = path, 2
        while True:
            try:
                is_file = stat.S_ISREG(os.lstat(path).st_mode)
            except FileNotFoundError:
                return path
            try:
                if is_file and is_it(path):
                    return None
            except OSError as error:
                warn('%s cannot be read, and is left as it is: %s' % (path, error))
            path = with_suffix(wanted, ' (recovered %d)' % number)
            number += 1

    def safe(self, name):
        """The name; what no folder can hold is written as %XX."""
        name = name.encode('utf-8', 'backslashreplace').decode()
        if name in ('', '.', '..') or '/' in name or '\0' in name:
            name = re.sub(r'[/\x00]|^\.*$', escaped, name)
        if not self.takes_few:
            return name
        name = re.sub(r'[<>:"\\|?*\x00-\x1f]|[. ]$', escaped, name)
        return re.sub(r'(?i)^(con|prn|aux|nul|com\d|lpt\d)(?=\.|$)', r'_\1', name)


def escaped(found):
    return ''.join('%%%02X' % ord(character) for character in found.group(0)) or '%'


def each_file(tree, pool, files, open_sink):
    """Hands each file's bytes to its sink; the number of those that are not whole. They are named, with what is lost."""
    wanted = [(path, entry) for path, _, entry in files if entry.content is not None]
    sizes = {entry.content: tree.contents[entry.content].size or 0 for _, entry in wanted if entry.content in tree.contents}
    progress = Progress(len(wanted), sum(sizes.get(entry.content, 0) for _, entry in wanted))
    bad = 0
    for path, entry in wanted:
        content = tree.contents.get(entry.content)
        if content is None or content.size is None:
            warn('%s: the list of its parts is missing' % '/'.join(path))
            bad += 1
            continue
        try:
            problem = one_file(content, pool, open_sink(path, entry))
        except OSError as error:
            stop_when_full(path, error)
            problem = 'could not be written: %s' % error
        if problem:
            bad += 1
            warn('%s: %s' % ('/'.join(path), problem))
        progress.add(content.size)
    progress.end()
    return bad


def stop_when_full(path, error):
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
        raise Failure('%s: %s. Make room or take another folder, and run this again: what is there already is not '
                      'copied twice' % ('/'.join(path), error.strerror))


def one_file(content, pool, sink):
    """What is wrong with it, in words; None when it is whole. OSError: its sink takes no more."""
    if sink.is_done(content):
        return None
    lost, at = [], 0
    try:
        for chunk, length in content:
            data, missing = pool.read(chunk, length)
            lost += [(at + first, at + end) for first, end in missing]
            sink.write(data)
            at += length
        sink.end(not lost and at == content.size)
    except BaseException:
        sink.drop()
        raise
    if not lost and at == content.size:
        return None
    return 'bytes %s are lost' % (', '.join('%d-%d' % (first, end - 1) for first, end in joined(lost)) or 'at its end')


def joined(ranges):
    whole = []
    for first, end in ranges:
        if whole and whole[-1][1] == first:
            whole[-1] = (whole[-1][0], end)
        else:
            whole.append((first, end))
    return whole


def parse(arguments):
    parser = argparse.ArgumentParser(
        description='Gets files back from the disks of a Holdfast volume, without Holdfast. It only reads the disks.')
    parser.add_argument('command', choices=('list', 'verify', 'extract'),
                        help='list: names, sizes, times; verify: read everything; extract: copy to a folder')
    parser.add_argument('disks', metavar='DISK', nargs='+', help='a folder that holds holdfast-node.json')
    parser.add_argument('--to', metavar='FOLDER', help='where the files are copied to')
    parser.add_argument('--only', metavar='PATH', default='', help='only this file or folder of the volume')
    parser.add_argument('--volume', metavar='ID', help='when the disks are of several volumes')
    parser.add_argument('--history', metavar='EPOCH', help='another history than the newest')
    parser.add_argument('--anyway', action='store_true',
                        help='go on although there is too little room, or a newer Holdfast wrote some of it')
    options = parser.parse_args(arguments)
    if (options.command == 'extract') != bool(options.to):
        parser.error('extract needs --to FOLDER, and only extract does')
    return options


def main(arguments):
    global anyway
    options = parse(arguments)
    anyway = options.anyway
    started = time.time()
    disks = of_one_volume(find_disks(options.disks), options.volume)
    if options.to:
        target = os.path.realpath(options.to)
        for disk in disks:
            if (target + os.sep).startswith(os.path.join(os.path.realpath(disk.path), '')):
                raise Failure('%s lies inside a disk of the volume: choose another folder' % options.to)
    tree = read_tree(disks, options.history)
    only = tuple(part for part in options.only.split('/') if part)
    files = [item for item in tree.walk() if below(item[0], only)]
    if only and not files:
        raise Failure('nothing is called %s; `list` shows what there is' % options.only)
    wanted = {chunk for _, _, e in files for chunk, _ in tree.contents.get(e.content, ()) if e.content is not None}
    pool = Pool(disks, wanted)
    count = sum(1 for _, _, entry in files if entry.content is not None)
    labels = ', '.join(disk.label for disk in disks)
    print('volume "%s", %d files, from: %s' % (tree.name, count, labels), file=sys.stderr)
    commands = {'list': command_list, 'verify': command_verify, 'extract': command_extract}
    bad = commands[options.command](tree, pool, files, options)
    seconds = max(time.time() - started, 0.001)
    print('%d files whole, %d not; %.1f s (%d files/s)' % (count - bad, bad, seconds, count / seconds), file=sys.stderr)
    if bad:
        print('Plug in the other disks of this volume and name them too: what is missing may lie there.', file=sys.stderr)
    return 3 if bad or passed_over or not tree.is_newest else 0


if __name__ == '__main__':
    try:
        take_any_character()
        sys.exit(main(sys.argv[1:]))
    except BrokenPipeError:
        os._exit(1)  # Whoever read the list has gone; nothing can be said to him.
    except (Failure, OSError) as error:
        print('recover.py: %s' % error, file=sys.stderr)
        sys.exit(1)
    except UnicodeEncodeError:
        print('recover.py: this system is set to names without accents: run it again with LC_ALL=C.UTF-8 before the '
              'command, or with Python 3.7 or newer and PYTHONUTF8=1', file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print('recover.py: ended early. Run it again: what is there already is not copied twice', file=sys.stderr)
        sys.exit(130)
