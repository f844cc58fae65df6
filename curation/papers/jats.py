"""JATS (NISO Z39.96, also the older NLM DTDs): one article's XML as documents, with the metadata of its front matter.

Kept: title, abstracts, sections with headings, paragraphs, lists, captions, table rows, formulas, acknowledgements,
appendices. Dropped: references (unless wanted), affiliations, permissions, notes about authors and funding, links to
files. Articles inside the article (translations, letters and replies) and abstracts in other languages are documents
of their own.
"""

import re
from collections.abc import Iterator

from lxml import etree

from gristmill.curation.documents import Extracted, Unextracted
from gristmill.curation.markup import (
    Paragraphs,
    entity_text,
    inline_text,
    local_name,
    names,
    subscript,
    superscript,
)
from gristmill.curation.papers.jats_formulas import formula_text, pictures
from gristmill.curation.papers.jats_front import child_named, identifier, shared_metadata
from gristmill.curation.papers.notices import notices
from gristmill.curation.papers.references import CITATIONS, citation_text

_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"

_SKIPPED = names(
    "ref-list fn-group permissions object-id graphic inline-graphic media inline-supplementary-material bio"
    " author-notes alt-text long-desc private-char processing-meta kwd-group history counts custom-meta-group"
    " funding-group related-article related-object sub-article response sec-meta title-group contrib-group"
    " floats-wrap-meta colgroup col mixed-citation element-citation citation nlm-citation"
)
_BLOCKS = names(
    "p sec title subtitle abstract app app-group ack boxed-text disp-quote caption fig fig-group table-wrap"
    " table-wrap-group table-wrap-foot table thead tbody tfoot tr def-list def-item list list-item verse-group"
    " statement attrib glossary notes supplementary-material floats-group speech speaker disp-formula"
    " disp-formula-group array chem-struct-wrap chem-struct body back fn term-head def-head question answer"
)
_LABELLED = names("fig table-wrap supplementary-material boxed-text statement app list-item sec")
_SILENT_XREFS = names("fn table-fn aff corresp author-notes contrib other")
_SIDE_ABSTRACTS = names("toc teaser graphical short web-summary precis")

_NUMBERED = {"order": "1", "ordered": "1", "arabic": "1", "roman-lower": "1", "roman-upper": "1"} | {
    "alpha-lower": "a",
    "alpha-upper": "a",
}
_BETWEEN_REFERENCES = re.compile(r"[\s,;.–—-]+")


def documents(article: etree._Element, record: str, references: bool = False) -> Iterator[Extracted | Unextracted]:
    """The article, then each article inside it, as documents; `record` names the first, `record/id` the others.

    `references` puts the lists of references at the end of the texts.
    """
    front = child_named(article, "front")
    shared = shared_metadata(front)
    yield _document(article, front, shared, record, references)
    shared = {**shared, "part_of": shared.get("doi") or record or True}
    inner = [child for child in article if local_name(child) in ("sub-article", "response")]
    languages = {(part.get(_LANGUAGE) or "").lower() for part in inner}
    for number, part in enumerate(inner, 1):
        name = f"{record}/{part.get('id') or number}" if record else part.get("id") or str(number)
        yield _document(part, child_named(part, "front-stub", "front"), shared, name, references)
    for abstract in front.iter("{*}trans-abstract") if front is not None else ():
        language = (abstract.get(_LANGUAGE) or "").lower()
        if language and language not in languages:
            languages.add(language)
            yield _translated_abstract(abstract, front, shared, f"{record}/abstract-{language}".lstrip("/"))


def _document(
    article: etree._Element, front: etree._Element | None, shared: dict[str, object], record: str, references: bool
) -> Extracted | Unextracted:
    meta = dict(shared)
    about = child_named(front, "article-meta") if child_named(front, "article-meta") is not None else front
    titles = child_named(about, "title-group")
    title = _title_of(child_named(titles, "article-title")) or None
    subtitle = _title_of(child_named(titles, "subtitle"))
    for key, attribute in (("article_type", "article-type"), ("language", _LANGUAGE)):
        if article.get(attribute):
            meta[key] = (article.get(attribute) or "").lower()
    meta.update(notices(about, str(meta.get("article_type", "")), title or ""))
    own_doi = identifier(about, "doi")
    if own_doi:
        meta["doi"] = own_doi
    out = Paragraphs()
    for heading in (title, subtitle):
        out.add(heading)
        out.end()
    abstracts = [
        part
        for part in (about if about is not None else ())
        if local_name(part) == "abstract" and part.get("abstract-type") not in _SIDE_ABSTRACTS
    ]
    parts = [part for part in article if local_name(part) in ("body", "back", "floats-group", "floats-wrap")]
    if images := pictures([*abstracts, *parts]):
        meta["formula_images"] = images
    for abstract in abstracts:
        _abstract(abstract, out)
    for part in parts:
        _walk(part, out)
    if references:
        _references(article, out)
    text = out.text()
    url = _url(meta)
    if not text:
        return Unextracted(record, "empty_text", url=url, title=title)
    created, licence = meta.pop("created", None), meta.pop("licence", None)
    return Extracted(record, text, url, title, _word(created), _word(licence), meta)


