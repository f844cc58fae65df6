"""Pages come out as their text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.curation.crawl.html import MAX_DEPTH, TooComplex, clean, extract

ARTICLE = """<!doctype html><html lang="en-GB"><head><title>Rye &amp;
 Barley</title><meta name="robots" content="noai, follow"></head><body>
<nav><ul><li><a href=/>Home</a></li><li><a href=/shop>Shop</a></li></ul></nav>
<main><article><h1>Rye and barley</h1>
<p>Rye stands the   frost,<br>barley does not. Millers know both of them very well, and have done so for a long time.</p>
<pre><code>def grind(grain):
    if grain:
        return "flour"
</code></pre>
<p>A second paragraph, with <b>bold</b> and <i>slanted</i> words and a<img alt="A picture of rye"> picture in it.</p>
<ol><li>Clean the grain.</li><li>Wet the grain.</li></ol></article></main>
<footer>© The mill <a rel="license" href="https://creativecommons.org/licenses/by-sa/4.0/">licence</a></footer>
<script>var x = "never";</script></body></html>"""


def test_article_becomes_readable_text():
    page = extract(ARTICLE)
    assert page.text == (
        "Rye and barley\n\n"
        "Rye stands the frost,\nbarley does not. Millers know both of them very well, and have done so for a long time.\n\n"
        'def grind(grain):\n    if grain:\n        return "flour"\n\n'
        "A second paragraph, with bold and slanted words and a picture in it.\n\n"
        "  1. Clean the grain.\n  2. Wet the grain."
    )
    assert page.title == "Rye & Barley"
    assert page.licence == "CC-BY-SA-4.0"
    assert page.opt_outs == ("noai",)


def test_same_page_gives_the_same_text_every_time():
    assert {extract(ARTICLE) for _ in range(10)} == {extract(ARTICLE)}


def test_sentences_are_taken_where_no_main_content_is_found():
    story = "It rained for forty days, and the miller watched the river rise above the lower wheel. " * 3
    html = f"<body><div class=comments><p>{story}</p></div><div class=menu><a>Home</a> <a>Shop</a></div></body>"
    assert extract(html).text == story.strip()


@pytest.mark.parametrize("html", ["", "<", "\0", "<html>", "<!-- -->", "<frameset><frame src=a></frameset>", "<svg>"])
def test_pages_without_text_do_no_harm(html):
    page = extract(html)
    assert page.text in ("", "<")
    assert page.title is None


@pytest.mark.parametrize(
    "html",
    [
        "<div>" * 100_000,
        "<div>" * 100_000 + "</div>" * 100_000,
        "<p " + " ".join(f"a{i}=1" for i in range(50_000)) + ">x",
    ],
    ids=["deep", "deep and closed", "many attributes"],
)
def test_pages_made_to_exhaust_the_parser_are_refused(html):
    with pytest.raises(TooComplex) as caught:
        extract(html)
    assert caught.value.value > MAX_DEPTH


def test_long_flat_page_is_not_taken_for_a_deep_one():
    paragraph = "<p>Nothing is closed here, as the standard allows, and the list goes on for long.<br><hr>"
    assert extract(paragraph * 6_000).text.count("Nothing is closed") == 6_000


@pytest.mark.parametrize(
    ("href", "licence"),
    [
        ("http://creativecommons.org/licenses/by/3.0/", "CC-BY-3.0"),
        ("//creativecommons.org/licenses/by-nc-sa/2.5", "CC-BY-NC-SA-2.5"),
        ("https://creativecommons.org/licenses/by-nd/4.0/deed.de", "CC-BY-ND-4.0"),
        ("https://creativecommons.org/publicdomain/zero/1.0/", "CC0-1.0"),
        ("http://creativecommons.org/licenses/by/3.0/de/", "CC-BY-3.0-DE"),
        ("/imprint#rights", "/imprint#rights"),
        ("", None),
    ],
)
def test_licence_link_as_spdx_where_it_is_plain(href, licence):
    assert extract(f'<link rel="license" href="{href}"><p>x').licence == licence


@pytest.mark.parametrize("rel", ['REL="license"', "rel=LICENSE", "Rel = 'nofollow License'"])
def test_licence_link_in_any_spelling(rel):
    link = f"<A {rel} HREF=http://creativecommons.org/licenses/by/3.0/>licence</A>"
    assert extract(f"<p>x {link}").licence == "CC-BY-3.0"


def test_tag_left_open_without_scripts_does_not_swallow_the_page():
    story = "It rained for forty days, and the miller watched the river rise above the lower wheel. " * 3
    assert extract(f"<body><NOSCRIPT><style></NOSCRIPT><p>{story}").text == story.strip()


@given(st.text(st.characters(), max_size=200))
def test_cleaning_twice_is_cleaning_once(text):
    cleaned = clean(text)
    assert clean(cleaned) == cleaned
    assert not set(cleaned) & {"\0", "\r", "\xa0", "\xad", "\ufeff"}
    assert "\n\n\n" not in cleaned
    assert not any(line.endswith((" ", "\t")) for line in cleaned.split("\n"))
    cleaned.encode("utf-8")


@given(st.text(st.sampled_from("<>/abdivpretl=\"' \n&;!-"), max_size=300))
def test_any_markup_gives_a_page(html):
    page = extract(html)
    assert page.text == clean(page.text)
