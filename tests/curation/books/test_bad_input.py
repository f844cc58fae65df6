"""Hostile and broken books: named, counted, bounded in memory; what is sound beside them is still read."""

import gzip
import io
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from gristmill.curation import books
from gristmill.curation.books import plain
from gristmill.curation.books.params import BooksParams
from gristmill.curation.documents import Extracted, NotDocument, ReadOptions, Record, UnreadableFile

PARAGRAPH = (
    "It was the best of times, it was the worst of times, it was the age of\nwisdom, it was the age of foolishness.\n\n"
)
PAGE = b"<html><body><h1>Emma</h1><p>Emma Woodhouse.</p></body></html>"
PACKAGE = (
    b"<package xmlns='http://www.idpf.org/2007/opf'><manifest><item id='a' href='a.xhtml'"
    b" media-type='application/xhtml+xml'/></manifest><spine><itemref idref='a'/></spine></package>"
)


def read(data: bytes, name: str = "book.txt", options: ReadOptions | None = None) -> list[Record]:
    return list(books.read(io.BytesIO(data), name, options or ReadOptions()))


def packed(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def test_a_text_cut_in_the_middle_gives_what_came_before():
    whole = gzip.compress(("".join(f"{n} {PARAGRAPH}" for n in range(20_000))).encode())
    records: list[Record] = []
    with pytest.raises(UnreadableFile, match="truncated"):
        records.extend(books.read(io.BytesIO(whole[: len(whole) // 2]), "x.txt.gz", ReadOptions()))
    [book] = records
    assert book.meta == {"truncated": True}
    assert len(book.text) > 500_000


def test_chapters_before_a_cut_are_read():
    text = "".join(f"CHAPTER {n}\n\n{PARAGRAPH * 9}" for n in range(1, 2000))
    whole = gzip.compress(text.encode())
    records: list[Record] = []
    options = ReadOptions(params=BooksParams(split="chapter"))
    with pytest.raises(UnreadableFile, match="truncated"):
        records.extend(books.read(io.BytesIO(whole[: len(whole) // 2]), "x.txt.gz", options))
    assert len(records) > 500


def test_a_compressed_text_above_the_limit_is_measured_and_not_held(monkeypatch):
    monkeypatch.setattr(books, "MAX_BOOK_BYTES", 2**20)
    monkeypatch.setattr(plain, "WINDOW_BYTES", 2**19)
    monkeypatch.setattr(plain, "TAIL_BYTES", 2**16)
    whole = gzip.compress(PARAGRAPH.encode() * 30_000)
    [record] = read(whole)
    assert record.rule == "document_too_large"
    assert record.value > 2 * 2**20


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of a process is read from Linux's /proc")
def test_a_text_of_300_mb_is_read_in_the_memory_of_a_window(tmp_path):
    path = tmp_path / "big.txt"
    chapter = PARAGRAPH * 300
    with path.open("w") as file:
        for number in range(300 * 2**20 // len(chapter)):
            file.write(f"CHAPTER {number + 1}\n\n{chapter}")
    program = (
        "import re, sys; from gristmill.curation import books; from gristmill.curation.documents import ReadOptions\n"
        "options = ReadOptions(params=books.PARAMS(split=sys.argv[2]))\n"
        "records = [r.record for r in books.read(open(sys.argv[1], 'rb'), 'big.txt', options)]\n"
        # not ru_maxrss, in which a process inherits the peak of the one that started it
        "print(len(records), int(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1]) // 1024)"
    )
    for split, limit_mb in (("none", 150), ("chapter", 350)):
        done = subprocess.run([sys.executable, "-c", program, path, split], capture_output=True, text=True, check=True)
        documents, peak_mb = map(int, done.stdout.split())
        assert documents == 1 if split == "none" else documents > 8000
        assert peak_mb < limit_mb


def test_one_endless_line_is_read_in_windows(monkeypatch):
    monkeypatch.setattr(plain, "WINDOW_BYTES", 10_000)
    monkeypatch.setattr(plain, "TAIL_BYTES", 1_000)
    [record] = read(("ж" * 30_001).encode())
    assert record.text.replace("\n", "") == "ж" * 30_001
    [record] = read(b"word " * 10_000)
    assert record.text.split() == ["word"] * 10_000


def test_a_zip_of_pages_is_a_shelf_of_books():
    records = read(packed({"a/emma.html": PAGE, "a/images/x.png": b"x", "b.txt": PARAGRAPH.encode()}), "shelf.zip")
    assert [(r.record, r.text[:4]) for r in records if isinstance(r, Extracted)] == [
        ("a/emma.html", "Emma"),
        ("b.txt", "It w"),
    ]
    assert records[1] == NotDocument("other_file")


def test_a_tar_of_books_is_read_and_its_bad_ones_are_named():
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in {"../../a.txt": PARAGRAPH.encode(), "b.epub": b"PK\3\4 torn", "c.txt": b"%PDF-1"}.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    good, torn, foreign = read(buffer.getvalue(), "shelf.tar.gz")
    assert (good.record, good.text[:6]) == ("../../a.txt", "It was")
    assert [(r.record, r.rule) for r in (torn, foreign)] == [("b.epub", "damaged_member"), ("c.txt", "damaged_member")]


def test_an_epub_that_unpacks_to_too_much_is_measured_and_not_read(monkeypatch):
    monkeypatch.setattr(books, "MAX_BOOK_BYTES", 2**20)
    bomb = packed({"META-INF/container.xml": b"", "p.opf": PACKAGE, "a.xhtml": bytes(2**22)})
    [record] = read(bomb, "b.epub")
    assert (record.rule, record.value) == ("document_too_large", 2**22)


@pytest.mark.parametrize(
    ("package", "order"),
    [
        (PACKAGE, None),
        (PACKAGE.replace(b"<itemref idref='a'/>", b""), "manifest"),
        (PACKAGE[:60], "names"),
        (b"\0", "names"),
    ],
    ids=["sound", "no spine", "cut", "noise"],
)
def test_an_epub_says_what_gave_its_order(package, order):
    [record] = read(packed({"mimetype": b"application/epub+zip", "p.opf": package, "a.xhtml": PAGE}), "b.epub")
    assert record.text == "Emma\n\nEmma Woodhouse."
    assert record.meta.get("reading_order") == order


def test_very_deep_pages_do_not_end_the_book():
    pages = {f"{n}.xhtml": page for n, page in enumerate([PAGE, b"<div>" * 20_000 + b"x", PAGE])}
    [record] = read(packed({"mimetype": b"", **pages}), "b.epub")
    assert record.text.startswith("Emma")
    assert record.text.endswith("Emma Woodhouse.")


def test_an_html_page_above_the_limit_is_named(monkeypatch):
    from gristmill.curation.books import formats

    monkeypatch.setattr(formats, "MAX_PAGE_BYTES", 1000)
    [record] = read(b"<html><body>" + b"<p>word</p>" * 1000)
    assert (record.rule, record.value) == ("document_too_large", 11_012.0)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"WARC/1.0\r\nWARC-Type: response\r\n\r\n", "crawl"),
        (b'<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.10/">\n', "wikipedia"),
        (b'<?xml version="1.0"?>\n<!DOCTYPE article>\n<article>\n', "papers"),
        (b'{"id": 1, "text": "A mill."}\n', "text"),
        (b"From ann@mill.example Mon Nov  2 10:00:00 2026\n", "forum"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_file_of_another_kind_is_no_book(data, kind):
    with pytest.raises(UnreadableFile, match=f"is no book; read it as `kind: {kind}`"):
        list(books.read(io.BytesIO(data), "a", ReadOptions()))
