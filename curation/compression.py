"""How much smaller a general compressor makes a text: one number that sees any kind of repetition.

LZ4 in its block format, as pyarrow brings it: ten microseconds for a page, a tenth of what zlib takes. It has no entropy
coder, so a text without repetition keeps its size whatever its alphabet. Another release of LZ4 may find other matches;
the measure step's key names pyarrow's version.
"""

from collections.abc import Sequence
from itertools import pairwise

import pyarrow as pa

PIECE_BYTES = 1 << 20
"""Longer texts are compressed in pieces of this size, each by itself; LZ4 looks back 64 kB at most, so little is lost."""


def compressed_sizes(values: pa.Buffer, offsets: Sequence[int]) -> list[int]:
    """Bytes after compression of each text in a buffer; text i starts at `offsets[i]`, and a byte that belongs to none
    (its closing newline) stands before the next. Nothing compresses to nothing."""
    codec = pa.Codec("lz4_raw")
    sizes = []
    for start, end in pairwise(offsets):
        size = 0
        for piece in range(start, end - 1, PIECE_BYTES):
            size += codec.compress(values.slice(piece, min(PIECE_BYTES, end - 1 - piece))).size
        sizes.append(size)
    return sizes
