"""Counts between positions are those of a loop."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gristmill.curation.counts import Rank, ratio, total


@given(st.lists(st.booleans(), max_size=300))
def test_rank_counts_what_is_true_before_every_position(flags):
    rank = Rank(np.array(flags, dtype=bool))
    assert rank(np.arange(len(flags) + 1)).tolist() == [sum(flags[:place]) for place in range(len(flags) + 1)]


@given(st.lists(st.integers(-5, 5), max_size=30), st.lists(st.integers(0, 30), max_size=5))
def test_totals_are_sums_between_offsets(values, cuts):
    offsets = np.array(sorted({0, len(values), *(min(cut, len(values)) for cut in cuts)}))
    pieces = [values[a:b] for a, b in pairwise(offsets)]
    assert total(np.array(values, dtype=np.int64), offsets).tolist() == [sum(piece) for piece in pieces]
    flags = np.array([value > 0 for value in values], dtype=bool)
    assert total(flags, offsets).tolist() == [sum(value > 0 for value in piece) for piece in pieces]


def test_a_share_of_nothing_is_nothing():
    assert ratio(np.array([1, 0, 3]), np.array([2, 0, 0])).tolist() == [0.5, 0, 0]
