import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from gristmill.tokenizer.patterns import PATTERNS
from gristmill.tokenizer.pieces import pieces
from gristmill.tokenizer.training import TokenizerParams, train

FRAGMENTS = st.sampled_from(
    [
        "a",
        "The",
        "ß",
        "磨",
        "坊",
        "12",
        "3",
        "'s",
        "n't",
        ".",
        ",",
        '."',
        ")",
        "==",
        "\n",
        "\n\n",
        "\r\n",
        " ",
        "  ",
        "\t",
    ]
    + ["\u00a0", "\u2003", "\x1c", "\x85", "\u200b", "\u0301", "🌾", "_", "Ⅷ", "²", "\ufeff"]
)
TEXT = st.lists(FRAGMENTS, max_size=60).map("".join)


@pytest.fixture(scope="module", params=["gpt2", "gpt4", "llama3"])
def patterned(request, texts) -> Tokenizer:
    """A tokenizer of each named pattern."""
    return train(texts, TokenizerParams(vocab_size=400, pattern=request.param))


@given(st.text() | TEXT, st.integers(2, 40))
def test_pieces_join_to_the_text_and_stay_below_the_limit(text, limit):
    parts = list(pieces(text, limit))
    assert "".join(parts) == text
    assert all(len(part) <= limit for part in parts)
    assert all(parts) or text == ""


@given(text=TEXT, limit=st.integers(6, 30))
def test_ids_of_pieces_are_those_of_the_whole_text_wherever_a_safe_place_was_found(patterned, text, limit):
    joined = [""]
    for part in pieces(text, limit):
        joined[-1] += part
        if len(part) < limit:  # a cut for want of a safe place makes a piece as long as the limit
            joined.append("")
    ids = [i for encoding in patterned.encode_batch(joined) for i in encoding.ids]
    assert ids == patterned.encode(text).ids


def test_the_three_patterns_are_what_the_module_speaks_of():
    assert set(PATTERNS) == {"gpt2", "gpt4", "llama3"}


def test_lines_and_then_words_are_preferred():
    assert list(pieces("one two.\nthree four five six seven", 14)) == [
        "one two.\n",
        "three four",
        " five six",
        " seven",
    ]


def test_white_space_that_gpt2_splits_by_what_follows_is_left_alone():
    text = "aaaa\n\nbbbb\r\ncccc  dddd"
    assert all(len(part) == 6 for part in list(pieces(text, 6))[:-1])


def test_a_veto_moves_the_cut_on():
    text = "one two three four five six seven"
    assert next(pieces(text, 24)) == "one two three"
    assert next(pieces(text, 24, lambda left, right: right.startswith(" four"))) == "one two three"
    assert next(pieces(text, 24, lambda left, right: right.startswith(" five"))) == "one two three four"
    assert next(pieces(text, 24, lambda left, right: False)) == text[:24]


def test_a_million_letters_are_cut_at_the_limit():
    assert [len(part) for part in pieces("x" * 2_500_000)] == [2**20, 2**20, 2_500_000 - 2**21]
