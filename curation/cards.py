"""Numbers of payment cards in a text: by their issuer's prefix and length (ISO/IEC 7812) and the Luhn checksum.

Written in groups as cards print them, or as one run of 15 or 16 digits. One random run of 16 digits in fifty has a
prefix and a checksum that fit, so that rarer lengths are taken only in groups or after a word such as "card", and
a run inside a longer number, a fraction, an identifier or a row of a matrix is none.
"""

import re
from collections.abc import Iterator

PLACEHOLDER = "<CREDIT_CARD>"
"""No number is set aside for documentation, and a number that fails the checksum would teach a wrong one."""

ISSUERS = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})"  # Visa
    r"|(?:5[1-5]\d\d|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}"  # Mastercard
    r"|3[47]\d{13}"  # American Express
    r"|(?:6011|64[4-9]\d|65\d\d)\d{12,15}"  # Discover
    r"|(?:30[0-5]|3[689]\d)\d{11}"  # Diners Club
    r"|35(?:2[89]|[3-8]\d)\d{12,15}"  # JCB
    r"|62\d{14,17}"  # UnionPay
)
"""Prefixes and lengths that networks assign; payment-card test numbers are among them."""

_NUMBER = re.compile(
    r"(?<![\w.,:/+*=#%@&<>^~])(?<!\d[ -])(?<!\w[-_])"
    r"(?:(?P<run>\d{13,19})"
    r"|\d{4}(?P<by>[ -])\d{4}(?P=by)\d{4}(?P=by)\d{4}(?:(?P=by)\d{1,3})?"
    r"|3\d{3}(?P<three>[ -])\d{6}(?P=three)\d{4,5})"
    r"(?![\w/]|[.,:+=]\d|-\w|[ ]\d{4}(?!\d))"
)
_LABELLED_RUN = re.compile(r"[:=]\s?\"?\Z")
_LABEL = re.compile(r"card|visa|amex|credit|debit|carte|karte|tarjeta|cartão|carta\b|卡", re.IGNORECASE)
_LABEL_REACH = 40
_USUAL_LENGTHS = (15, 16)


def card_numbers(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Start and end of every card number in a part of a text, in order."""
    for match in _NUMBER.finditer(text, start, end):
        digits = re.sub(r"[ -]", "", match[0])
        if not ISSUERS.fullmatch(digits) or not luhn(digits):
            continue
        usual = match["run"] is None or len(digits) in _USUAL_LENGTHS
        if usual or _LABEL.search(text, max(0, match.start() - _LABEL_REACH), match.start()):
            yield match.span()


_DOUBLED = str.maketrans("0123456789", "0246813579")


def luhn(digits: str) -> bool:
    """Whether a number's last digit is its checksum (ISO/IEC 7812-1, annex B).

    >>> luhn("4111111111111111"), luhn("4111111111111112")
    (True, False)
    """
    return (sum(map(int, digits[-1::-2])) + sum(map(int, digits[-2::-2].translate(_DOUBLED)))) % 10 == 0
