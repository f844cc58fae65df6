"""Documents planted into the sample, and the answer key: what the demo must make of each of them.

They are written in `sample_data/planted.yaml`, every text with its fate beside it. Most are pages of a small website
that is crawled with the rest; some go into books, forum and papers.
"""

import html
import struct
import textwrap
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable

from ruamel.yaml import YAML

from gristmill.curation.documents import document_id, locator
from gristmill.manifests.sample_crawl import NOT_FOUND, Answer

WRITTEN = ".cache/sample"
"""Where `demo.yaml` finds the sample; the answer key names documents by locators, which begin with it."""

WEB = "web"
"""The source in `demo.yaml` that reads the planted website."""

Entry = Mapping[str, object]


@dataclass(frozen=True)
class Planted:
    """What `planted.yaml` says."""

    pages: tuple[Entry, ...]
    """Pages of the website, those that repeat another with their own text filled in."""
    others: Mapping[str, str]
    """Path -> what the crawl's record of it is counted as; these are no documents."""
    documents: tuple[Entry, ...]
    """Documents of other sources that have an answer."""


def data(name: str) -> Traversable:
    """A file of `sample_data`."""
    return files("gristmill.manifests") / "sample_data" / name


def load() -> Planted:
    """Read `planted.yaml`."""
    content = YAML(typ="safe").load(data("planted.yaml").read_text("utf-8"))
    texts = {page["page"]: page["text"] for page in content["pages"] if "text" in page}
    pages = []
    for page in content["pages"]:
        text = "\n\n".join(paragraphs(page.get("text") or texts[page["repeats"]]))
        for old, new in page.get("replace", {}).items():
            assert text.count(old) == 1, (page["page"], old)
            text = text.replace(old, new)
        pages.append({**page, "text": text})
    return Planted(tuple(pages), content["others"], tuple(content["documents"]))


def paragraphs(text: str) -> list[str]:
    """The paragraphs of a text that is wrapped for reading, each on one line."""
    return [" ".join(paragraph.split()) for paragraph in text.split("\n\n") if paragraph.strip()]


def website(planted: Planted) -> dict[str, Answer]:
    """What the small web server says, by path."""
    answers = {"/robots.txt": Answer(200, (("Content-Type", "text/plain"),), b"User-agent: *\nAllow: /\n")}
    for page in planted.pages:
        answers[page["page"]] = Answer(200, (("Content-Type", "text/html; charset=utf-8"),), _page(page).encode())
    moved = (("Location", "/lighthouse.html"), ("Content-Type", "text/html; charset=utf-8"))
    answers["/old-lighthouse.html"] = Answer(301, moved, b"<!doctype html><title>Moved</title>")
    answers["/lost.html"] = NOT_FOUND
    answers["/logo.png"] = Answer(200, (("Content-Type", "image/png"),), _logo())
    return answers


def _page(page: Entry) -> str:
    """A page as HTML; pages below /print/ come without the frame of links."""
    title = html.escape(page["title"])
    body = "\n".join(f"<p>{html.escape(paragraph)}</p>" for paragraph in page["text"].split("\n\n"))
    article = f"<main>\n<article>\n<h1>{title}</h1>\n{body}\n</article>\n</main>"
    links = ("Home", "Stations", "Notes", "Library", "Members", "Contact")
    menu = "".join(f'<li><a href="/{link.lower()}/">{link}</a></li>' for link in links)
    framed = textwrap.dedent(f"""\
        <nav><ul>{menu}</ul></nav>
        {{article}}
        <footer><p><a href="/imprint.html">Imprint</a> | <a href="/privacy.html">Privacy</a></p></footer>""")
    inside = article if page["page"].startswith("/print/") else framed.replace("{article}", article)
    return (
        f'<!doctype html>\n<html lang="{page.get("lang", "en")}">\n<head><meta charset="utf-8"><title>{title}</title>'
        f"</head>\n<body>\n{inside}\n</body>\n</html>\n"
    )


def _logo() -> bytes:
    """A PNG image of 16 by 16 grey pixels."""
    rows = (b"\0" + b"\x80" * 16) * 16

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", 16, 16, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def books(planted: Planted) -> dict[str, str]:
    """Pages that are books as well: file name -> text, the title on its first line."""
    return {
        page["in_book"]: "\n\n".join(
            [page["title"], *(textwrap.fill(paragraph, 72) for paragraph in page["text"].split("\n\n"))]
        )
        + "\n"
        for page in planted.pages
        if "in_book" in page
    }


def answer_key(planted: Planted, web_file: str, offsets: Mapping[str, int]) -> dict[str, object]:
    """The fate of every planted document by locator, and the counts of what is no document by source.

    `web_file` is the crawl's file below the sample, `offsets` where in it each path's response stands. A fate is
    `status`, and for a dropped one `rules` (one of them must be named) and `duplicate_of` (a locator, if it repeats
    something), for a kept one `edits` (rule and the text that it replaces, in order).
    """
    pages = {page["page"]: locator(f"{WRITTEN}/{web_file}", str(offsets[page["page"]])) for page in planted.pages}
    fates: dict[str, dict] = {}
    for page in planted.pages:
        twin = pages.get(page.get("repeats", ""))
        fates |= _fates(WEB, pages[page["page"]], page, twin)
        if "in_book" in page:
            fates[pages[page["page"]]]["duplicate_of"] = f"{WRITTEN}/books/{page['in_book']}"
    for document in planted.documents:
        place = locator(f"{WRITTEN}/{document['file']}", document.get("record", ""))
        twin = f"{WRITTEN}/{document['repeats']}" if "repeats" in document else None
        fates |= _fates(document["source"], place, document, twin)
    counts = {name: list(planted.others.values()).count(name) for name in sorted(set(planted.others.values()))}
    return {"documents": fates, "not_documents": {WEB: counts}}


def _fates(source: str, place: str, entry: Entry, twin: str | None) -> dict[str, dict]:
    """The fate of one document, or of two that repeat each other: the one with the smaller id stays."""
    if "kept" in entry:
        edits = [[rule, text] for edit in entry.get("edits", []) for rule, text in edit.items()]
        return {place: {"status": "kept", "edits": edits}}
    rules = [entry["dropped"]] if isinstance(entry["dropped"], str) else list(entry["dropped"])
    if twin is None:
        return {place: {"status": "dropped", "rules": rules}}
    kept, dropped = _by_id(source, (place, twin))
    return {
        kept: {"status": "kept", "edits": []},
        dropped: {"status": "dropped", "rules": rules, "duplicate_of": kept},
    }


def _by_id(source: str, places: Iterable[str]) -> list[str]:
    return sorted(places, key=lambda place: document_id(source, place))
