"""Phone numbers in a text: international ones, North American ones in their usual forms, and any after a telling word.

Precision first. An unmarked run of digits is no phone number; what is one has

- a `+` and a country code under which the number can exist (`+44 20 8765 4321`, `+1-212-736-5000`), or
- the form `(212) 736-5000`, `212-736-5000`, `212.736.5000` with an area code that is in use, or
- a word such as "Phone", "Tel." or "Fax" before it: then the form of any country will do (`Tel.: 030 / 23 45 67-8`).

Whether a number can exist is told by the numbering plans of `phonenumbers` (the tables of Google's libphonenumber).
Its own matcher reads 1.0 MB/s; here it is asked only about the few places whose form fits.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

PLACEHOLDER = "+1 202-555-0100"
"""555-0100 to 555-0199 are set aside for fiction in every North American area code (ATIS-0300115)."""

_FICTION = re.compile(r"(?:\+?1[ .-]?)?\(?[2-9]\d\d\)?[ .-]{0,2}555[ .-]?01\d\d(?!\d)")

_JOINT = r"(?:[ \u00a0.]|[ \u00a0]?[-/\u2010\u2011\u2013][ \u00a0]?)"
_MORE = rf"{_JOINT}?\(\d{{1,5}}\)|\)?{_JOINT}?\d{{1,12}}"
_INTERNATIONAL = re.compile(
    rf"(?<![\w+*/=^.,)\]-])(?:\(\+(?=\d{{1,3}}\))|\+)[1-9]\d{{0,14}}(?:{_MORE}){{0,7}}\)?(?!(?!x\d)\w|[.,:/-]\d)"
)
_NORTH_AMERICAN = re.compile(
    r"(?<![\w.,/\\#$%&+=@*^~:)-])(?<!\d[ -])(?:\+?1[ .-])?"
    r"(?:\([2-9]\d\d\)[ -]?[2-9]\d\d[-. ]\d{4}|[2-9]\d\d(?P<by>[-.])[2-9]\d\d(?P=by)\d{4})"
    r"(?!(?!x\d)[\w/%]|[.,:]\d|-\w|[ ]?[=*^])"
)
_LABELLED = re.compile(
    r"(?P<label>(?<![a-z])(?:tele?phones?|phones?|(?:tele)?fax|tel|mobile|cell(?:ular|phone)?|call|t[eé]l[eé](?:phone|copie)|t[eé]l|telefone?|telefax"
    r"|fon|handy|mobil|teléfonos?|telefono|телефон|тел|факс|电话|手机|電話|携帯|전화)(?![a-z])"
    r"(?:[ ]?(?:no|nr|number|num|numéro|office|home|work|mobile|fax)(?![a-z]))?)"
    r"(?P<sign>[ \t\u00a0]{0,3}[.:=#：)]{0,2}[ \t\u00a0\"']{0,4}[\n]?[ \t]{0,8})"
    rf"(?P<number>\(?\+?[ ]?\(?\d{{1,15}}(?:{_MORE}){{0,8}}\)?(?<![ (.-]))"
    r"(?!(?!x\d)\w|[.,:/-]\d)",
    re.IGNORECASE,
)
_LABEL_PARTS = (
    "tel",
    "tél",
    "phone",
    "fax",
    "fon",
    "mobil",
    "cell",
    "call",
    "handy",
    "тел",
    "факс",
    "电话",
    "手机",
    "電話",
    "携帯",
    "전화",
)
"""In every label one of these, in lower case; looking for them is ten times as fast as for the labels."""
_LOOSE_LABELS = re.compile(r"mobile|mobil|cell|cellular|call|fon|handy", re.IGNORECASE)
"""Words that also mean something else: taken as labels only with a colon or an equals sign."""

_YEARS = re.compile(
    r"(?:1[5-9]|20)\d\d\D{1,3}(?:1[5-9]|20)?\d\d|(?:1[5-9]|20)\d\d([-./])\d\d?\1\d\d?|\d\d?([-./])\d\d?\2(?:1[5-9]|20)\d\d"
)
_DATE_BEHIND = re.compile(
    r"(?<=\d)[ \u00a0]{1,3}(?=(?:19|20)\d\d([-./])(?:0[1-9]|1[0-2])\1(?:0[1-9]|[12]\d|3[01])(?!\d))"
)
"""What stands between a number and the date of a log's line."""

