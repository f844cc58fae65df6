"""Keys, tokens and passwords in a text, found as spans to be replaced: what somebody forgot to take out.

The finders are those of detect-secrets (Yelp), with its filters. Asked line by line they read 0.05 MB/s, so each is asked
only around the fixed letters that all its finds have. A find must also be a token of its own, not part of a longer
word, and neither an example nor a template. Strings that merely look random (checksums, test vectors, packed data) are
no secrets; random ones are where a name says so: `api_key = "..."`.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np

from gristmill.curation.edits import Edit

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
    for finder in _finders() if near else ():
        for start, end in finder.find(near):
            part = bisect_right(places, start) - 1
            shift = starts[part] - places[part]
            found.setdefault((start + shift, end + shift), finder.rule)
    edits: list[Edit] = []
    for (start, end), rule in sorted(found.items(), key=lambda item: (item[0][0], -item[0][1])):
        if not edits or start >= edits[-1].end:
            edits.append(Edit(start, end, PLACEHOLDER, f"secret.{rule}"))
    return edits


def _around_long_words(text: str) -> tuple[str, list[int], list[int]]:
    """The parts of a text that can hold a token, a line each; where they start in it, and where in the text.

    Every token has sixteen letters in a row with a digit among them. Few places of a text have, and looking only there
    is five times as fast.
    """
    places: list[int] = []
    starts: list[int] = []
    parts: list[str] = []
    size = end_of_last = 0
    for start, end in _long_words(text):
        if not _DIGIT.search(text, start, end):
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


@dataclass(frozen=True, slots=True)
class _Finder:
    """What finds one sort of secret."""

    rule: str
    find: Callable[[str], Iterator[tuple[int, int]]]


@cache
def _finders() -> tuple[_Finder, ...]:
    """All finders. detect-secrets is imported when they are first asked for: it brings much along."""
    from detect_secrets.plugins.artifactory import ArtifactoryDetector
    from detect_secrets.plugins.aws import AWSKeyDetector
    from detect_secrets.plugins.azure_storage_key import AzureStorageKeyDetector
    from detect_secrets.plugins.discord import DiscordBotTokenDetector
    from detect_secrets.plugins.github_token import GitHubTokenDetector
    from detect_secrets.plugins.gitlab_token import GitLabTokenDetector
    from detect_secrets.plugins.mailchimp import MailchimpDetector
    from detect_secrets.plugins.npm import NpmDetector
    from detect_secrets.plugins.openai import OpenAIDetector
    from detect_secrets.plugins.pypi_token import PypiTokenDetector
    from detect_secrets.plugins.sendgrid import SendGridDetector
    from detect_secrets.plugins.slack import SlackDetector
    from detect_secrets.plugins.square_oauth import SquareOAuthDetector
    from detect_secrets.plugins.stripe import StripeDetector
    from detect_secrets.plugins.telegram_token import TelegramBotTokenDetector
    from detect_secrets.plugins.twilio import TwilioKeyDetector

    def tokens(rule, detector, literals, before=8, after=128, random=False) -> _Finder:
        return _Finder(rule, lambda text: _tokens(text, tuple(detector.denylist), literals, before, after, random))

    class Since:  # what has come since detect-secrets 1.5
        denylist = (
            re.compile(r"github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}"),
            re.compile(r"AIza[0-9A-Za-z_-]{35}"),
            re.compile(r"hf_[A-Za-z0-9]{34}"),
            re.compile(r"sk-ant-[A-Za-z0-9]{2,8}-[A-Za-z0-9_-]{80,110}"),
        )

    github = ("ghp_", "gho_", "ghu_", "ghs_", "ghr_")
    gitlab = (
        "glpat-",
        "gldt-",
        "glft-",
        "glsoat-",
        "glrt-",
        "GR1348941",
        "glcbt-",
        "glimt-",
        "glptt-",
        "glagent-",
        "gloas-",
    )
    return (
        _Finder("jwt", _web_tokens),
        tokens("aws_access_key", AWSKeyDetector, ("AKIA", "ASIA", "ABIA", "ACCA", "A3T"), 2, 40),
        tokens("artifactory", ArtifactoryDetector, ("AKC", "AP"), 2, 100, random=True),
        tokens("azure_storage_key", AzureStorageKeyDetector, ("AccountKey=",)),
        tokens("discord_token", DiscordBotTokenDetector, (), random=True),
        tokens("github_token", GitHubTokenDetector, github),
        tokens("gitlab_token", GitLabTokenDetector, gitlab, 2, 1_100),
        tokens("mailchimp_key", MailchimpDetector, ("-us",), 36, 8, random=True),
        tokens("npm_token", NpmDetector, (":_authToken=",), 120, 120),
        tokens("openai_key", OpenAIDetector, ("T3BlbkFJ",), 200, 40),
        tokens("pypi_token", PypiTokenDetector, ("pypi-Ag",), 2, 400),
        tokens("sendgrid_key", SendGridDetector, ("SG.",)),
        tokens("slack_token", SlackDetector, ("xox", "https://hooks.slack.com/services/"), 2, 200),
        tokens("square_oauth", SquareOAuthDetector, ("sq0csp-",)),
        tokens("stripe_key", StripeDetector, ("sk_live_", "rk_live_")),
        tokens("telegram_token", TelegramBotTokenDetector, (), random=True),
        tokens("twilio_key", TwilioKeyDetector, ("AC", "SK"), 2, 40, random=True),
        tokens("api_key", Since, ("github_pat_", "AIza", "hf_", "sk-ant-")),
        _Finder("keyword", _assigned),
    )


def _tokens(
    text: str, patterns: tuple[re.Pattern[str], ...], literals: tuple[str, ...], before: int, after: int, random: bool
) -> Iterator[tuple[int, int]]:
    """Spans that the patterns find around the literals (everywhere, without literals), if they are tokens of their own."""
    for start, end in _windows(text, literals, before, after) if literals else ((0, len(text)),):
        for pattern in patterns:
            for match in pattern.finditer(text, start, end):
                group = match.lastindex or 0
                # A group is the secret in an assignment; in a token it is only its kind, such as "ghp".
                whole = group == 0 or len(match[group]) < 12
                first, last = match.span(0 if whole else group)
                while first < last and not text[first].isalnum() and text[first] not in "_-":
                    first += 1  # Artifactory's pattern takes the quote along
                while last > first and not text[last - 1].isalnum() and text[last - 1] not in "_-=":
                    last -= 1
                if not _inside_word(text, first, last) and _is_secret(text[first:last], random):
                    yield first, last


def _windows(text: str, literals: tuple[str, ...], before: int, after: int) -> Iterator[tuple[int, int]]:
    """Stretches around the places of the literals, neighbours together, but never longer than a few finds."""
    for literal in literals:
        starts_token = literal[0].isalnum() and before < len(literal) + 16
        start = end = -1
        position = text.find(literal)
        while position >= 0:
            if not (starts_token and position and _WORD.match(text[position - 1])):
                if end >= 0 and (position - before > end or end - start > 8 * (before + after)):
                    yield start, end
                    start = -1
                start = max(0, position - before) if start < 0 else start
                end = min(len(text), position + after)
            position = text.find(literal, position + len(literal))
        if end >= 0:
            yield start, end


_WORD = re.compile(r"[A-Za-z0-9_]")


def _inside_word(text: str, start: int, end: int) -> bool:
    """Whether a find is only part of a longer word, as packed data has them."""
    return bool(start and _WORD.match(text[start - 1]) and _WORD.match(text[start])) or bool(
        end < len(text) and _WORD.match(text[end]) and _WORD.match(text[end - 1])
    )


# --- what is not secret about a find ----------------------------------------------------------------------------------

_EXAMPLE = re.compile(
    r"example|xxxx|\.\.\.|0000000|1234567|abcdefg|your[-_]?|change[-_]?me|placeholder|dummy|fake|sample|foobar|redacted|secret_?key"
    r"|\*\*\*|deadbeef|(.)\1{5}",
    re.IGNORECASE,
)
_HEX = re.compile(r"[0-9a-fA-F]+\Z")
_DIGIT, _LETTER = re.compile("[0-9]"), re.compile("[A-Za-z]")
_CHANGE = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Za-z])(?=[0-9])|(?<=[0-9])(?=[A-Za-z])")


_MIN_CHANGES = 0.24


def _is_secret(value: str, random: bool) -> bool:
    """Whether a find passes detect-secrets' filters, and ours for examples; and looks random if it must."""
    from detect_secrets.filters import heuristic

    return not (
        heuristic.is_sequential_string(value)
        or heuristic.is_templated_secret(value)
        or heuristic.is_not_alphanumeric_string(value)
        or _EXAMPLE.search(value)
        or (random and not _is_random(value))
    )


