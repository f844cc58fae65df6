"""Whether a shard's ids are what `tokenizers` gives: a sample of every record batch, and the bytes of every document.

The ids of a byte-level tokenizer stand for bytes, so their lengths add up to the text's: checked for every document at
the cost of an addition for each token. That a document is split as `tokenizers` splits it is checked for about a
thousandth of the text, for `tokenizers` needs some thirty times longer than what it is compared with.
"""

import numpy as np

from gristmill.tokenizer.draw import document_draws
from gristmill.tokenizer.encoders import Encoder, Ids
from gristmill.tokenizer.pieces import PIECE_CHARS

COMPARED_CHARS = 4096
"""Of one document, at most so much is compared."""

COMPARED_SHARE = 1 / 1000
"""Of a record batch's text; at least one document."""


class Disagreement(ValueError):
    """A library gives other ids than `tokenizers`; the message names a document and the place in it."""


class Agreement:
    """Compares the ids of one shard, batch by batch, and counts what it compared."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._bytes = encoder.byte_counts if encoder.tokenizer.normalizer is None else None
        self.compared = 0

    def check(self, ids: list[str], texts: list[str], tokens: list[Ids]) -> None:
        """Raise Disagreement if one of these documents has ids that are not its own."""
        if self._bytes is not None:
            self._check_bytes(ids, texts, tokens)
        left = COMPARED_SHARE * sum(map(len, texts))
        draws = document_draws(ids, 0, "compared with tokenizers")
        for i in np.argsort(draws, kind="stable").tolist():
            if self._encoder.name == "tokenizers":
                break
            self._compare(ids[i], texts[i], tokens[i], int(draws[i]))
            self.compared += 1
            left -= min(len(texts[i]), COMPARED_CHARS)
            if left <= 0:
                break

    def _check_bytes(self, ids: list[str], texts: list[str], tokens: list[Ids]) -> None:
        for name, text, found in zip(ids, texts, tokens, strict=True):
            size = len(text) if text.isascii() else len(text.encode())
            # An id beyond the vocabulary would be an IndexError.
            stands_for = int(self._bytes[found].sum()) if not len(found) or found.max() < len(self._bytes) else -1
            if stands_for != size:
                self._disagree(name, f"its ids stand for {stands_for} bytes of {size}")

    def _compare(self, name: str, text: str, tokens: Ids, draw: int) -> None:
        encoder = self._encoder
        if len(text) <= COMPARED_CHARS:
            if not np.array_equal(tokens, encoder.reference(text)):
                self._disagree(name, "whole document")
            return
        parts = list(encoder.pieces(text[:PIECE_CHARS], COMPARED_CHARS))[:-1]  # the last may end within a word
        number = draw % len(parts) if self._bytes is not None else 0
        expected = encoder.reference(parts[number])
        first = 0
        if number:
            before = len("".join(parts[:number]).encode())
            first = int(np.searchsorted(np.cumsum(self._bytes[tokens]), before)) + 1
        if np.array_equal(tokens[first : first + len(expected)], expected):
            return
        # Where a text has no place to cut it safely, the piece alone has other ids than within the document.
        if not np.array_equal(encoder.ids(parts[number]), expected):
            self._disagree(name, f"piece {number} of {COMPARED_CHARS} characters")

    def _disagree(self, name: str, where: str) -> None:
        raise Disagreement(f"{self._encoder.name} gives document {name} other ids than tokenizers ({where})")
