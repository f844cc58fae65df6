"""Claims about ends of mails: cards, disclaimers and advertisements go; names, code, tables and postscripts stay."""

import time

import pytest

from gristmill.curation.forum.signatures import without_signature

WORDS = "Use sum(x), it is fast.\n\nBo"

CARDS = [
    "-- \nBo\nphone 123",
    "-- \nall that stands here\nis a signature, whatever it says. Is it?",
    "--\nBo Berg\nACME Corp",
    "--\nProf. Bo Berg\nMuseo de las Sumas. UNS.",
    "__________________________________________________\nDo you count?\nPersonal abacus, just $8.95/month.\nhttp://z.org/info",
    "--\nView this message in context: http://lists.y.org/Sums-tp17.html",
    "----\nBo Berg\nPh.D. Student\nInstitute of Sums\n\nAddress: High Street 5, Sumtown\nTel: +32/10/445566\nWeb: http://y.org/~bo\n     http://y.org/bo.htm",
    "--------------------------------\nBo Berg <bo at y.org>\nDepartment of Sums   4055 Sumtown\nphone: x-41-61-555-0133   fax: 555-0134\nhttp://y.org/~bo/\n--------------------------------",
    "********************************\n* Bo Berg, Ph.D.\n* Sum Inc.\n* 10 North Road, Suite 3\n* Phone (Direct) : (555) 290-5550 Ext. 2\n* Email: bo at y.org\n********************************",
    "____________________\nBo Berg\nUniversity of Sums\nSumtown\n\ntel: +33 (0)4 72 00 00 00",
    "-----------------------\nBo Berg <bo at y.org> <http://y.org>\nGPG Fingerprint: 0000 1111\n-----------------------\nI found it!\n-- A Greek",
    "Bo Berg\nQuantitative Analyst\nSum Capital, LLC\n5 High Street, 5th Floor | Sumtown\nTel: 555/302-8311    Fax: 555/302-6000\nmailto:bo.berg at y.org",
    "Dr Bo Berg\n\nInstitute of Sums\n\nSumtown\n\nUK\n\nTel: +44 -1603 555555\n\nFax: +44 -1603 555556",
    "Bo Berg\nbo at y.org\n+44 (0)20 5555 0696\nhttp://y.org",
    "Bo Berg\nInstitute of Sums\ntel: (+32)(0)10555555\nbo at y.org\n\nWhoever counts on his fingers\nmust not have eleven friends.",
    "Sent from my phone. Please excuse my brevity.",
    "Sent from my iPad",
    "________________________________________________________\nFREE SCREENSAVER - Watch sums right on your desktop!\nGet it at http://z.org/free",
    "Von meinem iPhone gesendet",
    '**********************\n"The contents of this message do not reflect any position of Sum Inc."',
    "**********************************************************************\nThis email and any attachments are confidential. Any use...{{dropped:8}}",
    "This message, and any attachments, is intended for the named addressees only. It may be\nconfidential. If you received this email in error, delete it.",
    "Bo Berg\nSum Ltd\nTel: 555/302-8311\n\nThis e-mail, and any attachments hereto, are intended for us...{{dropped}}",
]


@pytest.mark.parametrize("card", CARDS)
def test_signatures_go(card):
    assert "\n".join(without_signature(f"{WORDS}\n\n{card}\n".split("\n"), "Bo Berg")) == WORDS
    below_its_greeting = f"{WORDS}\n{card}".split("\n")
    if card.startswith(("-- ", "--\n", "----")):
        assert "\n".join(without_signature(below_its_greeting, "Bo Berg")) == WORDS


@pytest.mark.parametrize(
    "text",
    [
        WORDS,
        "Run this:\n\nSELECT 1\n--\nFROM t;\n\nDoes it work for all of you?",
        "Look at this diff:\n\n--- a/x.c\n+++ b/x.c\n@@ -1 +1 @@\n-- old\n--\n+ new\n\nWhat do you think?",
        "My notes:\n\nFirst try\n--\nIt works.",
        "A table:\n\nName    Size\n------  ----\nAnn     5\nBo      7",
        "First point\n-----------\nIt is slow.\n\nSecond point\n------------\nIt is wrong, since x <- 5 fails.",
        "Ask the author, Ann Lee <ann at x.org>, who knows.\n\nRegards,\nBo Berg",
        "You can send it to\nann at x.org\nand she will answer you soon.",
        "I get:\n\n> sessionInfo()\nR version 2.1.1\n\nattached base packages:\n[1] stats graphics\n\nBo Berg",
        "We are happy to announce it.\n\n____________________\nPackage: sums\nTitle: Sums of Things\nDate: 2005-06-02\nVersion: 0.2\n"
        "Author: Bo Berg\nMaintainer: Bo Berg <bo at y.org>\nDescription: Sums and differences of\n  many kinds of things.\nLicense: GPL",
        "=====================\n  SumConf 2005\nWhere Sums Meet\n=====================\n\nhttp://y.org/conf\n\nAbout it\n========\n"
        "\nThis conference will show what is new in the field.\nIt is for all who count.\n\nWhere: Sumtown\n\nWhen: in August",
        "The file begins with\n\n=====\n1 2 3\n4 5 6\n=====",
        "See\n\nhttp://x.org/docs/sums.html",
        "Is this mail confidential, I wonder?",
        "Sent from where you stand, the signal is weak.",
        "My numbers:\n\n120 555 2200 14 7\n130 555 2201 15 8",
    ],
)
def test_what_is_no_signature_stays(text):
    assert "\n".join(without_signature(text.split("\n"), "Bo Berg")) == text


def test_a_delimiter_amid_a_long_mail_cuts_nothing_off():
    lines = ["Before.", "-- ", *(f"Line {n} of a text that goes on and on." for n in range(60))]
    assert without_signature(lines, "Bo") == ["Before.", "--", *lines[2:]]


def test_of_several_delimiters_the_last_begins_the_signature():
    told = [f"Line {n} says something of worth." for n in range(50)]
    assert without_signature(["Intro.", "-- ", *told, "-- ", "Bo"]) == ["Intro.", "--", *told]


@pytest.mark.parametrize(
    "line",
    ["-" * 200_000, "- " * 50_000, "a" * 100_000 + "@", "phone" * 20_000, "1" * 100_000, "word " * 20_000, "-- "],
)
def test_hostile_lines_end_soon(line):
    began = time.process_time()
    without_signature([line] * 50, "Bo Berg")
    without_signature(["_" * 30, line, "x"] * 5000, "Bo Berg")
    assert time.process_time() - began < 20  # hours, if a pattern went back and forth
