"""The type of a page comes from its label, else from its address and its own declarations."""

import pytest

from benchmarks.page_types import page_type


@pytest.mark.parametrize(
    ("url", "html", "expected"),
    [
        ("http://a.example/viewtopic.php?t=1", "", "forum"),
        ("http://forum.a.example/x", "", "forum"),
        ("http://a.example/x", '<meta name="generator" content="Discourse 3.1">', "forum"),
        ("http://a.example/x", '<meta property="og:type" content="product">', "product"),
        ("http://a.example/x", '<script>{"@type": "Product"}</script>', "product"),
        ("http://a.example/", '<meta property="og:type" content="article">', "listing"),
        ("http://a.example/?p=7", '<meta property="og:type" content="article">', "article"),
        ("http://a.example/category/mills/", "", "listing"),
        ("http://a.example/archive/2020/08/the-mill/", "<article>", "article"),
        ("http://a.example/x", '<script>{"@type":"NewsArticle"}</script>', "article"),
        ("http://a.example/x", "<article></article><article></article>", "other"),
        ("hard::a.html", "<p>", "other"),
    ],
)
def test_rule(url, html, expected):
    assert page_type({"url": url}, html) == expected


def test_labels_are_believed():
    forum = '<meta name="generator" content="phpBB">'
    assert page_type({"url": "http://a.example/", "type": "article"}, forum) == "article"
    style = "Forum_or_Article_with_commentsection"
    assert page_type({"url": "http://a.example/x", "meta": {"style": style}}, "") == "forum"
    assert page_type({"url": "http://a.example/x", "meta": {"style": "Content Listing"}}, "") == "listing"
    assert page_type({"url": "http://a.example/x", "type": "recipe"}, forum) == "other"
