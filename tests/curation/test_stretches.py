"""A long text measures in stretches what it measures as a whole, as far as things add up, in memory that does not grow."""

import random
import tracemalloc

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.curation import features, minhash, stretches
from gristmill.curation.feature_table import FEATURES
from gristmill.curation.features import Measured, measure
from gristmill.curation.stretches import COMBINES, FROM_THE_ROW, LARGEST, SUM, cut_place

UNLIMITED = 1 << 40
EXACT = {
    *(name for name, how in COMBINES.items() if how == SUM),
    *(name for name, how in COMBINES.items() if how == FROM_THE_ROW),
    *("max_word_length", "max_line_length"),
    *("mean_word_length", "alpha_frac", "alnum_frac", "digit_frac", "upper_frac", "space_frac"),
    *("alpha_word_frac", "hash_word_ratio", "ellipsis_word_ratio", "bullet_line_frac", "ellipsis_line_frac"),
    *("line_punct_frac", "short_line_frac", "line_punct_frac_after_cuts", "short_line_frac_after_c4_cuts"),
    *("whitespace_alpha_word_frac", "dolma_symbol_word_frac", "dolma_bullet_line_frac", "dolma_ellipsis_line_frac"),
    *("dclm_mean_word_length", "dclm_symbol_word_ratio", "dclm_bullet_line_frac", "dclm_ellipsis_line_frac"),
    "dclm_removed_word_frac",
}
"""What does not depend on where a text is cut, if it is cut behind lines."""

LINES = (
    "The miller's wheel turned slowly, and the water came from 2 streams. [1]",
    "- Bread is sold in the yard...",
    "Home",
    "We use cookies to annoy you.",
    "日本語の文です。水車は回る。",
    "  Indented, with Café and # signs…",
    "3 likes",
    "TO BE READ IN CAPITALS ONLY!",
    "Lorem ipsum {dolor} sit amet",
    "Read more >>>",
    "",
    "",
    " ",
)
TEXTS = st.lists(st.sampled_from(LINES), min_size=1, max_size=40).map("\n".join)


def limited(texts: list[str], limit: int, **options) -> Measured:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stretches, "STRETCH_BYTES", limit)
        return measure(pa.array(texts, pa.large_string()), **options)


def row(measured: Measured) -> dict:
    return measured.table.to_pylist()[0]