def _is_random(value: str) -> bool:
    """Whether a string looks drawn by chance: high entropy, digits and letters in turns, which words do not have.

    A random string changes its sort of letter at 40 % of its places and more, `getSecretKeyFromStorage2` at 22 %.

    Limits of entropy in bits a character are detect-secrets' for hexadecimal (3.0); for others 3.5, below its 4.5, which
    strings of less than 23 characters cannot reach.
    """
    if len(value) < 16 or value.isalpha() or not (_DIGIT.search(value) and _LETTER.search(value)):
        return False
    if len(_CHANGE.findall(value)) < _MIN_CHANGES * (len(value) - 1):
        return False
    high_entropy = _entropies()
    if _HEX.match(value):
        return high_entropy["hex"].calculate_shannon_entropy(value.lower()) > 3.0
    return high_entropy["base64"].calculate_shannon_entropy(value) > 3.5


@cache
def _entropies() -> dict:
    from detect_secrets.plugins.high_entropy_strings import Base64HighEntropyString, HexHighEntropyString

    return {"hex": HexHighEntropyString(), "base64": Base64HighEntropyString()}


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


# --- URLs and web tokens ----------------------------------------------------------------------------------------------

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
        if not template and not _PLACEHOLDER_PASSWORD.match(value) and _is_secret(value, random=False):
            yield match.span(1)


