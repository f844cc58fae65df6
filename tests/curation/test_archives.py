"""Compressed streams and archives: any wrapping gives the same bytes, and damage is said in words."""

import bz2
import gzip
import io
import lzma
import random
import tarfile
import tracemalloc
import zipfile

import pytest
import zstandard

from gristmill.curation.archives import Budget, bare_name, decompressed, head, members
from gristmill.curation.documents import UnreadableFile, document_id, locator

CONTENT = b"one line of text\n" * 50_000
COMPRESSED = {
    "gzip": gzip.compress(CONTENT),
    "gzip members": gzip.compress(CONTENT[:100]) + gzip.compress(CONTENT[100:]),
    "bzip2": bz2.compress(CONTENT),
    "bzip2 streams": bz2.compress(CONTENT[:100]) + bz2.compress(CONTENT[100:]),
    "zstd": zstandard.compress(CONTENT),
    "zstd frames": zstandard.compress(CONTENT[:100]) + zstandard.compress(CONTENT[100:]),
    "xz": lzma.compress(CONTENT),
}


@pytest.mark.parametrize("form", COMPRESSED)
def test_content_is_the_same_whatever_it_is_wrapped_in(form):
    assert decompressed(io.BytesIO(COMPRESSED[form])).read() == CONTENT


def test_an_uncompressed_stream_is_given_back_at_its_start():
    assert decompressed(io.BytesIO(CONTENT)).read() == CONTENT


@pytest.mark.parametrize("form", COMPRESSED)
def test_a_truncated_stream_is_never_taken_for_a_whole_one(form):
    with pytest.raises(UnreadableFile, match="truncated"):
        decompressed(io.BytesIO(COMPRESSED[form][:-20])).read()


@pytest.mark.parametrize("compress", [gzip.compress, zstandard.compress, lzma.compress, bz2.compress])
def test_what_stands_before_a_cut_is_still_read(compress):
    content = random.Random(1).randbytes(4 * 2**20)
    data = compress(content)
    stream = decompressed(io.BytesIO(data[: len(data) // 2]))
    found = b""
    while len(found) < 2**19:
        found += stream.read1(2**20)
    assert content.startswith(found)
    with pytest.raises(UnreadableFile):
        stream.read()


def test_the_head_of_a_small_file_that_is_cut_short_is_still_had():
    data = io.BytesIO(gzip.compress(random.Random(1).randbytes(5000), mtime=0)[:3000])
    assert len(head(data, 64_000)) > 1000
    assert data.tell() == 0


def test_damage_in_the_middle_is_named():
    data = bytearray(gzip.compress(bytes(range(256)) * 4096))
    data[len(data) // 2 :] = bytes(len(data) - len(data) // 2)
    with pytest.raises(UnreadableFile, match=r"damaged|truncated"):
        decompressed(io.BytesIO(bytes(data))).read()


def tar(entries: dict[str, bytes], mode: str = "w:gz") -> io.BytesIO:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as archive:
        for name, content in entries.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    return io.BytesIO(file.getvalue())


ENTRIES = {"a/one.txt": b"1", "../../escape.txt": b"2", "a/empty": b""}


def test_tar_and_zip_give_the_same_members_and_follow_no_link():
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in ENTRIES.items():
            archive.writestr(name, content)
    expected = [(name, len(content), content) for name, content in ENTRIES.items()]
    assert list(members(tar(ENTRIES))) == expected
    assert list(members(tar(ENTRIES, "w"))) == expected
    assert list(members(io.BytesIO(zipped.getvalue()))) == expected


def test_a_member_above_the_limit_is_reported_by_its_size_and_not_read(monkeypatch):
    monkeypatch.setattr("gristmill.curation.archives.MAX_MEMBER_BYTES", 5)
    assert list(members(tar({"big": b"123456", "small": b"1"}))) == [("big", 6, None), ("small", 1, b"1")]


def test_what_is_no_archive_is_said_to_be_none():
    with pytest.raises(UnreadableFile, match="not a readable tar"):
        list(members(io.BytesIO(b"plain text" * 100)))


def test_a_truncated_archive_gives_its_members_up_to_the_cut():
    data = tar({f"{i}.txt": bytes([i]) * 100_000 for i in range(200)}).getvalue()
    found = members(io.BytesIO(data[: len(data) // 2]))
    assert [next(found)[0], next(found)[0]] == ["0.txt", "1.txt"]
    with pytest.raises(UnreadableFile):
        list(found)


def zipped(entries: dict[str, bytes]) -> io.BytesIO:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return io.BytesIO(file.getvalue())


@pytest.mark.slow
@pytest.mark.parametrize("pack", [tar, zipped, lambda entries: tar(entries, "w:xz")], ids=["tar.gz", "zip", "tar.xz"])
def test_a_bomb_is_cut_off_after_its_budget_and_what_came_before_stays(pack):
    bomb = pack({"first.txt": b"kept", **{f"{i}.txt": bytes(8 * 2**20) for i in range(20)}})
    found: list[tuple[str, int]] = []
    tracemalloc.start()
    with pytest.raises(UnreadableFile, match="more than 500 times its size: a bomb"):
        found.extend((name, len(content or b"")) for name, _, content in members(bomb))
    assert tracemalloc.get_traced_memory()[1] < 40 * 2**20
    tracemalloc.stop()
    assert found[0] == ("first.txt", 4)
    assert sum(size for _, size in found) <= max(64 * 2**20, 500 * len(bomb.getvalue()))


def test_a_member_that_is_passed_over_counts_as_well(monkeypatch):
    monkeypatch.setattr("gristmill.curation.archives.MAX_MEMBER_BYTES", 2**20)
    with pytest.raises(UnreadableFile, match="bomb"):
        list(members(tar({"a": bytes(80 * 2**20), "b": b"x"})))


def test_a_tar_header_of_many_megabytes_is_not_read_into_memory():
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo("a.txt")
        info.pax_headers = {"comment": "x" * (40 * 2**20)}
        archive.addfile(info)
    with pytest.raises(UnreadableFile, match="a tar header of more than"):
        list(members(io.BytesIO(file.getvalue())))


def test_archives_inside_each_other_share_a_budget():
    inner = tar({"zeros": bytes(30 * 2**20)})
    budget = Budget(1_000)
    assert len(list(members(inner, budget))) == 1
    assert len(list(members(inner, budget))) == 1
    with pytest.raises(UnreadableFile, match="bomb"):
        list(members(inner, budget))
    assert budget.is_spent


def test_large_honest_archives_pass():
    lines = "".join(f"line {i} of a log that says the same again\n" for i in range(250_000)).encode()
    assert len(lines) > 10_000_000
    entries = {f"{i}.log": lines for i in range(8)}
    assert len(list(members(tar(entries)))) == 8


def test_names_that_are_no_utf8_are_text_all_the_same():
    (member,) = members(tar({"caf\udce9.txt": b"x"}, "w"))
    assert member[0] == "caf\N{REPLACEMENT CHARACTER}.txt"
    assert len(document_id("source", locator("a.tar", member[0]))) == 32


def test_bare_names():
    assert bare_name("$DATA/Books/Part-1.JSONL.gz") == "part-1.jsonl"
