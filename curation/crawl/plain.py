"""Plain text from any string: one kind of line end, plain spaces, nothing invisible."""

import re

LINE_ENDS = re.compile("\r+\n|[\r\x0b\x0c\x85\u2028\u2029]")
SPACES = re.compile("[\xa0\u2000-\u200a\u202f\u205f]")
# Controls, surrogates, soft hyphens, zero-width spaces and byte order marks; joiners and direction marks carry meaning.
INVISIBLE = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\xad\u200b\u2060\ufeff\ud800-\udfff\ufffe\uffff]")
BLANK_LINES = re.compile("\n{3,}")


def clean(text: str) -> str:
    """Plain text from any string: "\\n" line ends, plain spaces, nothing invisible, no trailing space, no blank edges.

    >>> clean("a\\r\\nsoft\\xadware \\x00 \\n\\n\\n\\n b")
    'a\\nsoftware\\n\\n b'
    """
    lines = text.split("\n")
    if not all(map(str.isprintable, lines)):
        lines = INVISIBLE.sub("", SPACES.sub(" ", LINE_ENDS.sub("\n", text))).split("\n")
    return BLANK_LINES.sub("\n\n", "\n".join([line.rstrip(" \t\u3000") for line in lines])).strip("\n")
