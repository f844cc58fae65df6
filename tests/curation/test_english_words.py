"""English falls into the words that spaCy finds, whatever stands around them."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.curation.english_exceptions import exceptions
from gristmill.curation.english_words import pieces

# What spacy.blank("en") of spaCy 3.8.18 makes of chunks: some by hand, some put together at random.
RECORDED = json.loads((Path(__file__).parent / "spacy_words.json").read_text(encoding="utf-8"))

ATOMS = st.sampled_from(
    ["a", "Z", "9", "é", ".", "..", ",", "-", "'s", "n't", "(", ")", ":", "/", "$", "km", "@", "St.", "—", "水", "★"]
)


@pytest.mark.parametrize(("chunk", "expected"), RECORDED, ids=[chunk for chunk, _ in RECORDED])
def test_chunks_are_taken_apart_as_spacy_does(chunk, expected):
    assert list(pieces(chunk)) == expected


def test_exceptions_are_what_spacy_lists():
    assert len(exceptions()) == 1343
    assert all("".join(parts) == chunk for chunk, parts in exceptions().items())


@given(st.lists(ATOMS, min_size=1, max_size=30).map("".join) | st.text(min_size=1).filter(lambda s: s.split() == [s]))
def test_pieces_are_the_chunk_and_none_is_empty(chunk):
    assert "".join(pieces(chunk)) == chunk
    assert all(pieces(chunk))


@pytest.mark.parametrize(
    "chunk", ["!" * 50_000, "." * 50_000, "a-" * 50_000, "@a." * 50_000, "('" * 50_000, "a" * 50_000]
)
def test_a_huge_chunk_is_no_trouble(chunk):
    """Taking off one mark at a time by copying the rest would be quadratic: minutes for these."""
    assert "".join(pieces(chunk)) == chunk
