"""Everything that is measured about a text, for a whole Arrow batch at once.

`measure` turns texts into one row of numbers each (`FEATURES`), the spans that C4's line rules would remove, and the
hashes of the words for signatures and for matching passages. Words, symbols and lines are those of `words`; a blank line
is no line. What a document measures depends on its text alone, never on the batch around it. A share of nothing is 0.

Rules that the literature applies after C4's line cuts find their features a second time, `_after_cuts` (FineWeb's
variant of the cuts) and `_after_c4_cuts` (the paper's), measured on the lines that stay.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gristmill.curation import conformance, line_modifiers, stop_words, stretches, whitespace_words, words
from gristmill.curation import lines as line_rules
from gristmill.curation.characters import LETTER, NUMBER, UPPER
from gristmill.curation.compression import compressed_sizes
from gristmill.curation.counts import largest, ratio, total
from gristmill.curation.equals import numbered
from gristmill.curation.feature_table import AFTER_CUTS, CUTS, FEATURES, LONG_LINE, STOP_WORDS
from gristmill.curation.lines import LineMarks, Selected, Spans, TextLines
from gristmill.curation.repetition import ngram_repetition, occurrences
from gristmill.curation.stretches import EndToEnd, Part
from gristmill.curation.words import Lines, Types, hash_of

VERSION: int = 7

_STOP_WORD_HASHES = np.array([hash_of(word) for word in STOP_WORDS])


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
    cuts_dclm: pa.Array
    """The same for the line modifiers of DCLM-baseline; null without `variants`."""
    word_hashes: np.ndarray
    """uint64 [words]: hashes of the words, without symbols, case and accents, in text order."""
    word_offsets: np.ndarray
    """int64 [texts + 1]: text i has `word_hashes[word_offsets[i]:word_offsets[i + 1]]`."""


@dataclass(frozen=True)
class _Seen:
    """What only the variants need to know of a group's characters."""

    joined: np.ndarray  # int64 per document: apostrophes, full stops and commas that stand inside a word
    marks: line_modifiers.ModifierMarks
    phrases: Spans
    lines: Lines  # blank ones too


@dataclass(frozen=True)
class _Group:
    """Some whole documents as one stream of characters, each followed by a newline of ours."""

    starts: np.ndarray  # int64, documents + 1: where each starts in the stream, in code points, and the stream's end
    types: Types
    token_type: np.ndarray  # int32 per token, which of `types`
    token_start: np.ndarray  # int32 per token
    lines: TextLines
    marks: LineMarks  # per line with text, like the next
    values: dict[str, np.ndarray]  # see `per_line`
    citations: Spans
    num_newlines: np.ndarray  # int64 per document, without ours
    max_line_length: np.ndarray  # int64 per document, code points
    visible: np.ndarray  # int64 per document: characters in tokens
    letters: np.ndarray  # int64 per document, like the next two
    numbers: np.ndarray
    uppers: np.ndarray
    variants: _Seen | None  # None if they are not asked for


@dataclass(frozen=True)
class _Occurrences:
    """Which tokens of a group of documents are equal, each document by itself."""

    offsets: np.ndarray  # int64, documents + 1: which tokens are whose
    first: np.ndarray  # int32 per token: where the same token stands first in its document
    counts: np.ndarray  # int32 per token: how often the token that stands first here occurs; 0 if it does not
    leads: np.ndarray  # int64: the tokens that stand first
    document: np.ndarray  # int64: whose those are


GROUP_BYTES = 1 << 19
"""Documents are measured in groups of about this size, so that memory does not follow the batch."""


