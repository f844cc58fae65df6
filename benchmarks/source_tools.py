"""Runs one tool over the files of a kind: `python source_tools.py KIND TOOL RUNS OUT FILE...`.

OUT becomes JSON: {"seconds": [processor time of each run, children included], "texts": [...]}. The tools of Gristmill run
in its own environment, the peers in theirs. Every tool starts from the file as it lies on the disk.
"""

import gzip
import importlib
import json
import logging
import mailbox
import resource
import subprocess
import sys
import tarfile
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

Tool = Callable[[Path], Iterator[str]]


def gristmill(kind: str, path: Path) -> Iterator[str]:
    """The texts that the reader of a kind gives."""
    from gristmill.curation.documents import Extracted, ReadOptions

    with path.open("rb") as stream:
        for record in importlib.import_module(f"gristmill.curation.{kind}").read(stream, path.name, ReadOptions()):
            if isinstance(record, Extracted):
                yield record.text


def gristmill_archive(path: Path) -> Iterator[str]:
    """Addresses and sizes of responses, without extraction."""
    from gristmill.curation.crawl.warc import archive_records

    with path.open("rb") as stream:
        for record in archive_records(stream):
            if record.type == "response":
                yield f"{record.headers.get('warc-target-uri')} {len(record.block)}"


# Wikipedia


def wikitexts(path: Path) -> Iterator[str]:
    """Wikitext of the articles of a dump, as a loop over lxml.etree.iterparse gives them."""
    import bz2

    from lxml import etree

    with bz2.open(path) as stream:
        for _, page in etree.iterparse(stream, tag="{*}page", huge_tree=True):
            if page.findtext("{*}ns") == "0" and page.find("{*}redirect") is None:
                yield page.findtext("{*}revision/{*}text") or ""
            page.clear()
            while page.getprevious() is not None:
                del page.getparent()[0]


def mwparserfromhell(path: Path) -> Iterator[str]:
    import mwparserfromhell

    for wikitext in wikitexts(path):
        yield mwparserfromhell.parse(wikitext).strip_code()


