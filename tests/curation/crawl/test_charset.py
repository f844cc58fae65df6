"""Bytes in any charset come out as characters."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.curation.crawl.charset import decode, undecodable

GERMAN = "Größe, Maß und „Gewicht“ – fünf Stück für 3 €. " * 3
RUSSIAN = "Мельница стоит у реки, и мельник знает своё дело. " * 3
KOREAN = "방앗간은 강가에 있고 방앗간 주인은 자기 일을 잘 안다. " * 3
CHINESE = "磨坊在河边，磨坊主很了解他的工作。小麦和大麦都在这里磨成面粉。" * 3
JAPANESE = "これは日本語の文章です。水車小屋は川のそばにあります。" * 3


@pytest.mark.parametrize(
    ("text", "codec", "header", "meta", "charset"),
    [
        (GERMAN, "utf-8", None, None, "utf-8"),
        (GERMAN, "utf-8-sig", "text/html; charset=windows-1251", None, "utf-8"),
        (GERMAN, "utf-16", None, None, "utf-16-le"),
        (GERMAN, "cp1252", "text/html; charset=ISO-8859-1", None, "cp1252"),
        (GERMAN, "cp1252", 'text/html;charset="latin1"', "utf-8", "cp1252"),
        (GERMAN, "utf-8", "text/html; charset=iso-8859-1", None, "utf-8"),
        (RUSSIAN, "cp1251", None, "windows-1251", "cp1251"),
        (RUSSIAN, "koi8-r", "text/html; charset=none-such", "KOI8-R", "koi8-r"),
        (RUSSIAN, "cp1251", "text/html; charset=utf-8", "windows-1251", "cp1251"),
        (RUSSIAN, "cp1251", None, None, "cp1251"),
        (JAPANESE, "cp932", None, "x-sjis", "cp932"),
        (JAPANESE, "cp932", None, None, "cp932"),
        (JAPANESE, "iso2022_jp", None, "iso-2022-jp", "iso2022_jp"),
        (JAPANESE, "iso2022_jp", None, None, "iso2022_jp"),
        (KOREAN, "cp949", "text/html; charset=utf-8", None, "cp949"),
        (CHINESE, "gbk", "text/html; charset=utf-8", None, "gb18030"),
        (GERMAN, "utf-16-le", None, None, "utf-16-le"),
        (GERMAN, "utf-32", None, None, "utf-32-le"),
        (JAPANESE, "euc-jp", "text/html; charset=EUC-JP", None, "euc_jp"),
        (JAPANESE, "utf-8", None, "utf-16", "utf-8"),
        (GERMAN, "utf-16-be", "text/html; charset=utf-16be", None, "utf-16-be"),
        (GERMAN, "utf-8", "text/html; charset=utf-16", None, "utf-8"),
    ],
)
def test_charset_from_the_strongest_means_that_the_bytes_do_not_contradict(text, codec, header, meta, charset):
    tag = f'<meta http-equiv="Content-Type" content="text/html; charset={meta}">' if meta else ""
    decoded, name = decode((tag + text).encode(codec), header)
    assert decoded == tag + text
    assert name == charset


def test_charset_from_xml_declaration():
    body = '<?xml version="1.0" encoding="iso-8859-2"?><p>Zażółć gęślą jaźń'.encode("iso-8859-2")
    assert decode(body) == (body.decode("iso-8859-2"), "iso8859-2")


def test_page_cut_inside_a_character_keeps_its_charset():
    body = ("<meta charset=utf-8>" + GERMAN).encode() + "ü".encode()[:1]
    text, charset = decode(body)
    assert charset == "utf-8"
    assert text.endswith("\ufffd")
    assert not undecodable(text)


@pytest.mark.parametrize("text", [GERMAN, RUSSIAN, JAPANESE, KOREAN])
def test_one_wrong_byte_does_not_turn_utf8_into_something_else(text):
    """As browsers would have it, a label of Latin-1 would win, and every letter beyond ASCII be lost."""
    body = text.encode() + b" caf\xe9 " + text.encode()
    decoded, charset = decode(body, "text/html; charset=iso-8859-1")
    assert charset == "utf-8"
    assert decoded == f"{text} caf\ufffd {text}"


def test_zeros_among_letters_are_not_utf16():
    assert decode(b"<p>abc\0def ghi jkl")[0] == "<p>abc\0def ghi jkl"


def test_text_of_replacement_characters_is_undecodable():
    assert undecodable("\ufffd" * 6 + "abcde")
    assert not undecodable("\ufffd" * 5 + "abcde")
    assert not undecodable("")


@given(st.binary(max_size=300), st.none() | st.text(max_size=40))
def test_decoding_never_fails(body, header):
    text, charset = decode(body, header)
    assert "".encode(charset) is not None
    text.encode("utf-8")
