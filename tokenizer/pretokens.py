"""How often each pre-token occurs: all that BPE learns from, and all of a sample that is kept in memory.

Pre-tokens are counted exactly, whatever the order of the texts. Those that do not fit into the memory allowed go to
temporary files by their hash and are added up file by file at the end. If then there are more different ones than the
trainer can hold, the rarest are left out, all of equal count alike; how many is told.
"""

import logging
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from tokenizers import Regex, pre_tokenizers

from gristmill.tokenizer.patterns import Pattern

MAX_TABLE_BYTES = 2**30
"""Bytes of text of different pre-tokens in memory, before they go to files; the table takes as much again, or twice."""

MAX_PRETOKENS = 2**23
"""Different pre-tokens that are trained on, the most frequent; some 3 GB while they are merged."""

_CHUNK_BYTES = 2**22
_NUM_PARTS = 64
_UNASSIGNED = frozenset((*range(0xD800, 0xF900, 256), *range(0x40000, 0x110000, 256)))
"""Surrogates, private use, and planes that Unicode has not begun to fill: neither letters, numbers nor white space."""
_NO_WEIGHTS = np.empty(0, np.int64)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Counts:
    """Different pre-tokens and how often each occurs, in no order that means anything."""

    data: np.ndarray
    """uint8: the bytes of all pre-tokens, one after another."""
    ends: np.ndarray
    """int64[N]: where each ends."""
    counts: np.ndarray
    """int64[N]."""
    num_bytes: int = 0
    """Bytes of text that were counted."""
    rarest: int = 1
    """The lowest count that was taken."""
    left_out: int = 0
    """Different pre-tokens that are rarer than that."""


