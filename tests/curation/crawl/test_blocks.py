"""A page comes apart into its paragraphs, headings, items, rows and code, in order, each in its element."""

import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from resiliparse.parse.html import HTMLTree

from gristmill.curation.crawl import blocks as module
from gristmill.curation.crawl.blocks import CODE, HEADING, ITEM, ROW, TEXT, blocks
from gristmill.curation.crawl.tags import BLOCK_TAGS, MARKS, RAW, VOID
from tests.curation.crawl.slow_blocks import slow_blocks


def parsed(html, markdown=False):
    return blocks(HTMLTree.parse(f"<body>{html}").body.html, markdown)


def test_kinds_in_document_order():
    page = parsed("<h2>Head</h2><p>Text &amp; <a href=x>link</a></p><ul><li>one<li>two</ul><pre> a\n  b</pre>")
    assert page.texts == ["Head", "Text & link", "one", "two", " a\n  b"]
    assert page.kinds == [HEADING, TEXT, ITEM, ITEM, CODE]
    assert page.levels[0] == 2
    assert page.link_chars == [0, 4, 0, 0, 0]
    assert page.orders == [0, 0, -1, -1, 0]


def test_line_breaks_end_lines_and_two_of_them_paragraphs():
    page = parsed("one<br>two<br><br>three")
    assert page.texts == ["one", "two", "three"]
    assert page.breaks == [2, 1, 2]


def test_rows_of_a_table_are_one_block_each():
    page = parsed("<table><tr><th>a</th><th>b</th></tr><tr><td><p>1</p></td><td></td><td>3</td></tr></table>")
    assert page.texts == ["a\tb", "1\t\t3"]
    assert page.kinds == [ROW, ROW]
    assert page.levels == [2, 3]


def test_tables_for_layout_keep_their_paragraphs_apart():
    page = parsed(f"<table><tr><td>menu</td><td><p>{'word ' * 80}</p><p>end</p></td></tr></table>")
    assert [text[:4] for text in page.texts] == ["menu", "word", "end"]


def test_what_is_not_text_is_left_out():
    page = parsed(
        "<script>if (a<b) '<p>x</p>'</script><style>p{}</style><!-- <p>y</p> --><svg><text>z</text></svg>"
        "<select><option>o</select><button>b <b>c</b></button><noscript><p>n</p></noscript><p>text</p>"
    )
    assert page.texts == ["text"]


def test_comments_end_where_they_say():
    assert blocks("<p>a<!-- << prev > next -->b").texts == ["ab"]


def test_hidden_elements_are_left_out_unless_nothing_else_is_there():
    hidden = '<div style="display: none"><div>secret</div></div>'
    assert parsed(hidden + f"<p>{'seen ' * 120}</p>").texts == [("seen " * 120).strip()]
    assert parsed(hidden).texts == ["secret"]


@pytest.mark.parametrize(
    "markup",
    [
        '<math><semantics><mi>x</mi><annotation encoding="application/x-tex">x^2</annotation></semantics></math>',
        '<math alttext="x^2"><msup><mi>x</mi><mn>2</mn></msup></math>',
        '<script type="math/tex">x^2</script>',
        '<img class="latex" alt="x^2" src=x.png>',
        '<span class="katex"><span class="katex-mathml"><math><annotation encoding="application/x-tex">x^2</annotation>'
        '</math></span><span class="katex-html" aria-hidden="true"><span>x</span><span>2</span></span></span>',
    ],
    ids=["annotation", "alttext", "MathJax script", "image", "KaTeX"],
)
def test_formulas_are_tex_and_stand_once(markup):
    assert parsed(f"<p>Let {markup} be.</p>").texts == ["Let $x^2$ be."]


def test_mathml_without_tex_is_read_on_one_line():
    assert parsed("<p><math><mfrac><mi>a</mi><mi>b</mi></mfrac></math></p>").texts == ["a/b"]


def test_line_numbers_beside_code_are_no_code():
    page = parsed("<table><tr><td><pre>1\n2</pre></td><td><pre>x = 1\ny = 2</pre></td></tr></table>")
    assert page.texts == ["x = 1\ny = 2"]


def test_elements_hold_their_blocks():
    page = parsed("<div class='sidebar'><p>a</p><p>b</p></div><p>c</p>")
    side = page.bits.index(max(page.bits, key=lambda bits: bits & 1 << 3))
    assert (page.starts[side], page.ends[side]) == (0, 2)
    assert page.inherited[page.elements[0]] & page.bits[side] == page.bits[side]
    assert not page.inherited[page.elements[2]] & 1 << 3


MARKUP = st.text(st.sampled_from("<>/abdivpretl=\"' \n&;!-"), max_size=300)


