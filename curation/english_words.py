"""Words as spaCy's tokenizer for English finds them, which is what datatrove's rules are relative to.

Text is cut at white space, and each chunk is taken apart without regard to its neighbours: exceptions come whole or split
as listed; punctuation is taken off at both ends, one mark at a time; what is left is a word, an address, or several words
around hyphens and the like. The classes of characters follow spaCy 3.8's; icons are those of Unicode's category So.
"""

import re
import unicodedata
from collections.abc import Mapping
from functools import cache

from gristmill.curation.english_exceptions import exceptions

_MARKS = "…,:;!?¿؟¡()[]{}<>_#*&。？！，、；：～·।،۔؛٪"
_QUOTES = "'\"”“`‘´’‚,„»«「」『』（）〔〕【】《》〈〉⟦⟧"
_CURRENCY = "$£€¥฿₽﷼₴₠₡₢₣₤₥₦₧₨₩₪₫₭₮₯₰₱₲₳₵₶₷₸₹₺₻₼₾₿"
_PREFIX_MARKS = frozenset("§%=—–" + _MARKS + _QUOTES + _CURRENCY)
_SUFFIX_MARKS = frozenset("—–" + _MARKS + _QUOTES)
_DIGITS = frozenset("0123456789")
_DOLLARS = ("US$", "C$", "A$")
_UNITS = (
    "km km² km³ m m² m³ dm dm² dm³ cm cm² cm³ mm mm² mm³ ha µm nm yd in ft kg g mg µg t lb oz m/s km/h kmh mph hPa Pa mbar "
    "mb MB kb KB gb GB tb TB T G M K % км км² км³ м м² м³ дм дм² дм³ см см² см³ мм мм² мм³ нм кг г мг м/с км/ч кПа Па мбар "
    "Кб КБ кб Мб МБ мб Гб ГБ гб Тб ТБ كم² كم³ م م² م³ سم سم² سم³ مم مم² مم³ كم غرام جرام جم كغ ملغ كوب اكواب"
)
_BEHIND_NUMBERS = frozenset((*_UNITS.split(), *_CURRENCY, *_DOLLARS))
_POSSESSIVES = ("'s", "'S", "’s", "’S")
# Scripts without case, as blocks; those of Latin, Cyrillic and Greek that have it.
_UNCASED = (
    "\u1200-\u137f\u0980-\u09ff\u0591-\u05f4\ufb1d-\ufb4f\u0620-\u064a\u066e-\u06d5\u06e5-\u06ff\u0750-\u077f\u08a0-\u08bd"
    "\ufb50-\ufbb1\ufbd3-\ufd3d\ufd50-\ufdc7\ufdf0-\ufdfb\ufe70-\ufefc\U0001ee00-\U0001eebb\u0d80-\u0dff\u0900-\u097f"
    "\u0c80-\u0cff\u0b80-\u0bff\u0c00-\u0c7f\uac00-\ud7af\u1100-\u11ff\u3040-\u30ff\u4e00-\u9fff\u3400-\u4dbf"
    "\U00020000-\U0002ebef\u2e80-\u303f\u31c0-\u31ef\u3200-\u33ff\uf900-\ufaff\ufe30-\ufe4f\U0001f200-\U0001f2ff"
    "\U0002f800-\U0002fa1f"
)
_CASED_RANGES = (
    (0x41, 0x5A),
    (0x61, 0x7A),
    (0xC0, 0x2AF),  # Latin, phonetic letters
    (0x1D00, 0x1D25),
    (0x1D6B, 0x1D9A),
    (0x1E00, 0x1EFF),
    (0x2C60, 0x2C7F),
    (0xA722, 0xA7FA),
    (0xAB30, 0xAB64),
    (0xFF21, 0xFF5A),
    (0x391, 0x3C9),  # Greek
    (0x400, 0x45F),  # Cyrillic
)
_GREEK_AND_TATAR = "άέίόώήύΆΈΊΌΏΉΎәөүҗңһӘӨҮҖҢҺґҐ"


