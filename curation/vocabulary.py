"""Numbers for chunks of English text and for the words in them, so that a chunk is taken apart once and then looked up.

Running text repeats itself: of a web page's chunks nine in ten have been met before. What is known of a word (its length,
whether it has a letter, what it does to a sentence) is in arrays that its number indexes.
"""

import threading
import unicodedata
from array import array
from functools import cache

import numpy as np

from gristmill.curation.characters import TERMINAL, flags
from gristmill.curation.english_words import pieces

HAS_LETTER, IS_WORD, ENDS_SENTENCE, IS_PUNCTUATION = 1, 2, 4, 8
"""What a token is: `IS_WORD` has a character that is no punctuation (datatrove's list), `ENDS_SENTENCE` is a mark of spaCy's
sentencizer, `IS_PUNCTUATION` is all punctuation by Unicode (category P)."""

STOP_WORDS = ("the", "be", "to", "of", "and", "that", "have", "with")
"""Gopher's; the number of one in this list is its bit from `STOP_BIT` on."""

STOP_BIT = 8

MAX_CHUNKS = 1 << 17
"""A vocabulary of more is given up for a new one."""

_MAX_CHARS = 1 << 23  # and one with so much text, for the sake of chunks of megabytes

# datatrove's list, without the terminal punctuation of all scripts that it adds; the control characters are ranges.
_PUNCTUATION = frozenset(
    "!/—”:％１〈&(、━\\【#%「」，】；+^]~“《„';’{|∶´[=-`*．（–？！：$～«〉,><》)?）。…@_.\"}►»"
) | {chr(code) for first, last in ((0, 9), (11, 13), (13, 32), (127, 160)) for code in range(first, last)}
# Terminal punctuation for datatrove but not for spaCy's sentencizer 3.8 (newer in Unicode, or Khmer).
_NOT_IN_SENTENCIZER = frozenset("؝؞࠷࠹࠽࠾៖៚៙។៕᭽᭾⹓⹔𐽕𐽖𐽗𐽘𐽙𐾆𐾇𐾈𐾉𑥄𑥆𑻷𑻸𑽃𑽄𖺘")


class Vocabulary(dict):
    """Chunk -> its number, made up when it is first asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens: dict[str, int] = {}
        self.first = array("q", [0])
        self.parts = array("q")
        self.lengths = array("q")
        self.kinds = array("q")
        self.num_chars = 0

    def __missing__(self, chunk: str) -> int:
        for piece in pieces(chunk):
            number = self.tokens.get(piece)
            if number is None:
                number = self.tokens[piece] = len(self.tokens)
                self.lengths.append(len(piece))
                self.kinds.append(_kind(piece))
            self.parts.append(number)
        self.first.append(len(self.parts))
        self.num_chars += len(chunk)
        number = self[chunk] = len(self)
        return number

    def numbers(self, chunks: list[str]) -> np.ndarray:
        """The number of each chunk; int64."""
        return np.fromiter(map(self.__getitem__, chunks), np.int64, len(chunks))

    def expand(self, chunks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The numbers of the tokens of chunks in their order, and how many each chunk has; int64."""
        first = np.array(self.first)
        counts = first[chunks + 1] - first[chunks]
        ends = np.cumsum(counts)
        place = np.arange(ends[-1] if len(ends) else 0) + np.repeat(first[chunks] - ends + counts, counts)
        return np.array(self.parts)[place], counts


def _kind(token: str) -> int:
    kind = HAS_LETTER if any(map(str.isalpha, token)) else 0
    if any(character not in _PUNCTUATION and character not in _terminal() for character in token):
        kind |= IS_WORD
    if token in _terminal() and token not in _NOT_IN_SENTENCIZER:
        kind |= ENDS_SENTENCE
    if all(unicodedata.category(character)[0] == "P" for character in token):
        kind |= IS_PUNCTUATION
    if token in STOP_WORDS:
        kind |= 1 << STOP_BIT + STOP_WORDS.index(token)
    return kind


@cache
def _terminal() -> frozenset[str]:
    codes = np.arange(0x110000, dtype=np.uint32)
    return frozenset(map(chr, np.flatnonzero(flags(codes) & TERMINAL).tolist()))


_LOCAL = threading.local()


def vocabulary() -> Vocabulary:
    """This thread's vocabulary; numbers are good until the next call."""
    known: Vocabulary | None = getattr(_LOCAL, "vocabulary", None)
    if known is None or len(known) > MAX_CHUNKS or known.num_chars > _MAX_CHARS:
        known = _LOCAL.vocabulary = Vocabulary()
    return known
