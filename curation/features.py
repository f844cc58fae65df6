"""Everything that is measured about a text, for a whole Arrow batch at once.

`measure` turns texts into one row of numbers each (`FEATURES`), the spans that C4's line rules would remove, and the
hashes of the words for signatures and for matching passages. Words, symbols and lines are those of `words`; a blank line
is no line. What a document measures depends on its text alone, never on the batch around it. A share of nothing is 0.

Rules that the literature applies after C4's line cuts find their features a second time, `_after_cuts` (FineWeb's
variant of the cuts) and `_after_c4_cuts` (the paper's), measured on the lines that stay.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gristmill.curation import lines as line_rules
from gristmill.curation import words
from gristmill.curation.characters import LETTER, NUMBER, UPPER
from gristmill.curation.lines import LineMarks, Spans, ratio, total
from gristmill.curation.repetition import DUPLICATE_NGRAMS, TOP_NGRAMS, is_repeat, ngram_repetition
from gristmill.curation.words import Lines, SpanHasher, Tokens

VERSION: int = 1

STOP_WORDS = ("the", "be", "to", "of", "and", "that", "have", "with")
"""Gopher's stop words; compared as written, so "The" is none."""

_WHOLE = (
    ("num_chars", "code points"),
    ("num_newlines", "newline characters"),
    ("num_words", "words; the documents' share of `word_hashes`"),
    ("num_tokens", "words and symbols; what Gopher's ratios are relative to in datatrove"),
    ("num_lines", "lines that are not blank"),
    ("num_paragraphs", "stretches of lines between blank lines"),
    ("num_sentences", "counted line by line; a line's unfinished rest is one"),
    ("num_stop_words", "how many of Gopher's eight English stop words occur"),
    ("max_word_length", "longest stretch without white space, in scripts that use it; code points (C4)"),
    ("max_line_length", "longest line with its indentation; code points (BigCode)"),
    ("num_lorem_ipsum_lines", 'lines with "lorem ipsum" in any case (C4)'),
    ("num_curly_bracket_lines", 'lines with "{" (C4)'),
)
_SHARES = (
    ("mean_word_length", "code points per word (Gopher)"),
    ("mean_line_length", "code points per line, blank lines and indentation included (BigCode)"),
    ("distinct_word_frac", "different words per word, without case and accents (RedPajama)"),
    ("alpha_word_frac", "tokens with a letter, per token (Gopher)"),
    ("hash_word_ratio", '"#" per token (Gopher)'),
    ("ellipsis_word_ratio", '"..." and "…" per token (Gopher)'),
    ("bullet_line_frac", 'lines that start with "•" or "-" (Gopher)'),
    ("ellipsis_line_frac", 'lines that end in "..." or "…" (Gopher)'),
    ("alpha_frac", "letters per character"),
    ("alnum_frac", "letters and digits per character (BigCode)"),
    ("digit_frac", "digits and other numbers per character"),
    ("upper_frac", "capital letters per letter"),
    ("space_frac", "white space per character"),
    ("line_punct_frac", "lines that end in terminal punctuation of any script (FineWeb)"),
    ("short_line_frac", "lines of up to 30 code points (FineWeb)"),
    ("char_dup_ratio", "characters in lines seen before, per character that is no newline (FineWeb)"),
    ("newline_word_ratio", "newlines per token (FineWeb)"),
    ("dup_line_frac", "lines seen before, per line (Gopher)"),
    ("dup_para_frac", "paragraphs seen before, per paragraph (Gopher)"),
    ("dup_line_char_frac", "characters in lines seen before, per character (Gopher)"),
    ("dup_para_char_frac", "characters in paragraphs seen before, per character (Gopher)"),
    *((f"top_{n}_gram_char_frac", f"characters in the most frequent word {n}-gram (Gopher)") for n in TOP_NGRAMS),
    *((f"dup_{n}_gram_char_frac", f"characters in repeated word {n}-grams (Gopher)") for n in DUPLICATE_NGRAMS),
)
_AFTER = (
    ("num_chars", pa.int64()),
    ("num_lines", pa.int64()),
    ("num_words", pa.int64()),
    ("num_sentences", pa.int64()),
    ("num_lorem_ipsum_lines", pa.int64()),
    ("num_curly_bracket_lines", pa.int64()),
    ("line_punct_frac", pa.float64()),
    ("short_line_frac", pa.float64()),
    ("char_dup_ratio", pa.float64()),
    ("newline_word_ratio", pa.float64()),
)
AFTER_CUTS = {"fineweb": "_after_cuts", "c4": "_after_c4_cuts"}
"""Variant of C4's line cuts -> suffix of the features that see the text without the lines it removes."""


def _field(name: str, kind: pa.DataType, says: str) -> pa.Field:
    return pa.field(name, kind, nullable=False, metadata={"doc": says})