@cache
def _classes() -> tuple[str, str, str]:
    """Lower-case and upper-case letters (each with those that have no case) and icons, as insides of regex classes."""
    cased = [code for first, last in _CASED_RANGES for code in range(first, last + 1)] + list(
        map(ord, _GREEK_AND_TATAR)
    )
    lower = [code for code in cased if chr(code).islower()]
    upper = [code for code in cased if chr(code).isupper()]
    icons = [code for code in range(0xA0, 0x1FA80) if unicodedata.category(chr(code)) == "So"]
    return _ranges(lower) + _UNCASED, _ranges(upper) + _UNCASED, _ranges(icons)


def _ranges(codes: list[int]) -> str:
    """A regex class of these letters or symbols. Of thousands of single ones `re` makes a class 30 times slower."""
    runs: list[list[int]] = []
    for code in sorted(codes):
        if runs and code == runs[-1][1] + 1:
            runs[-1][1] = code
        else:
            runs.append([code, code])
    return "".join(f"{chr(first)}-{chr(last)}" for first, last in runs)


class _Patterns:
    """What needs the classes: compiled once, on first use."""

    def __init__(self) -> None:
        lower, upper, icons = _classes()
        quotes = re.escape(_QUOTES)
        letters = lower + upper
        self.full_stop = re.compile(
            rf"(?:[0-9{lower}%²+\-(?:)|{quotes}{re.escape(_MARKS)}]|°[FfCcKk]|[{upper}][{upper}])\.\Z"
        )
        # One look at a character tells that nothing begins here: four times as fast as the alternatives one by one.
        self.infix = re.compile(
            rf"[.…+\-*^,—–~:<>=/{icons}](?:(?<=\.)\.+|(?<=[…{icons}])"
            r"|(?<=[0-9][+\-*^])(?=[0-9-])"
            rf"|(?<=[{lower}{quotes}]\.)(?=[{upper}{quotes}])"
            rf"|(?<=[{letters}],)(?=[{letters}])"
            rf"|(?<=[{letters}0-9]-)-{{0,2}}(?=[{letters}])|(?<=[{letters}0-9]—)—?(?=[{letters}])"
            rf"|(?<=[{letters}0-9][–~:<>=/])(?=[{letters}]))"
        )
        host = r"[A-Za-z0-9\u00a1-\uffff]"
        self.address = re.compile(
            rf"(?:[\w+\-.]{{2,}}://)?(?:\S+@)?(?:(?:{host}[A-Za-z0-9\u00a1-\uffff_-]{{0,62}})?{host}\.)+[{lower}]{{2,63}}"
            r"(?::\d{2,5})?(?:[/?#]\S*)?\Z"
        )


@cache
def _patterns() -> _Patterns:
    return _Patterns()


_AMOUNT = re.compile(r"[0-9]([^0-9]{1,5})\Z")
_LONGEST_LISTED = max(map(len, exceptions()))


def pieces(chunk: str) -> tuple[str, ...]:
    """The words and marks of a chunk of text without white space; together they are the chunk.

    >>> pieces("(don't!)"), pieces("well-known"), pieces("www.example.com/a-b,")
    (('(', 'do', "n't", '!', ')'), ('well', '-', 'known'), ('www.example.com/a-b', ','))
    """
    listed = exceptions().get(chunk)
    if listed is not None:
        return listed
    if chunk.isalpha():
        return (chunk,)
    before, inside, behind = _without_affixes(chunk, exceptions())
    listed = exceptions().get(inside)
    middle = listed if listed is not None else _inner(inside)
    return _rejoined((*before, *middle, *reversed(behind)))


def _without_affixes(chunk: str, listed: Mapping[str, object]) -> tuple[list[str], str, list[str]]:
    """Marks taken off in front, what is left, and marks taken off behind, the outermost first; stops at what is listed."""
    before: list[str] = []
    behind: list[str] = []
    start, end = 0, len(chunk)

    def is_listed(start: int, end: int) -> bool:
        return 0 < end - start <= _LONGEST_LISTED and chunk[start:end] in listed

    while start < end and not is_listed(start, end):
        inner = _prefix_end(chunk, start, end)
        if inner > start and is_listed(inner, end):
            before.append(chunk[start:inner])
            start = inner
            break
        last = _suffix_start(chunk, inner, end)
        if last < end and is_listed(start, last):
            behind.append(chunk[last:end])
            end = last
            break
        if (inner, last) == (start, end):
            break
        if inner > start:
            before.append(chunk[start:inner])
        if last < end:
            behind.append(chunk[last:end])
        start, end = inner, last
    return before, chunk[start:end], behind


