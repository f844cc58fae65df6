"""Bands and rows: how likely MinHash signatures bring two documents together, and how a signature is cut for that.

Two documents are compared if their signatures agree in one whole band. With b bands of r rows that happens to documents
of Jaccard similarity s with probability 1 - (1 - s^r)^b: an S-shaped curve, steeper and further right the more rows a
band has. More rows mean fewer pairs to verify, and more pairs that are never looked at; verification cannot bring those
back. So the rows are as many as the threshold allows.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

CAUGHT = 0.995
"""Least probability that a pair at the threshold is looked at, where bands and rows are chosen here."""

MEASURES = ("jaccard", "containment")

CURVE = tuple(round(0.5 + 0.05 * step, 2) for step in range(11))
"""The Jaccard similarities that the curve is shown at."""


class BandingError(ValueError):
    """Bands, rows or a threshold that cannot be; `place` is the key that says so, () for several."""

    def __init__(self, message: str, *place: str):
        super().__init__(message)
        self.place = place


@dataclass(frozen=True)
class DuplicateParams:
    """What counts as a near duplicate, and how candidates for one are found."""

    bands: int = 21
    """Groups of values that a signature is cut into; two documents are compared if one group agrees in full."""

    rows_per_band: int = 6
    """Values of a signature in each group; 21 x 6 nominates 99.8 % of the pairs that are similar by 0.8."""

    min_similarity: float = 0.8
    """Least similarity of the shingle sets, 0 to 1, that removes a document."""

    measure: str = "jaccard"
    """`jaccard`: shingles in both by shingles in either; `containment`: shingles in both by those of the removed one."""

    def __post_init__(self):
        for name in ("bands", "rows_per_band"):
            if getattr(self, name) < 1:
                raise BandingError(
                    f"{name} is {getattr(self, name)}, but it must be at least 1; set it, or leave it out", name
                )
        check_similarity(self.min_similarity)
        if self.measure not in MEASURES:
            raise BandingError(f"measure is {self.measure!r}; set one of {', '.join(MEASURES)}", "measure")


def check_similarity(min_similarity: float) -> None:
    """Raises BandingError for a threshold that no pair, or every pair, reaches."""
    if not 0 < min_similarity <= 1:
        percent = f"{min_similarity / 100:g}" if 1 < min_similarity <= 100 else "0.8"
        raise BandingError(
            f"min_similarity is {min_similarity:g}, but it must be above 0 and at most 1; set {percent}",
            "min_similarity",
        )


def check(params: DuplicateParams, num_perm: int) -> None:
    """Raises BandingError if signatures of `num_perm` values are too short for the bands."""
    needed = params.bands * params.rows_per_band
    if needed > num_perm:
        rows = num_perm // params.bands
        remedy = f"rows_per_band: {rows}" if rows else f"bands: {num_perm // params.rows_per_band or 1}"
        raise BandingError(
            f"bands ({params.bands}) x rows_per_band ({params.rows_per_band}) = {needed} hashes, "
            f"but num_perm is {num_perm}; set num_perm: {needed}, or {remedy}, or leave both out"
        )


def choose(
    num_perm: int,
    min_similarity: float = 0.8,
    measure: str = "jaccard",
    bands: int | None = None,
    rows_per_band: int | None = None,
) -> DuplicateParams:
    """Parameters with the bands and rows that are not given. Raises BandingError for what cannot be.

    With neither: the most rows that still catch `CAUGHT` of the pairs at the threshold with as many bands as fit, or one
    row where none do. With one of them: as much of the other as fits.

    >>> choose(128).bands, choose(128).rows_per_band
    (21, 6)
    """
    check_similarity(min_similarity)
    for name, given in (("bands", bands), ("rows_per_band", rows_per_band)):
        if given is not None and not 0 < given <= num_perm:
            raise BandingError(f"{name} is {given}, but it must be from 1 to num_perm ({num_perm}); set it so", name)
    if bands is None and rows_per_band is None:
        at = as_jaccard(min_similarity, measure)
        # b bands catch at most b s^r, so that nothing beyond this many rows can be enough.
        most = num_perm if at == 1 else min(num_perm, math.ceil(math.log(num_perm / CAUGHT) / -math.log(at)))
        fits = (r for r in range(most, 0, -1) if collision_probability(at, num_perm // r, r) >= CAUGHT)
        rows_per_band = next(fits, 1)
    rows = num_perm // bands if rows_per_band is None else rows_per_band
    params = DuplicateParams(num_perm // rows if bands is None else bands, rows, min_similarity, measure)
    check(params, num_perm)
    return params


def collision_probability(similarity: float, bands: int, rows_per_band: int) -> float:
    """Probability that two documents of this Jaccard similarity agree in at least one band, so that they are compared.

    1 - (1 - s^rows)^bands (Leskovec et al., Mining of Massive Datasets, section 3.4.2).
    """
    return 1.0 - (1.0 - similarity**rows_per_band) ** bands


def needed_bands(similarity: float, rows_per_band: int, caught: float = CAUGHT) -> int | None:
    """The fewest bands of so many rows that compare a share `caught` of the pairs of a Jaccard similarity.

    None where that would be more than a million.

    >>> needed_bands(0.8, 6)
    18
    """
    one = similarity**rows_per_band  # the probability that one band agrees
    if one >= caught:
        return 1
    bands = math.ceil(math.log1p(-caught) / math.log1p(-one)) if one > 1e-9 else math.inf
    return bands if bands <= 1_000_000 else None


def as_jaccard(similarity: float, measure: str) -> float:
    """The Jaccard similarity that two documents of equal length have at this similarity.

    Containment c of two sets of n shingles is c n in both, (2 - c) n in either. A short text in a far longer one has less,
    and the signatures may never bring the two together.

    >>> as_jaccard(0.8, "jaccard"), round(as_jaccard(0.8, "containment"), 4)
    (0.8, 0.6667)
    """
    return similarity / (2 - similarity) if measure == "containment" else similarity


def caught(params: DuplicateParams) -> float:
    """Probability that a pair of equal length at the threshold is looked at."""
    at = as_jaccard(params.min_similarity, params.measure)
    return collision_probability(at, params.bands, params.rows_per_band)


def curve(params: DuplicateParams) -> Mapping[float, float]:
    """Jaccard similarity -> probability that a pair is looked at, from 0.5 to 1."""
    return {s: collision_probability(s, params.bands, params.rows_per_band) for s in CURVE}


def least_matches(params: DuplicateParams, num_perm: int) -> int:
    """In how many places two signatures agree at least if the documents are worth comparing; 0 where that says nothing.

    4 standard errors below the threshold: 1 in 30,000 pairs at the threshold is taken for less. A short text that a long
    one contains agrees with it in few places.
    """
    if params.measure == "containment":
        return 0
    spread = (params.min_similarity * (1 - params.min_similarity) / num_perm) ** 0.5
    return max(0, math.ceil((params.min_similarity - 4 * spread) * num_perm))


def bands_hit(signatures: np.ndarray, others: np.ndarray, params: DuplicateParams) -> np.ndarray:
    """How many bands of each signature are equal to those of another one: int32 [N], of two uint32 [N, num_perm]."""
    used = params.bands * params.rows_per_band
    equal = (signatures[:, :used] == others[:, :used]).reshape(-1, params.bands, params.rows_per_band)
    return equal.all(axis=2).sum(axis=1).astype(np.int32)