def measure(
    texts: pa.Array,
    languages: Sequence[str | None] | None = None,
    variants: bool = True,
    conforms_to: str | None = None,
) -> Measured:
    """Features, line cuts and word hashes of texts (`pa.string()` or `pa.large_string()`, without nulls).

    `languages` are the texts' labels, for `num_language_stop_words`, which is 0 without them. Without `variants`, with
    which texts of some kB take 1.6 times as long and one of 10 MB 1.9 times, `cuts_dclm` and the features of `VARIANTS`
    are null. `conforms_to` "datatrove" takes features and C4's cuts by its definitions (`conformance`); word hashes stay
    the same.
    """
    if conforms_to not in (None, "datatrove"):
        raise ValueError(f"conforms_to is {conforms_to!r}; use 'datatrove', or None for our own definitions")
    if texts.null_count:
        raise ValueError(f"{texts.null_count} of {len(texts)} texts are null; give documents without text as ''")
    labels = [None] * max(len(texts), 1) if languages is None or not len(texts) else list(languages)
    large = texts.cast(pa.large_string()) if len(texts) else pa.array([""], pa.large_string())
    rows, cuts, num_hashes = [], [], []
    hashes = EndToEnd()
    for first, last in _groups(large):
        group = large.slice(first, last - first)
        columns, spans, num_words = _measure_texts(group, labels[first:last], variants, conforms_to, hashes)
        rows.append(columns)
        cuts.append(spans)
        num_hashes.append(num_words)
    arrays = [
        pa.array(np.concatenate([columns[field.name] for columns in rows]), field.type)
        if field.name in rows[0]
        else pa.nulls(len(large), field.type)
        for field in FEATURES
    ]
    table = pa.Table.from_arrays(arrays, schema=FEATURES).slice(0, len(texts))
    of_variants = {variant: pa.concat_arrays([part[variant] for part in cuts])[: len(texts)] for variant in CUTS}
    return Measured(
        table=table,
        cuts=of_variants["fineweb"],
        cuts_c4=of_variants["c4"],
        cuts_dclm=of_variants["dclm"],
        word_hashes=hashes.whole(),
        word_offsets=np.concatenate(([0], np.cumsum(np.concatenate(num_hashes))))[: len(texts) + 1],
    )


def _groups(texts: pa.Array) -> Iterator[tuple[int, int]]:
    """Whole documents, about `GROUP_BYTES` at a time: the first, and the one behind the last. One that is measured in
    stretches is by itself."""
    offsets = _offsets(texts)
    long = np.append(np.flatnonzero(np.diff(offsets) > stretches.STRETCH_BYTES), len(texts))
    offsets = offsets + np.arange(len(offsets))  # with a newline behind each
    first = 0
    while first < len(texts):
        last = np.searchsorted(offsets, offsets[first] + GROUP_BYTES, side="right") - 1
        last = max(min(last, long[np.searchsorted(long, first)]), first + 1)
        yield int(first), int(last)
        first = last


def _offsets(texts: pa.Array) -> np.ndarray:
    """Where each large string starts in the buffer of their bytes, and where the last ends."""
    return np.frombuffer(texts.buffers()[1], dtype=np.int64)[texts.offset : texts.offset + len(texts) + 1]


def _measure_texts(
    texts: pa.Array, labels: Sequence[str | None], variants: bool, conforms_to: str | None, hashes: EndToEnd
) -> tuple[dict[str, np.ndarray], dict[str, pa.Array], np.ndarray]:
    """Columns and line cuts of one of `_groups`, and how many word hashes of each document were added to `hashes`."""

    def measured(stream: bytes, num_chars: np.ndarray) -> Part:
        part, word_hashes = _measure_stream(stream, num_chars, labels, variants)
        hashes.add(word_hashes)
        return part

    offsets = _offsets(texts)
    size = int(offsets[-1] - offsets[0])
    if len(texts) == 1 and size > stretches.STRETCH_BYTES and not conforms_to:
        text = texts.buffers()[2].slice(int(offsets[0]), size)
        part = stretches.measured(text, measured)
        sizes = [size], compressed_sizes(text, [0, size + 1])
        return *_with_cuts(part, np.array(sizes)), part.columns["num_words"]
    large = pa.large_string()
    closed = pc.binary_join_element_wise(texts, pa.scalar("", large), pa.scalar("\n", large))
    num_chars = pc.utf8_length(closed).to_numpy(zero_copy_only=False).astype(np.int64) - 1
    edges, values = _offsets(closed), closed.buffers()[2]
    stream = values[edges[0] : edges[-1]].to_pybytes()
    sizes = np.array((np.diff(edges) - 1, compressed_sizes(values, edges.tolist())))
    part = measured(stream, num_chars)
    columns, cuts = _with_cuts(part, sizes)
    if conforms_to:
        theirs = conformance.measured(stream, num_chars)
        columns |= theirs.columns
        for variant, suffix in AFTER_CUTS.items():
            columns |= {name + suffix: values for name, values in theirs.after[variant].items()}
            cuts[variant] = line_rules.span_array(*theirs.cuts[variant])
    return columns, cuts, part.columns["num_words"]


