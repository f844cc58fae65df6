"""Features by the definitions of datatrove 0.10.1, for a manifest with `conformance: datatrove`.

Rules and the names of their features stay the same; what changes is what a word, a line and a sentence is:

- words are those of spaCy's tokenizer for English (`english_words`); what is only punctuation is none;
- Gopher's repetition knows lines between runs of newlines, and paragraphs between runs of two or more, as they stand;
- Gopher's quality and C4 know the lines of `str.splitlines`, blank ones included; FineWeb those between newlines, without
  blank ones but with the white space around them;
- a sentence ends at a mark that stands alone as a word, if something follows that is no punctuation;
- C4's rules leave single lines without the blank ones between them, and the cuts do the same to the text.

What a document measures still depends on its text alone. Signatures stay our own: datatrove's hashes are not portable.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gristmill.curation import words
from gristmill.curation.characters import TERMINAL, flags
from gristmill.curation.conforming_lines import ConformingLines, lines_between, taken
from gristmill.curation.conforming_ngrams import duplicate_ngram_chars
from gristmill.curation.counts import ratio, total
from gristmill.curation.lines import MAX_CHUNK, MIN_CHUNKS, SHORT_LINE, Spans
from gristmill.curation.repetition import is_repeat, ngram_repetition, occurrences
from gristmill.curation.vocabulary import HAS_LETTER, IS_WORD, STOP_BIT, STOP_WORDS, Vocabulary, vocabulary
from gristmill.curation.words import SpanHasher, joined, shifted

VERSION: int = 1

_NEWLINE = ord("\n")
_DOT, _ELLIPSIS, _HASH = ord("."), ord("…"), ord("#")
_BULLETS = np.array([ord("•"), ord("-")], dtype=np.uint32)
_LINE_BREAKS = np.array([*range(0x0A, 0x0E), *range(0x1C, 0x1F), 0x85, 0x2028, 0x2029], dtype=np.uint32)
_C4_TERMINAL = np.array([ord(character) for character in ".?!\"'"], dtype=np.uint32)
_POLICY = ("terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies", "use cookies")
_CITATION = re.compile(r"\[\d*\]|\[edit\]|\[citation needed\]")


@dataclass(frozen=True)
class Conforming:
    """What `measured` gives for some documents."""

    columns: dict[str, np.ndarray]
    """Features that take the place of the usual ones."""
    after: Mapping[str, dict[str, np.ndarray]]
    """Variant of C4's line cuts -> features of what stays after it."""
    cuts: Mapping[str, tuple[np.ndarray, Spans]]
    """Variant -> offsets (documents + 1) into the spans that it removes, counted from their document's first character."""


@dataclass(frozen=True)
class _C4Marks:
    """What C4's rules see in a line once citation markers are removed; bool, one entry per line."""

    lorem_ipsum: np.ndarray
    javascript: np.ndarray
    curly_bracket: np.ndarray
    policy: np.ndarray


@dataclass(frozen=True)
class _Scan:
    """Some documents, line by line."""

    lines: ConformingLines  # between newlines
    c4_lines: ConformingLines  # those of str.splitlines, without white space around them and citation markers
    marks: _C4Marks
    citations: Spans
    tokens: np.ndarray  # int64, numbers in the vocabulary
    num_hashes: np.ndarray  # int64 per line between newlines, like the next
    num_ellipses: np.ndarray
    bullet: np.ndarray  # bool per line of str.splitlines, with all its text: it starts with a bullet
    trails_off: np.ndarray  # bool likewise: it ends in an ellipsis


def measured(stream: bytes, num_chars: np.ndarray) -> Conforming:
    """Features of documents, given as UTF-8 with a newline behind each; `num_chars` are their code points without it."""
    known = vocabulary()
    starts = np.concatenate(([0], np.cumsum(num_chars + 1)))
    scan = _scanned(stream, known)
    of_lines = np.searchsorted(scan.lines.start, starts)
    of_c4_lines = np.searchsorted(scan.c4_lines.start, starts)
    of_tokens = np.concatenate(([0], np.cumsum(scan.lines.num_tokens)))[of_lines]
    columns = _gopher_quality(scan, known, of_lines, of_c4_lines, of_tokens)
    columns |= _gopher_repetition(scan, known, of_lines, of_tokens, num_chars)
    columns |= _fineweb(scan.lines, of_lines, np.diff(of_lines) - 1)
    columns["num_sentences"] = total(scan.c4_lines.num_sentences * (scan.c4_lines.num_chunks > 0), of_c4_lines)
    after, cuts = {}, {}
    for variant in ("fineweb", "c4"):
        after[variant], kept = _after_c4(scan, variant, of_c4_lines)
        cuts[variant] = _cuts(scan, kept, of_c4_lines, starts)
    return Conforming(columns, after, cuts)


