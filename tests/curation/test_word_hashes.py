"""Words alone are the same words, with the same hashes, as those that `measure` finds."""

import random

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.curation import features, stretches, word_hashes
from gristmill.curation.word_hashes import word_hashes as hashes_of

PIECES = [
    *(
        "don't",
        "e.g.",
        "3.14",
        "1,000",
        "a_b",
        "_",
        "'",
        "\u2019",
        ".",
        ",",
        " ",
        "\n",
        "\t",
        "\x00",
        "\u200b",
        "\ufeff",
    ),
    *(
        "e\u0301",
        "\u0301",
        "É",
        "ß",
        "Straße",
        "水車",
        "กำ",
        "ไทย",
        "가나",
        "한국어",
        "a\u00adb",
        "x\u200dy",
        "·",
        "״",
        "٫",
    ),
    *(
        "...",
        "!?",
        "«",
        "🙂",
        "👩\u200d🌾",
        "\U0001f1e9",
        "\U0010ffff",
        "mill",
        "WHEEL",
        "42",
        "İ",
        "ﬁ",
        "ａｂ",
        "𝒜",
        "१२",
    ),
]
texts = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=6)), max_size=40).map("".join)


def assert_same(documents: list[str]) -> None:
    array = pa.array(documents, pa.large_string())
    expected = features.measure(array, variants=False)
    found, offsets = hashes_of(array)
    assert offsets.tolist() == expected.word_offsets.tolist()
    assert np.array_equal(found, expected.word_hashes)


@given(st.lists(texts, max_size=6))
def test_the_words_of_any_texts_are_those_that_are_measured(documents):
    assert_same([text.encode("utf-8", "ignore").decode() for text in documents])


@pytest.mark.parametrize("separator", ["", " "])
def test_random_joins_of_awkward_pieces_too(separator):
    rng = random.Random(5)
    assert_same([separator.join(rng.choice(PIECES) for _ in range(rng.randrange(60))) for _ in range(3000)])


def test_groups_and_stretches_change_nothing(monkeypatch):
    rng = random.Random(7)
    documents = [" ".join(rng.choice(PIECES) for _ in range(rng.choice((0, 3, 40, 400)))) for _ in range(60)]
    documents += ["x" * 900, "水" * 300, "e\u0301" * 400]
    whole = hashes_of(pa.array(documents, pa.string()))
    monkeypatch.setattr(word_hashes, "GROUP_BYTES", 64)
    grouped = hashes_of(pa.array(documents, pa.string()))
    assert all(np.array_equal(a, b) for a, b in zip(whole, grouped, strict=True))
    for module in (stretches, word_hashes):
        monkeypatch.setattr(module, "STRETCH_BYTES", 200)
    assert_same(documents)


def test_a_slice_of_a_batch_has_the_words_of_its_own_texts():
    array = pa.array(["one two", "three", "four five six", ""], pa.string())
    assert hashes_of(array.slice(1, 2))[1].tolist() == [0, 1, 4]
    assert np.array_equal(hashes_of(array.slice(2, 1))[0], hashes_of(array)[0][3:])
    assert hashes_of(array.slice(4))[1].tolist() == [0]


def test_a_null_is_refused_with_what_to_do():
    with pytest.raises(ValueError, match="1 of 2 texts are null; give documents without text as ''"):
        hashes_of(pa.array(["a", None], pa.string()))
