"""Which language a file is written in: by its modeline, name, first line, extension and content, in that order."""

import json
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from gristmill.curation.code.disambiguation import told_by_content
from gristmill.curation.code.licences import is_licence_file

_TEMPLATE_EXTENSIONS = ("in", "example", "sample", "dist", "template", "orig", "bak", "tmpl", "erb", "j2", "default")
"""config.cmake.in is CMake, nginx.conf.j2 is what it makes: the extension before tells, where there is a known one."""
_ANY_SCRIPT = ("cgi", "fcgi")
_STRICT_TEMPLATES = ("in", "example", "sample", "dist", "template", "orig", "bak", "default")
_SHEBANG = re.compile(
    r"#![ \t]*(?:\S*/)?(?:env(?:[ \t]+(?:-\S+|\w+=\S*))*[ \t]+)?(?:\S*/)?([A-Za-z0-9_+-]+?)[0-9.]*(?:[ \t;]|\r?\n|\Z)"
)
_EXEC = re.compile(r"^exec[ \t]+(?:\S*/)?([A-Za-z]+?)[0-9.]*[ \t]", re.MULTILINE)
_EMACS = re.compile(r"-\*-(?:[^\n]*?\bmode[ \t]*:[ \t]*([\w+#-]+)|[ \t]*([\w+#-]+)[ \t]*-\*-)", re.IGNORECASE)
_VIM = re.compile(
    r"(?:^|[ \t])(?:vim?|ex)[<=>\d]*:[^\n]*?\b(?:ft|filetype|syntax)[ \t]*=[ \t]*([\w+#-]+)", re.MULTILINE
)
_MODELINE_LINES = 5
_ALIASES = {
    **{
        "c++": "C++",
        "cpp": "C++",
        "cs": "C#",
        "csharp": "C#",
        "objc": "Objective-C",
        "sh": "Shell",
        "shell-script": "Shell",
    },
    **{
        "tex": "TeX",
        "latex": "TeX",
        "plaintex": "TeX",
        "viml": "Vim Script",
        "elisp": "Emacs Lisp",
        "lisp": "Common Lisp",
    },
    **{
        "gnumakefile": "Makefile",
        "make": "Makefile",
        "dosbatch": "Batchfile",
        "nroff": "Roff",
        "rst": "reStructuredText",
    },
    **{
        "conf": "INI",
        "dosini": "INI",
        "cfg": "INI",
        "js2": "JavaScript",
        "golang": "Go",
        "xhtml": "HTML",
        "nxml": "XML",
    },
    **{
        "text": "Text",
        "asm": "Assembly",
        "coq": "Coq",
        "typescriptreact": "TypeScript",
        "javascriptreact": "JavaScript",
    },
}
"""Names that editors have for languages, beside the languages' own names and extensions."""
_NO_MODE = frozenset({"coding", "mode", "utf-8", "encoding", "help", "fundamental", "view"})
_FIRST_WORDS = (
    ("PHP", re.compile(r"\A\s*<\?php\b")),
    ("XML", re.compile(r"\A\s*<\?xml\b")),
    ("HTML", re.compile(r"\A\s*<(?:!doctype html|html)\b", re.IGNORECASE)),
    ("Roff", re.compile(r"\A(?:\.\\\"[^\n]*\n)*\.(?:TH|Dd)\b")),
    ("Public Key", re.compile(r"\A-----BEGIN (?:CERTIFICATE|PUBLIC KEY|PGP)")),
)


@dataclass(frozen=True, slots=True)
class Language:
    """A programming, markup or data language."""

    name: str
    """Its name as GitHub Linguist writes it."""
    type: str
    """`programming`, `markup`, `data` or `prose` (documentation)."""


