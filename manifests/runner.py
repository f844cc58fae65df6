"""The runner: step after step, unit after unit, nothing twice, nothing lost.

`run` and `plan` walk the same pipeline. `run` builds what is missing, checks that no document appeared or vanished,
publishes the step's files in the view and writes the lock file, so that a run killed at any moment goes on where it was.
"""

import fcntl
import hashlib
import json
import logging
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Protocol

from gristmill.manifests import ceilings, changes, checks, model_steps, own_code, participants, view
from gristmill.manifests import counts as counting
from gristmill.manifests.counts import RunStopped
from gristmill.manifests.executor import Failure, failed, run_units
from gristmill.manifests.inputs import Digests
from gristmill.manifests.pipeline import Step, pipeline
from gristmill.manifests.plan_dedup import STEPS as DEDUP_STEPS
from gristmill.manifests.plan_training import report_unit
from gristmill.manifests.planning import Context, Pending, Planned, raw_groups
from gristmill.manifests.schema import Loaded, workers
from gristmill.manifests.source_lines import ManifestError
from gristmill.manifests.store import NO_ROOM, Record, Store, Unit, atomic_write

log = logging.getLogger(__name__)

STATE = "state.json"
MAX_WARNINGS = 20
"""Unreadable files that are named on the screen; all of them are in the records, the status and the report."""


class Progress(Protocol):
    """What the command line shows of a run."""

    def step(self, name: str, reused: int, todo: int, says: str) -> None: ...
    def unit(self, line: dict) -> None: ...
    def done(self, name: str, counts: Mapping[str, object], seconds: float) -> None: ...
    def warn(self, message: str) -> None: ...


@dataclass(frozen=True)
class Place:
    """Where a run happens: the store that all manifests share, and the run's own readable folder."""

    store: Store
    run: Path

    @classmethod
    def of(cls, loaded: Loaded, store: Path, runs: Path) -> "Place":
        return cls(Store(store), runs / loaded.manifest.name)


@dataclass
class StepState:
    """A step as far as it is known without running it."""

    step: Step
    planned: list[Planned]
    records: list[Record] = field(default_factory=list)

    @property
    def missing(self) -> list[Unit]:
        have = {(r.source, r.name) for r in self.records}
        return [p for p in self.planned if isinstance(p, Unit) and (p.source, p.name) not in have]

    @property
    def pending(self) -> list[Pending]:
        return [p for p in self.planned if isinstance(p, Pending)]

    @property
    def complete(self) -> bool:
        return len(self.records) == len(self.planned)

    @property
    def key(self) -> str | None:
        """A digest of the units' keys, or None while some are unknown."""
        if self.pending:
            return None
        keys = sorted(p.key for p in self.planned)
        return hashlib.blake2b("".join(keys).encode(), digest_size=16).hexdigest()


def open_context(loaded: Loaded, place: Place, retrain_tokenizer: bool = False, as_run: bool = False) -> Context:
    """The manifest with its raw files, and the tokenizer that the lock file keeps.

    `as_run`: without the units whose files the last run could not open, which the next run will try again.
    """
    loaded = replace(loaded, cache=place.store.root / "raw")
    names = tuple(step.name for step in pipeline(loaded))
    context = Context(loaded, raw_groups(loaded), Digests(place.store.root), step_names=names)
    locked = view.read_lock(place.run).get("tokenizer")
    if locked and not retrain_tokenizer:
        context.kept_tokenizer = place.store.load("tokenizer", locked["units"]["tokenizer"])
    context.evaluation = view.read_evaluation(place.run)
    if as_run:
        context.lost = read_state(place.run).get("lost", {})
        for source, files in context.lost.items():
            gone = {f["file"] for f in files}
            groups = context.groups.get(source, [])
            context.groups[source] = [g for g in groups if not gone & {p.file.locator for p in g.pieces}]
    return context


def read_state(run: Path) -> dict:
    """How the last run ended: `failed` and `error` of the step that stopped it, or `lost` files; empty if all was well."""
    try:
        return dict(json.loads((run / STATE).read_text()))
    except (OSError, ValueError, TypeError):
        return {}


def survey(context: Context, place: Place, until: str | None = None) -> Iterator[StepState]:
    """Every step as it stands in the store; nothing is run."""
    for step in pipeline(context.loaded):
        state = StepState(step, list(step.plan(context)))
        _find(state, place.store)
        context.records[step.name] = {(r.source, r.name): r for r in state.records}
        yield state
        if step.name == until:
            return


def _find(state: StepState, store: Store) -> None:
    for planned in state.planned:
        record = (
            planned if isinstance(planned, Record) else store.record(planned) if isinstance(planned, Unit) else None
        )
        if record is not None:
            state.records.append(record)


