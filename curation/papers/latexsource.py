"""A paper's LaTeX files as one source: main file found, inputs inserted, comments gone, the author's macros expanded.

This is the part of TeX that changes which words are there. Turning the result into text is `latex`.
Everything runs in time linear in the output, and the output is bounded: input and macro bombs stop at a size.
"""

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

MAX_SOURCE_CHARS = 32 * 2**20
"""A source that grows beyond this by its inputs takes no more of them."""

MAX_MACRO_CHARS = 8 * 2**20
"""Macros that have written this much are not expanded further; a thesis writes a tenth of it."""

MAX_DEPTH = 24
"""Inputs and macros nested deeper than this stay as they are."""

_COMMENT = re.compile(r"(?<!\\)((?:\\\\)*)%[^\n]*(?:\n[ \t]*|\Z)")
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
_INPUT = re.compile(
    r"\\(?:(?:input|include|subfile|subfileinclude|loadgeometry)\b\s*(?:\{([^{}]{1,300})\}|([^\s{}\\]{1,300}))|(?:sub)?import\*?\{([^{}]{0,300})\}\{([^{}]{1,300})\})"
)
_DOCUMENT_CLASS = re.compile(r"\\document(?:class|style)\b")
_IGNORED_BRANCH = re.compile(r"\\iffalse\b.*?(?:\\fi\b|\Z)", re.DOTALL)
_COMMAND = re.compile(r"\\([A-Za-z@]+)\*?")
_DEFINITION = re.compile(
    r"\\(?:(?P<new>(?:re|provide)?newcommand|providecommand|DeclareRobustCommand|DeclareMathOperator)\*?\s*"
    r"(?:\{\s*\\(?P<name1>[A-Za-z@]+)\s*\}|\\(?P<name2>[A-Za-z@]+))\s*"
    r"(?:\[(?P<count>\d)\])?\s*(?:\[(?P<default>[^\[\]]{0,200})\])?\s*"
    r"|(?:long\s*\\|global\s*\\)*[egx]?def\s*\\(?P<name3>[A-Za-z@]+)\s*(?P<pattern>(?:#\d)*)\s*)(?=\{)"
)
_OTHER_DEFINITION = re.compile(
    r"\\(?:(?:re)?newenvironment\*?\s*\{[^{}]{0,80}\}(?:\[[^\[\]]{0,40}\])*|newtheorem\*?\s*\{(?P<theorem>[^{}]{0,80})\}(?:\[[^\[\]]{0,40}\])?"
    r"|let\s*\\[A-Za-z@]+\s*=?\s*\\[A-Za-z@]+|(?:new(?:length|counter|if|toks|dimen|count|box|savebox))\s*(?:\{[^{}]{0,80}\}|\\[A-Za-z@]+))"
)
_BIBITEM = re.compile(r"\\bibitem\s*\[([^\[\]]{1,400})\]\s*%?\s*\{([^{}]{1,100})\}")
_PARAMETER = re.compile(r"#(\d)")
_SPACE = re.compile(r"\s*")


@dataclass(frozen=True, slots=True)
class Macro:
    """A command that the author defined."""

    parameters: int
    default: str | None  # of the first parameter, if it is optional
    body: str


@dataclass(frozen=True, slots=True)
class Source:
    """A whole paper as one text without comments and definitions."""

    text: str
    main: str  # name of the main file
    used: frozenset[str]  # names of all files that went into it
    theorems: Mapping[str, str] = field(default_factory=dict)  # environment -> its printed name
    citations: Mapping[str, str] = field(default_factory=dict)  # key -> "Knuth(1984)", as natbib writes it


