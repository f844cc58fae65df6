"""Lines of a block of text with the counts that datatrove's rules ask of a line, in whole arrays."""

from dataclasses import dataclass, fields, replace
from functools import cache

import numpy as np

from gristmill.curation.vocabulary import ENDS_SENTENCE, IS_PUNCTUATION, IS_WORD, Vocabulary
from gristmill.curation.words import SpanHasher, last_characters

_SPACE, _NEWLINE, _RETURN = ord(" "), ord("\n"), ord("\r")


@dataclass(frozen=True)
class ConformingLines:
    """Lines in text order, blank ones included; one entry each, positions in code points from the stream's start."""

    start: np.ndarray  # int64
    end: np.ndarray  # int64, where its line break stands
    next_start: np.ndarray  # int64, behind its line break, which may be two characters
    text_start: np.ndarray  # int64, without the white space around it; equals `text_end` if blank
    text_end: np.ndarray  # int64
    length: np.ndarray  # int64, what it counts for in code points
    leading: np.ndarray  # int64, white space in `length`
    trailing: np.ndarray  # int64
    hash: np.ndarray  # uint64 of the whole line
    hash_behind_space: np.ndarray  # uint64, without the white space it begins with
    hash_before_space: np.ndarray  # uint64, without the white space it ends with
    hash_of_text: np.ndarray  # uint64, without both
    last: np.ndarray  # uint32 [lines, 3]: its last three characters, the last first; 0 where there is none
    text_last: np.ndarray  # uint32 [lines, 3], without the white space it ends with
    text_first: np.ndarray  # uint32, 0 if blank
    num_chunks: np.ndarray  # int64, what white space separates
    num_chunks_before: np.ndarray  # int64, with citation markers
    longest_chunk: np.ndarray  # int64, code points
    num_tokens: np.ndarray  # int64
    num_words: np.ndarray  # int64, tokens that are not only punctuation
    num_sentences: np.ndarray  # int64, at least 1

    def stripped(
        self, first: np.ndarray | slice = slice(None), last: np.ndarray | slice = slice(None)
    ) -> "ConformingLines":
        """Without the white space at the start of lines `first` and at the end of lines `last`; all if not given."""
        copies = {name: getattr(self, name).copy() for name in ("length", "leading", "trailing", "hash", "last")}
        new = replace(self, **copies)
        new.length[first] -= new.leading[first]
        new.length[last] -= new.trailing[last]
        new.hash[first] = np.where(new.leading[first] > 0, self.hash_behind_space[first], new.hash[first])
        new.hash[last] = np.where(new.trailing[last] > 0, self.hash_before_space[last], new.hash[last])
        both = np.zeros(len(self.length), dtype=np.int64)
        both[first] += self.leading[first] > 0
        both[last] += self.trailing[last] > 0
        new.hash[both == 2] = self.hash_of_text[both == 2]
        new.leading[first] = 0
        new.trailing[last] = 0
        new.last[last] = self.text_last[last]
        return new

    def replaced(self, which: np.ndarray, by: "ConformingLines") -> "ConformingLines":
        """The same lines at the same places with other text in those of `which`."""
        places = ("start", "end", "next_start", "text_start", "text_end", "num_chunks_before", "longest_chunk")
        values = {field.name: getattr(self, field.name).copy() for field in fields(self) if field.name not in places}
        for name, value in values.items():
            value[which] = getattr(by, name)
        return replace(self, **values)


def taken(lines: ConformingLines, which: np.ndarray) -> ConformingLines:
    """Only these lines."""
    return ConformingLines(*(getattr(lines, field.name)[which] for field in fields(lines)))


