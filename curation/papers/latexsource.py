"""A paper's LaTeX files as one source: main file found, inputs inserted, comments gone, the author's macros expanded.

This is the part of TeX that changes which words are there. Turning the result into text is `latex`.
Everything runs in time linear in the output, and the output is bounded: input and macro bombs stop at a size.
"""

import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gristmill.curation.papers.latexcommands import THEOREMS
from gristmill.curation.papers.latexlabels import numbered
from gristmill.curation.papers.latexmacros import definitions, expanded

MAX_SOURCE_CHARS = 32 * 2**20
"""A source that grows beyond this by its inputs takes no more of them."""

MAX_NAMED = 20
"""Missing inputs beyond this many are not named."""

MAX_DEPTH = 24
"""Inputs nested deeper than this leave nothing."""

MAX_INLINE = 4000
"""Code or an address inside a line is no longer than this."""

MAX_INLINE_BRACES = 40
"""Braces open at once in such a piece; without a limit a file of addresses that never close takes a third of a
millisecond for each."""

_COMMENT = re.compile(r"(?<!\\)((?:\\\\)*)%[^\n]*(?:\n[ \t]*|\Z)")
_INPUT = re.compile(
    r"\\(?:(?:input|include|subfile|subfileinclude|loadgeometry)\b\s*(?:\{([^{}]{1,300})\}|([^\s{}\\]{1,300}))|(?:sub)?import\*?\{([^{}]{0,300})\}\{([^{}]{1,300})\})"
)
_DOCUMENT_CLASS = re.compile(r"\\document(?:class|style)\b")
_REFERENCES = re.compile(r"\\begin\s*\{thebibliography\}.*?(?:\\end\s*\{thebibliography\}|\Z)", re.DOTALL)
_IGNORED_BRANCH = re.compile(r"\\iffalse\b.*?(?:\\fi\b|\Z)", re.DOTALL)
_BIBITEM = re.compile(r"\\bibitem\s*\[([^\[\]]{1,400})\]\s*%?\s*\{([^{}]{1,100})\}")
_VERBATIM = re.compile(
    r"\\begin\s*\{(?P<name>verbatim|Verbatim|BVerbatim|lstlisting|minted|alltt)(?P<star>\*?)\}"
    r"(?P<options>[ \t]*\[[^\[\]]{0,400}\])?(?(options)[ \t]*)(?P<language>\{[A-Za-z0-9+#-]{1,30}\})?"
    r"|(?<!\\)(?:\\\\)*\\(?:verb\*?(?P<sign>[^A-Za-z\s*{\\])|lstinline(?:\[[^\[\]]{0,200}\])?(?P<code>[^A-Za-z\s*\\\[])"
    r"|mintinline(?:\[[^\[\]]{0,200}\])?\{[A-Za-z0-9+#-]{1,30}\}(?P<mint>[^A-Za-z\s*\\\[])"
    r"|(?:url|nolinkurl|path|href)\s*(?P<link>\{))"
)
_BRACE = re.compile(r"[{}]")
_PARAMETER = re.compile(r"#\d")
_ESCAPED = re.compile(r"\\([%#&_~{}])")
_HOLDER = re.compile("\ue000(\\d+)\ue001")


@dataclass(frozen=True, slots=True)
class Source:
    """A whole paper as one text without comments and definitions."""

    text: str
    main: str  # name of the main file
    used: frozenset[str]  # names of all files that went into it
    theorems: Mapping[str, str] = field(default_factory=dict)  # environment -> its printed name
    citations: Mapping[str, str] = field(default_factory=dict)  # key -> "Knuth(1984)", as natbib writes it
    verbatim: tuple[str, ...] = ()  # what stands for \ue000 number \ue001 in the text
    bibliography: str = ""  # the \\bibitems, in LaTeX
    cyclic: tuple[str, ...] = ()  # inputs that contain themselves, cut
    missing: tuple[str, ...] = ()  # inputs that no file has, as the paper names them
    is_expanded: bool = True  # False: macros wrote so much that the last of them stay as they are


def assemble(files: Mapping[str, str]) -> Source | None:
    """The paper whose files these are (name -> content), or None if no file begins a document.

    Files ending in `.bbl` are looked at for the names of cited authors only.
    """
    bibliographies = {name: text for name, text in files.items() if name.lower().endswith(".bbl")}
    files = {name: text for name, text in files.items() if name not in bibliographies}
    main = _main_file(files)
    if main is None:
        return None
    verbatim: list[str] = []
    stripped = {name: without_comments(_protected(text, verbatim)) for name, text in files.items()}
    inputs = _Inputs(stripped, {main}, MAX_SOURCE_CHARS)
    text = "".join(_with_inputs(main, inputs, posixpath.dirname(main), (main,)))
    text = _IGNORED_BRANCH.sub("", text)
    text, found = definitions(text)
    citations = {
        match[2].strip(): match[1] for part in (text, *bibliographies.values()) for match in _BIBITEM.finditer(part)
    }
    text, is_expanded = expanded(text, found)
    text = numbered(text, {**THEOREMS, **found.theorems}, found.unnumbered)
    return Source(
        text,
        main,
        frozenset(inputs.used),
        found.theorems,
        citations,
        tuple(verbatim),
        _bibliography(text, bibliographies, main),
        tuple(sorted(inputs.cyclic)),
        tuple(sorted(inputs.missing)),
        is_expanded,
    )


