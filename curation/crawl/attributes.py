"""What the tag, class, id and role of an element say about its content, as bits.

The words are those that web authors use for the parts of a page; a word counts where it begins a part of the name, so
that `siteFooter`, `site-footer` and `footer_2` are footers, and `subfooting` is not.
"""

import re
from collections.abc import Iterable, Sequence

WORDS = {
    "nav": "nav navi navbar navigation menu submenu topmenu mainmenu breadcrumb breadcrumbs crumb crumbs pagination pager paging toc skip",
    "footer": "footer foot colophon copyright impressum imprint legal bottom fuss fusszeile",
    "header": "header masthead topbar banner logo brand branding kopf top",
    "sidebar": "sidebar aside side rail column col right left widget widgets sidewidget rechts links seitenleiste marginal",
    "comment": "comment comments commentlist kommentar kommentare disqus respond reply replies discussion commentaires comentarios",
    "share": "share sharing shares social sociable addthis addtoany sharedaddy follow facebook twitter whatsapp teilen",
    "related": "related similar recommended recommend recommendation recommendations more also read mehr read-more verwandt popular trending most latest recent outbrain taboola",
    "ad": "ad ads adv advert advertisement adsense sponsor sponsored promo promotion anzeige werbung affiliate commercial",
    "teaser": "teaser teasers card cards tile tiles preview excerpt thumb thumbnail thumbnails slider carousel gallery grid",
    "form": "form search suche login signin signup register subscribe subscription newsletter mailing input field",
    "overlay": "cookie cookies consent gdpr modal popup overlay lightbox dialog paywall notice alert banner toast hidden hide tooltip",
    "meta": "meta byline author authors date time datetime published timestamp posted info infos dateline datum autor credit credits source byline",
    "tags": "tag tags taglist category categories cat cats topics keywords label labels kategorie schlagwort",
    "author": "bio authorbox about profile vcard avatar",
    "caption": "caption figcaption bildunterschrift image img photo picture media bild foto video audio player figure",
    "list": "list items item listing results feed archive loop posts entries",
    "title": "title headline heading subtitle subhead titel ueberschrift kicker",
    "lead": "lead intro summary abstract standfirst deck description dek vorspann anriss excerpt",
    "article": "article story artikel articlebody storybody articletext newsarticle beitrag blogpost singlepost noticia",
    "entry": "entry post single hentry postbody entry-content postcontent blog",
    "body": "body text copy richtext prose fulltext paragraph bodytext bodycopy texto inhalt",
    "content": "content contents maincontent contentarea",
    "main": "main primary center page container wrapper",
    "note": "footnote footnotes note notes reference references citation citations sources quellen",
    "quote": "quote blockquote pullquote zitat",
    "forum": "message msg thread topic forum answer question",
    "product": "product price shop cart spec specs details rating review reviews",
    "print": "print email mail pdf download tools toolbar actions button buttons btn cta icon icons",
    "nextprev": "next prev previous adjacent older newer prevnext",
    "tweet": "tweet embed instagram youtube wp-embed",
}
"""Groups of words; the place of a group is its bit."""

TAGS = (
    "nav", "footer", "header", "aside", "article", "main", "section", "form", "table", "td", "ul", "ol", "li", "dl", "dd",
    "figure", "figcaption", "blockquote", "p", "div", "pre", "dialog", "address", "h1", "h2", "h3", "h4", "h5", "h6",
    "details",
)  # fmt: skip
"""Tags that have a bit of their own, after the groups of words."""

NAMES = (*WORDS, "hidden", *(f"<{tag}>" for tag in TAGS))
"""What each bit means."""

TAG_BITS = {tag: 1 << (len(WORDS) + 1 + i) for i, tag in enumerate(TAGS)}
TAG_BITS |= {"menu": TAG_BITS["ul"], "dir": TAG_BITS["ul"], "dt": TAG_BITS["dd"], "th": TAG_BITS["td"]}

HIDDEN = 1 << len(WORDS)

WORD_BITS: dict[str, int] = {}
for _bit, _words in enumerate(WORDS.values()):
    for _word in _words.split():
        WORD_BITS[_word] = WORD_BITS.get(_word, 0) | 1 << _bit

NAMING = re.compile(r'<| (?:class|id|role|item(?:prop|type))="([^"]{1,300})')
PARTS = re.compile(r"<|[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
UNSEEN = re.compile(r' hidden(?:=|\s|$)| style="[^"]*\b(?:display:\s*none|visibility:\s*hidden)')

BITS_OF_TAGS: dict[str, int] = {}
BITS_OF_NAMES: dict[str, int] = {}
"""Of all pages so far: many tags and most names, such as `col-md-6`, come again."""

MAX_TAGS, MAX_TAG_CHARS, MAX_NAMES = 20_000, 500, 100_000


def is_unseen(tag: str) -> bool:
    """Whether an opening tag, as the parser writes it between "<" and ">", says that its element is not displayed."""
    return (" style=" in tag or " hidden" in tag) and UNSEEN.search(tag) is not None


def tag_bits(tags: Sequence[str]) -> list[int]:
    """The bits of opening tags, as the parser writes them between "<" and ">".

    What is new is read for the whole page at once: a call for each tag would take three times as long.
    """
    if len(BITS_OF_TAGS) > MAX_TAGS:
        BITS_OF_TAGS.clear()
    _learn_tags(dict.fromkeys(tag for tag in tags if tag not in BITS_OF_TAGS))
    found = list(map(BITS_OF_TAGS.__getitem__, tags))
    for tag in tags:
        if len(tag) > MAX_TAG_CHARS:
            BITS_OF_TAGS.pop(tag, None)
    return found


def _learn_tags(tags: Iterable[str]) -> None:
    # No tag holds "<": it says where the next one begins, as an empty string does among the values.
    values = NAMING.findall("".join([f"<{tag}" for tag in tags]))
    if len(BITS_OF_NAMES) > MAX_NAMES:
        BITS_OF_NAMES.clear()
    _learn_names(dict.fromkeys(name for value in values for name in value.split() if name not in BITS_OF_NAMES))
    following = iter(values)
    next(following, None)
    for tag in tags:
        bits = TAG_BITS.get(tag.partition(" ")[0], 0)
        for value in iter(following.__next__, ""):
            for name in value.split():
                bits |= BITS_OF_NAMES[name]
        BITS_OF_TAGS[tag] = bits | HIDDEN if is_unseen(tag) else bits


def _learn_names(names: Iterable[str]) -> None:
    parts = iter(PARTS.findall("".join([f"<{name}" for name in names])))
    next(parts, None)
    for name in names:
        bits = 0
        for part in iter(parts.__next__, "<"):
            bits |= WORD_BITS.get(part.lower(), 0)
        BITS_OF_NAMES[name] = bits
