"""Tokens that are known by their shape, such as `ghp_...` of GitHub, and what makes a string random or an example.

The patterns are those of detect-secrets (Yelp), with its filters. Asked line by line they read 0.05 MB/s, so each is asked
only around the fixed letters that all its finds have. A find must also be a token of its own, not part of a longer
word, and neither an example nor a template.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache

from gristmill.curation.secret_prefixes import PREFIXED, TELEGRAM


@dataclass(frozen=True, slots=True)
class Finder:
    """What finds one sort of secret."""

    rule: str
    find: Callable[[str], Iterator[tuple[int, int]]]


@cache
def finders() -> tuple[Finder, ...]:
    """All finders. What two of them find has the rule of the first."""
    return (Finder("jwt", _web_tokens), *_known_tokens(), *_prefixed_tokens())


def _finder(
    rule: str, patterns: tuple[re.Pattern[str], ...], literals: tuple[str, ...], before: int, after: int, random: bool
) -> Finder:
    return Finder(rule, lambda text: _tokens(text, patterns, literals, before, after, random))


def _prefixed_tokens() -> Iterator[Finder]:
    """Tokens whose prefix says whose they are."""
    for one in PREFIXED:
        yield _finder(one.rule, (one.pattern,), one.prefixes, 2, one.max_characters, random=False)
    yield _finder("telegram_token", (TELEGRAM,), (":AA",), 12, 40, random=False)


def _known_tokens() -> tuple[Finder, ...]:
    """Tokens as detect-secrets knows them. It is imported when first asked for: it brings much along."""
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

    def tokens(rule, detector, literals, before=8, after=128, random=False) -> Finder:
        return _finder(rule, tuple(detector.denylist), literals, before, after, random)

    github = ("ghp_", "gho_", "ghu_", "ghs_", "ghr_")
    gitlab = "glpat- gldt- glft- glsoat- glrt- GR1348941 glcbt- glimt- glptt- glagent- gloas-"
    return (
        tokens("aws_access_key", AWSKeyDetector, ("AKIA", "ASIA", "ABIA", "ACCA", "A3T"), 2, 40),
        tokens("artifactory", ArtifactoryDetector, ("AKC", "AP"), 2, 100, random=True),
        tokens("azure_storage_key", AzureStorageKeyDetector, ("AccountKey=",)),
        tokens("discord_token", DiscordBotTokenDetector, (), random=True),
        tokens("github_token", GitHubTokenDetector, github),
        tokens("gitlab_token", GitLabTokenDetector, tuple(gitlab.split()), 2, 1_100),
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
                if not _inside_word(text, first, last) and is_secret(text[first:last], random):
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


_JWT = re.compile(r"(?<![\w=-])eyJ[\w=-]++\.eyJ[\w=-]++(?:\.[\w+/=-]*+)?")


def _web_tokens(text: str) -> Iterator[tuple[int, int]]:
    """JSON Web Tokens with their signature; the plugin's own pattern leaves that standing."""
    if "eyJ" not in text:
        return
    from detect_secrets.plugins.jwt import JwtTokenDetector

    for match in _JWT.finditer(text):
        if JwtTokenDetector.is_formally_valid(".".join(match[0].split(".")[:2])):
            yield match.span()


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


@lru_cache(4096)
def is_secret(value: str, random: bool) -> bool:
    """Whether a find passes detect-secrets' filters, and ours for examples; and looks random if it must."""
    from detect_secrets.filters import heuristic

    return not (
        heuristic.is_sequential_string(value)
        or heuristic.is_templated_secret(value)
        or heuristic.is_not_alphanumeric_string(value)
        or _EXAMPLE.search(value)
        or (random and not is_random(value))
    )


@lru_cache(4096)
def is_random(value: str) -> bool:
    """Whether a string looks drawn by chance: high entropy, digits and letters in turns, which words do not have.

    A random string changes its sort of letter at 40 % of its places and more, `getSecretKeyFromStorage2` at 22 %.

    Limits of entropy in bits a character are detect-secrets' for hexadecimal (3.0); for others 3.5, below its 4.5, which
    strings of less than 23 characters cannot reach.
    """
    if len(value) < 16 or value.isalpha() or not (_DIGIT.search(value) and _LETTER.search(value)):
        return False
    if len(_CHANGE.findall(value)) < _MIN_CHANGES * (len(value) - 1):
        return False
    counts = Counter(value.lower() if _HEX.match(value) else value).values()
    bits = -sum(count / len(value) * math.log2(count / len(value)) for count in counts)
    return bits > (3.0 if _HEX.match(value) else 3.5)
