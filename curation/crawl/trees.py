"""Boosted trees: all blocks of a page against all trees at once.

Trees are complete: every one has the same depth, and nodes lie level by level, the children of node i at 2i+1 and
2i+2. Leaves are whole numbers, thousandths of a log-odd, so that sums are exact on every machine.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

LEAF_SCALE = 1000
"""Leaf values are log-odds times this."""


@dataclass(frozen=True, eq=False)
class Trees:
    """An ensemble of complete binary trees for a binary decision."""

    features: np.ndarray
    """int64[trees, 2**depth - 1]: the column that each node looks at."""
    thresholds: np.ndarray
    """float32[trees, 2**depth - 1]: values up to this go left."""
    leaves: np.ndarray
    """int32[trees, 2**depth]."""

    @staticmethod
    def of(model: Mapping[str, Sequence]) -> "Trees":
        """Trees from lists as they stand in a JSON file."""
        return Trees(
            np.array(model["features"], np.int64),
            np.array(model["thresholds"], np.float32),
            np.array(model["leaves"], np.int32),
        )

    def log_odds(self, rows: np.ndarray) -> np.ndarray:
        """int64[rows]: log-odds in thousandths; `rows` is float32[rows, columns]."""
        from gristmill.curation.crawl import line_kernels

        found = np.empty(len(rows), np.int64)
        line_kernels.log_odds(rows, self.features, self.thresholds, self.leaves, found)
        return found


PROBABILITIES = np.round(1 / (1 + np.exp(-np.arange(-8000, 8001) / LEAF_SCALE)), 6)


def probabilities(log_odds: np.ndarray) -> np.ndarray:
    """float64: the probability for each log-odd in thousandths, rounded so that it is equal on every machine."""
    return PROBABILITIES[np.clip(log_odds, -8000, 8000) + 8000]