def _scanned(stream: bytes, known: Vocabulary) -> _Scan:
    """Lines and tokens, block by block: a block ends with a line."""
    parts: list[tuple] = []
    base = 0
    for block in words.blocks(stream):
        text = block.decode()
        codes = words.code_points(block)
        breaks = codes == _NEWLINE
        lines, tokens = lines_between(text, codes, breaks, known)
        all_breaks = np.isin(codes, _LINE_BREAKS)
        c4_lines = lines if np.array_equal(breaks, all_breaks) else lines_between(text, codes, all_breaks, known)[0]
        counted = [
            np.bincount(np.searchsorted(lines.end, places), minlength=len(lines.end))
            for places in (np.flatnonzero(codes == _HASH), _ellipses(codes))
        ]
        citations = Spans(*np.array([m.span() for m in _CITATION.finditer(text)], dtype=np.int64).reshape(-1, 2).T)
        bullet = np.isin(c4_lines.text_first, _BULLETS)
        trails_off = (c4_lines.text_last == _DOT).all(axis=1) | (c4_lines.text_last[:, 0] == _ELLIPSIS)
        marks = _marks(block.lower().decode(), c4_lines)
        c4_lines, marks = _without_citations(text, c4_lines, marks, citations, known)
        parts.append(
            (
                shifted(lines, base),
                shifted(c4_lines, base),
                marks,
                shifted(citations, base),
                tokens,
                *counted,
                bullet,
                trails_off,
            )
        )
        base += len(codes)
    lines, c4_lines, marks, citations, *flat = zip(*parts, strict=True)
    records = (joined(part) for part in (lines, c4_lines, marks, citations))
    return _Scan(*records, *(np.concatenate(part) for part in flat))


def _ellipses(codes: np.ndarray) -> np.ndarray:
    """Where "…" stands, and each third full stop in a row."""
    dots = np.flatnonzero(codes == _DOT)
    opens = np.concatenate(([True], np.diff(dots) > 1))[: len(dots)]
    nth = dots - np.maximum.accumulate(np.where(opens, dots, 0))
    return np.concatenate((dots[nth % 3 == 2], np.flatnonzero(codes == _ELLIPSIS)))


def _marks(lowered: str, lines: ConformingLines) -> _C4Marks:
    return _C4Marks(
        lorem_ipsum=_lines_with(lowered, ("lorem ipsum",), lines),
        javascript=_lines_with(lowered, ("javascript",), lines),
        curly_bracket=_lines_with(lowered, ("{",), lines),
        policy=_lines_with(lowered, _POLICY, lines),
    )


def _lines_with(lowered: str, phrases: tuple[str, ...], lines: ConformingLines) -> np.ndarray:
    places = []
    for phrase in phrases:
        place = lowered.find(phrase)
        while place >= 0:
            places.append(place)
            place = lowered.find(phrase, place + len(phrase))
    marked = np.zeros(len(lines.end), dtype=bool)
    marked[np.searchsorted(lines.end, np.array(places, dtype=np.int64))] = True
    return marked


def _without_citations(
    text: str, lines: ConformingLines, marks: _C4Marks, citations: Spans, known: Vocabulary
) -> tuple[ConformingLines, _C4Marks]:
    """Lines as C4 judges them: stripped, then without citation markers; these few lines are looked at a second time."""
    lines = lines.stripped()
    cited = np.unique(np.searchsorted(lines.end, citations.start))
    if not len(cited):
        return lines, marks
    spans = zip(lines.text_start[cited].tolist(), lines.text_end[cited].tolist(), strict=True)
    block = "".join(_CITATION.sub("", text[start:end]) + "\n" for start, end in spans)
    codes = words.code_points(block.encode())
    again, _ = lines_between(block, codes, codes == _NEWLINE, known)
    seen = _marks(block.encode().lower().decode(), again)
    for name in vars(marks):
        getattr(marks, name)[cited] = getattr(seen, name)
    return lines.replaced(cited, again), marks


