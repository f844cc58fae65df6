"""Parts of a source by a number, such as a quality score: buckets that the mixture weighs one by one.

A document's bucket is written once (`buckets.arrow`, row i is row i of the document shard), so that other weights cost
no more than packing again.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gristmill.curation import columns, shards

VERSION = 2
"""Raised when the same values would fall into other buckets."""

MISSING = "missing"
"""What the bucket of documents without the value is called."""

BUCKETS_SCHEMA = pa.schema([pa.field("id", pa.string(), False), pa.field("bucket", pa.int16(), False)])

_NUMERIC = ("text", "number", "url", "score", "meta")


@dataclass(frozen=True)
class MissingBucket:
    """A bucket for the documents that have no such value."""

    weight: float
    """Its share of the source's weight, beside those of the other buckets."""
    max_epochs: float | None = None
    """How often the mixture may repeat a document of it; null: as the source says."""

    def __post_init__(self) -> None:
        _check_weights((self.weight,))
        _check_epochs(() if self.max_epochs is None else (self.max_epochs,))


@dataclass(frozen=True)
class BucketParams:
    """How a source is divided, and how much of its weight each part has."""

    by: str
    """The number that decides: `classifier.<name>`, `scores.<name>`, `meta.<key>`, or a feature such as `num_words`."""
    edges: tuple[float, ...]
    """Where the buckets meet, ascending; a value on an edge is in the upper bucket. One edge makes two buckets."""
    weights: tuple[float, ...]
    """The share of the source's weight of each bucket, the lowest first; they need no particular sum, 0 leaves one out."""
    max_epochs: tuple[float, ...] | None = None
    """How often the mixture may repeat a document of each bucket; null: as the source says."""
    missing: MissingBucket | None = None
    """A bucket of their own for documents without the value; null: they are in bucket 0, the lowest."""

    def __post_init__(self) -> None:
        family = columns.family(self.by)
        if family not in _NUMERIC:
            what = "no feature" if family is None else "no number that a document has on record"
            raise ValueError(
                f"by: {self.by!r} is {what}; use classifier.<name>, scores.<name>, meta.<key> or a feature"
            )
        if not self.edges or not all(map(math.isfinite, self.edges)):
            raise ValueError(f"edges: {list(self.edges)}: give one finite number or more, such as [0.2, 0.6]")
        if any(a >= b for a, b in zip(self.edges, self.edges[1:], strict=False)):
            raise ValueError(f"edges: {list(self.edges)} do not ascend; sort them, each once")
        num_buckets = len(self.edges) + 1
        for name in ("weights", "max_epochs"):
            given = getattr(self, name)
            if given is not None and len(given) != num_buckets:
                raise ValueError(
                    f"{name} has {len(given)} entries, but {len(self.edges)} edges make {num_buckets} buckets; give "
                    "one for each, the lowest first"
                )
        _check_weights(self.weights)
        _check_epochs(self.max_epochs or ())
        if not any(self.shares.values()):
            raise ValueError("weights are all 0; give at least one bucket a weight above 0, or the source weight: 0")

    @property
    def names(self) -> list[str]:
        """What the buckets are called, in order of number: 0, 1, ..., and `missing` if there is such a bucket."""
        return [*map(str, range(len(self.edges) + 1)), *([MISSING] if self.missing else [])]

    @property
    def shares(self) -> dict[str, Fraction]:
        """The exact share of the source's weight of each bucket; they sum to 1."""
        weights = [*self.weights, *([self.missing.weight] if self.missing else [])]
        exact = [Fraction(str(weight)) for weight in weights]
        total = sum(exact)
        return {name: weight / total if total else weight for name, weight in zip(self.names, exact, strict=True)}

    def shares_among(self, has_missing: bool) -> dict[str, Fraction]:
        """`shares`; where no document is without the value, that bucket's is divided among the others in proportion."""
        shares = self.shares
        rest = 1 - shares.get(MISSING, Fraction(0))
        if has_missing or MISSING not in shares or not rest:
            return shares
        return {name: Fraction(0) if name == MISSING else share / rest for name, share in shares.items()}

    def epochs(self, of_source: float) -> dict[str, float]:
        """How often a document of each bucket may be repeated, where the source says `of_source`."""
        given = list(self.max_epochs or [of_source] * (len(self.edges) + 1))
        if self.missing:
            given.append(of_source if self.missing.max_epochs is None else self.missing.max_epochs)
        return dict(zip(self.names, given, strict=True))


def _check_weights(weights: Sequence[float]) -> None:
    for weight in weights:
        if not 0 <= weight < math.inf:
            raise ValueError(f"weight {weight} of a bucket must be 0 or more")


def _check_epochs(epochs: Sequence[float]) -> None:
    for number in epochs:
        if not 0 < number < math.inf:
            raise ValueError(f"max_epochs {number} of a bucket must be above 0")


def bucket_numbers(values: np.ndarray, edges: Sequence[float], own_missing: bool) -> np.ndarray:
    """int16 [N]: the bucket of each value; NaN is in bucket 0, or with `own_missing` in the one after the last.

    >>> bucket_numbers(np.array([0.1, 0.2, 0.7, np.nan]), [0.2, 0.6], own_missing=True).tolist()
    [0, 1, 2, 3]
    """
    numbers = np.searchsorted(np.asarray(edges, np.float64), values, side="right")
    numbers[np.isnan(values)] = len(edges) + 1 if own_missing else 0
    return numbers.astype(np.int16)


def read_buckets(path: str | Path, ids: pa.ChunkedArray) -> np.ndarray:
    """int32 [N]: the bucket of each document of a token shard, whose ids these are."""
    table = shards.read_table(Path(path))
    assert table["id"].equals(ids.cast(pa.string())), f"{path} has the buckets of other documents"
    return table["bucket"].to_numpy().astype(np.int32)


def bucket_of(document: str, folder: Path) -> str | None:
    """The name of a document's bucket in `runs/<manifest>/buckets/<source>`; None where it has none."""
    for path in sorted(folder.glob("*.arrow")):
        with pa.memory_map(str(path)) as file:
            names = json.loads(pa.ipc.open_file(file).schema.metadata[b"gristmill.buckets"])
        table = shards.read_table(path)
        if (row := pc.index(table["id"], document).as_py()) >= 0:
            return names[table["bucket"][row].as_py()]
    return None
