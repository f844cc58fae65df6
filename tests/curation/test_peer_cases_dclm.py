"""DCLM's published unit cases (tests/baselines/mappers: filters/test_content_filters.py, modifiers/test_modifiers.py).

Its inputs and decisions, as values of our features: where a case keeps a page at one threshold and drops it at another,
the value lies between. Pages without text, which its filters drop one by one, are dropped here by `min_words`.
"""

import pytest

from tests.curation.peer_cases import holds, value, verdict, without_lines

HELLO_AGAIN = "hello world hello\n world hello. apple world hello world hello world hello world"


@pytest.mark.parametrize(
    ("text", "feature", "expected"),
    [
        # repetition_filter
        ("Hello, World.", "dclm_dup_line_frac", 0),
        ("Hello\nHello\n\n\n\nHello", "dclm_dup_line_frac", 1),
        ("Hello\nHello\n\n\n\nHello", "dclm_dup_line_char_frac", 1),
        ("Hello, World.\nHello, World.\n\nHello", "dclm_dup_line_frac", 2 / 3),
        ("Hello, World.\nHello, World.\n\nHello", "dclm_dup_line_char_frac", 26 / 31),
        ("Hello, World.\n\nHello, World.\n\nHello, World.\nHello", "dclm_dup_para_frac", 2 / 3),
        ("Hello, World.\n\nHello, World.\n\nHello, World.\nHello", "dclm_dup_para_char_frac", 26 / 45),
        ("hello", "dclm_top_2_gram_char_frac", 0),
        ("hello", "dclm_dup_5_gram_char_frac", 0),
        ("hello world hello world hello world", "dclm_top_2_gram_char_frac", 1),
        ("hello world hello world hello world", "dclm_top_3_gram_char_frac", 1),
        ("hello world hello world hello world", "dclm_top_4_gram_char_frac", 40 / 30),
        ("hello      world hello apple.... world hello\n world hello", "dclm_top_2_gram_char_frac", 30 / 40),
        ("hello      world hello apple.... world hello\n world hello", "dclm_top_3_gram_char_frac", 30 / 40),
        ("hello      world hello apple.... world hello\n world hello", "dclm_top_4_gram_char_frac", 0),
        ("a b a b a b ab cd ab cd ab cd abc def abc def", "dclm_top_2_gram_char_frac", 12 / 30),
        ("a b a b a b abc def abc def ab cd ab cd ab cd", "dclm_top_2_gram_char_frac", 12 / 30),
        (HELLO_AGAIN, "dclm_dup_5_gram_char_frac", 60 / 65),
        # page_length_filter, with words as its enricher and filters count them
        ("", "dclm_num_words", 0),
        ("Hello world.", "dclm_num_words", 2),
        ("Hello world. This is a test.", "dclm_num_words", 6),
        ("Hello world. \n\n\n \n\n\n This is a test.", "dclm_num_words", 6),
        ("Mr. Smith bought 2.5 kilograms of fruit.", "dclm_num_words", 7),
        # With Unicode's words it is 11 there: "so...yeah..." is one word to white space, and DCLM-baseline takes that.
        ("Hello world! That should be easy, right? I think so...yeah...", "dclm_num_words", 10),
        ("Hello world! That should be easy, right? I think so...yeah...", "num_words", 11),
        (" Line 1\nLine 2!!!\t    \n\n\nLine  ????    3\t", "dclm_num_words", 6),
        ("Hello world.", "num_chars", 12),
        ("Hello world. \n This is a test.", "num_lines", 2),
        ("Hello world. \n\n\n \n\n\n This is a test.", "num_paragraphs", 2),
        ("Hello world! That should be easy, right? I think so...yeah...", "num_sentences", 3),
        # ellipsis_count_filter, bullet_count_filter
        *(
            case
            for sign in ("...", ". . .", "…")
            for case in (
                (
                    f"One line that ends with an ellipsis{sign}\n and one that doesn't.",
                    "dclm_ellipsis_line_frac",
                    1 / 2,
                ),
                (f"One{sign}line that ends with{sign}and one that doesn't.", "dclm_ellipsis_line_frac", 0),
                (f"One{sign}{sign}\n{sign}line that ends{sign}\nand one.", "dclm_ellipsis_line_frac", 2 / 3),
            )
        ),
        *(
            case
            for one in "●•*-"
            for two in "●•*-"
            for case in (
                (f"{one} Two lines\n{two} with a bullet\n and one without.", "dclm_bullet_line_frac", 2 / 3),
                (f"Two lines{two} with a bullet{one}\n and one without.", "dclm_bullet_line_frac", 0),
                (f"{one * 5}Two lines\n{two} with a bullet\n and one without.", "dclm_bullet_line_frac", 2 / 3),
            )
        ),
        # stop_word_filter
        ("The best of the best", "dclm_num_stop_words", 3),
        ("the be to of and that have with", "dclm_num_stop_words", 8),
        ("Then Tom and Sally withheld bees", "dclm_num_stop_words", 1),
        ("THE tHe, the", "dclm_num_stop_words", 2),
        # word_length_filter
        ("The average word length is 4.33", "dclm_mean_word_length", 26 / 6),
        ("The cat in the hat", "dclm_mean_word_length", 14 / 5),
        ("Loquaciousness verylongwords", "dclm_mean_word_length", 27 / 2),
        # symbol_ratio_filter
        ("No symbols here.", "dclm_symbol_word_ratio", 0),
        ("#hashtags #on #every #word", "dclm_symbol_word_ratio", 1),
        ("#hashtags and ellipses both count...", "dclm_symbol_word_ratio", 2 / 5),
        ("#hashtags and ellipses both count…", "dclm_symbol_word_ratio", 2 / 5),
        ("#hashtags and ellipses both count. . .", "dclm_symbol_word_ratio", 2 / 7),
        ("   ", "dclm_symbol_word_ratio", 0),
        # alphabetic_word_ratio_filter
        (
            "This sentence contains <1,000     non-alphabetic \nw0rd5 within it but >1.",
            "whitespace_alpha_word_frac",
            8 / 10,
        ),
        ("", "whitespace_alpha_word_frac", 0),
    ],
)
def test_content_filters(text, feature, expected):
    assert value(text, feature) == pytest.approx(expected, abs=1e-12)


