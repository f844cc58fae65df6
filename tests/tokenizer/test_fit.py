from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.tokenizer.fit import best_fit, bos_aligned, concatenate

LENGTHS = st.lists(st.integers(1, 70), min_size=1, max_size=120)
WIDTH = st.integers(2, 40)


@pytest.mark.parametrize("fit", [best_fit, concatenate])
@given(lengths=LENGTHS, width=WIDTH)
def test_no_token_is_lost_or_repeated_and_no_row_overflows(fit, lengths, width):
    item, start, length, row = fit(np.array(lengths), width)
    seen = Counter((i, s + k) for i, s, n in zip(item, start, length, strict=True) for k in range(n))
    assert seen == Counter((i, k) for i, n in enumerate(lengths) for k in range(n))
    fill = np.bincount(row, length)
    assert fill.max() <= width
    assert fill.min() > 0


@given(LENGTHS, WIDTH)
def test_concatenated_rows_are_full_but_the_last(lengths, width):
    item, start, length, row = concatenate(np.array(lengths), width)
    assert (np.bincount(row, length)[:-1] == width).all()
    assert (np.diff(row) >= 0).all()
    assert sorted(zip(item, start, strict=True)) == list(zip(item, start, strict=True))


@given(st.lists(st.integers(1, 40), min_size=1, max_size=120))
def test_best_fit_places_as_the_textbook_does_one_by_one(lengths):
    width, rooms = 40, []
    for length in sorted(lengths, reverse=True):
        fitting = [room for room in rooms if room >= length]
        if fitting:
            rooms[rooms.index(min(fitting))] -= length
        else:
            rooms.append(width - length)
    _, _, length, row = best_fit(np.array(lengths), width)
    assert sorted(width - np.bincount(row, length)) == sorted(rooms)


@given(LENGTHS, WIDTH)
def test_best_fit_keeps_whole_what_fits_a_row(lengths, width):
    item, _, length, _ = best_fit(np.array(lengths), width)
    pieces = Counter(item.tolist())
    assert all(pieces[i] == -(-n // width) for i, n in enumerate(lengths))
    assert all(length[item == i][:-1].min(initial=width) == width for i in range(len(lengths)))


def test_best_fit_leaves_almost_no_padding():
    lengths = np.minimum(np.random.default_rng(0).lognormal(6.3, 1.1, 20_000).astype(int) + 1, 200_000)
    _, _, length, row = best_fit(lengths, 2049)
    assert 1 - length.sum() / ((row.max() + 1) * 2049) < 0.001


@given(LENGTHS, WIDTH)
def test_bos_aligned_begins_every_segment_with_a_document_and_crops_only_what_no_row_holds(lengths, width):
    item, start, length, row = bos_aligned(np.array(lengths), width)
    assert sorted(item) == list(range(len(lengths)))
    assert not start.any()
    assert all(length[place] == min(lengths[i], width) for place, i in enumerate(item))
    assert np.bincount(row, length).max() <= width


def test_best_fit_truncates_as_few_documents_as_the_papers_algorithm_and_pads_as_little():
    from benchmarks.bench_packing import lengths_of, paper

    lengths = lengths_of(20_000)
    rows, truncated = paper(lengths, 2049)
    item, _, _, row = best_fit(lengths, 2049)
    assert (int(row.max()) + 1, int((np.bincount(item) > 1).sum())) == (rows, truncated)
    assert 1 - lengths.sum() / (rows * 2049) < 0.005
