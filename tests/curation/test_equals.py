"""Equal items are found exactly, whatever their number and however they collide."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.curation.equals import GOLDEN, first_equal, numbered


def first_by_hand(keys: np.ndarray) -> list[int]:
    seen: dict[int, int] = {}
    return [seen.setdefault(int(key), place) for place, key in enumerate(keys)]


@given(st.lists(st.integers(0, 40) | st.integers(0, 2**64 - 1), max_size=200))
def test_every_key_is_given_the_first_that_equals_it(keys):
    keys = np.array(keys, dtype=np.uint64)
    assert first_equal(keys).tolist() == first_by_hand(keys)


@pytest.mark.parametrize("different", [1, 2, 1000, 100_000])
def test_many_keys(different):
    keys = np.random.default_rng(different).integers(0, different, 200_000).astype(np.uint64) * GOLDEN
    assert first_equal(keys).tolist() == first_by_hand(keys)


def keys_for_one_slot() -> np.ndarray:
    inverse = pow(int(GOLDEN), -1, 1 << 64)
    keys = np.array([number * inverse % 2**64 for number in range(1, 3000)] * 2, dtype=np.uint64)
    assert len(np.unique((keys * GOLDEN) >> np.uint64(64 - 14))) == 1
    return keys


def test_keys_that_all_want_one_slot_are_still_told_apart():
    keys = keys_for_one_slot()
    assert first_equal(keys).tolist() == first_by_hand(keys)


def test_items_are_numbered_in_the_order_of_their_first_appearance():
    places, number = numbered(np.array([7, 3, 7, 9, 3], dtype=np.uint64))
    assert places.tolist() == [0, 1, 3]
    assert number.tolist() == [0, 1, 0, 2, 1]
