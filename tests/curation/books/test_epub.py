"""EPUB: reading order, damaged containers, missing and locked pages."""

import io
import zipfile

import pytest

from gristmill.curation import books
from gristmill.curation.documents import ReadOptions, Unextracted, UnreadableFile

CONTAINER = '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles><rootfile full-path="OPS/p.opf"/></rootfiles></container>'
PACKAGE = """<package xmlns="http://www.idpf.org/2007/opf"><metadata xmlns:dc="http://purl.org/dc/elements/1.1/">
<dc:title>Two Tales</dc:title><dc:creator>A. Writer</dc:creator><dc:language>en</dc:language><dc:date>1899</dc:date>
<dc:rights>https://creativecommons.org/licenses/by/4.0/</dc:rights></metadata><manifest>
<item id="a" href="a.xhtml" media-type="application/xhtml+xml"/><item id="b" href="b%20c.xhtml" media-type="application/xhtml+xml"/>
<item id="n" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/></manifest>
<spine><itemref idref="n"/><itemref idref="b"/><itemref idref="a"/></spine></package>"""


def page(words: str) -> str:
    return f'<html xmlns="http://www.w3.org/1999/xhtml"><head><title>x</title></head><body><p>{words}</p></body></html>'


def book(**changes: str | None) -> bytes:
    members = {
        "META-INF/container.xml": CONTAINER,
        "OPS/p.opf": PACKAGE,
        "OPS/a.xhtml": page("Second tale."),
        "OPS/b c.xhtml": page("First tale."),
        "OPS/nav.xhtml": page("Contents"),
    }
    members.update({name.replace("__", "/"): value for name, value in changes.items()})
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            if content is not None:
                archive.writestr(name, content)
    return buffer.getvalue()


def read(data: bytes):
    [record] = books.read(io.BytesIO(data), "b.epub", ReadOptions())
    return record


def test_the_spine_gives_the_order_and_navigation_is_no_text():
    record = read(book())
    assert record.text == "First tale.\n\nSecond tale."
    assert (record.title, record.created, record.licence) == ("Two Tales", "1899", "CC-BY-4.0")
    assert record.meta == {"author": "A. Writer", "language": "en"}


def test_without_a_container_the_package_document_is_looked_for():
    assert read(book(**{"META-INF/container.xml": None})).text == "First tale.\n\nSecond tale."


def test_without_a_spine_the_manifest_gives_the_order():
    no_spine = PACKAGE[: PACKAGE.index("<spine>")] + "</package>"
    assert read(book(**{"OPS/p.opf": no_spine})).text == "Second tale.\n\nFirst tale."


def test_without_a_package_document_the_names_give_the_order():
    assert read(book(**{"OPS/p.opf": None, "OPS/nav.xhtml": None})).text == "Second tale.\n\nFirst tale."


def test_a_missing_page_is_counted_and_the_rest_is_read():
    record = read(book(**{"OPS/b c.xhtml": None}))
    assert record.text == "Second tale."
    assert record.meta["missing_pages"] == 1


def test_a_book_whose_pages_are_all_missing_is_a_named_loss():
    record = read(book(**{"OPS/b c.xhtml": None, "OPS/a.xhtml": None, "x.html": None}))
    assert record == Unextracted("", "missing_pages", 2.0, None, "Two Tales")


def test_a_locked_book_is_a_named_loss():
    locks = "".join(f'<CipherReference URI="OPS/{name}.xhtml"/>' for name in ("a", "b%20c"))
    record = read(book(**{"META-INF/encryption.xml": f"<encryption>{locks}</encryption>"}))
    assert (record.rule, record.value, record.title) == ("encrypted", 2.0, "Two Tales")


def test_a_page_that_is_not_well_formed_is_mended():
    assert read(book(**{"OPS/a.xhtml": "<html><title/><body><p>Second&nbsp;tale &mdash; <b>torn</p>"})).text == (
        "First tale.\n\nSecond tale — torn"
    )


def test_a_page_can_hold_verse_tables_lists_notes_and_formulas():
    body = (
        "<h1>One</h1><p>Line one<br/>Line two</p><table><tr><td>a</td><td>b</td></tr></table>"
        "<ul><li><p>x</p></li><li>y</li></ul><p>10<sup>6</sup> H<sub>2</sub>O</p><span role='doc-pagebreak'>12</span>"
        "<aside><p>A note.</p></aside><p><math><mfrac><mi>a</mi><mi>b</mi></mfrac></math></p><pre>  code\n    here</pre>"
    )
    assert read(book(**{"OPS/a.xhtml": page("").replace("<p></p>", body)})).text == (
        "First tale.\n\nOne\n\nLine one\nLine two\n\na | b\n\n- x\n- y\n\n10⁶ H₂O\n\nA note.\n\na/b\n\n  code\n    here"
    )


def test_an_entity_bomb_is_not_expanded():
    bomb = "<!DOCTYPE html [<!ENTITY a 'lol'>" + "".join(
        f"<!ENTITY {b} '{f'&{a};' * 10}'>" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    )
    assert len(read(book(**{"OPS/a.xhtml": bomb + "]>" + page("Second &i; tale.")})).text) < 100


@pytest.mark.parametrize("data", [b"PK\3\4 but not really a zip", book()[:700]])
def test_a_damaged_archive_is_refused(data):
    with pytest.raises(UnreadableFile, match="damaged"):
        read(data)


def test_a_zip_without_pages_is_refused():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.css", "x")
    with pytest.raises(UnreadableFile, match="without any page"):
        read(buffer.getvalue())
