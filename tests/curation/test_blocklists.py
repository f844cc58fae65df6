"""Addresses are measured against lists as datatrove's URLFilter judges them."""

import gzip
import random
import warnings

import pyarrow as pa
import pytest
import tldextract
from datatrove.data import Document
from datatrove.pipeline.filters import URLFilter

from gristmill.curation import blocklists
from gristmill.curation.blocklists import UrlLists
from gristmill.curation.urls import URL_FEATURES, url_features

OWN = UrlLists(integrated=False)

HOSTS = [
    "example.com",
    "www.bbc.co.uk",
    "a.b.blogspot.com",
    "localhost:80",
    "127.0.0.1",
    "[::1]",
    "reader:pw@blocked.example.com",
    "Müller.de",
    "EXAMPLE.COM.",
    "co.uk",
    "xn--mller-kva.de",
    "blocked.com",
    "www.blocked.com",
    "sub.blocked.com",
    "only.partly.org",
    "partly.org",
]
SEPARATORS = ["/", "-", "_", "?", "=", "%20", "é", "", "."]
WORDS = [
    "news",
    "a",
    "blog",
    "2020",
    "Index",
    "Rye",
    "rye",
    "barleycorn",
    "BARLEY",
    "hops",
    "hop",
    "spirit",
    "spirits",
    "two",
    "girls",
]


@pytest.fixture(scope="module")
def urls() -> list[str]:
    """4,000 addresses, of which about half fall under some rule of `rules`."""
    chance = random.Random(0)

    def address() -> str:
        tail = "".join(chance.choice(SEPARATORS) + chance.choice(WORDS) for _ in range(chance.randint(0, 5)))
        return chance.choice(["http://", "https://", "HTTP://", "", "//", "ftp://", ":"]) + chance.choice(HOSTS) + tail

    return [address() for _ in range(4000)] + ["http://listed.org/a?b=1", "http://listed.org/a?b=2", "listed.org/c"]


RULES = {
    "domains": ["blocked.com", "only.partly.org", "# partly.org"],
    "urls": ["http://listed.org/a?b=1", "listed.org/c"],
    "banned_words": ["rye", "Two-Girls"],
    "banned_subwords": ["barley corn", "girls2020"],
    "soft_banned_words": ["hops", "hop", "spirit", "spirits"],
}


def verdict(row: dict[str, int]) -> str | None:
    """What URLFilter's rules, asked in its order, make of the features."""
    rules = {
        "domain": row["url_blocked_domain"],
        "subdomain": row["url_blocked_subdomain"],
        "url": row["url_blocked_url"],
        "hard_blacklisted": row["url_banned_words"],
        "soft_blacklisted": row["url_soft_words"] >= 2,
        "blacklisted_subword": row["url_banned_subwords"],
    }
    return next((name for name, broken in rules.items() if broken), None)


def reference(urls: list[str], **settings) -> list[str | None]:
    judge = URLFilter(**settings)
    judge.tldextractor = tldextract.TLDExtract(cache_dir=None, suffix_list_urls=())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # tldextract's, of a property that URLFilter asks
        found = [judge.filter(Document(text="x", id="0", metadata={"url": url})) for url in urls]
    return [None if result is True else result[1] for result in found]


def measured(urls: list[str], lists: UrlLists) -> list[dict[str, int]]:
    return url_features(pa.array(urls), URL_FEATURES.names, lists).to_pylist()


@pytest.fixture
def own(tmp_path) -> UrlLists:
    """RULES as files of one entry a line."""
    paths = {}
    for name, lines in RULES.items():
        paths[name] = (str(tmp_path / name),)
        (tmp_path / name).write_text("\n".join(lines) + "\n")
    return UrlLists(False, **paths)


def test_own_lists_give_the_verdicts_of_urlfilter(urls, own):
    expected = reference(
        urls,
        use_integrated_lists=False,
        extra_domains=RULES["domains"],
        extra_urls=RULES["urls"],
        **{name: RULES[name] for name in ("banned_words", "banned_subwords", "soft_banned_words")},
    )
    assert [verdict(row) for row in measured(urls, own)] == expected
    assert {*expected} == {
        *(None, "domain", "subdomain", "url", "hard_blacklisted", "soft_blacklisted", "blacklisted_subword"),
    }


