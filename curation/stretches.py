"""A text of any length measured in stretches, so that neither memory nor time per byte grows with its length.

A text above `STRETCH_BYTES` is cut behind its last empty line within that limit, else behind a newline, else behind white
space, else between two characters. Each stretch is measured as a document, and `combined` makes one row of theirs: counts
add up, the greatest of several is the greatest of all, and a share is the mean of the stretches' shares, each weighing as
much as what it is a share of. So what adds up is exact, and what repeats is looked for within stretches.

A newline behind which a text is cut belongs to no stretch: it is what ends a document in the stream. A line longer than
the limit is several lines.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from gristmill.curation import words
from gristmill.curation.counts import ratio
from gristmill.curation.lines import Selected, Spans
from gristmill.curation.repetition import DUPLICATE_NGRAMS, TOP_NGRAMS

STRETCH_BYTES = 1 << 20
"""Texts of more bytes of UTF-8 are measured in stretches of at most so many. Tables of the n-grams of longer ones leave the
cache."""

SUM, LARGEST, FROM_THE_ROW = "sum", "largest", "from the row"
_WHITE_SPACE = (b" ", b"\t", b"\r", b"\x0b", b"\x0c")
_CONTINUATION = 0x80  # bytes of UTF-8 behind the first of a character, with the next mask
_MASK = 0xC0

_AFTER = ("_after_cuts", "_after_c4_cuts")
_SHARES_OF = {
    "num_chars": (
        *("alpha_frac", "alnum_frac", "digit_frac", "dup_line_char_frac", "dup_para_char_frac"),
        *(f"top_{n}_gram_char_frac" for n in TOP_NGRAMS),
        *(f"dup_{n}_gram_char_frac" for n in DUPLICATE_NGRAMS),
    ),
    "num_letters": ("upper_frac",),
    "num_visible": (
        "dolma_dup_line_char_frac",
        *(f"dolma_top_{n}_gram_char_frac" for n in TOP_NGRAMS),
        *(f"dolma_dup_{n}_gram_char_frac" for n in DUPLICATE_NGRAMS),
    ),
    "num_word_chars": (
        *(f"dclm_top_{n}_gram_char_frac" for n in TOP_NGRAMS),
        *(f"dclm_dup_{n}_gram_char_frac" for n in DUPLICATE_NGRAMS),
    ),
    "num_words": ("mean_word_length", "unigram_entropy", "distinct_word_frac"),
    "num_tokens": ("alpha_word_frac", "hash_word_ratio", "ellipsis_word_ratio"),
    "num_lines": (
        *("bullet_line_frac", "ellipsis_line_frac", "line_punct_frac", "short_line_frac", "dup_line_frac"),
        *("dclm_bullet_line_frac", "dclm_ellipsis_line_frac", "dclm_dup_line_frac"),
    ),
    "num_all_lines": ("dolma_bullet_line_frac", "dolma_ellipsis_line_frac", "dolma_dup_line_frac"),
    "num_line_chars": ("char_dup_ratio", "dclm_dup_line_char_frac", "dclm_dup_para_char_frac"),
    "num_paragraphs": ("dup_para_frac", "dclm_dup_para_frac"),
    "num_whitespace_words": (
        *("whitespace_alpha_word_frac", "dolma_median_word_length", "dolma_symbol_word_frac"),
        *("dclm_mean_word_length", "dclm_symbol_word_ratio"),
    ),
    "dclm_num_words": ("dclm_removed_word_frac",),
    **{f"num_lines{suffix}": (f"line_punct_frac{suffix}", f"short_line_frac{suffix}") for suffix in _AFTER},
    **{f"num_line_chars{suffix}": (f"char_dup_ratio{suffix}",) for suffix in _AFTER},
}
_COUNTS = (
    *("num_chars", "num_newlines", "num_words", "num_tokens", "num_lines", "num_paragraphs", "num_sentences"),
    *("num_long_lines", "num_lorem_ipsum_lines", "num_curly_bracket_lines", "num_whitespace_words"),
    *("dolma_num_stop_words", "dclm_num_stop_words", "dclm_num_words", "num_split_tokens"),
    *(
        f"num_{what}{suffix}"
        for what in ("lines", "words", "sentences", "lorem_ipsum_lines", "curly_bracket_lines")
        for suffix in _AFTER
    ),
)
_GREATEST = (
    *("num_stop_words", "num_language_stop_words", "max_word_length", "max_line_length", "dolma_max_repetition"),
)
_RATIOS = (
    *("space_frac", "mean_line_length", "newline_word_ratio", "letters_per_split_token", "compression_ratio"),
    *(f"{name}{suffix}" for name in ("newline_word_ratio", "num_chars") for suffix in _AFTER),
)

COMBINES: dict[str, str] = {
    **dict.fromkeys(_COUNTS, SUM),
    **dict.fromkeys(_GREATEST, LARGEST),
    **{name: weight for weight, names in _SHARES_OF.items() for name in names},
    **dict.fromkeys(_RATIOS, FROM_THE_ROW),
}
"""Feature -> how those of stretches become the text's: `SUM`, `LARGEST`, the name of the count by which a mean is weighted
(a feature or one of `Part.columns` beside them), or `FROM_THE_ROW` for what the text's own numbers give."""