FEATURES: pa.Schema = pa.schema(
    [_field(name, pa.int64(), says) for name, says in _WHOLE]
    + [_field(name, pa.float64(), says) for name, says in _SHARES]
    + [
        _field(name + suffix, kind, f"`{name}` of what stays after the line cuts of {variant}")
        for variant, suffix in AFTER_CUTS.items()
        for name, kind in _AFTER
    ]
)
"""The columns of `Measured.table`; each field's metadata says under `doc` what it counts, in what unit, and after whom."""


@dataclass(frozen=True)
class Measured:
    """What `measure` gives, row i of everything belonging to text i."""

    table: pa.Table
    """One row per text, schema `FEATURES`; all values finite."""
    cuts: pa.Array
    """list<struct<start: int32, end: int32>>: code point spans that FineWeb's variant of C4's line rules removes: lines
    with their newline, and citation markers; in order, without overlaps."""
    cuts_c4: pa.Array
    """The same for the paper's variant, which also removes lines without terminal punctuation."""
    word_hashes: np.ndarray
    """uint64 [words]: hashes of the words, without symbols, case and accents, in text order."""
    word_offsets: np.ndarray
    """int64 [texts + 1]: text i has `word_hashes[word_offsets[i]:word_offsets[i + 1]]`."""


@dataclass(frozen=True)
class _Group:
    """Some whole documents as one stream of characters, each followed by a newline of ours."""

    starts: np.ndarray  # int64, documents + 1: where each starts in the stream, in code points, and the stream's end
    tokens: Tokens
    lines: Lines
    marks: LineMarks
    citations: Spans
    letters: np.ndarray  # int64 per document, like the next two
    numbers: np.ndarray
    uppers: np.ndarray


GROUP_BYTES = 1 << 19
"""Documents are measured in groups of about this size, so that memory follows the largest text, not the batch."""


def measure(texts: pa.Array) -> Measured:
    """Features, line cuts and word hashes of texts (`pa.string()` or `pa.large_string()`, without nulls)."""
    if texts.null_count:
        raise ValueError(f"{texts.null_count} of {len(texts)} texts are null; give documents without text as ''")
    parts = [_measure_group(stream, num_chars) for stream, num_chars in _groups(texts)]
    if not parts:
        parts = [_measure_group(b"\n", np.zeros(1, dtype=np.int64))]
    columns, spans, spans_c4, hashes, counts = zip(*parts, strict=True)
    table = pa.Table.from_arrays(
        [pa.array(np.concatenate([part[field.name] for part in columns]), field.type) for field in FEATURES],
        schema=FEATURES,
    )
    word_offsets = np.concatenate(([0], np.cumsum(np.concatenate(counts))))[: len(texts) + 1]
    return Measured(
        table=table.slice(0, len(texts)),
        cuts=pa.concat_arrays(spans)[: len(texts)],
        cuts_c4=pa.concat_arrays(spans_c4)[: len(texts)],
        word_hashes=np.concatenate(hashes),
        word_offsets=word_offsets,
    )


def _groups(texts: pa.Array) -> Iterator[tuple[bytes, np.ndarray]]:
    """Whole documents, about `GROUP_BYTES` at a time: their bytes, each with a newline behind, and their code points."""
    large = pa.large_string()
    closed = pc.binary_join_element_wise(texts.cast(large), pa.scalar("", large), pa.scalar("\n", large))
    num_chars = pc.utf8_length(closed).to_numpy(zero_copy_only=False).astype(np.int64) - 1
    _, offsets, values = closed.buffers()
    offsets = np.frombuffer(offsets, dtype=np.int64)[closed.offset : closed.offset + len(closed) + 1]
    first = 0
    while first < len(closed):
        last = max(np.searchsorted(offsets, offsets[first] + GROUP_BYTES, side="right") - 1, first + 1)
        yield values[offsets[first] : offsets[last]].to_pybytes(), num_chars[first:last]
        first = last


def _measure_group(stream: bytes, num_chars: np.ndarray) -> tuple:
    group = _scan(stream, num_chars)
    tokens, lines, starts = group.tokens, group.lines, group.starts
    of_tokens = np.searchsorted(tokens.start, starts)
    of_lines = np.searchsorted(lines.start, starts)
    columns = _token_features(group, num_chars, of_tokens)
    repeats = line_rules.repeated_lines(lines, of_lines)
    columns |= line_rules.line_repetition(lines, repeats, of_lines, num_chars)
    values = line_rules.per_line(tokens, lines, group.marks, repeats)
    columns |= line_rules.of_kept_lines(values, np.ones(len(lines.end), dtype=bool), of_lines)
    columns |= _line_features(group, num_chars, of_lines)
    columns["newline_word_ratio"] = ratio(columns["num_newlines"], columns["num_tokens"])
    spans = []
    for variant, kept in line_rules.kept_lines(lines, group.marks).items():
        offsets, cut = line_rules.cuts(lines, kept, group.citations, of_lines, starts)
        after = line_rules.of_kept_lines(values, kept, of_lines)
        after["num_chars"] = num_chars - total(cut.end - cut.start, offsets)
        columns |= {name + AFTER_CUTS[variant]: after[name] for name, _ in _AFTER}
        spans.append(line_rules.span_array(offsets, cut))
    return columns, *spans, tokens.folded[tokens.is_word], columns["num_words"]


