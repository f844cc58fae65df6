"""Numbers about source code that rules of the literature ask for, each present only where it means something.

They are BigCode's (Li et al. 2023, "StarCoder", section 3): the share of comments, the visible text of HTML, the size
of configuration files, a header of XML. A rule over one of them holds for documents that have it; others pass.
"""

import re
from functools import cache

from lxml import etree

from gristmill.curation.code.languages import Language

MAX_HTML_CHARACTERS = 5_000_000
"""Of a longer page only the first so many are measured."""

_XML_HEADER_CHARACTERS = 100

_C = r"(?P<c>//[^\n]*|/\*[\s\S]*?(?:\*/|\Z))"
_DOUBLE = r'"(?:[^"\\\n]|\\[\s\S])*+"?'
_SINGLE = r"'(?:[^'\\\n]|\\[\s\S])*+'?"
_CHARACTER = r"'(?:[^'\\\n]|\\[^\n]{1,8}?)'"  # where a quote also marks lifetimes or primes
_HASH = r"(?P<c>(?:^|(?<=[\s;&|(){}]))#[^\n]*)"

_SYNTAX = {
    "c": rf"{_C}|{_DOUBLE}|{_SINGLE}",
    "template": rf"{_C}|{_DOUBLE}|{_SINGLE}|`(?:[^`\\]|\\[\s\S])*+`?",
    "rust": rf"{_C}|{_DOUBLE}|{_CHARACTER}",
    "php": rf"(?P<c>//[^\n]*|#(?!\[)[^\n]*|/\*[\s\S]*?(?:\*/|\Z))|{_DOUBLE}|{_SINGLE}",
    "css": rf"(?P<c>/\*[\s\S]*?(?:\*/|\Z))|{_DOUBLE}|{_SINGLE}",
    "python": r'(?P<c>#[^\n]*|^[ \t]*[rRuU]?(?:"""[\s\S]*?(?:"""|\Z)|\'\'\'[\s\S]*?(?:\'\'\'|\Z)))'
    rf'|"""[\s\S]*?(?:"""|\Z)|\'\'\'[\s\S]*?(?:\'\'\'|\Z)|{_DOUBLE}|{_SINGLE}',
    "hash": rf"{_HASH}|{_DOUBLE}|{_SINGLE}",
    "ruby": rf"(?P<c>(?:^|(?<=[\s;(]))#(?!\{{)[^\n]*|^=begin\b[\s\S]*?(?:^=end\b|\Z))|{_DOUBLE}|{_SINGLE}",
    "perl": rf"(?P<c>(?:^|(?<=[\s;{{}}]))#[^\n]*|^=[a-z][\s\S]*?(?:^=cut\b|\Z))|{_DOUBLE}|{_SINGLE}",
    "lua": rf"(?P<c>--\[\[[\s\S]*?(?:\]\]|\Z)|--[^\n]*)|{_DOUBLE}|{_SINGLE}",
    "sql": rf"(?P<c>--[^\n]*|/\*[\s\S]*?(?:\*/|\Z))|'(?:[^'])*+'?|{_DOUBLE}",
    "haskell": rf"(?P<c>--(?![!#$%&*+./<=>?@\\^|~])[^\n]*|\{{-[\s\S]*?(?:-\}}|\Z))|{_DOUBLE}|{_CHARACTER}",
    "lisp": r'(?P<c>;[^\n]*|#\|[\s\S]*?(?:\|#|\Z))|"(?:[^"\\]|\\[\s\S])*+"?',
    "percent": r"(?P<c>(?<!\\)%[^\n]*)",
    "erlang": rf"(?P<c>%[^\n]*)|{_DOUBLE}|\$.",
    "matlab": rf"(?P<c>^[ \t]*%\{{[\s\S]*?(?:^[ \t]*%\}}|\Z)|%[^\n]*)|{_DOUBLE}",
    "ml": rf"(?P<c>\(\*[\s\S]*?(?:\*\)|\Z))|{_DOUBLE}",
    "pascal": r"(?P<c>//[^\n]*|\{[\s\S]*?(?:\}|\Z)|\(\*[\s\S]*?(?:\*\)|\Z))|'[^'\n]*+'?",
    "fsharp": rf"(?P<c>//[^\n]*|\(\*(?!\))[\s\S]*?(?:\*\)|\Z))|{_DOUBLE}",
    "basic": r"(?P<c>'[^\n]*|^[ \t]*rem\b[^\n]*)|\"[^\"\n]*+\"?",
    "fortran": r"(?P<c>^[cC*][^\n]*|![^\n]*)|\"[^\"\n]*+\"?|'[^'\n]*+'?",
    "batch": r"(?P<c>^[ \t]*@?rem\b[^\n]*|^[ \t]*::[^\n]*)",
    "vim": r'(?P<c>^[ \t]*"[^\n]*)',
    "assembly": r"(?P<c>[;#][^\n]*|//[^\n]*|/\*[\s\S]*?(?:\*/|\Z))|\"[^\"\n]*+\"?",
    "markup": r"(?P<c><!--[\s\S]*?(?:-->|\Z))",
    "ada": rf"(?P<c>--[^\n]*)|{_DOUBLE}",
    "powershell": rf"(?P<c><#[\s\S]*?(?:#>|\Z)|#[^\n]*)|{_DOUBLE}|{_SINGLE}",
    "julia": rf'(?P<c>#=[\s\S]*?(?:=#|\Z)|#[^\n]*)|"""[\s\S]*?(?:"""|\Z)|{_DOUBLE}',
    "nix": rf"(?P<c>#[^\n]*|/\*[\s\S]*?(?:\*/|\Z))|{_DOUBLE}",
}
"""Comment syntax -> pattern whose group `c` is a comment; the other branches are strings, passed over whole."""

