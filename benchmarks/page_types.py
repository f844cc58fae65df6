"""What sort of page a page is: article, forum, listing, product or other.

A label in the ground truth is believed (`type`, or WebMainBench's `meta.style`). Else a rule over the address and the
page's own declarations, asked in this order:

- forum: the generator or the address is that of forum software, or schema.org says DiscussionForumPosting or QAPage;
- product: og:type or schema.org says product;
- listing: the address is that of a home page, category, tag, archive or search;
- article: og:type or schema.org says article, or a time of publication is given, or there is one <article> element;
- other: anything else.
"""

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

TYPES = ("article", "forum", "listing", "product", "other")

STYLES = {
    "article": "article",
    "forum": "forum",
    "forum_or_article_with_commentsection": "forum",
    "content listing": "listing",
    "listing": "listing",
    "product": "product",
}
"""Labels as data sets write them, in lower case."""

FORUM_PATH = re.compile(
    r"(?:^|[/.])(?:forum|forums|board|boards|thread|threads|topic)(?:[/.]|$)|viewtopic|showthread|"
    r"/questions/\d+|/t/[^/]+/\d+",
    re.IGNORECASE,
)
FORUM_SIGNS = re.compile(
    r"""<meta[^>]{1,200}(?:phpbb|vbulletin|discourse|mybb|xenforo|simple machines|invision)|"""
    r"""schema\.org/(?:DiscussionForumPosting|QAPage)|"@type"\s*:\s*"(?:DiscussionForumPosting|QAPage)\"""",
    re.IGNORECASE,
)
PRODUCT_SIGNS = re.compile(
    r"""<meta[^>]{1,80}og:type["'][^>]{1,40}["']product|schema\.org/Product["']|"@type"\s*:\s*"Product\"""",
    re.IGNORECASE,
)
HOME_PATH = re.compile(r"/?(?:index\.\w+)?")
LISTING_PATH = re.compile(
    r"/(?:category|categories|kategorie|tags?|search|page/\d+)(?:/|$)|/archives?/?$", re.IGNORECASE
)
ARTICLE_SIGNS = re.compile(
    r"""<meta[^>]{1,80}og:type["'][^>]{1,40}["'](?:article|blog)|article:published_time|"""
    r"""schema\.org/(?:\w*Article|BlogPosting)|"@type"\s*:\s*"(?:\w*Article|BlogPosting)\"""",
    re.IGNORECASE,
)


def page_type(truth: Mapping[str, object], html: str) -> str:
    """One of TYPES for a page with its ground truth.

    >>> page_type({"url": "http://a.example/forum/7"}, "<p>Hello")
    'forum'
    """
    meta = truth.get("meta")
    label = truth.get("type") or (meta.get("style") if isinstance(meta, Mapping) else None)
    if label:
        return STYLES.get(str(label).lower(), "other")
    address = urlsplit(str(truth.get("url") or ""))
    place = f"{address.hostname or ''}{address.path}?{address.query}"
    if FORUM_PATH.search(place) or FORUM_SIGNS.search(html):
        return "forum"
    if PRODUCT_SIGNS.search(html):
        return "product"
    is_home = address.hostname and not address.query and HOME_PATH.fullmatch(address.path)
    if is_home or LISTING_PATH.search(address.path):
        return "listing"
    if ARTICLE_SIGNS.search(html) or len(re.findall(r"<article\b", html, re.IGNORECASE)) == 1:
        return "article"
    return "other"