def _gopher_quality(
    scan: _Scan, known: Vocabulary, of_lines: np.ndarray, of_c4_lines: np.ndarray, of_tokens: np.ndarray
) -> dict[str, np.ndarray]:
    kinds, lengths = np.array(known.kinds)[scan.tokens], np.array(known.lengths)[scan.tokens]
    is_word = (kinds & IS_WORD) != 0
    num_tokens, num_words = np.diff(of_tokens), total(is_word, of_tokens)
    stops = [total(kinds >> (STOP_BIT + bit) & 1, of_tokens) > 0 for bit in range(len(STOP_WORDS))]
    lines = scan.c4_lines
    # str.splitlines gives no line behind the last line break.
    last = of_c4_lines[1:] - 1
    num_lines = np.diff(of_c4_lines) - (lines.start[last] == lines.end[last])
    return {
        "num_tokens": num_tokens,
        "num_words": num_words,
        "num_stop_words": np.sum(stops, axis=0),
        "mean_word_length": ratio(total(lengths * is_word, of_tokens), num_words),
        "alpha_word_frac": ratio(total(kinds & HAS_LETTER, of_tokens), num_tokens),
        "hash_word_ratio": ratio(total(scan.num_hashes, of_lines), num_tokens),
        "ellipsis_word_ratio": ratio(total(scan.num_ellipses, of_lines), num_tokens),
        "bullet_line_frac": ratio(total(scan.bullet, of_c4_lines), num_lines),
        "ellipsis_line_frac": ratio(total(scan.trails_off, of_c4_lines), num_lines),
    }


def _gopher_repetition(
    scan: _Scan, known: Vocabulary, of_lines: np.ndarray, of_tokens: np.ndarray, num_chars: np.ndarray
) -> dict[str, np.ndarray]:
    lines = scan.lines
    document = np.repeat(np.arange(len(of_lines) - 1), np.diff(of_lines))
    lengths = lines.end - lines.start
    filled = lengths > 0
    # Newlines at a text's start and at its end leave an empty line each, and an empty text is one.
    outer = [(~filled[place]).astype(np.int64) for place in (of_lines[:-1], of_lines[1:] - 1)]
    empty_lines = np.where(np.diff(of_lines) > 1, outer[0] + outer[1], outer[0])
    repeats = np.zeros(len(filled), dtype=bool)
    repeats[filled] = is_repeat(lines.hash[filled], document[filled])
    num_repeats = total(repeats, of_lines) + np.maximum(empty_lines - 1, 0)
    num_paragraphs, para_repeats, para_chars = _paragraphs(lines, document, of_lines)
    token_lengths = np.array(known.lengths)[scan.tokens]
    owner = np.repeat(np.arange(len(of_tokens) - 1), np.diff(of_tokens))
    token_type = scan.tokens.astype(np.int32)
    first, counts = occurrences(token_type, of_tokens, len(known.lengths))
    chars = ngram_repetition(first, counts, token_type, np.array(known.lengths), of_tokens)
    chars |= duplicate_ngram_chars(first, token_lengths, owner, len(of_tokens) - 1)
    return {
        "num_paragraphs": num_paragraphs,
        "dup_para_frac": ratio(para_repeats, num_paragraphs),
        "dup_para_char_frac": ratio(para_chars, num_chars),
        "dup_line_frac": ratio(num_repeats, total(filled, of_lines) + empty_lines),
        "dup_line_char_frac": ratio(total(repeats * lengths, of_lines), num_chars),
        **{name.replace("_chars", "_char_frac"): ratio(count, num_chars) for name, count in chars.items()},
    }