def assemble(files: Mapping[str, str]) -> Source | None:
    """The paper whose files these are (name -> content), or None if no file begins a document.

    Files ending in `.bbl` are looked at for the names of cited authors only.
    """
    bibliographies = {name: text for name, text in files.items() if name.lower().endswith(".bbl")}
    files = {name: text for name, text in files.items() if name not in bibliographies}
    main = _main_file(files)
    if main is None:
        return None
    used = {main}
    stripped = {name: without_comments(text) for name, text in files.items()}
    text = "".join(_with_inputs(main, stripped, posixpath.dirname(main), (main,), used, [MAX_SOURCE_CHARS]))
    text = _IGNORED_BRANCH.sub("", text)
    text, macros, theorems = _definitions(text)
    citations = {
        match[2].strip(): match[1] for part in (text, *bibliographies.values()) for match in _BIBITEM.finditer(part)
    }
    text = "".join(_expanded(text, macros, 0, [MAX_MACRO_CHARS]))
    return Source(text, main, frozenset(used), theorems, citations)


def without_comments(text: str) -> str:
    """TeX's view of a file: a comment swallows the rest of its line, the line end and the next line's indentation."""
    return _COMMENT.sub(r"\1", text.replace("\r\n", "\n").replace("\r", "\n"))


def closing_braces(text: str) -> dict[int, int]:
    """Position of each opening brace -> position of its closing brace; braces without a partner are absent."""
    closing: dict[int, int] = {}
    open_braces: list[int] = []
    for match in _BRACE.finditer(text):
        token = match[0]
        if token == "{":
            open_braces.append(match.start())
        elif token == "}" and open_braces:
            closing[open_braces.pop()] = match.start()
    return closing


def _main_file(files: Mapping[str, str]) -> str | None:
    """The file that begins a document; of several the one that looks most like a paper, then the longest."""

    def score(name: str) -> tuple[int, int, str]:
        text = files[name]
        marks = sum(
            mark in text
            for mark in (
                "\\begin{document}",
                "\\title",
                "\\begin{abstract}",
                "\\abstract",
                "\\bibliography",
                "\\section",
            )
        )
        marks += "{thebibliography}" in text or "\\printbibliography" in text
        stem = posixpath.basename(name).rsplit(".", 1)[0].lower()
        marks += stem in ("main", "ms", "paper", "article", "manuscript", "root", "arxiv")
        marks -= 3 * any(word in stem for word in ("letter", "rebuttal", "response", "reply", "template", "cover"))
        marks -= "\\documentclass" in text and "{standalone}" in text[: text.find("\\documentclass") + 200]
        return marks, len(text), name

    candidates = [name for name, text in files.items() if _DOCUMENT_CLASS.search(without_comments(text[:200_000]))]
    candidates = candidates or [
        name for name, text in files.items() if "\\begin{document}" in text or "\\bye" in text or "\\end" in text
    ]
    return max(candidates, key=score, default=None)


def _with_inputs(
    name: str,
    files: Mapping[str, str],
    folder: str,
    stack: tuple[str, ...],
    used: set[str],
    budget: list[int],
) -> list[str]:
    """The file's text with its inputs in place; an input that is missing or contains itself leaves nothing."""
    text = files[name]
    budget[0] -= len(text)
    parts: list[str] = []
    position = 0
    for match in _INPUT.finditer(text):
        parts.append(text[position : match.start()])
        position = match.end()
        wanted = match[1] or match[2] or posixpath.join(match[3] or "", match[4] or "")
        found = _resolved(wanted.strip().strip('"'), files, folder, posixpath.dirname(name))
        if found and found not in stack and len(stack) < MAX_DEPTH and budget[0] > 0:
            used.add(found)
            body = _with_inputs(found, files, folder, (*stack, found), used, budget)
            parts.extend(("\n", *_between_documents(body), "\n"))
    parts.append(text[position:])
    return parts


def _between_documents(parts: list[str]) -> list[str]:
    """An included file that is a document by itself gives its body only (package subfiles)."""
    text = "".join(parts)
    start = text.find("\\begin{document}")
    if start < 0 or not _DOCUMENT_CLASS.search(text, 0, start):
        return [text]
    end = text.rfind("\\end{document}")
    return [text[start + len("\\begin{document}") : end if end > start else len(text)]]


