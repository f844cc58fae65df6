"""Bytes that carry no label to characters: byte order mark, UTF-8, a guess that must be plausible, Windows-1252."""

import codecs
import re

from resiliparse.parse.encoding import detect_encoding

BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # begins with UTF-16's
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)

MOSTLY = 50
"""Characters beyond ASCII that must be right for each wrong byte, in a damaged text."""

SAMPLE_BYTES = 2**18
"""The guess is made from so many bytes of lines that are not ASCII."""

LEAST_TO_GUESS = 4
"""Fewer bytes beyond ASCII are likelier to be Western European than any guess, unless two make a character."""

LATIN_SHARE = 0.3
"""A larger share of letters outside ASCII is no text of Western Europe."""

_SUPERSETS = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "big5": "big5hkscs",
    "gb2312": "gb18030",
    "gbk": "gb18030",
}
"""The detector's name -> the larger charset that text so labelled really uses (WHATWG Encoding)."""

_OUTSIDE = bytes(range(0x80, 0x100))
_CONTROL = re.compile(r"[\x00-\x06\x0e-\x19\x1c-\x1f\x7f-\x84\x86-\x9f\ue000-\uf8ff]")
_WORD = re.compile(r"[^\W\d_]+")
_LATIN = re.compile(r"[A-Za-z\u00aa\u00ba-\u024f\u1e00-\u1eff]")
_IDEOGRAPHS = re.compile(r"[\u0e00-\u0eff\u1100-\u11ff\u3040-\u9fff\uac00-\ud7af\uf900-\ufaff\uff66-\uff9f]")


def decoded(data: bytes) -> tuple[str, str]:
    """The text, without its byte order mark, and the name of its charset as Python's codecs spell it.

    Line ends stay as they are. Wrong bytes become U+FFFD where few are wrong. Raises UnicodeError if no charset makes
    plausible text of the bytes.
    """
    for bom, charset in BOMS:
        if data.startswith(bom):
            return data[len(bom) :].decode(charset, "replace"), charset
    # A shift sequence is valid UTF-8, but means Japanese.
    for charset in ("iso2022_jp", "utf-8") if b"\x1b$" in data else ("utf-8",):
        try:
            return data.decode(charset), charset
        except UnicodeDecodeError:
            continue
    charsets = ("utf-8", _guess(data), "cp1252")
    for charset in charsets:
        text = data.decode(charset, "replace")
        if plausible(text, charset):
            return text, charset
    raise UnicodeError(f"text in none of the charsets {', '.join(dict.fromkeys(charsets))}")


def plausible(text: str, charset: str) -> bool:
    """Whether a text reads as one in its charset: next to no wrong bytes and control characters, and whole words.

    Read in a wrong charset, words mix scripts (`йtй`), and a sign such as the copyright's becomes a letter by itself.
    """
    lines = [line for line in text.split("\n") if not line.isascii()]
    sample = "\n".join(lines)[:SAMPLE_BYTES]
    outside = len(sample) - len(sample.encode("ascii", "ignore"))
    wrong = sample.count("\ufffd")
    if wrong * MOSTLY > outside - wrong or len(_CONTROL.findall(sample)) * MOSTLY > outside:
        return False
    if "\0" in text[:20_000]:
        return False
    if charset == "cp1252":
        letters = sum(len(word) - len(word.encode("ascii", "ignore")) for word in _WORD.findall(sample))
        return letters <= LATIN_SHARE * len(sample)
    if charset == "utf-8":
        return True
    return _whole_words(sample)


def _whole_words(sample: str) -> bool:
    """Whether nearly all words with letters outside ASCII are of one script, and Latin ones more than that letter."""
    words = [word for word in _WORD.findall(sample) if not word.isascii()]
    bad = 0
    for word in words:
        latin = len(_LATIN.findall(word))
        if latin == len(word):
            bad += len(word) == 1
        elif latin:
            # "Java语言" is right where the script has no spaces, a single ideograph inside a word is not.
            bad += not _IDEOGRAPHS.search(word) or len(word) - latin == 1
    return bad * 5 <= len(words)


def _guess(data: bytes) -> str:
    """The detector's charset for the lines that are not ASCII; Windows-1252 where it has none, or too little to go by."""
    lines = b"\n".join(line for line in data.split(b"\n") if not line.isascii())[:SAMPLE_BYTES]
    name = (detect_encoding(lines, html5_compatible=False) or "cp1252").lower()
    try:
        charset = codecs.lookup(_SUPERSETS.get(name, name)).name
    except LookupError:
        return "cp1252"
    outside = len(lines) - len(lines.translate(None, _OUTSIDE))
    one_byte_each = len(lines.decode(charset, "replace")) == len(lines)
    return "cp1252" if one_byte_each and outside < LEAST_TO_GUESS else charset
