"""Archives come out record by record, whole or damaged; what cannot be read is said."""

import gzip
import io
import itertools
import logging
import zlib

import pytest
import xxhash
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from warcio.archiveiterator import ArchiveIterator as Warcio

from gristmill.curation.crawl import frames as codecs
from gristmill.curation.crawl.repair import CONTENT_TYPES
from gristmill.curation.crawl.warc import archive_records, digest_matches
from gristmill.curation.documents import UnreadableFile

GOOD = (
    "aut-archive-org-2008.warc.gz",
    "dolma-sample-0000.warc.gz",
    "scrapinghub-articles.warc.gz",
    "trafilatura-eval.warc.gz",
    "whirlwind.warc.gz",
    "whirlwind.warc.wat.gz",
    "whirlwind.warc.wet.gz",
    "malformed/example-digest.warc",
    "malformed/example-iana.org-chunked.warc",
    "malformed/example-resource.warc.gz",
    "malformed/example-space-in-target-uri.warc.gz",
    "malformed/example-trunc.warc",
    "malformed/example-wget-bad-target-uri.warc.gz",
    "malformed/example.warc",
    "malformed/example.warc.gz",
    "malformed/post-test.warc.gz",
    "malformed/example.arc",
    "malformed/example.arc.gz",
    "malformed/example-space-in-url.arc",
    "malformed/bad.arc",
)


def warc_record(number: int, content: bytes, kind: str = "response", length: object = None) -> bytes:
    header = (
        f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Target-URI: http://example.org/{number}\r\n"
        f"WARC-Date: 2024-05-06T07:08:09Z\r\nContent-Length: {len(content) if length is None else length}\r\n\r\n"
    )
    return header.encode() + content + b"\r\n\r\n"


def everything(data: bytes, **bounds) -> tuple[list, str | None]:
    """All records, and the message of the exception that ended them."""
    records = []
    try:
        for record in archive_records(io.BytesIO(data), **bounds):
            records.append(record)
    except UnreadableFile as error:
        return records, str(error)
    return records, None


def summary(records) -> list[tuple]:
    return [(r.type, r.headers.get("warc-target-uri"), r.block, r.damage) for r in records]


CONTENTS = [b"first " * 20, b"second\n" * 300, b"third", b"", bytes(range(256)) * 40]
RECORDS = [warc_record(number, content) for number, content in enumerate(CONTENTS)]
EXPECTED = [("response", f"http://example.org/{n}", content, None) for n, content in enumerate(CONTENTS)]
PACKINGS = {
    "plain": b"".join(RECORDS),
    "gzip frames": b"".join(map(gzip.compress, RECORDS)),
    "zstd frames": b"".join(map(zstandard.compress, RECORDS)),
    "one gzip": gzip.compress(b"".join(RECORDS)),
    "one zstd": zstandard.compress(b"".join(RECORDS)),
    "gzip cut anywhere": gzip.compress(b"".join(RECORDS)[:700]) + gzip.compress(b"".join(RECORDS)[700:]),
    "gzip frames, then several in one": gzip.compress(RECORDS[0]) + gzip.compress(b"".join(RECORDS[1:])),
    "bare line feeds": b"".join(RECORDS[:2]).replace(b"\r\n", b"\n") + b"".join(RECORDS[2:]),
    "wrong lengths": b"".join(
        warc_record(n, content, length=length)
        for n, (content, length) in enumerate(zip(CONTENTS, (5, 10**9, "x", 30, -1), strict=True))
    ),
    "wrong lengths in frames": b"".join(
        gzip.compress(warc_record(n, content, length=length))
        for n, (content, length) in enumerate(zip(CONTENTS, (125, 10**9, "x", 30, -1), strict=True))
    ),
    "header of 100 kB": b"".join(RECORDS).replace(b"WARC-Date: 2024", b"X-Long: " + b"y" * 50_000 + b"\r\nD: 2024"),
}


@pytest.mark.parametrize("packing", PACKINGS)
def test_same_records_from_any_packing(packing):
    records, error = everything(PACKINGS[packing])
    assert summary(records) == EXPECTED
    assert error is None
    assert len({record.offset for record in records}) == len(records)


