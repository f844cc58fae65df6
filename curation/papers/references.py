"""One cited work of a JATS list of references on one line."""

from lxml import etree

from gristmill.curation.markup import inline_text, local_name, names

CITATIONS = names("mixed-citation element-citation citation nlm-citation note")

_PARTS = (
    "article-title", "chapter-title", "source", "publisher-loc", "publisher-name", "year", "volume", "issue", "fpage",
    "lpage", "elocation-id", "comment", "pub-id", "ext-link", "uri",
)  # fmt: skip


def citation_text(citation: etree._Element) -> str:
    """The citation as the publisher wrote it, or put together where only its parts are given."""
    if local_name(citation) in ("mixed-citation", "note") or (citation.text or "").strip():
        return inline_text(citation)
    people = ", ".join(filter(None, map(_person, citation.iter("{*}name"))))
    parts = {name: inline_text(next(citation.iter(f"{{*}}{name}"), None)) for name in _PARTS}
    if parts["lpage"]:
        parts["fpage"] = f"{parts['fpage']}–{parts.pop('lpage')}"
    if parts["volume"] and parts["issue"]:
        parts["volume"] += f"({parts.pop('issue')})"
    return ". ".join(part.rstrip(".") for part in (people, *parts.values()) if part)


def _person(name: etree._Element) -> str:
    parts = {local_name(part): inline_text(part) for part in name}
    return f"{parts.get('surname', '')} {parts.get('given-names', '')}".strip()
