"""What deduplication decides otherwise than before: documents that now go for another one, and documents that return.

A run compares its verdicts with those of the manifest's last run (`runs/<manifest>/changes.parquet`) and, with an index,
those of every other manifest with that manifest's own last ones (`<index>/changes/<manifest>.parquet`): nothing of another
manifest is changed but by its own run.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from gristmill.curation import shards
from gristmill.manifests import index
from gristmill.manifests.planning import Context
from gristmill.manifests.store import Record, Store, replaced

FILE = "changes.parquet"

VERDICTS = "duplicates.arrow"

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


def note(context: Context, store: Store, run: Path, record: Record, before_key: str | None) -> list[str]:
    """Write what changed with a deduplication, and enter it in the index; gives a line for each manifest with changes.

    `before_key` is the deduplication of the manifest's last run, None if there was none.
    """
    name, said = context.manifest.name, []
    before = store.load("dedup", before_key) if before_key and before_key != record.key else None
    if before:
        changed = compared(name, verdict_files(before.folder), verdict_files(record.folder))
        _write(run / FILE, changed)
        if changed.num_rows:
            said.append(f"dedup: since the last run {in_words(counts(changed))}: {run / FILE}")
    folder = index.folder_of(context.loaded)
    if folder is None:
        return said
    for member in context.others or []:
        path = index.changes_of(folder, member.name)
        then = verdict_files(Path(member.verdicts)) if member.verdicts else {}
        changed = compared(member.name, then, verdict_files(record.folder, member.name))
        _write(path, changed)
        if changed.num_rows:
            said.append(f"dedup: of {member.name} {in_words(counts(changed))} when it is run again: {path}")
    index.note_verdicts(folder, name, record.folder)
    index.changes_of(folder, name).unlink(missing_ok=True)
    return said


def verdict_files(folder: Path, other: str | None = None) -> dict[tuple[str, str], Path]:
    """The verdict files of a deduplication by (source, unit): the run's own, or those of another manifest."""
    root = folder / f"@{other}" if other else folder
    found = {path.relative_to(root).parts[:-1]: path for path in sorted(root.glob(f"[!@]*/*/{VERDICTS}"))}
    return {(source, name): path for (source, name), path in found.items()}


def compared(manifest: str, before: Mapping[tuple, Path], after: Mapping[tuple, Path]) -> pa.Table:
    """The changes from one deduplication to another of the same manifest, as in `SCHEMA`."""
    tables = [SCHEMA.empty_table()]
    for source in sorted({source for source, _ in before} & {source for source, _ in after}):
        old, new = ({unit: path for (s, unit), path in files.items() if s == source} for files in (before, after))
        same = [unit for unit in old if unit in new and _equal(old[unit], new[unit])]
        then, now = (_verdicts(path for unit, path in units.items() if unit not in same) for units in (old, new))
        joined = then.join(now, "id", join_type="inner", right_suffix="_now")
        went = pc.is_null(joined["rule"])
        joined = joined.filter(pc.xor(went, pc.is_null(joined["rule_now"]))).sort_by("id")
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
        tables.append(pa.table(columns).cast(SCHEMA))
    return pa.concat_tables(tables)


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


def _verdicts(paths: Iterable[Path]) -> pa.Table:
    """The documents that took part, with what removed them: id, rule, value, duplicate_of."""
    names = ["id", "rule", "value", "duplicate_of", "cluster_size"]
    tables = [shards.read_table(path, names) for path in paths]
    if not tables:
        string = pa.string()
        return pa.table(
            {"id": pa.array([], string), "rule": pa.array([], string)}
            | {"value": pa.array([], pa.float64()), "duplicate_of": pa.array([], string)}
        )
    table = pa.concat_tables(tables)
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