NAMES = sorted(
    BLOCK_TAGS | RAW | VOID | {"a", "b", "strong", "code", "tt", "span", "button", "mjx-c", "!--", "--", "x\0"}
)
VALUES = [
    "nav", "siteFooter next", "USnews", "a-READMore_x", "hidden x", "display:  none", "xvisibility:hidden;display:none",
    "visibility:hidden", "MathJax", "MathJax_CHTML2", "MathJax_SVG x", "katex-html", "latex", "$x$", "math/tex", "\u00e9" * 299 + " nav",
]  # fmt: skip
ATTRIBUTES = st.builds(
    "{}{}{}".format,
    st.sampled_from([" class=", " id=", " role=", " itemprop=", " style=", " href=", " hidden", " hidden=", " alt=", " alttext=", "class=", " "]),
    st.sampled_from(['"', '"', '"', "", " "]),
    st.builds("{}{}".format, st.sampled_from(VALUES), st.sampled_from(['"', '"', '"', "", " ", "\u00e9"])),
)  # fmt: skip
TAGS = st.builds(
    "<{}{}{}{}".format,
    st.sampled_from(["", "", "/"]),
    st.sampled_from(NAMES),
    st.one_of(st.just(""), st.just(""), st.lists(ATTRIBUTES, max_size=3).map("".join)),
    st.sampled_from([">", ">", ">", ">", "", "-->"]),
)
WORDS = st.sampled_from(
    ["word", " ", "\n", "&amp;", "&amp;lt;", "&nbsp;", "&l", "t;", "12", "\u3000", "\u2028\xa0", "\x85\x1f", "日本", "𝒳", "\u0662",
     "\ue0b0", "\ue0b3", "-->", "$", "\ud800", "x" * 299, "<", ">"]
)  # fmt: skip
PAGES = st.lists(st.one_of(TAGS, WORDS), max_size=60).map("".join)


@example('<script class="math/tex"<!-->', False)
@settings(max_examples=500)
@given(PAGES, st.booleans())
def test_the_compiled_walk_gives_what_a_walk_in_python_gives(html, markdown):
    """On anything at all; what the parser makes of it comes next."""
    assert blocks(html, markdown) == slow_blocks(html, markdown)


@given(PAGES, st.booleans())
def test_both_walks_agree_on_what_the_parser_writes(html, markdown):
    body = HTMLTree.parse(html.replace("\ud800", "")).body
    assert not body or blocks(body.html, markdown) == slow_blocks(body.html, markdown)


@pytest.mark.parametrize("size", [1, 300])
def test_formulas_longer_than_their_page_find_room(size, monkeypatch):
    monkeypatch.setattr(module, "_math", lambda attrs, inside: "≤ " * 99)
    assert blocks("<p>a<math>x</math>" * size + "b").texts == ["a" + "≤ " * 98 + "≤"] * (size - 1) + [
        "a" + "≤ " * 99 + "b"
    ]


@given(MARKUP)
def test_columns_are_of_equal_length_and_ranges_nest(html):
    tree = HTMLTree.parse(html)
    page = blocks(tree.body.html if tree.body else "")
    columns = (
        page.texts,
        page.kinds,
        page.levels,
        page.breaks,
        page.orders,
        page.link_chars,
        page.links,
        page.elements,
    )
    assert len({len(column) for column in columns}) == 1
    assert all(text.strip() for text in page.texts)
    assert all(0 <= start <= end for start, end in zip(page.starts, page.ends, strict=True))
    for i, element in enumerate(page.elements):
        assert page.starts[element] <= i < page.ends[element]


@given(MARKUP)
def test_markdown_marks_change_no_text(html):
    body = HTMLTree.parse(f"<body>{html}<b>b</b>").body.html
    plain = blocks(body)
    marked = blocks(body, markdown=True)
    assert [" ".join(text.translate(MARKS).split()) for text in marked.texts if text.translate(MARKS).strip()] == [
        " ".join(text.split()) for text in plain.texts
    ]


@pytest.mark.parametrize(
    "html",
    [
        "<!--" * 20_000,
        "<script>" * 20_000,
        "<svg><" * 20_000,
        "<p " * 20_000,
        "<table><tr><td>" * 5_000 + "x",
        "<li>" * 20_000,
        "&lt;" * 50_000,
    ],
    ids=["comments", "scripts", "pictures", "tags", "tables", "items", "entities"],
)
def test_raw_markup_is_read_in_linear_time(html):
    """Not only what the parser writes: anything at all."""
    blocks("<p>a")  # loads compiled code, and compiles it in a fresh clone
    start = time.process_time()
    blocks(html)
    assert time.process_time() - start < 1


def test_marks_without_words_are_no_block():
    page = parsed("<p>one</p><p><b></b> <i><b> </b></i></p><div><code></code></div>", markdown=True)
    assert page.texts == ["one"]


def test_names_of_elements_are_the_same_whatever_came_before():
    html = '<div class="post-body nav" id=siteFooter><p class=caption>text</p></div><section hidden2 class="">more</section>'
    first = parsed(html)
    for other in ("<p class=nav>x", '<div id="post-body nav"><p>x</div>', "".join(f"<p id=a{i}>x" for i in range(999))):
        parsed(other)
        assert parsed(html) == first