def language_of(path: str, text: str = "") -> Language | None:
    """The language of a file; None if neither its name nor its text tells one.

    >>> language_of("src/Makefile")
    Language(name='Makefile', type='programming')
    """
    table = tables()
    file_name = path.rpartition("/")[2]
    name = _by_modeline(text) or table["names"].get(file_name)
    if name is None and file_name.startswith(("README.", "COPYING.")) and not _documents(file_name):
        name = "Text"
    if name is None and file_name.startswith(("Dockerfile.", "Makefile.", "Containerfile.", "Jenkinsfile.")):
        name = file_name.partition(".")[0]
        name = table["names"].get(name, name)
    extension = extension_of(path)
    if name is None and extension in _TEMPLATE_EXTENSIONS:
        inner = extension_of(path[: -len(extension) - 1])
        if extension in _STRICT_TEMPLATES or inner in table["extensions"]:
            extension = inner
    if name is None and (extension in _ANY_SCRIPT or text.startswith("<?xml")):
        # What starts so is XML whatever programs use the extension too, unless markup of another name.
        first = _by_first_line(text)
        name = first if first != "XML" or _is_programming(extension) else None
    if name is None and extension:
        name = told_by_content(extension, text) or table["extensions"].get(extension)
    if name is None:
        name = _by_first_line(text)
    if name is None and (file_name.startswith("README") or is_licence_file(file_name)):
        name = "Text"
    return Language(name, table["types"][name]) if name else None


def _documents(file_name: str) -> bool:
    """Whether the extension is one of documentation: README.md, and not README.mysql."""
    name = tables()["extensions"].get(extension_of(file_name))
    return name is not None and tables()["types"][name] in ("prose", "markup") and name != "Roff"


def _is_programming(extension: str) -> bool:
    name = tables()["extensions"].get(extension)
    return name is not None and tables()["types"][name] == "programming"


def _by_first_line(text: str) -> str | None:
    """The language of a text by its `#!` line, or by what every file of it starts with."""
    if text.startswith("#!"):
        match = _SHEBANG.match(text, 0, 300)
        name = tables()["interpreters"].get(match[1].lower()) if match else None
        if name == "Shell" and (handed_over := _EXEC.search(text, 0, 1_000)):  # exec tclsh "$0": a script in disguise
            name = tables()["interpreters"].get(handed_over[1], name)
        return name
    return next((name for name, pattern in _FIRST_WORDS if pattern.match(text, 0, 1_000)), None)


def _by_modeline(text: str) -> str | None:
    """The language that a line for Emacs or Vim names, in the first or last five lines."""
    stated = None
    start = text[:1_000]
    if "-*-" in start and (match := _EMACS.search("\n".join(start.split("\n", 2)[:2]))):
        stated = match[1] or match[2]
    if stated is None:
        for edge in (start, text[-1_000:]):
            if ("vi" in edge or "ex:" in edge) and "=" in edge:
                lines = edge.split("\n")
                kept = lines[:_MODELINE_LINES] if edge is start else lines[-_MODELINE_LINES - 1 :]
                if match := _VIM.search("\n".join(kept)):
                    stated = match[1]
                    break
    if stated is None or stated.lower() in _NO_MODE:
        return None
    stated = stated.lower()
    table = tables()
    return (
        _ALIASES.get(stated)
        or table["lowered"].get(stated)
        or table["extensions"].get(stated)
        or table["interpreters"].get(stated)
    )


def extension_of(path: str) -> str:
    """The last extension in lower case, without its dot; "" if there is none (`Makefile`, `.gitignore` -> `gitignore`)."""
    return path.rpartition("/")[2].rpartition(".")[2].lower() if "." in path.rpartition("/")[2] else ""


@cache
def tables() -> dict:
    """`languages.json` turned round: names, extensions and interpreters to languages; lock files, binary extensions."""
    data = json.loads(files("gristmill.curation.code").joinpath("languages.json").read_text("utf-8"))
    table: dict = {"names": {}, "extensions": {}, "interpreters": {}, "types": {}, "lowered": {}}
    for name, language in data["languages"].items():
        table["types"][name] = language["type"]
        table["lowered"][name.lower()] = name
        for kind in ("names", "extensions", "interpreters"):
            table[kind].update(dict.fromkeys(language.get(kind, ()), name))
    table["binary"] = frozenset(data["binary_extensions"])
    table["locks"] = frozenset(data["lock_files"])
    return table
