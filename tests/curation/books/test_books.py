"""One file, one book: real ones of four centuries, and broken ones."""

import io
import re
from itertools import pairwise
from pathlib import Path

import pytest

from gristmill.curation import books
from gristmill.curation.documents import Extracted, ReadOptions, Unextracted, UnreadableFile

VERSE = ("pg1513", "pg14460", "pg16328", "pg2229", "pg2230", "pg27761", "pg54202", "pg68566", "pg8800")
WRAPPING = re.compile(
    r"(?i)project gutenberg|distributed proofread|\*\*\* ?(?:start|end) of|^produced by", re.MULTILINE
)


def read(data: bytes, name: str = "book.txt", format: str | None = None) -> list:
    return list(books.read(io.BytesIO(data), name, ReadOptions(format=format)))


@pytest.fixture(scope="module")
def library(samples: Path) -> dict[str, Extracted]:
    texts = {}
    for path in sorted((samples / "books").iterdir()):
        with path.open("rb") as stream:
            [record] = books.read(stream, str(path), ReadOptions())
        assert isinstance(record, Extracted), path
        texts[path.stem] = record
    return texts


def test_every_book_is_clean_and_whole(library):
    assert len(library) == 45
    for name, book in library.items():
        assert book.record == ""
        assert not re.search(r"[\0\r]|[ \t]\n|\n{3}|[\ud800-\udfff]|\A\n|\n\Z", book.text), name


def test_no_book_begins_or_ends_with_the_wrapping(library):
    for name, book in library.items():
        text = book.text.replace("Preface to the Project Gutenberg Etext", "")  # a chapter of pg132
        assert not WRAPPING.search(text[:3000]), name
        assert not WRAPPING.search(text[-3000:]), name
        assert "permission and without paying copyright" not in book.text, name


def test_gutenberg_books_name_their_source(library):
    for name, book in library.items():
        if name.startswith("pg"):
            number = re.match(r"pg(\d+)", name)[1]
            assert book.url == f"https://www.gutenberg.org/ebooks/{number}"
            assert re.fullmatch(r"\d{4}-\d{2}-\d{2}", book.created), name
            assert all((book.title, book.meta["language"])), name
    assert library["pg2701"].title == "Moby Dick; Or, The Whale"
    assert library["pg2591"].meta["author"] == "Jacob Grimm; Wilhelm Grimm"
    assert library["pg5200"].licence == "Copyrighted Project Gutenberg eBook"