def run(
    loaded: Loaded,
    place: Place,
    progress: Progress,
    until: str | None = None,
    num_workers: int | None = None,
    retrain_tokenizer: bool = False,
) -> list[StepState]:
    """Run the pipeline up to a step (default: all of it). Raises RunStopped, or ManifestError for a path that is gone."""
    context = open_context(loaded, place, retrain_tokenizer)
    own_code.check_imported(loaded)
    place.run.mkdir(parents=True, exist_ok=True)
    place.store.sweep()
    locked = dict(view.read_lock(place.run))
    states: list[StepState] = []
    try:
        for state in survey(context, place, until):
            _run_step(state, context, place, progress, num_workers or workers(loaded.manifest))
            if state.step.name == "dedup":
                before = locked.get("dedup", {}).get("units", {})
                for line in changes.note(context, place.store, place.run, state.records, before):
                    progress.warn(line)
            states.append(state)
            locked[state.step.name] = _lock_entry(state)
            order = [step.name for step in pipeline(loaded)]
            view.write_lock(place.run, loaded.manifest.name, {name: locked[name] for name in order if name in locked})
    except (RunStopped, ManifestError) as stopped:
        failed_step = context.step_names[len(states)]
        with suppress(OSError):  # of a full disk: what stopped the run says more
            _write_state(place.run, {"failed": failed_step, "error": str(stopped), "lost": context.lost})
        raise
    names = context.step_names
    if until and "pack" in names and names.index(until) < names.index("pack"):
        _hide_stale_rows(context, place)
    before = read_state(place.run)
    ended_well = before.get("failed") in (None, *(state.step.name for state in states))
    _write_state(place.run, {**({} if ended_well else before), "lost": context.lost})
    return states


def _write_state(run: Path, state: dict) -> None:
    """Remember how a run ended: the failure of a later step stays until that step has run."""
    if any(state.values()):
        atomic_write(run / STATE, json.dumps(state, ensure_ascii=False))
    else:
        (run / STATE).unlink(missing_ok=True)


def _hide_stale_rows(context: Context, place: Place) -> None:
    """Take packed rows out of the view that point into token shards which are no longer there; the store keeps them."""
    states = {state.step.name: state for state in survey(context, place, "pack")}
    if not states["pack"].complete:
        view.publish(place.run, "pack", [])
        (place.run / "litgpt.yaml").unlink(missing_ok=True)


def _run_step(state: StepState, context: Context, place: Place, progress: Progress, num_workers: int) -> None:
    step, missing = state.step, state.missing
    assert not state.pending, f"{step.name} waits for {state.pending[0].on}, which has run"
    progress.step(step.name, len(state.records), len(missing), step.says)
    if step.name == "pretrain" and missing:
        failures = _train(missing[0], context, place)
    else:
        processes = _processes(step.name, missing, num_workers)
        failures = run_units(missing, step.work, place.store, processes, progress.unit) if missing else []
    lost = _lose(step, failures, context, place.store)
    state.planned = [p for p in state.planned if p not in [f.unit for f in failures]]
    state.records = []
    _find(state, place.store)
    context.records[step.name] = {(r.source, r.name): r for r in state.records}
    _check(state, context, progress, lost)
    view.publish(place.run, step.name, state.records)
    if step.name == "filter":
        participants.register(context, place.store)
    if step.name == "pack" and context.manifest.pretrain:
        try:
            model_steps.write_litgpt_yaml(place.run, context.manifest.pretrain, context.manifest.seed)
        except ValueError as error:
            raise context.loaded.error(("pretrain",), str(error)) from None
    progress.done(step.name, counting.total(state.records), sum(r.seconds for r in state.records))


LIGHT_BYTES = 16 * 2**20
"""Deduplicating less than this takes a second or so: not worth starting processes."""


def _processes(step: str, units: list[Unit], num_workers: int) -> int:
    """How many processes a step is worth. Readers always have their own, which may die of what they read."""
    inputs = sum(file.size_bytes for unit in units for file in unit.inputs)
    return 1 if step in DEDUP_STEPS and inputs < LIGHT_BYTES else num_workers


BLOCKS = {
    "score_index": ("curate", "scores"),
    "decontaminate": ("curate", "decontaminate"),
    "tokenizer": ("tokenizer",),
    "pack": ("mixture",),
    "pretrain": ("pretrain",),
}
"""Where the manifest says what a step works by: the place of an error that the step itself explains."""


def _block(unit: Unit) -> tuple[str, ...]:
    """The block of the manifest that a unit works by; () for one that no single block stands for."""
    if unit.step == "score":  # classifier.name or scores.name
        family, _, name = str(unit.params["feature"]).partition(".")
        return ("curate", {"classifier": "classifiers"}.get(family, family), name)
    name = (unit.name,) if unit.step == "score_index" else ()
    return (*BLOCKS[unit.step], *name) if unit.step in BLOCKS else ()


