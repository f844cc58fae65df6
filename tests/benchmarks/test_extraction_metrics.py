"""The measures, on examples that can be counted by hand."""

import pytest

from benchmarks.extraction_metrics import (
    Score,
    SegmentCounts,
    rouge_5,
    segment_counts,
    shingle_fractions,
    shingle_score,
)


def test_shingles_of_four_words_are_counted_with_their_repetitions():
    assert shingle_fractions("a b c d e", "a b c d e") == (1.0, 0.0, 0.0)
    assert shingle_fractions("a b c d e", "a b c d") == (0.5, 0.0, 0.5)
    assert shingle_fractions("a b c d", "a b c d a b c d") == (0.2, 0.8, 0.0)


def test_a_text_of_fewer_words_is_one_shingle():
    assert shingle_fractions("a b", "a b") == (1.0, 0.0, 0.0)
    assert shingle_fractions("a b", "") == (0.0, 0.0, 1.0)
    assert shingle_fractions("", "") == (0.0, 0.0, 0.0)


def test_the_headline_f1_is_that_of_the_mean_precision_and_recall():
    pages = [(0.5, 0.5, 0.0), (0.5, 0.0, 0.5)]
    assert shingle_score(pages) == Score(0.75, 0.75, 0.75)


def test_pages_without_text_count_for_recall_only():
    assert shingle_score([(1.0, 0.0, 0.0), (0.0, 0.0, 1.0)]) == Score(1.0, 0.5, pytest.approx(2 / 3))


def test_segments_are_found_across_line_ends():
    counts = segment_counts(["the mill grinds", "at night"], ["menu"], "the\nmill  grinds. Menu")
    assert counts == SegmentCounts(1, 1, 0, 1)
    assert counts.score == Score(1.0, 0.5, pytest.approx(2 / 3))


def test_rouge_5_by_hand():
    assert rouge_5("a b c d e f", "a b c d e f") == Score(1.0, 1.0, 1.0)
    assert rouge_5("a b c d e f", "a b c d e").f1 == pytest.approx(2 / 3)
    assert rouge_5("", " ") == Score(1.0, 1.0, 1.0)
    assert rouge_5("a b c d e", "").f1 == 0.0