def _with_cuts(part: Part, sizes: np.ndarray) -> tuple[dict[str, np.ndarray], dict[str, pa.Array]]:
    """A part's columns, with those that its line cuts and the documents' bytes before and after compression give."""
    columns, cuts = dict(part.columns), {}
    columns["compression_ratio"] = ratio(sizes[1], sizes[0])
    for variant, selected in part.selected.items():
        offsets, spans = line_rules.cuts(selected, part.starts)
        cuts[variant] = line_rules.span_array(offsets, spans)
        if variant in AFTER_CUTS:
            gone = total(spans.end - spans.start, offsets)
            columns["num_chars" + AFTER_CUTS[variant]] = columns["num_chars"] - gone
    nothing = pa.nulls(len(part.starts) - 1, cuts["fineweb"].type)
    return columns, {variant: cuts.get(variant, nothing) for variant in CUTS}


def _measure_stream(
    stream: bytes, num_chars: np.ndarray, labels: Sequence[str | None], variants: bool
) -> tuple[Part, np.ndarray]:
    """What is measured of whole documents with a newline behind each, and their word hashes."""
    from gristmill.curation import count_kernels

    group = _scan(stream, num_chars, variants)
    lines, starts = group.lines, group.starts
    of_lines = np.searchsorted(lines.start, starts)
    occurrences = _occurrences(group, of_lines)
    columns = _token_features(group, num_chars, occurrences)
    columns |= _word_features(group.types, group.token_type, occurrences)
    tokens = _placed(group, occurrences)
    columns["num_language_stop_words"] = stop_words.count(tokens, occurrences.leads, labels)
    repeats = line_rules.repeated_lines(lines, of_lines)
    columns |= line_rules.line_repetition(lines, repeats, of_lines, num_chars)
    values = group.values | {"repeated_chars": group.values["chars"] * repeats}
    columns |= line_rules.of_kept_lines(values, np.ones(len(lines.end), dtype=bool), of_lines)
    columns |= _line_features(group, num_chars, of_lines)
    columns["newline_word_ratio"] = ratio(columns["num_newlines"], columns["num_tokens"])
    selected = {}
    for variant, kept in line_rules.kept_lines(lines, group.marks).items():
        after = line_rules.of_kept_lines(values, kept, of_lines)
        columns |= {name + AFTER_CUTS[variant]: value for name, value in after.items()}
        selected[variant] = Selected(lines, kept, line_rules.within(lines, kept, group.citations), of_lines)
    if group.variants:
        of_variants, selected["dclm"] = _variants(group, group.variants, tokens, of_lines)
        columns |= of_variants
    word_hashes = count_kernels.hashes_of_words(group.token_type, group.types.folded, group.types.is_word)
    return Part(columns, selected, starts), word_hashes


def _placed(group: _Group, found: _Occurrences) -> whitespace_words.PlacedTokens:
    return whitespace_words.PlacedTokens(
        start=group.token_start,
        end=group.token_start + group.types.length.take(group.token_type),
        type=group.token_type,
        types=group.types,
        offsets=found.offsets,
        first=found.first,
        repeats=found.counts.take(found.first) > 1,
    )


def _variants(
    group: _Group, seen: _Seen, tokens: whitespace_words.PlacedTokens, of_lines: np.ndarray
) -> tuple[dict[str, np.ndarray], Selected]:
    """The features of Dolma, DCLM and the Common Pile, and what DCLM's line modifiers leave."""
    separated = whitespace_words.separated(tokens)
    of_all_lines = np.searchsorted(seen.lines.start, group.starts)
    columns = whitespace_words.measure(tokens, seen.lines, separated, of_all_lines)
    columns["num_split_tokens"] = whitespace_words.num_split_tokens(tokens, seen.joined)
    columns["letters_per_split_token"] = ratio(group.letters, columns["num_split_tokens"])
    share, gone, spans = line_modifiers.apply(seen.marks, seen.phrases, tokens, separated, seen.lines, of_all_lines)
    columns["dclm_removed_word_frac"] = share
    return columns, Selected(group.lines, ~gone[seen.lines.num_tokens > 0], spans, of_lines)


