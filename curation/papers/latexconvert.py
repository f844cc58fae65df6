"""Walks LaTeX and writes what it prints: words plain, maths in TeX between dollars, headings and notes as paragraphs.

An own tokenizer rather than pylatexenc's walker: eight times faster on a paper of 56 KB (0.024 s against 0.20 s), and
nested groups cannot overflow the stack. pylatexenc's tables of symbols are used.
"""

import re
import unicodedata
from collections.abc import Mapping
from functools import cache

from pylatexenc.latex2text import get_default_latex_context_db

from gristmill.curation.markup import subscript, superscript
from gristmill.curation.papers import latexcommands as tables
from gristmill.curation.papers.latexclean import clean, joined
from gristmill.curation.papers.latexspans import Spans
from gristmill.curation.papers.latexunits import ARGUMENTS, quantity

_TOKEN = re.compile(
    r"\\(?P<name>[A-Za-z@]+)\*?|\\(?P<sign>[^A-Za-z@])|(?P<dollars>\$\$?)|(?P<blank>\n[ \t]*\n\s*)"
    r"|(?P<mark>[{}~&]|``|''|---?)",
    re.DOTALL,
)
_BEGIN = re.compile(r"\s*\{([^{}\n]{1,80})\}")
_TIGHT_OPTIONAL = re.compile(r"\[[^\[\]]{0,1000}\]")
_LINE_SKIP = re.compile(r"\*?\s*\[\s*[+-]?[\d.]*\s*(?:[a-z]{2}|\\[A-Za-z]+)\s*\]")
_INLINE_MATH = re.compile(r"\$((?:[^$\\\n]|\\.|\n(?!\n))++)\$", re.DOTALL)
_DISPLAY_MATH = re.compile(r"\$\$((?:[^$\\]|\\.|\$(?!\$))*+)\$\$", re.DOTALL)
_LENGTH = re.compile(
    r"\s*=?\s*(?:to|by)?\s*-?[\d.]*\s*(?:pt|mm|cm|in|ex|em|bp|sp|pc|dd|cc|mu|\\[A-Za-z]+)\b(?:\s*(?:plus|minus)\s*-?[\d.]+\s*[a-z]{2,4})*"
)
_VERB = re.compile(r"([^A-Za-z\s*{\[])(.*?)\1")
_LABEL = re.compile(
    r"\\(?:label|tag|ref|eqref|cite[a-z]*)\*?\s*(?:\[[^\[\]]{0,200}\])?\{[^{}]{0,200}\}"
    r"|\\(?:nonumber|notag|hfill|displaystyle|xspace|ensuremath)(?![A-Za-z])"
)
_MATH_SPACE = re.compile(r"\s+")
_CAPTION = re.compile(r"\\(?:sub)?caption(?:of\s*\{[^{}]{0,40}\}|box|\*)?\s*(?=[\[{])")
_NESTED_FLOAT = 40

_NATBIB_LABEL = re.compile(r"\s*\{?([^()]{1,300}?)\s*\(((?:\d{4}|[^()]{1,12})[^()]{0,30})\)")
_ACCENTED = re.compile(r"\s*(?:\{\s*(?:\\([ij])(?![A-Za-z])|([^\W\d_]?))\s*\}|\\([ij])(?![A-Za-z])|([^\W\d_]))")
_LINE_END_SPACE = re.compile(r"(?<![ \t])[ \t]++(?=\n)")
_THEOREM_NUMBER = re.compile(r"\\theoremnumber\{(\d+)\}")
_BARE_LENGTH = re.compile(r"\s*\\[A-Za-z@]+\s*(?=\{)")

MAX_DEPTH = 30
"""Arguments nested deeper than this lose their footnotes and captions."""


@cache
def symbol(name: str) -> str | None:
    """What a command without arguments prints, by our table and pylatexenc's."""
    if name in tables.PRINTED or name in tables.DROPPED:  # as \\today is, whose symbol is the day of the run
        return tables.PRINTED.get(name)
    spec = get_default_latex_context_db().get_macro_spec(name)
    text = getattr(spec, "simplify_repl", None)
    return text if isinstance(text, str) and "%" not in text else None


