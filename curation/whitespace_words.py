"""What Dolma, DCLM and the Common Pile measure in their own ways, where Gopher's preset follows datatrove.

Their words are what white space separates. Dolma (Soldaini et al. 2024, its taggers `gopher_v1`, version 1.2) takes the
median of the words' lengths, counts words that hold a symbol, and counts every occurrence of a repeated line. DCLM (Li et
al. 2024, `dclm_baseline_refinedweb.yaml`) takes the mean, counts symbols, and compares stop words without case. The
Common Pile (Kandpal et al. 2025) counts words and symbols with a pattern of RedPajama's. docs/presets.md tells more.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np
import pyarrow as pa

from gristmill.curation import phrases
from gristmill.curation.counts import count, ratio, total
from gristmill.curation.equals import first_equal
from gristmill.curation.phrases import Sequence
from gristmill.curation.repetition import DUPLICATE_NGRAMS, TOP_NGRAMS, within_documents
from gristmill.curation.words import Lines, SpanHasher, Types, hash_of, mixed

STOP_WORDS = ("the", "be", "to", "of", "and", "that", "have", "with")
"""Gopher's; Dolma compares them as written, DCLM without case."""

_INTEGERS = (
    ("num_whitespace_words", "what white space separates (Dolma, DCLM)"),
    ("dolma_num_stop_words", "occurrences of Gopher's stop words between white space, as written (Dolma)"),
    ("dolma_max_repetition", "how often a group of up to 13 words and symbols is said in a row, from 3 on (Dolma 1.6)"),
    ("dclm_num_stop_words", "occurrences of Gopher's stop words between white space, in any case (DCLM)"),
    ("dclm_num_words", "words between white space that start with a letter or digit (DCLM)"),
    ("num_split_tokens", r"matches of \w+|[^\w\s]+, and one (Dolma's whitespace tokenizer, which counts the gaps)"),
)
_FLOATS = (
    ("whitespace_alpha_word_frac", "words between white space with a letter, per such word (Dolma, DCLM)"),
    ("dolma_median_word_length", "code points, the median of the words between white space (Dolma)"),
    ("dolma_symbol_word_frac", 'words between white space with "#" or "…", per such word (Dolma)'),
    ("dolma_bullet_line_frac", 'lines that start with "*" or "-", before any space; blank lines are lines (Dolma)'),
    ("dolma_ellipsis_line_frac", 'lines that end in "…"; blank lines are lines (Dolma)'),
    ("dolma_dup_line_frac", "lines that stand elsewhere too, the first included; blank lines are lines (Dolma)"),
    ("dolma_dup_line_char_frac", "their characters, per character that is no white space: may exceed 1 (Dolma)"),
    *(
        (
            f"dolma_top_{n}_gram_char_frac",
            f"characters in the most frequent {n}-gram, overlaps too: may exceed 1 (Dolma)",
        )
        for n in TOP_NGRAMS
    ),
    *((f"dolma_dup_{n}_gram_char_frac", f"characters in repeated {n}-grams (Dolma)") for n in DUPLICATE_NGRAMS),
    ("dclm_mean_word_length", "code points per word between white space (DCLM)"),
    ("dclm_symbol_word_ratio", '"#", "...", ". . ." and "…" per word between white space (DCLM)'),
    ("dclm_bullet_line_frac", 'lines that start with "●", "•", "*" or "-" (DCLM)'),
    ("dclm_ellipsis_line_frac", 'lines that end in "...", ". . ." or "…" (DCLM)'),
    ("dclm_dup_line_frac", "lines that stand elsewhere too, the first included, per line (DCLM)"),
    ("dclm_dup_line_char_frac", "their characters, per character of a line (DCLM)"),
    ("dclm_dup_para_frac", "paragraphs that stand elsewhere too, the first included, per paragraph (DCLM)"),
    ("dclm_dup_para_char_frac", "their characters, per character of a paragraph (DCLM)"),
    *(
        (
            f"dclm_top_{n}_gram_char_frac",
            f"characters in the most frequent word {n}-gram, overlaps too: may exceed 1 (DCLM)",
        )
        for n in TOP_NGRAMS
    ),
    *(
        (f"dclm_dup_{n}_gram_char_frac", f"words in repeated word {n}-grams, by characters (DCLM)")
        for n in DUPLICATE_NGRAMS
    ),
    ("dclm_removed_word_frac", "words that its line modifiers take out, per `dclm_num_words` (DCLM)"),
    ("letters_per_split_token", "letters per `num_split_tokens` (RedPajama's alpha_token_prop)"),
)
FIELDS: tuple[tuple[str, pa.DataType, str], ...] = (
    *((name, pa.int64(), says) for name, says in _INTEGERS),
    *((name, pa.float64(), says) for name, says in _FLOATS),
)
"""Name, type and meaning of what `measure` gives."""

