"""Addresses of one page have one key, and addresses of two pages have two."""

import os
import subprocess
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.curation.urls import registered_domain, url_key

PAGE = "http://example.com/news/Story?id=7&lang=en"

PIECES = st.lists(
    st.sampled_from(
        [
            "http://",
            "https:",
            "//",
            "www.",
            "www2.",
            "example.com",
            "é.com",
            "ｗｗｗ．",
            "/",
            ".",
            "..",
            "index.html",
            "%2e",
            "%zz",
            "%",
            "?",
            "&",
            "amp;",
            "a=1",
            "b",
            "=",
            "utm_x=1",
            "sid=",
            "0123456789abcdef0123456789abcdef",
            ";jsessionid=",
            "/(S(abcdefghijklmnopqrstuvwx))",
            ":80",
            ":8080",
            "#",
            "ß",
            "İ",
            "[::1]",
            "@",
            "ftp://",
            "+",
            "%26",
            "%3B",
            "\t",
            "\ud800",
            " ",
        ]
    ),
    max_size=12,
).map("".join)
"""Strings that look more like addresses than chance would have it."""


@pytest.mark.parametrize(
    "same",
    [
        "https://example.com/news/Story?id=7&lang=en",
        "HTTP://EXAMPLE.COM/news/Story?id=7&lang=en",
        "http://www.example.com/news/Story?id=7&lang=en",
        "http://www2.example.com./news/Story?id=7&lang=en",
        "http://example.com:80/news/Story?id=7&lang=en",
        "https://example.com:443/news/Story?id=7&lang=en",
        "http://reader:secret@example.com/news/Story?id=7&lang=en",
        "//example.com/news/Story?id=7&lang=en",
        "example.com/news/Story?id=7&lang=en",
        "  http://example.com/news/\nStory?id=7&lang=en ",
        "http://example.com/news/Story/?id=7&lang=en",
        "http://example.com/news//Story/index.html?id=7&lang=en",
        "http://example.com/old/.././news/%53tory?id=7&lang=en",
        "http://example.com/news/Story;jsessionid=0A1B2C.node3?id=7&lang=en",
        "http://example.com/(S(lit3py55t21z5v55vlm25s55))/news/Story?id=7&lang=en",
        "http://example.com/news/Story?lang=en&id=7",
        "http://example.com/news/Story?lang=en&amp;id=7",
        "http://example.com/news/Story?id=%37&&lang=en#comments",
        "http://example.com/news/Story?id=7&lang=en&utm_source=mail&utm_medium=x&fbclid=IwAR0&gclid=1&_ga=2.1",
        "http://example.com/news/Story?PHPSESSID=r2t5uvjq435r4q7ib3vtdjq120&id=7&lang=en",
        "http://example.com/news/Story?id=7&lang=en&sid=0123456789abcdef0123456789abcdef",
    ],
)
def test_copies_of_a_page_have_its_key(same):
    assert url_key(same) == url_key(PAGE) == "example.com/news/Story?id=7&lang=en"


@pytest.mark.parametrize(
    "other",
    [
        "http://example.org/news/Story?id=7&lang=en",
        "http://m.example.com/news/Story?id=7&lang=en",
        "http://example.com:8080/news/Story?id=7&lang=en",
        "ftp://example.com/news/Story?id=7&lang=en",
        "http://example.com/news/story?id=7&lang=en",
        "http://example.com/news/Story?id=8&lang=en",
        "http://example.com/news/Story?id=7&lang=de",
        "http://example.com/news/Story?id=7",
        "http://example.com/news/Story?id=7%26lang=en",
        "http://example.com/news%2FStory?id=7&lang=en",
        "http://example.com/news/Story?id=7&lang=en&page=2",
        "http://example.com/news/Story?id=7&lang=en&s=mills",
        "http://example.com/news/Story?id=7&lang=en&source=agency&ref=3&keyword=rye",
    ],
)
def test_other_pages_have_other_keys(other):
    assert url_key(other) != url_key(PAGE)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("http://de.wikipedia.org/wiki/Mühle_(Bau)", "http://de.wikipedia.org/wiki/M%c3%bchle_%28Bau%29"),
        ("http://müller.de/", "http://xn--mller-kva.de"),
        ("http://МЕЛЬНИЦА.рф/a", "http://мельница.рф/a"),
        ("http://x.de/?q=rye+and%20barley", "http://x.de?q=rye%20and+barley"),
        ("http://x.de/?to=http%3A%2F%2Fy.de%2Fa", "http://x.de/?to=http://y.de/a"),
        ("http://x.de/?a=&b=1", "http://x.de/default.aspx?b=1&a"),
        ("http://x.de/100%", "http://x.de/100%25"),
        ("http://[::1]:80/a", "http://[::1]/a/"),
    ],
)
def test_different_writings_of_one_character(one, other):
    assert url_key(one) == url_key(other)


@pytest.mark.parametrize(
    "text", ["", "mailto:miller@example.com", "urn:isbn:0451450523", "/a/b", "http:///a", "a b", "http://[x/y"]
)
def test_what_is_no_address_of_a_host_is_its_own_key(text):
    assert url_key(text) == text


def test_no_host_is_only_its_www():
    assert url_key("http://www.com/") == "www.com"
    assert url_key("http://www.www.mill.com/") == "mill.com"


@pytest.mark.parametrize("part", [".", " ", ". ", "amp;", "www.", "a@", "%", "/..", "(s(", ";jsessionid="])
@pytest.mark.parametrize("front", ["http://a", "http://a/?"])
def test_a_key_takes_time_in_proportion_to_the_length(front, part):
    start = time.process_time()
    url_key(front + part * 60_000 + "b/")
    assert time.process_time() - start < 1.0


@given(st.one_of(st.text(max_size=40), PIECES))
def test_every_string_has_a_key_that_is_its_own(url):
    key = url_key(url)
    assert url_key(key) == key
    registered_domain(url)


@pytest.mark.parametrize(
    ("url", "domain"),
    [
        ("https://forums.bbc.co.uk/a", "bbc.co.uk"),
        ("http://miller.blogspot.com/", "blogspot.com"),
        ("http://127.0.0.1/", None),
        ("http://localhost:8080/", None),
        ("http://co.uk/", None),
        ("", None),
    ],
)
def test_registered_domain(url, domain):
    assert registered_domain(url) == domain


def test_suffix_list_comes_with_its_package_and_leaves_no_cache(tmp_path):
    program = """
import socket
socket.socket.connect = socket.getaddrinfo = None
from gristmill.curation.urls import registered_domain
print(registered_domain("https://a.b.kobe.jp/"))
"""
    environment = {**os.environ, "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "a.b.kobe.jp\n"
    assert not list(tmp_path.iterdir())
