"""Wikitext to plain text, in time linear in its length whatever its nesting.

Three passes. `parse` reads left to right with a stack: comments and raw elements (`<nowiki>`, `<math>`, `<ref>`) go
first, then `{{templates}}` (`templates` has those that carry words) and `[[links]]` are resolved from the inside out.
`markup` takes out tables, tags and the other marks of a page. `lines` works on lines: headings, lists, sections that
have nothing left in them.

Why not mwparserfromhell: its strip_code drops the words of templates, keeps the captions of files and the source of
some tables, and takes eight times as long on English articles.
"""

import html
import re
from collections.abc import Collection

from gristmill.curation.wikipedia.lines import paragraphs, tidied
from gristmill.curation.wikipedia.markup import without_markup
from gristmill.curation.wikipedia.names import hidden_prefixes
from gristmill.curation.wikipedia.params import WikipediaParams
from gristmill.curation.wikipedia.parse import CAPTION, GONE, resolved
from gristmill.curation.wikipedia.sentences import without_broken_sentences

_STRAY = re.compile(r"\{\{+|\}\}+|\[\[+|\]\]+|\{\||\|\}")
_BRACKETS = re.compile(r"[{}\[\]|]")
_CAPTION = re.compile(rf"{CAPTION}([^{CAPTION}]*){CAPTION}")
_HATNOTE = re.compile(rf"\A[\s{GONE}]*+(?::+[ \t]*+''(?!')[^\n]*''[.\s]*?(?:\n|\Z))+")
"""Indented italics before all else: "This article is about ...", where a wiki has no template for it."""

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff\xad]")
_CONTROL_ESCAPED = re.compile(r"[\x00\x03-\x08\x0b-\x1f\x7f\ud800-\udfff\xad]")  # from &#12; and the like


def plain_text(wikitext: str, hidden_namespaces: Collection[str] = (), params: WikipediaParams | None = None) -> str:
    """The readable text of an article: paragraphs, headings and lists; "" if nothing is left.

    `hidden_namespaces` are the wiki's own names of the namespaces File and Category, whose links are no part of the
    text; the names of the larger languages are known without it.

    >>> plain_text("'''Köln''' ({{lang-la|Colonia}}) is a [[city]].<ref>x</ref>")
    'Köln (Colonia) is a city.'
    """
    return readable(wikitext, hidden_namespaces, params)[0]


def readable(
    wikitext: str, hidden_namespaces: Collection[str] = (), params: WikipediaParams | None = None
) -> tuple[str, int]:
    """As `plain_text`, with the number of sentences that were left out for lack of a word that only the wiki knows."""
    params = params or WikipediaParams()
    raw: list[str] = []
    text = _CONTROL.sub("", wikitext.replace("\r\n", "\n").replace("\r", "\n"))
    text = resolved(text, hidden_prefixes(frozenset(hidden_namespaces)), raw)
    text = _HATNOTE.sub("", text, count=1)
    text = _with_captions(text) if params.captions == "keep" else _CAPTION.sub("", text)
    text, dropped = without_broken_sentences(without_markup(text, params.tables == "keep"))
    text = html.unescape(text).replace("\xa0", " ")
    text = _without_strays(tidied(_CONTROL_ESCAPED.sub("", text)))
    return paragraphs(text, raw), dropped


def _with_captions(text: str) -> str:
    """The text with the captions of a line's pictures as paragraphs after it."""
    lines = []
    for line in text.split("\n"):
        captions = _CAPTION.findall(line)
        lines.append(_CAPTION.sub("", line))
        lines += [part for caption in captions for part in ("", caption, "")]
    return "\n".join(lines)


def _without_strays(text: str) -> str:
    """The text without brackets that have lost their partners, nor those that meet when others between them go."""
    for _ in range(3):
        text, count = _STRAY.subn("", text)
        if not count:
            return text
    return _BRACKETS.sub("", text) if _STRAY.search(text) else text
