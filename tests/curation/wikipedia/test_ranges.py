"""Ranges of a dump: whatever way a file is divided, each page comes once; damage costs the pages in it."""

import bz2
import io
import itertools
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.curation.documents import Extracted, NotDocument, ReadOptions, Unextracted, UnreadableFile
from gristmill.curation.wikipedia import dump, read
from gristmill.curation.wikipedia.bz2blocks import blocks

HEAD = '<mediawiki xml:lang="en">\n  <siteinfo><dbname>enwiki</dbname><base>https://en.wikipedia.org/wiki/Main_Page</base></siteinfo>\n'
PAGES = [
    f"  <page><title>T{i}</title><ns>0</ns><id>{i}</id><revision><id>{i}</id><text>words {i * 7919} {'é' * (i % 50)}</text></revision></page>\n"
    for i in range(1, 160)
]
TAIL = "</mediawiki>\n"
WHOLE = (HEAD + "".join(PAGES) + TAIL).encode()


def multistream(size: int) -> bytes:
    """The dump in streams as Wikimedia writes them: the head, `size` pages each, the end."""
    batches = ["".join(PAGES[i : i + size]) for i in range(0, len(PAGES), size)]
    return b"".join(bz2.compress(part.encode()) for part in (HEAD, *batches, TAIL))


def chopped(size: int) -> bytes:
    """The dump in streams that begin anywhere, as parallel compressors write them."""
    return b"".join(bz2.compress(WHOLE[i : i + size]) for i in range(0, len(WHOLE), size))


def of(data: bytes, start: int = 0, end: int | None = None) -> list:
    return list(read(io.BytesIO(data), "x.xml", ReadOptions(start=start, end=end)))


FILES = {
    "multistream": multistream(10),
    "one page a stream": multistream(1),
    "chopped": chopped(1_000),
    "chopped finely": chopped(53),
    "one stream": bz2.compress(WHOLE),
    "plain": WHOLE,
    "utf-16": WHOLE.decode().encode("utf-16"),
}
EXPECTED = of(WHOLE)


@settings(max_examples=40)
@given(st.sampled_from(sorted(FILES)), st.lists(st.floats(0, 1), max_size=5))
def test_ranges_that_tile_a_file_give_each_page_once(name, cuts):
    data = FILES[name]
    edges = sorted({0, *(int(cut * len(data)) for cut in cuts)}) + [len(data)]
    found = [record for start, end in itertools.pairwise(edges) for record in of(data, start, end)]
    assert found == EXPECTED


def test_a_range_in_the_middle_knows_the_wiki():
    data = FILES["multistream"]
    (first, *_) = of(data, len(data) // 2)
    assert first.url.startswith("https://en.wikipedia.org/wiki/T")
    assert first.meta["wiki"] == "enwiki"


def test_a_real_dump_recompressed_in_streams_reads_the_same_in_one_range_and_in_many(samples):
    data = (samples / "wikipedia" / "ltgwiki-pages-articles.xml.bz2").read_bytes()
    xml = bz2.decompress(data)
    pages = re.findall(rb"  <page>.*?</page>\n", xml, re.DOTALL)
    head, tail = xml[: xml.index(pages[0])], xml[xml.rindex(pages[-1]) + len(pages[-1]) :]
    streams = [head, *(b"".join(pages[i : i + 100]) for i in range(0, len(pages), 100)), tail]
    parts = [bz2.compress(part) for part in streams]
    starts = list(itertools.accumulate(map(len, parts), initial=0))
    recompressed = b"".join(parts)
    expected = of(data)
    assert sum(isinstance(record, Extracted) for record in expected) == 888
    edges = [0, starts[3], starts[3] + 1, len(recompressed) // 2, starts[-3], len(recompressed)]
    assert [r for start, end in itertools.pairwise(edges) for r in of(recompressed, start, end)] == expected
    assert [block.offset - 4 for block in blocks(io.BytesIO(recompressed))][:4] == starts[:4]


def test_the_index_of_a_multistream_dump_is_no_dump():
    index = b"616:10:AccessibleComputing\n616:12:Anarchism\n627164:594:Apollo\n"
    for data in (index, bz2.compress(index)):
        assert of(data) == [NotDocument("multistream_index")]
        assert of(data, 10, 20) == []


def test_seven_zip_is_named():
    with pytest.raises(UnreadableFile, match=r"7-Zip; take the \.bz2"):
        of(b"7z\xbc\xaf\x27\x1c\x00\x04" + bytes(100))


def test_damage_in_a_stream_costs_its_pages_and_no_others():
    parts = [bz2.compress(part) for part in (WHOLE[i : i + 2_000] for i in range(0, len(WHOLE), 2_000))]
    damaged = bytearray(parts[5])
    damaged[len(damaged) // 2] ^= 0x55
    found = of(b"".join([*parts[:5], bytes(damaged), *parts[6:]]))
    lost = [record for record in found if isinstance(record, Unextracted)]
    offset = sum(map(len, parts[:5])) + 4
    assert [(record.record, record.rule) for record in lost] == [(f"offset={offset}:0", "damaged_block")]
    whole = WHOLE[: 5 * 2_000].count(b"</page>") + WHOLE[6 * 2_000 :].count(b"<page>")
    assert [r for r in found if isinstance(r, Extracted)] == [r for r in EXPECTED if r in found]
    assert len(found) == whole + 1


def test_damage_right_behind_the_head_leaves_the_pages_their_address():
    head, first, *others = (bz2.compress(part.encode()) for part in (HEAD, *PAGES, TAIL))
    damaged = bytearray(first)
    damaged[len(damaged) // 2] ^= 0x55
    lost, *found = of(b"".join([head, bytes(damaged), *others]))
    assert lost.rule == "damaged_block"
    assert found == EXPECTED[1:]


def test_damage_inside_a_single_stream_costs_one_block():
    text = WHOLE[: WHOLE.index(TAIL.encode())]
    pages = [f"<page><id>{i}</id><revision><text>{i * 2**61 % (10**9 + 7)} " for i in range(40_000)]
    big = text + "</text></revision></page>\n".join([*pages, ""]).encode() + TAIL.encode()
    data = bytearray(bz2.compress(big))
    places = [block.offset for block in blocks(io.BytesIO(bytes(data)))]
    assert len(places) > 3
    data[places[1] + 1_000] ^= 0xFF
    assert [block.content is None for block in blocks(io.BytesIO(bytes(data)))] == [i == 1 for i in range(len(places))]
    with pytest.raises(UnreadableFile, match="ends early"):
        list(dump.pages(io.BytesIO(bytes(data[: places[-1] + 500])), dump.Head(HEAD.encode(), "utf-8")))


def test_a_page_too_long_for_an_article_is_passed_over(monkeypatch):
    monkeypatch.setattr(dump, "MAX_PAGE_BYTES", 3_000_000)
    long = f"<page><id>900</id><revision><text>{'word ' * 900_000}</text></revision></page>".encode()
    at = WHOLE.index(b"  <page><title>T100<")
    found = of(WHOLE[:at] + long + WHOLE[at:])
    assert [r for r in found if isinstance(r, Extracted)] == EXPECTED
    assert found[99] == Unextracted(f"offset={at}", "document_too_large", float(len(long) - 7))


@given(st.binary(max_size=300), st.integers(0, 3))
def test_what_is_no_bzip2_gives_no_blocks(data, start):
    assert not [block for block in blocks(io.BytesIO(b"BZh9" + data), start) if block.content]
