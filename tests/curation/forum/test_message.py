"""Claims about single mails: MIME, charsets and line forms are undone as a mail program would, hostile ones survive."""

import base64
import email
import mailbox
import quopri
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.curation.forum import message
from gristmill.curation.forum.message import decode, parse
from gristmill.curation.markup import plain_lines


def text_of(content_type: str, body: bytes, **headers: str) -> str:
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    raw = "\n".join(["Subject: S", f"Content-Type: {content_type}", *lines, "", ""]).encode() + body
    return parse(raw, 0)[1]


def test_flowed_paragraphs_are_one_line_and_quotations_stay_lines():
    body = b"A long \nparagraph.\n\n > not quoted\n> quoted \n> more\nEnd\n-- \nAnn\n"
    assert text_of("text/plain; format=flowed", body) == (
        "A long paragraph.\n\n> not quoted\n> quoted\n> more\nEnd\n-- \nAnn\n"
    )
    assert text_of("text/plain; format=flowed; delsp=yes", b"unbroken \nword\n") == "unbrokenword\n"
    assert text_of("text/plain", b"two \nlines\n") == "two\nlines\n"


@pytest.mark.parametrize(
    ("charset", "words"),
    [
        ("koi8-r", "Привет всем"),
        ("gb2312", "镕基"),  # beyond GB2312 proper, as mail programs send it
        ("iso-2022-jp", "日本語のメール"),
        ("iso-8859-1", "“quoted” – by Windows"),
        ("utf-8", "日本語"),
        ("windows-1251", "Привет"),
    ],
)
def test_declared_charsets_are_read_as_browsers_read_them(charset, words):
    codec = {"gb2312": "gbk", "iso-8859-1": "cp1252"}.get(charset, charset)
    assert text_of(f"text/plain; charset={charset}", words.encode(codec)) == words
    packed = base64.encodebytes(words.encode(codec))
    assert text_of(f'text/plain; charset="{charset}"', packed, Content_Transfer_Encoding="base64") == words


@pytest.mark.parametrize("charset", ["koi8-r", "windows-1251", "shift_jis", "euc-jp", "iso-2022-jp", "utf-8"])
def test_an_undeclared_charset_is_guessed(charset):
    words = {"k": "Привет всем, как у вас дела сегодня? ", "w": "Привет всем, как у вас дела сегодня? "}.get(
        charset[0], "日本語のメールです。よろしくお願いします。"
    )
    assert decode(words.encode(charset) * 3, None) == words * 3
    assert decode(words.encode(charset) * 3, "x-unknown") == words * 3


def test_quoted_printable_and_a_footer_behind_base64():
    body = quopri.encodestring("Schöner Tag = gut\n".encode())
    assert text_of("text/plain; charset=utf-8", body, Content_Transfer_Encoding="quoted-printable") == (
        "Schöner Tag = gut\n"
    )
    body = base64.encodebytes(b"Hello.\n") + b"_______________________________________________\nlist mailing list\n"
    assert "Hello." in text_of("text/plain", body, Content_Transfer_Encoding="BASE64")


def test_quoted_printable_without_its_header_is_undone_where_nothing_else_explains_the_signs():
    body = (
        b"I am not sure that the caf=E9 is =\nopen, so I ask you here:=20\n"
        b'f <- function(where =3D parent.frame())=20\n    all(x =3D=3D "a")=0A=0ABye\n'
    )
    assert text_of("text/plain", body) == (
        "I am not sure that the café is open, so I ask you here:\n"
        'f <- function(where = parent.frame())\n    all(x == "a")\n\nBye\n'
    )
    assert text_of("text/plain", b"x =3D\n1", Content_Transfer_Encoding="7bit") == "x =3D\n1"
    for code in (
        "fit(x, ntree=50, votes=FALSE)\nfit(x, ntree=50, votes=FALSE)\n",
        "f(n=10, m=20, data =\n  d, k=3D0)\n",
        "====\nWhat =3D means in a mail: it stands for =\n====\n",
        "url?a=20&b=E9\nif (x==0A) y=1\n",
    ):
        assert text_of("text/plain", code.encode()) == code


def test_attachments_are_counted_and_packed_files_go():
    raw = (
        b"Content-Type: multipart/mixed; boundary=A\n\n--A\n\nSee it.\n--A\nContent-Type: image/png\n\nxx\n"
        b"--A\nContent-Type: text/x-diff; name=a.patch\nContent-Disposition: attachment\n\n-a\n+b\n--A--\n"
    )
    found, text = parse(raw, 0)
    assert (found.attachments, text) == (2, "See it.")
    packed = b"Before.\n\nbegin 644 a.bin\n#0V%T\n`\nend\n\nAfter.\n"
    assert text_of("text/plain", packed) == "Before.\n\n\n\nAfter.\n"
    signed = (
        b"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA1\n\nTrue.\n- -- \nAnn\n-----BEGIN PGP SIGNATURE-----\n"
        b"Version: GnuPG\n\niEYEARECAAYFAk\n=1234\n-----END PGP SIGNATURE-----\n"
    )
    assert text_of("text/plain", signed) == "True.\n-- \nAnn\n\n"


def test_a_text_beyond_the_limit_is_refused(monkeypatch):
    monkeypatch.setattr(message, "MAX_TEXT_BYTES", 1000)
    assert text_of("text/plain", b"word " * 300) is None
    assert text_of("text/html", b"<p>word</p>" * 300) is None
    assert text_of("text/plain", b"word") == "word"


def test_headers_may_be_broken():
    found, text = parse(b"Subject: =?utf-8?b?w6Q=?=\n =?x-none?q?=FF?=\nno header\nFrom: b@x.org\n\nBody\n", 5)
    assert (found.subject[:1], found.author, found.message_id) == ("ä", "Unknown", "@5")
    assert text.startswith("no header")
    assert parse(b"", 0)[1] == ""
    assert parse(b"\xff\xfe\0", 0)[1] is not None


@given(st.binary(max_size=300), st.sampled_from([b"", b"Content-Type: multipart/mixed; boundary=a\n\n--a\n"]))
def test_any_bytes_are_parsed(data, start):
    _, text = parse(start + data, 0)
    assert re.sub("^-- $", "--", text, flags=re.MULTILINE) == plain_lines(text) or text.endswith("\n")
    text.encode()


def test_the_standard_library_finds_the_same_text(samples, tmp_path):
    path = samples / "forum" / "mailinglist" / "2001-November.mbox"
    for number, mail in enumerate(mailbox.mbox(path)):
        raw = mail.as_bytes()
        expected = email.message_from_bytes(raw).get_payload(decode=True)
        found, text = parse(raw, 0)
        assert found.message_id == mail["message-id"].strip("<> \n"), number
        if b"BEGIN PGP" not in raw:
            assert text.split() == plain_lines(expected.decode("utf-8", "replace")).split()
