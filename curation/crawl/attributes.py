"""What the tag, class, id and role of an element say about its content, as bits.

The words are those that web authors use for the parts of a page; a word counts where it begins a part of the name, so
that `siteFooter`, `site-footer` and `footer_2` are footers, and `subfooting` is not. `tag_kernels` reads them.
"""

from collections.abc import Mapping

import numpy as np

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
        if _word.isalpha():  # names come apart at hyphens
            WORD_BITS[_word] = WORD_BITS.get(_word, 0) | 1 << _bit

MAX_KEY_BYTES = 16
MIX, REST_MIX = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9


def hash_table(values: Mapping[str, int]) -> tuple[np.ndarray, np.ndarray]:
    """The words as keys, uint64[slots, 2], and their values, uint64[slots]; see `tag_kernels.slot_of`.

    A key is the word itself, its bytes in little-endian order, so that nothing else is taken for it; no word may be
    longer than MAX_KEY_BYTES.
    """
    slots = 1 << (4 * len(values)).bit_length()
    keys, found = np.zeros((slots, 2), np.uint64), np.zeros(slots, np.uint64)
    for word, value in values.items():
        assert 0 < len(word.encode()) <= MAX_KEY_BYTES, word
        rest, first = divmod(int.from_bytes(word.encode(), "little"), 2**64)
        slot = ((first ^ rest * REST_MIX) * MIX & (2**64 - 1)) >> 40 & slots - 1
        while keys[slot].any():
            slot = slot + 1 & slots - 1
        keys[slot], found[slot] = (first, rest), value
    keys.flags.writeable = found.flags.writeable = False
    return keys, found


WORD_TABLE = hash_table(WORD_BITS)