def _references(article: etree._Element, out: Paragraphs) -> None:
    """The article's own references, one a line; those of the articles inside it are theirs."""
    lists = [part for child in article if local_name(child) == "back" for part in child.iter("{*}ref-list")]
    found = [reference for part in lists for reference in part if local_name(reference) == "ref"]
    if not found:
        return
    out.loosen()
    out.add(inline_text(child_named(lists[0], "title")) or "References")
    out.end()
    for reference in found:
        words = [citation_text(part) for part in reference if local_name(part) in CITATIONS]
        out.item("- ")
        out.add(" ".join(word for word in words if word))
        out.end()
    out.loosen()


def _translated_abstract(
    abstract: etree._Element, front: etree._Element, shared: dict[str, object], record: str
) -> Extracted | Unextracted:
    language = abstract.get(_LANGUAGE)
    meta = {**shared, "language": (language or "").lower(), "article_type": "translated-abstract"}
    group = next((g for g in front.iter("{*}trans-title-group") if g.get(_LANGUAGE) == language), None)
    title = _title_of(child_named(group, "trans-title")) or None
    out = Paragraphs()
    out.add(title)
    out.end()
    _abstract(abstract, out)
    created, licence = meta.pop("created", None), meta.pop("licence", None)
    text = out.text()
    if not text:
        return Unextracted(record, "empty_text", url=_url(meta), title=title)
    return Extracted(record, text, _url(meta), title, _word(created), _word(licence), meta)


