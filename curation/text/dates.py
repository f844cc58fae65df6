"""A date as tables write it, in ISO 8601, so that dates of all sources can be compared."""

import re
from datetime import UTC, date, datetime, timedelta

_ISO = re.compile(r"(\d{4})(?:[-/.](\d{1,2})(?:[-/.](\d{1,2})(?!\d)(?:[T ]\s*(\d\d:\d\d.{0,30}))?)?)?", re.DOTALL)
_COMPACT = re.compile(r"((?:1[5-9]|20)\d\d)(\d\d)(\d\d)(?:T?\d{4}(?:\d\d)?Z?)?")
_DAY_LAST_YEAR = re.compile(r"(\d{1,2})([./-])(\d{1,2})\2(\d{4})(?:[ ,T].{0,30})?", re.DOTALL)
_UNIVERSAL = re.compile(r"\s*(?:UTC|GMT)$")
_NUMBER = re.compile(r"\d{9,19}(?:\.\d{1,9})?")

_MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = re.compile(
    r"\b(jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)\b",
    re.IGNORECASE,
)
_YEAR = re.compile(r"(?<![\d:+-])(\d{4})(?![\d:])")
_DAY = re.compile(r"(?<![\d:+-])(\d{1,2})(?:st|nd|rd|th)?(?![\d:])")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECONDS = (10**8, 10**10)
"""Numbers in this range are seconds since 1970 (1973 to 2286); 1000, 10^6 and 10^9 times as much are smaller units."""


def iso_date(value: object) -> str | None:
    """A date in ISO 8601, as far as it is told: `2019`, `2019-05`, `2019-05-06`, or with the time; None for no date.

    Read are ISO 8601 and its relatives (`2019/5/6`, `20190506`), seconds since 1970 and their thousandths, millionths
    and billionths, English months (`May 6, 2019`, RFC 5322), and `6.5.2019`. Of `5/6/2019` only the year is sure.

    >>> [iso_date(v) for v in (1556668800, "6.5.2019", "May 6, 2019", "5/6/2019", "soon")]
    ['2019-05-01T00:00:00Z', '2019-05-06', '2019-05-06', '2019', None]
    """
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, bool):
        return None
    if isinstance(value, int) and (1000 <= value <= 2999 or 10**7 <= value < 10**8):
        value = str(value)
    if isinstance(value, int | float):
        return _since_1970(value)
    if not isinstance(value, str) or len(value) > 100:
        return None
    text = value.strip()
    if match := _ISO.fullmatch(text):
        day = _checked(match[1], match[2], match[3])
        return f"{day}T{_UNIVERSAL.sub('Z', match[4])}" if day and match[4] else day
    if (match := _COMPACT.fullmatch(text)) and (day := _checked(match[1], match[2], match[3])):
        return day
    if _NUMBER.fullmatch(text):
        return _since_1970(float(text))
    if match := _DAY_LAST_YEAR.fullmatch(text):
        return _day_or_month_first(int(match[1]), int(match[3]), match[4], match[2] == ".")
    return _with_month_name(text)


def _checked(year: str, month: str | None, day: str | None) -> str | None:
    """The parts as ISO 8601 if there is such a date."""
    try:
        found = date(int(year), int(month or 1), int(day or 1)).isoformat()
    except ValueError:
        return None
    return found[: 10 if day else 7 if month else 4]


def _since_1970(number: float) -> str | None:
    for unit in (1, 10**3, 10**6, 10**9):
        if _SECONDS[0] <= number / unit < _SECONDS[1]:
            return (_EPOCH + timedelta(seconds=int(number / unit))).strftime("%Y-%m-%dT%H:%M:%SZ")
    return None


def _day_or_month_first(one: int, other: int, year: str, dots: bool) -> str | None:
    """Dots say that the day comes first; otherwise a number above twelve says which is the day."""
    if dots or one > 12:
        return _checked(year, str(other), str(one))
    if other > 12 or one == other:
        return _checked(year, str(one), str(other))
    return _checked(year, None, None) if one and other else None


def _with_month_name(text: str) -> str | None:
    month, year = _MONTH.search(text), _YEAR.search(text)
    if not month or not year:
        return None
    number = str(_MONTH_NAMES.index(month[1][:3].lower()) + 1)
    day = _DAY.search(text)
    return _checked(year[1], number, day[1] if day else None)