@pytest.mark.parametrize("name", GOOD)
def test_agrees_with_warcio(samples, name, caplog, capsys):
    caplog.set_level(logging.ERROR)
    path = samples / "crawl" / name
    with path.open("rb") as stream:
        ours = [
            (int(r.offset), r.type, uri_of(r.headers), headers_of(r.headers), content_of(r.type, r.block))
            for r in archive_records(stream)
        ]
    theirs = []
    with path.open("rb") as stream:
        iterator = Warcio(stream, no_record_parse=True)
        for record in iterator:
            kind = {"arc_header": "filedesc"}.get(record.rec_type, record.rec_type)
            block = record.raw_stream.read()  # before the offset, which reading moves on to
            headers = {} if record.format == "arc" else {n.lower(): v for n, v in reversed(record.rec_headers.headers)}
            uri = uri_of({"warc-target-uri": record.rec_headers.get_header("uri") or "", **headers})
            theirs.append((iterator.get_record_offset(), kind, uri, headers_of(headers), content_of(kind, block)))
    capsys.readouterr()  # warcio writes its warnings to stderr
    for row, other in zip(ours, theirs, strict=True):
        assert row[:3] == other[:3]
        assert not other[3] or row[3] == other[3]
        assert row[4] == other[4] or (name, row[0]) in WRONG_LENGTHS


WRONG_LENGTHS = {("malformed/example-trunc.warc", 1197), ("malformed/example-space-in-url.arc", 151)}
"""Where the Content-Length is not the content's, and warcio believes it, or takes the line ends behind for content."""


def uri_of(headers: dict[str, str]) -> str:
    return headers.get("warc-target-uri", "").strip("<>").replace(" ", "%20")


def headers_of(headers: dict[str, str]) -> dict[str, str]:
    return {name: value.strip() for name, value in headers.items() if name != "warc-target-uri"}


def content_of(kind: str, block: bytes) -> str:
    return xxhash.xxh3_128_hexdigest(block) if kind in CONTENT_TYPES else ""


def test_zstd_dictionary_in_front_is_used():
    samples = [RECORDS[1] + bytes([97 + n % 26]) * 50 for n in range(300)]
    dictionary = zstandard.train_dictionary(2_000, samples)
    compressor = zstandard.ZstdCompressor(dict_data=dictionary)
    raw = dictionary.as_bytes()
    front = b"\x5d\x2a\x4d\x18" + len(raw).to_bytes(4, "little") + raw
    data = front + b"".join(map(compressor.compress, RECORDS))
    records, error = everything(data)
    assert (summary(records), error) == (EXPECTED, None)
    assert int(records[0].offset) == len(front)


@pytest.mark.parametrize("packing", ["plain", "gzip frames", "zstd frames"])
def test_every_record_belongs_to_one_range(packing):
    data = PACKINGS[packing]
    cuts = [0, 1, len(data) // 3, len(data) // 2, len(data) - 1, None]
    parts = []
    for start, end in itertools.pairwise(cuts):
        parts += everything(data, start=start, end=end)[0]
    assert summary(parts) == EXPECTED


@pytest.mark.parametrize("packing", ["plain", "gzip frames", "zstd frames", "one gzip"])
def test_cut_file_gives_what_came_before_and_says_where(packing):
    data = PACKINGS[packing][:-1500] if packing == "plain" else PACKINGS[packing][:-60]
    records, error = everything(data)
    assert summary(records)[:4] == EXPECTED[:4] or packing == "one gzip"
    assert error is not None
    assert "truncated" in error
    if packing != "one gzip":
        assert [record.damage for record in records[4:]] == ["truncated_record"]
        assert f"byte {records[4].offset}" in error


def test_cut_in_the_first_bytes_of_a_frame_is_noticed():
    data = PACKINGS["gzip frames"] + gzip.compress(RECORDS[0])[:3]
    records, error = everything(data)
    assert summary(records[:5]) == EXPECTED
    assert records[5].damage == "truncated_record"
    assert "truncated" in error


def test_damaged_frame_costs_one_record():
    frames = [gzip.compress(record) for record in RECORDS]
    frames[1] = frames[1][:60] + b"\xff" * 20 + frames[1][80:]
    records, error = everything(b"".join(frames))
    assert [record.damage for record in records] == [None, "corrupt_record", None, None, None]
    assert summary(records)[2:] == EXPECTED[2:]
    assert records[1].offset == str(len(frames[0]))
    assert error is None


def test_damaged_first_frame_costs_one_record():
    data = bytearray(PACKINGS["gzip frames"])
    data[40:44] = b"\0\0\0\0"
    records, error = everything(bytes(data))
    assert [record.damage for record in records] == ["corrupt_record", None, None, None, None]
    assert summary(records)[1:] == EXPECTED[1:]
    assert error is None


def test_wrong_checksum_is_damage():
    frames = [gzip.compress(record) for record in RECORDS]
    frames[1] = frames[1][:-8] + b"\0\0\0\0" + frames[1][-4:]
    records, _ = everything(b"".join(frames))
    assert [record.damage for record in records] == [None, "corrupt_record", None, None, None]


def test_rubbish_in_front_of_frames_is_reported_and_zeros_behind_are_padding():
    frames = [gzip.compress(record) for record in RECORDS]
    records, error = everything(frames[0] + b"rubbish" + b"".join(frames[1:]) + b"\0" * 512)
    assert [record.damage for record in records] == [None, "corrupt_record", None, None, None, None]
    assert records[1].size == 7
    assert error is None


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "the file is empty"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF" + b"x" * 100, "not a web archive"),
        (b"<!doctype html><p>Hello", "not a web archive"),
        (gzip.compress(b'{"text": "a line of JSON"}\n'), "not a web archive"),
        (gzip.compress(b'{"text": "a line of JSON"}\n' * 999)[:-20], "truncated"),
        (b"\x1f\x8b\x08\0\0\0\0\0\0\3" + b"\xff" * 50, "damaged"),
        (b"\x5d\x2a\x4d\x18\x05\0\0\0\x28\xb5\x2f\xfd?", "dictionary is damaged"),
    ],
    ids=["empty", "jpeg", "html", "jsonl.gz", "cut jsonl.gz", "broken gzip", "broken dictionary"],
)
def test_other_files_are_refused_with_a_reason(data, words):
    records, error = everything(data)
    assert records == []
    assert words in error


