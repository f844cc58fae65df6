"""Blocks become text that reads as the page does."""

from resiliparse.parse.html import HTMLTree

from gristmill.curation.crawl.blocks import blocks
from gristmill.curation.crawl.render import render


def rendered(html, markdown=False, choice=None):
    page = blocks(HTMLTree.parse(f"<body>{html}").body.html, markdown)
    return render(page, page.texts, choice or [True] * len(page.texts), markdown)


def test_nested_lists_are_indented():
    html = "<ul><li>a<ul><li>b</li></ul></li><li>c</li></ul>"
    assert rendered(html, markdown=True) == "- a\n\n  - b\n\n- c"
    assert rendered(html).split("\n\n") == ["  • a", "    • b", "  • c"]


def test_what_was_left_out_leaves_a_gap():
    assert rendered("a<br>b<br>c") == "a\nb\nc"
    assert rendered("a<br>b<br>c", choice=[True, False, True]) == "a\n\nc"


def test_fence_is_longer_than_any_in_the_code():
    assert rendered("<pre>```\nx\n```</pre>", markdown=True) == "````\n```\nx\n```\n````"


def test_bold_and_code_keep_spaces_outside_and_lose_odd_marks():
    assert rendered("<p>a<b> b </b>c <code>x</code></p>", markdown=True) == "a **b** c `x`"
    assert rendered("<p><b>a<p>b</b>", markdown=True).replace("*", "") == "a\n\nb"
    assert rendered("<p>a <b></b>b", markdown=True) == "a b"


def test_pipes_in_cells_are_escaped_and_short_rows_filled():
    html = "<table><tr><td>a|b<td>c</tr><tr><td>d<td></tr></table>"
    assert rendered(html, markdown=True) == "| a\\|b | c |\n| --- | --- |\n| d |  |"
