"""With `conforms_to="datatrove"` every rule sees the number that datatrove 0.10.1 sees."""

import json
from itertools import pairwise
from pathlib import Path
from unittest.mock import patch

import datatrove.utils.text
import datatrove.utils.word_tokenizers
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks import filter_tools
from benchmarks.conformity import RULES, feature_values, reason
from gristmill.curation.english_words import pieces
from gristmill.curation.feature_table import FEATURES
from gristmill.curation.features import measure
from gristmill.curation.rules import OPERATORS
from gristmill.curation.vocabulary import ENDS_SENTENCE, IS_PUNCTUATION, Vocabulary, vocabulary

# Values and reasons of datatrove 0.10.1 with spaCy 3.8.18 for texts made up for this test, by benchmarks/filter_tools.py.
RECORDED = json.loads((Path(__file__).parent / "datatrove_answers.json").read_text(encoding="utf-8"))


def values(text: str) -> dict[str, float]:
    return {name: column[0] for name, column in feature_values(pa.array([text]), conforms_to="datatrove").items()}


def without(text: str, spans: list[dict]) -> str:
    edges = [0, *(edge for span in spans for edge in (span["start"], span["end"])), len(text)]
    return "".join(text[start:end] for start, end in zip(edges[::2], edges[1::2], strict=True))


@pytest.mark.parametrize("case", RECORDED, ids=lambda case: case["name"])
def test_every_rule_sees_the_value_that_datatrove_recorded(case):
    ours = values(case["text"])
    theirs = {name: value for name, value in case["values"].items() if value is not None}
    assert {name: ours[name] for name in theirs} == pytest.approx(theirs, abs=1e-12)


@pytest.mark.parametrize("case", RECORDED, ids=lambda case: case["name"])
def test_the_first_rule_that_fails_is_the_reason_that_datatrove_gave(case):
    ours = values(case["text"])
    repetition = [r for r in RULES if r.startswith(("gopher.dup", "gopher.top"))]
    quality = [r for r in RULES if r.startswith("gopher.") and r not in repetition]
    c4 = [f"fineweb after cuts.{name}" for name in ("no_lorem_ipsum", "no_curly_bracket", "min_sentences")]
    # What the filter run last says is about the text as it came, as each was asked about a document of its own.
    fineweb = [r for r in RULES if r.startswith("fineweb.")]
    for asked, said in zip((repetition, quality, c4, fineweb), case["reasons"], strict=True):
        failing = [r for r in asked if not OPERATORS[RULES[r].op](ours[r], RULES[r].threshold)]
        assert (reason(failing[0]) if failing else True) == said


@pytest.mark.parametrize(
    "case", [c for c in RECORDED if c["name"] not in ("citations", "other line breaks")], ids=lambda case: case["name"]
)
def test_cuts_leave_the_text_that_datatrove_leaves(case):
    found = measure(pa.array([case["text"]]), conforms_to="datatrove")
    assert without(case["text"], found.cuts.to_pylist()[0]) == case["texts"]["fineweb"]
    assert without(case["text"], found.cuts_c4.to_pylist()[0]) == case["texts"]["c4"]


class _OurSplitter:
    """Words and sentences one after the other, in plain Python, for datatrove's own filters."""

    def word_tokenize(self, text: str) -> list[str]:
        return [piece for chunk in text.split() for piece in pieces(chunk)]

    def span_tokenize(self, text: str) -> list[tuple[int, int]]:
        known = Vocabulary()
        starts, ended, place = [0], False, 0
        for chunk in text.split():
            found = text.index(chunk, place)
            if (
                text[place:found] not in ("", " ") and place and ended
            ):  # other white space is a token that begins a sentence
                starts.append(place)
                ended = False
            place = found
            for piece in pieces(chunk):
                kind = known.kinds[known.expand(known.numbers([piece]))[0][0]]
                if kind & ENDS_SENTENCE:
                    ended = True
                elif ended and not kind & IS_PUNCTUATION:
                    starts.append(place)
                    ended = False
                place += len(piece)
        return list(pairwise([*starts, len(text)]))


_TEXT_PARTS = ["The mill. ", "a ", "b ", "c d e ", "\n", "\n", "\n\n", "\r\n", "\x0b", "\u2028", "  ", "\t", "...", "… ", "# ", "• ", "- ", ". ",
    "! ", "\" ", "[1]", " [edit]", "{", "javascript ", "JavaScript", "lorem ipsum ", "use cookies ", "don't ", "(x). ", "水。", "The wheel turned slowly.", "A B. C D! E F? ", "é ", "3.5 "]  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(_TEXT_PARTS), max_size=40).map("".join))
def test_any_text_has_the_values_that_datatroves_own_code_finds_with_these_words(text):
    parts = datatrove.utils.text.split_into_parts.__wrapped__
    with (
        patch.object(datatrove.utils.text, "split_into_parts", parts),
        patch.object(datatrove.utils.word_tokenizers, "load_word_tokenizer", lambda language: _OurSplitter()),
    ):
        theirs = filter_tools.decided(text, "eng")["values"]
    ours = values(text)
    for name, value in theirs.items():
        if value is not None:
            assert ours[name] == pytest.approx(value, abs=1e-12), name


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(max_size=60), max_size=5))
def test_any_text_is_finite_and_does_not_depend_on_its_neighbours(texts):
    together = measure(pa.array(texts, pa.string()), conforms_to="datatrove")
    assert all(np.isfinite(column.to_numpy()).all() for column in together.table.columns)
    for place, text in enumerate(texts):
        alone = measure(pa.array([text]), conforms_to="datatrove")
        assert alone.table.to_pylist() == together.table.slice(place, 1).to_pylist()
        assert alone.cuts[0] == together.cuts[place]


def test_signatures_are_made_of_the_same_words_as_without():
    texts = pa.array(["The miller's wheel isn't turning.", "", "no stop"])
    ours, theirs = measure(texts), measure(texts, conforms_to="datatrove")
    assert (ours.word_hashes == theirs.word_hashes).all()
    assert (ours.word_offsets == theirs.word_offsets).all()


def test_a_vocabulary_that_has_grown_too_large_is_given_up(monkeypatch):
    text = pa.array(["The mill isn't open. It has a shop, a yard and a wheel."])
    before = measure(text, conforms_to="datatrove").table
    monkeypatch.setattr("gristmill.curation.vocabulary.MAX_CHUNKS", 3)
    assert len(vocabulary()) == 0
    assert measure(text, conforms_to="datatrove").table == before


def test_another_name_is_refused():
    with pytest.raises(ValueError, match="use 'datatrove'"):
        measure(pa.array(["a"]), conforms_to="dolma")


def test_all_other_features_stay():
    text = "The mill isn't open.\n" * 3
    ours, theirs = (measure(pa.array([text]), conforms_to=mode).table.to_pylist()[0] for mode in (None, "datatrove"))
    same = {"num_chars", "max_line_length", "alpha_frac", "digit_frac", "upper_frac", "space_frac", "compression_ratio"}
    assert {name: ours[name] for name in same} == {name: theirs[name] for name in same}
    assert set(theirs) == set(FEATURES.names)