def lines_between(
    text: str, codes: np.ndarray, breaks: np.ndarray, known: Vocabulary
) -> tuple[ConformingLines, np.ndarray]:
    """Lines of a block that ends in a newline, and the numbers of its tokens. `breaks` marks the characters that part lines."""
    end, next_start = _ends(codes, breaks)
    start = np.concatenate(([0], next_start[:-1]))
    space = _space_table(codes.dtype.str)[codes]
    edges = np.flatnonzero(np.diff(np.concatenate(([True], space))))  # the block ends in white space
    chunk_start, chunk_end = edges[::2], edges[1::2]
    numbers = known.numbers(text.split())
    tokens, counts = known.expand(numbers)
    kinds = np.array(known.kinds)[tokens]
    first_chunk = np.concatenate(([0], np.searchsorted(chunk_start, end)))
    first_token = np.concatenate(([0], np.cumsum(counts)))
    of_tokens = first_token[first_chunk]
    num_chunks = np.diff(first_chunk)
    filled = np.flatnonzero(num_chunks)
    text_start, text_end = end.copy(), end.copy()
    text_start[filled] = chunk_start[first_chunk[filled]]
    text_end[filled] = chunk_end[first_chunk[filled + 1] - 1]
    longest = np.zeros(len(end), dtype=np.int64)
    if len(filled):
        longest[filled] = np.maximum.reduceat(chunk_end - chunk_start, first_chunk[filled])
    odd_gap = np.ones(len(chunk_start), dtype=bool)
    odd_gap[1:] = (chunk_start[1:] - chunk_end[:-1] != 1) | (codes[chunk_end[:-1]] != _SPACE)
    words_before = np.concatenate(([0], np.cumsum((kinds & IS_WORD) != 0)))
    hasher = SpanHasher(codes)
    text_first = np.zeros(len(end), dtype=np.uint32)
    text_first[filled] = codes[text_start[filled]]
    lines = ConformingLines(
        start=start,
        end=end,
        next_start=next_start,
        text_start=text_start,
        text_end=text_end,
        length=end - start,
        leading=text_start - start,
        trailing=end - text_end,
        hash=hasher(start, end),
        hash_behind_space=hasher(text_start, end),
        hash_before_space=hasher(np.where(num_chunks > 0, start, end), text_end),
        hash_of_text=hasher(text_start, text_end),
        last=last_characters(codes, start, end),
        text_last=last_characters(codes, text_start, text_end),
        text_first=text_first,
        num_chunks=num_chunks,
        num_chunks_before=num_chunks,
        longest_chunk=longest,
        num_tokens=np.diff(of_tokens),
        num_words=np.diff(words_before[of_tokens]),
        num_sentences=_sentences(kinds, first_token[:-1][odd_gap], of_tokens),
    )
    return lines, tokens


def _ends(codes: np.ndarray, breaks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where line breaks stand and where the next line starts; a carriage return takes the newline behind it along."""
    end = np.flatnonzero(breaks)
    next_start = end + 1
    pair = np.flatnonzero((codes[end[:-1]] == _RETURN) & (codes[end[1:]] == _NEWLINE) & (np.diff(end) == 1))
    next_start[pair] += 1
    single = np.ones(len(end), dtype=bool)
    single[pair + 1] = False
    return end[single], next_start[single]


def _sentences(kinds: np.ndarray, odd_starts: np.ndarray, of_tokens: np.ndarray) -> np.ndarray:
    """Sentences per line as spaCy's sentencizer counts them: a new one at what is no punctuation, behind a full stop.

    `odd_starts` are tokens with more than a space before them: there spaCy has a token of white space, which can begin one.
    """
    line = np.repeat(np.arange(len(of_tokens) - 1), np.diff(of_tokens))
    ends = (kinds & ENDS_SENTENCE) != 0
    counts = ends | ((kinds & IS_PUNCTUATION) == 0)
    if len(odd_starts):
        ends = np.insert(ends, odd_starts, False)
        counts = np.insert(counts, odd_starts, True)
        line = np.insert(line, odd_starts, line[odd_starts])
    ends, line = ends[counts], line[counts]
    begins = ends[:-1] & ~ends[1:] & (line[1:] == line[:-1])
    return 1 + np.bincount(line[1:][begins], minlength=len(of_tokens) - 1)


@cache
def _space_table(dtype: str) -> np.ndarray:
    """str.isspace of each code point."""
    size = 256 if dtype == np.dtype(np.uint8).str else 0x110000
    return np.strings.isspace(np.arange(size, dtype=np.uint32).view("U1"))
