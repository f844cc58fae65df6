"""Trees decide as one walks them by hand."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from gristmill.curation.crawl.trees import Trees, probabilities

DEPTH, COLUMNS = 3, 4
NODES = 2**DEPTH - 1


def walked(model, row):
    total = 0
    for features, thresholds, leaves in zip(model.features, model.thresholds, model.leaves, strict=True):
        node = 0
        while node < NODES:
            node = 2 * node + 1 + bool(row[features[node]] > thresholds[node])
        total += int(leaves[node - NODES])
    return total


@given(st.integers(0, 2**32 - 1), st.integers(0, 9))
def test_all_rows_at_once_equal_one_by_one(seed, count):
    random = np.random.default_rng(seed)
    model = Trees.of(
        {
            "features": random.integers(0, COLUMNS, (5, NODES)).tolist(),
            "thresholds": random.integers(-2, 3, (5, NODES)).tolist(),
            "leaves": random.integers(-999, 1000, (5, NODES + 1)).tolist(),
        }
    )
    rows = random.integers(-3, 4, (count, COLUMNS)).astype(np.float32)
    assert model.log_odds(rows).tolist() == [walked(model, row) for row in rows]


@given(arrays.arrays(np.int64, 20, elements=st.integers(-(10**6), 10**6)))
def test_probabilities_rise_with_the_odds(log_odds):
    found = probabilities(np.sort(log_odds))
    assert (np.diff(found) >= 0).all()
    assert probabilities(np.array([0])) == 0.5
