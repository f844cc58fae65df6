"""Books by chapter: where chapters begin, what they are called, and that nothing falls between them."""

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.curation import books
from gristmill.curation.books import plain
from gristmill.curation.books.chapters import chapters
from gristmill.curation.books.params import BooksParams
from gristmill.curation.documents import Extracted, ReadOptions, Unextracted

WORDS = "And so it went on for a good while, in the rain and in the sun, as it does in books. " * 5
SPLIT = ReadOptions(params=BooksParams(split="chapter"))


def split(*blocks: str) -> list[tuple[int, str | None]]:
    return [(chapter.number, chapter.title) for chapter in chapters(["\n\n".join(blocks)], 10**9)]


def read(data: bytes, name: str = "shelf/book.txt", options: ReadOptions = SPLIT) -> list:
    return list(books.read(io.BytesIO(data), name, options))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("CHAPTER I.", "CHAPTER II."),
        ("Chapter 1. Loomings.", "Chapter 2. The Carpet-Bag."),
        ("CHAPTER THE FIRST", "CHAPTER THE LAST"),
        ("BOOK ONE", "BOOK TWO"),
        ("Erstes Kapitel", "Zweites Kapitel."),
        ("CHAPITRE PREMIER. AU FOND DU TERRIER.", "CHAPITRE II. LA MARE AUX LARMES."),
        ("Capítulo primero. Que trata de la condición", "Capítulo II. Que trata de la salida"),
        ("CAPITOLO I.", "CAPITOLO II."),
        ("PREMIÈRE PARTIE", "DEUXIÈME PARTIE"),
        ("Глава первая", "Глава 2"),
        ("第一回　甄士隱夢幻識通靈", "第二回　賈夫人仙逝揚州城"),
        ("I. A SCANDAL IN BOHEMIA", "II. THE RED-HEADED LEAGUE"),
        ("I", "II"),
        ("1.", "2."),
        ("I.\nIntroduction", "II.\nThe Machine"),
    ],
)
def test_headings_of_many_languages_begin_chapters(first, second):
    titles = [title for _, title in split("TITLE", first, WORDS, second, WORDS)]
    assert titles == [None, " ".join(first.split()), " ".join(second.split())]


@pytest.mark.parametrize(
    "line",
    [
        "Part of the trouble was that he knew.",
        "I am he.",
        "Book after book she read.",
        "Chapter and verse.",
        "CHAPTERS",
        "III",
    ],
)
def test_what_only_looks_like_a_heading_begins_none(line):
    assert split("TITLE", line, WORDS, line, WORDS) == [(0, None)]


def test_a_table_of_contents_is_no_row_of_chapters():
    names = [f"CHAPTER {n}. The {n}th" for n in ("I", "II", "III", "IV", "V")]
    told = [block for name in names for block in (name, WORDS)]
    assert split("TITLE", "CONTENTS", *names, "To my mother.", *told) == [(0, None), *enumerate(names, 1)]
    assert split("TITLE", "\n".join(names), *told) == [(0, None), *enumerate(names, 1)]


def test_a_part_with_nothing_of_its_own_goes_with_its_first_chapter():
    assert split("PART I", "CHAPTER I", WORDS, "CHAPTER II", WORDS) == [(1, "PART I CHAPTER I"), (2, "CHAPTER II")]


def test_the_line_under_a_bare_number_is_the_chapters_name():
    assert split("CHAPTER I", "JONATHAN HARKER’S JOURNAL", WORDS, "CHAPTER II", "“Oh,” he said.", WORDS) == [
        (1, "CHAPTER I JONATHAN HARKER’S JOURNAL"), (2, "CHAPTER II"),
    ]  # fmt: skip


