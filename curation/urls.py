"""What an address says: the page it means, the domain it belongs to, and whether lists of domains and words know it.

`url_key` is made to find two copies of one page. Libraries normalise to other ends: w3lib's canonicalize_url keeps
scheme, www and trackers, courlan's drops parameters such as `keyword` that choose what a page shows, SURT lowers paths.

The features mean what datatrove's `URLFilter` asks (after Penedo et al. 2023, RefinedWeb, appendix G.1), column by
column, so that rules over them give its verdicts. As there, words and hosts are compared in the case they stand in.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from urllib.parse import quote

import idna
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import tldextract

from gristmill.curation import blocklists
from gristmill.curation.blocklists import INTEGRATED, UrlLists

VERSION: int = 1
"""Bumped when an address gets another key or other features."""


SUBWORDS_AT_ONCE = 200
"""Words in one regular expression; more would outgrow the memory that RE2 gives to a fast automaton."""

HOST = r"(?:\[[0-9A-Fa-f:.]+\]|[^/?#:@\[\]]+)"
ADDRESS = re.compile(
    rf"(?:(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*:)?//|(?={HOST}(?::[0-9]*)?(?:[/?#]|\Z)))"
    r"(?P<authority>[^/?#]*)(?P<path>[^?#]*)(?:\?(?P<query>[^#]*))?"
)
"""RFC 3986, appendix B; without a scheme only what begins as a host does."""

AUTHORITY = re.compile(rf"(?:[^/?#]*@)?({HOST})(?::([0-9]{{0,5}}))?")
LINE_BREAKS = re.compile("[\t\r\n]")
AFTER_HOST = "." + "".join(filter(str.isspace, map(chr, range(0x3001))))  # all white space of Unicode, and dots
AMPERSANDS = re.compile("(?:amp;)*+")
WWW = re.compile(r"^(?:www\d*\.)+(?=[^.]+\.)")

ESCAPE = re.compile("%([0-9A-Fa-f]{2})?")
PLAIN = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$'()*,:@"
PLAIN_IN_PATH, PLAIN_IN_QUERY = frozenset(PLAIN), frozenset(PLAIN + "/;?")
"""Characters that mean the same whether they are escaped or not. More than RFC 3986 says: nobody tells `(` from `%28`."""

UNSAFE_IN_PATH = re.compile(f"[^{re.escape(PLAIN)}/;=&+%]+")
UNSAFE_IN_QUERY = re.compile(f"[^{re.escape(PLAIN)}/;?=&%]+")

# What servers write into paths for want of a cookie: Java's ;jsessionid=..., ASP.NET's (S(...)).
PATH_SESSIONS = (
    re.compile(r";jsessionid=[^/;]*", re.IGNORECASE),
    re.compile(r"/\([a-z]\([a-z0-9]{24}\)\)(?=/|$)", re.IGNORECASE),
)
INDEX = re.compile(r"(?:index|default)\.(?:[sx]?html?|php\d?|aspx?|jsp|cfm|cgi|pl)", re.IGNORECASE)

TRACKING_PREFIXES = (
    *("utm_", "mtm_", "matomo_", "piwik_", "pk_campaign", "pk_kwd", "pk_keyword", "hsa_", "itm_", "vero_", "oly_"),
    *("gad_", "_ga_", "fb_action_", "__hs"),
)
# fmt: off
TRACKING = frozenset({
    "fbclid", "gclid", "gclsrc", "dclid", "gbraid", "wbraid", "msclkid", "yclid", "ymclid", "ysclid", "twclid",
    "ttclid", "scclid", "srsltid", "igsh", "igshid", "li_fat_id", "epik", "mc_cid", "mc_eid", "mkt_tok",
    "hsctatracking", "_hsenc", "_hsmi", "_ga", "_gl", "_openstat", "wickedid", "rb_clickid", "xtor", "spm",
    "fb_source", "fb_ref", "action_object_map", "action_type_map", "action_ref_map", "_branch_match_id",
    "__twitter_impression",
})
# fmt: on
"""Parameters by which advertisers and mailers count visitors: they never choose what a page shows."""

SESSION_PREFIXES = ("phpsessid", "jsessionid", "aspsessionid")
SESSIONS = frozenset({"oscsid", "zenid", "cfid", "cftoken", "sessionid", "session_id"})
MAYBE_SESSIONS = frozenset({"s", "sid", "ssid", "sess", "session", "psession"})
SESSION_VALUE = re.compile(r"[0-9a-f]{32,}|(?=.*\d)(?=.*[A-Za-z])[0-9A-Za-z]{26,}")
"""The value that makes a parameter of MAYBE_SESSIONS the name of a visit."""


def url_key(url: str) -> str:
    """What the addresses of one page have in common: equal for copies of a page, and its own key.

    Host without user, `www.` and default port, in lower case and Punycode; path without dot segments, repeated slashes,
    session ids, index.html and a last slash; query sorted, without parameters of trackers and sessions; escapes in one
    form; no scheme for http and https, no fragment. Paths keep their case. Every string has a key: what is no address
    of a host is its own, without white space around it and line breaks.

    >>> url_key("HTTPS://www.Example.com:443/a/./b/../c%7e/index.html?b=2&utm_source=x&a=1#top")
    'example.com/a/c~?a=1&b=2'
    """
    url = LINE_BREAKS.sub("", url.strip())
    match = ADDRESS.match(url)
    authority = AUTHORITY.fullmatch(match["authority"]) if match else None
    host = _host(authority[1]) if authority else None
    if not match or not authority or not host:
        return url
    scheme = (match["scheme"] or "").lower()
    web = scheme in ("", "http:", "https:")
    port = int(authority[2] or 0)
    port = 0 if web and port in (80, 443) else port
    query = _query(match["query"]) if match["query"] else ""
    return "".join(
        (
            "" if web else f"{scheme}//",
            f"{host}:{port}" if port else host,
            _path(match["path"]),
            f"?{query}" if query else "",
        )
    )


def _host(host: str) -> str | None:
    host = WWW.sub("", host.lstrip().rstrip(AFTER_HOST).lower())
    if not host.isascii() and len(host) < 254:
        try:
            host = WWW.sub("", idna.encode(host, uts46=True).decode().rstrip("."))
        except UnicodeError:
            pass  # no domain name, but perhaps one that resolves
    return host if host and not re.search(r"\s", host) else None


def _path(path: str) -> str:
    path = _escaped(path, PLAIN_IN_PATH, UNSAFE_IN_PATH)
    for session in PATH_SESSIONS:
        path = session.sub("", path)
    segments: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del segments[-1:]
        elif segment not in ("", "."):
            segments.append(segment)
    while segments and INDEX.fullmatch(segments[-1]):
        segments.pop()
    return "".join(f"/{segment}" for segment in segments)


def _query(query: str) -> str:
    query = _escaped(query.replace("+", "%20"), PLAIN_IN_QUERY, UNSAFE_IN_QUERY)
    parts = []
    for part in query.split("&"):
        part = part[AMPERSANDS.match(part).end() :]  # from an address taken out of HTML as it stands there
        name, _, value = part.partition("=")
        if part and not _is_noise(name.lower(), value):
            parts.append(part if value else name)
    return "&".join(sorted(filter(None, parts)))


def _is_noise(name: str, value: str) -> bool:
    """Whether a parameter says who came, or from where, and not what the page shows."""
    if name in TRACKING or name in SESSIONS or name.startswith(TRACKING_PREFIXES + SESSION_PREFIXES):
        return True
    return name in MAYBE_SESSIONS and SESSION_VALUE.fullmatch(value) is not None


def _escaped(text: str, plain: frozenset[str], unsafe: re.Pattern[str]) -> str:
    """The text with every character written in one way: as it is, or as the escapes of its UTF-8 bytes."""
    if "%" in text:
        text = ESCAPE.sub(lambda match: _escape(match[1], plain), text)
    return unsafe.sub(lambda match: quote(match[0], safe="", errors="surrogatepass"), text)


def _escape(digits: str | None, plain: frozenset[str]) -> str:
    if digits is None:
        return "%25"
    character = chr(int(digits, 16))
    return character if character in plain else f"%{digits.upper()}"


@cache
def _suffixes() -> Callable[[str], tldextract.tldextract.ExtractResult]:
    """The public suffix list that tldextract carries; nothing is fetched or cached on disk."""
    return tldextract.TLDExtract(cache_dir=None, suffix_list_urls=())


def registered_domain(url: str) -> str | None:
    """The domain that somebody registered, in the case of the address; None for IP addresses and bare host names.

    >>> registered_domain("https://forums.bbc.co.uk/a")
    'bbc.co.uk'
    """
    return _suffixes()(url).top_domain_under_public_suffix or None


# Features


def _field(name: str, says: str) -> pa.Field:
    return pa.field(name, pa.int64(), nullable=False, metadata={"doc": says})


URL_FEATURES: pa.Schema = pa.schema(
    [
        _field("url_blocked_domain", "1 if the registered domain is on a list of domains"),
        _field("url_blocked_subdomain", "1 if the full host name is on a list of domains"),
        _field("url_blocked_url", "1 if the address is on a list of addresses, letter by letter"),
        _field("url_blocked_page", "1 if the address is on a list of addresses, whatever the scheme of either"),
        _field("url_banned_words", "how many different banned words stand between separators of the address"),
        _field("url_soft_words", "how many different softly banned words stand between separators of the address"),
        _field("url_banned_subwords", "how many different banned words its letters and digits contain in a row"),
    ]
)
"""The columns of `url_features`; `doc` in a field's metadata says what it counts."""


