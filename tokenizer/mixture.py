"""What a mixture is: how much of each part is drawn for training, and which documents are kept for validation."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from gristmill.curation import columns
from gristmill.tokenizer.draw import SCALE, document_draws

QUALITY_BUCKET = "quality_bucket"
"""In `by`: the bucket of a document of a source with `buckets`."""

ALL_OTHERS = "*"
"""In `weights`: every part that no other key names."""

_COLUMNS = ("source", "kind", "language", "licence", QUALITY_BUCKET)


@dataclass(frozen=True)
class Phase:
    """Another mixture for the rest of the run, or up to the next phase."""

    weights: Mapping[str, float] | None = None
    """The weight of each part, as `mixture.weights` has them."""
    temperature: float | None = None
    """Instead of weights: shares are sizes to the power of 1/temperature."""
    start: float | None = None
    """Share of the run's tokens after which it begins: 0.9 for the last tenth."""
    after_rows: int | None = None
    """Instead of `start`, for a run in progress: the rows before this one stay as they are without the phase."""
    tokens: int | None = None
    """With `after_rows`: tokens of the rest of the run; null: what is left of `mixture.tokens`."""

    def __post_init__(self) -> None:
        if (self.start is None) == (self.after_rows is None):
            raise ValueError("phases: give each phase `start` (a share of the run) or `after_rows`, one of the two.")
        if self.start is not None and not 0 < self.start < 1:
            raise ValueError(f"phases: start {self.start} must be between 0 and 1, such as 0.9 for the last tenth.")
        if self.after_rows is not None and self.after_rows < 1:
            raise ValueError(f"phases: after_rows {self.after_rows} must be at least 1: the rows that were consumed.")
        if self.tokens is not None and (self.after_rows is None or self.tokens < 1):
            raise ValueError("phases: tokens, at least 1, are for a phase with `after_rows`; remove it.")
        if (self.weights is None) == (self.temperature is None):
            raise ValueError("phases: give each phase `weights` or `temperature`, one of the two.")
        _check_weights(self.weights)
        _check_temperature(self.temperature)


@dataclass(frozen=True)
class MixtureParams:
    """How much to draw for training, and how much never to train on."""

    tokens: int | None = None
    """Tokens to train on; None: as many as weights and max_epochs allow, or everything once where no weight is set."""

    validation: float = 0.01
    """Share of the documents that is held out for validation; at least one document always is."""

    by: tuple[str, ...] | None = None
    """Columns whose values make the parts that are weighed: source, kind, language, licence, quality_bucket, meta.<key>.
    null: the sources, and the buckets of those that are divided."""

    weights: Mapping[str, float] | None = None
    """The weight of each part, its values joined by `/`: {web/en: 0.6, web: 0.1, "*": 0.3}. A key with fewer values
    stands for all parts that begin so, `*` for all others; they share it by their sizes. null: the sources' `weight`."""

    temperature: float | None = None
    """Instead of weights: shares are sizes to the power of 1/temperature; 1: by size, large: all alike. What max_epochs
    does not let a part give goes to the others."""

    unimax: bool = False
    """Instead of weights: all parts alike, as far as max_epochs lets them (Chung et al. 2023); needs `tokens`."""

    phases: tuple[Phase, ...] = ()
    """Other mixtures for the rest of the run, in the order of their beginning."""

    def __post_init__(self) -> None:
        if self.tokens is not None and self.tokens < 1:
            raise ValueError(f"tokens: {self.tokens} must be at least 1; leave it out for all there is.")
        if not 0 <= self.validation < 1:
            raise ValueError(f"validation: {self.validation} must be a share of at least 0 and below 1, such as 0.01.")
        if self.by is not None:
            _check_columns(self.by)
        ways = {"weights": self.weights is not None, "temperature": self.temperature is not None, "unimax": self.unimax}
        if sum(ways.values()) > 1:
            given = " and ".join(name for name, is_given in ways.items() if is_given)
            raise ValueError(f"{given}: each decides the shares; give one of them.")
        if self.unimax and self.tokens is None:
            raise ValueError("unimax: true needs `tokens`: how much a part may give depends on how much is asked for.")
        _check_weights(self.weights)
        _check_temperature(self.temperature)
        _check_order(self.phases)

    @property
    def planned(self) -> tuple[Phase, ...]:
        """The phases that are part of the run from its beginning."""
        return tuple(phase for phase in self.phases if phase.start is not None)

    @property
    def changes(self) -> tuple[Phase, ...]:
        """The phases that change a run in progress."""
        return tuple(phase for phase in self.phases if phase.after_rows is not None)


def _check_columns(names: tuple[str, ...]) -> None:
    if not names or len(set(names)) < len(names):
        raise ValueError(f"by: {list(names)}: name one column or more, each once, such as [source, language].")
    for name in names:
        if name not in _COLUMNS and columns.family(name) != "meta":
            more = "; a number is weighed by a source's `buckets`, and then quality_bucket" * (
                columns.family(name) in columns.NUMERIC
            )
            raise ValueError(f"by: {name!r} is none of {', '.join(_COLUMNS)}, meta.<key>{more}.")


def _check_weights(weights: Mapping[str, float] | None) -> None:
    if weights is None:
        return
    for part, weight in weights.items():
        if not 0 <= weight < math.inf:
            raise ValueError(f"weights: {part} has {weight}; it must be 0 or more.")
    if not any(weights.values()):
        raise ValueError("weights: all are 0; give at least one part a weight above 0.")


def _check_temperature(temperature: float | None) -> None:
    if temperature is not None and not 0 < temperature < math.inf:
        raise ValueError(f"temperature: {temperature} must be above 0; 1 is by size, 3 is common for languages.")


def _check_order(phases: tuple[Phase, ...]) -> None:
    starts = [phase.start for phase in phases if phase.start is not None]
    rows = [phase.after_rows for phase in phases if phase.after_rows is not None]
    if any(a >= b for a, b in pairwise(starts)) or any(a >= b for a, b in pairwise(rows)):
        raise ValueError("phases: they must begin one after the other; sort them, each once.")
    if any(phase.start is not None for phase in phases[len(starts) :]):
        raise ValueError("phases: those with `after_rows` change the run as it was; put them last.")


def is_validation(ids: Iterable[str], share: float, seed: int) -> np.ndarray:
    """Whether each document is held out, bool[N], by a hash: new documents never change the side of old ones.

    `ids` say which documents belong together (`catalogue.split_keys`).
    """
    return validation_draws(ids, seed) < share * SCALE


def validation_draws(ids: Iterable[str], seed: int) -> np.ndarray:
    """The numbers behind `is_validation`, uint64[N]; the smallest are held out first."""
    return document_draws(ids, seed, "validation")
