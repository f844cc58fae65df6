"""HTTP messages come apart, and their bodies out of every encoding, as far as they go."""

import gzip
import time
import zlib

import brotli
import pytest
import zstandard

from gristmill.curation.crawl.http import MAX_HEAD_BYTES, decoded, http_message

HTML = b"<html><body>" + b"".join(
    b"<p>The mill of village %d grinds the corn of %d farms." % (i, i * i) for i in range(200)
)
LIMIT = 2**20

PACKERS = {"gzip": gzip.compress, "deflate": zlib.compress, "zstd": zstandard.compress, "br": brotli.compress}


def bad_checksum(body: bytes) -> bytes:
    return body[:-8] + bytes(4) + body[-4:]


def test_first_field_of_a_name_counts_and_all_robots_tags():
    block = b"HTTP/1.1 200 OK\r\nA: 1\r\na: 2\r\nX-Robots-Tag: noai\r\nx-robots-tag: noindex\r\n\r\nbody"
    assert http_message(block) == (200, {"a": "1", "x-robots-tag": "noai\nnoindex"}, b"body")


def test_a_million_robots_tags_are_read_in_linear_time_up_to_a_limit():
    start = time.process_time()
    status, headers, body = http_message(b"HTTP/1.1 200 OK\r\n" + b"x-robots-tag: a\r\n" * 1_000_000 + b"\r\nbody")
    assert time.process_time() - start < 1
    assert (status, body) == (200, b"body")
    assert 0 < len(headers["x-robots-tag"]) < MAX_HEAD_BYTES


@pytest.mark.parametrize("encoding", PACKERS)
def test_whole_body(encoding):
    assert decoded(PACKERS[encoding](HTML), {"content-encoding": encoding}, LIMIT) == (HTML, None)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br"])
def test_cut_body_is_decoded_to_the_cut_and_marked(encoding):
    packed = PACKERS[encoding](HTML)
    found, broken = decoded(packed[: len(packed) - 5], {"content-encoding": encoding}, LIMIT)
    assert HTML.startswith(found)
    assert len(found) > 1_000
    assert broken == encoding


def test_cut_zstd_body_keeps_the_blocks_before_the_cut():
    page = b"".join(b"%d mills " % (i * i) for i in range(100_000))
    packed = zstandard.compress(page)
    found, broken = decoded(packed[: len(packed) // 2], {"content-encoding": "zstd"}, LIMIT)
    assert page.startswith(found)
    assert len(found) > 100_000
    assert broken == "zstd"


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_body_with_a_wrong_checksum_keeps_every_byte(encoding):
    packed = PACKERS[encoding](HTML)
    packed = bad_checksum(packed) if encoding == "gzip" else packed[:-4] + bytes(4)
    assert decoded(packed, {"content-encoding": encoding}, LIMIT) == (HTML, encoding)


def test_body_damaged_in_the_middle_keeps_what_came_before():
    packed = bytearray(zlib.compress(HTML))
    packed[len(packed) // 2 :] = bytes(len(packed) - len(packed) // 2)
    found, broken = decoded(bytes(packed), {"content-encoding": "deflate"}, LIMIT)
    assert found[:2_000] == HTML[:2_000]
    assert broken == "deflate"


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_all_members_and_frames_are_one_body(encoding):
    pack = PACKERS[encoding]
    two = pack(HTML[:1000]) + pack(HTML[1000:])
    assert decoded(two, {"content-encoding": encoding}, LIMIT) == (HTML, None)
    second_broken = pack(HTML[:1000]) + pack(HTML[1000:])[:30]
    found, broken = decoded(second_broken, {"content-encoding": encoding}, LIMIT)
    assert found.startswith(HTML[:1000])
    assert broken == encoding


@pytest.mark.parametrize("encoding", PACKERS)
def test_body_that_was_decoded_already_is_whole(encoding):
    assert decoded(HTML, {"content-encoding": encoding}, LIMIT) == (HTML, None)


@pytest.mark.slow
@pytest.mark.parametrize("encoding", PACKERS)
def test_bombs_stop_near_the_limit(encoding):
    found, broken = decoded(PACKERS[encoding](bytes(200 * LIMIT)), {"content-encoding": encoding}, LIMIT)
    assert LIMIT < len(found) < 40 * LIMIT
    assert broken is None
