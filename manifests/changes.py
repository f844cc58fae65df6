"""What deduplication decides otherwise than before: documents that now go for another one, and documents that return.

A run compares its verdicts with those of the manifest's last run (`runs/<manifest>/changes.parquet`) and, with an index,
those of every other manifest with that manifest's own last ones (`<index>/changes/<manifest>.parquet`): nothing of another
manifest is changed but by its own run.
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from gristmill.curation import shards
from gristmill.manifests import index, view
from gristmill.manifests.dedup import VERDICTS
from gristmill.manifests.planning import Context
from gristmill.manifests.store import Record, Store, replaced

FILE = "changes.parquet"

SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("manifest", pa.string(), nullable=False),  # whose document it is
        pa.field(
            "was", pa.string(), nullable=False
        ),  # kept, or the rule that removed it: dedup.exact, dedup.url, dedup.near
        pa.field("now", pa.string(), nullable=False),  # the same; one of the two is kept
        pa.field("because_of", pa.string(), nullable=False),  # id of the document that it goes for, or went for
        pa.field("similarity", pa.float64()),  # to that one; null for dedup.url
    ]
)
"""A row for each document that took part both times and was kept once; by source, then id."""


Verdicts = Mapping[str, Path]
"""The verdict file of each unit, by `<source>/<unit>`."""


def note(context: Context, store: Store, run: Path, records: Iterable[Record], keys: Mapping[str, str]) -> list[str]:
    """Write what changed with a deduplication, and enter it in the index; gives a line for each manifest with changes.

    `keys` are those of the units of the manifest's last run, empty if there was none.
    """
    name, said = context.manifest.name, []
    now = {view.unit_label(record.source, record.name): record for record in records}
    before = {unit: record for unit, key in keys.items() if (record := store.load("dedup", key))}
    if before and keys != {unit: record.key for unit, record in now.items()}:
        changed = compared(name, _files(before), _files(now))
        _write(run / FILE, changed)
        if changed.num_rows:
            said.append(f"dedup: since the last run {in_words(counts(changed))}: {run / FILE}")
    folder = index.folder_of(context.loaded)
    if folder is None:
        return said
    for member in context.others or []:
        path = index.changes_of(folder, member.name)
        then = {unit: Path(file) for unit, file in (member.verdicts or {}).items() if os.path.isfile(file)}
        changed = compared(member.name, then, _files(now, member.name))
        _write(path, changed)
        if changed.num_rows:
            said.append(f"dedup: of {member.name} {in_words(counts(changed))} when it is run again: {path}")
    index.note_verdicts(folder, name, {unit: str(path) for unit, path in _files(now).items()})
    index.changes_of(folder, name).unlink(missing_ok=True)
    return said


def _files(records: Mapping[str, Record], other: str | None = None) -> Verdicts:
    """The verdict files of a deduplication: the run's own, or those of another manifest."""
    prefix = f"@{other}/" if other else ""
    return {
        unit.removeprefix(prefix): record.folder / VERDICTS
        for unit, record in records.items()
        if (unit.startswith(prefix) if other else not unit.startswith("@")) and VERDICTS in record.outputs
    }


def compared(manifest: str, before: Verdicts, after: Verdicts) -> pa.Table:
    """The changes from one deduplication to another of the same manifest, as in `SCHEMA`.

    Units are compared one by one; only documents that are in another unit than before are looked for among all.
    """
    tables, moved = [SCHEMA.empty_table()], {}
    for unit in sorted({*before, *after}):
        source, old, new = unit.partition("/")[0], before.get(unit), after.get(unit)
        if old and new and _equal(old, new):
            continue
        then, now = _verdicts(old), _verdicts(new)
        tables.append(_changed(manifest, source, then, now))
        left, come = moved.setdefault(source, ([], []))
        left.append(then.join(now, "id", join_type="left anti"))
        come.append(now.join(then, "id", join_type="left anti"))
    tables += [_changed(manifest, source, *map(pa.concat_tables, both)) for source, both in moved.items()]
    return pa.concat_tables(tables).sort_by([("source", "ascending"), ("id", "ascending")])


def _changed(manifest: str, source: str, then: pa.Table, now: pa.Table) -> pa.Table:
    """The changes of documents that took part both times, in any order."""
    joined = then.join(now, "id", join_type="inner", right_suffix="_now")
    went = pc.is_null(joined["rule"])
    joined = joined.filter(pc.xor(went, pc.is_null(joined["rule_now"])))
    went = pc.is_null(joined["rule"])
    columns = {
        "id": joined["id"],
        "source": pa.array([source] * joined.num_rows, pa.string()),
        "manifest": pa.array([manifest] * joined.num_rows, pa.string()),
        "was": pc.fill_null(joined["rule"], "kept"),
        "now": pc.fill_null(joined["rule_now"], "kept"),
        "because_of": pc.if_else(went, joined["duplicate_of_now"], joined["duplicate_of"]),
        "similarity": pc.if_else(went, joined["value_now"], joined["value"]),
    }
    return pa.table(columns).cast(SCHEMA)


def counts(changed: pa.Table) -> dict[str, int]:
    """How many documents go, and how many return."""
    went = pc.sum(pc.equal(changed["was"], "kept")).as_py() or 0
    return {"went": went, "returned": changed.num_rows - went}


def read(path: Path) -> dict | None:
    """The changes of a file in numbers, with its path; None if there are none."""
    try:
        return {**counts(pq.read_table(path)), "file": str(path)}
    except FileNotFoundError:
        return None


def in_words(found: Mapping[str, int]) -> str:
    """`3 documents go, 1 returns`."""
    went, returned = found["went"], found["returned"]
    documents = "document" if went == 1 else "documents"
    return (
        f"{went:,} {documents} {'goes' if went == 1 else 'go'}, {returned:,} {'returns' if returned == 1 else 'return'}"
    )


def status(context: Context, run: Path) -> dict:
    """What `gristmill status` says: changes of the last run, and those that wait for the next."""
    folder = index.folder_of(context.loaded)
    waiting = read(index.changes_of(folder, context.manifest.name)) if folder else None
    return {"last_run": read(run / FILE), "next_run": waiting}


def _verdicts(path: Path | None) -> pa.Table:
    """A unit's documents that took part, with what removed them: id, rule, value, duplicate_of; none without a file."""
    names = ["id", "rule", "value", "duplicate_of", "cluster_size"]
    if path is None:
        types = (pa.string(), pa.string(), pa.float64(), pa.string())
        return pa.schema(list(zip(names, types, strict=False))).empty_table()
    table = shards.read_table(path, names)
    took_part = pc.or_(pc.is_valid(table["rule"]), pc.is_valid(table["cluster_size"]))
    return table.filter(took_part).drop_columns(["cluster_size"])


def _equal(a: Path, b: Path) -> bool:
    return a == b or (a.stat().st_size == b.stat().st_size and a.read_bytes() == b.read_bytes())


def _write(path: Path, changed: pa.Table) -> None:
    """Replace a file of changes as a whole; none where nothing changed."""
    if not changed.num_rows:
        path.unlink(missing_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with replaced(path) as temporary:
        pq.write_table(changed, temporary, compression="zstd")
