"""Keys, tokens and passwords in a text, found as spans to be replaced: what somebody forgot to take out.

`secret_patterns` knows tokens by their shape; here are private keys, passwords in URLs, and values that a name tells:
`api_key = "..."`, `Authorization: Bearer ...`. Strings that merely look random (checksums, test vectors, packed data) are
no secrets.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from functools import cache, lru_cache

import numpy as np

from gristmill.curation.edits import Edit
from gristmill.curation.secret_patterns import finders, is_random, is_secret
from gristmill.curation.secret_prefixes import TELLING

PLACEHOLDER = "<SECRET>"

_REACH = 120
"""Characters before and after a long word that tell what it is."""


def find(text: str) -> list[Edit]:
    """Edits that mask secrets, ordered and disjoint, with rules such as `secret.aws_access_key`.

    Time is linear in the text, whatever it holds.
    """
    found: dict[tuple[int, int], str] = {}
    for start, end in _private_keys(text):
        found[start, end] = "private_key"
    for start, end in _passwords_in_urls(text):
        found.setdefault((start, end), "basic_auth")
    near, places, starts = _around_long_words(text)
    for finder in finders() if near else ():
        for start, end in finder.find(near):
            part = bisect_right(places, start) - 1
            shift = starts[part] - places[part]
            found.setdefault((start + shift, end + shift), finder.rule)
    for start, end in _in_headers(text):
        found.setdefault((start, end), "authorization")
    for start, end in _assigned(text):
        found.setdefault((start, end), "keyword")
    edits: list[Edit] = []
    for (start, end), rule in sorted(found.items(), key=lambda item: (item[0][0], -item[0][1])):
        if not edits or start >= edits[-1].end:
            edits.append(Edit(start, end, PLACEHOLDER, f"secret.{rule}"))
    return edits


def rules() -> list[str]:
    """The rules of the edits that `find` can give, without `secret.`."""
    own = ("private_key", "basic_auth", "authorization", "keyword")
    return list(dict.fromkeys([*own, *(finder.rule for finder in finders())]))


def _around_long_words(text: str) -> tuple[str, list[int], list[int]]:
    """The parts of a text that can hold a token, a line each; where they start in it, and where in the text.

    Every token has sixteen letters in a row, with a digit or a known prefix among them. Few places of a text have, and
    looking only there is five times as fast.
    """
    places: list[int] = []
    starts: list[int] = []
    parts: list[str] = []
    size = end_of_last = 0
    for start, end in _long_words(text):
        if not TELLING.search(text, start, end):
            continue
        first, last = max(0, start - _REACH, end_of_last), max(end_of_last, min(len(text), end + _REACH))
        if parts and first > end_of_last:
            parts.append("\n")
            size += 1
        places.append(size)
        starts.append(first)
        parts.append(text[first:last])
        size += last - first
        end_of_last = last
    return "".join(parts), places, starts


_MIN_WORD = 16
_VALUE_CHARACTERS = np.zeros(256, bool)
_VALUE_CHARACTERS[np.frombuffer(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/_~-", np.uint8)] = (
    True
)


def _long_words(text: str) -> Iterator[tuple[int, int]]:
    """Spans of 16 characters or more that a key may consist of, with the `=` that base64 ends in."""
    if text.isascii():
        fits = _VALUE_CHARACTERS[np.frombuffer(text.encode("ascii"), np.uint8)]
    else:
        points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
        fits = _VALUE_CHARACTERS[np.minimum(points, 255).astype(np.uint8)]
    edges = np.flatnonzero(np.diff(fits, prepend=False, append=False)).reshape(-1, 2)
    lengths = edges[:, 1] - edges[:, 0]
    for start, end in edges[lengths >= _MIN_WORD].tolist():
        yield start, end + (2 if text.startswith("==", end) else text.startswith("=", end))


# --- private keys -----------------------------------------------------------------------------------------------------

_KEY_START = re.compile(r"BEGIN (?:[A-Z0-9]{2,10} ){0,2}PRIVATE KEY(?: BLOCK)?[ -]{1,8}|Private-Lines: \d{1,4}")
_MIN_KEY_CHARACTERS, _MAX_KEY_CHARACTERS = 64, 20_000
_KEY_PIECE = re.compile(
    r"(?P<packed>[A-Za-z0-9+/=]{16,}|[A-Za-z0-9+/=]{1,15}(?=(?:\\[nr]|[\s\"'+,>|*#]){0,40}(?:-|\Z)))"
    r"|\\[nr]|[\s\"'`+,\\>|*#]|(?:Proc-Type|DEK-Info|Version|Comment): [^\n\\]{1,80}"
)
"""A line of a key, or what stands between lines where code or a log quotes it."""


def _private_keys(text: str) -> Iterator[tuple[int, int]]:
    """The packed lines between the marks of a private key; the marks stay, and so does code that only writes them."""
    if "PRIVATE KEY" not in text and "Private-Lines" not in text:
        return
    position = 0
    while mark := _KEY_START.search(text, position):
        position = mark.end()
        first = last = size = 0
        limit = position + _MAX_KEY_CHARACTERS
        while position < limit and (piece := _KEY_PIECE.match(text, position)):
            position = piece.end()
            if piece["packed"]:
                first, last = first or piece.start(), piece.end()
                size += piece.end() - piece.start()
        if size >= _MIN_KEY_CHARACTERS:
            yield first, last


# --- URLs -----------------------------------------------------------------------------------------------------------

_PLACEHOLDER_PASSWORD = re.compile(
    r"(?:my|your|the|some|db|user|test|)[-_]?(?:pass(?:word|wd|phrase)?|pwd|pw|secret|token|key|user(?:name)?|admin|root|postgres|mysql"
    r"|guest|test|changeme|x+|\*+|foo|bar|p|\d{1,4})\d{0,3}\Z",
    re.IGNORECASE,
)


def _passwords_in_urls(text: str) -> Iterator[tuple[int, int]]:
    """The password of `scheme://user:password@host`, unless it is a word that manuals put there."""
    if "://" not in text or "@" not in text:
        return
    for match in _basic_auth().finditer(text):
        value = match[1]
        template = value[0] in "{<$%" or value[-1] in "}>%"
        if not template and not _PLACEHOLDER_PASSWORD.match(value) and is_secret(value, random=False):
            yield match.span(1)


@cache
def _basic_auth() -> re.Pattern[str]:
    from detect_secrets.plugins.basic_auth import BasicAuthDetector

    return BasicAuthDetector.denylist[0]


# --- values with a telling name ---------------------------------------------------------------------------------------

_NAMED = re.compile(
    r"(?:key|pwd|pass|token|secret|credential)[\w-]{0,30}+[\"'\]]{0,2}+"
    r"(?P<sign>\s{0,4}+(?::=|=>|={1,3}|[:,(])\s{0,4}+|\s{1,8}+)(?P<quote>@?[\"'`])?"
    r"(?P<value>(?P<packed>[a-z0-9+/_~-]{16,200}+={0,2}+)?[^\s\"'`<>]{0,80}+)(?P<end>[\"'`]?)"
)
"""In lower case: without the flag for it, `re` looks for first letters and is twice as fast."""
_HEADER = re.compile(
    r"(?:Bearer|Authorization[\"']?\s{0,4}[:,=]\s{0,4}[\"']?(?:Basic|[Tt]oken))\s{1,4}+(?P<packed>[A-Za-z0-9+/_.~-]{16,200}+={0,2}+)"
    r"(?![A-Za-z0-9+/_.~-])"
)
_NOT_NAME = re.compile(r"[^\w.-]")
_NO_SECRET_NAME = re.compile(
    r"public|foreign|primary|sort|partition|cache|test|idempot|etag|checksum|digest|hash|fingerprint|commit|sha\d|md5|_id\b|key_?id|keyid|data[-_]?key",
    re.IGNORECASE,
)
_SECRET_NAME = re.compile(
    r"pass(?!age|ive|ing|enger|port(?!_))|pwd|secret|token|credential|contrase|"
    r"(?:api|auth|service|account|db|database|priv|private|client|access|hmac|iam|admin|master|encryption|signing|cloudant)_?key",
    re.IGNORECASE,
)
_PASSWORD_NAME = re.compile(r"pass(?:w|phrase|$|_)|pwd|secret|credential", re.IGNORECASE)
_PASSWORD_SIGN = re.compile(r"[!@#$%^&*?~+=.:;,|-]")
_TEMPLATE = re.compile(r"\$[{(]|\{\w*\}|\{\{|%[\w(]|://|\w@\w[\w-]*\.\w|[()\[\]{}<>\\]|\A[./#$@&*]")
_LOWER = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")
_MIN_PASSWORD, _MAX_PASSWORD = 8, 64


def _assigned(text: str) -> Iterator[tuple[int, int]]:
    """Random values that are assigned to a name such as `aws_secret_access_key`, and passwords with signs in them."""
    lowered = text.lower()
    if len(lowered) != len(text):
        lowered = text.translate(_LOWER)
    for match in _NAMED.finditer(lowered):
        start, end = match.span("value")
        if start == end:
            continue
        packed = text[start : match.end("packed")] if match["packed"] else ""
        follows = lowered[match.end("packed") : match.end("packed") + 1]
        if packed and (not match["quote"] or follows == match["quote"][-1]) and is_random(packed.rstrip("=")):
            if _is_value(_name(text, match), packed, bool(match["quote"])):
                yield start, match.end("packed")
        elif match["sign"].strip() and _is_password(_name(text, match), text[start:end], match):
            yield start, end


def _in_headers(text: str) -> Iterator[tuple[int, int]]:
    """The token behind `Authorization: Bearer`."""
    if "Bearer" not in text and "Authorization" not in text:
        return
    for match in _HEADER.finditer(text):
        if is_random(match["packed"].rstrip("=")) and is_secret(match["packed"], False):
            yield match.span("packed")


def _name(text: str, match: re.Match) -> str:
    """The whole name of which a match has the end."""
    start = match.start()
    return _NOT_NAME.split(text[max(0, start - 40) : start])[-1] + text[start : match.start("sign")].rstrip("\"']")


@lru_cache(4096)
def _is_value(name: str, value: str, quoted: bool) -> bool:
    """Whether a random value with this name is a secret."""
    from detect_secrets.filters import heuristic

    if _NO_SECRET_NAME.search(name) or not _SECRET_NAME.search(name.replace("-", "_")):
        return False
    if not quoted:  # without quotes it may be a name in code: the letters have to be mixed
        mixed = any(c.isupper() for c in value) and any(c.islower() for c in value)
        if not mixed and not _HEX.match(value):
            return False
    line = f'{name.replace("-", "_")} = "{value}"'
    return (
        is_secret(value, False)
        and not heuristic.is_likely_id_string(value, line)
        and not heuristic.is_potential_uuid(value)
    )


_HEX = re.compile(r"[0-9a-fA-F]+\Z")
_LETTER, _DIGIT = re.compile("[A-Za-z]"), re.compile("[0-9]")


def _is_password(name: str, value: str, match: re.Match) -> bool:
    """Whether a short value with letters, digits and signs, as people choose them, is the password that its name says."""
    if not _MIN_PASSWORD <= len(value) <= _MAX_PASSWORD or not _PASSWORD_NAME.search(name):
        return False
    if match["quote"] and match["end"] != match["quote"][-1]:
        return False
    if not match["quote"] and (match["end"] or match["sign"].strip() not in ("=", ":")):
        return False
    if not (_PASSWORD_SIGN.search(value) and _LETTER.search(value) and _DIGIT.search(value)):
        return False
    if _TEMPLATE.search(value) or _NO_SECRET_NAME.search(name):
        return False
    # Without quotes it may be an expression in code.
    return is_secret(value, False) and (bool(match["quote"]) or (value[-1] not in ",;:." and "." not in value))