_REFERENCE = re.compile(
    r"(?:\b(?:is[bs]n|doi|no|nr|id|part|order|sku|upc|ean|case|bug|issue|model|serial|version)\b[.:#\s]{0,3}|#|§)\Z",
    re.IGNORECASE,
)
_MIN_DIGITS, _MAX_DIGITS = 7, 15  # ITU-T E.164 allows 15 with the country code


def phone_numbers(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Start and end of every phone number in a part of a text; those of one form in order, and they may overlap."""
    here = text[start:end].lower()
    others: list[int] = []  # where numbers that need no label start: one with a label ends before them
    for match in _INTERNATIONAL.finditer(text, start, end) if "+" in here else ():
        number = _balanced(match[0])
        if _FICTION.match(number.lstrip("(")):
            others.append(match.start())
        elif found := _international(number):
            others.append(match.start())
            yield match.start(), match.start() + found
    for match in _NORTH_AMERICAN.finditer(text, start, end):
        fiction = _FICTION.match(match[0])
        referred = _REFERENCE.search(text, max(start, match.start() - 12), match.start())
        if fiction or (not referred and _exists("+1" + _digits(match[0])[-10:])):
            others.append(match.start())
            if not fiction:
                yield match.span()
    if any(part in here for part in _LABEL_PARTS):
        yield from _labelled(text, start, end, others)


def _labelled(text: str, start: int, end: int, others: list[int]) -> Iterator[tuple[int, int]]:
    """Numbers after words such as "Phone" that end before one of the other numbers, or a date, starts."""
    for match in _LABELLED.finditer(text, start, end):
        first, behind = match.span("number")
        limit = min((other for other in others if first < other < behind), default=end)
        if date := _DATE_BEHIND.search(text, first, min(behind + 10, end)):  # a date is as long
            limit = min(limit, date.start())
        if limit < behind and (shorter := _LABELLED.match(text, match.start(), limit)):
            match = shorter
        if _follows_label(match):
            yield first, first + len(_balanced(match["number"]))


def _digits(number: str) -> str:
    return re.sub(r"\D", "", number)


def _balanced(number: str) -> str:
    """A number without the bracket that closes what was opened before it."""
    return number[:-1] if number.endswith(")") and number.count("(") < number.count(")") else number


def _international(number: str) -> int:
    """How many characters of what follows a plus sign are a phone number that can exist; 0 if none."""
    if re.fullmatch(r"\+\d+[.]\d+", number):  # +1.2345678901 is a sum
        return 0
    joints = re.findall(r"(?<=\d)[^\d+]+(?=\d)", number)[1:]
    if "." in joints and len(set(joints)) > 1:  # +48.8566 2.3522 is a place
        return 0
    # "Call +44 20 8765 4321 20 minutes later": without its last group it may be one.
    for end in sorted({len(number), *(m.start() for m in re.finditer(r"[ \u00a0]\d+\Z", number))}, reverse=True):
        if _exists("+" + _digits(number[:end])):
            return end
    return 0


def _follows_label(match: re.Match) -> bool:
    """Whether a number after a word such as "Phone" is one to call, and not a year, a date or the number of a page."""
    number = match["number"]
    if not _MIN_DIGITS <= len(_digits(number)) <= _MAX_DIGITS or _FICTION.match(number) or _YEARS.fullmatch(number):
        return False
    signed = any(sign in match["sign"] for sign in ":=：")
    if "\n" in match["sign"] and not signed:
        return False
    if _LOOSE_LABELS.match(match["label"]) and not signed:
        return False
    groups = re.findall(r"\d+", number)
    return max(map(len, groups)) >= 3 or len(groups) >= 4


@lru_cache(4096)
def _exists(number: str) -> bool:
    """Whether the numbering plan of its country has room for a number, written as `+` and digits."""
    import phonenumbers  # a tenth of a second, which no command that masks nothing should wait

    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(number))
    except phonenumbers.NumberParseException:
        return False