def url_features(urls: pa.Array | pa.ChunkedArray, names: Sequence[str], lists: UrlLists = INTEGRATED) -> pa.Table:
    """The features called `names` of each address, one row each in their order; 0 for null and "".

    A list is only read if a feature needs it.
    """
    if isinstance(urls, pa.ChunkedArray):
        urls = urls.combine_chunks()
    urls = urls.cast(pa.large_string()).fill_null("")
    columns: dict[str, np.ndarray] = {}
    if {"url_blocked_domain", "url_blocked_subdomain"}.intersection(names):
        columns["url_blocked_domain"], columns["url_blocked_subdomain"] = _blocked_hosts(urls, lists)
    if "url_blocked_url" in names:
        columns["url_blocked_url"] = blocklists.places(lists, "urls").contains(_bytes(urls))
    if "url_blocked_page" in names:
        bare = pc.replace_substring_regex(urls, r"^[A-Za-z][A-Za-z0-9+.-]*://", "")
        columns["url_blocked_page"] = blocklists.places(lists, "urls", schemes=False).contains(_bytes(bare))
    for name, what in (("url_banned_words", "banned_words"), ("url_soft_words", "soft_banned_words")):
        if name in names:
            columns[name] = _words(urls, blocklists.words(lists, what))
    if "url_banned_subwords" in names:
        columns["url_banned_subwords"] = _subwords(urls, blocklists.words(lists, "banned_subwords"))
    schema = pa.schema([URL_FEATURES.field(name) for name in names])
    return pa.table([pa.array(columns[name].astype(np.int64)) for name in names], schema=schema)


