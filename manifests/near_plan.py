"""What `gristmill plan` and `check` say of near deduplication: how likely two similar documents are compared at all."""

from collections.abc import Iterator

from gristmill.curation.dedup import banding
from gristmill.manifests.plan_dedup import deduplicates
from gristmill.manifests.schema import Loaded, Near
from gristmill.manifests.source_lines import Problem

PLACE = ("curate", "dedup", "near")


def near_of(loaded: Loaded) -> Near | None:
    """The parameters of near deduplication; None if there is none."""
    return loaded.manifest.curate.dedup.near if deduplicates(loaded) else None


def facts(loaded: Loaded) -> dict | None:
    """Bands and rows, and the probability that a pair is compared by its similarity, as `plan --json` gives them."""
    near = near_of(loaded)
    if near is None:
        return None
    params = near.duplicates
    return {
        "bands": params.bands,
        "rows_per_band": params.rows_per_band,
        "given": [name for name in ("bands", "rows_per_band") if getattr(near, name) is not None],
        "num_perm": near.num_perm,
        "min_similarity": params.min_similarity,
        "measure": params.measure,
        "caught": banding.caught(params),
        "curve": {f"{similarity:.2f}": chance for similarity, chance in banding.curve(params).items()},
        "warning": warning(loaded),
    }


def lines(loaded: Loaded) -> Iterator[str]:
    """The same for people: three lines of at most 80 characters or so."""
    found = facts(loaded)
    if found is None:
        return
    given = found["given"]
    how = "given" if len(given) == 2 else f"{given[0]} given" if given else "chosen"
    at = f"{found['measure']} {found['min_similarity']:g}"
    if found["measure"] == "containment":
        at += f" (Jaccard {banding.as_jaccard(found['min_similarity'], 'containment'):.3g} at equal length)"
    yield (
        f"near duplicates: {found['bands']} bands x {found['rows_per_band']} rows ({how}): "
        f"{_percent(found['caught'])} compared at {at}"
    )
    yield "  Jaccard   " + "".join(f"{similarity:>6}" for similarity in found["curve"])
    yield "  compared %" + "".join(f"{100 * chance:>6.1f}" for chance in found["curve"].values())


def warning(loaded: Loaded) -> str | None:
    """What is said where too many pairs at the threshold are never compared; None where enough are."""
    near = near_of(loaded)
    if near is None or banding.caught(near.duplicates) >= banding.CAUGHT:
        return None
    params = near.duplicates
    at, missed = banding.as_jaccard(params.min_similarity, params.measure), 1 - banding.caught(params)
    given = [name for name in ("bands", "rows_per_band") if getattr(near, name) is not None]
    others = banding.choose(near.num_perm, params.min_similarity, params.measure)
    remedies = []
    if given and banding.caught(others) >= banding.CAUGHT:
        out = " and ".join(given)
        remedies.append(
            f"leave out {out} ({others.bands} x {others.rows_per_band} compares {_percent(banding.caught(others))})"
        )
    if near.rows_per_band is not None and (bands := banding.needed_bands(at, params.rows_per_band)):
        room = bands * params.rows_per_band
        remedies.append(f"set bands: {bands}" + (f" and num_perm: {room}" if room > near.num_perm else ""))
    if not remedies and (bands := banding.needed_bands(at, 1)):
        remedies.append(f"set num_perm: {bands}" + (f" and leave out {' and '.join(given)}" if given else ""))
    message = (
        f"{params.bands} bands x {params.rows_per_band} rows never compare {_percent(missed)} of the pairs at "
        f"min_similarity {params.min_similarity:g}; to compare {100 * banding.CAUGHT:g} % of them, {', or '.join(remedies) or 'raise min_similarity'}"
    )
    place = (*PLACE, *given[:1])
    return str(Problem(str(loaded.path), loaded.lines.line(place), ".".join(PLACE), message))


def _percent(share: float) -> str:
    """A share for people, never rounded to all or nothing.

    >>> _percent(0.99764), _percent(0.99999), _percent(1)
    ('99.8 %', '99.999 %', '100 %')
    """
    digits = 1
    while digits < 6 and 0 < share < 1 and f"{100 * share:.{digits}f}" in (f"{100:.{digits}f}", f"{0:.{digits}f}"):
        digits += 1
    return f"{100 * share:.{digits}f}".rstrip("0").rstrip(".") + " %"
