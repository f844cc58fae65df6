"""Which copy stays: by source, then by quality, then by id; never by the order of files or of workers."""

import difflib
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gristmill.curation import columns

MAX_REMOVED = 0.9
"""Share of a source's documents that may be removed where nothing else is said."""

_NUMERIC = ("text", "number", "score", "meta")


def check_quality(feature: str) -> None:
    """Raises ValueError for what is no number that a document has on record, with the nearest name."""
    family = columns.family(feature)
    if family not in _NUMERIC:
        close = difflib.get_close_matches(feature, columns.names(), n=1) if family is None else []
        what = "no feature" if family is None else "no number that a document has on record"
        hint = f"did you mean {close[0]!r}? Or use" if close else "use"
        raise ValueError(
            f"{feature!r} is {what}; {hint} classifier.<name>, scores.<name>, meta.<key> or a feature such as num_words"
        )


class CeilingError(ValueError):
    """A ceiling that is no share; `place` is the source that it is of, () for all."""

    def __init__(self, message: str, *place: str):
        super().__init__(message)
        self.place = place


def check_ceilings(value: object) -> None:
    """Raises CeilingError unless it is a share from 0 to 1, or a mapping of sources to such."""
    parts = {(str(source),): share for source, share in value.items()} if isinstance(value, Mapping) else {(): value}
    for place, share in parts.items():
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
            told = repr(share) if isinstance(share, str) else str(share).lower() if isinstance(share, bool) else share
            what = "must be a share from 0 to 1" + ("" if place else ", or a block of `source: share` lines")
            raise CeilingError(f"{what}, but it is {told}; 1 lets everything go", *place)


def source_ranks(prefer: Sequence[str], sources: Sequence[str], by_quality: bool) -> Mapping[str, int]:
    """The level of each source, 0 the best: those of `prefer` first, then the others in their order.

    With a quality the others share one level, or it would never decide between two sources.

    >>> source_ranks(["c"], ["a", "b", "c"], False)
    {'c': 0, 'a': 1, 'b': 2}
    >>> source_ranks(["c"], ["a", "b", "c"], True)
    {'c': 0, 'a': 1, 'b': 1}
    """
    named = list(dict.fromkeys(prefer))
    others = [name for name in sources if name not in named]
    later = {name: len(named) + (0 if by_quality else number) for number, name in enumerate(others)}
    return {name: rank for rank, name in enumerate(named)} | later


def ranks(levels: np.ndarray, quality: np.ndarray | None, ids: pa.Array | pa.ChunkedArray) -> np.ndarray:
    """int64[N], the place of each document in the order of preference, 0 the best.

    `levels` int [N] those of the documents' sources, smaller is better; `quality` float64 [N], larger is better, NaN comes
    last; `ids` string [N], all different, ascending.
    """
    table = pa.table({"level": levels, "id": ids})
    order = [("level", "ascending"), ("id", "ascending")]
    if quality is not None:
        worst_last = np.where(np.isnan(quality), np.inf, -quality)
        table = table.append_column("quality", pa.array(worst_last))
        order.insert(1, ("quality", "ascending"))
    places = np.array(pc.sort_indices(table, order), dtype=np.int64)
    result = np.empty(len(places), np.int64)
    result[places] = np.arange(len(places))
    return result