@cache
def _basic_auth() -> re.Pattern[str]:
    from detect_secrets.plugins.basic_auth import BasicAuthDetector

    return BasicAuthDetector.denylist[0]


_JWT = re.compile(r"(?<![\w=-])eyJ[\w=-]++\.eyJ[\w=-]++(?:\.[\w+/=-]*+)?")


def _web_tokens(text: str) -> Iterator[tuple[int, int]]:
    """JSON Web Tokens with their signature; the plugin's own pattern leaves that standing."""
    if "eyJ" not in text:
        return
    from detect_secrets.plugins.jwt import JwtTokenDetector

    for match in _JWT.finditer(text):
        if JwtTokenDetector.is_formally_valid(".".join(match[0].split(".")[:2])):
            yield match.span()


# --- values with a telling name ---------------------------------------------------------------------------------------

_NAMED = re.compile(
    r"(?P<name>[\w.-]{0,40}?(?:key|pwd|pass|token|secret|credential)[\w-]{0,30})[\"'\]]{0,2}\s{0,4}(?::=|=>|={1,3}|[:,(]|\s)\s{0,4}"
    r"(?P<quote>@?[\"'`])?\Z",
    re.IGNORECASE,
)
_NAME_REACH = 100
_MIN_VALUE, _MAX_VALUE = 16, 200
_NO_SECRET_NAME = re.compile(
    r"public|foreign|primary|sort|partition|cache|test|idempot|etag|checksum|digest|hash|fingerprint|commit|sha\d|md5|_id\b|key_?id|keyid|data[-_]?key",
    re.IGNORECASE,
)
_VALUE_CHARACTERS = np.zeros(256, bool)
_VALUE_CHARACTERS[np.frombuffer(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/_~-", np.uint8)] = (
    True
)


def _assigned(text: str) -> Iterator[tuple[int, int]]:
    """Random values that are assigned to a name such as `aws_secret_access_key`, `api_key`, `password` or `auth_token`."""
    for start, end in _long_words(text):
        if end - start > _MAX_VALUE:
            continue
        value = text[start:end]
        if not _is_random(value) or not _is_secret(value, random=False):
            continue
        named = _NAMED.search(text, max(0, start - _NAME_REACH), start)
        if named is None or (named["quote"] and text[end : end + 1] != named["quote"][-1]):
            continue
        name = named["name"]
        if not _NO_SECRET_NAME.search(name) and _is_secret_name(name, value, bool(named["quote"])):
            yield start, end


def _long_words(text: str) -> Iterator[tuple[int, int]]:
    """Spans of 16 characters or more that a key may consist of, with the `=` that base64 ends in."""
    if text.isascii():
        fits = _VALUE_CHARACTERS[np.frombuffer(text.encode("ascii"), np.uint8)]
    else:
        points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
        fits = _VALUE_CHARACTERS[np.minimum(points, 255).astype(np.uint8)]
    edges = np.flatnonzero(np.diff(fits, prepend=False, append=False)).reshape(-1, 2)
    lengths = edges[:, 1] - edges[:, 0]
    for start, end in edges[lengths >= _MIN_VALUE].tolist():
        yield start, end + (2 if text.startswith("==", end) else text.startswith("=", end))


def _is_secret_name(name: str, value: str, quoted: bool) -> bool:
    """Whether detect-secrets takes `name = "value"` for a secret: by its list of names, or those of AWS, IBM and others."""
    from detect_secrets.filters import heuristic

    line = f'{name.replace("-", "_")} = "{value}"'
    if heuristic.is_likely_id_string(value, line) or heuristic.is_potential_uuid(value):
        return False
    plugins = _by_name()
    if not quoted:  # without quotes it may be a name in code: the letters have to be mixed
        mixed = any(c.isupper() for c in value) and any(c.islower() for c in value)
        if not mixed and not _HEX.match(value):
            return False
    return "token" in name.lower() or any(True for plugin in plugins for _ in plugin.analyze_string(line))


@cache
def _by_name() -> tuple:
    from detect_secrets.plugins.aws import AWSKeyDetector
    from detect_secrets.plugins.cloudant import CloudantDetector
    from detect_secrets.plugins.ibm_cloud_iam import IbmCloudIamDetector
    from detect_secrets.plugins.ibm_cos_hmac import IbmCosHmacDetector
    from detect_secrets.plugins.keyword import KeywordDetector
    from detect_secrets.plugins.softlayer import SoftlayerDetector

    return (
        KeywordDetector(),
        AWSKeyDetector(),
        CloudantDetector(),
        IbmCloudIamDetector(),
        IbmCosHmacDetector(),
        SoftlayerDetector(),
    )