@pytest.mark.parametrize(
    ("digest", "matches"),
    [
        ("sha1:VL2MMHO4YXUKFWV63YHTWSBM3GXKSQ2N", True),
        ("sha1:aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d", True),
        ("sha1:qvTGHdzF6KLavt4PO0gs2a6pQ00=", True),
        ("md5:5d41402abc4b2a76b9719d911017c592", True),
        ("sha1:1L2MMHO4YXUKFWV63YHTWSBM3GXKSQ2N", False),
        ("crc99:unknown", True),
    ],
)
def test_digest_in_any_spelling(digest, matches):
    data = warc_record(0, b"hello").replace(b"WARC-Date", f"WARC-Block-Digest: {digest}\r\nWARC-Date".encode())
    (record,) = archive_records(io.BytesIO(data))
    assert digest_matches(record) is matches


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from(sorted(PACKINGS)),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=4),
    st.floats(0.2, 1),
)
def test_no_damage_raises_anything_else(packing, flips, kept):
    data = bytearray(PACKINGS[packing])
    for place, value in flips:
        data[int(place * len(data))] = value
    records, _ = everything(bytes(data[: int(kept * len(data))]))
    assert len({record.offset for record in records}) == len(records)


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 4), st.floats(0, 1, exclude_max=True), st.integers(1, 255))
def test_records_in_other_frames_survive_any_flipped_byte(number, place, change):
    frames = [gzip.compress(record) for record in RECORDS]
    broken = bytearray(frames[number])
    broken[int(place * len(broken))] ^= change
    frames[number] = bytes(broken)
    records, _ = everything(b"".join(frames))
    found = summary(records)
    assert [record for n, record in enumerate(EXPECTED) if n != number and record not in found] == []


def test_bomb_is_read_in_bounded_memory():
    bomb = zlib.compressobj(9, zlib.DEFLATED, 31)
    zeros = bytes(2**20)
    data = bomb.compress(warc_record(1, b"", length=60 * 2**20)[:-4])
    data += b"".join(bomb.compress(zeros) for _ in range(60)) + bomb.flush()
    records, error = everything(gzip.compress(RECORDS[0]) + data)
    assert [record.size for record in records] == [len(CONTENTS[0]), 60 * 2**20]
    assert len(records[1].block) <= 21 * 2**20
    assert error is None


@pytest.mark.parametrize("whole", [False, True])
def test_what_unpacks_to_far_more_than_it_is_ends_there(monkeypatch, whole):
    monkeypatch.setattr(codecs, "BOMB_BYTES", 2**22)
    bomb = gzip.compress((b"".join(RECORDS[:2]) if whole else warc_record(9, b"")) + bytes(2**24), 9)
    records, error = everything(bomb if whole else gzip.compress(RECORDS[0]) + bomb + gzip.compress(RECORDS[1]))
    if whole:
        assert summary(records)[0] == EXPECTED[0]
        assert "unpack to more than" in error
    else:
        assert [record.damage for record in records] == [None, "corrupt_record", None]
        assert 2**22 < records[1].size < 2**23
        assert error is None