def _prefix_end(chunk: str, start: int, end: int) -> int:
    """Behind the mark that `chunk[start:end]` begins with; `start` if it begins with none."""
    first = chunk[start]
    if first in _PREFIX_MARKS or unicodedata.category(first) == "So":
        return start + 1
    if first == ".":
        place = start
        while place < end and chunk[place] == ".":
            place += 1
        return place if place > start + 1 else start
    if first == "+":
        return start if start + 1 < end and chunk[start + 1] in _DIGITS else start + 1
    if first in "UCA":
        return next((start + len(sign) for sign in _DOLLARS if chunk.startswith(sign, start, end)), start)
    return start


def _suffix_start(chunk: str, start: int, end: int) -> int:
    """Before the mark or unit that `chunk[start:end]` ends with; `end` if it ends with none."""
    if start == end:
        return end
    tail = chunk[max(start, end - 6) : end]
    last = tail[-1]
    amount = _AMOUNT.search(tail)
    if amount and amount[1] in _BEHIND_NUMBERS:
        return end - len(amount[1])
    if tail.endswith(_POSSESSIVES):
        return end - 2
    if last == "…":
        return end - 2 if tail.endswith("……") else end - 1
    if last in _SUFFIX_MARKS or unicodedata.category(last) == "So":
        return end - 1
    if last == ".":
        place = end
        while place > start and chunk[place - 1] == ".":
            place -= 1
        if place < end - 1:
            return place
        return end - 1 if _patterns().full_stop.search(tail[-3:]) else end
    if last == "+":
        return end - 1 if tail[-2:-1] and tail[-2] in _DIGITS else end
    return end


def _inner(chunk: str) -> tuple[str, ...]:
    """What is between the affixes: one word or address, or words around hyphens, commas, full stops and icons."""
    if not chunk:
        return ()
    matches = list(_patterns().infix.finditer(chunk))
    if not matches or _patterns().address.match(chunk):
        return (chunk,)
    found: list[str] = []
    start = 0
    for match in matches:
        if match.start() == 0:
            continue
        if match.start() != start:
            found.append(chunk[start : match.start()])
        found.append(match[0])
        start = match.end()
    if start < len(chunk):
        found.append(chunk[start:])
    return tuple(found)


@cache
def _taken_apart() -> tuple[dict[tuple[str, ...], tuple[str, ...]], frozenset[str], int]:
    """Exceptions as the general rules take them apart, with what they are instead; what these begin with; the longest."""
    found = {}
    for chunk, listed in exceptions().items():
        before, inside, behind = _without_affixes(chunk, {})
        parts = (*before, *_inner(inside), *reversed(behind))
        if len(parts) > 1 and parts != listed:
            found[parts] = listed
    return found, frozenset(parts[0] for parts in found), max(map(len, found))


def _rejoined(parts: tuple[str, ...]) -> tuple[str, ...]:
    """Exceptions that only show once all is taken apart ("St." in "pre-St.Stephen"), put in; the longest first."""
    known, beginnings, longest = _taken_apart()
    if beginnings.isdisjoint(parts):
        return parts
    spans = [
        (start, start + size)
        for size in range(longest, 1, -1)
        for start in range(len(parts) - size + 1)
        if parts[start] in beginnings and parts[start : start + size] in known
    ]
    if not spans:
        return parts
    seen: set[int] = set()
    chosen = {}
    for start, end in spans:
        if start not in seen and end - 1 not in seen:
            chosen[start] = end
        seen.update(range(start, end))
    found: list[str] = []
    place = 0
    while place < len(parts):
        end = chosen.get(place)
        found += parts[place : place + 1] if end is None else known[parts[place:end]]
        place = place + 1 if end is None else end
    return tuple(found)