class Pretokens:
    """Counts the pre-tokens of texts; `with Pretokens(split) as counted: counted.add(texts)`."""

    def __init__(self, splitter: "Splitter", max_table_bytes: int = MAX_TABLE_BYTES) -> None:
        self._splitter = splitter
        self._max_table_bytes = max_table_bytes
        self._files: tempfile.TemporaryDirectory | None = None
        self._clear()
        self.num_bytes = 0

    def __enter__(self) -> "Pretokens":
        return self

    def __exit__(self, *failure: object) -> None:
        if self._files:
            self._files.cleanup()

    def add(self, texts: Iterable[str]) -> None:
        """Count the pre-tokens of these texts; none reaches from one text into the next."""
        for chunk in _chunks(texts):
            self.num_bytes += sum(map(len, chunk))
            self._count(*self._splitter(chunk), _NO_WEIGHTS)

    def counts(self, max_pretokens: int = MAX_PRETOKENS) -> Counts:
        """What was counted."""
        if self._files is None:
            parts = [self._entries()]
        else:
            self._spill()
            parts = self._added_up()
        frequency: np.ndarray = np.concatenate([counts for _, _, counts in parts])
        rarest = 1
        if len(frequency) > max_pretokens:
            rarest = int(np.partition(frequency, -max_pretokens)[-max_pretokens])
            rarest += int(np.count_nonzero(frequency >= rarest) > max_pretokens)
        taken = [_taken(*part, part[2] >= rarest) for part in parts]
        data = np.concatenate([d for d, _, _ in taken])
        sizes = np.concatenate([np.diff(e, prepend=0) for _, e, _ in taken])
        result = Counts(
            data,
            np.cumsum(sizes),
            np.concatenate([c for _, _, c in taken]),
            num_bytes=self.num_bytes,
            rarest=rarest,
            left_out=len(frequency) - sum(len(c) for _, _, c in taken),
        )
        if result.left_out:
            what = "%d of %d different pre-tokens, those that occur fewer than %d times, are left out of the training"
            log.warning(what, result.left_out, len(frequency), rarest)
        return result

    def _clear(self) -> None:
        self._state = np.zeros(2, np.int64)
        self._table = np.full(2**17, -1, np.int32)
        self._arena = np.empty(min(2**20, self._max_table_bytes), np.uint8)
        self._ends, self._counts = np.empty(2**16, np.int64), np.empty(2**16, np.int64)
        self._hashes = np.empty(2**16, np.uint64)

    def _count(self, data: np.ndarray, ends: np.ndarray, weights: np.ndarray) -> None:
        from gristmill.tokenizer.pretoken_kernels import count

        done = 0
        while True:
            places = (self._state, self._table, self._arena, self._ends, self._counts, self._hashes)
            done = count(data, ends, weights, done, *places)
            if done == len(ends):
                return
            self._grow(int(ends[done] - (ends[done - 1] if done else 0)))

    def _grow(self, needed: int) -> None:
        """Make room for one more pre-token of so many bytes."""
        from gristmill.tokenizer.pretoken_kernels import fill_table

        entries, used = self._state
        if used and used + needed > self._max_table_bytes and not self._adding_up:
            self._spill()
        elif used + needed > len(self._arena):
            self._arena = _longer(self._arena, max(2 * len(self._arena), int(used) + needed))
        else:
            self._ends, self._counts, self._hashes = (
                _longer(array, 2 * len(array)) for array in (self._ends, self._counts, self._hashes)
            )
            self._table = np.full(2 * len(self._table), -1, np.int32)
            fill_table(self._hashes, int(entries), self._table)

    _adding_up = False

    def _entries(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        entries, used = self._state
        return self._arena[:used], self._ends[:entries], self._counts[:entries]

    def _spill(self) -> None:
        """Append all entries to the files of their parts, and begin again."""
        if self._files is None:
            self._files = tempfile.TemporaryDirectory(prefix="gristmill-pretokens-")
        part = (self._hashes[: self._state[0]] & np.uint64(_NUM_PARTS - 1)).astype(np.int64)
        for number in range(_NUM_PARTS):
            data, ends, counts = _taken(*self._entries(), part == number)
            for name, array in (("data", data), ("sizes", np.diff(ends, prepend=0)), ("counts", counts)):
                with open(self._part(number, name), "ab") as file:
                    file.write(array.tobytes())
        self._clear()

    def _added_up(self) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Every part's entries, each once: (bytes, ends, counts), in maps of temporary files."""
        self._adding_up = True
        parts = []
        for number in range(_NUM_PARTS):
            read = {name: self._part(number, name) for name in ("data", "sizes", "counts")}
            ends = np.cumsum(np.fromfile(read["sizes"], np.int64))
            self._clear()
            self._count(np.fromfile(read["data"], np.uint8), ends, np.fromfile(read["counts"], np.int64))
            for name, array in zip(("data", "sizes", "counts"), self._entries(), strict=True):
                array.tofile(read[name])
            dtypes = {"data": np.uint8, "sizes": np.int64, "counts": np.int64}
            parts.append(tuple(_mapped(read[name], dtype) for name, dtype in dtypes.items()))
        self._clear()
        return parts

    def _part(self, number: int, name: str) -> Path:
        return Path(self._files.name) / f"{number:02d}.{name}"


class Splitter:
    """Splits texts as a pattern does; made of a family that is compiled, or of any regular expression."""

    def __init__(self, pattern: Pattern) -> None:
        self._family = (bool(pattern.gpt4), pattern.digits)
        self._slow = pre_tokenizers.Split(Regex(pattern.expression), "isolated") if pattern.gpt4 is None else None

    def __call__(self, texts: list[bytes]) -> tuple[np.ndarray, np.ndarray]:
        """Texts in UTF-8 to their bytes, uint8, and where each pre-token ends, int64."""
        data = np.frombuffer(b"".join(texts), np.uint8)
        if self._slow is None:
            from gristmill.tokenizer.pretoken_kernels import split

            ends = np.empty(len(data), np.int64)
            count = split(
                data, np.cumsum([len(text) for text in texts], dtype=np.int64), classes(), *self._family, ends
            )
            return data, ends[:count]
        found = (self._slow.pre_tokenize_str(text.decode()) for text in texts)
        return data, np.cumsum([len(piece.encode()) for pieces in found for piece, _ in pieces], dtype=np.int64)


@cache
def classes() -> np.ndarray:
    """The class of every code point, uint8[0x110000], as the regular expressions of `tokenizers` see it."""
    from gristmill.tokenizer import pretoken_kernels as kernels

    found = np.zeros(0x110000, np.uint8)
    for expression, kind in ((r"\p{L}+", kernels.LETTER), (r"\p{N}+", kernels.NUMBER), (r"\s+", kernels.SPACE)):
        split = pre_tokenizers.Split(Regex(expression), "removed", invert=True)
        for first in range(0, 0x110000, 256):
            if first in _UNASSIGNED:
                continue
            text = "".join(map(chr, range(first, first + 256)))
            for piece, _ in split.pre_tokenize_str(text):
                found[ord(piece[0]) : ord(piece[-1]) + 1] = kind
    found[[10, 13]] = kernels.NEWLINE
    return found


def _chunks(texts: Iterable[str]) -> Iterator[list[bytes]]:
    chunk: list[bytes] = []
    size = 0
    for text in texts:
        if not text:
            continue
        chunk.append(text.encode())
        size += len(chunk[-1])
        if size >= _CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _longer(array: np.ndarray, size: int) -> np.ndarray:
    result = np.empty(size, array.dtype)
    result[: len(array)] = array
    return result


def _taken(data: np.ndarray, ends: np.ndarray, counts: np.ndarray, taken: np.ndarray) -> tuple[np.ndarray, ...]:
    """Some of the entries: their bytes, ends and counts."""
    sizes = np.diff(ends, prepend=0)
    return data[np.repeat(taken, sizes)], np.cumsum(sizes[taken]), counts[taken]


def _mapped(path: Path, dtype: type) -> np.ndarray:
    return np.memmap(path, dtype, "r") if path.stat().st_size else np.empty(0, dtype)
