"""All real books: digests of whole texts, and what must hold for every one of them, and does not for the raw files."""

import gzip
import io
import re
import textwrap
from pathlib import Path

import pytest
import xxhash

from gristmill.curation import books
from gristmill.curation.books.plain import decode
from gristmill.curation.documents import Extracted, ReadOptions

LICENCE = re.compile(
    r"(?i)this ebook is for the use of anyone anywhere|project gutenberg(?:-tm|™) |gutenberg\.(?:org|net)/|\*\*\* ?(?:start|end) of th"
    r"|small print!|distributed proofread|without paying copyright|literary archive foundation"
)
NOTES = re.compile(r"(?im)^\W*(?:transcriber.?s.? notes?|anmerkungen zur transkription|note(?:s)? de transcription)\b")
BROKEN_WORD = re.compile(r"[a-zà-ÿ]{2}-\n[a-zà-ÿ]{2}")
WRAPPED = re.compile(r"[^\n]{50,80}\n[a-zà-ÿ]")
TAGS = re.compile(
    r"</?(?:p|div|span|br|i|em|h[1-6]|a|sup|html|body)\b[^<>]*>|&(?:nbsp|amp|mdash|lt|#\d+);", re.IGNORECASE
)
PAGES = re.compile(r"(?m)^\s*\[(?:Pg )?[ivxlc]+\]\s*$|\[Pg \d+\]|\[Illustration")
NEVER = {"licence": LICENCE, "notes": NOTES, "pages and pictures": PAGES, "tags": TAGS}

GOLDEN = {
    "childrens-literature": (292_744, "f8e7c09a3c71bdf4"),
    "internallinks": (7_297, "0c00fd052e9d9c77"),
    "moby-dick": (1_212_257, "f7c49577d319108c"),
    "sous-le-vent": (6_004, "c24b4bd18a835011"),
    "pg11": (144_161, "85d8c445c9ea5a8f"),
    "pg132": (312_414, "5a5651a800d95747"),
    "pg1342": (718_831, "525cf3ad981c6f9b"),
    "pg1513": (142_247, "653e9422b22bd6b6"),
    "pg16328": (252_619, "f05068162ece1c38"),
    "pg174": (429_199, "2e322704a779cad8"),
    "pg2000": (2_110_232, "bd60536d08eeac09"),
    "pg20228": (1_160_544, "2e7c297df671aba1"),
    "pg2230": (292_247, "a3746d1034b30c62"),
    "pg25558": (161_418, "4a9cfb12abd1a4f6"),
    "pg2650": (992_963, "5132f552cd2ffbf9"),
    "pg2701": (1_217_475, "bfa9b73b23156a80"),
    "pg31284": (404_138, "524677b5dcd6fa45"),
    "pg42524": (1_996_288, "73f95e5916b8c6a0"),
    "pg54202": (247_154, "74a291909744453b"),
    "pg8800": (604_151, "4737b09687d0cb2a"),
}
"""File -> characters and XXH3 of the whole text."""

ENDS = {
    "moby-dick": (
        "ETYMOLOGY.\n(Supplied by a Late Consumptive Usher",
        "her missing children, only found another orphan.",
    ),
    "sous-le-vent": ("SOUS LE VENT\nDᴇs ᴍᴇᴍᴇs ᴀᴜᴛᴇᴜʀs", "vous empêche longtemps d’ouvrir les fenêtres."),
    "pg11": ("Alice’s Adventures in Wonderland\nby Lewis Carroll", "and the happy summer days.\nTHE END"),
    "pg2000": (
        "El ingenioso hidalgo don Quijote de la Mancha\npor Miguel",
        "van ya tropezando, y han de caer del todo, sin duda alguna. Vale.\nFin",
    ),
    "pg31284": ("Josefine\nMutzenbacher", "Sie stoßen und wir werden gestoßen. Das ist der ganze Unterschied."),
}
"""File -> how its text begins and ends, blank lines left out."""


@pytest.fixture(scope="module")
def texts(samples: Path) -> dict[str, str]:
    found = {}
    for path in sorted((samples / "books").iterdir()):
        with path.open("rb") as stream:
            [record] = books.read(stream, path.name, ReadOptions())
        assert isinstance(record, Extracted)
        found[path.stem] = record.text
    return found


@pytest.fixture(scope="module")
def raw(samples: Path) -> dict[str, str]:
    return {
        path.stem: decode(path.read_bytes()).replace("\r\n", "\n") for path in sorted((samples / "books").glob("*.txt"))
    }


def test_whole_texts_are_known(texts):
    assert {name: (len(texts[name]), xxhash.xxh3_64_hexdigest(texts[name].encode())) for name in GOLDEN} == GOLDEN


@pytest.mark.parametrize("name", ENDS)
def test_texts_begin_and_end_as_known(texts, name):
    text = re.sub(r"\n{2,}", "\n", texts[name])
    start, end = ENDS[name]
    assert (text[: len(start)], text[-len(end) :]) == (start, end)


@pytest.mark.parametrize("what", NEVER)
def test_no_book_has_it(texts, what):
    found = {name: NEVER[what].findall(text)[:3] for name, text in texts.items()}
    assert not any(found.values()), found


def test_raw_files_have_it(raw):
    for pattern in (LICENCE, NOTES, PAGES):
        assert any(map(pattern.search, raw.values()))
    assert all(map(LICENCE.search, raw.values()))
    assert TAGS.search("<p>Emma&nbsp;</p>")


def test_words_broken_by_the_wrap_are_whole_again(texts):
    verses = {"pg2000": 28}  # "de cabo roto": Cervantes himself cut them
    assert {name: count for name, text in texts.items() if (count := len(BROKEN_WORD.findall(text)))} == verses
    story = (
        "It is past all belief that incredulity should have been so rare in that age of ours, for there it was.\n\n" * 9
    )
    broken = re.sub(r"incredulity", "incred-\nulity", textwrap.fill(story, 60) + "\n\nTheir incredulity.", count=3)
    assert BROKEN_WORD.search(broken)
    [record] = books.read(io.BytesIO(broken.encode()), "x", ReadOptions())
    assert not BROKEN_WORD.search(record.text)


def test_prose_is_no_longer_wrapped(texts, raw):
    wrapped = {name: len(WRAPPED.findall(text)) for name, text in texts.items()}
    before = {name: len(WRAPPED.findall(text)) for name, text in raw.items()}
    assert sum(before.values()) > 150_000
    assert sum(wrapped.values()) < sum(before.values()) // 1000
    assert max(wrapped.values()) < 70  # of Cervantes' verse


def test_every_word_of_the_story_is_still_there(texts, raw):
    for name, opening, end in (
        ("pg345", "3 May. Bistritz", "dare much for her sake"),
        ("pg2814", "There was no hope for him this time", "upon all the living and the dead"),
        ("pg5200", "One morning, when Gregor Samsa", "stretch out her young body"),
    ):
        words = " ".join(raw[name].replace("_", "").split())
        begin, stop = words.index(opening), words.rindex(end)
        kept = " ".join(texts[name].replace("_", "").split())
        assert kept[kept.index(opening) : kept.rindex(end)] == words[begin:stop], name


def test_reading_twice_or_compressed_gives_the_same(samples, texts):
    data = (samples / "books/pg35.txt").read_bytes()
    [record] = books.read(io.BytesIO(gzip.compress(data)), "pg35.txt.gz", ReadOptions())
    assert record.text == texts["pg35"]
