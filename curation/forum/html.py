"""HTML of posts and mails as readable text: paragraphs, lists, quotations, and code that keeps every character.

Meant for what people wrote; whole web pages, with their menus, need an extractor that chooses.
"""

import re
from functools import lru_cache

from lxml import etree

from gristmill.curation.forum.posts import without_unwanted
from gristmill.curation.markup import plain_lines


def html_text(html: str) -> str:
    """The readable text of a post's HTML: paragraphs, `- ` lists, `> ` quotations, code in ``` fences, links' words.

    Code blocks keep every character (but white space at line ends), even inside lists.
    """
    if "<" not in html and "&" not in html:
        return plain_lines(html).strip()
    # A parser target, not a tree: no nesting depth at which text is lost, and a third of the time of a walk. Splitting
    # sound HTML at its tags, without the parser, was no faster: the time goes into building the text.
    parser = _parser()
    parser.feed(without_unwanted(html).encode())
    return plain_lines(parser.close())


_BLOCKS = frozenset(
    ("address", "article", "aside", "blockquote", "dd", "div", "dl", "dt", "fieldset", "figure", "footer")
    + ("form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "ol", "p", "pre")
    + ("section", "table", "tr", "ul")
)
_TIGHT = frozenset(("li", "tr", "dt", "dd", "div"))  # blocks that begin on a new line, without a blank one
_HIDDEN = frozenset(("script", "style", "head", "title", "template"))
_MARK, _BREAK = "\x01", "\x02"  # where <sup> or <sub> began, and <br>: no such characters come from the page
_MAX_INDENTS = 16  # deeper lists and quotations get no deeper, else a small page could make a huge text
_NO_ALT = {"", "enter image description here", "alt text", "image"}  # what the sites' editor fills in
_RAISED = str.maketrans("0123456789+-n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ")
_LOWERED = str.maketrans("0123456789+-", "₀₁₂₃₄₅₆₇₈₉₊₋")


class _PostText:
    """Target of an lxml parser that builds the text; `close` returns it."""

    def __init__(self):
        self._reset()

    def _reset(self) -> None:
        self._lines: list[str] = []
        self._words: list[str] = []  # of the present paragraph
        self._gap = False  # whether a blank line is due
        self._indents: list[list[str]] = []  # of each open list item or quotation: first line's, other lines'
        self._numbers: list[int | None] = []  # next number of each open list; None for bullets
        self._code: list[str] | None = None  # inside <pre>
        self._language = ""
        self._hidden = 0

    def start(self, tag: str, attributes) -> None:
        if tag in _HIDDEN:
            self._hidden += 1
        elif self._code is not None:
            self._note_language(attributes)
            if tag == "br":
                self._code.append("\n")
        elif tag in _BLOCKS:
            self._end_paragraph()
            self._gap |= tag not in _TIGHT and not (tag in ("ul", "ol") and self._numbers)
            self._open_block(tag, attributes)
        elif tag == "br":
            self._words.append(_BREAK)
        elif tag in ("td", "th"):
            self._words.append(" | " if self._words else "")
        elif tag == "img" and attributes.get("alt", "").strip() not in _NO_ALT:
            self._words.append(attributes["alt"])
        elif tag in ("code", "kbd", "tt"):
            self._words.append("`")
        elif tag in ("sup", "sub"):
            self._words.append(_MARK)

    def _open_block(self, tag: str, attributes) -> None:
        if tag == "pre":
            self._code, self._language = [], ""
            self._note_language(attributes)
        elif tag == "blockquote":
            self._indents.append(["> ", "> "])
        elif tag in ("ul", "ol"):
            first = attributes.get("start", "1")
            self._numbers.append(None if tag == "ul" else int(first) if re.fullmatch("[0-9]{1,6}", first) else 1)
        elif tag == "li":
            number = self._numbers[-1] if self._numbers else None
            marker = "- " if number is None else f"{number}. "
            if number is not None:
                self._numbers[-1] = number + 1
            self._indents.append([marker, " " * len(marker)])

    def _note_language(self, attributes) -> None:
        found = re.search(r"\blang(?:uage)?-([\w+#-]{1,20})", attributes.get("class", ""))
        if found and found[1] not in ("none", "default"):
            self._language = found[1]

    def end(self, tag: str) -> None:
        if tag in _HIDDEN:
            self._hidden = max(0, self._hidden - 1)
        elif tag == "pre" and self._code is not None:
            self._end_code()
        elif self._code is not None:
            pass
        elif tag in _BLOCKS:
            self._end_paragraph()
            if tag in ("li", "blockquote") and self._indents:
                self._indents.pop()
            if tag in ("ul", "ol") and self._numbers:
                self._numbers.pop()
            self._gap |= tag not in _TIGHT and not (tag in ("ul", "ol") and self._numbers)
        elif tag in ("code", "kbd", "tt"):
            if self._words and self._words[-1] == "`":
                self._words.pop()  # it was empty
            else:
                self._words.append("`")
        elif tag in ("sup", "sub"):
            self._end_script(_RAISED if tag == "sup" else _LOWERED)

    def _end_script(self, table: dict[int, int]) -> None:
        """Powers and indices keep their sense: 10<sup>6</sup> must not become 106."""
        for start in range(len(self._words) - 1, max(-1, len(self._words) - 9), -1):
            if self._words[start] == _MARK:
                script = "".join(self._words[start + 1 :])
                if script and all(ord(letter) in table for letter in script):
                    script = script.translate(table)
                self._words[start:] = [script]
                return

    def data(self, text: str) -> None:
        if not self._hidden:
            (self._words if self._code is None else self._code).append(text)

    def comment(self, text: str) -> None:
        pass

    def _end_paragraph(self) -> None:
        if not self._words:
            return
        text = "".join(self._words)
        self._words = []
        if _MARK in text:
            text = text.replace(_MARK, "")
        for line in text.split(_BREAK):
            if line := " ".join(line.split()):
                self._write(self._prefix() + line if self._indents else line)

    def _prefix(self) -> str:
        prefix = ""
        for indent in self._indents[:_MAX_INDENTS]:
            prefix += indent[0]
            indent[0] = indent[1]
        return prefix

    def _write(self, line: str) -> None:
        if self._gap and self._lines:
            self._lines.append("")
        self._gap = False
        self._lines.append(line)

    def _end_code(self) -> None:
        code = "".join(self._code or []).replace("\r\n", "\n").strip("\n")
        self._code = None
        if code.strip():
            longest = max(map(len, re.findall("`{3,}", code)), default=2)
            fence = "`" * (longest + 1)
            self._gap = True
            self._write(f"{fence}{self._language}")
            self._lines += [code, fence]
        self._gap = True

    def close(self) -> str:
        if self._code is not None:
            self._end_code()
        self._end_paragraph()
        text = "\n".join(self._lines)
        self._reset()
        return text


@lru_cache(maxsize=1)
def _parser() -> etree.HTMLParser:
    """One for all posts: making it takes as long as a short post."""
    return etree.HTMLParser(target=_PostText(), encoding="utf-8", huge_tree=True)
