"""What a page asks of robots is recorded in its own words, whoever it asks."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.curation.crawl.optouts import DIRECTIVES, TDM, hinted, in_headers, in_page


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("noindex, nofollow", {"noindex"}),
        ("NoAI,noimageai", {"noai", "noimageai"}),
        ("none", {"none"}),
        ("all, max-snippet:-1, max-image-preview: large", set()),
        ("unavailable_after: 25 Jun 2010 15:00:00 PST, noindex", {"noindex"}),
        ("googlebot: noindex, noml", {"googlebot:noindex", "googlebot:noml"}),
        ("googlebot: nofollow\notherbot: noindex\nnoai", {"otherbot:noindex", "noai"}),
        ("bingbot: nofollow, GPTBot: noindex", {"gptbot:noindex"}),
        ("*: noai", {"noai"}),
        ("index, follow", set()),
        ("", set()),
    ],
)
def test_header_for_all_and_for_one(value, found):
    assert in_headers({"x-robots-tag": value}) == found


def test_reservation_of_text_and_data_mining():
    assert in_headers({"tdm-reservation": "1", "tdm-policy": "https://x.org/p.json"}) == {"tdm-reservation"}
    assert in_headers({"tdm-reservation": "0"}) == set()
    assert in_page('<meta name="tdm-reservation" content="1">') == {"tdm-reservation"}
    assert in_page('<meta name="tdm-reservation" content="0">') == set()


@pytest.mark.parametrize(
    ("html", "found"),
    [
        ('<meta name="robots" content="noai, noimageai">', {"noai", "noimageai"}),
        ("<META CONTENT='NOINDEX,NOFOLLOW' NAME='ROBOTS' />", {"noindex"}),
        ("<meta name=robots content=none>", {"none"}),
        ('<meta name="CCBot" content="noindex">', {"ccbot:noindex"}),
        ('<meta name="googlebot-news" content="noindex"><meta name=robots content=index>', {"googlebot-news:noindex"}),
        ('<meta property="og:x" name="robots"\n content="noml">', {"noml"}),
        ('<!-- <meta name="robots" content="noai"> -->', set()),
        ('<meta name="description" content="robots and noai">', set()),
        ('<p>meta name="robots" content="noai"</p>', set()),
        ("<meta name=robots>", set()),
    ],
)
def test_meta_tags_for_all_and_for_one(html, found):
    assert in_page(html) == found
    assert hinted(html.encode().lower()) or not found


def test_few_pages_are_asked_in_earnest():
    for html in ('<meta charset=utf-8><meta name="robots" content="index, follow"><p>none</p>', "<meta", "", "noai"):
        assert not hinted(html.encode())


PARTS = [
    "<meta ",
    "<META ",
    "name=",
    "NAME = '",
    '"',
    "'",
    "robots",
    "gptbot",
    "content=",
    "noai",
    "none",
    ">",
    "<!--",
    "-->",
    " ",
    "\n",
    "ä",
]


@given(st.lists(st.sampled_from(PARTS), max_size=40).map("".join))
def test_any_text_has_an_answer(text):
    found = in_page(text)
    assert hinted(text.encode().lower()) or not found
    found |= in_headers({"x-robots-tag": text, "tdm-reservation": text})
    assert {word.rpartition(":")[2] for word in found} <= DIRECTIVES | {TDM}


def test_no_page_takes_long():
    for html in (
        "<meta " * 80_000,
        "<meta name=" * 40_000,
        "<meta no name= " * 30_000,
        "<!--" * 100_000 + "<meta name=robots content=x>",
    ):
        started = time.process_time()
        in_page(html)
        hinted(html.encode())
        assert time.process_time() - started < 1
