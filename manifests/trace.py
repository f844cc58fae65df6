"""From rows and training steps to documents, and from a document to rows and steps."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from gristmill.curation import shards
from gristmill.manifests.counts import RunStopped
from gristmill.manifests.schema import Loaded
from gristmill.manifests.why import NotFound, ledger_rows
from gristmill.tokenizer.encode import TokenFile, open_tokens
from gristmill.tokenizer.rows import PackedRows, gather, open_rows, rows_of
from gristmill.train.config import PretrainParams, total_steps

SPLITS = ("train", "validation")


def trace_row(run: Path, row: int, split: str = "train") -> dict:
    """The documents behind a row: `{"row", "input_ids", "segments": [...]}`, each segment with id, locator and url.

    `input_ids` are all seq_length + 1 tokens, padding included. Raises NotFound for a row that is not there.
    """
    return _row(run, _rows(run, split), row, {}, split)


def trace_step(run: Path, step: int, params: PretrainParams | None) -> dict:
    """The rows of a training step, counted from 1 as in `metrics.jsonl`, each as `trace_row` has it."""
    if params is None:
        raise NotFound("the manifest trains nothing, so there are no steps; ask by --row")
    rows = _rows(run, "train")
    steps = total_steps(params, len(rows.table), rows.seq_length)
    if not 1 <= step <= steps:
        raise NotFound(f"there is no step {step}; the training has steps 1 to {steps:,}")
    first = (step - 1) * params.global_batch_size
    opened: dict = {}
    numbers = [(first + i) % len(rows.table) for i in range(params.global_batch_size)]
    return {"step": step, "rows": [_row(run, rows, number, opened, "train") for number in numbers]}


def trace_document(run: Path, document: str, params: PretrainParams | None) -> dict:
    """Where a document (id or its first digits, locator or URL) was used: its rows, and the steps that saw them.

    `uses` is empty for a document that no row has; `steps` is null without a training. Raises NotFound for one that the
    run does not know, that was dropped, or that is not the only one to fit.
    """
    found = ledger_rows(run / "ledger", document)
    if not found:
        raise NotFound(f"no document {document!r} in {run}; give an id, a locator or a URL as the ledger has it")
    if len({row["id"] for row, _ in found}) > 1:
        shown = "\n  ".join(f"{row['id']}  {row['source']}  {row['locator']}" for row, _ in found[:10])
        raise NotFound(f"{len(found)} documents of {run} fit {document!r}; give the id of one:\n  {shown}")
    row, path = found[0]
    if row["status"] != "kept":
        raise NotFound(f"document {row['id']} was dropped by {row['stage']}, rule {row['rule']}; see `gristmill why`")
    source, shard = row["source"], f"{row['source']}/{path.stem}.arrow"
    tokens = open_tokens(run / "tokens" / shard)
    number = pc.index(tokens.ids, row["id"]).as_py()
    rows = _rows(run, "train")
    uses = []
    for line in rows_of(_packed(run) / "index.arrow", source, shard, number).to_pylist():
        use = {"split": line["split"], "row": line["packed_row"]}
        use |= {name: line[name] for name in ("position", "start", "length")}
        if line["split"] == "train":
            use["steps"] = _steps(line["packed_row"], len(rows.table), rows.seq_length, params)
        uses.append(use)
    about = {"id": row["id"], "source": source, "shard": shard, "row": number}
    about |= {"locator": row["locator"], "url": row["url"], "tokens": int(tokens.lengths[number])}
    return about | {"uses": uses}


def _packed(run: Path) -> Path:
    if not (run / "packed" / "index.arrow").exists():
        raise RunStopped(f"{run} has no packed rows; run `gristmill pack` first")
    return run / "packed"


def _rows(run: Path, split: str) -> PackedRows:
    return open_rows(_packed(run) / split)


def _row(run: Path, rows: PackedRows, number: int, opened: dict, split: str) -> dict:
    if not 0 <= number < len(rows.table):
        raise NotFound(f"there is no row {number}; {split} has rows 0 to {len(rows.table) - 1:,}")
    line = rows.table.slice(number, 1)
    segments = line["segments"][0].as_py()
    for s in segments:
        name = (s["source"], s["shard"])
        if name not in opened:
            opened[name] = open_tokens(run / "tokens" / name[1])
    ids = gather(line, opened, rows.seq_length + 1, rows.end_id)[0].tolist()
    about = _about(run, segments, opened)
    return {"row": number, "input_ids": ids, "segments": [s | a for s, a in zip(segments, about, strict=True)]}


def _about(run: Path, segments: Sequence[Mapping], opened: Mapping[tuple[str, str], TokenFile]) -> list[dict]:
    """Id, locator and url of each segment's document."""
    found = []
    for s in segments:
        table = _document(run / "shards" / s["shard"], s["row"])
        ours = opened[s["source"], s["shard"]].ids[s["row"]].as_py()
        assert table["id"] == ours, f"row {s['row']} of {s['shard']} is another document than its tokens"
        found.append({name: table[name] for name in ("id", "locator", "url")})
    return found