def wikiextractor(path: Path) -> Iterator[str]:
    """Its command with one process beside the one that reads, and without templates, as is usual."""
    command = [sys.executable, "-m", "wikiextractor.WikiExtractor", str(path), "--json", "--no-templates"]
    command += ["--processes", "1", "--quiet", "-o", "-"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    for line in done.stdout.splitlines():
        yield json.loads(line)["text"]


# Papers


@contextmanager
def latex_main(path: Path) -> Iterator[Path]:
    """The main file of an unpacked LaTeX source: the longest that has both \\documentclass and an abstract."""
    with tempfile.TemporaryDirectory() as folder, tarfile.open(path) as archive:
        archive.extractall(folder, filter="data")
        files = sorted(Path(folder).rglob("*.tex"), key=lambda f: -f.stat().st_size)
        mains = [
            f for f in files if "\\documentclass" in (text := f.read_text(errors="replace")) and "abstract" in text
        ]
        yield (mains or files)[0]


def pandoc(path: Path) -> Iterator[str]:
    import pypandoc

    with latex_main(path) as main:
        command = [pypandoc.get_pandoc_path(), "-f", "latex", "-t", "plain", "--wrap=none", main.name]
        yield subprocess.run(command, cwd=main.parent, capture_output=True, text=True, check=True).stdout


def pylatexenc(path: Path) -> Iterator[str]:
    from pylatexenc.latex2text import LatexNodes2Text

    with latex_main(path) as main:
        converter = LatexNodes2Text(math_mode="verbatim", keep_comments=False)
        converter.set_tex_input_directory(str(main.parent))
        yield converter.latex_to_text(main.read_text(errors="replace"))


def xml_files(path: Path) -> Iterator[bytes]:
    if path.suffix == ".nxml":
        yield path.read_bytes()
        return
    with tarfile.open(path) as archive:
        for member in archive:
            if member.isfile():
                yield archive.extractfile(member).read()


def lxml_itertext(path: Path) -> Iterator[str]:
    from lxml import etree

    for content in xml_files(path):
        root = etree.fromstring(content, etree.XMLParser(resolve_entities=False, no_network=True, recover=True))
        parts = [root.find(".//article-title"), root.find(".//abstract"), root.find("body")]
        yield "\n".join("".join(part.itertext()) for part in parts if part is not None)


def beautifulsoup_xml(path: Path) -> Iterator[str]:
    from bs4 import BeautifulSoup

    for content in xml_files(path):
        yield BeautifulSoup(content, "xml").get_text(" ", strip=True)


def pubmed_parser(path: Path) -> Iterator[str]:
    import pubmed_parser

    with tempfile.NamedTemporaryFile(suffix=".xml") as file:
        for content in xml_files(path):
            file.seek(0)
            file.truncate()
            file.write(content)
            file.flush()
            try:
                article = pubmed_parser.parse_pubmed_xml(file.name)
                paragraphs = pubmed_parser.parse_pubmed_paragraph(file.name, all_paragraph=True)
            except KeyError:  # an article without a year in the place where it looks
                continue
            texts = [article["full_title"], article["abstract"], *(p["text"] for p in paragraphs)]
            yield "\n\n".join(text for text in texts if text)


# Forum


def mailbox_email(path: Path) -> Iterator[str]:
    """The text parts as mailbox and email give them: nothing quoted is removed, no threads."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes())
        file.flush()
        for message in mailbox.mbox(file.name):
            parts = [part for part in message.walk() if part.get_content_type() == "text/plain"]
            yield "\n".join(part.get_payload(decode=True).decode("utf-8", "replace") for part in parts)


def beautifulsoup_posts(path: Path) -> Iterator[str]:
    from bs4 import BeautifulSoup
    from lxml import etree

    for _, row in etree.iterparse(str(path), tag="row"):
        if row.get("PostTypeId") in ("1", "2"):
            yield row.get("Title", "") + "\n" + BeautifulSoup(row.get("Body", ""), "lxml").get_text()
        row.clear()


# Books


def ebooklib(path: Path) -> Iterator[str]:
    from bs4 import BeautifulSoup
    from ebooklib import ITEM_DOCUMENT, epub

    book = epub.read_epub(str(path))
    items = book.get_items_of_type(ITEM_DOCUMENT)
    yield "\n\n".join(BeautifulSoup(item.get_content(), "lxml").get_text() for item in items)


def gutenberg_cleaner(path: Path) -> Iterator[str]:
    from gutenberg_cleaner import simple_cleaner

    yield simple_cleaner(path.read_text(encoding="utf-8", errors="replace"))


# Code and archives


def pygments(path: Path) -> Iterator[str]:
    """Files whose names pygments knows, as they are: the reading and naming of languages alone."""
    from pygments.lexers import get_lexer_for_filename
    from pygments.util import ClassNotFound

    with tarfile.open(path) as archive:
        for member in archive:
            if not member.isfile():
                continue
            text = archive.extractfile(member).read().decode("utf-8", "replace")
            try:
                get_lexer_for_filename(member.name, text)
            except ClassNotFound:
                continue
            yield text


def warcio(path: Path) -> Iterator[str]:
    from warcio.archiveiterator import ArchiveIterator

    with path.open("rb") as stream:
        for record in ArchiveIterator(stream, no_record_parse=True):
            if record.rec_type == "response":
                yield f"{record.rec_headers.get_header('WARC-Target-URI')} {len(record.raw_stream.read())}"


def fastwarc(path: Path) -> Iterator[str]:
    from fastwarc.warc import ArchiveIterator, WarcRecordType

    with path.open("rb") as stream:
        for record in ArchiveIterator(stream, record_types=WarcRecordType.response, parse_http=False):
            yield f"{record.headers.get('WARC-Target-URI')} {len(record.reader.read())}"


PEERS: dict[str, tuple[Tool, ...]] = {
    "wikipedia": (mwparserfromhell, wikiextractor),
    "latex": (pandoc, pylatexenc),
    "jats": (lxml_itertext, beautifulsoup_xml, pubmed_parser),
    "mail": (mailbox_email,),
    "stackexchange": (beautifulsoup_posts,),
    "epub": (ebooklib,),
    "gutenberg": (gutenberg_cleaner,),
    "code": (pygments,),
    "warc": (fastwarc, warcio),
}
READERS = {
    "wikipedia": "wikipedia",
    "latex": "papers",
    "jats": "papers",
    "mail": "forum",
    "stackexchange": "forum",
    "epub": "books",
    "gutenberg": "books",
    "code": "code",
}


def tool(kind: str, name: str) -> Tool:
    if name != "gristmill":
        return next(peer for peer in PEERS[kind] if peer.__name__ == name)
    return gristmill_archive if kind == "warc" else lambda path: gristmill(READERS[kind], path)


def processor_seconds() -> float:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def main() -> None:
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    kind, name, runs, out, *files = sys.argv[1:]
    texts_of = tool(kind, name)
    list(
        texts_of(min(map(Path, files), key=lambda path: path.stat().st_size))
    )  # imports and tables are not the question
    seconds: list[float] = []
    texts: list[str] = []
    for _ in range(int(runs)):
        start = processor_seconds()
        texts = [text for file in files for text in texts_of(Path(file))]
        seconds.append(processor_seconds() - start)
    Path(out).write_text(json.dumps({"seconds": seconds, "texts": texts}))


if __name__ == "__main__":
    main()
