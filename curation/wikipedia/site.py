"""What a dump says of its wiki before the first page: name, language, address, the names of its namespaces."""

import re
from dataclasses import dataclass
from functools import cache
from urllib.parse import quote

from lxml import etree

RELICENSED = "2023-06-07"
"""From this day on Wikipedia's text is CC BY-SA 4.0, before it 3.0 (terms of use of the Wikimedia Foundation)."""

_ROOT = re.compile(rb"<mediawiki\b[^>]*>")
_LANGUAGE = re.compile(rb"""xml:lang=["']([^"']+)["']""")
_FORBIDDEN = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]|&#(?:[0-8]|1[124-9]|2\d|3[01]|x0*(?:[0-8bcef]|1[0-9a-f]));",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Site:
    """What a dump says of its wiki."""

    dbname: str | None = None
    """Such as `enwiki`."""
    language: str | None = None
    """`xml:lang` of the dump."""
    url_base: str | None = None
    """Address of an article without its title: `https://en.wikipedia.org/wiki/`."""
    namespaces: tuple[tuple[str, int], ...] = ()
    """(name in lower case, number), without the article namespace."""

    def hidden(self) -> frozenset[str]:
        """Names of the namespaces whose links show a picture or file the page in a category."""
        return frozenset(name for name, number in self.namespaces if number in (-2, 6, 14))

    def namespace(self, number: str | None, title: str) -> int:
        """A page's namespace; dumps before 2012 do not say it, and it is told from the title."""
        if number is not None:
            return int(number) if number.lstrip("-").isdecimal() else 0
        prefix, colon, _ = title.partition(":")
        return dict(self.namespaces).get(prefix.strip().lower(), 0) if colon else 0

    def languages(self) -> tuple[str, ...]:
        """Codes under which lists of names may know the wiki: its language, and the part before `wiki` of its name."""
        code = (self.dbname or "").removesuffix("wiki").replace("_", "-")
        return tuple(dict.fromkeys(filter(None, (self.language, code))))

    def url(self, title: str | None) -> str | None:
        """The address of an article."""
        return self.url_base + quote(title.replace(" ", "_"), safe=";@$!*(),/~:") if self.url_base and title else None

    def licence(self, date: str) -> str | None:
        """The licence of a Wikipedia's text at this date; None for a wiki that may have another."""
        if not self.url_base or ".wikipedia.org/" not in self.url_base:
            return None
        return "CC-BY-SA-4.0" if date >= RELICENSED else "CC-BY-SA-3.0"


def site(head: bytes) -> Site:
    """The wiki of a dump that begins so, in UTF-8."""
    root = _ROOT.search(head)
    found = _LANGUAGE.search(root[0]) if root else None
    language = found[1].decode("utf-8", "replace") if found else None
    start, end = head.find(b"<siteinfo>"), head.find(b"</siteinfo>")
    info = parsed(head[start : end + 11]) if 0 <= start < end else None
    if info is None:
        return Site(language=language)
    namespaces = []
    for space in info.iter("namespace"):
        key = space.get("key", "")
        if space.text and key.lstrip("-").isdecimal() and int(key):
            namespaces.append((space.text.strip().lower(), int(key)))
    return Site(info.findtext("dbname"), language, _url_base(info.findtext("base")), tuple(namespaces))


def _url_base(main_page: str | None) -> str | None:
    """`https://en.wikipedia.org/wiki/Main_Page` without its last part."""
    if not main_page:
        return None
    for mark in ("/wiki/", "title="):
        if mark in main_page:
            return main_page[: main_page.index(mark) + len(mark)]
    return main_page.rpartition("/")[0] + "/"


def parsed(xml: bytes) -> etree._Element | None:
    """The element, or None where it is not well-formed even without the characters that XML forbids."""
    for data in (xml, None):
        if data is None:
            data = _FORBIDDEN.sub("", xml.decode("utf-8", "replace")).encode("utf-8", "replace")
        try:
            return etree.fromstring(data, _parser())
        except etree.XMLSyntaxError:
            continue
    return None


@cache
def _parser() -> etree.XMLParser:
    # huge_tree lifts the limit of 10 MB on a text; without a DTD there is nothing that could grow in parsing.
    return etree.XMLParser(encoding="utf-8", resolve_entities=False, no_network=True, huge_tree=True)