def _plain_formula(body: str) -> str:
    """A formula on one line, without labels and what only matters to TeX."""
    return _MATH_SPACE.sub(" ", _LABEL.sub("", body)).strip()


class Converter:
    """Walks the source once; positions and the brace table are shared by all arguments, so nothing is copied."""

    def __init__(self, text: str, theorems: Mapping[str, str], citations: Mapping[str, str]):
        self.text = _LINE_END_SPACE.sub("", text)
        self._theorems = theorems
        self._citations = citations
        self._spans = Spans(self.text)
        self._notes: list[str] = []

    def convert(self, start: int = 0, end: int | None = None) -> str:
        """The text of a range of the source, or of the whole."""
        return self._convert(start, len(self.text) if end is None else end, 0)

    def argument(self, name: str, start: int, end: int) -> str:
        """The converted argument of the first \\name{...} in a range."""
        for match in re.compile(rf"\\{name}\*?\s*(?:\[[^\[\]]{{0,300}}\])?\s*\{{").finditer(self.text, start, end):
            close = self._spans.closing(match.end() - 1)
            if close is not None:
                return self._convert(match.end(), close, 1)
        return ""

    def environment_end(self, name: str, start: int, end: int) -> int:
        """Where the environment opened before `start` closes: its first \\end, or the end of the range."""
        return self._spans.environment_end(name, start, end)

    def _convert(self, start: int, end: int, depth: int) -> str:
        """The text of a range, paragraphs separated by blank lines."""
        out: list[str] = []
        done: list[str] = []
        position = start
        text = self.text
        token = _TOKEN.search(text, position, end)
        while token:
            if token.start() > position:
                out.append(text[position : token.start()])
            position = token.end()
            if token["name"] is not None:
                position = self._command(token["name"], position, end, out, done, depth)
            elif token["mark"] is not None:
                out.append(tables.MARKS[token["mark"]])
            elif token["blank"] is not None:
                self._close(out, done)
            elif token["dollars"] is not None:
                position = self._math(token.start(), end, out)
            else:
                position = self._sign(token["sign"], position, end, out)
            token = _TOKEN.search(text, position, end)
        out.append(text[position:end])
        self._close(out, done)
        return joined(done)

    def _close(self, out: list[str], done: list[str]) -> None:
        """Ends the paragraph, and puts its footnotes after it."""
        paragraph = clean("".join(out))
        out.clear()
        if paragraph:
            done.append(paragraph)
        if self._notes:
            done.extend(self._notes)
            self._notes.clear()

    def _math(self, position: int, end: int, out: list[str]) -> int:
        pattern = _DISPLAY_MATH if self.text.startswith("$$", position) else _INLINE_MATH
        match = pattern.match(self.text, position, end)
        if match is None:
            return position + (2 if pattern is _DISPLAY_MATH else 1)
        self._formula(match[1], "$$" if pattern is _DISPLAY_MATH else "$", out)
        return match.end()

    def _formula(self, body: str, fence: str, out: list[str]) -> None:
        body = _plain_formula(body)
        if body:
            out.append(f"{fence}{body}{fence}" if fence == "$" else f"\v{fence}{body}{fence}\v")

    def _sign(self, sign: str, position: int, end: int, out: list[str]) -> int:
        if sign == "(" or sign == "[":
            close = self._spans.formula_end(")" if sign == "(" else "]", position, end)
            if close is not None:
                self._formula(self.text[position:close], "$" if sign == "(" else "$$", out)
                return close + 2
        elif sign == "\\":
            out.append(" ")
            skip = _LINE_SKIP.match(self.text, position, end)
            return skip.end() if skip else position
        elif sign in tables.ACCENTS:
            return self._accent(sign, position, end, out)
        elif sign in tables.SIGNS:
            out.append(tables.SIGNS[sign])
        elif sign in tables.ESCAPED:
            out.append(sign)
        return position

    def _accent(self, accent: str, position: int, end: int, out: list[str]) -> int:
        match = _ACCENTED.match(self.text, position, end)
        if match is None:
            return position
        letter = match[1] or match[2] or match[3] or match[4]
        if letter:
            out.append(unicodedata.normalize("NFC", letter + tables.ACCENTS[accent]))
        return match.end()

    def _command(self, name: str, position: int, end: int, out: list[str], done: list[str], depth: int) -> int:
        if name == "begin":
            return self._begin(position, end, out, done, depth)
        if name == "end":
            match = _BEGIN.match(self.text, position, end)
            self._close(out, done)
            return match.end() if match else position
        if name in tables.HEADINGS:
            return self._heading(position, end, out, done, depth)
        if name in ("par", "newline", "and"):
            self._close(out, done)
            return position
        if name == "item":
            return self._item(position, end, out, done)
        if name in ("footnote", "footnotetext", "endnote", "caption", "captionof"):
            return self._aside(position, end, depth)
        if name == "ensuremath" and (group := self._spans.group(position, end)):
            self._formula(self.text[slice(*group)].replace("$", ""), "$", out)
            return group[1] + 1
        if name in ("verb", "lstinline", "mintinline"):
            return self._code(name, position, end, out)
        if name in ("textsuperscript", "textsubscript") and (group := self._spans.group(position, end)):
            words = " ".join(self._convert(*group, MAX_DEPTH).split())
            out.append(superscript(words) if name == "textsuperscript" else subscript(words))
            return group[1] + 1
        if name in ARGUMENTS and len(groups := self._spans.groups(position, end, ARGUMENTS[name])) == ARGUMENTS[name]:
            out.append(quantity(name, [self.text[slice(*group)] for group in groups]))
            return groups[-1][1] + 1
        if name in tables.ACCENTS and len(name) == 1:
            return self._accent(name, position, end, out)
        if name in tables.NAMED_CITATIONS:
            return self._cited(name, position, end, out)
        if name in tables.DROPPED:
            bare = _BARE_LENGTH.match(self.text, position, end) if name in ("setlength", "addtolength") else None
            if bare:
                return self._spans.skip(bare.end(), end, 1)
            return self._spans.skip(position, end, tables.DROPPED[name])
        if name in tables.LENGTH_COMMANDS:
            match = _LENGTH.match(self.text, position, end)
            return match.end() if match else position
        if name in tables.LATER_ARGUMENT:
            return self._spans.skip(position, end, tables.LATER_ARGUMENT[name])
        return self._plain_command(name, position, end, out)

    def _code(self, name: str, position: int, end: int, out: list[str]) -> int:
        """Code inside a line, as it stands: between braces or two of the same sign."""
        if name != "verb":
            position = self._spans.skip(position, end, 1 if name == "mintinline" else 0)
        group = self._spans.group(position, end) if name != "verb" else None
        if group:
            out.append(self.text[slice(*group)])
            return group[1] + 1
        match = _VERB.match(self.text, position, min(end, position + 1000))
        out.append(match[2] if match else "")
        return match.end() if match else position

    def _plain_command(self, name: str, position: int, end: int, out: list[str]) -> int:
        """A symbol, a font change, or something unknown, whose argument is printed as it is."""
        if name.lower().startswith(("cite", "textcite", "parencite")) or name.endswith(("cite", "citep", "citet")):
            return self._spans.skip(position, end, 1)
        printed = symbol(name)
        if printed is not None and self.text.startswith("{}", position):
            out.append(printed)
            return position + 2
        if printed is not None and (len(printed) == 1 or not self.text.startswith("{", position)):
            out.append(printed)
            following = self.text[position : position + 1]
            return position + (following in (" ", "\n") and not self.text.startswith("\n\n", position))
        optional = _TIGHT_OPTIONAL.match(self.text, position, end)
        return optional.end() if optional else position

    def _cited(self, name: str, position: int, end: int, out: list[str]) -> int:
        """A citation that is part of the sentence, with the names that the bibliography gives; else nothing."""
        group = self._spans.group(position, end)
        for key in self.text[slice(*group)].split(",") if group else ():
            match = _NATBIB_LABEL.match(self._citations.get(key.strip(), ""))
            if match:
                names, year = (Converter(part, {}, {}).convert() for part in match.groups())
                out.append("" if not out or out[-1].endswith((" ", "\n", "(")) else " ")
                out.append(names if name == "citeauthor" else f"{names} ({year})")
        return self._spans.skip(position, end, 1)

    def _heading(self, position: int, end: int, out: list[str], done: list[str], depth: int) -> int:
        self._close(out, done)
        group = self._spans.group(position, end)
        if group is None:
            return position
        if depth < MAX_DEPTH:
            heading = " ".join(self._convert(*group, depth + 1).split())
            if heading:
                done.append(heading)
        return group[1] + 1

    def _aside(self, position: int, end: int, depth: int) -> int:
        group = self._spans.group(position, end)
        if group is None:
            return position
        if depth < MAX_DEPTH:
            waiting, self._notes = self._notes, []
            note = self._convert(*group, depth + 1)
            self._notes = [*waiting, note] if note else waiting
        return group[1] + 1

    def _item(self, position: int, end: int, out: list[str], done: list[str]) -> int:
        self._close(out, done)
        option = self._spans.option(position, end)
        label = self._convert(*option, MAX_DEPTH) if option else ""
        out.append(f"- {label} " if label else "- ")
        return option[1] + 1 if option else position

    def _begin(self, position: int, end: int, out: list[str], done: list[str], depth: int) -> int:
        match = _BEGIN.match(self.text, position, end)
        if match is None:
            return position
        full = match[1].strip()
        name = full.rstrip("*")
        inner = match.end()
        close = self._spans.environment_end(full, inner, end)
        if name in tables.MATH_ENVIRONMENTS:
            inner = self._spans.skip(inner, close, tables.ENVIRONMENT_ARGUMENTS.get(name, 0))
            self._math_environment(name, self.text[inner:close], out)
            return self._spans.after_end(close, end)
        if name in tables.FLOATS:
            self._close(out, done)
            self._captions(inner, close, done, depth)
            return self._spans.after_end(close, end)
        if name in tables.DROPPED_ENVIRONMENTS:
            return self._spans.after_end(close, end)
        if name in tables.VERBATIM:
            self._close(out, done)
            raw = self.text[inner:close].strip("\n")
            done.extend([raw] if raw.strip() else [])
            return self._spans.after_end(close, end)
        self._close(out, done)
        if name.lower() == "abstract":
            done.append("Abstract")
        inner = self._begin_theorem(name, inner, end, out) if name in self._theorems else inner
        return self._spans.skip(inner, end, tables.ENVIRONMENT_ARGUMENTS.get(name, 0))

    def _begin_theorem(self, name: str, position: int, end: int, out: list[str]) -> int:
        label = " ".join(re.sub(r"\\[A-Za-z@]+|[{}$]", " ", self._theorems[name]).split())
        number = _THEOREM_NUMBER.match(self.text, position, end)
        if number:
            label, position = f"{label} {number[1]}", number.end()
        optional = _TIGHT_OPTIONAL.match(self.text, position, end)
        if label:
            out.append(label)
        if optional:
            remark = self._convert(optional.start() + 1, optional.end() - 1, MAX_DEPTH)
            out.append(f" ({remark})" if remark else "")
        out.append(". " if label else "")
        return optional.end() if optional else position

    def _math_environment(self, name: str, body: str, out: list[str]) -> None:
        inner = tables.MATH_ENVIRONMENTS[name]
        body = _plain_formula(body)
        if body:
            columns = "{" + "c" * 8 + "}" if inner == "array" else ""
            body = f"\\begin{{{inner}}}{columns} {body} \\end{{{inner}}}" if inner else body
            out.append(f"${body}$" if name == "math" else f"\v$${body}$$\v")

    def _captions(self, start: int, end: int, done: list[str], depth: int) -> None:
        """The captions inside a figure or table, each a paragraph."""
        position, found = start, 0
        match = _CAPTION.search(self.text, position, end)
        while match and found < _NESTED_FLOAT:
            group = self._spans.group(match.end(), end)
            position = match.end()
            if group and depth < MAX_DEPTH:
                caption = self._convert(*group, depth + 1)
                done.extend([caption] if caption else [])
                position = group[1]
                found += 1
            match = _CAPTION.search(self.text, position, end)