def test_prose_has_no_wrapped_lines_left(library):
    for name, book in library.items():
        lines = book.text.split("\n")
        breaks = [(a, b) for a, b in pairwise(lines) if a and b]
        wrapped = sum(50 <= len(a) <= 80 and b[0].islower() for a, b in breaks)
        assert wrapped <= max(9, len(lines) // 100), (name, wrapped)
    for name in (
        "pg1342",
        "pg1661",
        "pg174",
        "pg2650",
        "pg2701",
        "pg2814",
        "pg345",
        "pg3207",
        "pg42524",
        "pg5200",
    ):
        lines = library[name].text.split("\n")
        pairs = pairwise(lines)
        assert not any(50 <= len(a) <= 80 and b[:1].islower() for a, b in pairs), name


def test_verse_keeps_its_lines(library):
    for name in VERSE:
        lines = [len(line) for line in library[name].text.split("\n") if line]
        assert sum(length < 62 for length in lines) / len(lines) > 0.8, name
    assert (
        "Ihr naht euch wieder, schwankende Gestalten,\nDie früh sich einst dem trüben Blick gezeigt.\n"
        in library["pg2229"].text
    )
    assert library["pg2230"].text.endswith("Das Ewig-Weibliche\nZieht uns hinan.")
    assert library["pg8800"].text.endswith(
        "In even motion, by the Love impell’d,\nThat moves the sun in heav’n and all the stars."
    )
    assert "For never was a story of more woe\nThan this of Juliet and her Romeo." in library["pg1513"].text


def test_books_begin_and_end_with_their_own_words(library):
    text = library["pg5200"].text
    assert text.startswith(
        "Metamorphosis\n\nby Franz Kafka\n\nTranslated by David Wyllie\n\nI\n\nOne morning, when Gregor Samsa woke from"
        " troubled dreams, he found himself transformed in his bed into a horrible vermin. He lay"
    )
    assert text.endswith("Grete was the first to get up and stretch out her young body.")
    assert library["pg2000"].text.endswith("van ya tropezando, y han de caer del todo, sin duda alguna. Vale.\n\nFin")
    assert "Longtemps, je me suis couché de bonne heure. Parfois, à peine ma bougie" in library["pg2650"].text
    assert (
        "呻吟，病聲也。呻吟語，病時語也。病中疾痛，惟病者知，難與他人道，亦惟病時覺，既瘉，旋復忘也。"
        in library["pg25558"].text
    )


def test_epub_pages_come_in_reading_order(library):
    text = library["moby-dick"].text
    headings = [text.index(f"Chapter {n}. ") for n in range(1, 136)]
    assert headings == sorted(headings)
    assert library["moby-dick"].licence == "CC-BY-SA-3.0"
    assert text.endswith("only found another orphan.")
    assert "\n\nCall me Ishmael. Some years ago—never mind how long precisely—having little" in text


def test_epub_metadata_and_footnotes(library):
    book = library["childrens-literature"]
    assert (book.title, book.created) == ("Children's Literature", "2008-05-20")
    assert book.meta["author"] == "Charles Madison Curry; Erle Elsworth Clippinger"
    assert library["sous-le-vent"].meta["language"] == "fr"
    assert "De Jean-Bernard Pouy" in library["sous-le-vent"].text  # a page of fixed layout, drawn in SVG


@pytest.mark.parametrize(
    ("encoding", "declared"),
    [
        ("utf-8", "UTF-8"),
        ("latin-1", "ISO-8859-1"),
        ("cp1252", "Windows-1252"),
        ("mac-roman", "MacRoman"),
        ("utf-16", ""),
    ],
)
def test_the_character_set_is_found(encoding, declared):
    text = f"The Project Gutenberg EBook of Y\n\nCharacter set encoding: {declared}\n\n*** START OF THIS PROJECT GUTENBERG EBOOK Y ***\n\nGrüße, señor, voilà."
    [record] = read(text.encode(encoding))
    assert record.text == "Grüße, señor, voilà."


def test_one_damaged_byte_does_not_turn_utf8_into_latin1():
    [record] = read(("Grüße und Küsse für Ängstliche. " * 40).encode() + b"\xff")
    assert record.text.startswith("Grüße und Küsse")
    assert "Ã" not in record.text


def test_plain_text_without_a_header_is_a_book_too():
    [record] = read(
        b"PARADISE LOST\r\n\r\nOf Mans First Disobedience, and the Fruit\r\nOf that Forbidden Tree, whose mortal tast\r\n"
    )
    assert record.text == (
        "PARADISE LOST\n\nOf Mans First Disobedience, and the Fruit\nOf that Forbidden Tree, whose mortal tast"
    )
    assert (record.url, record.licence) == (None, None)


def test_an_html_book_is_read_without_its_boilerplate():
    page = b"""<!DOCTYPE html><html><head><title>Emma</title></head><body><section class="pg-boilerplate">Licence</section>
    <h1>Emma</h1><p>Emma Woodhouse,\n handsome, clever,<sup><a href="#n">1</a></sup> and rich&hellip;</p><ol><li>one</li><li>two</li></ol>
    </body></html>"""
    [record] = read(page, "emma.html")
    assert record.text == "Emma\n\nEmma Woodhouse, handsome, clever,[1] and rich…\n\n1. one\n2. two"
    assert record.title == "Emma"


@pytest.mark.parametrize(("data", "what"), [(b"%PDF-1.4", "PDF"), (b"\0\1\2" * 50, "binary"), (b"{\\rtf1", "RTF")])
def test_what_is_no_book_is_refused_with_advice(data, what):
    with pytest.raises(UnreadableFile, match=what):
        read(data)


def test_an_unknown_format_is_refused():
    with pytest.raises(UnreadableFile, match="use one of text, epub, html"):
        read(b"x", format="mobi")


@pytest.mark.parametrize("data", [b"", b"  \n \n", b"<html><body></body></html>"])
def test_an_empty_book_is_a_named_loss(data):
    [record] = read(data)
    assert record == Unextracted("", "empty_text")


def test_a_book_above_the_limit_is_not_read(monkeypatch):
    monkeypatch.setattr(books, "MAX_BOOK_BYTES", 1000)
    [record] = read(b"word " * 300)
    assert (record.rule, record.value) == ("document_too_large", 1500.0)


def test_many_comments_before_the_page_take_no_time():
    [record] = read(b"<!-- x -->" * 300 + b"plain words")
    assert record.text.endswith("plain words")


LEGACY = {
    "cp1251": "Все счастливые семьи похожи друг на друга, каждая несчастливая семья несчастлива по-своему.",
    "shift_jis": "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。",
    "gbk": "话说天下大势，分久必合，合久必分。周末七国分争，并入于秦。",
    "iso8859-2": "Litwo! Ojczyzno moja! ty jesteś jak zdrowie; Ile cię trzeba cenić, ten tylko się dowie.",
}


@pytest.mark.parametrize("charset", LEGACY)
def test_books_in_legacy_charsets_are_no_mojibake(charset):
    text = LEGACY[charset]
    [book] = read(text.encode(charset))
    assert book.text == text
    [page] = read(f"<html><body><p>{text}</p></body></html>".encode(charset), "a.html")
    assert page.text == text


def test_a_wrong_declaration_does_not_make_mojibake():
    text = "Character set encoding: ISO-8859-1\n\n“Curly” – l’été."
    [book] = read(text.encode("cp1252"))
    assert "“Curly” – l’été." in book.text


def test_a_text_in_no_charset_is_a_named_loss():
    [lost] = read(bytes(range(0x80, 0x100)) * 40)
    assert isinstance(lost, Unextracted)
    assert lost.rule == "undecodable"


@pytest.mark.parametrize(
    "page",
    [
        "<p>One</p><p>Two</p>",
        "<head><title>T</title></head><body><p>One</p><p>Two</p></body>",
        '<?xml version="1.0"?><?xml-stylesheet href="a.css"?>\n<html><body><p>One</p><p>Two</p></body></html>',
        "One<p>Two",
        '<!DOCTYPE html [<!ENTITY b "x">]><html><body><p>One&b;<p>Two&b;</body></html>',
    ],
)
def test_pages_are_told_by_name_and_by_their_tags(page):
    assert [book.text for book in read(page.encode(), "folder/a.HTML")] == ["One\n\nTwo"]
    assert [book.text for book in read(page.encode("utf-16"), "a.html")] == ["One\n\nTwo"]


def test_a_plain_text_may_speak_of_tags():
    [book] = read(b"The tag <p> begins a paragraph.", "notes.txt")
    assert book.text == "The tag <p> begins a paragraph."


@pytest.mark.parametrize("tag", ["div", "font", "blockquote", "ul><li", "sup", "table><tr><td", "math><mrow"])
def test_what_is_nested_deeper_than_any_page_should_be_is_read(tag):
    page = f"<html><body><p>First.</p>{f'<{tag}>' * 3000}<p>Deep down.</p><p>Last.</p></body></html>"
    [book] = read(page.encode(), "a.html")
    words = book.text.split()
    assert words[0] == "First."
    assert "Deep down." in " ".join(words)
    assert "Last." in book.text


def test_marks_of_notes_do_not_become_part_of_the_word():
    page = '<html xmlns:epub="http://www.idpf.org/2007/ops"><body><p>Text<a epub:type="noteref" href="#n">1</a> more.</p></body></html>'
    assert read(page.encode(), "a.html")[0].text == "Text[1] more."


def test_a_bracketed_list_of_changes_at_the_end_goes():
    text = "Das war das Ende der Geschichte.\n\n" * 30
    note = "[ Im folgenden werden alle geänderten Textzeilen angeführt, wobei jeweils zuerst\ndie Zeile steht.\n\nalt\n\nneu\n\n]\n"
    [book] = read(
        f"The Project Gutenberg EBook of X\n\n*** START OF THIS PROJECT GUTENBERG EBOOK X ***\n\n{text}{note}".encode()
    )
    assert book.text.endswith("Das war das Ende der Geschichte.")
