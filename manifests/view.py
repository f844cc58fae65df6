"""The readable view of a run, `runs/<manifest>/`: real folders whose files are links into the store, and the lock file.

`manifest.lock.yaml` says which unit of the store each file is, with the counts of every step: sorted, so that two runs
can be compared as a diff.
"""

import io
import json
import os
import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path

from ruamel.yaml import YAML

from gristmill.manifests.counts import RunStopped
from gristmill.manifests.dedup import PAIRS
from gristmill.manifests.participants import manifest_of
from gristmill.manifests.store import Record, atomic_write

LOCK = "manifest.lock.yaml"

EVALUATION = "tokenizer_eval.json"
"""What `tokenizer eval` measured, for the report."""


def links(step: str, records: Iterable[Record]) -> dict[str, dict[str, Path]] | None:
    """What a step shows in the view: folder -> {path inside: file of the store}; None if the step shows nothing."""
    records = list(records)
    if step == "shards":
        return {
            "shards": {f"{r.source}/{r.name}.arrow": r.folder / "shard.arrow" for r in records},
            "ledger": {f"{r.source}/{r.name}.parquet": r.folder / "ledger.parquet" for r in records},
        }
    if step == "dedup":
        own = [r for r in records if not manifest_of(r.source or "")]
        return {"duplicates": {f"{r.source}/{r.name}.parquet": r.folder / PAIRS for r in own}}
    if step == "decontaminate":
        return {"decontamination": {f"{r.source}/{r.name}.parquet": r.folder / "leaks.parquet" for r in records}}
    if step == "cuts":
        return {"repeats": {f"{r.source}/{r.name}.parquet": r.folder / "repeats.parquet" for r in records}}
    if step == "tokens":
        return {"tokens": {f"{r.source}/{r.name}.arrow": r.folder / "tokens.arrow" for r in records}}
    if step == "pretrain":  # the last checkpoint, in a folder that every litgpt command works on
        files = {
            n.removeprefix("final/"): r.folder / n for r in records for n in r.outputs if not n.startswith("step-")
        }
        return {"checkpoints/pretrain": files}
    if step == "buckets":
        return {"buckets": {f"{r.source}/{r.name}.arrow": r.folder / "buckets.arrow" for r in records}}
    folder = {"tokenizer": "tokenizer", "pack": "packed", "report": "report"}.get(step)
    if folder is None:
        return None
    return {folder: {name: r.folder / name for r in records for name in r.outputs}}


def publish(run: Path, step: str, records: Iterable[Record]) -> None:
    """Make the view's folders of a step hold exactly the links to these records' files."""
    for folder, files in (links(step, records) or {}).items():
        root = run / folder
        root.mkdir(parents=True, exist_ok=True)
        for name, target in sorted(files.items()):
            _link(root / name, target)
        for path in sorted(root.rglob("*"), reverse=True):
            if path.name.startswith("."):
                continue  # a link that another run is just putting in place
            if path.is_symlink() and str(path.relative_to(root)) not in files:
                path.unlink(missing_ok=True)
            elif path.is_dir() and not path.is_symlink():
                try:
                    path.rmdir()
                except OSError:
                    pass  # not empty, or gone


def _link(link: Path, target: Path) -> None:
    """Put a relative link in place in one move, so that a reader finds the old file or the new one."""
    link.parent.mkdir(parents=True, exist_ok=True)
    relative = os.path.relpath(target.resolve(), link.parent.resolve())
    if link.is_symlink() and os.readlink(link) == relative:
        return
    temporary = link.with_name(f".{uuid.uuid4().hex}")
    os.symlink(relative, temporary)
    os.replace(temporary, link)


def read_lock(run: Path) -> Mapping[str, Mapping]:
    """The steps of the lock file: name -> {key, counts, units: {source/unit: key}}; empty where there is none."""
    try:
        text = (run / LOCK).read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    try:
        steps = YAML(typ="safe").load(text)["steps"]
        assert all(isinstance(entry["units"], Mapping) for entry in steps.values())
    except Exception:
        raise RunStopped(f"{run / LOCK} is damaged; restore it, or delete it: the store is unharmed") from None
    return steps


def write_lock(run: Path, name: str, steps: Mapping[str, Mapping]) -> None:
    """Write the lock file, in the order of the pipeline, everything below it sorted."""
    yaml = YAML()
    yaml.width = 120
    yaml.default_flow_style = False
    text = io.StringIO()
    yaml.dump({"manifest": name, "steps": dict(steps)}, text)
    run.mkdir(parents=True, exist_ok=True)
    atomic_write(run / LOCK, text.getvalue())


def unit_label(source: str | None, name: str) -> str:
    """How the lock file calls a unit."""
    return f"{source}/{name}" if source else name


def read_evaluation(run: Path) -> dict | None:
    """What `evaluate_run` wrote last, if it is of the tokenizer that the run has now."""
    try:
        found = json.loads((run / EVALUATION).read_text(encoding="utf-8"))
        return found if found["tokenizer"] == read_lock(run)["tokenizer"]["units"]["tokenizer"] else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