def _bytes(strings: pa.Array) -> Iterator[bytes]:
    return iter(strings.cast(pa.large_binary()).to_pylist())


def _blocked_hosts(urls: pa.Array, lists: UrlLists) -> tuple[np.ndarray, np.ndarray]:
    # What a host is depends on the address up to its path; hosts repeat.
    fronts = pc.replace_substring_regex(urls, r"(?s)^((?:(?:[A-Za-z0-9+.-]*:)?//)?[^/?#]*).*", r"\1")
    fronts = fronts.dictionary_encode()
    found = [_suffixes()(front) for front in fronts.dictionary.to_pylist()]
    blocked = blocklists.places(lists, "domains")
    domains = blocked.contains(host.top_domain_under_public_suffix.encode() for host in found)
    hosts = blocked.contains(host.fqdn.encode() for host in found)
    places = fronts.indices.to_numpy()
    return domains[places], hosts[places]


def _words(urls: pa.Array, words: Sequence[str]) -> np.ndarray:
    """How many different ones of the words each address holds between separators."""
    split = pc.split_pattern_regex(urls, "[^a-zA-Z0-9]+")
    number = pc.index_in(split.flatten(), pa.array(words, pa.large_string()))
    at = np.flatnonzero(number.is_valid())
    row = np.searchsorted(split.offsets.to_numpy(), at, side="right") - 1
    pairs = np.unique(row * max(len(words), 1) + number.drop_null().to_numpy())
    return np.bincount(pairs // max(len(words), 1), minlength=len(urls))


def _subwords(urls: pa.Array, words: Sequence[str]) -> np.ndarray:
    """How many different ones of the words each address contains once its separators are removed."""
    plain = pc.ascii_lower(pc.replace_substring_regex(urls, "[^a-zA-Z0-9]+", ""))
    counts = np.zeros(len(urls), np.int64)
    for start in range(0, len(words), SUBWORDS_AT_ONCE):
        some = words[start : start + SUBWORDS_AT_ONCE]
        # Few addresses hold any: which words they hold is asked one by one.
        hits = np.flatnonzero(pc.match_substring_regex(plain, "|".join(some)))
        for row, text in zip(hits, plain.take(pa.array(hits)).to_pylist(), strict=True):
            counts[row] += sum(word in text for word in some)
    return counts
