"""Which of several languages an extension means, told by what stands in the file.

The questions are those of GitHub Linguist's heuristics (its documentation lists the extensions), in patterns of our
own. The first pattern that is found decides; without one it is the language of the extension in `languages.json`.
"""

import re

SEARCHED_CHARACTERS = 20_000
"""Only the first so many are looked at."""


def _any(*patterns: str, flags: int = 0) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.MULTILINE | flags)


_OBJECTIVE_C = _any(
    r"^[ \t]*@(?:interface|implementation|protocol|class|property|end|import)\b", r'^[ \t]*#import\s+["<]'
)
_CPP = _any(
    r"^[ \t]*#[ \t]*include[ \t]*<\w+>",  # C's own headers end in .h
    r"^[ \t]*template\s*<",
    r"^[ \t]*(?:inline[ \t]+)?namespace\b",
    r"^[ \t]*class\s+\w+[^;\n]*$",
    r"^[ \t]*using\s+\w",
    r"^[ \t]*(?:public|private|protected)[ \t]*:",
    r"\bstd::\w",
    r"^[ \t]*constexpr\b",
)
_XML = _any(r"\A\s*<(?:\?xml|!DOCTYPE TS\b|TS\b)")
_PERL = _any(
    r"^[ \t]*use\s+(?:strict|warnings|v?5)\b",
    r"^[ \t]*(?:my|our|local)\s+[$@%]",
    r"^[ \t]*package\s+[A-Za-z_][\w:]*\s*[;{]",
    r"^[ \t]*sub\s+\w+",
)
_RAKU = _any(
    r"^[ \t]*use\s+v6\b", r"^[ \t]*(?:my\s+)?(?:class|role|grammar)\s+[A-Z][\w:-]*\s.*\{", r"^unit\s+(?:module|class)\b"
)
_PROLOG = _any(r"^[ \t]*:-", r"^[a-z]\w*(?:\([^\n]*\))?\s*:-", r"^[a-z]\w*\([^()\n]*\)\.\s*$")
_FORTH = _any(r"^:[ \t]+\S+", r"^\\ ")
_GLSL = _any(r"^[ \t]*#version\b", r"^[ \t]*(?:precision|uniform|varying|attribute)\s", r"\bvec[234]\b")
_MAN = _any(r"^[.'][ \t]*(?:TH|SH|Dd|Dt|Sh|PP|SS|IP|B|\\\")(?:\s|$)", r"^\.\\\"")
_ASSEMBLY = _any(
    r"^[ \t]*(?:\w{1,40}:[ \t]*)?(?:mov[lqbw]?|push|pop|ldr|str|jmp|ret|section|\.globl?|\.text)\b", flags=re.IGNORECASE
)

