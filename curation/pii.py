"""Personal data in running text: e-mail and public IP addresses, phone and card numbers, and secrets, found as spans.

Every find gets the same placeholder, from the ranges that are reserved for documentation and fiction (RFC 2606, 5737
and 3849, ATIS-0300115), so no replacement can be somebody's address, masking twice changes nothing, and the result does
not depend on the order of documents. A placeholder per address would let a reader link its occurrences, or test a guess.

Precision comes from context: `section 1.2.3.4`, `v2.0.0.1` and `1.3.6.1.4.1` are no hosts, `logo@2x.png` is no
mailbox, private and reserved ranges name nobody.
"""

import ipaddress
import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from gristmill.curation import cards, phones
from gristmill.curation import secrets as keys
from gristmill.curation.digits import dense_places
from gristmill.curation.dotted_numbers import addresses_among
from gristmill.curation.edits import Edit

VERSION = 6
"""Bumped when the same text would get other spans, of secrets too."""

EMAIL_PLACEHOLDER = "email@example.com"
IPV4_PLACEHOLDER = "192.0.2.1"
IPV6_PLACEHOLDER = "2001:db8::1"


KINDS = ("email", "ip", "secrets", "phone", "credit_card")
"""What can be masked; the rule of an edit is `pii.<kind>`, or `secret.<rule>` for secrets."""


@dataclass(frozen=True)
class PiiParams:
    """What is masked."""

    email: Literal["mask"] | None = "mask"
    """E-mail addresses, plain (`a@b.org`) or written out (`<a at b.org>`, `a [at] b [dot] org`); null: left alone."""

    ip: Literal["mask"] | None = "mask"
    """Public IPv4 and IPv6 addresses; null: left alone."""

    secrets: Literal["mask"] | None = "mask"
    """Keys, tokens and passwords, as detect-secrets finds them (`curation/secrets.py`); null: left alone."""

    phone: Literal["mask"] | None = "mask"
    """Phone numbers with a country code, in North American form, or after a word such as "Tel."; null: left alone."""

    credit_card: Literal["mask"] | None = "mask"
    """Numbers of payment cards whose prefix, length and checksum fit; null: left alone."""

    def __post_init__(self):
        for name in KINDS:
            if getattr(self, name) not in ("mask", None):
                raise ValueError(f'{name} is "{getattr(self, name)}"; write {name}: mask, or {name}: null')


def find(text: str, params: PiiParams) -> list[Edit]:
    """Edits that mask personal data and secrets, ordered and disjoint, with rules `pii.email`, `pii.ip`, `secret.jwt` ...

    Time is linear in the text, whatever it holds.
    """
    spans = keys.find(text) if params.secrets else []
    # An IP inside an e-mail address goes with it; a password before a host looks like an address with it, and stays one.
    addresses = [*(_ips(text) if params.ip else ()), *(_mailboxes(text) if params.email else ())]
    spans = _merged(spans, _disjoint(addresses))
    places = dense_places(text, _BEFORE_NUMBER, _AFTER_NUMBER) if params.phone or params.credit_card else []
    if places and params.credit_card:
        rest = _without(text, spans)
        spans = _merged(spans, [card for place in places for card in _cards(rest, place)])
    if places and params.phone:
        rest = _without(text, spans)
        spans = _merged(spans, _disjoint([phone for place in places for phone in _phones(rest, place)]))
    return spans


def _merged(spans: list[Edit], more: list[Edit]) -> list[Edit]:
    """Two lists of ordered and disjoint spans as one, without those of the second that overlap some of the first."""
    if not spans or not more:
        return spans or more
    return sorted(spans + [span for span in more if not _overlaps(span, spans)], key=lambda span: span.start)


def _without(text: str, spans: list[Edit]) -> str:
    """The text with something as long in place of what is masked already, that begins and ends as the mask does.

    So numbers beside it look the same before and after it was masked.
    """
    pieces, position = [], 0
    for span in spans:
        mask = span.replacement[0] + "x" * (span.end - span.start - 2) + span.replacement[-1]
        pieces += [text[position : span.start], mask[: span.end - span.start]]
        position = span.end
    return "".join([*pieces, text[position:]]) if spans else text


def _disjoint(spans: list[Edit]) -> list[Edit]:
    """Spans in order, without those that overlap an earlier or longer one."""
    kept: list[Edit] = []
    for span in sorted(spans, key=lambda span: (span.start, -span.end)):
        if not kept or span.start >= kept[-1].end:
            kept.append(span)
    return kept


def _overlaps(span: Edit, others: list[Edit]) -> bool:
    """Whether a span shares a character with one of some ordered and disjoint spans."""
    after = bisect_left(others, span.end, key=lambda other: other.start)
    return after > 0 and others[after - 1].end > span.start


