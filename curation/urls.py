"""What an address says: whether it is on a list, and which words of a list it holds.

The semantics are those of datatrove's `URLFilter` (Penedo et al. 2023, RefinedWeb, appendix G.1), column by column, so
that rules over these features give its verdicts; words are compared as the address writes them, in its case.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import tldextract

from gristmill.curation import blocklists
from gristmill.curation.blocklists import UrlLists

INTEGRATED = UrlLists()

SUBWORDS_AT_ONCE = 200
"""Words in one regular expression; more would outgrow the memory that RE2 gives to a fast automaton."""


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