def _paragraphs(
    lines: ConformingLines, document: np.ndarray, of_lines: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Paragraphs of the texts without white space around them: how many, how many repeat, and the characters of those."""
    with_text = np.flatnonzero(lines.num_chunks)
    place = np.searchsorted(with_text, of_lines)
    has_text = np.diff(place) > 0
    first = with_text[place[:-1][has_text]]
    last = with_text[place[1:][has_text] - 1]
    inside = np.zeros(len(lines.end), dtype=bool)
    edges = np.zeros(len(lines.end) + 1, dtype=np.int64)
    np.add.at(edges, first, 1)
    np.add.at(edges, last + 1, -1)
    inside = (np.cumsum(edges[:-1]) > 0) & (lines.end > lines.start)
    start, end, hashes = lines.start.copy(), lines.end.copy(), lines.hash.copy()
    start[first], end[last] = lines.text_start[first], lines.text_end[last]
    hashes[first], hashes[last] = lines.hash_behind_space[first], lines.hash_before_space[last]
    alone = first[first == last]
    hashes[alone] = lines.hash_of_text[alone]
    joins = inside[1:] & inside[:-1] & (document[1:] == document[:-1])
    opens, closes = inside.copy(), inside.copy()
    opens[1:] &= ~joins
    closes[:-1] &= ~joins
    opens, closes = np.flatnonzero(opens), np.flatnonzero(closes)
    offsets = np.searchsorted(opens, of_lines)
    repeats = is_repeat(SpanHasher(hashes)(opens, closes + 1), document[opens])
    chars = total(repeats * (end[closes] - start[opens]), offsets)
    return np.maximum(np.diff(offsets), 1), total(repeats, offsets), chars


def _fineweb(lines: ConformingLines, offsets: np.ndarray, num_newlines: np.ndarray) -> dict[str, np.ndarray]:
    """FineWeb's features of the documents whose lines these are."""
    with_text = lines.num_chunks > 0
    document = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    repeats = np.zeros(len(with_text), dtype=bool)
    repeats[with_text] = is_repeat(lines.hash[with_text], document[with_text])
    num_lines = total(with_text, offsets)
    terminal = (flags(lines.last[:, 0]) & TERMINAL) != 0
    return {
        "num_lines": num_lines,
        "line_punct_frac": ratio(total(terminal & with_text, offsets), num_lines),
        "short_line_frac": ratio(total((lines.length <= SHORT_LINE) & with_text, offsets), num_lines),
        "char_dup_ratio": ratio(total(lines.length * repeats, offsets), total(lines.length, offsets)),
        "newline_word_ratio": ratio(num_newlines, total(lines.num_tokens, offsets)),
    }


def _after_c4(scan: _Scan, variant: str, of_lines: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Features of what C4's line rules leave, and which lines that is; `c4` asks for terminal punctuation, `fineweb` not."""
    lines, marks = scan.c4_lines, scan.marks
    stays = (lines.longest_chunk <= MAX_CHUNK) & (lines.num_chunks_before >= MIN_CHUNKS)
    if variant == "c4":
        stays &= np.isin(lines.last[:, 0], _C4_TERMINAL) & ~(lines.last == _DOT).all(axis=1)
    found = {"num_lorem_ipsum_lines": total(stays & marks.lorem_ipsum, of_lines)}
    stays &= ~marks.javascript
    found["num_curly_bracket_lines"] = total(stays & marks.curly_bracket, of_lines)
    stays &= ~marks.policy
    found["num_sentences"] = total(lines.num_sentences * stays, of_lines)
    kept = np.flatnonzero(stays)
    offsets = np.searchsorted(kept, of_lines)
    num_newlines = np.maximum(np.diff(offsets) - 1, 0)
    rest = _stripped_text(taken(lines, kept), offsets)
    found |= _fineweb(rest, offsets, num_newlines)
    found["num_words"] = total(rest.num_words, offsets)
    found["num_chars"] = total(rest.length, offsets) + num_newlines
    return found, stays


def _stripped_text(lines: ConformingLines, offsets: np.ndarray) -> ConformingLines:
    """The lines without the white space that a citation left at the start of a document's first one or the end of its last."""
    has_lines = np.diff(offsets) > 0
    first, last = offsets[:-1][has_lines], offsets[1:][has_lines] - 1
    return lines.stripped(first, last)


def _cuts(scan: _Scan, kept: np.ndarray, of_lines: np.ndarray, starts: np.ndarray) -> tuple[np.ndarray, Spans]:
    """What to remove so that the kept lines stay, each but the last with its newline, and no citation markers."""
    lines = scan.c4_lines
    places = np.flatnonzero(kept)
    offsets = np.searchsorted(places, of_lines)
    text_start, text_end = lines.text_start[places], lines.text_end[places]
    document = np.repeat(np.arange(len(starts) - 1), np.diff(offsets))
    is_last = np.concatenate((document[1:] != document[:-1], [True]))[: len(places)]
    newline = lines.next_start[places] - 1
    # From each kept line's end to its newline, from behind that to the next line's text; or to the document's end.
    begin = np.concatenate((starts[:-1], np.where(is_last, text_end, newline + 1), text_end[~is_last]))
    after = np.concatenate((text_start[1:], [0]))[: len(places)]
    first = np.where(np.diff(offsets) > 0, np.append(text_start, 0)[offsets[:-1]], starts[1:] - 1)
    end = np.concatenate((first, np.where(is_last, starts[document + 1] - 1, after), newline[~is_last]))
    inside = np.zeros(len(scan.citations.start), dtype=bool)
    if len(places):
        line = np.minimum(np.searchsorted(text_end, scan.citations.end), len(places) - 1)
        inside = (scan.citations.start >= text_start[line]) & (scan.citations.end <= text_end[line])
    begin = np.concatenate((begin, scan.citations.start[inside]))
    end = np.concatenate((end, scan.citations.end[inside]))
    order = np.argsort(begin, kind="stable")
    begin, end = begin[order], end[order]
    begin, end = begin[end > begin], end[end > begin]
    per_document = np.searchsorted(begin, starts)
    owner = np.repeat(starts[:-1], np.diff(per_document))
    return per_document, Spans(begin - owner, end - owner)
