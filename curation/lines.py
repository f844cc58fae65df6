"""What lines tell: C4's line rules, and everything that is counted by line or paragraph.

C4 (Raffel et al. 2020) removes lines before it judges a page, and rules that come after it see the rest. Two variants
are in use: the paper's, and FineWeb's, which keeps lines without terminal punctuation. Both remove a line that has a
word of more than 1,000 characters, fewer than three words (as white space separates them), or a phrase that marks it as
a notice about scripts, cookies or terms. Citation markers ("[3]", "[edit]", "[citation needed]") go from the lines that
stay. A line takes the blank lines behind it along, so that paragraphs stay paragraphs.
"""

import re
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from gristmill.curation.characters import TERMINAL, flags
from gristmill.curation.counts import Rank, ratio, total
from gristmill.curation.repetition import is_repeat
from gristmill.curation.words import Lines, SpanHasher, last_characters

MAX_CHUNK = 1000
"""C4 removes lines with a longer word than this; code points."""

MIN_CHUNKS = 3
"""C4 removes lines with fewer words than this."""

SHORT_LINE = 30
"""FineWeb calls lines of up to so many code points short."""


def _searched(anchors: dict[bytes, bytes]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Phrases as `text_kernels.lines_with` takes them: their characters, their lengths, and the places of their anchors."""
    longest = max(map(len, anchors))
    codes = np.array([list(phrase.ljust(longest, b"\0")) for phrase in anchors], dtype=np.uint8)
    places = [phrase.index(anchor) for phrase, anchor in anchors.items()]
    return codes, np.array([len(phrase) for phrase in anchors]), np.array(places)


_CUT_PHRASES = {
    b"javascript": b"v",
    b"terms of use": b"f",
    b"privacy policy": b"v",
    b"cookie policy": b"k",
    b"uses cookies": b"k",
    b"use of cookies": b"k",
    b"use cookies": b"k",
}
"""Phrases, and the rarest letter of each, by which it is found."""

_CITATION = rb"\[(?:[0-9]*|edit|citation needed)\]"
_CITATIONS = re.compile(_CITATION + rb"(?:" + _CITATION + rb")*")  # starts with a literal, which `re` finds much faster
_C4_TERMINAL = np.isin(
    np.arange(128), [ord(character) for character in ".?!\"'"]
)  # per code point; the last for all else
_BULLETS = np.array([ord("•"), ord("-")], dtype=np.uint32)
_PHRASES = _searched(_CUT_PHRASES | {b"lorem ipsum": b"p", b"{": b"{"})
_POSITIONS = ("start", "end", "text_start", "text_end")
_FULL_STOP, _ELLIPSIS = ord("."), ord("…")


@dataclass(frozen=True)
class TextLines:
    """Lines with text, in order; positions as in `Lines`. Of blank lines it is enough to know where they were."""

    start: np.ndarray  # int32
    end: np.ndarray  # int32
    text_start: np.ndarray  # int32
    text_end: np.ndarray  # int32
    hash: np.ndarray  # uint64
    num_tokens: np.ndarray  # int32
    num_chunks: np.ndarray  # int32
    longest_chunk: np.ndarray  # int32
    after_blank: np.ndarray  # bool: the line before it is blank
    bullet: np.ndarray  # bool: starts with "•" or "-"
    ellipsis: np.ndarray  # bool: ends in "..." or "…"


@dataclass(frozen=True)
class LineMarks:
    """What C4's rules see in each line; one entry per line."""

    cut_phrase: np.ndarray  # bool: names JavaScript, cookies, a privacy policy or terms of use
    lorem_ipsum: np.ndarray  # bool
    curly_bracket: np.ndarray  # bool
    c4_terminal: np.ndarray  # bool: ends in . ? ! " or ', but not in "..."


@dataclass(frozen=True)
class Spans:
    """Stretches of the stream, in order; positions as in `Tokens`."""

    start: np.ndarray  # int64
    end: np.ndarray  # int64


@dataclass(frozen=True)
class Selected:
    """Which lines some rules keep of some documents, and what goes from those."""

    lines: TextLines | Spans
    """With text, in order; `start` and `end` are enough."""
    kept: np.ndarray
    """bool per line"""
    spans: Spans
    """Go from the lines that stay, and blank ones; no two overlap."""
    of_lines: np.ndarray
    """int64, documents + 1: which lines are whose."""


def text_lines(lines: Lines, base: int, after_blank: bool) -> tuple[np.ndarray, TextLines]:
    """Which lines of a block have text, and those, for a block that starts `base` code points into its stream.

    `after_blank` says whether the line before the block is blank.
    """
    filled = np.flatnonzero(lines.num_tokens > 0)
    blank_before = np.concatenate(([after_blank], lines.num_tokens[:-1] == 0))
    last, starts_with = lines.last[filled], lines.starts_with[filled]
    return filled, TextLines(
        **{name: (getattr(lines, name)[filled] + base).astype(np.int32) for name in _POSITIONS},
        hash=lines.hash[filled],
        **{
            name: getattr(lines, name)[filled].astype(np.int32)
            for name in ("num_tokens", "num_chunks", "longest_chunk")
        },
        after_blank=blank_before[filled],
        bullet=(starts_with == _BULLETS[0]) | (starts_with == _BULLETS[1]),
        ellipsis=(last[:, 0] == _ELLIPSIS) | _three_dots(last),
    )


def marks(block: bytes, codes: np.ndarray, lines: Lines) -> tuple[LineMarks, Spans]:
    """The marks of a block's lines, and where its citation markers stand."""
    from gristmill.curation import text_kernels

    *cut_phrases, lorem_ipsum, curly_bracket = text_kernels.lines_with(codes, lines.end, *_PHRASES)
    citations = _citations(block, codes)
    return (
        LineMarks(
            cut_phrase=np.any(cut_phrases, axis=0),
            lorem_ipsum=lorem_ipsum,
            curly_bracket=curly_bracket,
            c4_terminal=_c4_terminal(codes, lines, citations),
        ),
        citations,
    )


def _citations(block: bytes, codes: np.ndarray) -> Spans:
    spans = [match.span() for match in _CITATIONS.finditer(block)] if b"[" in block else []
    start, end = np.array(spans, dtype=np.int64).reshape(-1, 2).T
    if len(spans) and len(codes) < len(block):  # from bytes to code points
        begins = Rank((np.frombuffer(block, np.uint8) & 0xC0) != 0x80)
        start, end = begins(start), begins(end)
    # At a line's end the space before goes too. A block ends in a newline, so there is a character on either side.
    return Spans(start - ((codes[end % len(codes)] == ord("\n")) & (codes[start - 1] == ord(" "))), end)


def _c4_terminal(codes: np.ndarray, lines: Lines, citations: Spans) -> np.ndarray:
    last = lines.last
    if len(citations.end):
        last = last.copy()
        line = np.searchsorted(lines.end, citations.start)
        closing = citations.end == lines.text_end[line]
        line, start = line[closing], citations.start[closing]
        last[line] = last_characters(codes, lines.text_start[line], np.maximum(start, lines.text_start[line]))
    return _C4_TERMINAL[np.minimum(last[:, 0], 127)] & ~_three_dots(last)


def _three_dots(last: np.ndarray) -> np.ndarray:
    return (last[:, 0] == _FULL_STOP) & (last[:, 1] == _FULL_STOP) & (last[:, 2] == _FULL_STOP)


def kept_lines(lines: TextLines, line_marks: LineMarks) -> dict[str, np.ndarray]:
    """Which lines stay under each variant of C4's line rules: `fineweb` and `c4`; bool per line with text."""
    kept = (lines.num_chunks >= MIN_CHUNKS) & (lines.longest_chunk <= MAX_CHUNK) & ~line_marks.cut_phrase
    return {"fineweb": kept, "c4": kept & line_marks.c4_terminal}


def within(lines: TextLines, kept: np.ndarray, spans: Spans) -> Spans:
    """Those spans, each in some line with text, whose line is kept."""
    if not len(spans.start):
        return spans
    inside = kept[np.searchsorted(lines.end, spans.start)]
    return Spans(spans.start[inside], spans.end[inside])


def cuts(selected: Selected, starts: np.ndarray) -> tuple[np.ndarray, Spans]:
    """What to remove from each document: offsets (int64, documents + 1) into spans counted from its first character.

    `starts` says where documents start in the stream (documents + 1, the last being the end). Spans inside lines that go
    are part of these. A line goes with the blank lines behind it; the newline of the last line that stays is removed if
    all behind it is.
    """
    lines, kept, spans, offsets = selected.lines, selected.kept, selected.spans, selected.of_lines
    first, last = _edges(offsets, len(kept))
    opens, closes = ~kept, ~kept
    opens[1:] &= kept[:-1] | first[1:]
    closes[:-1] &= kept[1:] | last[:-1]
    opens, closes = np.flatnonzero(opens), np.flatnonzero(closes)
    document = np.searchsorted(offsets, opens, side="right") - 1
    to_the_end = last[closes]
    end = np.where(to_the_end, starts[document + 1] - 1, lines.start[np.minimum(closes + 1, len(kept) - 1)])
    behind_kept = np.where(first[opens], starts[document], lines.end[opens - 1])
    begin = np.where(to_the_end, behind_kept, lines.start[opens])

    begin, end = np.concatenate((begin, spans.start)), np.concatenate((end, spans.end))
    order = np.argsort(begin, kind="stable")
    begin, end = begin[order], end[order]
    end = np.minimum(end, starts[np.searchsorted(starts, begin, side="right")] - 1)  # the stream's own newline stays
    covered_to = np.concatenate(([0], np.maximum.accumulate(end)))[: len(end)]
    counts = end > np.maximum(begin, covered_to)
    begin, end = begin[counts], end[counts]
    per_document = np.searchsorted(begin, starts)
    owner = np.repeat(starts[:-1], np.diff(per_document))
    return per_document, Spans(begin - owner, end - owner)


def _edges(offsets: np.ndarray, num_lines: int) -> tuple[np.ndarray, np.ndarray]:
    """Which lines are the first, and which are the last, of their document; bool."""
    first, last = np.zeros(num_lines, dtype=bool), np.zeros(num_lines, dtype=bool)
    filled = offsets[1:] > offsets[:-1]
    first[offsets[:-1][filled]] = True
    last[offsets[1:][filled] - 1] = True
    return first, last


def span_array(offsets: np.ndarray, spans: Spans) -> pa.Array:
    """Spans as an Arrow array: list<struct<start: int32, end: int32>>, one list per document."""
    values = pa.StructArray.from_arrays(
        [pa.array(spans.start.astype(np.int32)), pa.array(spans.end.astype(np.int32))], ["start", "end"]
    )
    return pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), values)


