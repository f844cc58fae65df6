"""Words and lines of a batch of texts as flat arrays of positions and hashes; nothing loops over words or documents.

A *word* follows Unicode's default word boundaries (UAX #29), simplified: a run of letters and digits with their
combining marks; an apostrophe or full stop inside joins letters ("don't", "e.g") or digits ("3.14"), a comma joins
digits, an underscore joins both. Each Han, Kana, Thai, Lao, Khmer or Burmese letter, and those of other scripts written
without spaces, is a word by itself. Every other visible character is a *symbol*; a run of the same one ("...", "----")
counts once. Words and symbols together are the *tokens*, about what spaCy's tokenizer gives for English.

A *line* is what stands between newlines, without the white space around it.

Hashes are polynomials modulo 2^64 from prefix sums over the characters: multiplied by the inverse power of where a word
starts, they depend on its characters alone, wherever it stands.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from gristmill.curation import characters, equals
from gristmill.curation.characters import (
    MID_LETTER,
    MID_NUMBER,
)
from gristmill.curation.equals import GOLDEN

BLOCK_BYTES = 1 << 19
"""Characters are looked at in blocks of about this many bytes, cut at line ends: they stay in cache, and the memory
that a huge text needs is that of its words, not of its characters."""

HASH_BASE = 0xD6E8FEB86659FD93  # odd, so it has an inverse modulo 2^64
_NEWLINE = ord("\n")
_CLOSING = np.array([ord(character) for character in "\"')]}»”’›」』）】〉》"], dtype=np.uint32)
"""What may stand between terminal punctuation and the space that ends the sentence."""


@dataclass(frozen=True)
class Types:
    """The different tokens, one entry each, in the order of their first appearance: what is true of every occurrence."""

    exact: np.ndarray  # uint64 hash of the token as written
    folded: np.ndarray  # uint64 hash without case, accents and marks
    length: np.ndarray  # int64, code points
    first: np.ndarray  # uint32, the first character; of a symbol, the character
    is_word: np.ndarray  # bool
    has_letter: np.ndarray  # bool


@dataclass(frozen=True)
class Tokens:
    """Words and symbols in text order, one entry each; positions count code points from the start of the block."""

    start: np.ndarray  # int64
    end: np.ndarray  # int64
    type: np.ndarray  # int32, which of `types`
    types: Types
    letters: bytes  # the types' characters without case, end to end, modulo 256: a word that is not in it is nowhere


@dataclass(frozen=True)
class Lines:
    """Lines in text order, blank ones included; positions as in `Tokens`."""

    start: np.ndarray  # int64, after the previous newline
    end: np.ndarray  # int64, the newline's position
    text_start: np.ndarray  # int64, where its text starts; equals `text_end` if blank
    text_end: np.ndarray  # int64, behind its text
    hash: np.ndarray  # uint64 of its text
    num_tokens: np.ndarray  # int64
    num_words: np.ndarray  # int64
    num_visible: np.ndarray  # int64, characters in tokens
    num_sentences: np.ndarray  # int64; words behind the last terminal punctuation are one
    num_chunks: np.ndarray  # int64, words as white space separates them, and letters that need none
    longest_chunk: np.ndarray  # int64, code points
    last: np.ndarray  # uint32 [lines, 3]: the last three characters of its text, the last first; 0 where there is none
    starts_with: np.ndarray  # uint32, the first character of its text, 0 if blank


def mixed(hashes: np.ndarray) -> np.ndarray:
    """The same hashes with every bit depending on every bit (splitmix64's finalizer, Steele et al. 2014); a bijection."""
    hashes = hashes ^ (hashes >> np.uint64(30))
    hashes *= np.uint64(0xBF58476D1CE4E5B9)
    hashes ^= hashes >> np.uint64(27)
    hashes *= np.uint64(0x94D049BB133111EB)
    hashes ^= hashes >> np.uint64(31)
    return hashes


def blocks(stream: bytes) -> Iterator[bytes]:
    """A stream of texts, each ending in a newline, in pieces of whole lines of at least `BLOCK_BYTES`."""
    start = 0
    while start < len(stream):
        end = start + BLOCK_BYTES
        end = stream.index(b"\n", end - 1) + 1 if end < len(stream) else len(stream)
        yield stream[start:end]
        start = end


def code_points(block: bytes) -> np.ndarray:
    """UTF-8 as code points: uint8 where all is ASCII, uint16 where all are below 65,536, else uint32."""
    if block.isascii():
        return np.frombuffer(block, dtype=np.uint8)
    codes = np.frombuffer(block.decode().encode("utf-32-le"), dtype=np.uint32)  # quicker than to UTF-16
    return codes.astype(np.uint16) if codes.max() < 1 << 16 else codes


_STEP = 1 << 15
"""Positions are split into a multiple of this and a rest, and powers are products of two: short tables stay in cache."""


def _powers(base: int, count: int) -> np.ndarray:
    powers = np.full(count, base, dtype=np.uint64)
    powers[:1] = 1
    return np.cumprod(powers, dtype=np.uint64)


_POWERS = _powers(HASH_BASE, _STEP)
_INVERSES = _powers(pow(HASH_BASE, -1, 1 << 64), _STEP)


class SpanHasher:
    """Hashes of spans of an array of unsigned integers: equal spans have equal hashes, wherever they stand."""

    def __init__(self, values: np.ndarray) -> None:
        num_steps = len(values) // _STEP + 1
        self.prefix = np.zeros(len(values) + 1, dtype=np.uint64)
        for step, power in enumerate(_powers(pow(HASH_BASE, _STEP, 1 << 64), num_steps)):
            here = slice(step * _STEP, (step + 1) * _STEP)
            part = self.prefix[1:][here]
            np.multiply(values[here], _POWERS[: len(part)], out=part)
            part *= power
        np.cumsum(self.prefix[1:], out=self.prefix[1:])
        self.inverse_steps = _powers(pow(HASH_BASE, -_STEP, 1 << 64), num_steps)

    def __call__(self, start: np.ndarray, end: np.ndarray) -> np.ndarray:
        hashes = self.prefix.take(end)
        hashes -= self.prefix.take(start)
        hashes *= _INVERSES.take(start & (_STEP - 1))
        hashes *= self.inverse_steps.take(start // _STEP)
        hashes += (end - start).astype(np.uint64) * GOLDEN  # the length tells trailing NULs apart
        return mixed(hashes)


def hash_of(word: str) -> np.uint64:
    """The `exact` hash of a token that is this word."""
    codes = np.frombuffer(word.encode("utf-32-le"), dtype=np.uint32)
    return SpanHasher(codes)(np.array([0]), np.array([len(codes)]))[0]


def scan(codes: np.ndarray) -> tuple[Tokens, Lines, np.ndarray]:
    """Tokens and lines of one block of characters that ends in a newline, and the characters' flags (uint8)."""
    from gristmill.curation import text_kernels

    flags, skeletons = characters.flag_table(), characters.skeleton_table(codes.dtype.str)
    kinds = np.empty(len(codes), dtype=np.uint8)
    start, end = np.empty((2, len(codes)), dtype=np.int64)  # what is not written to takes no memory
    hashes = np.empty(len(codes), dtype=np.uint64)
    num_tokens = text_kernels.tokens(codes, flags, skeletons, kinds, start, end, hashes)
    start, end = start[:num_tokens].copy(), end[:num_tokens].copy()
    places, token_type = equals.numbered(hashes[:num_tokens])
    type_start, type_end = start[places], end[places]
    folded, is_word, has_letter, letters = text_kernels.described(
        codes, flags, skeletons, characters.fold_table(), type_start, type_end
    )
    types = Types(
        exact=hashes[places],
        folded=folded,
        length=type_end - type_start,
        first=codes[type_start].astype(np.uint32),
        is_word=is_word,
        has_letter=has_letter,
    )

    line_end = np.flatnonzero(codes == _NEWLINE)
    counts = np.zeros((8, len(line_end)), dtype=np.int64)
    line_hashes = np.zeros(len(line_end), dtype=np.uint64)
    edges = np.zeros((len(line_end), 4), dtype=np.uint32)
    text_kernels.lines(
        codes, flags, skeletons, _CLOSING, start, end, token_type, is_word, line_end, counts, line_hashes, edges
    )
    text_start, text_end, num_tokens, num_visible, num_words, num_sentences, num_chunks, longest_chunk = counts
    lines = Lines(
        start=np.concatenate(([0], line_end[:-1] + 1)),
        end=line_end,
        text_start=text_start,
        text_end=text_end,
        hash=line_hashes,
        num_tokens=num_tokens,
        num_visible=num_visible,
        num_words=num_words,
        num_sentences=num_sentences,
        num_chunks=num_chunks,
        longest_chunk=longest_chunk,
        last=edges[:, :3],
        starts_with=edges[:, 3],
    )
    return Tokens(start, end, token_type, types, letters.tobytes()), lines, kinds


def joiners(codes: np.ndarray, kinds: np.ndarray, tokens: Tokens) -> np.ndarray:
    """Where apostrophes, full stops and commas stand inside a word of a block, underscores left out; int64."""
    middle = np.flatnonzero((kinds & (MID_LETTER | MID_NUMBER)) != 0)
    token = np.searchsorted(tokens.start, middle, side="right") - 1
    inside = tokens.types.is_word[tokens.type[token]] & (tokens.start[token] < middle) & (middle < tokens.end[token])
    return middle[inside & (codes[middle] != ord("_"))]


def shifted(part: object, by: int) -> object:
    """A record of arrays (`Tokens`, `Lines` or other spans) with its positions `by` code points later."""
    names = [field.name for field in fields(part) if field.name.endswith(("start", "end"))]
    return replace(part, **{name: getattr(part, name) + by for name in names})


def joined(parts: Sequence) -> object:
    """One record of arrays from several of the same class, end to end."""
    if len(parts) == 1:
        return parts[0]
    names = [field.name for field in fields(parts[0])]
    return type(parts[0])(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})


def joined_types(types: Sequence[Types], token_types: Sequence[np.ndarray]) -> tuple[Types, np.ndarray]:
    """The different tokens of several blocks, and which of them each token is; int32."""
    if len(types) == 1:
        return types[0], token_types[0]
    every = joined(types)
    places, number = equals.numbered(every.exact)
    first = np.cumsum([0, *(len(part.exact) for part in types)])
    token_type = [number.take(part + base) for part, base in zip(token_types, first[:-1], strict=True)]
    return taken(every, places), np.concatenate(token_type)


def taken(part: object, places: np.ndarray) -> object:
    """A record of arrays with the entries at these places."""
    return type(part)(**{field.name: getattr(part, field.name)[places] for field in fields(part)})


def last_characters(codes: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """The last three characters of each span, the last first, 0 where it has fewer; uint32 [spans, 3]."""
    place = end[:, None] - np.arange(1, 4)
    return np.where(place >= start[:, None], codes[np.maximum(place, 0)], 0).astype(np.uint32)
