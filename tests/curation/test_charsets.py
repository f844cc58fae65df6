"""Text in any common charset is read as what it says; what is no text is told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.curation.charsets import decoded

TEXTS = {
    "cp1251": "Все счастливые семьи похожи друг на друга, каждая несчастливая семья несчастлива по-своему.",
    "koi8-r": "Все смешалось в доме Облонских. Жена узнала, что муж был в связи с гувернанткою.",
    "cp932": "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。",
    "euc_jp": "何でも薄暗いじめじめした所でニャーニャー泣いていた事だけは記憶している。",
    "gb18030": "话说天下大势，分久必合，合久必分。周末七国分争，并入于秦。",
    "big5hkscs": "話說天下大勢，分久必合，合久必分。周末七國分爭，并入於秦。",
    "cp949": "모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다.",
    "iso8859-2": "Litwo! Ojczyzno moja! ty jesteś jak zdrowie; Ile cię trzeba cenić, ten tylko się dowie, Kto cię stracił.",
    "iso8859-7": "Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι στην αξιοπρέπεια και τα δικαιώματα.",
    "cp1255": "כל בני אדם נולדו בני חורין ושווים בערכם ובזכויותיהם. כולם חוננו בתבונה ובמצפון",
    "cp1256": "يولد جميع الناس أحراراً متساوين في الكرامة والحقوق.",
    "cp874": "มนุษย์ทั้งหลายเกิดมามีอิสระและเสมอภาคกันในเกียรติศักดิ์และสิทธิ",
    "cp1252": "Où est-il allé ? Ça va très bien, merci. L’été passé à la plage était magnifique – vraiment.",
}
CODE = "int main(void) { return 0; }\nstatic const char *name = NULL;\n" * 30


@pytest.mark.parametrize("charset", TEXTS)
def test_prose_is_read_in_its_charset(charset):
    assert decoded(TEXTS[charset].encode(charset)) == (TEXTS[charset], charset)


@pytest.mark.parametrize("charset", TEXTS)
def test_a_comment_in_much_ascii_is_read_in_its_charset(charset):
    text = f"{CODE}// {TEXTS[charset]}\n{CODE}"
    assert decoded(text.encode(charset)) == (text, charset)


@pytest.mark.parametrize(
    "line",
    [
        "/* Copyright © 2004 The Example Foundation */",
        "# Author: José Núñez",
        "// Jürgen Müller, 20° ± 2",
        "/* naïve */",
        "* @author Björn",
        "10 µs at 25 °C",
        "François",
    ],
)
def test_few_letters_of_western_europe_are_no_other_charset(line):
    assert decoded(f"{CODE}{line}\n".encode("cp1252")) == (f"{CODE}{line}\n", "cp1252")


@pytest.mark.parametrize("charset", ["utf-16", "utf-32", "utf-8-sig"])
def test_byte_order_marks_tell(charset):
    assert decoded("été".encode(charset))[0] == "été"


def test_shifted_japanese_is_no_ascii():
    assert decoded("日本語のメール".encode("iso2022_jp")) == ("日本語のメール", "iso2022_jp")


def test_one_damaged_byte_does_not_change_the_charset():
    text = "Все счастливые семьи похожи друг на друга. " * 20
    damaged = bytearray(text.encode())
    damaged[40] = 0xFF
    assert decoded(bytes(damaged))[1] == "utf-8"


def test_bytes_that_are_no_text_are_told():
    for data in (bytes(range(256)) * 20, bytes((i * i * 7 + 13 * i) % 251 for i in range(5000))):
        with pytest.raises(UnicodeError, match="none of the charsets"):
            decoded(data)


@given(st.text())
def test_utf8_is_read_as_it_stands(text):
    assert "\x1b$" in text or text.startswith("\ufeff") or decoded(text.encode()) == (text, "utf-8")


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data):
    try:
        text, charset = decoded(data)
    except UnicodeError:
        return
    assert isinstance(text, str)
    b"".decode(charset)