def _scan(stream: bytes, num_chars: np.ndarray, variants: bool) -> _Group:
    from gristmill.curation import count_kernels

    starts = np.concatenate(([0], np.cumsum(num_chars + 1)))
    classes = {flag: np.zeros(len(num_chars), dtype=np.int64) for flag in (LETTER, NUMBER, UPPER)}
    joined = np.zeros(len(num_chars), dtype=np.int64)
    max_line_length, num_newlines, visible = np.zeros((3, len(num_chars)), dtype=np.int64)
    after_blank = False
    types, token_types, token_starts, lines, marks, values, citations = ([] for _ in range(7))
    modified, phrases, all_lines = [], [], []
    base = 0
    for block in words.blocks(stream):
        codes = words.code_points(block)
        tokens, block_lines, kinds = words.scan(codes)
        block_marks, block_citations = line_rules.marks(block, codes, block_lines)
        edges = np.clip(starts - base, 0, len(codes))
        owner = np.searchsorted(starts, block_lines.start + base, side="right") - 1
        np.maximum.at(max_line_length, owner, block_lines.end - block_lines.start)
        num_newlines += np.bincount(owner, minlength=len(num_chars))
        values_of_lines = line_rules.per_line(block_lines, block_marks)
        filled, with_text = line_rules.text_lines(block_lines, base, after_blank)
        after_blank = bool(block_lines.num_tokens[-1] == 0)
        for flag, sums in classes.items():
            sums += count_kernels.num_flagged(kinds, flag, edges)
        np.add.at(visible, owner, block_lines.num_visible)
        types.append(tokens.types)
        token_types.append(tokens.type)
        token_starts.append((tokens.start + base).astype(np.int32))
        values.append({name: value[filled] for name, value in values_of_lines.items()})
        lines.append(with_text)
        citations.append(words.shifted(block_citations, base))
        marks.append(words.taken(block_marks, filled))
        if variants:
            joined += np.diff(np.searchsorted(words.joiners(codes, kinds, tokens), edges))
            block_modified, block_phrases = line_modifiers.find(block, codes, kinds, tokens, block_lines)
            modified.append(block_modified)
            phrases.append(words.shifted(block_phrases, base))
            all_lines.append(words.shifted(block_lines, base))
        base += len(codes)
    return _Group(
        starts,
        *words.joined_types(types, token_types),
        np.concatenate(token_starts),
        *(words.joined(part) for part in (lines, marks)),
        {name: np.concatenate([part[name] for part in values]) for name in values[0]},
        words.joined(citations),
        num_newlines - 1,
        max_line_length,
        visible,
        *classes.values(),
        _Seen(joined, words.joined(modified), words.joined(phrases), words.joined(all_lines)) if variants else None,
    )


def _occurrences(group: _Group, of_lines: np.ndarray) -> _Occurrences:
    offsets = np.concatenate(([0], np.cumsum(group.lines.num_tokens)))[of_lines]
    first, counts = occurrences(group.token_type, offsets, len(group.types.exact))
    leads = np.flatnonzero(counts > 0)
    return _Occurrences(offsets, first, counts, leads, np.searchsorted(offsets, leads, side="right") - 1)


