"""Going on from another training's checkpoint, where a mixture that changed in mid-run made a training of its own."""

import json
import logging
import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from pathlib import Path

from gristmill.train import checkpoint
from gristmill.train.config import FREE_ON_RESUME, PretrainParams
from gristmill.train.data import Rows

log = logging.getLogger(__name__)


def adopt(inputs: Path, out: Path, trainings: Iterable[Path], params: PretrainParams, seed: int) -> Path | None:
    """Put the checkpoint that is furthest into `out` if it has seen this run's first rows; gives its folder there.

    `inputs` is the run folder, `trainings` are the folders that checkpoints are looked for in. None where `out` has
    checkpoints of its own, or no training with the same parameters and seed has one that fits; nothing changes then.
    Files are linked where the file system can, and the other training keeps its own.
    """
    if any(out.glob("step-*")) or (out / checkpoint.FINAL).exists():
        return None
    rows = Rows(inputs, "train")
    ours = _learned(json.loads(json.dumps(asdict(replace(params, model=dict(params.model))))), seed)
    found = []
    for folder in (f for training in trainings for f in [*training.glob("step-*"), training / checkpoint.FINAL]):
        try:
            record = json.loads((folder / "record.json").read_text(encoding="utf-8"))
            if _learned(record["params"], record["seed"]) == ours:
                found.append((record["data"]["rows"], record["step"], folder, record["data"]["digests"]))
        except (OSError, ValueError, KeyError, TypeError):
            continue  # no checkpoint, or one that is not whole
    for position, step, folder, digests in sorted(found, key=lambda one: one[0], reverse=True):
        if rows.digests(position) == digests:
            target = checkpoint.step_folder(out, step)
            out.mkdir(parents=True, exist_ok=True)
            building = out / f".{target.name}"
            shutil.rmtree(building, ignore_errors=True)
            shutil.copytree(folder, building, copy_function=_link)
            building.rename(target)
            metrics = folder.parent / "metrics.jsonl"
            if metrics.exists():
                shutil.copy(metrics, out / "metrics.jsonl")
            log.info("going on from %s, whose %s rows are the first of these", folder, f"{position:,}")
            return target
    return None


def _learned(params: Mapping[str, object], seed: int) -> dict[str, object]:
    """What shapes the weights."""
    return {name: value for name, value in params.items() if name not in FREE_ON_RESUME} | {"seed": seed}


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
