"""The order of rows: by chance, yet any thousand of them one after the other have the mixture's proportions.

The rows of a block are sorted by what they are made of and dealt into 1,000 strata; then each thousand rows takes one
of every stratum, by chance which, in an order of strata that spreads neighbours apart (van der Corput). So a thousand
rows in a row, wherever they begin in a block, hold one row of each stratum: a sample without the luck of a draw. A
shuffle leaves the share of a source that fills half of the rows within 5 points (three standard deviations); this
leaves it within 1, and `pack` measures it.
"""

from itertools import pairwise

import numpy as np

WINDOW_ROWS = 1000
"""Rows in a stretch that is balanced."""


def balanced(row: np.ndarray, part: np.ndarray, length: np.ndarray, chance: np.ndarray) -> np.ndarray:
    """The place of each row, int64 [R], a permutation.

    `row`, `part`, `length` [S] are those of all segments, `chance` [R] a random order of the rows.
    """
    count = len(chance)
    rank = np.empty(count, np.int64)
    rank[_sorted_by_parts(row, part, length, chance)] = np.arange(count)
    stratum = rank * WINDOW_ROWS // count if count >= WINDOW_ROWS else rank
    strata = min(WINDOW_ROWS, count)
    turn = np.empty(count, np.int64)
    order = np.lexsort((chance, stratum))
    firsts = np.searchsorted(stratum[order], np.arange(strata))
    turn[order] = np.arange(count) - firsts[stratum[order]]
    place = np.empty(count, np.int64)
    place[np.lexsort((_spread(strata)[stratum], turn))] = np.arange(count)
    return place


def _sorted_by_parts(row: np.ndarray, part: np.ndarray, length: np.ndarray, chance: np.ndarray) -> np.ndarray:
    """Rows in order of the part that has most of them, the one that has next most, and how much the first has."""
    num_parts = int(part.max()) + 1
    pairs, inverse = np.unique(row.astype(np.int64) * num_parts + part, return_inverse=True)
    tokens = np.bincount(inverse, weights=length).astype(np.int64)
    of_row, of_part = np.divmod(pairs, num_parts)
    order = np.lexsort((of_part, -tokens, of_row))
    first = np.searchsorted(of_row[order], np.arange(len(chance)))
    largest = order[first]
    has_second = np.append(of_row[order], -1)[first + 1] == np.arange(len(chance))
    second = np.where(has_second, of_part[np.append(order, 0)[first + 1]], -1)
    return np.lexsort((chance, tokens[largest], second, of_part[largest]))


def _spread(count: int) -> np.ndarray:
    """int64 [count]: when each stratum's turn comes, so that any run of turns takes strata from everywhere."""
    bits = max(1, (count - 1).bit_length())
    numbers = np.arange(2**bits)
    reversed_bits = sum(((numbers >> bit) & 1) << (bits - 1 - bit) for bit in range(bits))
    turns = np.empty(count, np.int64)
    turns[reversed_bits[reversed_bits < count]] = np.arange(count)
    return turns


def window_deviation(row: np.ndarray, part: np.ndarray, length: np.ndarray, num_rows: int) -> float:
    """How far a part's share in any 1,000 rows is from its share in all of them, at most; 0 for fewer rows.

    Rows count from 0; shares are of the tokens, 0.01 is one percentage point.
    """
    if num_rows < WINDOW_ROWS:
        return 0.0
    all_tokens = np.bincount(row, weights=length, minlength=num_rows)
    in_window = _windows(all_tokens)
    worst = 0.0
    order = np.argsort(part, kind="stable")
    bounds = np.flatnonzero(np.diff(part[order], prepend=-1, append=-1))
    for first, last in pairwise(bounds):
        mine = order[first:last]
        tokens = np.bincount(row[mine], weights=length[mine], minlength=num_rows)
        share = tokens.sum() / all_tokens.sum()
        worst = max(worst, float(np.abs(_windows(tokens) / in_window - share).max()))
    return worst


def _windows(values: np.ndarray) -> np.ndarray:
    """Sums over every run of 1,000."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    return sums[WINDOW_ROWS:] - sums[:-WINDOW_ROWS]
