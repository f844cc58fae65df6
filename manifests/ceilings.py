"""A ceiling on what deduplication may remove of a source: above it the run stops, and shows the clusters behind it.

A source of which nearly everything goes is mostly one of two things: a source that was read before, or pages whose frame
is larger than their content. Only a person can tell, and only from the texts.
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from gristmill.curation import shards
from gristmill.curation.dedup import preference, text_diff
from gristmill.manifests import removal
from gristmill.manifests.checks import GUARDED_FROM
from gristmill.manifests.counts import RunStopped, total
from gristmill.manifests.dedup import VERDICTS
from gristmill.manifests.planning import Context
from gristmill.manifests.schema import Dedup
from gristmill.manifests.side_by_side import visible
from gristmill.manifests.source_lines import Problem
from gristmill.manifests.store import Record

SHOWN_CLUSTERS = 5
SHOWN_EXAMPLES = 3
"""Largest clusters that are shown, and removed documents of each."""

EXCERPT = 120
"""Characters of a text that are shown."""

COMPARED = 1 << 16
"""Characters of two texts that are compared for their first difference."""

PLACE = ("curate", "dedup", "max_removed")


@dataclass(frozen=True)
class _Text:
    source: str
    locator: str
    text: str


def check(records: Sequence[Record], context: Context) -> None:
    """Stop the run if more of a source goes than `max_removed` allows, or less stays than `run.min_kept` asks for.

    All such sources are told at once. The verdicts are in the store by now: a run that allows more goes on from there.
    """
    dedup, min_kept = context.manifest.curate.dedup, context.manifest.run.min_kept
    crossed: dict[str, float] = {}  # source -> share removed
    for source in context.groups:
        counts = total(record for record in records if record.source == source)
        if counts.get("documents", 0) < GUARDED_FROM:
            continue
        removed = 1 - counts["kept"] / counts["documents"]
        if removed > dedup.ceiling(source) or counts["kept"] < min_kept * counts["documents"]:
            crossed[source] = removed
    if crossed:
        told = [line for source in crossed for line in _source(source, crossed[source], records, context)]
        raise RunStopped("\n".join([*told, *_how_to_go_on(crossed, list(context.groups), dedup, min_kept)]))


def verdict_files(records: Sequence[Record], source: str) -> dict[str, Path]:
    """What deduplication decided of a source: unit -> file with a row for each of its texts."""
    return {record.name: record.folder / VERDICTS for record in records if record.source == source}


def _source(source: str, removed: float, records: Sequence[Record], context: Context) -> Iterator[str]:
    counts = total(record for record in records if record.source == source)
    dedup = context.manifest.curate.dedup
    above = removed > dedup.ceiling(source)
    limits = [f"curate.dedup.max_removed {dedup.ceiling(source):g}"] if above else []
    if counts["kept"] < context.manifest.run.min_kept * counts["documents"]:
        limits.append(f"run.min_kept {context.manifest.run.min_kept:g} allows")
    rules = "; ".join(f"{rule}: {n:,}" for rule, n in Counter(counts["dropped"]).most_common())
    loaded, place = context.loaded, (*PLACE, source) if above else ("run", "min_kept")
    what = f"dedup removes {removed:.2%} of the {counts['documents']:,} documents of source {source}, more than "
    yield str(
        Problem(str(loaded.path), loaded.lines.line(place), ".".join(place), f"{what}{' or '.join(limits)} ({rules})")
    )
    files = verdict_files(records, source)
    clusters = _largest(files.values())
    covered = sum(clusters.values())
    yield f"  The largest clusters, {covered:,} of the {counts['documents'] - counts['kept']:,} that go:"
    kept = _texts(clusters, context)
    for number, (kept_id, size) in enumerate(clusters.items(), 1):
        yield from _cluster(
            f"{number}. {size:,}", kept_id, kept.get(kept_id), _examples(source, files, kept_id, context)
        )


def _cluster(
    size: str, kept_id: str, kept: _Text | None, examples: Iterator[tuple[str, float | None, _Text]]
) -> Iterator[str]:
    where = f"{kept.source}  {kept.locator}" if kept else "whose text is not here"
    yield f"  {size} for {kept_id}  {where}"
    if kept:
        yield f"       {_excerpt(kept.text)}"
    for removed_id, similarity, removed in examples:
        score = "same page" if similarity is None else f"{similarity:.4f}"
        yield f"     {score}  {removed_id}  {removed.locator}"
        yield f"       {_excerpt(removed.text)}"
        if kept and (first := _first_difference(kept.text, removed.text)):
            yield f"       {first}"


def _largest(files: Sequence[Path]) -> dict[str, int]:
    """The documents that most others go for, and how many of these files do, the largest first, then by id."""
    counted = [pa.table({"values": pa.array([], pa.string()), "counts": pa.array([], pa.int64())})]
    for path in files:
        found = pc.value_counts(shards.read_table(path, ["duplicate_of"])["duplicate_of"].drop_null())
        counted.append(pa.table({name: pc.struct_field(found, name) for name in ("values", "counts")}))
    sums = pa.concat_tables(counted).group_by("values").aggregate([("counts", "sum")])
    first = sums.sort_by([("counts_sum", "descending"), ("values", "ascending")]).slice(0, SHOWN_CLUSTERS)
    return dict(zip(first["values"].to_pylist(), first["counts_sum"].to_pylist(), strict=True))


def _examples(
    source: str, files: Mapping[str, Path], kept_id: str, context: Context
) -> Iterator[tuple[str, float | None, _Text]]:
    """Documents of a source that go for another one: the least similar ones, for these are the doubtful ones."""
    names = ["id", "value", "duplicate_of"]
    tables = []
    for unit, path in files.items():
        table = shards.read_table(path, names)
        rows = pc.indices_nonzero(pc.fill_null(pc.equal(table["duplicate_of"], kept_id), False))
        found = table.take(rows).append_column("row", rows)
        found = found.append_column("unit", pa.array([unit] * len(found), pa.string()))
        tables.append(found.sort_by([("value", "ascending"), ("id", "ascending")]).slice(0, SHOWN_EXAMPLES))
    least = pa.concat_tables(tables).sort_by([("value", "ascending"), ("id", "ascending")])
    for document in least.slice(0, SHOWN_EXAMPLES).to_pylist():
        path = context.records["extract"][(source, document["unit"])].folder / "texts.arrow"
        yield document["id"], document["value"], _read(path, document["row"], source)


def _texts(ids: Mapping[str, int], context: Context) -> dict[str, _Text]:
    """Texts by id, of this manifest or of others of its index."""
    files = [(source, record.folder / "texts.arrow") for (source, _), record in context.records["extract"].items()]
    for member in context.others or ():
        for part in member.parts:
            paths = [Path(file.path) for file in part.files if file.name.endswith("/texts.arrow")]
            files += [(f"{member.name}: {part.source}", path) for path in paths]
    found: dict[str, _Text] = {}
    for source, path in files:
        for wanted in ids:
            if wanted not in found and (row := removal.row_of(path, wanted)) is not None:
                found[wanted] = _read(path, row, source)
    return found


def _read(path: Path, row: int, source: str) -> _Text:
    locator, text = (shards.take(path, [row], name)[0].as_py() for name in ("locator", "text"))
    return _Text(source, locator, text)


def _excerpt(text: str) -> str:
    line = visible(text[: 4 * EXCERPT].strip())
    return line if len(line) <= EXCERPT else line[: EXCERPT - 1] + "…"


def _first_difference(kept: str, removed: str) -> str | None:
    """What a removed text has first that the kept one has not; None if they begin with the same for long."""
    compared = text_diff.compare(kept[:COMPARED], removed[:COMPARED])
    if not compared.differences:
        return None
    first = compared.differences[0]
    ours, theirs = kept[slice(*compared.first.span(*first.first))], removed[slice(*compared.second.span(*first.second))]
    number = len(compared.differences)
    places = "the texts differ in 1 place" if number == 1 else f"the texts differ in {number:,} places, first"
    return f"{places}: {{+{_excerpt(ours)[:60]}+}} [-{_excerpt(theirs)[:60]}-]"


def _how_to_go_on(crossed: Mapping[str, float], sources: Sequence[str], dedup: Dedup, min_kept: float) -> Iterator[str]:
    above = {source: _allowing(removed) for source, removed in crossed.items() if removed > dedup.ceiling(source)}
    if isinstance(dedup.max_removed, Mapping):
        told = {**dedup.max_removed, **above}
    else:  # one share for all: as a block, sources that it does not name have the default
        others = dict.fromkeys(sources, dedup.max_removed) if dedup.max_removed != preference.MAX_REMOVED else {}
        told = {**others, **above}
    settings = []
    if above:
        shares = ", ".join(f"{source}: {share:g}" for source, share in told.items())
        settings.append(f"curate.dedup.max_removed: {{{shares}}}")
    least = 1 - max(crossed.values())
    if least < min_kept:
        settings.append(f"run.min_kept: {math.floor(least * 1000) / 1000:g}")
    yield (
        f"If this is right, set {' and '.join(settings)}, and run again: the result of dedup is in the store and is used "
        "as it is. If not, raise curate.dedup.near.min_similarity, narrow curate.dedup.scope, or put dedup into the "
        "source's skip; docs/dedup.md says more."
    )


def _allowing(removed: float) -> float:
    """The next whole percentage that allows a share, or per mille near 1.

    >>> _allowing(0.934), _allowing(0.9912)
    (0.94, 0.992)
    """
    steps = 100 if removed <= 0.99 else 1000
    return min(1.0, math.ceil(removed * steps) / steps)
