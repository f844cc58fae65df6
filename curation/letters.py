"""The letters and digits of a text without everything that another copy of it may have otherwise.

Case, accents, punctuation, white space, hyphenation, markup, numbering and typographic variety are no letters: what is
left of two copies is equal, however each was formatted. Every letter knows where it stands in the text, and where words
begin is known too, though nothing that is compared depends on it: `don't`, `don’t` and `dont` are the same letters, and
so are `1,000` and `1000`, `exam-⏎ple` and `example`.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import cache

import numpy as np

from gristmill.curation.characters import EXTEND, LETTER, NUMBER, SOLO, flags

BREAK = "\x00"
"""Joins texts into one; its letter is in no other text."""

BREAK_CODE = 1
_MANY = 2  # a character that is several letters, such as a ligature


@dataclass(frozen=True)
class Letters:
    """The letters of a text in order."""

    code: np.ndarray  # uint8 or uint32 [letters]: folded code points
    place: np.ndarray  # int64 [letters]: where in the text each stands; rises, not always strictly
    word: np.ndarray  # int64 [words]: the first letter of each word


def letters(text: str) -> Letters:
    """The letters of a text from which `without_noise` has taken what is no text."""
    if text.isascii():
        codes = np.frombuffer(text.encode("ascii"), np.uint8)
        folded = _fold_table()[:128].astype(np.uint8)[codes]
        is_letter = folded != 0
        inside = is_letter & (folded != BREAK_CODE)
        begins = inside.copy()
        begins[1:] &= ~inside[:-1]
    else:
        codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
        folded, kinds = _fold_table()[codes], flags(codes)
        is_letter = folded != 0
        alone = (kinds & SOLO) != 0
        proper = is_letter & (folded != BREAK_CODE)
        inside = (proper | ((kinds & EXTEND) != 0)) & ~alone
        begins = proper.copy()
        begins[1:] &= ~inside[:-1] | alone[1:]
    place = np.flatnonzero(is_letter)
    word = np.flatnonzero(begins[place])
    code = folded[place]
    if code.dtype == np.uint32 and (many := code == _MANY).any():
        known, expansions, lengths = _expansions()
        entry = np.searchsorted(known, codes[place[many]])
        times = np.ones(len(code), np.int64)
        times[many] = lengths[entry]
        first = np.cumsum(times) - times
        result = np.repeat(code, times)
        offsets = np.arange(expansions.shape[1])
        targets = first[many][:, None] + offsets
        used = offsets < lengths[entry][:, None]
        result[targets[used]] = expansions[entry][used]
        return Letters(result, np.repeat(place, times), first[word])
    return Letters(code, place, word)


@cache
def _fold_table() -> np.ndarray:
    """What letter a code point is, uint32: 0 for none, `_MANY` for several."""
    codes = np.arange(0x110000, dtype=np.uint32)
    table = np.where(flags(codes) & (LETTER | NUMBER), codes, 0).astype(np.uint32)
    han = (codes >= 0x3400) & (codes < 0xA000) | (codes >= 0x20000) & (codes < 0x2F800)
    for code in np.flatnonzero((table != 0) & ~han).tolist():
        forms = _forms(code)
        table[code] = forms[0] if len(forms) == 1 else _MANY if forms else 0
    table[ord(BREAK)] = BREAK_CODE
    return table


def _forms(code: int) -> list[int]:
    """The letters that a character is without case, accents and typographic variety."""
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", chr(code)).casefold())
    return [ord(character) for character in folded if character.isalnum()]


@cache
def _expansions() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The code points that are several letters, sorted; their letters, padded with 0; how many they are."""
    known = np.flatnonzero(_fold_table() == _MANY)
    forms = [_forms(code) for code in known.tolist()]
    lengths = np.array([*map(len, forms)])
    padded = np.zeros((len(known), lengths.max()), np.uint32)
    for row, form in enumerate(forms):
        padded[row, : len(form)] = form
    return known, padded, lengths


# --- noise ------------------------------------------------------------------------------------------------------------

_TAG = re.compile(
    r"</?(?:a|abbr|b|big|blockquote|br|center|cite|code|dd|del|div|dl|dt|em|font|h[1-6]|hr|i|img|ins|kbd|li|mark|ol|p|pre|q"
    r"|s|samp|small|span|strike|strong|sub|sup|table|tbody|td|th|thead|tr|tt|u|ul|var)(?:\s{1,20}[a-z-]{1,30}=[^<>]{0,500})?\s{0,20}/?>"
    r"|<<[-+*/().=\d\s%$,]{1,80}>>",  # the calculator's notes in GSM8K's solutions
    re.IGNORECASE,
)
_ENTITY = re.compile(
    r"&(?:([A-Za-z])(?:acute|grave|uml|circ|tilde|cedil|ring|caron|slash)|#\d{1,6}|#[xX][0-9a-fA-F]{1,5}|[A-Za-z]{2,8});"
)
_LINK_TARGET = re.compile(r"\]\([^()\s]{1,300}\)")
_COMMAND = re.compile(
    r"\\(?:begin|end)\{[A-Za-z*]{1,20}\}"
    r"|\\(?:text(?:bf|it|tt|rm|sc|sf|normal)?|emph|math(?:bf|rm|it|cal|bb|sf)|boldsymbol|underline|q?quad|left|right|displaystyle|item"
    r"|(?:sub)*section|paragraph|par|noindent|newline|hfill|smallskip|medskip|bigskip)(?![A-Za-z])"
    r"|\\u[0-9a-fA-F]{4}|\\[nrt]"  # text inside a string of code or JSON
)
_NUMBERING = re.compile(r"\n[ \t>*#|+-]{0,12}[(\[]?(?:\d{1,2}|[A-Za-z]|[ivx]{2,4})[.):\]][ \t*]")


def without_noise(text: str, numbering: bool = True) -> str:
    """The text with spaces in place of markup and (with `numbering`) of what numbers its lines; positions stay."""
    if BREAK in text:
        text = text.replace(BREAK, " ")
    if "<" in text:
        text = _TAG.sub(_blank, text)
    if "&" in text:
        text = _ENTITY.sub(lambda m: (m[1] or " ") + " " * (len(m[0]) - 1), text)
    if "](" in text:
        text = _LINK_TARGET.sub(_blank, text)
    if "\\" in text:
        text = _COMMAND.sub(_blank, text)
    if numbering:
        text = _NUMBERING.sub(_blank, "\n" + text)[1:]
    return text


def _blank(match: re.Match) -> str:
    return " " * len(match[0])
