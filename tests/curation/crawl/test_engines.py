"""Each engine gives the content of a page, plain or as Markdown; `auto` leaves the boilerplate out."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.curation.crawl.html import extract
from gristmill.curation.crawl.params import CrawlParams
from gristmill.curation.crawl.plain import clean

ENGINES = ("auto", "resiliparse", "trafilatura", "union")

NAV = "<nav><ul><li><a href=/>Home</a></li><li><a href=/shop>Shop</a></li><li><a href=/c>Contact</a></li></ul></nav>"
FOOTER = (
    "<footer><p>© 2020 Example Inc. All rights reserved.</p>"
    "<ul><li><a href=/p>Privacy</a></li><li><a href=/t>Terms</a></li></ul></footer>"
)

MANUAL = f"""<title>json</title><body>{NAV}<div class="body" role="main"><h1>json</h1>
<p>The module <code>json</code> encodes <b>basic</b> objects of the language as text, and reads them back again.</p>
<h2>Basic usage</h2>
<p>Serialize the object as a stream of text, to anything that supports writing:</p>
<pre>&gt;&gt;&gt; import json
&gt;&gt;&gt; json.dumps([1,
...   2])</pre>
<p>The encoder has these conversions, which cannot be changed, but can be added to by a class of your own:</p>
<table><tr><th>JSON</th><th>Python</th></tr><tr><td>object</td><td>dict</td></tr><tr><td>array</td><td>list</td></tr></table>
<p>It is used by all who write programs for the web, for three reasons that are easy to understand:</p>
<ol><li>It is short and can be read by people.</li><li>It is fast enough for almost everything.</li></ol>
</div>{FOOTER}"""

POSTS = (
    "I have a problem with my sourdough starter: it does not rise at all after five days. What am I doing wrong?",
    "Five days is not long. Keep it warm, about 26 degrees, and feed it twice a day. Mine needed nearly two weeks.",
    "What water do you use? Chlorine in tap water killed mine. Let it stand overnight, and it should recover soon.",
    "Thank you both! I moved it to the oven with the light on, and it doubled within eight hours. I will bake now.",
    "Great to hear. Post a picture of the bread, we would all like to see the crumb, whatever it may look like.",
)
THREAD = (
    f"<title>Starter - Bread Forum</title><body>{NAV}<div id=forum><h2>Starter does not rise</h2>"
    + "".join(
        f"<div class=post><div class=postprofile><a href=/u{i}>baker{i}</a><br>Posts: {i * 7}</div>"
        f"<div class=postbody><div class=content>{post}</div></div></div>"
        for i, post in enumerate(POSTS)
    )
    + f"</div>{FOOTER}"
)

MILLS = {
    "Old Bridge": "Built in 1712 and worked until 1954, it has two wheels and a museum that opens on Sundays.",
    "Upper Weir": "The highest mill of the valley, known for its oat flakes, burnt down in 1889 and was built again.",
    "Red Barn": "A wind mill that was moved here from the coast, with the old sails still in working order.",
    "Long Meadow": "Home of the miller who wrote the first book about stones, today it is a hostel for hikers.",
}
LISTING = (
    f"<title>Mills</title><body>{NAV}<h1>Mills of the valley</h1><ul class=items>"
    + "".join(f"<li><h3><a href=/m>{name}</a></h3><p>{text}</p></li>" for name, text in MILLS.items())
    + f"</ul>{FOOTER}"
)

PRODUCT = f"""<title>Stone mill KM-3</title><body>{NAV}<div class=product><h1>Stone mill KM-3</h1><button>Add to cart</button>
<div class=description><p>A small mill for the kitchen, with corundum stones that grind up to 100 g of wheat per minute, from
coarse to very fine.</p><ul><li>Housing of solid beech</li><li>Motor with 360 watts</li></ul></div>
<div class=related><h3>You may also like</h3><ul><li><a href=/1>Mill KM-1</a></li><li><a href=/2>Mill KM-2</a></li></ul></div>
</div>{FOOTER}"""


def text_of(html, engine="auto", markdown=False):
    return extract(html, CrawlParams(engine=engine, markdown=markdown)).text


@pytest.mark.parametrize("markdown", [False, True], ids=["plain", "markdown"])
@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_gives_the_content_without_navigation(engine, markdown):
    text = text_of(MANUAL, engine, markdown)
    assert "of the language as text, and reads them back again." in text
    assert "It is short and can be read by people." in text
    assert "Home" not in text
    assert "Privacy" not in text
    assert text == clean(text)


def test_code_keeps_its_lines_and_a_table_its_rows():
    text = text_of(MANUAL)
    assert "\n\n>>> import json\n>>> json.dumps([1,\n...   2])\n\n" in text
    assert "\n\nJSON\tPython\nobject\tdict\narray\tlist\n\n" in text
    assert text.endswith("  1. It is short and can be read by people.\n  2. It is fast enough for almost everything.")


def test_markdown_of_auto():
    text = text_of(MANUAL, markdown=True)
    assert "The module `json` encodes **basic** objects" in text
    assert "## Basic usage\n\nSerialize" in text
    assert "\n\n```\n>>> import json\n>>> json.dumps([1,\n...   2])\n```\n\n" in text
    assert "\n\n| JSON | Python |\n| --- | --- |\n| object | dict |\n| array | list |\n\n" in text
    assert text.endswith("1. It is short and can be read by people.\n2. It is fast enough for almost everything.")


def test_markdown_changes_no_choice():
    plain = text_of(MANUAL).split()
    marked = text_of(MANUAL, markdown=True)
    assert [word for word in plain if word.isalpha() and word not in marked] == []


@pytest.mark.parametrize("engine", ["auto", "resiliparse", "union"])
def test_thread_keeps_all_its_posts(engine):
    text = text_of(THREAD, engine)
    assert [post for post in POSTS if post not in text] == []


def test_listing_keeps_its_entries_with_their_names():
    text = text_of(LISTING)
    assert [entry for pair in MILLS.items() for entry in pair if entry not in text] == []
    assert "Privacy" not in text


def test_product_keeps_its_description():
    text = text_of(PRODUCT)
    assert "A small mill for the kitchen" in text
    assert "Housing of solid beech" in text
    assert "Add to cart" not in text
    assert "KM-2" not in text


def test_paragraph_that_another_part_of_the_page_repeats_is_taken_once():
    story = "It rained for forty days, and the miller watched the river rise above the lower wheel and the barn."
    more = "Then the sun came out, the fields were dry again by May, and nobody spoke of the flood for many years."
    assert text_of(f"<body><div><p>{story}</p><p>{more}</p></div><div><p>{story}</p></div>").count("forty days") == 1
    assert text_of(f"<body><p>{story}</p><p>{more}</p><p>{story}</p>").count("forty days") == 2


@settings(deadline=None)
@given(st.text(st.sampled_from("<>/abdivpretl=\"' \n&;!-"), max_size=300), st.sampled_from(ENGINES), st.booleans())
def test_any_markup_gives_clean_text(html, engine, markdown):
    text = text_of(html, engine, markdown)
    assert text == clean(text)


@pytest.mark.parametrize(
    "html",
    [
        "<a><b><i><p>" * 50_000,
        "".join(f"<font size={i}><p>x" for i in range(20_000)),
        "<noscript>" * 50_000,
        "<td>x" * 50_000,
    ],
    ids=["formatting", "fonts", "noscript", "cells"],
)
def test_markup_that_makes_parsers_slow_is_read_in_seconds(html):
    extract("<p>a")  # loads compiled code, and compiles it in a fresh clone
    start = time.process_time()
    extract(html)
    assert time.process_time() - start < 5
