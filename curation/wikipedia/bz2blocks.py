"""The blocks of a bzip2 file, each decoded alone: a dump can be entered in the middle, and damage costs its own block.

A bzip2 stream is a header, blocks of at most 900 kB of content, and an end mark; a file may hold many streams
(Wikimedia's multistream dumps start one every hundred pages). Blocks begin with the 48 bits 0x314159265359, streams end
with 0x177245385090, at any bit. Both are found by searching for the five whole bytes inside each of their eight shifts.
A block is decoded by libbz2 as a stream of its own, so its checksum is verified.
https://github.com/dsnet/compress/blob/master/doc/bzip2-format.pdf
"""

import bz2
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

_BLOCK, _END, _EOF = 0x314159265359, 0x177245385090, 0
_MARK_BITS = 48
_MARK_MASK = (1 << _MARK_BITS) - 1
_READ_BYTES = 2**20
_MAX_BLOCK_BYTES = (
    2**22
)  # 900 kB that cannot be compressed take 1 MB; the rest is room for marks that damage has hidden
_INNER = tuple(
    ((mark << (8 - shift)).to_bytes(7, "big")[1:6], mark, shift) for mark in (_BLOCK, _END) for shift in range(8)
)
"""(the whole bytes inside a mark that starts `shift` bits into the byte before them, the mark, shift)."""


@dataclass(frozen=True, slots=True)
class Block:
    """A block of a bzip2 file."""

    offset: int
    """Byte of the file in which it starts."""
    size: int
    """Its length in the file, in bytes."""
    content: bytes | None
    """What it holds; None if it is damaged or cut off."""
    cut: bool = False
    """Whether the file ends before the block does."""


def blocks(stream: BinaryIO, start: int = 0) -> Iterator[Block]:
    """The blocks that start at or after the byte `start`, in file order; what follows the last stream is passed over."""
    window = _Window(stream, start)
    pending: list[tuple[int, int]] = []  # (bit of the file, mark): a block, the mark that ends it, perhaps the next one
    for found in window.marks():
        pending.append(found)
        while len(pending) > 1:
            bit, mark = pending[0]
            if mark == _BLOCK:
                content = window.decoded(bit, pending[1][0])
                if content is None and pending[1][1] != _EOF:
                    if len(pending) == 2:
                        break  # one block in 10^14 holds the bits of a mark: see whether the next one ends it
                    content = window.decoded(bit, pending[2][0])
                    if content is not None:
                        del pending[1]
                end, ends_with = pending[1]
                size = (end + 7) // 8 - bit // 8
                yield Block(bit // 8, size, content, cut=content is None and ends_with == _EOF)
            del pending[0]
        window.forget_before(pending[0][0] if pending else found[0])


class _Window:
    """The part of a file from the block that is waited for to where marks have been looked for."""

    def __init__(self, stream: BinaryIO, start: int):
        self._stream = stream
        self._base = start  # byte of the file at which `_bytes` starts
        self._bytes = bytearray()
        stream.seek(start)

    def marks(self) -> Iterator[tuple[int, int]]:
        """(bit of the file, mark) in order, the end of the file last."""
        searched = self._base  # marks that start before this byte have been found
        while chunk := self._stream.read(_READ_BYTES):
            self._bytes += chunk
            yield from self._marks_from(searched)
            searched = max(searched, self._base + len(self._bytes) - 6)
            if len(self._bytes) > 2 * _MAX_BLOCK_BYTES:
                self.forget_before(8 * (searched - _MAX_BLOCK_BYTES))  # the block that started here has lost its end
        self._bytes += bytes(1)  # the last mark may end with the file, and be read with the byte after it
        yield from self._marks_from(searched)
        yield 8 * (self._base + len(self._bytes) - 1), _EOF

    def _marks_from(self, byte: int) -> list[tuple[int, int]]:
        found = []
        start = byte - self._base
        for inner, mark, shift in _INNER:
            # The byte before the inner ones holds the first bits; a mark is seen whole, with the byte after it.
            at = self._bytes.find(inner, start + 1)
            while at >= 0:
                if at + 6 <= len(self._bytes):
                    seven = int.from_bytes(self._bytes[at - 1 : at + 6], "big")
                    if seven >> (8 - shift) & _MARK_MASK == mark:
                        found.append((8 * (self._base + at - 1) + shift, mark))
                at = self._bytes.find(inner, at + 1)
        return sorted(found)

    def decoded(self, start_bit: int, end_bit: int) -> bytes | None:
        """The content of the block in these bits, or None if that is not what they hold."""
        first = start_bit // 8 - self._base
        count = end_bit - start_bit
        if first < 0 or count < 80 or count > 8 * _MAX_BLOCK_BYTES:
            return None
        whole = int.from_bytes(self._bytes[first : (end_bit + 7) // 8 - self._base], "big") >> -end_bit % 8
        block = whole & ((1 << count) - 1)
        checksum = block >> (count - 80) & 0xFFFFFFFF  # of a stream with a single block it is the stream's as well
        padding = -(count + 80) % 8
        stream = (block << 80 | _END << 32 | checksum) << padding
        try:
            return bz2.decompress(b"BZh9" + stream.to_bytes((count + 80 + padding) // 8, "big"))
        except (OSError, ValueError):
            return None

    def forget_before(self, bit: int) -> None:
        """Give up the bytes before this bit of the file."""
        count = min(bit // 8 - self._base, len(self._bytes))
        if count > 0:
            del self._bytes[:count]
            self._base += count