def _lose(step: Step, failures: list[Failure], context: Context, store: Store) -> list[dict]:
    """Failed units of `extract` are left out of the rest of the run, and their files named; of another step they stop it."""
    if full := next((f for f in failures if f.full), None):
        where = view.unit_label(full.unit.source, full.unit.name)
        raise RunStopped(f"{step.name} {where}: there is no room left in {store.root} ({full.error}); {NO_ROOM}")
    if failures and failures[0].expected and (place := _block(failures[0].unit)):
        raise context.loaded.error(place, failures[0].error)
    if failures and step.name != "extract":
        shown = "\n  ".join(f"{view.unit_label(f.unit.source, f.unit.name)}: {f.error}" for f in failures[:10])
        raise RunStopped(f"{step.name} failed for {len(failures)} units:\n  {shown}")
    lost = []
    for failure in failures:
        source = failure.unit.source or ""
        context.groups[source] = [g for g in context.groups[source] if g.name != failure.unit.name]
        files = [i.name.removeprefix("raw/") for i in failure.unit.inputs if i.name.startswith("raw/")]
        context.lost.setdefault(source, []).extend({"file": f, "error": failure.error} for f in files)
        lost += [{"source": source, "file": f, "error": failure.error} for f in files]
    return lost


def _check(state: StepState, context: Context, progress: Progress, lost: list[dict]) -> None:
    """What every step is checked for before anything is built on it."""
    checks.check_conservation(state.step.name, state.records, context)
    if state.step.name == "extract":
        lines = checks.check_failures(state.records, lost, context.manifest.run)
        for line in lines[:MAX_WARNINGS]:
            progress.warn(line)
        if len(lines) > MAX_WARNINGS:
            more = len(lines) - MAX_WARNINGS
            progress.warn(f"{more} more files cannot be read; `gristmill status --json` and the report name all")
    checks.guard(state.step.name, state.records, context)
    if state.step.name == "dedup":
        ceilings.check(state.records, context)
    if state.step.name == "score":
        for line in checks.score_warnings(context):
            progress.warn(line)
    if state.step.name == "filter":
        for line in checks.own_warnings(state.records, context):
            progress.warn(line)
    if state.step.name == "buckets":
        for line in checks.bucket_warnings(context):
            progress.warn(line)
    if state.step.name == "pack":
        for record in state.records:
            for line in record.counts["notes"]:
                progress.warn(f"mixture: {line}")
    if state.step.name == "shards":
        for source in context.groups:
            counts = counting.total(r for r in state.records if r.source == source)
            if not counts.get("kept"):
                progress.warn(f"sources.{source}: none of its {counts.get('documents', 0):,} documents was kept")


def _train(unit: Unit, context: Context, place: Place) -> list[Failure]:
    """Training runs in this process, in its final folder, where it finds its own checkpoints if it was cut off.

    It reads through links of its own: the run's view may change while it trains. A second run of the same training waits
    here for the first, then finds it complete.
    """
    folder = place.store.folder(unit)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _exclusive(folder.with_name(f"{folder.name}.lock")):
        if place.store.record(unit) is None:
            for step in ("tokens", "tokenizer", "pack"):
                view.publish(folder / model_steps.INPUTS, step, context.records[step].values())
            try:
                if context.manifest.mixture.changes:
                    model_steps.go_on(unit, folder)
                model_steps.pretrain(unit, folder)
            except (ValueError, FloatingPointError) as error:
                return [failed(unit, error)]
    return []


@contextmanager
def _exclusive(path: Path) -> Iterator[None]:
    with open(path, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def report_now(loaded: Loaded, place: Place) -> Path:
    """Write the report of what has been run so far, without running anything else; gives its path."""
    context = open_context(loaded, place, as_run=True)
    for _ in survey(context, place):
        pass  # fills context.records with what is in the store
    if not context.records.get("extract"):
        raise RunStopped(f"nothing has been run yet; start with: gristmill run {loaded.path}")
    unit = report_unit(context)
    record = place.store.record(unit) or place.store.build(unit, partial(model_steps.report, unit))
    view.publish(place.run, "report", [record])
    return place.run / "report" / "index.html"


def _lock_entry(state: StepState) -> dict:
    return {
        "key": state.key,
        # How many texts had to be read depends on what was known before, and not on the manifest.
        "counts": {name: n for name, n in counting.total(state.records).items() if name != "texts_read"},
        "units": {
            view.unit_label(r.source, r.name): r.key
            for r in sorted(state.records, key=lambda r: (r.source or "", r.name))
        },
    }


def run_files(folder: Path) -> Iterable[Path]:
    """All files of a run's view, for comparing two runs byte by byte."""
    return sorted(Path(root) / name for root, _, names in os.walk(folder, followlinks=True) for name in names)
