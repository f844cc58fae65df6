"""What each tag of a page means for its text, in tables that compiled code reads."""

import numpy as np

from gristmill.curation.crawl.attributes import TAG_BITS, hash_table

RAW = frozenset(
    {
        "script", "style", "math", "svg", "iframe", "noembed", "noframes", "noscript", "xmp", "plaintext", "select",
        "textarea", "template", "object", "audio", "video", "canvas",
    }
)  # fmt: skip
"""Elements whose inside is no text of ours."""

BLOCK_TAGS = frozenset(
    {
        "address", "article", "aside", "blockquote", "body", "caption", "center", "dd", "details", "dialog", "dir", "div",
        "dl", "dt", "fieldset", "figcaption", "figure", "footer", "form", "frameset", "h1", "h2", "h3", "h4", "h5", "h6",
        "header", "hgroup", "legend", "li", "main", "menu", "nav", "ol", "p", "pre", "search", "section", "summary",
        "table", "tbody", "td", "tfoot", "th", "thead", "tr", "ul",
    }
)  # fmt: skip
VOID = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"}
)
TIGHT = frozenset({"li", "tr", "td", "th", "dt", "dd", "tbody", "thead", "tfoot"})
"""Elements that begin on a new line, without an empty one before it."""
# Marks of inline markup in a block's text; private-use characters that the text itself is cleared of.
BOLD, END_BOLD, TICK = "\ue0b0", "\ue0b1", "\ue0b2"
MARKS = str.maketrans("", "", BOLD + END_BOLD + TICK)

IS_BLOCK, IS_END, IS_LINK, IS_LINK_END, IS_INLINE, IS_LEFT_OUT, IS_OTHER, IS_RAW, IS_COMMENT = range(1, 10)

LI, LIST, NUMBERED_LIST, PRE, TR, CELL, BR, HR, IMG, TICKED, BOLD_FROM, BOLD_TO, MATH, SCRIPT = range(7, 21)
"""What a tag does besides, those of headings being their levels."""

ACTIONS = (
    {f"h{level}": level for level in range(1, 7)}
    | {
        "li": LI,
        "ul": LIST,
        "menu": LIST,
        "dir": LIST,
        "ol": NUMBERED_LIST,
        "pre": PRE,
        "tr": TR,
        "td": CELL,
        "th": CELL,
    }
    | {"br": BR, "hr": HR, "img": IMG, "math": MATH, "script": SCRIPT}
    | {slash + tag: TICKED for tag in ("code", "kbd", "samp", "tt") for slash in ("", "/")}
    | {"b": BOLD_FROM, "strong": BOLD_FROM, "/b": BOLD_TO, "/strong": BOLD_TO}
)

KIND_OF_TAG = (
    dict.fromkeys(VOID, IS_OTHER)
    | {"a": IS_LINK, "/a": IS_LINK_END, "button": IS_LEFT_OUT}
    | {tag: IS_INLINE for tag, action in ACTIONS.items() if action in (BR, HR, IMG, TICKED, BOLD_FROM, BOLD_TO)}
    | dict.fromkeys(BLOCK_TAGS, IS_BLOCK)
    | dict.fromkeys(("/" + tag for tag in BLOCK_TAGS), IS_END)
    | dict.fromkeys(RAW, IS_RAW)
)
"""All others are IS_OTHER, but for comments and what MathJax draws."""

KIND, NAME, ACTION, IS_TIGHT, IS_VOID = range(5)
"""Columns of MEANINGS."""


def _meanings() -> tuple[np.ndarray, np.ndarray]:
    bare = sorted({tag.lstrip("/") for tag in KIND_OF_TAG})
    meanings, bits = np.zeros((len(KIND_OF_TAG) + 1, 5), np.uint8), np.zeros(len(KIND_OF_TAG) + 1, np.uint64)
    meanings[0, KIND] = IS_OTHER
    for number, (tag, kind) in enumerate(KIND_OF_TAG.items(), 1):
        name = tag.lstrip("/")
        action = ACTIONS.get(name if kind == IS_END else tag, 0)
        meanings[number] = kind, 1 + bare.index(name), action, name in TIGHT, tag in VOID
        bits[number] = TAG_BITS.get(tag, 0)
    meanings.flags.writeable = bits.flags.writeable = False
    return meanings, bits


TAG_TABLE = hash_table({tag: number for number, tag in enumerate(KIND_OF_TAG, 1)})
"""Tags by their names, with a slash where they end an element; number 0 is for all others."""

MEANINGS, BITS = _meanings()
"""uint8[tags, 5] and uint64[tags]: what each is and does, and its own bit of attributes.py; a start and an end tag have
the same NAME."""