def test_twenty_per_cent_of_words_without_letters_are_kept():
    text = "This sentence contains <1,000 non-alphabetic w0rd5 within it but >1."
    assert holds(text, "whitespace_alpha_word_frac", ">=", 0.8)
    assert not holds(text, "whitespace_alpha_word_frac", ">=", 0.9)


def test_line_length_filter():
    assert not holds("a" * 1001 + "\nShort line", "max_line_length", "<=", 1000)
    assert not holds(("a" * 200 + "\n") * 5, "mean_line_length", "<=", 100)
    assert holds("a" * 100 + "\nShort line", "mean_line_length", "<=", 100)
    assert holds("Short line\n" * 50, "max_line_length", "<=", 11)
    assert not holds("A" * 200 + "\n" + "B" * 800 + "\n" + "C" * 300, "mean_line_length", "<=", 150)


def test_alphanumeric_char_ratio_filter():
    for text in ("Hello123", "Hello 123!", "abcd", "ab cd\n123!@#"):
        assert holds(text, "alnum_frac", ">=", 0.25)
    for text in ("!@#$%", "    ", ""):
        assert not holds(text, "alnum_frac", ">=", 0.25)


def test_substring_filter_of_c4():
    assert value("warning: {Javascript} should be enabled", "num_curly_bracket_lines") == 1
    assert without_lines("warning: Javascript should be enabled", "c4") == ""


MASSIVE = (
    "This is a complex sentence with unique words.\n"
    "Here is another one.\n We can say a lot of things, because we want this page to not be filtered out.\n"
    "However, in order to make sure all parts of the code are reached,\nwe craete a long n-gram that is repeated:\n"
    "a complex sentence with unique words.\nNow just making sure that the freq count is low enough so it will not filter "
    "out anything.\nSince our n-gram is quite long, need to add a lot of text here in order to verify it is indeed not "
    "filtered out. I hope that is enough.\nLorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor "
    "incididunt ut labore et dolore magna aliqua. Ut enim ad minim veniam, quis nostrud exercitation ullamco laboris "
    "nisi ut aliquip ex ea commodo consequat."
)
REPETITION_ALONE = {
    "dclm": dict.fromkeys(
        (
            *("min_words", "max_words", "min_mean_word_length", "max_mean_word_length", "max_symbol_ratio"),
            *("max_bullet_lines", "max_ellipsis_lines", "min_alpha_words", "min_stop_words", "max_removed_words"),
        )
    )
}


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("This is a complex sentence with unique words.\n Here is another one.", None),
        ("Repeat repeat repeat repeat.", "dclm.top_2_gram"),
        (MASSIVE, None),
    ],
)
def test_massive_web_repetition_filters(text, label):
    assert verdict(text, REPETITION_ALONE) == label


