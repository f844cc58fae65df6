"""Bytes of a source file to text: byte order mark, UTF-8, the encoding that its first lines declare, Windows-1252."""

import re

_CODING = re.compile(rb"^(?:[^\n]*\n)?[^\n]{0,200}?coding[:=][ \t]*([-\w.]{2,30})")
_LETTERS_OUTSIDE = 0.3
"""More characters outside ASCII than this share is no Latin text."""


def decoded(data: bytes) -> tuple[str, str] | None:
    """The text and the name of its encoding, or None if no encoding makes text of it."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings = ["utf-16"]
    else:
        declared = _CODING.match(data[:400])
        encodings = ["utf-8-sig", *([declared[1].decode("ascii", "replace")] if declared else []), "cp1252"]
    for encoding in encodings:
        try:
            text = data.decode(encoding)
        except (UnicodeDecodeError, LookupError):
            continue
        except (ValueError, TypeError):  # a codec of another sort, such as `idna`
            continue
        if encoding == "cp1252" and not _plausible(text):
            return None
        return text, "utf-8" if encoding == "utf-8-sig" else encoding.lower()
    return None


def _plausible(text: str) -> bool:
    """Whether a text read as Windows-1252 is one: letters outside ASCII are few, and control characters absent."""
    start = text[:20_000]
    outside = sum(1 for character in start if character > "\x7f")
    control = sum(1 for character in start if character < " " and character not in "\t\n\r\f\v\x1b")
    return not control and outside <= _LETTERS_OUTSIDE * len(start)
