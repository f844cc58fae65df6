"""Second pass over wikitext: HTML tags, bold and italics, external links, magic words."""

import html
import re
from functools import cache

from gristmill.curation.wikipedia.names import names
from gristmill.curation.wikipedia.parse import GONE
from gristmill.curation.wikipedia.shown import to_subscript, to_superscript
from gristmill.curation.wikipedia.tables import without_tables

_INLINE_TAGS = (
    "a|abbr|b|bdi|bdo|big|cite|code|data|del|dfn|em|font|i|ins|kbd|mark|noinclude|onlyinclude|q|rb|rp|rt|ruby"
)
_INLINE_TAGS += (
    "|s|samp|small|span|strike|strong|time|tt|u|var|wbr|section|tvar|languages|translate|nowiki|ref|math|poem"
)
_BLOCK_TAGS = (
    "blockquote|br|caption|center|dd|div|dl|dt|h[1-6]|hr|li|ol|p|pre|table|tbody|td|th|thead|tr|ul|gallery|references"
)
_TAG = re.compile(rf"<(/?)({_INLINE_TAGS}|{_BLOCK_TAGS})(?![\w-])[^<>]*>", re.IGNORECASE)
_BLOCK = re.compile(rf"(?:{_BLOCK_TAGS})\Z")
_SCRIPT = re.compile(r"<(sub|sup)(?![\w-])[^<>]*>([^<>]*)</\1\s*>", re.IGNORECASE)
_SCRIPT_TAG = re.compile(r"</?su[bp](?![\w-])[^<>]*>", re.IGNORECASE)
_LEAF = re.compile(r"<(span|div)\b([^<>]*+)>[^<>]*+</\1\s*+>", re.IGNORECASE)
_INVISIBLE = re.compile(r"display:\s*+none", re.IGNORECASE)
_VARIANT = re.compile(r"-\{([^{}]*)\}-")
_QUOTES = re.compile(r"'{2,}")
_EXTERNAL = re.compile(
    r"\[(?:https?:|ftps?:|irc:|news:|mailto:|git:)?(?://|(?<=:))[^\s\[\]]*+[ \t]*+([^\[\]\n]*+)\]", re.IGNORECASE
)
_SWITCH = re.compile(r"__([^\W_][^\s|{}\[\]<>]{1,60}?)__")


@cache
def _switches() -> frozenset[str]:
    return frozenset(names("switches"))


def without_markup(text: str, keep_tables: bool = False) -> str:
    """The text without tables, tags and marks; `GONE` where something inside a line was removed."""
    text = without_tables(text, keep_tables)
    text = _without_tags(text)
    text = _VARIANT.sub(_variant, text)
    if "__" in text:
        text = _SWITCH.sub(lambda match: "" if match[1].lower() in _switches() else match[0], text)
    text = _EXTERNAL.sub(lambda match: match[1].strip() or GONE, text)
    if "''" in text:
        text = "\n".join(_without_quotes(line) if "''" in line else line for line in text.split("\n"))
    return text


def _without_tags(text: str) -> str:
    if "<" not in text:
        return text
    if "none" in text:
        text = _LEAF.sub(lambda match: "" if _INVISIBLE.search(match[2]) else match[0], text)
    text = _SCRIPT.sub(_script, text)
    text = _SCRIPT_TAG.sub("", text)
    return _TAG.sub(_tag, text)


def _script(match: re.Match) -> str:
    content = html.unescape(match[2])
    return (to_superscript if match[1].lower() == "sup" else to_subscript)(content)


def _tag(match: re.Match) -> str:
    name = match[2].lower()
    if not _BLOCK.match(name):
        return ""
    if name == "br":
        return "\n"
    if name == "li":
        return "" if match[1] else "\n* "
    return "\n" if name in ("td", "th", "tr", "dd", "dt", "ul", "ol", "dl") else "\n\n"


def _variant(match: re.Match) -> str:
    """`-{zh-cn:A; zh-tw:B}-`, Chinese in one script or another: the first; a rule without text shows nothing."""
    flags, bar, content = match[1].rpartition("|")
    if bar and set(flags.upper()) & set("THR-"):
        return content if "R" in flags.upper() else ""
    first = content.split(";")[0]
    language, colon, words = first.partition(":")
    return words.strip() if colon and language.strip().startswith(("zh", "sr", "kk", "uz")) else content


def _without_quotes(line: str) -> str:
    """The line without '' and '''; an apostrophe before them stays, as MediaWiki reads `l'''Iliade''`."""
    runs = [len(match[0]) for match in _QUOTES.finditer(line)]
    bold = sum(length != 2 for length in runs)
    italic = sum(length == 2 or length >= 5 for length in runs)
    spare = None  # the run of three of which one is an apostrophe
    if bold % 2 and italic % 2:
        best = 3
        for match in _QUOTES.finditer(line):
            if len(match[0]) != 3:
                continue
            before = line[max(0, match.start() - 2) : match.start()]
            if before.endswith(" "):
                rank = 2
            elif len(before) < 2 or before[0] == " ":
                rank = 0
            else:
                rank = 1
            if rank < best:
                best, spare = rank, match.start()

    def plain(match: re.Match) -> str:
        length = len(match[0])
        if match.start() == spare or length == 4:
            return "'"
        return "'" * (length - 5) if length > 5 else ""

    return _QUOTES.sub(plain, line)
