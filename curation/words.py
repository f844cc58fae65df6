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
    BLANK,
    EXTEND,
    LETTER,
    MID_LETTER,
    MID_NUMBER,
    NUMBER,
    SOLO,
    TERMINAL,
    WORD,
)
from gristmill.curation.counts import Rank
from gristmill.curation.equals import GOLDEN

BLOCK_BYTES = 1 << 19
"""Characters are looked at in blocks of about this many bytes, cut at line ends: they stay in cache, and the memory
that a huge text needs is that of its words, not of its characters."""

_BASE = 0xD6E8FEB86659FD93  # odd, so it has an inverse modulo 2^64
_NEWLINE = ord("\n")


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
    ends_sentence: (
        np.ndarray
    )  # int64, sorted: the tokens that are terminal punctuation with white space, a closing mark
    # or the line's end behind them
    before: Rank  # how many characters of tokens stand before a position
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


_POWERS = _powers(_BASE, _STEP)
_INVERSES = _powers(pow(_BASE, -1, 1 << 64), _STEP)


class SpanHasher:
    """Hashes of spans of an array of unsigned integers: equal spans have equal hashes, wherever they stand."""

    def __init__(self, values: np.ndarray) -> None:
        num_steps = len(values) // _STEP + 1
        self.prefix = np.zeros(len(values) + 1, dtype=np.uint64)
        for step, power in enumerate(_powers(pow(_BASE, _STEP, 1 << 64), num_steps)):
            here = slice(step * _STEP, (step + 1) * _STEP)
            part = self.prefix[1:][here]
            np.multiply(values[here], _POWERS[: len(part)], out=part)
            part *= power
        np.cumsum(self.prefix[1:], out=self.prefix[1:])
        self.inverse_steps = _powers(pow(_BASE, -_STEP, 1 << 64), num_steps)

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
    kinds = characters.flags(codes)
    keys = characters.skeletons(codes)
    unicode_block = codes.dtype != np.uint8
    if unicode_block:
        _extend(kinds, keys)
    _join(codes, kinds, keys)
    boundary = keys[1:] != keys[:-1]
    solo = (kinds & SOLO) != 0 if unicode_block else None
    if solo is not None and not solo.any():
        solo = None  # the usual case; it would cost a pass in several places
    if solo is not None:
        boundary |= solo[1:]
    visible = keys != BLANK
    start = np.flatnonzero(boundary & visible[1:]) + 1
    if visible[0]:
        start = np.concatenate(([0], start))
    end = np.flatnonzero(boundary & visible[:-1]) + 1  # the newline at the end is not visible

    exact = SpanHasher(codes)
    hashes = exact(start, end)
    places, token_type = equals.numbered(equals.first_equal(hashes))
    types, letters = _types(codes, kinds, keys, hashes[places], start[places], end[places])
    tokens = Tokens(start, end, token_type, types, _ends_sentence(codes, kinds, start, end), Rank(visible), letters)
    lines = _lines(codes, tokens, None if solo is None else solo[start], exact)
    return tokens, lines, kinds


def _extend(kinds: np.ndarray, keys: np.ndarray) -> None:
    """Give marks and format characters the class of what they follow."""
    marks = np.flatnonzero((kinds & EXTEND) != 0)
    if len(marks):
        run = np.concatenate(([True], marks[1:] != marks[:-1] + 1))
        base = np.maximum(marks[run] - 1, 0)[np.cumsum(run) - 1]
        keys[marks] = keys[base]


def _join(codes: np.ndarray, kinds: np.ndarray, keys: np.ndarray) -> None:
    """Make apostrophes, full stops, commas and underscores that stand inside a word part of it."""
    middle = np.flatnonzero((kinds & (MID_LETTER | MID_NUMBER)) != 0)
    middle = middle[(keys[middle - 1] == WORD) & (keys[(middle + 1) % len(keys)] == WORD)]
    before, after = kinds[middle - 1], kinds[middle + 1]
    letters = (before & (LETTER | EXTEND) != 0) & (after & LETTER != 0) & (kinds[middle] & MID_LETTER != 0)
    numbers = (before & (NUMBER | EXTEND) != 0) & (after & NUMBER != 0) & (kinds[middle] & MID_NUMBER != 0)
    keys[middle[letters | numbers | (codes[middle] == ord("_"))]] = WORD


