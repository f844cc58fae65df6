"""Two texts word by word: what is said to be equal is, nothing is left out, and length costs no more than its share."""

import random
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.curation.dedup import text_diff
from gristmill.curation.dedup.text_diff import aligned, common_subsequence, compare

CODES = st.lists(st.integers(0, 5), max_size=40).map(lambda some: np.array(some, np.int64))


def shown(first: str, second: str) -> list[tuple[str, str]]:
    """The texts of the differences."""
    found = compare(first, second)
    return [
        (first[slice(*found.first.span(*d.first))], second[slice(*found.second.span(*d.second))])
        for d in found.differences
    ]


def longest(a: list, b: list) -> int:
    """Length of the longest common subsequence, by the table of the textbook."""
    row = [0] * (len(b) + 1)
    for x in a:
        before, row = row, [0]
        for j, y in enumerate(b):
            row.append(before[j] + 1 if x == y else max(before[j + 1], row[j]))
    return row[-1]


@given(CODES, CODES)
def test_the_common_subsequence_is_one_and_the_longest(a, b):
    blocks = common_subsequence(a, b)
    assert sum(n for _, _, n in blocks) == longest(a.tolist(), b.tolist())
    check(a, b, blocks)


def check(a: np.ndarray, b: np.ndarray, blocks: list) -> None:
    """Blocks are equal, in order, and apart."""
    i = j = 0
    for x, y, n in blocks:
        assert n > 0
        assert min(x - i, y - j) >= 0
        assert max(x - i, y - j) > 0 or (i, j) == (0, 0)  # two that touch in both are one
        assert np.array_equal(a[x : x + n], b[y : y + n])
        i, j = x + n, y + n
    assert max(i - len(a), j - len(b)) <= 0


@settings(max_examples=60)
@given(st.randoms(use_true_random=False), st.integers(0, 400), st.integers(2, 2000))
def test_anchors_find_only_what_is_equal_and_in_order(draw, size, vocabulary):
    """With exact comparison allowed for nothing but a few words, so that anchors do the work."""
    a = [draw.randrange(vocabulary) for _ in range(size)]
    b = list(a)
    for _ in range(draw.randrange(6)):  # cut, insert and move pieces
        x, y = sorted(draw.randrange(len(b) + 1) for _ in range(2))
        piece = b[x:y]
        b[x:y] = draw.choice([[], piece[::-1], piece * 2, [draw.randrange(vocabulary)]])
        place = draw.randrange(len(b) + 1)
        b[place:place] = draw.choice([[], piece])
    a, b = np.array(a, np.int64), np.array(b, np.int64)
    with pytest.MonkeyPatch.context() as small:
        small.setattr(text_diff, "EXACT_AT_ONCE", 16)
        small.setattr(text_diff, "EXACT_AT_MOST", 64)
        check(a, b, aligned(a, b))


@given(st.text("ab \n.é漢ก\u0301", max_size=30), st.text("ab \n.é漢ก\u0301", max_size=30))
def test_differences_and_what_they_leave_are_the_whole_texts(first, second):
    found = compare(first, second)
    equal = []
    for text, words, side in ((first, found.first, "first"), (second, found.second, "second")):
        differing = {w for d in found.differences for w in range(*getattr(d, side))}
        every = [text[a:b] for a, b in zip(words.start, words.end, strict=True)]
        assert "".join(every) == "".join(text.split())
        equal.append([word for number, word in enumerate(every) if number not in differing])
    assert equal[0] == equal[1]


def test_white_space_is_no_difference_and_case_and_punctuation_are():
    assert shown("One two.\n\nThree", " One  two. Three ") == []
    assert shown("one two three", "one Two, three") == [("two", "Two,")]


def test_scattered_words_that_happen_to_be_equal_do_not_cut_a_difference_into_crumbs():
    first = "before it the king of the north rode to war after it"
    second = "before it a jar of honey and the price of figs after it"
    assert len(shown(first, second)) == 1
    assert shown("a b c d e f", "a x c d y f") == [("b", "x"), ("e", "y")]


def test_letters_of_scripts_without_spaces_are_compared_one_by_one():
    assert shown("我们昨天去了北京", "我们今天去了北京") == [("昨", "今")]


def test_a_passage_that_was_put_in_taken_out_or_moved_is_found():
    words = [f"w{n}" for n in range(3000)]
    text = " ".join(words)
    assert shown(text, " ".join(words[:1000] + ["new", "words"] + words[1000:])) == [("", "new words")]
    assert shown(text, " ".join(words[:1000] + words[1500:])) == [(" ".join(words[1000:1500]), "")]
    piece = " ".join(words[100:130])
    assert shown(text, " ".join(words[:100] + words[130:2000] + words[100:130] + words[2000:])) == [
        (piece, ""),
        ("", piece),
    ]


def big(seed: int, words: int = 780_000) -> list[str]:
    """Words as often as in a language; as many as not said are some 5 MB."""
    draw = random.Random(seed)
    vocabulary = ["".join(draw.choices("abcdefghijklmnop", k=draw.randint(2, 9))) for _ in range(30_000)]
    weights = [1 / (n + 2) for n in range(len(vocabulary))]
    return draw.choices(vocabulary, weights, k=words)


def check_edited(text: list[str]) -> None:
    """A word in 97 is another one, and a passage is gone."""
    edited = list(text)
    places = range(0, len(edited) - 50, 97)
    for place in places:
        edited[place] = f"{edited[place]}x"
    del edited[len(text) // 2 : len(text) // 2 + 37]
    found = compare(" ".join(text), " ".join(edited))
    assert found.whole
    assert len(found.differences) == pytest.approx(len(places) + 1, abs=2)
    assert sum(found.num_differing) == pytest.approx(2 * len(places) + 37, abs=4)


def test_a_long_text_with_edits_all_over_differs_in_just_these():
    check_edited(big(1, 30_000))


@pytest.fixture(scope="module")
def five_mb() -> list[str]:
    return big(1)


@pytest.mark.slow
def test_two_texts_of_5_mb_with_edits_all_over_are_compared_in_bounded_memory(five_mb):
    assert len(" ".join(five_mb)) > 5_000_000
    tracemalloc.start()
    check_edited(five_mb)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 400 * 2**20


@pytest.mark.slow
@pytest.mark.parametrize("other", ["another text", "the same words in another order", "one word for ever"])
def test_5_mb_that_cannot_be_aligned_are_compared_within_the_budget(five_mb, monkeypatch, other):
    """The budget is in steps, so this can be said without a clock."""
    exact = []
    real = text_diff.common_subsequence
    monkeypatch.setattr(text_diff, "common_subsequence", lambda a, b: exact.append(len(a) * len(b)) or real(a, b))
    words = {
        "another text": lambda: big(2),
        "the same words in another order": lambda: random.Random(3).sample(five_mb, len(five_mb)),
        "one word for ever": lambda: ["abcdef"] * 700_000,
    }[other]()
    found = compare(" ".join(five_mb), " ".join(words))
    assert sum(exact) <= text_diff.EXACT_IN_ALL
    assert max(exact, default=0) <= text_diff.EXACT_AT_MOST
    assert found.num_differing[0] > 0.5 * len(five_mb)


def test_what_is_beyond_the_limit_is_said_to_be_so(monkeypatch):
    monkeypatch.setattr(text_diff, "MAX_CHARACTERS", 10)
    assert compare("a b c d e", "a b c d e").whole
    assert not compare("a b c d e f", "a b c d e f").whole