@given(
    st.lists(
        st.sampled_from(["CHAPTER I", "CHAPTER II. x", "I", "II", "PREFACE", "a", "b\nc", WORDS, "第一回", "PART I"]),
        min_size=1,
        max_size=30,
    ),
    st.integers(0, 30),
)
def test_chapters_joined_are_the_book(blocks, place):
    pieces = ["\n\n".join(part) for part in (blocks[:place], blocks[place:]) if part]
    found = list(chapters(pieces, 10**9))
    assert "\n\n".join(chapter.text for chapter in found) == "\n\n".join(blocks)
    assert [chapter.number for chapter in found] == list(range(found[0].number, found[0].number + len(found)))
    assert all(chapter.size == len(chapter.text) for chapter in found)


def test_chapters_are_documents_that_name_their_book():
    front, one, two = read(f"EMMA\n\nCHAPTER I\n\n{WORDS}\n\nCHAPTER II\n\n{WORDS}".encode())
    assert (front.record, one.record, two.record) == ("chapter-00", "chapter-01", "chapter-02")
    assert front.text == "EMMA"
    assert one.meta == {"book": "shelf/book.txt", "chapter": 1, "chapter_title": "CHAPTER I"}


def test_a_book_without_chapters_is_one_document():
    [record] = read(WORDS.encode())
    assert (record.record, record.meta) == ("chapter-00", {"book": "shelf/book.txt", "chapter": 0})


def test_a_chapter_above_the_limit_costs_itself_only(monkeypatch):
    monkeypatch.setattr(books, "MAX_BOOK_BYTES", 1000)
    one, two = read(f"CHAPTER I\n\n{WORDS * 9}\n\nCHAPTER II\n\n{WORDS}".encode())
    assert (one.record, one.rule) == ("chapter-01", "document_too_large")
    assert two.text.startswith("CHAPTER II\n\nAnd so")


def test_a_book_of_many_windows_is_the_same_book(monkeypatch):
    told = "\n\n".join(f"CHAPTER {n}\n\n{WORDS}" for n in range(1, 200))
    data = f"The Project Gutenberg EBook of Emma\n\n*** START OF THIS PROJECT GUTENBERG EBOOK EMMA ***\n\n{told}\n\n*** END OF THIS PROJECT GUTENBERG EBOOK EMMA ***\n\nLicence"
    whole = read(data.encode())
    monkeypatch.setattr(plain, "WINDOW_BYTES", 10_000)
    monkeypatch.setattr(plain, "TAIL_BYTES", 1_000)
    assert read(data.encode()) == whole
    assert len(whole) == 199


CHAPTERS_OF = {
    "pg11": 12, "pg1342": 62, "pg1661": 12, "pg174": 21, "pg19778": 12, "pg28371": 12, "pg35": 17, "pg5200": 3,
    "pg55456": 12, "pg8800": 100, "pg84": 28, "pg244": 14, "pg1727": 24, "pg2701": 138, "pg408": 14,
}  # fmt: skip


def test_real_books_have_their_chapters(samples: Path):
    counts = {}
    for name in CHAPTERS_OF:
        parts = read((samples / f"books/{name}.txt").read_bytes(), f"{name}.txt")
        counts[name] = len(parts) - (parts[0].record == "chapter-00")
    assert counts == CHAPTERS_OF


@pytest.mark.slow
def test_real_books_split_without_loss(samples: Path):
    for path in sorted((samples / "books").iterdir()):
        parts = read(path.read_bytes(), path.name)
        [whole] = read(path.read_bytes(), path.name, ReadOptions())
        assert all(isinstance(part, Extracted) for part in parts)
        assert "\n\n".join(part.text for part in parts) == whole.text, path.name
        assert len({part.record for part in parts}) == len(parts)


def test_real_chapters_are_called_as_in_the_book(samples: Path):
    path = samples / "books/pg11.txt"
    found = read(path.read_bytes(), "books/pg11.txt")
    assert found[7].title == "Alice's Adventures in Wonderland"
    assert found[7].meta["chapter_title"] == "CHAPTER VII. A Mad Tea-Party"
    assert found[7].text.startswith("CHAPTER VII.\nA Mad Tea-Party\n\nThere was a table set out under a tree")


def test_nothing_but_a_heading_is_still_a_document():
    [record] = read(b"CHAPTER I")
    assert not isinstance(record, Unextracted)
    assert record.text == "CHAPTER I"
