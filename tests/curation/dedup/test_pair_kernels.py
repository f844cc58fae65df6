"""The compiled loops over pairs give what Python's sets give."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gristmill.curation.dedup import pair_kernels

some_sets = st.lists(st.lists(st.integers(0, 40) | st.integers(0, 2**64 - 1), max_size=60), min_size=1, max_size=8)


@given(some_sets, st.randoms())
def test_sets_and_what_they_share(lists, random):
    lists.append(list(range(700)))  # far longer than the others
    items = np.array([item for one in lists for item in one], np.uint64)
    sizes = pair_kernels.make_sets(items, np.cumsum([0, *map(len, lists)]))
    start = np.cumsum(sizes) - sizes
    for one, begin, size in zip(lists, start, sizes, strict=True):
        assert items[begin : begin + size].tolist() == sorted(set(one))

    a, b = (np.array([random.randrange(len(lists)) for _ in range(30)]) for _ in range(2))
    expected = [len(set(lists[x]) & set(lists[y])) for x, y in zip(a, b, strict=True)]
    assert pair_kernels.common(items, start, sizes, a, b).tolist() == expected

    order = np.array(random.sample(range(len(lists)), len(lists)))
    moved, moved_start = np.zeros(int(sizes.sum()), np.uint64), np.cumsum(sizes[order]) - sizes[order]
    pair_kernels.move(moved, items, start[order], sizes[order], moved_start)
    start[order] = moved_start
    assert pair_kernels.common(moved, start, sizes, a, b).tolist() == expected


@given(st.integers(1, 20), st.integers(0, 1000))
def test_agreements_are_counted_by_place(width, seed):
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 3, (9, width), dtype=np.uint8)
    a, b = rng.integers(0, 9, (2, 25))
    assert pair_kernels.agreements(values, a, b).tolist() == (values[a] == values[b]).sum(axis=1).tolist()


@given(st.lists(st.lists(st.lists(st.integers(0, 9), max_size=6), max_size=4), min_size=1, max_size=10))
def test_each_document_meets_each_member_once(stretches):
    seen = np.full(10, -1)
    members = np.array([member for some in stretches for one in some for member in one], np.int64)
    end = np.cumsum([len(one) for some in stretches for one in some]).astype(np.int64)
    last = np.cumsum([len(some) for some in stretches])
    begin = np.concatenate(([0], end[:-1]))[: len(end)].astype(np.int64)
    documents = np.arange(len(stretches))
    for _ in range(2):  # what is left of the first time does no harm
        found = pair_kernels.met(documents, np.concatenate(([0], last[:-1])), last, begin, end, members, seen)
        assert [column.tolist() for column in found] == [
            [document for document, some in enumerate(stretches) for _ in {m for one in some for m in one}],
            [member for some in stretches for member in sorted({m for one in some for m in one})],
        ]
        seen[:] = np.where(seen < 0, seen, -1)
