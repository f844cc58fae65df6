"""The front matter of a JATS article: identifiers, journal, authors, date and licence."""

from lxml import etree

from gristmill.curation.creative_commons import licence_name
from gristmill.curation.markup import inline_text, local_name

_HREF = "{http://www.w3.org/1999/xlink}href"
_DATE_ORDER = ("epub", "electronic", "pub", "epub-ppub", "ppub", "print", "collection")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


def child_named(element: etree._Element | None, *names: str) -> etree._Element | None:
    if element is None:
        return None
    return next((child for child in element if local_name(child) in names), None)


def _first(element: etree._Element | None, *path: str) -> etree._Element | None:
    """The descendant reached by taking the first child of each name in turn."""
    for name in path:
        element = child_named(element, name)
    return element


def identifier(about: etree._Element | None, *kinds: str) -> str | None:
    for element in about if about is not None else ():
        if local_name(element) in ("article-id", "object-id") and element.get("pub-id-type") in kinds:
            return inline_text(element) or None
    return None


def shared_metadata(front: etree._Element | None) -> dict[str, object]:
    """What an article and the articles inside it share."""
    meta: dict[str, object] = {}
    about = child_named(front, "article-meta")
    journal = child_named(front, "journal-meta")
    name = _first(journal, "journal-title-group", "journal-title")
    name = name if name is not None else child_named(journal, "journal-title")
    values = {
        "doi": identifier(about, "doi"),
        "pmid": identifier(about, "pmid"),
        "pmcid": identifier(about, "pmc", "pmcid"),
        "journal": inline_text(name),
        "created": _published(about),
        "licence": _licence(about),
    }
    meta.update({key: value for key, value in values.items() if value})
    pmcid = values["pmcid"]
    if pmcid and pmcid.isdigit():
        meta["pmcid"] = f"PMC{pmcid}"
    authors = _authors(about)
    if authors:
        meta["authors"] = authors
    return meta


def _authors(about: etree._Element | None) -> list[str]:
    names = []
    for contrib in about.iter("{*}contrib") if about is not None else ():
        name = next(contrib.iter("{*}name"), None)
        if name is not None and (contrib.get("contrib-type") or "author") == "author":
            given, family = (
                inline_text(child_named(name, "given-names")),
                inline_text(child_named(name, "surname")),
            )
            names.append(f"{given} {family}".strip())
    return names


def _published(about: etree._Element | None) -> str | None:
    """The first known date of publication, as exact as it is given; electronic before print."""
    dates = [element for element in about if local_name(element) == "pub-date"] if about is not None else []

    def rank(element: etree._Element) -> int:
        kind = element.get("pub-type") or element.get("publication-format") or element.get("date-type") or ""
        return _DATE_ORDER.index(kind) if kind in _DATE_ORDER else len(_DATE_ORDER)

    for element in sorted(dates, key=rank):
        date = iso_date(*(inline_text(child_named(element, name)) for name in ("year", "month", "day")))
        if date:
            return date
    return None


def iso_date(year: str, month: str, day: str) -> str | None:
    """ISO 8601 of a date given in parts (months as numbers or English names), as exact as they are."""
    if len(year) != 4 or not (year.isascii() and year.isdigit()):
        return None
    name = month[:3].lower()
    number = _MONTHS.index(name) + 1 if name in _MONTHS else int(month) if month.isascii() and month.isdigit() else 0
    if not 1 <= number <= 12:
        return year
    if day.isascii() and day.isdigit() and 1 <= int(day) <= 31:
        return f"{year}-{number:02}-{int(day):02}"
    return f"{year}-{number:02}"


def _licence(about: etree._Element | None) -> str | None:
    permissions = child_named(about, "permissions")
    if permissions is None:
        return licence_name(inline_text(child_named(about, "copyright-statement"))) if about is not None else None
    words = []
    for element in permissions.iter():
        name = local_name(element)
        if name in ("license", "ext-link", "uri", "license_ref"):
            words.append(element.get(_HREF) or "")
        if name in ("license", "license_ref"):
            words.append(inline_text(element))
    # A link says more than the words round it.
    for statement in words:
        if "creativecommons.org/" in statement:
            return licence_name(statement)
    return licence_name(" ".join(words)) or licence_name(inline_text(child_named(permissions, "copyright-statement")))
