"""A remote file reads as a local one would, whatever its server and the network do on the way."""

import gzip
import io
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.curation import remote
from gristmill.curation.raw_files import opened
from gristmill.curation.remote import Changed, HttpFile, RemoteError, described
from tests.rough_server import rough_server

CONTENT = random.Random(7).randbytes(300_000)


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(remote, "FIRST_WAIT_S", 0.001)
    monkeypatch.setattr(remote, "READ_TIMEOUT_S", 0.4)


@pytest.fixture(scope="module")
def server():
    with rough_server() as running:
        yield running


@pytest.mark.parametrize(
    "trouble",
    [
        (),
        (503,),
        (500, 502, 429),
        ((503, "0"),),
        ("truncate",),
        ("truncate", "truncate", 503, "truncate"),
        ("reset",),
        ("stall",),
        ("stall", 503, "reset", "truncate"),
    ],
    ids=str,
)
@pytest.mark.parametrize("ranges", [True, False], ids=["ranges", "no ranges"])
def test_the_bytes_are_the_same_whatever_happens_on_the_way(server, trouble, ranges):
    url = server.add(f"/file-{ranges}-{len(server.files)}", CONTENT, *trouble, ranges=ranges)
    with opened(url) as stream:
        assert stream.read() == CONTENT


def test_a_file_without_a_length_is_read_to_its_end(server):
    url = server.add("/endless", CONTENT, length=False)
    with opened(url) as stream:
        assert stream.read() == CONTENT


def test_it_goes_on_where_it_broke_off_and_asks_for_the_same_version(server):
    url = server.add("/resumed", CONTENT, "truncate")
    with opened(url) as stream:
        stream.read()
    first, second = server.gets("/resumed")
    assert first.range is None
    assert second.range == "bytes=150000-"
    assert second.if_range.startswith('"')


def test_two_versions_are_never_mixed(server):
    for ranges in (True, False):
        url = server.add("/changing", CONTENT, "truncate", "change", next_content=CONTENT[::-1], ranges=ranges)
        with opened(url) as stream, pytest.raises(Changed, match="changed on the server"):
            stream.read()


def test_a_retry_after_is_waited_for(server):
    url = server.add("/busy", CONTENT, (503, "1"))
    with opened(url) as stream:
        stream.read()
    first, second = server.gets("/busy")
    assert second.at - first.at >= 1.0


def test_a_server_that_asks_for_hours_is_left_alone(server):
    url = server.add("/closed", CONTENT, (503, "7200"))
    with pytest.raises(RemoteError, match="asks to come back in 7200 s"):
        opened(url)
    assert len(server.gets("/closed")) == 1


def test_what_waiting_will_not_mend_is_said_at_once(server):
    with pytest.raises(RemoteError, match="404 Not Found: there is no such file; correct the URL"):
        opened(f"{server.url}/gone")
    assert len(server.gets("/gone")) == 1


def test_a_server_that_never_answers_well_is_given_up(server):
    url = server.add("/down", CONTENT, *[503] * 20)
    with pytest.raises(RemoteError, match=r"given up after 8 tries .503 Service Unavailable.; try again later"):
        opened(url)
    assert len(server.gets("/down")) == 8


def test_nobody_listening_is_an_error_for_people():
    with pytest.raises(RemoteError, match=r"given up after 4 tries .*refused"):
        opened("http://127.0.0.1:9/x")


@given(st.lists(st.tuples(st.integers(0, 310_000), st.integers(0, 5_000)), max_size=6), st.booleans())
def test_seeking_reads_what_a_local_file_has_there(server, places, ranges):
    url = server.add("/seek", CONTENT, ranges=ranges)
    local = io.BytesIO(CONTENT)
    with opened(url) as stream:
        for offset, size in places:
            assert stream.seek(offset) == local.seek(offset)
            assert stream.read(size) == local.read(size)
        assert stream.seek(-7, io.SEEK_END) == len(CONTENT) - 7
        assert stream.read() == CONTENT[-7:]


def test_a_file_that_its_server_calls_gzip_encoded_stays_gzip(server):
    packed = gzip.compress(CONTENT)
    url = server.add("/x.warc.gz", packed, "truncate", encoding="gzip")
    with opened(url) as stream:
        assert stream.read() == packed


def test_what_a_server_says_of_a_file(server):
    date = "Mon, 02 Nov 2026 10:00:00 GMT"
    sha256 = "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:"
    told = described(server.add("/told", b"", last_modified=date, digest=sha256))
    assert (told.size_bytes, told.last_modified) == (0, date)
    assert told.digests == (("sha256", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),)


def test_a_position_beyond_the_end_reads_nothing(server):
    with HttpFile(server.add("/short", b"abc"), start=3) as file:
        assert file.read(10) == b""