def pieces(text: str, limit: int) -> list[bytes]:
    """The stretches, each with its newline if it is the text's own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stretches, "STRETCH_BYTES", limit)
        return [
            stream if ends_line else stream[:-1]
            for stream, ends_line in stretches.stretches(pa.py_buffer(text.encode()))
        ]


def prose(num_bytes: int) -> str:
    chosen = random.Random(3)
    vocabulary = ["".join(chosen.choices("etaoinshrdlu", k=chosen.randint(2, 9))) for _ in range(5000)]
    lines, size = [], 0
    while size < num_bytes:
        lines.append(" ".join(chosen.choices(vocabulary, k=60)) + ".\n" + "\n" * (chosen.random() < 0.2))
        size += len(lines[-1])
    return "".join(lines)


# How numbers are combined


def test_every_feature_says_how_it_combines():
    assert COMBINES.keys() == set(FEATURES.names)
    whole_numbers = {field.name for field in FEATURES if field.type == pa.int64()}
    assert {COMBINES[name] for name in whole_numbers} <= {SUM, LARGEST, FROM_THE_ROW}


def test_repetition_is_looked_for_within_stretches_and_distinct_stop_words_are_the_most_of_one():
    text = "the mill of the river is old\n\nthe mill of the river is old and that\n"
    assert row(limited([text], UNLIMITED))["dup_5_gram_char_frac"] > 0
    found = row(limited([text], 40))
    assert found["dup_5_gram_char_frac"] == found["dup_line_frac"] == 0
    assert found["num_stop_words"] == 4


@pytest.mark.parametrize(
    ("feature", "value"),
    [
        ("dup_line_frac", 1 / 4),  # one of three lines, none of one
        ("num_lines", 4),
        ("max_word_length", 13),
        ("num_stop_words", 2),
        ("dolma_median_word_length", (6 * 3 + 1 * 13) / 7),
        ("distinct_word_frac", (4 + 1) / 7),
    ],
)
def test_stretches_weigh_by_what_a_share_is_of(feature, value):
    text = "to and\nto and\nriver mill\n\nwatermillside\n"
    assert pieces(text, 27) == [b"to and\nto and\nriver mill\n\n", b"watermillside\n"]
    assert row(limited([text], 27))[feature] == pytest.approx(value)


@pytest.mark.slow
@given(TEXTS, st.integers(4, 400))
@settings(max_examples=100, deadline=None)
def test_what_adds_up_and_the_cuts_are_those_of_the_whole_text(text, limit):
    whole, parts = limited([text], UNLIMITED), limited([text], limit)
    found = pieces(text, limit)
    assert "".join(piece.decode() for piece in found) == text
    assert all(0 < len(piece) <= limit for piece in found[:-1])
    expected, got = row(whole), row(parts)
    for name in ("num_chars", "num_newlines", "mean_line_length", "space_frac", "alpha_frac", "compression_ratio"):
        assert got[name] == expected[name]
    if all(piece.endswith(b"\n") for piece in found[:-1]):
        for name in sorted(EXACT):
            assert got[name] == pytest.approx(expected[name], rel=1e-15), name
        assert parts.cuts.equals(whole.cuts)
        assert parts.cuts_c4.equals(whole.cuts_c4)
        if not any(piece.startswith(b"\n") for piece in found):  # no run of empty lines is longer than a stretch
            assert parts.cuts_dclm.equals(whole.cuts_dclm)
        assert parts.word_hashes.tolist() == whole.word_hashes.tolist()
    for name, value in got.items():
        assert np.isfinite(value)
        assert not name.endswith(("line_frac", "para_frac", "alnum_frac", "space_frac")) or value <= 1, name


def test_a_real_length_adds_up_and_has_the_signature_of_the_whole():
    text = prose(3_500_000)
    whole, parts = limited([text], UNLIMITED), measure(pa.array([text]))
    assert len(pieces(text, stretches.STRETCH_BYTES)) == 4
    expected, got = row(whole), row(parts)
    for name in EXACT:
        assert got[name] == pytest.approx(expected[name], rel=1e-15), name
    for name in ("cuts", "cuts_c4", "cuts_dclm"):
        assert getattr(parts, name).equals(getattr(whole, name))
    params = minhash.SignatureParams()
    first, second = (
        minhash.signatures(*minhash.shingles(m.word_hashes, m.word_offsets, params.ngram_words), params)
        for m in (whole, parts)
    )
    assert (first == second).all()


def test_shares_of_the_whole_are_about_those_of_its_stretches():
    text = prose(2_500_000)
    expected, got = row(limited([text], UNLIMITED)), row(limited([text], 1 << 20))
    assert got["unigram_entropy"] == pytest.approx(expected["unigram_entropy"], rel=0.01)
    assert got["char_dup_ratio"] == expected["char_dup_ratio"] == 0
    assert got["dolma_median_word_length"] == pytest.approx(expected["dolma_median_word_length"], abs=0.5)


# Texts that are not cut, and batches


def test_a_text_of_the_limit_is_measured_as_a_whole_and_one_byte_more_is_not():
    text = "the mill and the river\n" * 10
    size = len(text)
    assert limited([text], size).table.equals(limited([text], UNLIMITED).table)
    assert len(pieces(text, size)) == 1
    assert len(pieces(text + "x", size)) == 2


@given(st.lists(TEXTS, min_size=1, max_size=4), st.integers(4, 300), st.booleans())
@settings(max_examples=15, deadline=None)
def test_a_long_text_measures_the_same_alone_and_in_any_batch(texts, limit, variants):
    together = limited(texts, limit, variants=variants)
    for index, text in enumerate(texts):
        alone = limited([text], limit, variants=variants)
        assert together.table.slice(index, 1).equals(alone.table)
        assert [together.cuts[index], together.cuts_c4[index], together.cuts_dclm[index]] == [
            *(alone.cuts[0], alone.cuts_c4[0], alone.cuts_dclm[0])
        ]
        span = slice(together.word_offsets[index], together.word_offsets[index + 1])
        assert together.word_hashes[span].tolist() == alone.word_hashes.tolist()


def test_languages_belong_to_the_text_and_not_to_its_stretches():
    text = "der die das\n" * 20 + "und nicht\n"
    labels = ["en", "de", None]
    whole = limited(["x", text, "und"], UNLIMITED, languages=labels).table["num_language_stop_words"].to_pylist()
    parts = limited(["x", text, "und"], 60, languages=labels).table["num_language_stop_words"].to_pylist()
    assert (whole[0], whole[2]) == (parts[0], parts[2]) == (0, 0)
    assert whole[1] >= parts[1] >= 3


def test_conformance_measures_every_text_as_a_whole():
    text = "\n\n".join(LINES * 5)
    whole = limited([text], UNLIMITED, conforms_to="datatrove")
    parts = limited([text], 100, conforms_to="datatrove")
    assert parts.table.equals(whole.table)
    assert parts.cuts.equals(whole.cuts)


# Where texts are cut


@pytest.mark.parametrize(
    ("text", "limit", "first"),
    [
        ("one\n\ntwo\nthree four", 15, "one\n\n"),
        ("one\ntwo three four", 15, "one\n"),
        ("one two three four", 15, "one two three "),
        ("one\ttwo-three-four", 15, "one\t"),
        ("onetwothreefourfive", 15, "onetwothreefour"),
        ("水車は回る。", 10, "水車は"),
        ("😀😁😂", 7, "😀"),
        ("one\n\ntwo\n\n\n\nthree", 10, "one\n\n"),  # a run of empty lines is not cut
        ("one\n\n\n\n\n\n\n\n", 6, "one\n\n\n"),  # unless it is longer
        ("\n\n\n\n\n\n", 4, "\n\n\n\n"),
    ],
)
def test_a_text_is_cut_behind_the_greatest_thing_that_ends(text, limit, first):
    piece = text.encode()[: limit + 1]
    assert piece[: cut_place(piece)].decode() == first


@pytest.mark.parametrize(
    "unit", ["x", "\n", "the mill ", "字", "\u0301", "[1]", "a\n", "!?", " ", "\x00", "x\n\n" + "y" * 1500], ids=repr
)
def test_megabytes_of_anything_are_cut_into_few_stretches_and_measured(unit):
    text = unit * (2_500_000 // len(unit.encode()))
    assert len(pieces(text, stretches.STRETCH_BYTES)) <= 4
    found = row(measure(pa.array([text])))
    assert all(np.isfinite(value) for value in found.values())
    assert found["num_chars"] == len(text)
    assert found["num_newlines"] == text.count("\n")


# Memory


def held_bytes(text: str) -> tuple[int, int]:
    """What Python, NumPy and Arrow held at most beyond the text while measuring it, and the size of its word hashes."""
    batch = pa.array([text])
    in_arrow, usual = [], features._measure_stream
    before = pa.total_allocated_bytes()

    def watched(*arguments):
        in_arrow.append(pa.total_allocated_bytes() - before)
        return usual(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(features, "_measure_stream", watched)
        tracemalloc.start()
        try:
            measured = measure(batch, variants=False)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    return peak + max(in_arrow), measured.word_hashes.nbytes


def test_memory_does_not_grow_with_a_text_but_by_its_word_hashes():
    text = prose(4_000_000)
    short, short_hashes = held_bytes(text)
    long, long_hashes = held_bytes(text * 8)
    assert long - short < 1.3 * (long_hashes - short_hashes) + 2_000_000
    assert short < 30_000_000


def test_a_monster_needs_no_more_memory_than_a_stretch_of_it():
    for unit in ("!?", "\n", "x"):
        short, _ = held_bytes(unit * (2_200_000 // len(unit)))
        long, _ = held_bytes(unit * (6_600_000 // len(unit)))
        assert long < 1.1 * short + 500_000


def test_word_hashes_of_many_groups_are_end_to_end():
    hashes = stretches.EndToEnd()
    for size in (0, 5, 70_000, 1, 200_000):
        hashes.add(np.arange(size, dtype=np.uint64))
    whole = hashes.whole()
    assert len(whole) == 270_006
    assert whole[5:].tolist()[:3] == [0, 1, 2]
    assert whole[-1] == 199_999
    assert features.GROUP_BYTES <= stretches.STRETCH_BYTES  # so that a stretch is as good as a group
