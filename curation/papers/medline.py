"""MEDLINE/PubMed XML (NLM's PubmedArticleSet): title and abstract of one citation as a document."""

from collections.abc import Iterator

from lxml import etree

from gristmill.curation.documents import Extracted, NotDocument, Unextracted
from gristmill.curation.markup import collapsed, entity_text, inline_text, local_name, subscript, superscript
from gristmill.curation.mathml import formula
from gristmill.curation.papers.jats_front import iso_date
from gristmill.curation.papers.notices import notice_of

RECORDS = ("PubmedArticle", "PubmedBookArticle", "DeleteCitation")
"""The elements that are records of the file. Files before 2010 hold `MedlineCitation` without a wrapper."""

_RELATIONS = (
    ("RetractionIn", "retracted"),
    ("PartialRetractionIn", "retracted"),
    ("ErratumIn", "corrected"),
    ("ExpressionOfConcernIn", "concern_raised"),
)


def documents(citation: etree._Element, references: bool = False) -> Iterator[Extracted | Unextracted | NotDocument]:
    """The citation as a document whose record is its PMID; abstracts in other languages as `PMID/language`.

    `references` puts the cited works at the end of the text, where the file has them in words.
    """
    if citation.tag == "DeleteCitation":
        for _ in citation.iter("PMID"):
            yield NotDocument("deleted_citation")
        return
    number = next(citation.iter("PMID"), None)
    pmid = inline_text(number)
    version = number.get("Version") if number is not None else None
    record = f"{pmid}.{version}" if version and version != "1" else pmid
    article = next(citation.iter("Article", "BookDocument"), None)
    if article is None:
        yield Unextracted(record, "empty_text")
        return
    title = _words(next(article.iter("ArticleTitle"), None)) or _words(article.find("VernacularTitle"))
    meta = _metadata(citation, article, pmid)
    doi = meta.get("doi")
    url = f"https://doi.org/{doi}" if doi else f"https://pubmed.ncbi.nlm.nih.gov/{pmid}/"
    text = "\n\n".join(part for part in [title, *_paragraphs(article.find("Abstract"))] if part)
    created = _published(article)
    if text and references:
        cited = [_words(element) for element in citation.iterfind(".//ReferenceList/Reference/Citation")]
        text = "\n\n".join(
            [text, *(["References", "\n".join(f"- {words}" for words in cited if words)] if cited else [])]
        )
    if text:
        rights = inline_text(article.find("Abstract/CopyrightInformation")) or None
        yield Extracted(record, text, url, title or None, created, rights, meta)
    else:
        yield Unextracted(record, "empty_text", url=url)
    for other in citation.iter("OtherAbstract"):
        language = (other.get("Language") or "other").lower()
        text = "\n\n".join(_paragraphs(other))
        if text:
            rights = inline_text(other.find("CopyrightInformation")) or None
            kind = (other.get("Type") or "").lower()
            yield Extracted(
                f"{record}/{language}" + (f"-{kind}" if kind not in ("", "publisher") else ""),
                text,
                url,
                title or None,
                created,
                rights,
                {**meta, "language": language},
            )


def _words(element: etree._Element | None) -> str:
    """All text inside an element on one line, raised and lowered text and formulas told from the rest."""
    return "" if element is None else collapsed(_inside(element))


def _inside(element: etree._Element) -> str:
    parts = [element.text or ""]
    for child in element:
        name = local_name(child)
        if name in ("sup", "sub"):
            parts.append(superscript(_inside(child)) if name == "sup" else subscript(_inside(child)))
        else:
            parts.append(
                formula(child)
                if name == "math"
                else entity_text(child)
                if name == "&"
                else _inside(child)
                if name
                else ""
            )
        parts.append(child.tail or "")
    return "".join(parts)


def _paragraphs(abstract: etree._Element | None) -> list[str]:
    """The abstract's paragraphs, those of structured abstracts with their label."""
    paragraphs = []
    for part in abstract.iter("AbstractText") if abstract is not None else ():
        text, label = _words(part), part.get("Label")
        if text:
            paragraphs.append(f"{label}: {text}" if label and label.upper() != "UNLABELLED" else text)
    return paragraphs


def _metadata(citation: etree._Element, article: etree._Element, pmid: str) -> dict[str, object]:
    meta: dict[str, object] = {"pmid": pmid}
    dois = [
        inline_text(element)
        for element in citation.iter("ELocationID", "ArticleId")
        if "doi" in (element.get("EIdType"), element.get("IdType")) and not _in_references(element)
    ]
    values = {
        "doi": next(filter(None, dois), None),
        "journal": inline_text(next(article.iter("Title"), None)),
        "language": inline_text(next(article.iter("Language"), None)),
    }
    meta.update({key: value for key, value in values.items() if value})
    kinds = [inline_text(element) for element in article.iter("PublicationType")]
    if kinds:
        meta["article_type"] = kinds
    notice = next(filter(None, map(notice_of, kinds)), None)
    if notice:
        meta["notice"] = notice
    relations = {element.get("RefType") for element in citation.iter("CommentsCorrections")}
    for relation, key in _RELATIONS:
        if relation in relations:
            meta[key] = True
    if any(kind.lower() == "retracted publication" for kind in kinds):
        meta["retracted"] = True
    authors = [
        f"{inline_text(author.find('ForeName'))} {inline_text(author.find('LastName'))}".strip()
        for author in article.iter("Author")
        if author.find("LastName") is not None
    ]
    if authors:
        meta["authors"] = authors
    return meta


def _in_references(element: etree._Element) -> bool:
    """Whether an identifier belongs to a cited work."""
    return any(parent.tag == "ReferenceList" for parent in element.iterancestors())


def _published(article: etree._Element) -> str | None:
    for element in [*article.iter("ArticleDate"), *article.iter("PubDate")]:
        date = iso_date(*(inline_text(element.find(name)) for name in ("Year", "Month", "Day")))
        if date:
            return date
        season = inline_text(element.find("MedlineDate"))[:4]
        if season.isascii() and season.isdigit():
            return season
    return None