_LANGUAGES = {
    "c": "C C++ C# Java Objective-C Objective-C++ Kotlin Swift Scala Dart Groovy CUDA OpenCL GLSL HLSL WGSL Metal D Zig "
    "Solidity Verilog SystemVerilog Thrift ActionScript Apex AspectJ Bicep Chapel Haxe Processing QML Vala Odin V Less SCSS "
    "ShaderLab Arduino Pike Squirrel UnrealScript Gosu Ballerina Cairo Move Xtend Stan",
    "template": "JavaScript TypeScript Go CoffeeScript",
    "rust": "Rust",
    "php": "PHP Hack HCL",
    "css": "CSS",
    "python": "Python Cython Mojo Starlark Bazel GDScript Nim",
    "hash": "Shell Fish R Makefile CMake Dockerfile Awk Elixir Crystal Meson Tcl GraphQL Just Puppet RobotFramework Nushell",
    "ruby": "Ruby",
    "perl": "Perl Raku",
    "lua": "Lua",
    "sql": "SQL PLpgSQL PLSQL",
    "haskell": "Haskell Elm PureScript Idris Agda Lean",
    "lisp": "Clojure Scheme Racket Hy Fennel WebAssembly",
    "percent": "TeX Prolog PostScript",
    "erlang": "Erlang",
    "matlab": "MATLAB",
    "ml": "OCaml Coq Mathematica",
    "pascal": "Pascal",
    "fsharp": "F#",
    "basic": "VBA BASIC",
    "fortran": "Fortran",
    "batch": "Batchfile",
    "vim": "",
    "assembly": "Assembly LLVM",
    "markup": "Vue Svelte",
    "ada": "Ada VHDL",
    "powershell": "PowerShell",
    "julia": "Julia",
    "nix": "Nix",
}
_SPACED = {
    "Common Lisp": "lisp",
    "Emacs Lisp": "lisp",
    "Standard ML": "ml",
    "Visual Basic .NET": "basic",
    "Vim Script": "vim",
    "Protocol Buffer": "c",
}
_SYNTAX_OF = {name: syntax for syntax, listed in _LANGUAGES.items() for name in listed.split()} | _SPACED
_IGNORES_CASE = ("basic", "batch")


@cache
def _scanner(syntax: str) -> re.Pattern[str]:
    return re.compile(_SYNTAX[syntax], re.MULTILINE | (re.IGNORECASE if syntax in _IGNORES_CASE else 0))


def comment_frac(text: str, language: str) -> float | None:
    """Share of a text's characters that stand in comments (and Python's docstrings); None for an unknown syntax.

    >>> comment_frac("x = 1  # one", "Python")
    0.4167
    """
    syntax = _SYNTAX_OF.get(language)
    if syntax is None or not text:
        return None
    comments = 0
    for match in _scanner(syntax).finditer(text):
        if match.lastgroup:
            comments += match.end() - match.start()
    return round(comments / len(text), 4)


def visible_html(text: str) -> tuple[float, int] | None:
    """Share of an HTML file's characters that a reader sees, and their number; None if it cannot be parsed."""
    text = text[:MAX_HTML_CHARACTERS]
    parser = etree.HTMLParser(encoding="utf-8", no_network=True, huge_tree=True, remove_comments=True, remove_pis=True)
    try:
        root = etree.fromstring(text.encode("utf-8", "replace"), parser)
    except (etree.XMLSyntaxError, ValueError):
        return None
    if root is None:
        return None
    etree.strip_elements(root, "script", "style", "noscript", "template", with_tail=False)
    visible = sum(len(" ".join(piece.split())) for piece in root.itertext())
    return round(visible / len(text), 4), visible


def measured(text: str, language: Language | None) -> dict[str, object]:
    """The numbers of one file, as they stand in `meta`."""
    found: dict[str, object] = {}
    name = language.name if language else ""
    if language and language.type in ("programming", "markup"):
        share = comment_frac(text, name)
        if share is not None:
            found["comment_frac"] = share
    if name == "HTML" and (visible := visible_html(text)):
        found["html_visible_frac"], found["html_visible_chars"] = visible
    if name in ("JSON", "YAML"):
        found["config_chars"] = len(text)
    if name != "XSLT" and "<?xml version=" in text[:_XML_HEADER_CHARACTERS]:
        found["xml_header"] = True
    return found
