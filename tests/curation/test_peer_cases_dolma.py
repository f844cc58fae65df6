"""Dolma's published unit cases (tests/python/test_{gopher,c4,code,repetitions,language}.py, 1.2): its inputs, its values."""

import pyarrow as pa
import pytest

from gristmill.curation import language
from gristmill.curation.code.languages import language_of
from gristmill.curation.code.measures import measured
from gristmill.curation.features import measure
from tests.curation.peer_cases import value, verdict, without_lines

SHORT = "This is a test."
LONG = "This is a sentence. \n  \n This is another sentence.\n\n  This is a third sentence."


@pytest.mark.parametrize(
    ("text", "feature", "expected"),
    [
        (SHORT, "dolma_top_2_gram_char_frac", 0.5),
        (SHORT, "dolma_top_3_gram_char_frac", 0.5833333333333334),
        (SHORT, "dolma_top_4_gram_char_frac", 1.0),
        (SHORT, "num_chars", 15),
        (SHORT, "num_whitespace_words", 4),
        (SHORT, "dolma_median_word_length", 3),
        (SHORT, "dolma_symbol_word_frac", 0),
        (SHORT, "whitespace_alpha_word_frac", 1),
        (SHORT, "dolma_num_stop_words", 0),
        (SHORT, "dolma_bullet_line_frac", 0),
        (SHORT, "dolma_ellipsis_line_frac", 0),
        (SHORT, "dolma_dup_line_frac", 0),
        (SHORT, "dolma_dup_line_char_frac", 0),
        (LONG, "dolma_top_2_gram_char_frac", 0.3050847457627119),
        (LONG, "dolma_top_3_gram_char_frac", 0.23728813559322035),
        (LONG, "dolma_top_4_gram_char_frac", 0.2711864406779661),
        *((LONG, f"dolma_dup_{n}_gram_char_frac", 0) for n in range(5, 11)),
        (LONG, "num_chars", 79),
        (LONG, "num_whitespace_words", 13),
        (LONG, "dolma_median_word_length", 4),
        (LONG, "dolma_symbol_word_frac", 0),
        (LONG, "whitespace_alpha_word_frac", 1),
        (LONG, "dolma_num_stop_words", 0),
        (LONG, "dolma_dup_line_frac", 0),
        (LONG, "dolma_dup_line_char_frac", 0),
        ("T h i s \n    \n\n\n    isoneword !!!", "num_whitespace_words", 6),
        ("The.and.that", "dolma_num_stop_words", 0),
        ("The and that", "dolma_num_stop_words", 2),
        ("the the the", "dolma_num_stop_words", 3),  # occurrences
        ("a bb ccc dddd", "dolma_median_word_length", 2.5),
        ("# one… #two three ...", "dolma_symbol_word_frac", 3 / 5),  # words that hold one; three full stops are none
        ("* a\n- b\n • c\n - d\n", "dolma_bullet_line_frac", 2 / 5),  # at the very start; the last line is empty
        ("one…\ntwo… \nthree...", "dolma_ellipsis_line_frac", 1 / 3),
        ("a b\na b\nc\n\n\n", "dolma_dup_line_frac", 5 / 6),  # both "a b" and all three empty lines
        ("a b\na b\nc\n\n\n", "dolma_dup_line_char_frac", 6 / 5),  # spaces count in lines, but not in the whole
        ("a b c d e a b c d e", "dolma_dup_5_gram_char_frac", 10 / 30),  # two of six 5-grams
    ],
)
def test_gopher_tagger(text, feature, expected):
    assert value(text, feature) == pytest.approx(expected, abs=1e-12)


def test_the_mixer_drops_below_fifty_words_and_keeps_fifty():
    words = [f"word{number}" for number in range(46)] + ["the", "and"]
    assert verdict(" ".join([*words, "x1y"]), "dolma_web") == "dolma_web.min_words"
    assert verdict(" ".join([*words, "x1y", "y2z"]), "dolma_web") is None


def test_c4_tagger():
    """Of the whole text, as the tagger looks at it."""
    assert value("This is a test.", "num_curly_bracket_lines") == 0
    assert value("This is a test {", "num_curly_bracket_lines") == 1
    assert value("This is a lorem ipsum test\nmore test.", "num_lorem_ipsum_lines") == 1
    assert value("This is a test.", "num_lorem_ipsum_lines") == 0
    assert without_lines("This is a test javascript.\nAnd a line behind.", "c4") == "And a line behind."


def test_c4_tagger_lines_without_final_punctuation():
    text = "This is a test.\nIt has more;\nA trailing space! \nShould be good on this one.\nThis one is bad\n"
    assert without_lines(text, "c4") == "This is a test.\nA trailing space! \nShould be good on this one."


def test_c4_tagger_lines_with_too_few_words():
    text = "Short!\nThis short.\nBarely above the limit!\nthis is last frontier."
    assert without_lines(text, "c4") == "Barely above the limit!\nthis is last frontier."


REPEATING = (
    "\nThis is a text with repetitions.\nThis is a text with repetitions repetitions.\n"
    "This is a text with repetitions repetitions repetitions.\n"
    "This is a text with repetitions repetitions repetitions repetitions.\n\nblah blah blah blah blah\n\n"
    "No reps at the beginning of this sentence but MMMMMMMMMM\n\n"
    "Seeing doubles: bass banana bass banana bass banana bass banana\n"
)


