"""S2ORC and its kin: one paper a line of JSON, in the shapes of five releases.

2019-09-28 wraps the text in `grobid_parse` and `latex_parse`; 2020-07-05 has `abstract` and `body_text` at the top;
2021-01-01 (doc2json) adds `metadata`; the bulk files of the Semantic Scholar API keep one text with character spans in
`content`; peS2o has a plain `text`.
"""

import json
from collections.abc import Iterator, Mapping

from gristmill.curation.documents import Extracted, Unextracted
from gristmill.curation.markup import tidy


def looks_like(row: object) -> bool:
    """Whether a JSON value is a paper in one of the known shapes."""
    if not isinstance(row, dict):
        return False
    if "paper_id" in row or "corpusid" in row:
        return True
    return "text" in row and ("source" in row or "id" in row)


def document(row: Mapping[str, object], record: str, references: bool = False) -> Extracted | Unextracted:
    """The paper in one row; `record` is its place in the file. `references` puts its bibliography at the end."""
    details = row.get("metadata")
    details = details if isinstance(details, dict) else {}
    title = _string(details.get("title")) or _string(row.get("title"))
    content = row.get("content")
    paragraphs = [title] if title else []
    parse = next((row[key] for key in ("latex_parse", "grobid_parse") if isinstance(row.get(key), dict)), row)
    assert isinstance(parse, Mapping)
    if isinstance(content, dict):
        body = list(_spans(content))
        if not title and (title := _annotated_title(content)) and not _string("".join(body[:1])).startswith(title):
            paragraphs = [title]
        paragraphs.extend(body)
    elif isinstance(row.get("text"), str):
        paragraphs = [str(row["text"])]
    else:
        parts = [
            {**part, "section": _string(part.get("section")) or "Abstract"} for part in _parts(parse.get("abstract"))
        ]
        if not parts and _string(details.get("abstract")):
            parts = [{"section": "Abstract", "text": _string(details.get("abstract"))}]
        paragraphs.extend(_sections([*parts, *_parts(parse.get("body_text"))]))
    if references:
        paragraphs.extend(_references(parse.get("bib_entries"), content))
    text = tidy("\n\n".join(paragraphs))
    meta = _metadata(row, details)
    doi = _string(meta.get("doi"))
    url = f"https://doi.org/{doi}" if doi else _string(row.get("url")) or None
    if not text.strip() or text == title:
        return Unextracted(record, "empty_text", url=url, title=title or None)
    year = details.get("year") or row.get("year")
    created = _string(row.get("created")) or (str(year) if isinstance(year, int | str) and year else None)
    return Extracted(record, text, url, title or None, created, None, meta)


def _string(value: object) -> str:
    return " ".join(value.split()) if isinstance(value, str) else ""


def _parts(value: object) -> list[dict[str, object]]:
    """The paragraphs of a section that have a text."""
    return (
        [part for part in value if isinstance(part, dict) and isinstance(part.get("text"), str)]
        if isinstance(value, list)
        else []
    )


def _sections(parts: list[dict[str, object]]) -> Iterator[str]:
    """Paragraphs, with each section's heading before its first one."""
    section = ""
    for part in parts:
        heading = (
            f"{_string(part.get('sec_num'))} {_string(part.get('section'))}".strip()
            if _string(part.get("section"))
            else ""
        )
        if heading and heading != section:
            yield heading
        section = heading or section
        yield str(part["text"])


def _spans(content: Mapping[str, object]) -> Iterator[str]:
    """Headings and paragraphs of the one-text shape; bibliography and figures lie outside their spans."""
    text, annotations = content.get("text"), content.get("annotations")
    if not isinstance(text, str):
        return
    spans: list[tuple[int, int]] = []
    for kind in ("abstract", "sectionheader", "paragraph"):
        for span in _annotation(annotations, kind):
            start, end = span.get("start"), span.get("end")
            if str(start).isdigit() and str(end).isdigit():
                spans.append((int(str(start)), int(str(end))))
    if not spans:
        yield text
        return
    position = 0
    for start, end in sorted(set(spans), key=lambda span: (span[0], -span[1])):
        if start >= position and end > start:  # paragraphs inside an abstract's span are not repeated
            yield text[start:end]
            position = end


def _annotated_title(content: Mapping[str, object]) -> str:
    """The title that a span of the one-text shape marks: its rows have no other."""
    text = content.get("text")
    for span in _annotation(content.get("annotations"), "title") if isinstance(text, str) else ():
        start, end = span.get("start"), span.get("end")
        if str(start).isdigit() and str(end).isdigit():
            return _string(text[int(str(start)) : int(str(end))])
    return ""


def _references(entries: object, content: object) -> Iterator[str]:
    """The bibliography as a heading and one work a line; of the one-text shape, what its spans hold."""
    works: list[str] = []
    if isinstance(entries, dict):
        for entry in filter(lambda entry: isinstance(entry, dict), entries.values()):
            authors = entry.get("authors")
            people = (
                [_name(person) for person in authors if isinstance(person, dict)] if isinstance(authors, list) else []
            )
            year = str(entry["year"]) if isinstance(entry.get("year"), int | str) else ""
            parts = [", ".join(filter(None, people)), _string(entry.get("title")), _string(entry.get("venue")), year]
            works.append(". ".join(part for part in parts if part) or _string(entry.get("raw_text")))
    elif isinstance(content, dict) and isinstance(content.get("text"), str):
        for span in _annotation(content.get("annotations"), "bibentry"):
            start, end = span.get("start"), span.get("end")
            if str(start).isdigit() and str(end).isdigit():
                works.append(_string(content["text"][int(str(start)) : int(str(end))]))
    lines = [f"- {work}" for work in works if work]
    if lines:
        yield "References"
        yield "\n".join(lines)


def _annotation(annotations: object, kind: str) -> list[dict[str, object]]:
    value = annotations.get(kind) if isinstance(annotations, dict) else None
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return []
    return [span for span in value if isinstance(span, dict)] if isinstance(value, list) else []


def _metadata(row: Mapping[str, object], details: Mapping[str, object]) -> dict[str, object]:
    meta: dict[str, object] = {}
    for ours, theirs in (
        ("paper_id", "paper_id"),
        ("corpus_id", "corpusid"),
        ("id", "id"),
        ("source", "source"),
    ):
        if isinstance(row.get(theirs), str | int):
            meta[ours] = row[theirs]
    external = row.get("externalids")
    external = external if isinstance(external, dict) else {}
    values = {
        "doi": _string(details.get("doi")) or _string(external.get("doi")),
        "journal": _string(details.get("journal")) or _string(details.get("venue")),
        "arxiv_id": _string(details.get("arxiv_id")) or _string(external.get("arxiv")),
    }
    meta.update({key: value for key, value in values.items() if value})
    authors = details.get("authors")
    names = [_name(author) for author in authors if isinstance(author, dict)] if isinstance(authors, list) else []
    if any(names):
        meta["authors"] = [name for name in names if name]
    return meta


def _name(author: Mapping[str, object]) -> str:
    middle = author.get("middle")
    parts = [author.get("first"), *(middle if isinstance(middle, list) else []), author.get("last")]
    return " ".join(part for part in parts if isinstance(part, str) and part) or _string(author.get("name"))
