"""Checkpoint folders: LitGPT's own, with what is needed to go on training beside it.

    step-00000500/
      lit_model.pth            {"model": weights}; every `litgpt` command reads it
      model_config.yaml        the fields of litgpt.Config
      tokenizer.json  tokenizer_config.json
      training_state.pth       optimizer and random streams; only resuming needs it
      record.json              step, data position, parameters, digests of the files above; written last

A folder is made under a hidden name and renamed when it is whole. Before a run goes on from one, every file is
checked against its digest; a folder that fails is passed over in favour of the one before.
"""

import json
import logging
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
import xxhash
from litgpt.utils import save_config

log = logging.getLogger(__name__)

CHECKPOINT_VERSION = 1
KEPT = 2
"""How many step folders stay beside `final`; two, so that one may turn out to be broken."""

FINAL = "final"
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json")


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint folder and what its record says."""

    folder: Path
    record: Mapping[str, object]
    files: Mapping[str, str]  # name -> digest


def step_folder(out: Path, step: int) -> Path:
    """Folder of the checkpoint after `step` optimizer steps, in the name that LitGPT looks for."""
    return out / f"step-{step:08d}"


def save(
    folder: Path,
    model: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    tokenizer: Path,
    record: Mapping[str, object],
) -> None:
    """Write a checkpoint folder whole or not at all, in place of one that may stand there, and drop old ones.

    `model` is the bare `litgpt.GPT`, `tokenizer` a folder with its files, `record` JSON with at least `step`.
    """
    building = folder.with_name(f".{folder.name}.building")
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir(parents=True)
    torch.save({"model": model.state_dict()}, building / "lit_model.pth")
    torch.save({"optimizer": optimizer.state_dict(), "rng": _rng_state()}, building / "training_state.pth")
    save_config(model.config, building)
    for name in TOKENIZER_FILES:
        shutil.copyfile(tokenizer / name, building / name)
    files = {path.name: _digest_on_disk(path) for path in sorted(building.iterdir())}
    record = {"version": CHECKPOINT_VERSION, **record, "files": files}
    path = building / "record.json"
    path.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    _digest_on_disk(path)
    _replace(building, folder)
    _drop_old(folder.parent, record["step"])


def newest(out: Path) -> Checkpoint | None:
    """The whole checkpoint with the most steps in `out`; None if there is none. Broken ones are warned of."""
    candidates = []
    for folder in [*out.glob("step-*"), out / FINAL]:
        try:
            record = json.loads((folder / "record.json").read_text(encoding="utf-8"))
            files = {**record["files"]}
            if record["version"] != CHECKPOINT_VERSION:
                raise ValueError(f"version {record['version']}, not {CHECKPOINT_VERSION}")
            candidates.append((int(record["step"]), folder.name == FINAL, Checkpoint(folder, record, files)))
        except FileNotFoundError:
            if folder.is_dir():
                log.warning("%s has no record.json, so it is not whole; passing it over", folder)
        except (ValueError, KeyError, TypeError) as error:
            log.warning("%s has an unusable record.json (%r); passing it over", folder, error)
    for _, _, checkpoint in sorted(candidates, key=lambda candidate: candidate[:2], reverse=True):
        broken = damage(checkpoint)
        if broken is None:
            return checkpoint
        log.warning("%s is damaged (%s); passing it over", checkpoint.folder, broken)
    return None


def damage(checkpoint: Checkpoint) -> str | None:
    """What is wrong with the files of a checkpoint; None if they are as they were written."""
    for name, digest in checkpoint.files.items():
        path = checkpoint.folder / name
        if not path.is_file():
            return f"{name} is missing"
        if _digest(path) != digest:
            return f"{name} is not as it was written"
    return None


def load(checkpoint: Checkpoint, model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Put weights, optimizer state and random streams back as they were at the checkpoint."""
    weights = torch.load(checkpoint.folder / "lit_model.pth", map_location="cpu", mmap=True)
    model.load_state_dict(weights["model"])
    state = torch.load(checkpoint.folder / "training_state.pth", map_location="cpu")
    optimizer.load_state_dict(state["optimizer"])
    torch.set_rng_state(state["rng"]["cpu"])
    if torch.cuda.is_available() and state["rng"]["cuda"] is not None:
        torch.cuda.set_rng_state(state["rng"]["cuda"])


def _rng_state() -> dict[str, torch.Tensor | None]:
    return {
        "cpu": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state() if torch.cuda.is_available() else None,
    }


def _digest(path: Path) -> str:
    state = xxhash.xxh3_128()
    with path.open("rb") as file:
        while block := file.read(1 << 24):
            state.update(block)
    return state.hexdigest()


def _digest_on_disk(path: Path) -> str:
    """Digest of a file that has reached the disk, so that a rename after it cannot overtake its content."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
    return _digest(path)


def _replace(building: Path, folder: Path) -> None:
    """Rename a folder into place; what stood there is moved aside first and deleted after."""
    aside = folder.with_name(f".{folder.name}.replaced")
    shutil.rmtree(aside, ignore_errors=True)
    if folder.exists():
        os.rename(folder, aside)
    os.rename(building, folder)
    shutil.rmtree(aside, ignore_errors=True)


def _drop_old(out: Path, step: int) -> None:
    """Keep the KEPT newest step folders up to `step`; later ones are broken, or the run would have begun there."""
    numbers = {path: path.name.removeprefix("step-") for path in out.glob("step-*")}
    steps = sorted((int(number), path) for path, number in numbers.items() if number.isdigit())
    past = [path for number, path in steps if number <= step]
    for path in past[:-KEPT] + [path for number, path in steps if number > step]:
        shutil.rmtree(path)