@pytest.mark.parametrize(
    ("text", "published"),
    [
        ("repetitions repetitions repetitions", 3),
        ("repetitions repetitions repetitions repetitions", 4),
        ("bass banana bass banana bass banana bass banana", 4),
        ("This is a text without repetitions.\n\nThere are double letters here and there.", 0),
        ("", 0),
    ],
)
def test_tokenizer_repetitions(text, published):
    assert value(text, "dolma_max_repetition") == published


@pytest.mark.parametrize(
    ("text", "published", "ours"),
    [
        # GPT-NeoX has another token for the first one, which lacks the space before it; to us it is the same word.
        ("blah blah blah blah blah", 4, 5),
        # Tokens such as "MM" are said four times; to us it is one word.
        ("MMMMMMMMMM", 4, 0),
        # The greatest of the whole published text is that of its "repetitions" there, of its "blah" here.
        (REPEATING, 4, 5),
    ],
)
def test_repetitions_of_words_are_not_those_of_tokens(text, published, ours):
    assert value(text, "dolma_max_repetition") == ours != published


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("bass banana bass banana bass banana bass", 3),
        (" ".join("abcdefghijklm" * 3), 3),
        (" ".join("abcdefghijklmn" * 3), 0),  # a period of 14
        ("twice twice", 0),
    ],
)
def test_repetitions_are_whole_groups_of_up_to_thirteen(text, expected):
    assert value(text, "dolma_max_repetition") == expected


def test_repetitions_end_with_their_document():
    counts = measure(pa.array(["na na", "na na na", "na"])).table["dolma_max_repetition"]
    assert counts.to_pylist() == [0, 3, 0]


CODE = (
    "/* copyright: Test 2023 **/\n\nThis is a document.\n\nThis line contains a link: https://example.org/a.b\n\n"
    "This is a line with just text."
)


def test_code_redpajama_tagger():
    lines = CODE.splitlines()
    assert value(CODE, "max_line_length") == max(map(len, lines))
    assert value(CODE, "mean_line_length") == pytest.approx(sum(map(len, lines)) / len(lines))
    assert value(CODE, "alnum_frac") == pytest.approx(sum(map(str.isalnum, CODE)) / len(CODE))
    # /* copyright : Test 2023 **/, This is a document ., ... : the tagger counts what stands between them
    assert value("/* copyright: Test 2023 **/", "num_split_tokens") == 7
    assert value("/* copyright: Test 2023 **/", "letters_per_split_token") == pytest.approx(13 / 7)


def test_an_empty_last_line_is_a_line_here():
    """Not among the published cases: splitlines() sees no line behind the last newline, we see an empty one."""
    theirs = sum(map(len, "abcd\nabcd\n".splitlines())) / 2
    assert value("abcd\nabcd\n", "mean_line_length") == pytest.approx(8 / 3)
    assert theirs == 4


MARKDOWN = (
    'An XML file begins as follows:\n\n```\n<?xml version="1.0" encoding="UTF-8"?>\n...\n</xml>\n```\n\n'
    "An HTML file begins as follows:\n\n```\n<!DOCTYPE html>\n<html>\n...\n</html>\n```\n\nThese are different."
)
PYTHON = 'def foo():\n    # prints hello world\n    print("Hello, World!")'
HTML = """\
<!DOCTYPE html>
<html>
<head>
    <title>Page Title</title>
</head>
<body>
    <h1>This is a Heading</h1>
    <p>This is a paragraph.</p>
</body>
<javascript>
    console.log("Hello, World!")
    for (let i = 0; i < 10; i++) {
        console.log(i)
    }
</javascript>
</html>"""


def of_code(text: str, path: str) -> dict[str, object]:
    return measured(text, language_of(path, text))


def test_code_starcoder_tagger_of_markdown():
    found = of_code(MARKDOWN, "page.md")
    assert found["xml_header"] == 1
    # Pinned to 0.5 and 1.0 there; a file that has no such share has none here, and passes the rules.
    assert "comment_frac" not in found
    assert "html_visible_frac" not in found


def test_code_starcoder_tagger_of_comments():
    published = len("prints hello world") / len(PYTHON)
    found = of_code(PYTHON, "page.py")
    # The sign and the space behind it are part of the comment here.
    assert found["comment_frac"] == round(published + len("# ") / len(PYTHON), 4) != round(published, 4)
    assert not found.get("xml_header")
    assert "html_visible_frac" not in found


def test_code_starcoder_tagger_of_html():
    published = 155 / len(HTML)  # len(BeautifulSoup(HTML, "html.parser").get_text())
    found = of_code(HTML, "page.html")
    # A line break between tags and all indentation count there, here white space inside a text, and once.
    assert found["html_visible_frac"] == round(123 / len(HTML), 4) != round(published, 4)
    assert found["html_visible_chars"] == 123
    assert "comment_frac" not in found  # pinned to 0.5 there
    assert not found.get("xml_header")


def test_code_starcoder_tagger_of_html_without_text():
    published = 0
    assert of_code("<html><head></head><body></body></html>", "page.html")["html_visible_frac"] == published


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("English is a West Germanic language, whose speakers originated in early medieval England.", "en"),
        ("Le français est une langue indo-européenne de la famille des langues romanes.", "fr"),
        ("L'italiano è una lingua romanza parlata principalmente in Italia.", "it"),
        ("日本語は、日本国内や、かつての日本領だった国で使用されている言語。", "ja"),
    ],
)
def test_language_tagger(text, label):
    labels, scores = language.identify([text])
    assert labels[0] == label
    assert scores[0] > 0.5