def joiners(codes: np.ndarray, kinds: np.ndarray, tokens: Tokens) -> np.ndarray:
    """Where apostrophes, full stops and commas stand inside a word of a block, underscores left out; int64."""
    middle = np.flatnonzero((kinds & (MID_LETTER | MID_NUMBER)) != 0)
    token = np.searchsorted(tokens.start, middle, side="right") - 1
    inside = tokens.types.is_word[tokens.type[token]] & (tokens.start[token] < middle) & (middle < tokens.end[token])
    return middle[inside & (codes[middle] != ord("_"))]


def _types(
    codes: np.ndarray, kinds: np.ndarray, keys: np.ndarray, exact: np.ndarray, start: np.ndarray, end: np.ndarray
) -> tuple[Types, bytes]:
    """The different tokens, from where each appears first, and `Tokens.letters`; only a tenth of all characters is read."""
    length = end - start
    offsets = np.concatenate(([0], np.cumsum(length)))
    place = np.arange(offsets[-1]) + np.repeat(start - offsets[:-1], length)
    has_letter = np.zeros(len(start), dtype=bool)
    if len(start):
        has_letter = np.bitwise_or.reduceat(kinds.take(place) & LETTER, offsets[:-1]) != 0
    folded = characters.folded(codes.take(place))
    kept = folded != 0
    if not kept.all():  # marks fold to nothing: close the gaps, so that "e" + accent equals the one-character form
        offsets = np.concatenate(([0], np.cumsum(kept)))[offsets]
        folded = folded[kept]
    types = Types(
        exact=exact,
        folded=SpanHasher(folded)(offsets[:-1], offsets[1:]),
        length=length,
        first=codes[start].astype(np.uint32),
        is_word=(keys[start] == WORD) | ((kinds[start] & SOLO) != 0),
        has_letter=has_letter,
    )
    return types, folded.astype(np.uint8).tobytes()


_CLOSING = np.array([ord(character) for character in "\"')]}»”’›」』）】〉》"], dtype=np.uint32)


def _ends_sentence(codes: np.ndarray, kinds: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Terminal punctuation that does not go on without a space ("example.com"); in CJK no space is asked for."""
    if not len(start):
        return start
    terminal = np.flatnonzero((kinds & TERMINAL) != 0)
    token = np.searchsorted(start, terminal, side="right") - 1
    token = token[start[token] == terminal]  # none in front of the first: punctuation is visible, so it is in a token
    behind = codes[end[token]]  # the block ends in a newline, which is no token, so there is a character behind
    ends = (characters.skeletons(behind) == BLANK) | np.isin(behind, _CLOSING) | (codes[start[token]] > 0x2FFF)
    return token[ends]


def _lines(codes: np.ndarray, tokens: Tokens, solo: np.ndarray | None, exact: SpanHasher) -> Lines:
    end = np.flatnonzero(codes == _NEWLINE)
    start = np.concatenate(([0], end[:-1] + 1))
    first = np.concatenate(([0], np.searchsorted(tokens.start, end)))
    num_tokens = np.diff(first)
    filled = np.flatnonzero(num_tokens)
    text_start, text_end = start.copy(), start.copy()
    text_start[filled] = tokens.start[first[filled]]
    text_end[filled] = tokens.end[first[filled + 1] - 1]

    # Tokens that touch are one word to white space, unless they need none; a chunk never crosses a line.
    apart = np.ones(len(tokens.start), dtype=bool)
    np.not_equal(tokens.start[1:], tokens.end[:-1], out=apart[1:])
    if solo is not None:
        apart |= solo
    chunk_starts = np.flatnonzero(apart)
    chunk_ends = np.append(chunk_starts[1:], len(apart))[: len(chunk_starts)] - 1
    first_chunk = np.searchsorted(chunk_starts, first)
    longest = np.zeros(len(end), dtype=np.int64)
    if len(filled):
        chunk_lengths = tokens.end[chunk_ends] - tokens.start[chunk_starts]
        longest[filled] = np.maximum.reduceat(chunk_lengths, first_chunk[filled])

    starts_with = np.zeros(len(end), dtype=np.uint32)
    starts_with[filled] = codes[text_start[filled]]
    return Lines(
        start=start,
        end=end,
        text_start=text_start,
        text_end=text_end,
        hash=exact(text_start, text_end),
        num_tokens=num_tokens,
        num_chunks=np.diff(first_chunk),
        longest_chunk=longest,
        last=last_characters(codes, text_start, text_end),
        starts_with=starts_with,
    )


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
    places, number = equals.numbered(equals.first_equal(every.exact))
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
