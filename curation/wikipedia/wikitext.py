"""Wikitext to plain text, in time linear in its length whatever its nesting.

Three passes. `wiki_parse` reads left to right with a stack: comments and raw elements (`<nowiki>`, `<math>`, `<ref>`)
go first, then `{{templates}}` (`wiki_templates` has those that carry words) and `[[links]]` are resolved from the
inside out. `wiki_markup` takes out tables, tags and the other marks of a page. `wiki_lines` works on lines: headings,
lists, sections that have nothing left in them.

Why not mwparserfromhell: its strip_code drops the words of templates, keeps the captions of files and the source of
some tables, and takes 14 times as long on English articles.
"""

import html
import json
import re
from collections.abc import Collection
from functools import cache
from importlib.resources import files

from gristmill.curation.wikipedia.lines import paragraphs, tidied
from gristmill.curation.wikipedia.markup import without_markup
from gristmill.curation.wikipedia.parse import resolved

_STRAY = re.compile(r"\{\{+|\}\}+|\[\[+|\]\]+|\{\||\|\}")
_BRACKETS = re.compile(r"[{}\[\]|]")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff\xad]")
_CONTROL_ESCAPED = re.compile(r"[\x00\x03-\x08\x0b-\x1f\x7f\ud800-\udfff\xad]")  # from &#12; and the like


@cache
def names(kind: str) -> tuple[str, ...]:
    """A list of `names.json`: names that MediaWiki writes in the language of each wiki."""
    return tuple(json.loads(files("gristmill.curation.wikipedia").joinpath("names.json").read_text("utf-8"))[kind])


@cache
def _hidden_prefixes(namespaces: frozenset[str]) -> frozenset[str]:
    return frozenset(name.lower() for name in (*names("hidden_namespaces"), *namespaces)) | frozenset(
        names("interlanguage")
    )


def plain_text(wikitext: str, hidden_namespaces: Collection[str] = ()) -> str:
    """The readable text of an article: paragraphs, headings and lists; "" if nothing is left.

    `hidden_namespaces` are the wiki's own names of the namespaces File and Category, whose links are no part of the
    text; the names of the larger languages are known without it.

    >>> plain_text("'''Köln''' ({{lang-la|Colonia}}) is a [[city]].<ref>x</ref>")
    'Köln (Colonia) is a city.'
    """
    raw: list[str] = []
    text = _CONTROL.sub("", wikitext.replace("\r\n", "\n").replace("\r", "\n"))
    text = resolved(text, _hidden_prefixes(frozenset(hidden_namespaces)), raw)
    text = html.unescape(without_markup(text)).replace("\xa0", " ")
    text = _without_strays(tidied(_CONTROL_ESCAPED.sub("", text)))
    return paragraphs(text, raw)


def _without_strays(text: str) -> str:
    """The text without brackets that have lost their partners, nor those that meet when others between them go."""
    for _ in range(3):
        text, count = _STRAY.subn("", text)
        if not count:
            return text
    return _BRACKETS.sub("", text) if _STRAY.search(text) else text
