"""What each tag of a page means for its text, looked up by the tag as the parser writes it."""

import re

from gristmill.curation.crawl.attributes import is_unseen

RAW = {
    name: "/" + name
    for name in (
        "script", "style", "math", "svg", "iframe", "noembed", "noframes", "noscript", "xmp", "plaintext", "select",
        "textarea", "template", "object", "audio", "video", "canvas",
    )
}  # fmt: skip
"""Elements whose inside is no text of ours, and how they end."""

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
LISTS = frozenset({"ul", "ol", "menu", "dir"})
CELLS = frozenset({"td", "th"})
HEADINGS = {f"h{level}": level for level in range(1, 7)}
SPECIAL = frozenset({"li", "pre", "tr"}) | LISTS | CELLS | frozenset(HEADINGS)
"""Elements that mean more than the end of a line."""

# Marks of inline markup in a block's text; private-use characters that the text itself is cleared of.
BOLD, END_BOLD, TICK = "\ue0b0", "\ue0b1", "\ue0b2"
CODE_TAGS = {slash + tag: TICK for tag in ("code", "kbd", "samp", "tt") for slash in ("", "/")}
STRONG_TAGS = {"b": BOLD, "strong": BOLD, "/b": END_BOLD, "/strong": END_BOLD}
MARKS = str.maketrans("", "", BOLD + END_BOLD + TICK)

INLINE_TAGS = frozenset({"br", "hr", "img", *CODE_TAGS, *STRONG_TAGS})

IS_BLOCK, IS_END, IS_LINK, IS_LINK_END, IS_INLINE, IS_LEFT_OUT, IS_OTHER, IS_RAW, IS_COMMENT = range(1, 10)
KIND_OF_TAG = (
    {"a": IS_LINK, "/a": IS_LINK_END, "button": IS_LEFT_OUT}
    | dict.fromkeys(INLINE_TAGS, IS_INLINE)
    | dict.fromkeys(BLOCK_TAGS, IS_BLOCK)
    | dict.fromkeys(("/" + tag for tag in BLOCK_TAGS), IS_END)
    | dict.fromkeys(RAW, IS_RAW)
)

RENDERED_MATH = re.compile(r'\bclass="(?:katex-html|MathJax(?:_Preview|_Display|_CHTML|_SVG)?\b|mjx-chtml|MJX-)')
"""Formulas as a script has drawn them; their source stands beside."""

Tag = tuple[int, str, bool, str, bool, bool]
"""Kind, name, whether unseen, end tag, whether tight, whether special."""

KNOWN_TAGS: dict[str, Tag] = {}
"""Tags as they stand between "<" and ">", of all pages so far; most come again and again."""

MAX_KNOWN_TAGS, MAX_KNOWN_CHARS = 20_000, 500


def tag_of(tag: str) -> Tag:
    """What a tag is; remembered, without its attributes where they mean nothing here."""
    end = tag.find(" ")
    if end < 0:
        return _remembered(tag, _bare(tag))
    name = tag[:end]
    info = KNOWN_TAGS.get(name) or tag_of(name)
    if info[0] == IS_OTHER and RENDERED_MATH.search(tag) and name not in VOID:
        return _remembered(tag, (IS_LEFT_OUT, *info[1:]))
    if info[0] != IS_BLOCK:
        return info
    return _remembered(tag, (IS_BLOCK, name, True, *info[3:]) if is_unseen(tag) else info)


def _bare(name: str) -> Tag:
    """What a tag without attributes is."""
    kind = KIND_OF_TAG.get(name, IS_COMMENT if name.startswith("!--") else IS_OTHER)
    if name.startswith("mjx-"):
        kind = IS_LEFT_OUT
    if kind == IS_BLOCK:
        return kind, name, False, "/" + name, name in TIGHT, name in SPECIAL
    bare = name[1:]
    return kind, bare if kind == IS_END else name, False, "", bare in TIGHT, bare in SPECIAL


def _remembered(tag: str, info: Tag) -> Tag:
    if len(tag) <= MAX_KNOWN_CHARS:
        if len(KNOWN_TAGS) >= MAX_KNOWN_TAGS:
            KNOWN_TAGS.clear()
        KNOWN_TAGS[tag] = info
    return info
