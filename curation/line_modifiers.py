"""The lines and phrases that DCLM-baseline takes out of a page before its last rule (Li et al. 2024, appendix F).

RefinedWeb's line corrections as `dclm_baseline_refinedweb.yaml` has them, in its order: lines that are capitals for more
than half, lines of digits alone, counters ("3 likes"), lines of less than two words; then, from lines of up to ten words,
"items in cart", "read more" with three characters behind it at the end, and "sign-in" at the start. A page that loses
more than one word in twenty is dropped; `removed_word_frac` is that share. More than one blank line in a row becomes one.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from gristmill.curation.characters import NUMBER, UPPER
from gristmill.curation.counts import ratio, total
from gristmill.curation.lines import Spans
from gristmill.curation.whitespace_words import PlacedTokens, WhitespaceWords, starts_alphanumeric
from gristmill.curation.words import Lines, Tokens, hash_of

MIN_WORDS = 2
"""Lines with fewer words between white space go."""

MAX_PHRASE_WORDS = 10
"""Phrases go from lines of up to so many words between white space."""

_COUNTED = "likes shares comments retweets reposts quotes bookmarks upvotes downvotes downloads views followers"
_COUNTED_WORDS = np.array([hash_of(word) for word in _COUNTED.split()])
_COUNTER = re.compile(rf"\W*\d[\d,.]*[kmb]?\s+(?:{_COUNTED.replace(' ', '|')})\W*\Z")
_MAX_COUNTER = 1000
"""Longer lines are not looked at for counters; code points."""

_PHRASES = (
    (b"items in cart", re.compile(r"\s?items in cart", re.IGNORECASE)),
    # The three full stops of "read more..." are wildcards in DCLM's pattern, so "Read more >>" goes too.
    (b"read more", re.compile(r"\s?read more...\Z", re.IGNORECASE)),
    (b"sign-in", re.compile(r"\Asign-in\s?", re.IGNORECASE)),
)
# A token's letters stand side by side in `Tokens.letters`, but next to those of any other: "sign-in" need not be there.
_WORDS_OF_PHRASES = tuple(re.findall(rb"[a-z]+", phrase) for phrase, _ in _PHRASES)


@dataclass(frozen=True)
class ModifierMarks:
    """What the modifiers see in each line; one entry per line."""

    num_upper: np.ndarray  # int64
    num_digits: np.ndarray  # int64
    counter: np.ndarray  # bool
    num_lost: np.ndarray  # int64, words that the phrases take along
    emptied: np.ndarray  # bool: nothing but phrases


def find(
    block: bytes, codes: np.ndarray, kinds: np.ndarray, tokens: Tokens, lines: Lines
) -> tuple[ModifierMarks, Spans]:
    """The marks of a block's lines, and where phrases stand that go."""
    lost = np.zeros(len(lines.end), dtype=np.int64)
    emptied = np.zeros(len(lines.end), dtype=bool)
    spans: list[tuple[int, int]] = []
    without = lru_cache(maxsize=1024)(_without_phrases)  # such lines are boilerplate and come again
    for line in _lines_with_phrases(block, codes, lines, tokens.letters):
        start = int(lines.start[line])
        found, lost[line], emptied[line] = without(_text(codes, start, int(lines.end[line])))
        spans += [(start + begin, start + end) for begin, end in found]
    start, end = np.array(spans, dtype=np.int64).reshape(-1, 2).T
    marks = ModifierMarks(
        num_upper=_per_line(kinds, UPPER, lines),
        num_digits=_per_line(kinds, NUMBER, lines),
        counter=_counters(codes, tokens, lines),
        num_lost=lost,
        emptied=emptied,
    )
    return marks, Spans(start, end)


def _per_line(kinds: np.ndarray, flag: int, lines: Lines) -> np.ndarray:
    places = np.flatnonzero((kinds & flag) != 0)
    return np.searchsorted(places, lines.end) - np.searchsorted(places, lines.start)


def _counters(codes: np.ndarray, tokens: Tokens, lines: Lines) -> np.ndarray:
    counted = np.isin(tokens.types.folded, _COUNTED_WORDS).take(tokens.type)
    first = np.concatenate(([0], np.cumsum(lines.num_tokens)))
    found = np.zeros(len(lines.end), dtype=bool)
    for line in np.unique(np.searchsorted(first, np.flatnonzero(counted), side="right") - 1).tolist():
        start, end = int(lines.start[line]), int(lines.end[line])
        # Nothing but the number and the word may have letters, so a long line is none.
        found[line] = end - start <= _MAX_COUNTER and bool(_COUNTER.match(_text(codes, start, end).lower()))
    return found


