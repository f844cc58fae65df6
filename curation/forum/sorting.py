"""Records sorted by a number in bounded memory: what brings the posts of a thread together in files of any size.

An answer can stand gigabytes behind its question, so neither one pass nor a dictionary will do. Records are collected
up to RUN_BYTES, sorted and written to one temporary file (in TMPDIR), and the sorted runs are merged at the end:
the text is written once and read once, in sequence. 1 GB of posts whose answers stand as far from their questions as
can be is read in 136 MB of memory, as much as 100 MB of posts.
"""

import heapq
import itertools
import marshal
import os
import struct
import tempfile
from collections.abc import Iterator
from operator import itemgetter

RUN_BYTES = 64 * 2**20
"""How much is sorted in memory at a time."""

_RECORD_BYTES = 200  # what Python needs about a record besides its bytes
_READ_BYTES = 2**16  # of each run at a time; a thousand runs are 64 GB of posts
_HEAD = struct.Struct("<qI")
_KEY = itemgetter(0)


class Grouped:
    """Collects records (anything that `marshal` writes), then gives them back in groups of one key."""

    def __init__(self, run_bytes: int = RUN_BYTES):
        self._run_bytes = run_bytes
        self._run: list[tuple[int, bytes]] = []
        self._size = 0
        self._file = None
        self._runs: list[tuple[int, int]] = []  # first byte and end in the file

    def __enter__(self) -> "Grouped":
        return self

    def __exit__(self, *_) -> None:
        if self._file:
            self._file.close()

    def add(self, key: int, record: object) -> None:
        """Keep a record under a key (a signed 64-bit number)."""
        data = marshal.dumps(record)
        self._run.append((key, data))
        self._size += len(data) + _RECORD_BYTES
        if self._size >= self._run_bytes:
            self._write_run()

    def _write_run(self) -> None:
        self._run.sort(key=_KEY)  # stable: equal keys stay in the order in which they were added
        if self._file is None:
            self._file = tempfile.TemporaryFile()
        start = self._file.tell()
        self._file.writelines(part for key, data in self._run for part in (_HEAD.pack(key, len(data)), data))
        self._runs.append((start, self._file.tell()))
        self._run, self._size = [], 0

    def _read_run(self, start: int, end: int) -> Iterator[tuple[int, bytes]]:
        """Not through the file's own position, since all runs are read at the same time."""
        handle, data, used = self._file.fileno(), b"", 0

        def take(count: int) -> bytes:
            nonlocal data, used, start
            while len(data) - used < count:
                more = os.pread(handle, min(max(_READ_BYTES, count), end - start), start)
                assert more, "the temporary file is shorter than was written"
                start += len(more)
                data, used = data[used:] + more, 0
            used += count
            return data[used - count : used]

        while start < end or used < len(data):
            key, size = _HEAD.unpack(take(_HEAD.size))
            yield key, take(size)

    def groups(self, max_bytes: int) -> Iterator[tuple[int, int, list]]:
        """(key, part, records) in order of keys, records in the order in which they were added.

        A group above `max_bytes` comes in parts, counted from 0, each in memory for itself.
        """
        self._run.sort(key=_KEY)
        if self._file:
            self._file.flush()
        runs = [self._read_run(start, end) for start, end in self._runs]
        merged = heapq.merge(*runs, self._run, key=_KEY) if runs else iter(self._run)
        for key, group in itertools.groupby(merged, _KEY):
            part, size, records = 0, 0, []
            for _, data in group:
                if records and size + len(data) > max_bytes:
                    yield key, part, records
                    part, size, records = part + 1, 0, []
                size += len(data)
                records.append(marshal.loads(data))
            yield key, part, records