def line_repetition(
    lines: TextLines, repeats: np.ndarray, offsets: np.ndarray, num_chars: np.ndarray
) -> dict[str, np.ndarray]:
    """Gopher's duplicate lines and paragraphs: shares of their number and of all characters, float64.

    `repeats` is that of `repeated_lines`, `offsets` says which lines are whose.
    """
    first = np.flatnonzero(lines.after_blank | _edges(offsets, len(repeats))[0])
    behind = np.append(first[1:], len(repeats))[: len(first)]
    paragraph_offsets = np.searchsorted(first, offsets)
    num_paragraphs = np.diff(paragraph_offsets)
    owner = np.repeat(np.arange(len(num_paragraphs)), num_paragraphs)
    paragraph_repeats = is_repeat(SpanHasher(lines.hash)(first, behind), owner)
    paragraph_chars = lines.text_end[behind - 1] - lines.text_start[first]

    lengths = lines.text_end - lines.text_start
    return {
        "num_paragraphs": num_paragraphs,
        "dup_para_frac": ratio(total(paragraph_repeats, paragraph_offsets), num_paragraphs),
        "dup_para_char_frac": ratio(total(paragraph_repeats * paragraph_chars, paragraph_offsets), num_chars),
        "dup_line_frac": ratio(total(repeats, offsets), np.diff(offsets)),
        "dup_line_char_frac": ratio(total(repeats * lengths, offsets), num_chars),
    }