def _word(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _url(meta: dict[str, object]) -> str | None:
    if "doi" in meta:
        return f"https://doi.org/{meta['doi']}"
    return f"https://www.ncbi.nlm.nih.gov/pmc/articles/{meta['pmcid']}/" if "pmcid" in meta else None


def _title_of(element: etree._Element | None) -> str:
    """A title on one line, without its footnote marks."""
    if element is None:
        return ""
    out = Paragraphs()
    _inside(element, out)
    return out.line()


def _abstract(abstract: etree._Element, out: Paragraphs) -> None:
    if child_named(abstract, "title") is None:
        out.add("Abstract")
        out.end()
    _walk(abstract, out)


_FILE_TYPE = re.compile(
    r"\(\.?(?:PDF|DOCX?|XLSX?|PPTX?|TIFF?|EPS|ZIP|RTF|TXT|CSV|MOV|AVI|MP4|MPE?G|WMV|GIF|JPE?G|PNG)\)\.?", re.I
)


def _walk(element: etree._Element, out: Paragraphs) -> None:
    name = local_name(element)
    if name == "&":
        out.add(entity_text(element))
        return
    name = name.lower()
    if not name or name in _SKIPPED:
        return
    if name in ("inline-formula", "disp-formula", "math", "tex-math"):
        _formula(element, name, out)
    elif name == "alternatives":
        _alternatives(element, out)
    elif name in ("sup", "sub"):
        _shifted(element, name, out)
    elif name == "xref":
        if element.get("ref-type") not in _SILENT_XREFS:
            _inside(element, out)
    elif name == "break":
        out.line_break()
    elif name in ("preformat", "code"):
        out.end()
        raw = "".join(element.itertext()).strip("\n")
        if raw.strip():
            out.block(raw)
    elif name == "verse-line":
        _inside(element, out)
        out.line_break()
    elif name in _BLOCKS:
        _block(element, name, out)
    else:
        _inside(element, out)


def _block(element: etree._Element, name: str, out: Paragraphs) -> None:
    if name == "tr":
        _row(element, out)
    elif name in ("list", "def-list"):
        out.begin_list()
        _list(element, out)
        out.end_list()
    elif name == "table":
        out.loosen()
        _inside(element, out)
        out.loosen()
    elif name == "list-item":
        _item(element, "-", out)
    elif name == "def-item":
        out.item("")
        term = inline_text(child_named(element, "term"))
        out.add(f"{term.rstrip(':')}: " if term else "")
        for definition in element:
            if local_name(definition) == "def":
                out.add(inline_text(definition))
        out.end()
    elif name == "p" and len(element) == 0 and _FILE_TYPE.fullmatch((element.text or "").strip()):
        return  # what kind of file a supplement is
    else:
        out.end()
        if name in _LABELLED:
            _labelled(element, out)
        _inside(element, out, labelled=name in _LABELLED)
        out.end()


def _list(element: etree._Element, out: Paragraphs) -> None:
    """A list whose items are numbered where its type says so and they have no labels of their own."""
    style = _NUMBERED.get((element.get("list-type") or "").lower())
    number = 0
    out.add(element.text)
    for child in element:
        if local_name(child) == "list-item":
            number += 1
            letter = chr(ord("a") + number - 1) if style == "a" and number <= 26 else str(number)
            _item(child, f"{letter}." if style else "-", out)
        else:
            _walk(child, out)
        out.add(child.tail)


def _item(element: etree._Element, mark: str, out: Paragraphs) -> None:
    out.item(f"{inline_text(child_named(element, 'label')) or mark} ")
    _inside(element, out, labelled=True)
    out.end()


def _labelled(element: etree._Element, out: Paragraphs) -> None:
    """Puts "Figure 1." or "2." before the caption or title that follows."""
    label = inline_text(child_named(element, "label"))
    if label:
        out.add(label if label.endswith((".", ":", ")")) else f"{label}.")
        out.add(" ")
        caption = child_named(element, "caption")
        heading = child_named(caption, "title") if caption is not None else child_named(element, "title")
        if caption is not None and heading is None:
            heading = child_named(caption, "p")
        if heading is None or local_name(element) in ("list-item",):
            out.end()
        else:
            # The heading itself is written here, and passed over when its turn comes.
            _inside(heading, out)
            out.end()
            heading.clear(keep_tail=True)


def _row(row: etree._Element, out: Paragraphs) -> None:
    out.end(tight=True)
    cells = []
    for cell in row:
        inner = Paragraphs()
        _inside(cell, inner)
        cells.append(inner.line())
    while cells and not cells[-1]:
        cells.pop()
    # An empty cell before others keeps its place, or the columns would shift.
    line = "|".join(f" {cell} " if cell else " " for cell in cells).strip(" ")
    if line:
        out.block(line, tight=True)


def _formula(element: etree._Element, name: str, out: Paragraphs) -> None:
    if name == "disp-formula":
        out.end()
    words = formula_text(element, name)
    if words is None:
        _inside(element, out, labelled=True)
    else:
        out.add(words)
    if name == "disp-formula":
        out.end()


def _alternatives(element: etree._Element, out: Paragraphs) -> None:
    """The best of several forms of one thing: TeX, MathML, a table; never two of them."""
    forms = {local_name(child): child for child in reversed(element)}
    for name in ("tex-math", "math", "table", "textual-form", "chem-struct", "preformat", "code"):
        if name in forms:
            _walk(forms[name], out)
            return


def _shifted(element: etree._Element, name: str, out: Paragraphs) -> None:
    references = [child for child in element.iter("{*}xref")]
    if references and all(child.get("ref-type") in ("bibr", *_SILENT_XREFS) for child in references):
        return  # a raised reference number would read as part of the word before it
    parent = element.getparent()
    if parent is not None and local_name(parent) == "xref" and parent.get("ref-type") == "bibr":
        return
    inner = Paragraphs()
    _inside(element, inner)
    text = inner.line()
    if _BETWEEN_REFERENCES.fullmatch(text) and ("," in text or ";" in text or _beside_reference(element)):
        return
    out.add(superscript(text) if name == "sup" else subscript(text))


def _beside_reference(element: etree._Element) -> bool:
    """Whether the element before or after is a reference that leaves nothing."""
    return any(
        other is not None and (local_name(other) == "xref" or next(other.iter("{*}xref"), None) is not None)
        for other in (element.getprevious(), element.getnext())
    )


def _inside(element: etree._Element, out: Paragraphs, labelled: bool = False) -> None:
    out.add(element.text)
    for child in element:
        if not (labelled and local_name(child) == "label"):
            _walk(child, out)
        out.add(child.tail)