def _document(path: Path, row: int) -> dict:
    """Id, locator and url of one row of a document shard; only its record batch is read."""
    first = 0
    for batch in shards.read_batches(path, ["id", "locator", "url"]):
        if row < first + len(batch):
            return pa.Table.from_batches([batch.slice(row - first, 1)]).to_pylist()[0]
        first += len(batch)
    raise RunStopped(f"{path} has {first:,} documents, and row {row} is wanted; run `gristmill shards` again")


def _steps(row: int, num_rows: int, seq_length: int, params: PretrainParams | None) -> list[int] | None:
    """The steps whose global batch has this row; rows are seen again after the last."""
    if params is None:
        return None
    steps = total_steps(params, num_rows, seq_length)
    seen = range(row, steps * params.global_batch_size, num_rows)
    return [place // params.global_batch_size + 1 for place in seen]


def lines(found: Mapping) -> Iterable[str]:
    """A trace for people."""
    if "uses" in found:
        yield f"document {found['id']} of {found['source']}: {found['tokens']:,} tokens, {found['locator']}"
        for use in found["uses"]:
            steps = use.get("steps")
            shown = (
                f", steps {', '.join(f'{s:,}' for s in steps[:20])}{' ...' if len(steps) > 20 else ''}" if steps else ""
            )
            place = f"places {use['position']} to {use['position'] + use['length']}"
            yield f"  {use['split']} row {use['row']:,}, {place}: tokens {use['start']} to {use['start'] + use['length']}{shown}"
        if not found["uses"]:
            yield "  in no row: the mixture did not draw it"
        return
    rows = found.get("rows", [found])
    if "step" in found:
        yield f"step {found['step']:,}: {len(rows)} rows"
    for row in rows:
        used = sum(s["length"] for s in row["segments"])
        yield f"row {row['row']:,}: {used} tokens of {len(row['segments'])} documents, {len(row['input_ids']) - used} of padding"
        for s in row["segments"]:
            yield f"  {s['length']:>6} from {s['start']:<6} {s['source']:<12} {s['id']}  {s['url'] or s['locator']}"


def trace(loaded: Loaded, run: Path, row: int | None, step: int | None, document: str | None, split: str) -> dict:
    """What was asked for; exactly one of the three is given."""
    if sum(asked is not None for asked in (row, step, document)) != 1:
        raise NotFound("give one of --row, --step and --doc")
    params = loaded.manifest.pretrain
    try:
        if row is not None:
            return trace_row(run, row, split)
        if step is not None:
            return trace_step(run, step, params)
        return trace_document(run, document, params)
    except ValueError as error:  # a shard that is cut short, rows of an older version
        raise RunStopped(str(error)) from None