def _scan(stream: bytes, num_chars: np.ndarray) -> _Group:
    starts = np.concatenate(([0], np.cumsum(num_chars + 1)))
    classes = {flag: np.zeros(len(num_chars), dtype=np.int64) for flag in (LETTER, NUMBER, UPPER)}
    tokens, lines, marks, citations = [], [], [], []
    base = 0
    for block in words.blocks(stream):
        codes = words.code_points(block)
        block_tokens, block_lines, kinds = words.scan(codes)
        block_marks, block_citations = line_rules.marks(block, codes, block_tokens, block_lines)
        edges = np.clip(starts - base, 0, len(codes))
        for flag, counts in classes.items():
            counts += np.diff(words.class_totals(kinds, flag)[edges])
        tokens.append(words.shifted(block_tokens, base))
        lines.append(words.shifted(block_lines, base))
        citations.append(words.shifted(block_citations, base))
        marks.append(block_marks)
        base += len(codes)
    return _Group(starts, *(words.joined(part) for part in (tokens, lines, marks, citations)), *classes.values())


def _token_features(group: _Group, num_chars: np.ndarray, of_tokens: np.ndarray) -> dict[str, np.ndarray]:
    tokens = group.tokens
    lengths = tokens.end - tokens.start
    num_tokens = np.diff(of_tokens)
    num_words = total(tokens.is_word, of_tokens)
    full_stops = np.where(tokens.first == ord("."), lengths // 3, 0)  # a run of full stops is one token
    ellipses = full_stops + np.where(tokens.first == ord("…"), lengths, 0)
    hashes = np.where(tokens.first == ord("#"), lengths, 0)
    chars = ngram_repetition(tokens.exact, lengths, of_tokens)
    return {
        "num_chars": num_chars,
        "num_tokens": num_tokens,
        "num_words": num_words,
        "num_stop_words": _num_stop_words(tokens, of_tokens),
        "mean_word_length": ratio(total(lengths * tokens.is_word, of_tokens), num_words),
        "distinct_word_frac": _distinct_word_frac(tokens, of_tokens),
        "alpha_word_frac": ratio(total(tokens.has_letter, of_tokens), num_tokens),
        "hash_word_ratio": ratio(total(hashes, of_tokens), num_tokens),
        "ellipsis_word_ratio": ratio(total(ellipses, of_tokens), num_tokens),
        "alpha_frac": ratio(group.letters, num_chars),
        "alnum_frac": ratio(group.letters + group.numbers, num_chars),
        "digit_frac": ratio(group.numbers, num_chars),
        "upper_frac": ratio(group.uppers, group.letters),
        "space_frac": ratio(num_chars - total(lengths, of_tokens), num_chars),
        **{name.replace("_chars", "_char_frac"): ratio(count, num_chars) for name, count in chars.items()},
    }


def _num_stop_words(tokens: Tokens, of_tokens: np.ndarray) -> np.ndarray:
    document = np.repeat(np.arange(len(of_tokens) - 1), np.diff(of_tokens))
    found = np.zeros((len(of_tokens) - 1, len(STOP_WORDS)), dtype=bool)
    short = np.flatnonzero(tokens.end - tokens.start <= max(map(len, STOP_WORDS)))
    for column, word in enumerate(STOP_WORDS):
        code = np.frombuffer(word.encode(), dtype=np.uint8)
        target = SpanHasher(code)(np.array([0]), np.array([len(code)]))
        found[document[short[tokens.exact[short] == target]], column] = True
    return found.sum(axis=1)


def _distinct_word_frac(tokens: Tokens, of_tokens: np.ndarray) -> np.ndarray:
    document = np.repeat(np.arange(len(of_tokens) - 1), np.diff(of_tokens))[tokens.is_word]
    again = is_repeat(tokens.folded[tokens.is_word], document)
    offsets = np.searchsorted(document, np.arange(len(of_tokens)))
    return ratio(np.diff(offsets) - total(again, offsets), np.diff(offsets))


def _line_features(group: _Group, num_chars: np.ndarray, of_lines: np.ndarray) -> dict[str, np.ndarray]:
    lines = group.lines
    num_newlines = np.diff(of_lines) - 1
    filled = lines.num_tokens > 0
    num_lines = total(filled, of_lines)
    ellipsis = ((lines.last == ord(".")).all(axis=1)) | (lines.last[:, 0] == ord("…"))
    bullet = (lines.starts_with == ord("•")) | (lines.starts_with == ord("-"))
    return {
        "num_newlines": num_newlines,
        "max_line_length": np.maximum.reduceat(lines.end - lines.start, of_lines[:-1]),
        "mean_line_length": ratio(num_chars - num_newlines, num_newlines + 1),
        "max_word_length": np.maximum.reduceat(lines.longest_chunk, of_lines[:-1]),
        "bullet_line_frac": ratio(total(bullet, of_lines), num_lines),
        "ellipsis_line_frac": ratio(total(ellipsis, of_lines), num_lines),
    }
