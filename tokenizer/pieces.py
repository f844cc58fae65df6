"""Long texts in pieces, cut where the token ids stay those of the whole text.

A Rust tokenizer holds some 130 bytes for each character that it encodes, so a book of 50 MB would take 6 GB at once.

Byte-level BPE never merges across the pre-tokenizer's splits, so a cut is safe where the pre-tokenizer splits anyway
and would split both sides as before. With the patterns of GPT-2, GPT-4 and Llama 3 that holds in two places:

- after a line end that follows a visible character and precedes one: `end.` `\\n` | `Next`. White space belongs to
  what follows only as a single blank, never as a line end, and a run of one cannot be split otherwise;
- before the only blank between two visible characters: `one` | `two`, whose blank opens the second word.

GPT-2's `\\s+(?!\\S)` splits longer runs of white space by what follows them, so no cut is made beside those.
"""

import re
from collections.abc import Callable, Iterator

PIECE_CHARS = 2**20
"""Longest piece in characters."""

_LINE_END = re.compile(r"[\w.,;:!?\"')\]}>”’]\n(?=\w)")
_BLANK = re.compile(r"\w(?= \w)")
_CONTEXT_CHARS = 64
_MAX_TRIES = 16


def pieces(
    text: str, limit: int = PIECE_CHARS, safe: Callable[[str, str], bool] = lambda left, right: True
) -> Iterator[str]:
    """The text in pieces of at most `limit` characters; joined they are the text.

    `safe(left, right)` may veto a cut from the 64 characters on either side of it, for pre-tokenizers other than the
    three above. Where half a limit of text has no safe place (a run of a million letters, or too many vetoes) it is cut
    at the limit: ids there differ from those of the whole text, yet decode to the same bytes.
    """
    start = 0
    while len(text) - start > limit:
        end = _cut(text, start, limit, safe)
        yield text[start:end]
        start = end
    yield text[start:] if start else text


def _cut(text: str, start: int, limit: int, safe: Callable[[str, str], bool]) -> int:
    for boundary in (_LINE_END, _BLANK):
        for tries, match in enumerate(boundary.finditer(text, start + limit // 2, start + limit)):
            cut = match.end()
            if safe(text[max(start, cut - _CONTEXT_CHARS) : cut], text[cut : cut + _CONTEXT_CHARS]):
                return cut
            if tries == _MAX_TRIES:
                break
    return start + limit
