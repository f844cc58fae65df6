"""Rows in an order by chance, of which any thousand have the proportions of all."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.tokenizer.row_order import WINDOW_ROWS, _spread, balanced, window_deviation


def rows_of_parts(rng, num_rows: int, shares) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Segments of rows that are mostly of one part, some of two or three."""
    per_row = rng.choice([1, 2, 3], num_rows, p=[0.6, 0.3, 0.1])
    row = np.repeat(np.arange(num_rows), per_row)
    part = rng.choice(len(shares), len(row), p=shares)
    length = np.repeat(2049 // per_row, per_row)
    return row, part, length


@given(st.integers(1, 4000), st.integers(1, 6), st.integers(0, 99))
@settings(deadline=None, max_examples=30)
def test_the_order_is_a_permutation(num_rows, num_parts, seed):
    rng = np.random.default_rng(seed)
    row, part, length = rows_of_parts(rng, num_rows, np.full(num_parts, 1 / num_parts))
    place = balanced(row, part, length, rng.permutation(num_rows))
    assert sorted(place.tolist()) == list(range(num_rows))


@pytest.mark.parametrize("num_rows", [1000, 1777, 20_000])
@pytest.mark.parametrize("shares", [[0.5, 0.5], [0.7, 0.2, 0.07, 0.03], [0.05] * 20])
def test_any_thousand_rows_are_within_a_point_of_all_and_a_shuffle_is_not(num_rows, shares):
    rng = np.random.default_rng(5)
    row, part, length = rows_of_parts(rng, num_rows, shares)
    chance = rng.permutation(num_rows)
    place = balanced(row, part, length, chance)
    found = window_deviation(place[row], part, length, num_rows)
    assert found < 0.01
    if num_rows > WINDOW_ROWS:
        assert found < window_deviation(chance[row], part, length, num_rows) / 2


def test_deviation_is_what_a_loop_over_windows_finds():
    rng = np.random.default_rng(1)
    row, part, length = rows_of_parts(rng, 1100, [0.6, 0.4])
    shares = []
    for first in range(101):
        inside = (row >= first) & (row < first + WINDOW_ROWS)
        shares.append(length[inside & (part == 0)].sum() / length[inside].sum())
    share = length[part == 0].sum() / length.sum()
    assert window_deviation(row, part, length, 1100) == pytest.approx(max(abs(s - share) for s in shares))


def test_chance_decides_among_rows_of_one_kind():
    row, part, length = np.arange(3000), np.zeros(3000, np.int64), np.full(3000, 7)
    one, two = (balanced(row, part, length, np.random.default_rng(s).permutation(3000)) for s in (1, 2))
    assert (one != two).mean() > 0.9
    assert abs(np.corrcoef(one, np.arange(3000))[0, 1]) < 0.1


@given(st.integers(1, 1000))
def test_neighbours_take_their_turns_far_apart(count):
    turns = _spread(count)
    assert sorted(turns.tolist()) == list(range(count))
    strata = np.argsort(turns)
    if count >= 16:
        for first in range(0, count - 8, 4):  # any eight turns in a row are of all quarters of the strata
            assert len({int(s) * 4 // count for s in strata[first : first + 8]}) == 4