def _resolved(wanted: str, files: Mapping[str, str], *folders: str) -> str | None:
    for folder in folders:
        path = posixpath.normpath(posixpath.join(folder, wanted))
        for name in (path, f"{path}.tex", f"{path}.ltx"):
            if name in files:
                return name
    return None


def _definitions(text: str) -> tuple[str, dict[str, Macro], dict[str, str]]:
    """The text without macro definitions, the macros, and the names of theorem-like environments."""
    closing = closing_braces(text)
    macros: dict[str, Macro] = {}
    parts: list[str] = []
    position = 0
    for match in _DEFINITION.finditer(text):
        end = closing.get(match.end())
        if match.start() < position or end is None:
            continue
        name = match["name1"] or match["name2"] or match["name3"]
        body = text[match.end() + 1 : end]
        if match["new"] == "DeclareMathOperator":
            body = f"\\operatorname{{{body}}}"
        count = int(match["count"] or 0) if match["new"] else len(match["pattern"] or "") // 2
        if f"\\{name}" not in body or not re.search(rf"\\{name}(?![A-Za-z@])", body):
            macros[name] = Macro(count, match["default"] if count else None, body)
        parts.append(text[position : match.start()])
        position = end + 1
    text = "".join(parts) + text[position:]
    closing = closing_braces(text)
    theorems: dict[str, str] = {}
    parts, position = [], 0
    for match in _OTHER_DEFINITION.finditer(text):
        if match.start() < position:
            continue
        parts.append(text[position : match.start()])
        position = match.end()
        groups = 1 if match["theorem"] is not None else 2 if "environment" in match[0][:20] else 0
        for number in range(groups):
            start = _SPACE.match(text, position).end()
            if start not in closing:
                break
            if number == 0 and match["theorem"] is not None:
                theorems[match["theorem"]] = text[start + 1 : closing[start]]
            position = closing[start] + 1
    return "".join(parts) + text[position:], macros, theorems


def _expanded(text: str, macros: Mapping[str, Macro], depth: int, budget: list[int]) -> list[str]:
    """The text in parts, with the author's macros replaced by their bodies."""
    if not macros or depth >= MAX_DEPTH or "\\" not in text:
        return [text]
    closing: dict[int, int] | None = None
    parts: list[str] = []
    position = 0
    for match in _COMMAND.finditer(text):
        macro = macros.get(match[1])
        if macro is None or match.start() < position or budget[0] <= 0:
            continue
        if closing is None:
            closing = closing_braces(text)
        arguments, end = _arguments(text, match.end(), macro, closing)
        if arguments is None:
            continue
        parts.append(text[position : match.start()])
        body = _PARAMETER.sub(
            lambda m, arguments=arguments: arguments[int(m[1]) - 1] if 0 < int(m[1]) <= len(arguments) else "",
            macro.body,
        )
        budget[0] -= len(body) + 8
        parts.extend(_expanded(body, macros, depth + 1, budget))
        if not arguments and text[end : end + 1].isalpha():
            parts.append(" ")  # keeps \alpha from running into the next letter
        position = end
    parts.append(text[position:])
    return parts


def _arguments(text: str, position: int, macro: Macro, closing: Mapping[int, int]) -> tuple[list[str] | None, int]:
    """The macro's arguments after its name, and where they end; None if they are not all there."""
    arguments: list[str] = []
    if not macro.parameters:
        # A command's name swallows the spaces after it, which matters to words only where a brace follows.
        return arguments, position
    if macro.default is not None:
        optional = re.compile(r"\s*\[([^\[\]]{0,400})\]").match(text, position)
        arguments.append(optional[1] if optional else macro.default)
        position = optional.end() if optional else position
    while len(arguments) < macro.parameters:
        start = _SPACE.match(text, position).end()
        if start >= len(text):
            return None, position
        if text[start] == "{":
            if start not in closing:
                return None, position
            arguments.append(text[start + 1 : closing[start]])
            position = closing[start] + 1
        else:
            command = _COMMAND.match(text, start)
            arguments.append(command[0] if command else text[start])
            position = command.end() if command else start + 1
    return arguments, position
