"""Project Gutenberg's wrapping in all the spellings that it has had."""

import pytest

from gristmill.curation.books.gutenberg import is_gutenberg, release_date, unwrap

BODY = "CHAPTER I\n\nCall me Ishmael. Some years ago--never mind how long\nprecisely--I went to sea."
LICENCE = "Updated editions will replace the previous one--the old editions will\nbe renamed.\n\nproject gutenberg-tm"

HEADER_2020 = """\
The Project Gutenberg eBook of Moby Dick; Or, The Whale

This ebook is for the use of anyone anywhere in the United States and
most other parts of the world at no cost and with almost no restrictions
whatsoever.

Title: Moby Dick; Or, The Whale

Author: Herman Melville
        Anonymous Helper

Release date: July 1, 2001 [eBook #2701]
                Most recently updated: December 2, 2023

Language: English

Credits: Daniel Lazarus, Jonesey, and David Widger


*** START OF THE PROJECT GUTENBERG EBOOK MOBY DICK; OR, THE WHALE ***
"""
HEADER_2004 = """\
The Project Gutenberg EBook of Moby Dick, by Herman Melville

Title: Moby Dick

Author: Herman Melville

Release Date: January 3, 2009 [EBook #2701]

Language: English

Character set encoding: ASCII

*** START OF THIS PROJECT GUTENBERG EBOOK MOBY DICK; OR, A VERY LONG TITLE
THAT GOES ON ***

Produced by Daniel Lazarus and Jonesey



"""
HEADER_1993 = """\
****The Project Gutenberg Etext of Moby Dick, by Herman Melville****

Please take a look at the important information in this header.
We encourage you to keep this file on your own disk, keeping an
electronic path open for the next readers.  Do not remove this.

**Welcome To The World of Free Plain Vanilla Electronic Texts**

Moby Dick, by Herman Melville

June, 2001  [Etext #2701]

***START**THE SMALL PRINT!**FOR PUBLIC DOMAIN ETEXTS**START***
Why is this "Small Print!" statement here?  You know: lawyers.
*END*THE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTS*Ver.04.29.93*END*

"""
FOOTER_2020 = f"\n\n*** END OF THE PROJECT GUTENBERG EBOOK MOBY DICK ***\n\n{LICENCE}"
FOOTER_2004 = f"\n\nEnd of Project Gutenberg's Moby Dick, by Herman Melville\n\n*** END OF THIS PROJECT GUTENBERG EBOOK MOBY DICK ***\n\n{LICENCE}"
FOOTER_1993 = "\n\nEnd of the Project Gutenberg Etext of Moby Dick, by Herman Melville\n"
FOOTER_SMALL_PRINT = (
    "\n\nEnd of The Project Gutenberg Etext of Moby Dick\n\n***START**THE SMALL PRINT!**FOR PUBLIC DOMAIN EBOOKS**START***\n"
    "Why is this here?  You know: lawyers.\n*END THE SMALL PRINT! FOR PUBLIC DOMAIN EBOOKS*Ver.02/11/02*END*\n"
)


@pytest.mark.parametrize("footer", [FOOTER_2020, FOOTER_2004, FOOTER_1993, FOOTER_SMALL_PRINT])
@pytest.mark.parametrize("header", [HEADER_2020, HEADER_2004, HEADER_1993])
def test_any_header_and_footer_come_off(header, footer):
    assert unwrap(header + BODY + footer).body == BODY


@pytest.mark.parametrize(
    ("header", "date"), [(HEADER_2020, "2001-07-01"), (HEADER_2004, "2009-01-03"), (HEADER_1993, "2001-06")]
)
def test_the_header_gives_author_number_and_date(header, date):
    fields = unwrap(header + BODY).fields
    assert fields["Title"].startswith("Moby Dick")
    assert fields["Author"].startswith("Herman Melville")
    assert fields["Number"] == "2701"
    assert release_date(fields["Release date"]) == date


def test_several_authors_are_kept_apart():
    assert unwrap(HEADER_2020 + BODY).fields["Author"] == "Herman Melville; Anonymous Helper"


def test_a_header_without_markers_ends_where_it_stops_speaking_of_etexts():
    header = "The Project Gutenberg Etext of Moby Dick\n\nThis etext was prepared by volunteers\n\n"
    assert unwrap(header + BODY).body == BODY


@pytest.mark.parametrize(
    "credit",
    [
        "Produced by Suzanne Shell, Sandra Brown and the Online Distributed\nProofreading Team.",
        "E-text prepared by Carlo Traverso and the Project\nGutenberg Online Distributed Proofreading Team",
        "This etext was prepared by Sue Asscher",
        "Scanned and proofed by David Price",
        "Transcribed from the 1897 edition by David Price, email x@example.org",
        "[Transcriber's note: The Old-Tagalog characters used in this book are\nrepresented by capital letters.]",
        "[ Anmerkungen zur Transkription:\n\nSchreibweise übernommen [sic].\n]",
        "Transcriber’s Note:\n\nSpelling has been kept.\n\nSo have the commas.\n\n\n",
        "NOTA DE TRANSCRIPCIÓN\n\n  * Los errores de imprenta han sido corregidos.\n\n\n\n",
    ],
)
def test_credits_and_notes_at_the_start_are_dropped(credit):
    assert unwrap(f"{HEADER_2020}\n\n{credit}\n\n\n\n{BODY}{FOOTER_2020}").body == BODY


def test_a_note_at_the_end_takes_its_list_along():
    note = "Transcriber's Note\n\nThe following errors were corrected:\n\n  faze, now face"
    assert unwrap(f"{HEADER_2020}{BODY}\n\n\n\n\n{note}{FOOTER_2020}").body == BODY


def test_what_only_looks_like_a_credit_stays_in_the_book():
    text = "\n\n".join(
        ["Produced by hand, such lace is dear."] + ["word " * 12] * 20 + ["Produced by him, it was dear."]
    )
    assert unwrap(f"{HEADER_2020}{text}{FOOTER_2020}").body.endswith("Produced by him, it was dear.")


def test_pictures_leave_no_trace():
    text = f"[Illustration]\n\n{BODY}\n\n[Illustration: _Reading_ [sic]\n\nJane's Letters]"
    assert unwrap(HEADER_2020 + text).body == BODY


def test_the_word_gutenberg_far_inside_makes_no_gutenberg_book():
    assert not is_gutenberg("Of printing.\n" * 400 + "Project Gutenberg was named after him.")


@pytest.mark.parametrize(
    ("words", "date"),
    [
        ("January 1, 2004 [eBook #10623]", "2004-01-01"),
        ("April, 2004 [EBook #5200]", "2004-04"),
        ("1992", "1992"),
        ("2012-02-01", "2012-02-01"),
        ("soon", None),
    ],
)
def test_dates_are_as_exact_as_their_words(words, date):
    assert release_date(words) == date
