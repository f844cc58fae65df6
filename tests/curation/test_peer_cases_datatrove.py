"""datatrove's published unit cases (tests/pipeline/filters/test_filters.py, 0.10): its inputs, its reasons.

A label here is the preset's name for datatrove's reason.
"""

import pytest
from datatrove.data import Document
from datatrove.pipeline.filters import GopherRepetitionFilter

from gristmill.curation import language
from tests.curation.peer_cases import holds, value, verdict, without_lines

FRODO = (
    "I wish it need not have happened in my time,' said Frodo. 'So do I,' said Gandalf, 'and so do all who live to "
    "see such times. But that is not for them to decide. All we have to decide is what to do with the time that is "
    "given us.'"
)
SHORT_LINES = "I am groot.{0}You are a wizard.{0}I am your father.{0}"


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("I am your father.\n" * 4, "dup_line_frac"),
        ("I am your father.\n\n" * 4, "dup_para_frac"),
        (SHORT_LINES.format("\n\n") + f"{'x' * 30}.\n\n" * 2, "dup_para_char_frac"),
        (SHORT_LINES.format("\n") + f"{'x' * 40}.\n" * 2, "dup_line_char_frac"),
        ("I am Frank, I am Frank, I am Frank", "top_2_gram"),
        ("I am Frank, you are Jhon. I am Frank. I am Frank you are Jhon", "top_3_gram"),
        ("I am a solo traveller " * 4 + FRODO, "dup_5_gram"),
    ],
)
def test_gopher_repetition(text, rule):
    assert verdict(text, "gopher_repetition") == f"gopher.{rule}"


def test_an_empty_text_is_dropped_for_its_length():
    """datatrove divides by the length."""
    assert verdict("", "gopher_repetition") == "gopher.min_chars"
    assert verdict("Hello", "gopher_repetition") is None
    assert verdict("", "gopher") == verdict("", "fineweb") == "gopher.min_words"  # which has a name for it already
    with pytest.raises(ZeroDivisionError):
        GopherRepetitionFilter().filter(Document(text="", id=""))


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("I am too small...", "min_words"),
        ("I am " * 20, "min_mean_word_length"),
        ("interconnection " * 20, "max_mean_word_length"),
        ("# comment " * 20, "max_hash_ratio"),
        ("... comment " * 20, "max_ellipsis_ratio"),
        ("the ./!*?<><> apple <?////> orange  ++ interconnection !<>??? have" * 20, "min_alpha_words"),
    ],
)
def test_gopher_quality_with_10_to_1000_words(text, rule):
    assert verdict(text, {"gopher_quality": {"min_words": 10, "max_words": 1000}}) == f"gopher.{rule}"


def test_gopher_quality_keeps_prose():
    assert verdict(FRODO, {"gopher_quality": {"min_words": 10, "max_words": 1000}}) is None


def test_gopher_quality_counts_lines_of_bullets_and_ellipses():
    assert value("- one\n• two\nthree\n* four", "bullet_line_frac") == 0.5
    assert value("one...\ntwo…\nthree.\nfour", "ellipsis_line_frac") == 0.5
    assert value("The the THE and And with", "num_stop_words") == 3  # the, and, with: different ones, as written


QUALITY = (
    "This is a well-written paragraph with several sentences.\n"
    "The content continues with more good information here.\n"
    "Another important point is being made in this line.\n"
    "We can see that this document has quality content.\n"
    "Finally, the conclusion wraps everything up nicely.\n"
)


@pytest.mark.parametrize(
    ("text", "label"),
    [
        (QUALITY + "An additional sentence to ensure we pass the threshold.", None),
        (QUALITY + "This is a sentence with lorem ipsum dolor sit amet.", "c4.no_lorem_ipsum"),
        (QUALITY + "This is some code with a { bracket.", "c4.no_curly_bracket"),
        ("Just one sentence.", "c4.min_sentences"),
    ],
)
def test_c4_quality(text, label):
    assert verdict(text, "c4") == label


def test_c4_removes_lines_about_policies_from_the_text():
    assert without_lines("This site uses cookies for tracking.\nAnother valid line here today.", "c4") == (
        "Another valid line here today."
    )


def test_c4_needs_lines_that_end_a_sentence_and_do_not_trail_off():
    text = "This line ends well.\nThis one does not\nThis one trails off...\nIs this a question?\nHe said: 'Yes.'"
    assert without_lines(text, "c4") == "This line ends well.\nIs this a question?\nHe said: 'Yes.'"
    assert without_lines(text, "fineweb") == text  # FineWeb switches that off


def test_c4_paragraphs_are_three_lines_of_two_hundred_characters():
    assert verdict(f"{'x' * 250}\n{'x' * 250}\n{'x' * 250}", "c4_paragraphs") is None
    assert verdict("short\nshort\nshort", "c4_paragraphs") == "c4_paragraphs.min_long_lines"
    assert value("\n".join("x" * length for length in (199, 200, 201)), "num_long_lines") == 2


def test_fineweb_quality():
    assert verdict("", "fineweb_rules") == "fineweb.min_lines"
    assert not holds("No punctuation here\nAnother line without any\nStill nothing", "line_punct_frac", ">=", 0.5)
    assert not holds("hi.\nbye.\nok.\nno.\nyes.", "short_line_frac", "<=", 0.5)
    assert not holds("\n".join(["a"] * 50), "newline_word_ratio", "<=", 0.1)
    assert (
        verdict(
            "This is a well-written paragraph that ends with proper punctuation.\n"
            "The content here is substantial and has meaningful information.\n"
            "Quality filtering ensures that only the best documents pass through.\n"
            "Each line here is long enough and ends with a terminal punctuation mark.\n"
            "This document should pass all the quality checks applied by the filter.",
            "fineweb_rules",
        )
        is None
    )


def test_a_line_of_thirty_characters_is_short_and_one_of_thirty_one_is_not():
    assert value("x" * 30 + "\n" + "y" * 31, "short_line_frac") == 0.5


@pytest.mark.parametrize(
    ("text", "label"),
    [
        (FRODO, "en"),
        (
            "Un magicien n'est jamais en retard Frodon Sacquet. Pas plus qu'il est en avance. Il arrive précisément à "
            "l'heure prévue.",
            "fr",
        ),
        ("Um mago nunca chega tarde, Frodo Bolseiro. Nem cedo. Ele chega precisamente na hora que pretende.", "pt"),
        (
            "Molti tra i vivi meritano la morte. E parecchi che sono morti avrebbero meritato la vita. Sei forse tu in "
            "grado di dargliela? E allora non essere troppo generoso nel distribuire la morte nei tuoi giudizi.",
            "it",
        ),
    ],
)
def test_language(text, label):
    labels, scores = language.identify([text])
    assert labels[0] == label
    assert scores[0] > 0.65