def test_an_empty_page_is_dropped_for_its_words():
    assert verdict("", "dclm") == "dclm.min_words"


# word_removal_ratio_filter: lines of one word go, so their share is that of removed words


def pages(kept: int, removed: int) -> str:
    return "\n".join(["two words"] * (kept // 2) + [f"alone{number}" for number in range(removed)])


@pytest.mark.parametrize(
    ("kept", "removed", "stays"), [(100, 0, True), (190, 10, True), (188, 12, False), (0, 9, False)]
)
def test_five_per_cent_of_removed_words_are_kept(kept, removed, stays):
    text = pages(kept, removed)
    assert value(text, "dclm_removed_word_frac") == pytest.approx(removed / (kept + removed))
    assert holds(text, "dclm_removed_word_frac", "<=", 0.05) is stays


# The modifiers, all in DCLM-baseline's order; a line that another of them would take is left out of the peer's text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        # substring_line_modifier
        (
            "You have 7 items in cart right now\nYou have 7 items in cart right now but you can add more by clicking "
            "back onto the homepage.",
            "You have 7 right now\nYou have 7 items in cart right now but you can add more by clicking back onto the "
            "homepage.",
        ),
        ("You have 7 items in cart right now\n  items in cart  \nand more", "You have 7 right now\nand more"),
        (
            "sign-in for full access\nsign-in  now\nThis is an article about how to sign-in.",
            "for full access\n now\nThis is an article about how to sign-in.",
        ),
        (
            "Please do read more...\nRead more...and find out!\n\nThis is a short summary about the article, which can "
            "be expanded upon if you wish. Read more...",
            "Please do\nRead more...and find out!\n\nThis is a short summary about the article, which can be expanded "
            "upon if you wish. Read more...",
        ),
        ("One line.\n  read more...\nAnother line.", "One line.\nAnother line."),
        ("One line. Read more >>", "One line."),  # its full stops stand for any character
        # line_length_modifier
        ("Short line\n\na b c d e f g h i j k\nHi", "Short line\n\na b c d e f g h i j k"),
        # uppercase_ratio_line_modifier
        ("HELLO WORLD\n\nhello world\nHello, World", "hello world\nHello, World"),
        ("AB cd\nABC d", "AB cd"),  # just below and just above one half
        ("AB c", "AB c"),  # one half is not above one half
        # numeric_ratio_line_modifier
        ("12345\n\n2bb cc\nab cd", "2bb cc\nab cd"),
        ("12345 67890", "12345 67890"),  # a space is no digit
        # newline_removal_modifier
        ("Hello World\n\n\n\n\nWorld two", "Hello World\n\nWorld two"),
        ("Hello to\n\n\nWorld at\n\n\nAnother one\n\n\nLine two", "Hello to\n\nWorld at\n\nAnother one\n\nLine two"),
        ("Hello World\nWorld Two\nAnother Line", "Hello World\nWorld Two\nAnother Line"),
        # counter_line_modifier
        (
            "123K quotes\n\nHello, World.\n\nHello, World with 3 views.\n3 views",
            "Hello, World.\n\nHello, World with 3 views.",
        ),
        ("12345" * 10 + " likes\na line", "a line"),
        *(
            (
                f"3 {what}\n3,000 {what}\n123K {what}!\n 5.1M   {what}  \nThis line does not contain a counter.",
                "This line does not contain a counter.",
            )
            for what in (
                *("likes", "shares", "comments", "retweets", "reposts", "quotes", "bookmarks", "upvotes"),
                *("downvotes", "downloads", "views", "followers"),
            )
        ),
    ],
)
def test_modifiers(text, expected):
    assert without_lines(text, "dclm") == expected