def _token_features(group: _Group, num_chars: np.ndarray, found: _Occurrences) -> dict[str, np.ndarray]:
    types, token_type, offsets = group.types, group.token_type, found.offsets
    num_tokens = np.diff(offsets)
    symbols = _symbols(types, token_type, offsets)
    num_words = num_tokens - symbols["tokens"]
    chars = ngram_repetition(found.first, found.counts, token_type, types.length, offsets)
    return {
        "num_chars": num_chars,
        "num_tokens": num_tokens,
        "num_words": num_words,
        "mean_word_length": ratio(group.visible - symbols["chars"], num_words),
        "alpha_word_frac": ratio(symbols["with_letter"], num_tokens),
        "hash_word_ratio": ratio(symbols["hashes"], num_tokens),
        "ellipsis_word_ratio": ratio(symbols["ellipses"], num_tokens),
        "alpha_frac": ratio(group.letters, num_chars),
        "alnum_frac": ratio(group.letters + group.numbers, num_chars),
        "digit_frac": ratio(group.numbers, num_chars),
        "upper_frac": ratio(group.uppers, group.letters),
        "space_frac": ratio(num_chars - group.visible, num_chars),
        "num_letters": group.letters,
        "num_visible": group.visible,
        "num_word_chars": group.visible - symbols["chars"],
        **{name.replace("_chars", "_char_frac"): ratio(count, num_chars) for name, count in chars.items()},
    }


def _symbols(types: Types, token_type: np.ndarray, offsets: np.ndarray) -> dict[str, np.ndarray]:
    """Per document: tokens that are no words, their characters, how many "#" and ellipses are among them, and tokens that
    have a letter; int64."""
    from gristmill.curation import count_kernels

    ellipses = np.where(types.first == ord("…"), types.length, 0)
    ellipses += np.where(types.first == ord("."), types.length // 3, 0)  # a run of full stops is one token
    of_types = {
        "tokens": ~types.is_word,
        "chars": ~types.is_word * types.length,
        "hashes": (types.first == ord("#")) * types.length,
        "ellipses": ellipses,
        "with_letter": types.has_letter,
    }
    sums = count_kernels.total_by_type(token_type, np.stack(list(of_types.values()), axis=1).astype(np.int64), offsets)
    return dict(zip(of_types, sums, strict=True))


def _word_features(types: Types, token_type: np.ndarray, found: _Occurrences) -> dict[str, np.ndarray]:
    """What the vocabulary of each document tells, from its different tokens."""
    from gristmill.curation import count_kernels

    lead_type = token_type.take(found.leads)
    num_stop_words = total(
        np.isin(types.exact, _STOP_WORD_HASHES).take(lead_type), np.searchsorted(found.leads, found.offsets)
    )
    _, word = numbered(types.folded)
    counts, num_different = count_kernels.word_counts(
        token_type, np.where(types.is_word, word, np.int32(-1)), found.offsets
    )
    document = np.repeat(np.arange(len(num_different)), num_different)
    num_words = total(counts, np.concatenate(([0], np.cumsum(num_different))))
    return {
        "num_stop_words": num_stop_words,
        "distinct_word_frac": ratio(num_different, num_words),
        "unigram_entropy": _entropy(document, counts, num_words),
    }


def _entropy(document: np.ndarray, counts: np.ndarray, num_words: np.ndarray) -> np.ndarray:
    """Of each document's word distribution, from how often each different word occurs: log N - sum(c log c) / N."""
    surprise = np.bincount(document, weights=counts * np.log(counts), minlength=len(num_words))
    entropy = np.log(np.maximum(num_words, 1)) - ratio(surprise, num_words)
    # Libraries for mathematics differ in a logarithm's last bit; a feature has the same bytes everywhere.
    return np.maximum(np.round(entropy, 9), 0.0)


def _line_features(group: _Group, num_chars: np.ndarray, of_lines: np.ndarray) -> dict[str, np.ndarray]:
    lines = group.lines
    num_lines = np.diff(of_lines)
    return {
        "num_newlines": group.num_newlines,
        "num_all_lines": group.num_newlines + 1,
        "num_long_lines": total(lines.end - lines.start >= LONG_LINE, of_lines),
        "max_line_length": group.max_line_length,
        "mean_line_length": ratio(num_chars - group.num_newlines, group.num_newlines + 1),
        "max_word_length": largest(lines.longest_chunk, of_lines),
        "bullet_line_frac": ratio(total(lines.bullet, of_lines), num_lines),
        "ellipsis_line_frac": ratio(total(lines.ellipsis, of_lines), num_lines),
    }
