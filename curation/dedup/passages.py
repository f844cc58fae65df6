"""Passages of texts that may stand in several of them: lines, paragraphs, and runs of words, by hash.

Two passages are the same if they have the same words in the same order, as `curation/words.py` finds words and compares
them: without case, accents, marks, punctuation and white space. cc_net (Wenzek et al. 2020) lowers case and drops accents
and punctuation too, but reads every digit as 0; here numbers count, as prices and dates are what a table says.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from gristmill.curation import characters
from gristmill.curation.equals import GOLDEN
from gristmill.curation.words import mixed

VERSION = 1
"""Bumped when other passages, or others of their occurrences, are found."""


@dataclass(frozen=True)
class PassageParams:
    """Which lines, or paragraphs, must not be repeated."""

    min_words: int = 10
    """Lines (paragraphs) with fewer words stay, however often they are repeated: headings, answers, refrains."""

    within: bool = True
    """Of several in one document the first stays."""

    across: bool = True
    """Of those in several documents the ones in the most preferred document stay."""

    def __post_init__(self):
        if self.min_words < 1:
            raise ValueError(f"min_words is {self.min_words}, but it must be at least 1; set 10, or leave it out")
        if not (self.within or self.across):
            raise ValueError(
                "within and across are both false, so that nothing is compared; set one, or remove the block"
            )


@dataclass(frozen=True)
class SubstringParams:
    """Which runs of words must not be repeated, wherever they begin and end."""

    min_tokens: int = 50
    """Least length of a run that is cut, in words (no tokenizer exists yet); 50 as in Lee et al. 2022."""

    def __post_init__(self):
        if self.min_tokens < 10:
            raise ValueError(
                f"min_tokens is {self.min_tokens}, but it must be at least 10: shorter runs are turns of phrase; set 50"
            )


@dataclass(frozen=True)
class Words:
    """The words and lines of some texts, end to end; positions count code points from a text's first one."""

    hashes: np.ndarray  # uint64, without case, accents and marks
    start: np.ndarray  # int32
    end: np.ndarray  # int32
    offsets: np.ndarray  # int64 [texts + 1]: which words are whose
    line_start: np.ndarray  # int32, its first code point
    line_word: np.ndarray  # int32, words of the text before it
    visible: np.ndarray  # bool: the line is not blank
    line_offsets: np.ndarray  # int64 [texts + 1]: which lines are whose


@dataclass(frozen=True)
class Passages:
    """Lines or paragraphs of some texts, in order."""

    text: np.ndarray  # int64, which of the texts
    first: np.ndarray  # int64, its first word, counted from the text's first
    words: np.ndarray  # int64, how many
    line: np.ndarray  # int64, its first line, counted from the text's first
    lines: np.ndarray  # int64, how many
    hash: np.ndarray  # uint64, of its words


def words(texts: pa.Array) -> Words:
    """The words of texts, none of them null. Takes some 20 bytes a word, and as many addresses as 25 times the text."""
    from gristmill.curation.dedup import passage_kernels

    texts = texts.cast(pa.large_string())
    offsets = np.zeros(1, np.int64)
    if len(texts):
        offsets = np.frombuffer(texts.buffers()[1], np.int64)[texts.offset : texts.offset + len(texts) + 1]
    values = texts.buffers()[2]
    data = np.frombuffer(values, np.uint8) if values else np.zeros(0, np.uint8)
    room = int(offsets[-1] - offsets[0]) + len(texts) + 1  # what is not written to takes no memory
    hashes, visible = np.empty(room, np.uint64), np.empty(room, bool)
    start, end, line_start, line_word = (np.empty(room, np.int32) for _ in range(4))
    num_words, num_lines = np.zeros((2, len(texts)), np.int64)
    tables = characters.flag_table(), characters.skeleton_table(np.dtype(np.uint32).str), characters.fold_table()
    n, lines = passage_kernels.words_of_texts(
        data, offsets, *tables, hashes, start, end, num_words, line_start, line_word, visible, num_lines
    )
    return Words(
        hashes[:n].copy(),
        start[:n].copy(),
        end[:n].copy(),
        _offsets(num_words),
        line_start[:lines].copy(),
        line_word[:lines].copy(),
        visible[:lines].copy(),
        _offsets(num_lines),
    )


def lines(found: Words, min_words: int, salt: np.ndarray | None = None) -> Passages:
    """The lines of at least so many words. `salt`, uint64 [texts]: passages of texts with another one are others."""
    text = np.repeat(np.arange(len(found.line_offsets) - 1), np.diff(found.line_offsets))
    line = np.arange(len(text)) - found.line_offsets[text]
    return _passages(found, text, line, np.ones(len(text), np.int64), min_words, salt)


def paragraphs(found: Words, min_words: int, salt: np.ndarray | None = None) -> Passages:
    """The paragraphs, lines with no blank one between them, of at least so many words."""
    text = np.repeat(np.arange(len(found.line_offsets) - 1), np.diff(found.line_offsets))
    line = np.arange(len(text)) - found.line_offsets[text]
    begins = found.visible.copy()
    begins[1:] &= ~found.visible[:-1] | (text[1:] != text[:-1])
    size = np.bincount(np.cumsum(begins)[found.visible], minlength=1)[1:]
    return _passages(found, text[begins], line[begins], size, min_words, salt)


def _passages(
    found: Words, text: np.ndarray, line: np.ndarray, count: np.ndarray, min_words: int, salt: np.ndarray | None
) -> Passages:
    from gristmill.curation.dedup import passage_kernels

    num_lines, num_words = np.diff(found.line_offsets)[text], np.diff(found.offsets)[text]
    place = found.line_offsets[text] + line
    first = found.line_word[place].astype(np.int64)
    behind = np.minimum(place + count, max(len(found.line_word) - 1, 0))
    last = np.where(line + count < num_lines, found.line_word[behind], num_words)
    long = last - first >= min_words
    text, first, size = text[long], first[long], (last - first)[long]
    hashes = passage_kernels.span_hashes(found.hashes, found.offsets[text] + first, size, GOLDEN)
    return Passages(text, first, size, line[long], count[long], salted(hashes, text, salt))


def salted(hashes: np.ndarray, text: np.ndarray, salt: np.ndarray | None) -> np.ndarray:
    """Hashes of passages that only equal those of texts with the same salt."""
    return hashes if salt is None else mixed(hashes + salt[text])


def each(found: Words) -> Iterator[tuple[int, np.ndarray]]:
    """The word hashes of each text that has any, by number."""
    for text in np.flatnonzero(np.diff(found.offsets)).tolist():
        yield text, found.hashes[found.offsets[text] : found.offsets[text + 1]]


def _offsets(counts: np.ndarray) -> np.ndarray:
    return np.concatenate(([0], np.cumsum(counts)))
