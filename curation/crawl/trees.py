"""Boosted trees, evaluated with numpy: all blocks of a page against all trees at once.

Trees are complete: every one has the same depth, and nodes lie level by level, the children of node i at 2i+1 and
2i+2. Leaves are whole numbers, thousandths of a log-odd, so that sums are exact on every machine.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

LEAF_SCALE = 1000
"""Leaf values are log-odds times this."""

MAX_CELLS = 2**20
"""Rows are taken in groups of so many rows x trees, to bound memory."""


@dataclass(frozen=True, eq=False)
class Trees:
    """An ensemble of complete binary trees for a binary decision."""

    features: np.ndarray
    """intp[trees, 2**depth - 1]: the column that each node looks at."""
    thresholds: np.ndarray
    """float32[trees, 2**depth - 1]: values up to this go left."""
    leaves: np.ndarray
    """int32[trees, 2**depth]."""

    @staticmethod
    def of(model: Mapping[str, Sequence]) -> "Trees":
        """Trees from lists as they stand in a JSON file."""
        return Trees(
            np.array(model["features"], np.intp),
            np.array(model["thresholds"], np.float32),
            np.array(model["leaves"], np.int32),
        )

    def log_odds(self, rows: np.ndarray) -> np.ndarray:
        """int64[rows]: log-odds in thousandths; `rows` is float32[rows, columns]."""
        step = max(MAX_CELLS // len(self.leaves), 1)
        return np.concatenate([self._log_odds(rows[i : i + step]) for i in range(0, max(len(rows), 1), step)])

    def _log_odds(self, rows: np.ndarray) -> np.ndarray:
        columns = np.ascontiguousarray(rows.T)
        count, nodes = columns.shape[1], self.features.shape[1]
        flat = columns.ravel()
        line = np.arange(count)
        node = (columns[self.features[:, 0]] > self.thresholds[:, :1]).astype(np.intp) + 1
        features, thresholds = self.features.ravel() * count, self.thresholds.ravel()
        first = np.arange(0, len(self.features) * nodes, nodes)[:, None]
        for _ in range(nodes.bit_length() - 1):
            at = node + first
            above = flat.take(features.take(at) + line) > thresholds.take(at)
            node += node
            node += 1
            node += above
        first = np.arange(0, self.leaves.size, nodes + 1)[:, None] - nodes
        return self.leaves.ravel().take(node + first).sum(axis=0, dtype=np.int64)


PROBABILITIES = np.round(1 / (1 + np.exp(-np.arange(-8000, 8001) / LEAF_SCALE)), 6)


def probabilities(log_odds: np.ndarray) -> np.ndarray:
    """float64: the probability for each log-odd in thousandths, rounded so that it is equal on every machine."""
    return PROBABILITIES[np.clip(log_odds, -8000, 8000) + 8000]
