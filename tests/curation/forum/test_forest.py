"""Claims about finding threads: the arrays agree with walking up, whatever the shape."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gristmill.curation.forum.forest import roots


def walked(ids, parents):
    place = {identity: index for index, identity in enumerate(ids)}
    found = []
    for index in range(len(ids)):
        seen = set()
        while index is not None and index not in seen and parents[index]:
            seen.add(index)
            index = place.get(parents[index])
        found.append(-1 if index is None or parents[index] else index)
    return found


@given(st.lists(st.tuples(st.integers(1, 30), st.integers(0, 35)), max_size=30, unique_by=lambda row: row[0]))
def test_roots_are_what_walking_up_finds(rows):
    ids, parents = (np.array([row[side] for row in rows], np.int64) for side in (0, 1))
    assert roots(ids, parents).tolist() == walked(ids.tolist(), parents.tolist())


def test_depth_costs_no_recursion():
    ids = np.arange(1, 200_001)
    assert not roots(ids, ids - 1).any()