RULES: dict[str, tuple[tuple[str, re.Pattern[str]], ...]] = {
    **dict.fromkeys("123456789", (("Roff", _MAN), ("Text", re.compile("")))),
    "as": (
        ("ActionScript", _any(r"^[ \t]*package\b", r"^[ \t]*import\s+[\w.*]+;", r"\bpublic\s+(?:class|function)\b")),
    ),
    "asc": (("Public Key", _any(r"^-----BEGIN|^ssh-(?:rsa|dss)")), ("AsciiDoc", _any(r"^[=-]+\s"))),
    "b": (
        ("Brainfuck", _any(r"^[<>+\-.,\[\]\s]{20}")),
        ("Limbo", _any(r"^\w+\s*:\s*module\s*\{", r"implement\s+\w+;")),
    ),
    "bas": (
        ("VBA", _any(r"^Attribute VB_Name", r"^[ \t]*(?:Public|Private)\s+(?:Sub|Function)\b")),
        ("BASIC", _any(r"\A\s*\d+\s")),
    ),
    "cl": (
        ("Common Lisp", _any(r"^[ \t]*\((?:defun|in-package|defpackage|defmacro|defvar)\b", flags=re.IGNORECASE)),
        ("OpenCL", _any(r"__kernel|__global|\bkernel\s+void\b", r"^[ \t]*/[/*]", r"^\}")),
    ),
    "cls": (
        ("TeX", _any(r"^[ \t]*\\(?:NeedsTeXFormat|ProvidesClass)")),
        ("VBA", _any(r"^(?:VERSION \d|Attribute VB_)")),
        (
            "Apex",
            _any(
                r"\b(?:public|private|global)\s+(?:with sharing\s+|without sharing\s+|virtual\s+|abstract\s+)*class\b",
                flags=re.IGNORECASE,
            ),
        ),
    ),
    "cs": (("Smalltalk", _any(r"![\w\s]+methodsFor: ")),),
    "d": (
        ("Makefile", _any(r"^[\w./-]+\.o\s*:", r"^[\w./-]+\s*:.*\\$")),
        ("DTrace", _any(r"^#pragma\s+D\s", r"^\w*:\w*:\w*:\w*$", r"^(?:BEGIN|END)\s*$")),
    ),
    "es": (("Erlang", _any(r"^[ \t]*%%", r"^main\s*\(.*\)\s*->")), ("JavaScript", re.compile(""))),
    "ex": (("Euphoria", _any(r"^[ \t]*(?:include\s+\w+\.e\b|procedure\s|global\s)")),),
    "f": (("Forth", _FORTH),),
    "for": (("Forth", _FORTH),),
    "frm": (("VBA", _any(r"^VERSION \d", r"^Attribute VB_")),),
    "fs": (("Forth", _FORTH), ("GLSL", _GLSL)),
    "gd": (("GAP", _any(r"^[ \t]*Declare\w+\(")),),
    "gs": (("GLSL", _any(r"^#version\s+\d")), ("Gosu", _any(r"^uses\s+(?:java|gw)\."))),
    "h": (("Objective-C", _OBJECTIVE_C), ("C++", _CPP)),
    "hh": (("Hack", _any(r"\A<\?hh")),),
    "inc": (
        ("POV-Ray SDL", _any(r"^[ \t]*#(?:declare|local|macro)\s")),
        ("PHP", _any(r"^<\?(?:php)?")),
        ("Pascal", _any(r"^[ \t]*end[.;]\s*$", r"\{\$(?:mode|ifdef|define)\b", flags=re.IGNORECASE)),
        ("Assembly", _ASSEMBLY),
        ("HTML", _any(r"\A\s*<[a-zA-Z!]")),
        ("C++", _any(r"^[ \t]*(?:#\s*(?:define|include|if|ifdef|ifndef)\b|[A-Z_]+\([^)]*\))")),
    ),
    "l": (("Common Lisp", _any(r"^[ \t]*\((?:def\w*|in-package)\b")), ("Lex", _any(r"^%[%{}]")), ("Roff", _MAN)),
    "ls": (("LoomScript", _any(r"^[ \t]*package\s+[\w.]+\s*\{")), ("LiveScript", re.compile(""))),
    "m": (
        ("Objective-C", _OBJECTIVE_C),
        ("Mercury", _any(r"^:-\s*module\b")),
        ("MUF", _any(r"^:\s")),
        ("Mathematica", _any(r"\(\*", r"^[ \t]*BeginPackage\[", r"^\w+\[[^\]]*_\w*\]\s*:?=")),
        (
            "MATLAB",
            _any(
                r"^[ \t]*(?:function\b|classdef\b|%|end\b|clear\b|clc\b|close all|disp\(|figure)",
                r"^[ \t]*\[?[\w, ]{1,80}\]?[ \t]?=[^=].*;[ \t]{0,20}$",
            ),
        ),
        ("M", _any(r"^[ \t]*;", r"^\w+\s*;")),
    ),
    "ml": (
        ("OCaml", _any(r"^[ \t]*(?:let|module|open|type)\b", r"\bmatch\s.*\bwith\b")),
        ("Standard ML", _any(r"^[ \t]*(?:structure|signature|functor|fun)\s")),
    ),
    "mod": (
        ("XML", _XML),
        ("Modula-2", _any(r"^[ \t]*(?:(?:DEFINITION|IMPLEMENTATION)[ \t]+)?MODULE\s+\w+;", r"^[ \t]*END\s+\w+\.")),
        ("Go Module", _any(r"^(?:module|go|require)\s")),
    ),
    "ms": (("Roff", _MAN), ("MAXScript", re.compile(""))),
    "n": (("Roff", _MAN), ("Nemerle", re.compile(""))),
    "nl": (("newLISP", _any(r"^[ \t]*\((?:define|context|set)\b")), ("NL", re.compile(""))),
    "p": (("Gnuplot", _any(r"^[ \t]*(?:s?plot|set\s+(?:term|out|xlabel|ylabel))\b")), ("OpenEdge ABL", re.compile(""))),
    "php": (("Hack", _any(r"\A<\?hh")),),
    "pl": (("Raku", _any(r"^[ \t]*use\s+v6\b")), ("Perl", _PERL), ("Prolog", _PROLOG)),
    "plt": (("Prolog", _any(r"^[ \t]*:-")),),
    "plist": (("XML", _XML), ("OpenStep Property List", re.compile(""))),
    "pm": (("XPM", _any(r"^[ \t]*/\* XPM \*/")), ("Raku", _RAKU), ("Perl", _PERL)),
    "pod": (("Pod 6", _any(r"^[ \t]*=begin pod\b")),),
    "pp": (
        (
            "Puppet",
            _any(r"^[ \t]*\w+\s+=>\s", r"^[ \t]*(?:class|define|node)\s+[\w:'\"]+.*[({]\s*$", r"^[ \t]*include\s+\w"),
        ),
    ),
    "pro": (
        ("Proguard", _any(r"^-(?:keep|dont|include)\w*\b")),
        ("QMake", _any(r"^[ \t]*(?:HEADERS|SOURCES|TEMPLATE|CONFIG|QT)\s*[+-]?=")),
        ("IDL", _any(r"^[ \t]*(?:function|pro|compile_opt)\s+\w", flags=re.IGNORECASE)),
        ("Prolog", _PROLOG),
    ),
    "q": (
        ("HiveQL", _any(r"^[ \t]*(?:SELECT|CREATE|ALTER|DROP|INSERT)\s", flags=re.IGNORECASE)),
        ("q", re.compile("")),
    ),
    "r": (
        ("Rebol", _any(r"\A\s*rebol\b", flags=re.IGNORECASE)),
        ("Rez", _any(r"#include\s+[\"<](?:Types|Carbon/Carbon)\.r", r"^resource\s+'")),
    ),
    "re": (("C++", _any(r"^[ \t]*#\s*(?:include|if|define|pragma)\b")), ("Reason", re.compile(""))),
    "rpy": (("Python", _any(r"^(?:import|from|class|def)\s")),),
    "rs": (("XML", _XML), ("RenderScript", _any(r"^#pragma\s+(?:rs|version)"))),
    "s": (("Scheme", _any(r"\A\s*\((?:define|import)\b")),),
    "sc": (("SuperCollider", _any(r"^[ \t]*~\w+\s*=", r"\bSynthDef\b", r"\^(?:this|super)\.")),),
    "sql": (("PLpgSQL", _any(r"\bAS\s+\$\$", r"LANGUAGE\s+'?plpgsql", r"^\\i\s", flags=re.IGNORECASE)),),
    "st": (("StringTemplate", _any(r"\$\w+(?:[.;:][^$\n]*)?\$", r"^\w+\([^)]*\)\s*::=")),),
    "t": (("Raku", _RAKU), ("Perl", _PERL), ("Turing", _any(r"^[ \t]*var\s+\w+\s*(?::\s*\w+)?\s*:=", r"^[ \t]*%\s"))),
    "tpl": (("Go Template", _any(r"\{\{-?\s*[.\w]")), ("Smarty", _any(r"\{[$*/]?\w")), ("HTML", _any(r"\A\s*<"))),
    "ts": (("XML", _XML),),
    "tsx": (("XML", _XML),),
    "v": (
        ("Coq", _any(r"^[ \t]*(?:Require|Theorem|Lemma|Proof|Definition|Inductive|Fixpoint|Qed)\b")),
        ("V", _any(r"^[ \t]*(?:pub\s+)?fn\s+[^\s(]*\(?.*\{\s*$")),
    ),
    "vba": (("Vim Script", _any(r"^UseVimball")),),
    "w": (("OpenEdge ABL", _any(r"^&ANALYZE-SUSPEND")), ("CWeb", re.compile(""))),
    "x": (
        ("RPC", _any(r"\b(?:program|version)\s+\w+\s*\{", r"\bunion\s+\w+\s+switch\s*\(")),
        ("Linker Script", _any(r"SECTIONS\s*\{|OUTPUT_ARCH\(")),
        ("Logos", _any(r"^%(?:hook|end|ctor|group)\b")),
    ),
    "y": (("Yacc", re.compile("")),),
    "yy": (("JSON", _any(r"\A\s*[{\[]")), ("Yacc", re.compile(""))),
}
"""Extension -> (language, what tells it); an empty pattern is the rest."""


def told_by_content(extension: str, text: str) -> str | None:
    """The language that the content tells for an extension with several; None where it tells none.

    >>> told_by_content("m", "@implementation Mill"), told_by_content("m", "function y = mill(x)")
    ('Objective-C', 'MATLAB')
    """
    for name, pattern in RULES.get(extension, ()):
        if pattern.search(text, 0, SEARCHED_CHARACTERS):
            return name
    return None