def repeated_lines(lines: TextLines, offsets: np.ndarray) -> np.ndarray:
    """Lines whose text stood before in their document; bool per line with text."""
    return is_repeat(lines.hash, np.repeat(np.arange(len(offsets) - 1), np.diff(offsets)))


def per_line(lines: Lines, line_marks: LineMarks) -> dict[str, np.ndarray]:
    """What `of_kept_lines` adds up: counts (int32) and yes or no for each line of a block."""
    lengths = lines.text_end - lines.text_start
    return {
        "num_lines": lines.num_tokens > 0,
        "num_tokens": lines.num_tokens.astype(np.int32),
        "num_words": lines.num_words.astype(np.int32),
        "num_sentences": lines.num_sentences.astype(np.int32),
        "num_lorem_ipsum_lines": line_marks.lorem_ipsum,
        "num_curly_bracket_lines": line_marks.curly_bracket,
        "terminal": (flags(lines.last[:, 0]) & TERMINAL) != 0,
        "short": (lengths <= SHORT_LINE) & (lengths > 0),
        "chars": lengths.astype(np.int32),
    }


def of_kept_lines(values: dict[str, np.ndarray], kept: np.ndarray, offsets: np.ndarray) -> dict[str, np.ndarray]:
    """The features that are taken again after line cuts, from the lines that stay (joined by single newlines).

    `values` are those of `per_line` and `repeated_chars`, the code points of a line that stood before in its document.
    """
    sums = {name: total(value * kept, offsets) for name, value in values.items()}
    counts = ("num_lines", "num_words", "num_sentences", "num_lorem_ipsum_lines", "num_curly_bracket_lines")
    return {name: sums[name] for name in counts} | {
        "num_tokens": sums["num_tokens"],
        "num_line_chars": sums["chars"],
        "line_punct_frac": ratio(sums["terminal"], sums["num_lines"]),
        "short_line_frac": ratio(sums["short"], sums["num_lines"]),
        "char_dup_ratio": ratio(sums["repeated_chars"], sums["chars"]),
        "newline_word_ratio": ratio(np.maximum(sums["num_lines"] - 1, 0), sums["num_tokens"]),
    }