def _cards(text: str, place: tuple[int, int]) -> list[Edit]:
    return [Edit(*at, cards.PLACEHOLDER, "pii.credit_card") for at in cards.card_numbers(text, *place)]


def _phones(text: str, place: tuple[int, int]) -> list[Edit]:
    return [Edit(*at, phones.PLACEHOLDER, "pii.phone") for at in phones.phone_numbers(text, *place)]


_BEFORE_NUMBER, _AFTER_NUMBER = 48, 24
"""Characters around many digits that tell what they are: a word before, another digit behind."""


# --- e-mail -----------------------------------------------------------------------------------------------------------

# Latin letters with accents count, other scripts do not: Chinese and Thai run on without a space before an address.
_LETTER = "A-Za-z0-9\u00c0-\u024f"
_DOMAIN = rf"(?:[{_LETTER}-]{{1,63}}\.){{1,8}}([A-Za-z]{{2,24}})(?![{_LETTER}@])"

_AT = re.compile(rf"@{_DOMAIN}")
_WRITTEN_AT = re.compile(rf" at {_DOMAIN}")
_BRACKETED_AT = re.compile(
    r"\s?[\[({] ?[aA][tT] ?[\])}]\s?"
    rf"(?:[{_LETTER}-]{{1,63}}(?:\.|\s?[\[({{] ?[dD][oO][tT] ?[\])}}]\s?)){{1,8}}([A-Za-z]{{2,24}})(?![{_LETTER}])"
)
_MAX_LOCAL = 254
"""Longer than a mailbox may have (64, RFC 5321), as that of a list that writes the receiver into its own address."""

_LOCAL = re.compile(rf"(?:[{_LETTER}_+-][{_LETTER}._%+-]{{0,{_MAX_LOCAL - 2}}})?[{_LETTER}_]")
"""The part before an at-sign, backwards from it: so it is read once."""

_HOST = re.compile(rf"(?:[{_LETTER}-]{{1,63}}\.){{1,8}}[A-Za-z]{{2,24}}")

_NO_TOP_LEVEL = re.compile(
    r"avif|bmp|css|eot|gif|html?|ico|jpe?g|[mc]?jsx?|json|less|otf|pdf|php|png|scss|sql|svg|tiff|tsx?|ttf|txt|vue|webp|woff|xml"
    r"|ya?ml|example|internal|invalid|lan|local|localdomain|localhost|onion|test",
    re.IGNORECASE,
)
"""Endings of file names (`logo@2x.png`) and names that never leave a network (RFC 2606, 6762)."""

_DOCUMENTATION = re.compile(r"(?:\A|[.@ ])example\.(?:com|net|org)(?![^.])", re.IGNORECASE)
_NOBODY = frozenset({"git", "this", "super"})
"""`git@github.com:a/b` is a path to a repository, `this@Outer.name` is Kotlin."""


def _mailboxes(text: str) -> Iterator[Edit]:
    """Every e-mail address, in order; what is written with several at-signs, `jane@mill.org@foo.org`, is one."""
    signs = list(_AT.finditer(text)) if "@" in text else []
    written = list(_WRITTEN_AT.finditer(text)) if " at " in text else []
    bracketed = list(_BRACKETED_AT.finditer(text)) if _BRACKETED_HINT.search(text) else []
    if written or bracketed:
        signs = sorted(signs + written + bracketed, key=re.Match.start)
    end = 0
    for sign in signs:
        start = _local_start(text, end, sign.start())
        if start == sign.start() or text[start : sign.start()] in _NOBODY or not _is_domain(text, sign):
            continue
        if sign[0].startswith(" at "):
            listed = end > 0 and text[end:start] in _BETWEEN_ADDRESSES
            domain = text[start - 1 : start] == "@"  # of an address just before
            if domain or not (listed or _is_address(text, start, sign)):
                continue
        elif _HANDLE.search(text[max(0, start - 2) : start]):
            continue
        at = sign.start()
        while text[start - 1 : start] == "@" and _HOST.fullmatch(text, start, at):
            at = start - 1
            start = _local_start(text, end, at)
        end = sign.end()
        yield Edit(start, end, EMAIL_PLACEHOLDER, "pii.email")


def _local_start(text: str, reach: int, at: int) -> int:
    """Where the part before an at-sign begins, not before `reach`; `at` if there is none."""
    before = text[max(reach, at - _MAX_LOCAL) : at]
    local = _LOCAL.match(before[::-1])
    return at - local.end() if local else at


