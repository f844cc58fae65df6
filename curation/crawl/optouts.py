"""Whether a page asks to be left out: of indexes, of training, of text and data mining.

What is recorded are the page's own words: a directive such as `noai` for everybody, `gptbot:noindex` for one robot. What
follows from it is a rule's business. Sources: Google's robots meta tag specification (X-Robots-Tag, directives for one
agent), DeviantArt's `noai` and `noimageai`, Mojeek's `noml`, the W3C community's TDM Reservation Protocol.
"""

import re
from collections.abc import Mapping

DIRECTIVES = frozenset({"noai", "noimageai", "noml", "noindex", "none"})
"""The directives that ask for a page to be left out of an index or of training; `none` means noindex, nofollow."""

WITH_VALUE = frozenset({"unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"})
"""Directives that have a colon of their own, as an agent's name has."""

TDM = "tdm-reservation"

SEARCHED_CHARS = 500_000
"""How far into a page its meta tags are looked for."""

COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
META = re.compile(r"<meta\b[^<>]{1,2000}", re.IGNORECASE)
MAX_META_BYTES = 4 * 2_010
NAME = re.compile(
    r"""\bname\s*=\s*["']?\s*(robots|tdm-reservation|[a-z0-9-]{0,40}bot(?:-[a-z0-9-]{1,40})?|google-extended|googleother"""
    r"""|applebot-extended|slurp|teoma|yandex|baiduspider)(?=["'\s/]|$)""",
    re.IGNORECASE,
)
HINT = re.compile(rb"\bname\s*=[\"'\s]*(?:robots|tdm-|[a-z0-9-]*bot|google|applebot|slurp|teoma|yandex|baidu)")
WORDS = re.compile("|".join([*sorted(DIRECTIVES), TDM]), re.IGNORECASE)
CONTENT = re.compile(r"""\bcontent\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""", re.IGNORECASE)


def in_headers(headers: Mapping[str, str]) -> set[str]:
    """The opt-outs in a response's headers; where one was sent several times, its values stand on lines of their own.

    >>> sorted(in_headers({"x-robots-tag": "noai, nofollow\\nGPTBot: noindex, nofollow", "tdm-reservation": "1"}))
    ['gptbot:noindex', 'noai', 'tdm-reservation']
    """
    found: set[str] = set()
    for line in headers.get("x-robots-tag", "").splitlines():
        agent = ""
        for piece in line.lower().split(","):
            name, colon, rest = piece.partition(":")
            if colon and name.strip() not in WITH_VALUE:
                agent, piece = name.strip(), rest
            found |= _directives(agent, piece)
    return found | ({TDM} if headers.get(TDM, "").strip() == "1" else set())


def hinted(lowered: bytes) -> bool:
    """Whether a page, in small letters, may opt out: most do not, and telling so must cost less than taking comments out."""
    at = lowered.find(b"<meta")
    while at >= 0:
        following = lowered.find(b"<meta", at + 1)
        end = at + MAX_META_BYTES if following < 0 else min(at + MAX_META_BYTES, following)
        tag = lowered[at:end].partition(b">")[0]
        if (b"no" in tag or b"tdm-" in tag) and HINT.search(tag) and WORDS.search(tag.decode("utf-8", "replace")):
            return True
        at = following
    return False


def in_page(html: str) -> set[str]:
    """The opt-outs in a page's meta tags, whether for all robots or for one that the tag names.

    >>> sorted(in_page('<meta name="robots" content="noai"><META CONTENT="noindex" NAME="CCBot">'))
    ['ccbot:noindex', 'noai']
    """
    found: set[str] = set()
    for tag in META.finditer(COMMENT.sub("", html[:SEARCHED_CHARS])):
        name, content = NAME.search(tag[0]), CONTENT.search(tag[0])
        if not name or not content:
            continue
        agent, value = name[1].lower(), next(filter(None, content.groups()), "").lower()
        if agent == TDM:
            found |= {TDM} if value.strip() == "1" else set()
        else:
            found |= _directives("" if agent == "robots" else agent, value)
    return found


def _directives(agent: str, words: str) -> set[str]:
    named = DIRECTIVES.intersection(re.split(r"[\s,;]+", words))
    return {f"{agent}:{word}" if agent and agent != "*" else word for word in named}
