"""The words of texts as hashes, without measuring anything else: what signatures and shingles of known documents need.

The same hashes as `features.measure` gives, some four times as fast: nothing is numbered, and no lines are looked at.
"""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from gristmill.curation import characters
from gristmill.curation.stretches import STRETCH_BYTES, EndToEnd, stretches

GROUP_BYTES = 1 << 19
"""Texts are looked at in groups of about this size; the room for a group's hashes is used again."""


def word_hashes(texts: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Hashes of each text's words in order (uint64), without case, accents and symbols, and which are whose (int64
    [texts + 1]): those of `features.measure`, for `minhash.shingles`.

    `texts` are `pa.string()` or `pa.large_string()`; raises ValueError if one is null.
    """
    from gristmill.curation import word_kernels

    if texts.null_count:
        raise ValueError(f"{texts.null_count} of {len(texts)} texts are null; give documents without text as ''")
    tables = characters.flag_table(), characters.skeleton_table(np.dtype(np.uint32).str), characters.fold_table()
    counts = np.zeros(len(texts), np.int64)
    every = EndToEnd()
    room = np.empty(0, np.uint64)
    for first, data, offsets in _groups(texts.cast(pa.large_string())):
        size = int(offsets[-1] - offsets[0]) + 1
        room = room if size <= len(room) else np.empty(size, np.uint64)
        found = np.zeros(len(offsets) - 1, np.int64)
        number = word_kernels.hashes_of_texts(data, offsets, *tables, room, found)
        counts[first : first + len(found)] += found
        every.add(room[:number])
    return every.whole(), np.concatenate(([0], np.cumsum(counts)))


def _groups(texts: pa.LargeStringArray) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """The first text of each group, bytes, and where in them its texts start and the last ends.

    A text that is measured in stretches comes as them, each a group by itself: where a cut goes through a word of more
    than `STRETCH_BYTES`, its pieces are words here too.
    """
    if not len(texts):
        return
    offsets = np.frombuffer(texts.buffers()[1], np.int64)[texts.offset : texts.offset + len(texts) + 1]
    values = texts.buffers()[2]
    data = np.frombuffer(values, np.uint8) if values else np.zeros(0, np.uint8)
    first = 0
    while first < len(texts):
        if offsets[first + 1] - offsets[first] > STRETCH_BYTES:
            size = int(offsets[first + 1] - offsets[first])
            for piece, _ in stretches(values.slice(int(offsets[first]), size)):
                yield first, np.frombuffer(piece, np.uint8), np.array([0, len(piece)])
            first += 1
            continue
        last = max(int(np.searchsorted(offsets, offsets[first] + GROUP_BYTES, side="right")) - 1, first + 1)
        long = np.flatnonzero(np.diff(offsets[first : last + 1]) > STRETCH_BYTES)
        last = first + int(long[0]) if len(long) else last
        yield first, data, offsets[first : last + 1]
        first = last