_AS_WRITTEN = np.array([hash_of(word) for word in STOP_WORDS])
_ANY_CASE = np.array(
    sorted(hash_of("".join(cased)) for word in STOP_WORDS for cased in product(*((c, c.upper()) for c in word)))
)
_BULLETS = np.array([ord(character) for character in "●•*-"], dtype=np.uint32)
_STOP, _HASH, _ELLIPSIS, _UNDERSCORE = ord("."), ord("#"), ord("…"), ord("_")
_SEVERAL = np.uint64(1 << 63)  # in the identity of a word of several tokens: never the number of one
_MEDIAN_BINS = 64  # longer medians are looked up one by one
_MEDIAN_DOCUMENTS = 4096  # at a time, which bounds the histogram


@dataclass(frozen=True)
class PlacedTokens:
    """The tokens of some documents in text order; positions count code points from the start of the stream."""

    start: np.ndarray  # int32
    end: np.ndarray  # int32 or int64
    type: np.ndarray  # int32, which of `types`
    types: Types
    offsets: np.ndarray  # int64, documents + 1: which are whose
    first: np.ndarray  # int32, where the same token stands first in its document
    repeats: np.ndarray  # bool: it stands in its document more than once


@dataclass(frozen=True)
class WhitespaceWords:
    """What white space separates, in text order."""

    first: np.ndarray  # int64, its first token
    last: np.ndarray  # int64, its last token
    length: np.ndarray  # int64, code points
    offsets: np.ndarray  # int64, documents + 1


def measure(tokens: PlacedTokens, lines: Lines, words: WhitespaceWords, of_lines: np.ndarray) -> dict[str, np.ndarray]:
    """Columns of `FIELDS`, one entry a document, all finite, 0 where there is nothing to count.

    `of_lines` (documents + 1) says which lines are whose.
    """
    num_words = np.diff(words.offsets)
    chars = total(words.length, words.offsets)
    letters = tokens.types.has_letter.take(tokens.type)
    if len(words.first):
        letters = np.logical_or.reduceat(letters, words.first)
    spoken = np.flatnonzero(tokens.types.is_word.take(tokens.type))
    offsets = np.searchsorted(spoken, tokens.offsets)
    lengths = tokens.types.length.take(tokens.type.take(spoken))
    identity = tokens.first.take(spoken).astype(np.uint64)
    return {
        "num_whitespace_words": num_words,
        "dclm_num_words": count(starts_alphanumeric(tokens, words), words.offsets),
        "whitespace_alpha_word_frac": ratio(count(letters, words.offsets), num_words),
        "dolma_median_word_length": _medians(words),
        "dclm_mean_word_length": ratio(chars, num_words),
        "dolma_max_repetition": phrases.max_repetition(tokens.type, tokens.offsets),
        **_stop_words(tokens, words),
        **_symbols(tokens, lines, words),
        **_line_shares(tokens, lines, of_lines),
        **_line_repetition(lines, of_lines, chars),
        **phrases.dolma(_whitespace_sequence(tokens, words)),
        **phrases.dclm(Sequence(identity, tokens.repeats.take(spoken), lengths, offsets)),
    }


def separated(tokens: PlacedTokens) -> WhitespaceWords:
    """Tokens that touch are one word to white space."""
    apart = np.ones(len(tokens.start), dtype=bool)
    apart[1:] = tokens.start[1:] != tokens.end[:-1]
    first = np.flatnonzero(apart)
    last = np.append(first[1:], len(apart))[: len(first)] - 1
    return WhitespaceWords(first, last, tokens.end[last] - tokens.start[first], np.searchsorted(first, tokens.offsets))


def starts_alphanumeric(tokens: PlacedTokens, words: WhitespaceWords) -> np.ndarray:
    """Which words DCLM counts: those that start with a letter or digit; bool."""
    return tokens.types.is_word.take(tokens.type.take(words.first))