@pytest.mark.slow
def test_integrated_lists_give_the_verdicts_of_urlfilter(urls, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_ASSETS_CACHE", str(tmp_path))
    integrated = UrlLists()
    chance = random.Random(1)
    domains = [line.decode() for chunk in blocklists._place_lines(integrated, "domains") for line in chunk[::4000]]
    listed = [line.decode() for chunk in blocklists._place_lines(integrated, "urls") for line in chunk[::100]]
    words = [
        w
        for what in ("banned_words", "banned_subwords", "soft_banned_words")
        for w in blocklists.words(integrated, what)
    ]
    urls = urls + listed + [f"http://{url}" for url in listed]
    urls += [f"https://{chance.choice(['', 'www.', 'a.'])}{domain}/" for domain in domains]
    urls += [
        f"http://example.com/{chance.choice(words)}-{chance.choice(words)}/x{chance.choice(words)}" for _ in range(2000)
    ]
    rows = measured(urls, integrated)
    expected = reference(urls)
    assert [verdict(row) for row in rows] == expected
    assert sum(result is None for result in expected) > 2000
    assert sum(row["url_blocked_page"] for row in rows) >= 2 * len(listed)


def test_counts(own):
    row = {name: 0 for name in URL_FEATURES.names}
    assert measured(["http://x.de/rye-rye/hops_hop/barley-corn/Rye"], own) == [
        row | {"url_banned_words": 1, "url_soft_words": 2, "url_banned_subwords": 1}
    ]


def test_address_on_a_list_whatever_its_scheme(own):
    urls = ["http://listed.org/c", "https://listed.org/a?b=1", "listed.org/a?b=1", "http://listed.org/"]
    assert [row["url_blocked_page"] for row in measured(urls, own)] == [1, 1, 1, 0]
    assert [row["url_blocked_url"] for row in measured(urls, own)] == [0, 0, 0, 0]


def test_documents_without_address_are_on_no_list(own):
    urls = pa.chunked_array([[None, "http://blocked.com/rye"], [""]], pa.string())
    table = url_features(urls, URL_FEATURES.names, own)
    assert table.schema == URL_FEATURES
    assert [sum(row.values()) for row in table.to_pylist()] == [0, 3, 0]
    assert url_features(pa.array([], pa.string()), URL_FEATURES.names, own).num_rows == 0


def test_only_the_features_asked_for_in_the_order_asked(own):
    names = ["url_soft_words", "url_blocked_domain"]
    assert url_features(pa.array(["http://blocked.com/hop"]), names, own).to_pydict() == {
        "url_soft_words": [1],
        "url_blocked_domain": [1],
    }
    assert url_features(pa.array(["x"]), [], own).num_columns == 0


def test_no_list_blocks_nothing(urls):
    assert not any(sum(row.values()) for row in measured(urls, OWN))


def test_folder_laid_out_as_the_ut1_blacklists(tmp_path):
    for category, domains in (("gambling", "bet.com\n"), ("adult/more", "sex.com")):
        (tmp_path / category).mkdir(parents=True)
        (tmp_path / category / "domains").write_text(domains)
    (tmp_path / "phishing").mkdir()
    (tmp_path / "phishing" / "domains.gz").write_bytes(gzip.compress(b"\r\n# bank.org\r\nbank.com\r\n"))
    lists = UrlLists(False, domains=(str(tmp_path),))
    hosts = ["bet.com", "www.sex.com", "bank.com", "bank.org"]
    assert [row["url_blocked_domain"] for row in measured(hosts, lists)] == [1, 1, 1, 0]


def test_folder_without_a_list_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="no file called domains"):
        measured(["http://x.de"], UrlLists(False, domains=(str(tmp_path),)))


def test_many_subwords(tmp_path):
    path = tmp_path / "words"
    path.write_text("\n".join(f"word{number}x" for number in range(1000)))
    lists = UrlLists(False, banned_subwords=(str(path),))
    assert [row["url_banned_subwords"] for row in measured(["a/word-7x/word999X/word1000x", "b"], lists)] == [2, 0]