@dataclass(frozen=True)
class Part:
    """What is measured of some documents, or stretches."""

    columns: dict[str, np.ndarray]
    """One entry a document: features, and the counts that `COMBINES` names beside them."""
    selected: dict[str, Selected]
    """Variant of line cuts -> the lines that stay; positions from the start of the stream."""
    starts: np.ndarray
    """int64, documents + 1: where documents start in the stream, code points; each has a newline behind."""


class EndToEnd:
    """Arrays of uint64 end to end. Room for them grows where it is, so that those of a huge text are never held twice."""

    def __init__(self) -> None:
        self._room = np.zeros(1 << 16, dtype=np.uint64)
        self._size = 0

    def add(self, array: np.ndarray) -> None:
        end = self._size + len(array)
        if end > len(self._room):
            self._room.resize(max(end, len(self._room) * 5 // 4), refcheck=False)
        self._room[self._size : end] = array
        self._size = end

    def whole(self) -> np.ndarray:
        """All of them; nothing can be added any more."""
        self._room.resize(self._size, refcheck=False)
        return self._room


def measured(text: pa.Buffer, measure: Callable[[bytes, np.ndarray], Part]) -> Part:
    """What a long text measures, as one document.

    `measure` takes a stream of documents with a newline behind each, and how many code points each has without it.
    """
    parts, newlines = [], []
    for stream, ends_line in stretches(text):
        part = measure(stream, np.array([_num_code_points(stream) - 1]))
        # What stands between lines that stay, or go, is not needed any more; it would be as much as the text.
        selected = {variant: condensed(found) for variant, found in part.selected.items()}
        parts.append(replace(part, selected=selected))
        newlines.append(int(ends_line))
        del part
    return combined(parts, np.array(newlines[:-1], dtype=np.int64))


def stretches(text: pa.Buffer) -> Iterator[tuple[bytes, bool]]:
    """The stretches of a text as UTF-8, each with a newline behind, and whether that is the text's own."""
    start = 0
    while text.size - start > STRETCH_BYTES:
        piece = text.slice(start, STRETCH_BYTES + 1).to_pybytes()  # with what stands behind the limit
        piece = piece[: cut_place(piece)]
        start += len(piece)
        ends_line = piece.endswith(b"\n")
        yield piece if ends_line else piece + b"\n", ends_line
    yield text.slice(start).to_pybytes() + b"\n", False


def cut_place(piece: bytes) -> int:
    """Where to cut a text of which this is the start, and one byte more than may be in front of the cut; at least 1."""
    limit = len(piece) - 1
    # A run of empty lines stays together, so that what follows it sees the same lines before.
    end = limit if piece[limit:] != b"\n" else len(piece[:limit].rstrip(b"\n"))
    place = piece.rfind(b"\n\n", 0, end) + 2
    if place < 2:
        place = piece.rfind(b"\n", 0, end) + 1
    if place < 1 and end < limit:
        place = limit  # nothing but one line, and empty ones behind it
    if place < 1:
        place = max(piece.rfind(space, 0, limit) for space in _WHITE_SPACE) + 1
    if place < 1:
        place = limit
        while place > max(limit - 3, 1) and piece[place] & _MASK == _CONTINUATION:
            place -= 1  # no character is cut
    return place


def _num_code_points(stream: bytes) -> int:
    return int(np.count_nonzero((np.frombuffer(stream, dtype=np.uint8) & _MASK) != _CONTINUATION))


def condensed(selected: Selected) -> Selected:
    """The same with the first and last line only of each run of lines that stay, or go: cuts depend on no others."""
    kept = selected.kept
    matters = np.ones(len(kept), dtype=bool)
    matters[1:-1] = (kept[1:-1] != kept[:-2]) | (kept[1:-1] != kept[2:])
    lines = Spans(selected.lines.start[matters], selected.lines.end[matters])
    return Selected(lines, kept[matters], selected.spans, np.array([0, len(lines.start)]))


def combined(parts: Sequence[Part], newlines: np.ndarray) -> Part:
    """One document of several that are its stretches, each the only document of its part.

    `newlines` (int64, one less than stretches): 1 if a newline of the text stands between a stretch and the next, else 0.
    """
    num_chars = np.array([part.starts[-1] - 1 for part in parts])
    base = np.concatenate(([0], np.cumsum(num_chars[:-1] + newlines)))
    of_stretches = {name: np.concatenate([part.columns[name] for part in parts]) for name in parts[0].columns}
    columns = _combined_columns(of_stretches, int(newlines.sum()))
    # A paragraph goes on over a cut if there is text in the line before and in the line behind.
    filled = [part.selected["fineweb"].lines for part in parts]
    ends = [len(lines.end) > 0 and lines.end[-1] == size for lines, size in zip(filled, num_chars, strict=True)]
    begins = [len(lines.start) > 0 and lines.start[0] == 0 for lines in filled]
    columns["num_paragraphs"] -= sum(a and b for a, b in zip(ends[:-1], begins[1:], strict=True))
    selected = {}
    for variant in parts[0].selected:
        here = [part.selected[variant] for part in parts]
        lines, spans = (
            words.joined([words.shifted(getattr(one, name), by) for one, by in zip(here, base.tolist(), strict=True)])
            for name in ("lines", "spans")
        )
        kept = np.concatenate([one.kept for one in here])
        selected[variant] = Selected(lines, kept, spans, np.array([0, len(kept)]))
    starts = np.array([0, base[-1] + num_chars[-1] + 1])
    return Part(columns, selected, starts)


def _combined_columns(of_stretches: dict[str, np.ndarray], newlines: int) -> dict[str, np.ndarray]:
    sums = {name: values.sum(keepdims=True) for name, values in of_stretches.items()}
    wholes = sums | {name: sums[name] + newlines for name in ("num_chars", "num_newlines")}
    row = {}
    for name, how in COMBINES.items():
        if name not in of_stretches:
            continue  # a variant's, and nobody asked
        if how == SUM:
            row[name] = wholes[name]
        elif how == LARGEST:
            row[name] = of_stretches[name].max(keepdims=True)
        elif how != FROM_THE_ROW:
            row[name] = _parts(of_stretches[name] * of_stretches[how]).sum(keepdims=True) / np.maximum(wholes[how], 1)
    row["unigram_entropy"] = np.round(row["unigram_entropy"], 9)
    row["space_frac"] = ratio(row["num_chars"] - sums["num_visible"], row["num_chars"])
    row["mean_line_length"] = ratio(row["num_chars"] - row["num_newlines"], row["num_newlines"] + 1)
    row["newline_word_ratio"] = ratio(row["num_newlines"], row["num_tokens"])
    for suffix in _AFTER:
        between = np.maximum(row[f"num_lines{suffix}"] - 1, 0)
        row[f"newline_word_ratio{suffix}"] = ratio(between, sums[f"num_tokens{suffix}"])
    if "num_split_tokens" in row:
        row["num_split_tokens"] -= len(of_stretches["num_chars"]) - 1  # a document has one more than there are
        row["letters_per_split_token"] = ratio(sums["num_letters"], row["num_split_tokens"])
    return row


def _parts(products: np.ndarray) -> np.ndarray:
    """Shares times what they are shares of: the counts that the shares were made of, where they were counts."""
    whole = np.rint(products)
    return np.where(np.abs(products - whole) < 1e-6, whole, products)