def _is_domain(text: str, sign: re.Match) -> bool:
    """Whether what follows an at-sign can be a mail server out in the world, and not a method call or file name."""
    ending = sign[1]
    return (
        not _NO_TOP_LEVEL.fullmatch(ending)
        and (ending.islower() or ending.isupper() or ending.istitle())
        and text[sign.end() : sign.end() + 1] != "("
        and not _DOCUMENTATION.search(sign[0])
    )


_BRACKETED_HINT = re.compile(r"[\[({] ?[aA][tT] ?[\])}]")
_HANDLE = re.compile(r"(?:\A|[^\w.])@\Z")  # @name@server is an account of the fediverse
_BETWEEN_ADDRESSES = frozenset({",", ", ", ";", "; ", " and ", " or "})
_HEADER = re.compile(r"[>|\s]*(?:From|To|Cc|Bcc|Reply-To|Sender|Errors-To):", re.IGNORECASE)
_LABEL = re.compile(r"(?:\be-?mail\s?\s?:|\binternet:|\bmailto:)[ \t]*\Z|<\Z", re.IGNORECASE)
_AFTER = re.compile(r" (?:wrote|writes):|>")
_MBOX_DATE = re.compile(r"  (?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) ")
_QUOTE_MARKS = re.compile(r"[>|*\s]*")


def _is_address(text: str, start: int, sign: re.Match) -> bool:
    """Whether `name at host.org` is an address, as archives of mailing lists write it, and not English.

    It is one in angle brackets, in a mail header, after "e-mail:", before "wrote:", or alone on its line with a name
    that is no word. `available at archive.org` is none of these.
    """
    reach = max(0, sign.start() - 300)
    begin = text.rfind("\n", reach, sign.start()) + 1 or reach
    before, after = text[begin:start], text[sign.end() : sign.end() + 8]
    if _LABEL.search(before[-24:]) or _AFTER.match(after) or _HEADER.match(before):
        return True
    if before == "From ":
        return _MBOX_DATE.match(after) is not None
    alone = _QUOTE_MARKS.fullmatch(before) and (after == "" or after[0] == "\n" or after.startswith("   "))
    return bool(alone) and not text[start : sign.start()].isalpha()


# --- IP ---------------------------------------------------------------------------------------------------------------

_DOTTED = r"\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}"
_IPV4_HINT = re.compile(r"\.\d{1,3}\.\d{1,3}\.\d")  # a literal first: 0.4 ns a character, _IPV4 23
_IPV4 = re.compile(rf"(?<![\w.])(?<![A-Za-z]-)(?<![A-Za-z0-9]/){_DOTTED}(?!\w|\.\d|-(?!{_DOTTED}(?!\d)))")
"""Four numbers that are not part of more, of `name-1.2.3.4`, or of `Agent/1.2.3.4`."""

_IPV6_HINT = re.compile(r":[0-9A-Fa-f]{0,4}:[0-9A-Fa-f]")
_IPV6 = re.compile(r"(?<![\w:.])[23][0-9A-Fa-f]{3}:[0-9A-Fa-f:]{2,35}(?![\w:])")
"""Public addresses are 2000::/3, so that the first group is written with all its four digits."""

_NETWORK = re.compile(r"/(\d\d?)(?!\d)")

_NO_PERSON = frozenset({"1.1.1.1", "1.0.0.1", "8.8.8.8", "8.8.4.4", "9.9.9.9"})
"""Public name servers, which manuals name."""


def _ips(text: str) -> Iterator[Edit]:
    """Every public address; those of version 4 first, each kind in order."""
    if _IPV4_HINT.search(text):
        for match in addresses_among(text, list(_IPV4.finditer(text))):
            if _is_public(match[0]) and not _is_network(text, match):
                yield Edit(match.start(), match.end(), IPV4_PLACEHOLDER, "pii.ip")
    if _IPV6_HINT.search(text):
        for match in _IPV6.finditer(text):
            # Three groups at least: "2009::ab" in code parses, but nobody has such an address.
            if _is_public(match[0]) and sum(map(bool, match[0].split(":"))) >= 3:
                yield Edit(match.start(), match.end(), IPV6_PLACEHOLDER, "pii.ip")


def _is_network(text: str, match: re.Match) -> bool:
    """Whether an address is that of a network, `1.208.0.0/12`, which is nobody's; `52.95.110.1/24` is a host in one."""
    length = _NETWORK.match(text, match.end())
    if length is None or int(length[1]) > 32:
        return False
    return ipaddress.ip_interface(match[0] + length[0]).network.network_address == ipaddress.ip_address(match[0])


def _is_public(address: str) -> bool:
    """Whether an address is valid and out in the world: not private, loopback, reserved or multicast."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return parsed.is_global and not parsed.is_multicast and address not in _NO_PERSON