def _medians(words: WhitespaceWords) -> np.ndarray:
    """The median length per document, the mean of the middle two where their number is even."""
    num_documents = len(words.offsets) - 1
    medians = np.zeros(num_documents)
    for begin in range(0, num_documents, _MEDIAN_DOCUMENTS):
        offsets = words.offsets[begin : begin + _MEDIAN_DOCUMENTS + 1]
        count = np.diff(offsets)
        lengths = words.length[offsets[0] : offsets[-1]]
        owner = np.repeat(np.arange(len(count)) * _MEDIAN_BINS, count)
        bins = np.bincount(owner + np.minimum(lengths, _MEDIAN_BINS - 1), minlength=len(count) * _MEDIAN_BINS)
        running = np.cumsum(bins.reshape(len(count), _MEDIAN_BINS), axis=1)
        lower = (running <= ((count - 1) // 2)[:, None]).sum(axis=1)
        upper = (running <= (count // 2)[:, None]).sum(axis=1)
        found = np.where(count > 0, (lower + upper) / 2, 0)
        for row in np.flatnonzero((count > 0) & (upper >= _MEDIAN_BINS - 1)).tolist():
            found[row] = np.median(words.length[offsets[row] : offsets[row + 1]])
        medians[begin : begin + len(count)] = found
    return medians


def _stop_words(tokens: PlacedTokens, words: WhitespaceWords) -> dict[str, np.ndarray]:
    alone = words.first == words.last
    of_first = tokens.type.take(words.first)
    exact = tokens.types.exact
    nearest = _ANY_CASE.take(np.searchsorted(_ANY_CASE, exact), mode="clip")
    return {
        name: count(known.take(of_first) & alone, words.offsets)
        for name, known in (
            ("dolma_num_stop_words", np.isin(exact, _AS_WRITTEN)),
            ("dclm_num_stop_words", nearest == exact),
        )
    }


def _symbols(tokens: PlacedTokens, lines: Lines, words: WhitespaceWords) -> dict[str, np.ndarray]:
    types = tokens.types
    is_sign = (types.first == _HASH) | (types.first == _ELLIPSIS)
    times = np.where(is_sign, types.length, np.where(types.first == _STOP, types.length // 3, 0))
    sign = np.flatnonzero(is_sign.take(tokens.type))
    holders = np.unique(np.searchsorted(words.first, sign, side="right")) - 1  # the words that hold one
    spaced, runs = _spaced_stops(tokens, lines)
    running = np.concatenate(([0], np.cumsum(runs)))
    num_symbols = total(times.take(tokens.type), tokens.offsets)
    num_symbols += np.diff(running.take(np.searchsorted(spaced, tokens.offsets)))
    num_words = np.diff(words.offsets)
    return {
        "dolma_symbol_word_frac": ratio(np.diff(np.searchsorted(holders, words.offsets)), num_words),
        "dclm_symbol_word_ratio": ratio(num_symbols, num_words),
    }


def _spaced_stops(tokens: PlacedTokens, lines: Lines) -> tuple[np.ndarray, np.ndarray]:
    """Where runs of ". . ." start (token), and how many of them stand there one after the other."""
    single = np.flatnonzero(((tokens.types.first == _STOP) & (tokens.types.length == 1)).take(tokens.type))
    start = tokens.start[single]
    near = np.flatnonzero(np.diff(start) == 2)
    near = near[np.searchsorted(lines.end, start[near]) == np.searchsorted(lines.end, start[near + 1])]
    begins = np.ones(len(near), dtype=bool)
    begins[1:] = np.diff(near) > 1
    run = np.flatnonzero(begins)
    stops = np.diff(np.append(run, len(near))) + 1
    return single[near[run]], stops // 3


def _line_shares(tokens: PlacedTokens, lines: Lines, of_lines: np.ndarray) -> dict[str, np.ndarray]:
    num_lines, num_filled = np.diff(of_lines), total(lines.num_tokens > 0, of_lines)
    bullet = np.isin(lines.starts_with, _BULLETS)
    at_margin = (lines.text_start == lines.start) & ((lines.starts_with == ord("*")) | (lines.starts_with == ord("-")))
    ellipsis = lines.last[:, 0] == _ELLIPSIS
    to_the_end = ellipsis & (lines.text_end == lines.end)
    ellipsis |= (lines.last == _STOP).all(axis=1) | _ends_in_spaced_stops(tokens, lines)
    return {
        "dolma_bullet_line_frac": ratio(total(at_margin, of_lines), num_lines),
        "dolma_ellipsis_line_frac": ratio(total(to_the_end, of_lines), num_lines),
        "dclm_bullet_line_frac": ratio(total(bullet, of_lines), num_filled),
        "dclm_ellipsis_line_frac": ratio(total(ellipsis, of_lines), num_filled),
    }


def _ends_in_spaced_stops(tokens: PlacedTokens, lines: Lines) -> np.ndarray:
    behind = np.cumsum(lines.num_tokens)
    # ". . ." reads backwards as stop, space, stop; the third one is looked up.
    ends = np.flatnonzero(
        (lines.num_tokens >= 3)
        & (lines.last[:, 0] == _STOP)
        & (lines.last[:, 1] == ord(" "))
        & (lines.last[:, 2] == _STOP)
    )
    third = behind[ends] - 3
    ends = ends[(tokens.types.first[tokens.type[third]] == _STOP) & (tokens.end[third] == lines.text_end[ends] - 4)]
    found = np.zeros(len(behind), dtype=bool)
    found[ends] = True
    return found


def _line_repetition(lines: Lines, of_lines: np.ndarray, chars: np.ndarray) -> dict[str, np.ndarray]:
    document = np.repeat(np.arange(len(of_lines) - 1), np.diff(of_lines))
    before, after = lines.text_start - lines.start, lines.end - lines.text_end
    raw = lines.hash + mixed((before.astype(np.uint64) << np.uint64(32)) + after.astype(np.uint64))
    again = _stands_elsewhere(raw, document)
    lengths = lines.end - lines.start
    filled = np.flatnonzero(lines.num_tokens)
    of_filled = np.searchsorted(filled, of_lines)
    text = (lines.text_end - lines.text_start)[filled]
    paragraphs, paragraph_chars, of_paragraphs = _paragraphs(lines, filled, of_filled, document)
    return {
        "dolma_dup_line_frac": ratio(total(again, of_lines), np.diff(of_lines)),
        "dolma_dup_line_char_frac": ratio(total(again * lengths, of_lines), chars),
        **_dclm_shares("line", lines.hash[filled], text, of_filled),
        **_dclm_shares("para", paragraphs, paragraph_chars, of_paragraphs),
    }


def _paragraphs(
    lines: Lines, filled: np.ndarray, of_filled: np.ndarray, document: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Stretches of lines between empty ones (a line of spaces is not empty): hashes, code points, and whose they are."""
    empty = np.cumsum(lines.end == lines.start)[filled]
    starts = np.ones(len(filled), dtype=bool)
    starts[1:] = (np.diff(empty) > 0) | (np.diff(document[filled]) > 0)
    first = np.flatnonzero(starts)
    last = np.append(first[1:], len(filled))[: len(first)] - 1
    chars = lines.text_end[filled[last]] - lines.text_start[filled[first]]
    return SpanHasher(lines.hash[filled])(first, last + 1), chars, np.searchsorted(first, of_filled)


def _dclm_shares(what: str, hashes: np.ndarray, chars: np.ndarray, offsets: np.ndarray) -> dict[str, np.ndarray]:
    again = _stands_elsewhere(hashes, np.repeat(np.arange(len(offsets) - 1), np.diff(offsets)))
    return {
        f"dclm_dup_{what}_frac": ratio(total(again, offsets), np.diff(offsets)),
        f"dclm_dup_{what}_char_frac": ratio(total(again * chars, offsets), total(chars, offsets)),
    }


def _stands_elsewhere(hashes: np.ndarray, document: np.ndarray) -> np.ndarray:
    """Which items have an equal item before or behind them in their document; bool."""
    first = first_equal(within_documents(hashes, document))
    return np.bincount(first, minlength=len(first)).take(first) > 1


def _whitespace_sequence(tokens: PlacedTokens, words: WhitespaceWords) -> Sequence:
    """Words between white space, told apart by their tokens."""
    repeats = tokens.repeats.take(words.first) & tokens.repeats.take(words.last)
    identity = tokens.first.take(words.first).astype(np.uint64)
    several = np.flatnonzero(repeats & (words.first != words.last))
    if len(several):
        first, held = words.first[several], words.last[several] - words.first[several] + 1
        starts = np.concatenate(([0], np.cumsum(held)))
        places = np.arange(starts[-1]) - np.repeat(starts[:-1] - first, held)
        hashes = SpanHasher(tokens.first.take(places).view(np.uint32))(starts[:-1], starts[1:])
        identity[several] = hashes | _SEVERAL
    return Sequence(identity, repeats, words.length, words.offsets)


def num_split_tokens(tokens: PlacedTokens, joined: np.ndarray) -> np.ndarray:
    r"""Matches of \w+|[^\w\s]+ in each document, and one: Dolma's tokenizer counts the pieces between them.

    `joined` (int64 per document): apostrophes, full stops and commas inside words, which are matches of their own and
    part a word in two.
    """
    kind = (tokens.types.is_word | (tokens.types.first == _UNDERSCORE)).take(tokens.type)
    new = np.ones(len(kind), dtype=bool)
    new[1:] = (tokens.start[1:] != tokens.end[:-1]) | (kind[1:] != kind[:-1])
    return count(new, tokens.offsets) + 2 * joined + 1
