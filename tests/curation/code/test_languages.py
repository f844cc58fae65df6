"""Languages: modelines, names, first lines and content, in the order of Linguist's strategies."""

import time

import pytest

from gristmill.curation.code.disambiguation import RULES
from gristmill.curation.code.languages import language_of, tables


@pytest.mark.parametrize(
    ("path", "text", "language"),
    [
        ("a.h", "int f(void);\n#include <stdio.h>", "C"),
        ("a.h", "#include <vector>\n", "C++"),
        ("a.h", "@interface Mill : NSObject\n@end", "Objective-C"),
        ("a.m", "#import <Foundation/Foundation.h>\n", "Objective-C"),
        ("a.m", "function y = mill(x)\n% grind\n", "MATLAB"),
        ("a.m", "(* grind *)\nMill[x_] := x", "Mathematica"),
        ("a.m", ":- module mill.\n", "Mercury"),
        ("a.pl", "use strict;\nmy $x = 1;", "Perl"),
        ("a.pl", ":- module(mill, []).\ngrind(X) :- flour(X).", "Prolog"),
        ("a.pl", "use v6;\nsay 1;", "Raku"),
        ("a.pm", "package Mill;\nuse warnings;\n1;", "Perl"),
        ("a.t", "use Test::More;\nmy $mill = 1;", "Perl"),
        ("a.v", "module mill(input clk);\nendmodule", "Verilog"),
        ("a.v", "Theorem mill : True.\nProof. exact I. Qed.", "Coq"),
        ("a.v", "fn main() {\n\tprintln('mill')\n}", "V"),
        ("a.r", "x <- 1  # grind", "R"),
        ("a.r", "REBOL [Title: 1]", "Rebol"),
        ("a.ts", '<?xml version="1.0"?>\n<!DOCTYPE TS>', "XML"),
        ("a.ts", "export const mill: number = 1", "TypeScript"),
        ("a.fs", "let grind x = x\n", "F#"),
        ("a.fs", "#version 330\nuniform vec2 mill;", "GLSL"),
        ("a.fs", ": grind ( n -- n ) 1 + ;", "Forth"),
        ("a.cls", "\\NeedsTeXFormat{LaTeX2e}", "TeX"),
        ("a.cls", "public with sharing class Mill {}", "Apex"),
        ("a.d", "mill.o: mill.c mill.h\n", "Makefile"),
        ("a.d", "import std.stdio;", "D"),
        ("a.sql", "CREATE FUNCTION f() RETURNS int AS $$ SELECT 1 $$ LANGUAGE plpgsql;", "PLpgSQL"),
        ("a.sql", "SELECT 1;", "SQL"),
        ("a.1", ".TH MILL 1\n.SH NAME\nmill", "Roff"),
        ("a.1", "just a first part\n", "Text"),
        ("a.inc", "<?php echo 1;", "PHP"),
        ("a.xslt", "<xsl:stylesheet/>", "XSLT"),
        ("a.res", '<?xml version="1.0"?><r/>', "XML"),
        ("script", "#!/usr/bin/env -S node --harmony\n", "JavaScript"),
        ("script", "#!/usr/local/bin/python2.7 -u\n", "Python"),
        ("script", '#!/bin/sh\n# \\\nexec tclsh "$0" "$@"\n', "Tcl"),
        ("index.cgi", "#!/usr/bin/python\n", "Python"),
        ("index.cgi", "print 1;", "Perl"),
        ("Rakefile", "", "Ruby"),
        ("conanfile", "# -*- mode: Python -*-\n", "Python"),
        ("a.inc", "/* -*- C++ -*- */\n", "C++"),
        ("a.txt", "# -*- coding: utf-8 -*-\n", "Text"),
        ("gruntrc", "x\n# vim: set ft=javascript ts=2:\n", "JavaScript"),
        ("a.foo", "<!DOCTYPE html><p>", "HTML"),
        ("a.foo", "words", None),
        ("README.unknown", "words", "Text"),
        ("README.md", "words", "Markdown"),
        ("nginx.conf.j2", "server {}", "INI"),
        ("a.py.orig", "x = 1", "Python"),
    ],
)
def test_names_and_contents_tell_the_language(path, text, language):
    found = language_of(path, text)
    assert (found.name if found else None) == language


def test_every_language_that_is_told_is_in_the_table():
    known = tables()["types"]
    assert {name for rules in RULES.values() for name, _ in rules} <= set(known)
    assert set(known.values()) == {"programming", "markup", "data", "prose"}
    assert not tables()["binary"] & set(tables()["extensions"])


@pytest.mark.parametrize(
    "unit", ["a", " ", "\n", "-*-", "vim: ", "#!", "(", "[a,", "(*", ": ", "<", "x = ", "class x", "\t@"]
)
def test_time_is_bounded_in_hostile_text(unit):
    text = unit * (200_000 // len(unit))
    start = time.process_time()
    for extension in RULES:
        language_of(f"a.{extension}", text)
    assert time.process_time() - start < 5