def without_comments(text: str) -> str:
    """TeX's view of a file: a comment swallows the rest of its line, the line end and the next line's indentation."""
    return _COMMENT.sub(r"\1", text.replace("\r\n", "\n").replace("\r", "\n"))


def restored(text: str, verbatim: Sequence[str]) -> str:
    """The text with its verbatim parts in place."""

    def part(match: re.Match[str]) -> str:
        number = int(match[1][:9])
        return verbatim[number] if number < len(verbatim) else ""

    return _HOLDER.sub(part, text) if verbatim else text


def _protected(text: str, verbatim: list[str]) -> str:
    """The text with a holder for what TeX prints as it stands, where comments, inputs and macros mean nothing."""
    text = text.replace("\ue000", "").replace("\ue001", "")
    parts: list[str] = []
    position = 0
    open_ended: set[str] = set()  # environments without an end from here on
    for match in _VERBATIM.finditer(text):
        if match.start() < position:
            continue
        if sign := match["sign"] or match["code"] or match["mint"] or match["link"]:
            end = _inline_end(text, match.end(), sign)
            if end < 0:
                continue
            is_link = match["link"] is not None
            parts.append(text[position : match.end() if is_link else match.start()])
            position, closing = end if is_link else end + 1, ""
        else:
            closing = f"\\end{{{match['name']}{match['star']}}}"
            end = text.find(closing, match.end()) if closing not in open_ended else -1
            if end < 0:
                open_ended.add(closing)
                continue
            parts.append(text[position : match.start()] + f"\\begin{{{match['name']}}}")
            position = end + len(closing)
            closing = f"\\end{{{match['name']}}}"
        # A comment before it on the line hides it, so the holder must not hold what a comment would end at.
        parts.append(f"\ue000{len(verbatim)}\ue001{closing}")
        words = text[match.end() : end]
        verbatim.append(_ESCAPED.sub(r"\1", words) if match["link"] else words.strip("\n") if closing else words)
    return "".join(parts) + text[position:]


def _inline_end(text: str, start: int, sign: str) -> int:
    """Where code or an address inside a line closes: at the same sign, or at the brace's partner; -1 if nowhere."""
    line_end = text.find("\n", start, start + MAX_INLINE)
    line_end = line_end if line_end >= 0 else min(len(text), start + MAX_INLINE)
    if sign != "{":
        return text.find(sign, start, line_end)
    depth = 1
    for brace in _BRACE.finditer(text, start, line_end):
        depth += 1 if brace[0] == "{" else -1
        if depth > MAX_INLINE_BRACES:
            return -1
        if depth == 0:  # a macro's parameter is no code yet
            return -1 if _PARAMETER.search(text, start, brace.start()) else brace.start()
    return -1


def _bibliography(text: str, bibliographies: Mapping[str, str], main: str) -> str:
    """The paper's own list of references, else that of the .bbl file named like it, else of the longest."""
    own = _REFERENCES.search(text)
    if own and "\\bibitem" in own[0]:
        return own[0]
    stem = main.rsplit(".", 1)[0]
    name = max(bibliographies, key=lambda name: (name[:-4] == stem, len(bibliographies[name]), name), default=None)
    return without_comments(bibliographies[name]) if name else ""


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


@dataclass(slots=True)
class _Inputs:
    """The files of a paper while they are put together."""

    files: Mapping[str, str]
    used: set[str]
    budget: int  # characters that may still be inserted
    cyclic: set[str] = field(default_factory=set)
    missing: set[str] = field(default_factory=set)


def _with_inputs(name: str, inputs: _Inputs, folder: str, stack: tuple[str, ...]) -> list[str]:
    """The file's text with its inputs in place; an input that is missing or contains itself leaves nothing."""
    text = inputs.files[name]
    inputs.budget -= len(text)
    parts: list[str] = []
    position = 0
    for match in _INPUT.finditer(text):
        parts.append(text[position : match.start()])
        position = match.end()
        wanted = match[1] or match[2] or posixpath.join(match[3] or "", match[4] or "")
        wanted = wanted.strip().strip('"')
        found = _resolved(wanted, inputs.files, folder, posixpath.dirname(name))
        if found is None:
            if len(inputs.missing) < MAX_NAMED and "#" not in wanted:
                inputs.missing.add(wanted)
        elif found in stack:
            inputs.cyclic.add(found)
        elif len(stack) < MAX_DEPTH and inputs.budget > 0:
            inputs.used.add(found)
            parts.extend(("\n", *_between_documents(_with_inputs(found, inputs, folder, (*stack, found))), "\n"))
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
