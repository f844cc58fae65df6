"""One cited work of a JATS list of references on one line."""

from lxml import etree

from gristmill.curation.markup import collapsed, entity_text, inline_text, local_name, names

CITATIONS = names("mixed-citation element-citation citation nlm-citation note")

_APART = names("given-names pub-id year volume source article-title")
_PARTS = (
    "article-title", "chapter-title", "source", "publisher-loc", "publisher-name", "year", "volume", "issue", "fpage",
    "lpage", "elocation-id", "comment", "pub-id", "ext-link", "uri",
)  # fmt: skip


def citation_text(citation: etree._Element) -> str:
    """The citation as the publisher wrote it, or put together where only its parts are given."""
    if local_name(citation) in ("mixed-citation", "note") or (citation.text or "").strip():
        return _as_written(citation)
    people = ", ".join(filter(None, map(_person, citation.iter("{*}name"))))
    parts = {name: inline_text(next(citation.iter(f"{{*}}{name}"), None)) for name in _PARTS}
    if parts["lpage"]:
        parts["fpage"] = f"{parts['fpage']}–{parts.pop('lpage')}"
    if parts["volume"] and parts["issue"]:
        parts["volume"] += f"({parts.pop('issue')})"
    return ". ".join(part.rstrip(".") for part in (people, *parts.values()) if part)


def _as_written(citation: etree._Element) -> str:
    """All its text, with a space where a name or number would run into the part before it."""
    pieces: list[str] = []

    def add(text: str | None, apart: bool) -> None:
        if text:
            if apart and pieces and (pieces[-1][-1].isalnum() or pieces[-1][-1] == ".") and text[0].isalnum():
                pieces.append(" ")
            pieces.append(text)

    def walk(element: etree._Element) -> None:
        name = local_name(element)
        add(entity_text(element) if name == "&" else element.text if name else None, name in _APART)
        for child in element if name != "&" else ():
            walk(child)
            add(child.tail, False)

    walk(citation)
    return collapsed("".join(pieces))


def _person(name: etree._Element) -> str:
    parts = {local_name(part): inline_text(part) for part in name}
    return f"{parts.get('surname', '')} {parts.get('given-names', '')}".strip()