def _lines_with_phrases(block: bytes, codes: np.ndarray, lines: Lines, letters: bytes) -> list[int]:
    if not any(all(word in letters for word in words) for words in _WORDS_OF_PHRASES):
        return []
    lowered = block.lower()
    breaks = lines.end if len(codes) == len(block) else np.flatnonzero(np.frombuffer(block, np.uint8) == 10)
    found = set()
    for phrase, _ in _PHRASES:
        place = lowered.find(phrase)
        while place >= 0:
            found.add(int(np.searchsorted(breaks, place)))
            place = lowered.find(phrase, lowered.index(b"\n", place))
    return sorted(found)


def _text(codes: np.ndarray, start: int, end: int) -> str:
    return codes[start:end].astype("<u4").tobytes().decode("utf-32-le")


def _num_words(text: str) -> int:
    return sum(word[0].isalnum() for word in text.split())


def _without_phrases(text: str) -> tuple[list[tuple[int, int]], int, bool]:
    """Where the phrases stand in a line, in order, how many words go with them, and whether nothing is left.

    >>> _without_phrases("Sign-in to see 7 items in cart")
    ([(0, 8), (16, 30)], 4, False)
    """
    gone: list[tuple[int, int]] = []
    rest = text
    for _, pattern in _PHRASES:
        if len(rest.split(None, MAX_PHRASE_WORDS)) > MAX_PHRASE_WORDS:
            continue
        # A line of so few words holds a handful of phrases, however long it is.
        matches = [match.span() for match in pattern.finditer(rest)]
        for start, end in reversed(matches):
            gone = _joined([*gone, (_before_cuts(start, gone), _before_cuts(end - 1, gone) + 1)])
            rest = rest[:start] + rest[end:]
    if not gone:
        return [], 0, False
    return gone, _num_words(text) - _num_words(rest), not rest.strip()


def _before_cuts(place: int, gone: list[tuple[int, int]]) -> int:
    """Where a character of the rest stood before these spans (in order) were cut."""
    for start, end in gone:
        if start <= place:
            place += end - start
    return place


def _joined(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The spans in order, those that touch or overlap as one."""
    found: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = found[-1][0], max(end, found[-1][1])
        else:
            found.append((start, end))
    return found


def apply(
    marks: ModifierMarks,
    phrases: Spans,
    tokens: PlacedTokens,
    words: WhitespaceWords,
    lines: Lines,
    of_lines: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, Spans]:
    """The share of words that go, float64 per document; the lines that go, bool per line; and spans that go beside them."""
    of_words = np.searchsorted(words.first, np.concatenate(([0], np.cumsum(lines.num_tokens))))
    num_words = total(starts_alphanumeric(tokens, words), of_words)
    length = lines.end - lines.start
    gone = (2 * marks.num_upper > length) | ((marks.num_digits == length) & (length > 0)) | marks.counter
    gone |= (np.diff(of_words) < MIN_WORDS) | marks.emptied
    filled = lines.num_tokens > 0
    lost = total(np.where(gone, num_words, marks.num_lost), of_lines)
    spare = _spare_blank_lines(lines, filled & ~gone, of_lines)
    stays = ~gone[np.searchsorted(lines.end, phrases.start)]
    spans = Spans(
        np.concatenate((phrases.start[stays], lines.start[spare])),
        np.concatenate((phrases.end[stays], lines.end[spare] + 1)),
    )
    return ratio(lost, total(num_words, of_lines)), gone, spans


def _spare_blank_lines(lines: Lines, kept: np.ndarray, of_lines: np.ndarray) -> np.ndarray:
    """Empty lines that follow an empty line, and somewhere before it a line that is kept; those behind others go along."""
    empty = lines.end == lines.start
    again = np.flatnonzero(empty[1:] & empty[:-1]) + 1
    text_before = np.maximum.accumulate(np.where(lines.num_tokens > 0, np.arange(len(kept)), -1))[again]
    first = of_lines[np.searchsorted(of_lines, again, side="right") - 1]
    return again[(text_before >= first) & kept[text_before] & (again > first)]
