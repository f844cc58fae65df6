"""Claims about mbox files: all dialects are split at the same places, whatever the pieces in which they are read."""

import io
import mailbox

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.curation.archives import decompressed
from gristmill.curation.forum import mbox
from gristmill.curation.forum.mbox import split_mbox

FROM = b"From a@x.org Thu Nov  1 11:19:12 2001\n"


def bodies(data: bytes) -> list[bytes]:
    return [raw for _, _, raw in split_mbox(io.BufferedReader(io.BytesIO(data)))]


def test_escaped_lines_are_restored_in_every_dialect():
    found = bodies(FROM + b"Subject: S\n\nOne:\n\n>From here\n>>From there\n>from\n\n" + FROM + b"Subject: T\n\nTwo\n")
    assert found == [b"Subject: S\n\nOne:\n\nFrom here\n>From there\n>from\n\n", b"Subject: T\n\nTwo\n"]


def test_a_stated_length_lets_a_body_hold_another_mailbox():
    body = b"See:\n\n" + FROM + b"Subject: inner\n\nhi\n"
    headers = b"Subject: outer\nContent-Length: %d\n\n" % len(body)
    assert len(bodies(FROM + headers + body + b"\n" + FROM + b"Subject: T\n\nTwo\n")) == 2
    wrong = b"Subject: outer\nContent-Length: 7\n\n"
    assert len(bodies(FROM + wrong + body + b"\n" + FROM + b"Subject: T\n\nTwo\n")) == 3


def test_a_line_from_somebody_begins_no_message():
    text = b"He said:\n\nFrom the docs.\n\nFrom Monday on: 10:00 2020\nFrom a@x.org Thu Nov  1 11:19:12 2001\n"
    assert len(bodies(FROM + b"Subject: S\n\n" + text)) == 1  # the last has no blank line before it


def test_a_message_above_the_limit_is_counted_and_the_next_is_read(monkeypatch):
    monkeypatch.setattr(mbox, "MAX_MESSAGE_BYTES", 50_000)
    monkeypatch.setattr(mbox, "_CHUNK_BYTES", 1000)
    large = b"Subject: L\n\n" + b"line of some length\n" * 10_000 + b"\n"
    data = FROM + b"Subject: A\n\na\n\n" + FROM + large + FROM + b"Subject: B\n\nb\n"
    found = list(split_mbox(decompressed(io.BufferedReader(io.BytesIO(data)))))
    assert [raw is None for _, _, raw in found] == [False, True, False]
    assert sum(size for _, size, _ in found) == len(data)
    assert [offset for offset, _, _ in found] == [0, data.index(FROM + large), data.rindex(FROM)]


LINES = st.lists(st.sampled_from([FROM, b"\n", b"\r\n", b">From x\n", b"Subject: S\n", b"word\n", b" \n"]), max_size=25)


@given(LINES, st.integers(1, 100))
def test_pieces_of_any_size_give_the_same_messages(lines, size):
    data = FROM + b"".join(lines)
    whole = list(split_mbox(io.BufferedReader(io.BytesIO(data))))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mbox, "_CHUNK_BYTES", size)
        assert list(split_mbox(io.BufferedReader(io.BytesIO(data)))) == whole


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
def test_the_standard_library_splits_real_archives_alike(samples, tmp_path, line_end):
    path = samples / "forum" / "mailinglist" / "2001-November.mbox"
    data = path.read_bytes().replace(b"\n", line_end)
    assert len(bodies(data)) == len(mailbox.mbox(path)) == 164
