"""Bytes of a source file to text: byte order mark, UTF-8, the encoding that its first lines declare, a plausible guess."""

import codecs
import re

from gristmill.curation.charsets import decoded as guessed

_CODING = re.compile(rb"^(?:[^\n]*\n)?[^\n]{0,200}?coding[:=][ \t]*([-\w.]{2,30})")
_NO_TEXT = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_SNIFFED = 20_000


def decoded(data: bytes) -> tuple[str, str] | None:
    """The text and the name of its encoding, or None if no encoding makes text of it.

    A declaration (PEP 263, as Emacs and Vim read it) holds where the bytes are no UTF-8 and it can read them all.
    """
    if not data.startswith(_WIDE) and (text := _strictly(data, "utf-8-sig")) is not None:
        return text, "utf-8"
    declared = _CODING.match(data[:400])
    if declared and not data.startswith(_WIDE):
        name = declared[1].decode("ascii", "replace")
        if (text := _strictly(data, name)) is not None:
            return text, name.lower()
    try:
        text, name = guessed(data)
    except UnicodeError:
        return None
    if _NO_TEXT.search(text, 0, _SNIFFED) and not data.startswith(_WIDE):
        return None
    return text, name


_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def _strictly(data: bytes, encoding: str) -> str | None:
    """The text in this encoding, None where it is not, or no encoding of text (`idna`) at all."""
    try:
        return data.decode(encoding)
    except (LookupError, ValueError, TypeError):  # UnicodeDecodeError is a ValueError
        return None
