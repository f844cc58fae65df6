"""Why a step would run: what differs between the unit that is planned and the one that the lock file remembers."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from gristmill.manifests import view
from gristmill.manifests.participants import manifest_of
from gristmill.manifests.planning import Pending
from gristmill.manifests.runner import StepState
from gristmill.manifests.store import Record, Store, Unit


def reasons(state: StepState, locked: Mapping[str, Mapping], store: Store) -> list[str]:
    """Why a step's missing units have to run, each reason once, most telling first; empty if nothing has to."""
    old_units = locked.get(state.step.name, {}).get("units", {})
    found: dict[str, None] = {}
    for unit in state.missing:
        key = old_units.get(view.unit_label(unit.source, unit.name))
        old = store.load(unit.step, key) if key else None
        # A score has units of its own: what is new may be the score, and not the texts.
        known = bool(old_units)
        if unit.step == "score":  # its units are called source/unit/feature
            known = any(label.endswith(f"/{unit.params['feature']}") for label in old_units)
        elif unit.step == "score_index":  # by the score alone
            known = unit.name in old_units
        found |= dict.fromkeys(_differences(unit, old, known, had_key=key is not None))
    for pending in state.pending:
        found.setdefault(f"depends on {pending.on}")
    # What a unit depends on says less than what has changed in it.
    return sorted(found, key=lambda reason: reason.startswith("depends on"))


def _differences(unit: Unit, old: Record | None, known: bool, had_key: bool) -> Iterator[str]:
    if old is None:
        if had_key:
            yield "its output is gone from the store"
        elif not known:
            yield "never run"
        elif unit.step == "extract":
            names = [i.name.removeprefix("raw/") for i in unit.inputs if i.name.startswith("raw/")]
            yield f"new file {names[0]}" if len(names) == 1 else f"{len(names)} new files"
        elif unit.inputs:
            yield _depends(unit.inputs[0].name)
        return
    if old.version != unit.version:
        yield f"version {old.version} -> {unit.version}"
    yield from _changed(dict(old.params), dict(unit.params), "")
    yield from _changed(dict(old.libraries or {}), dict(unit.libraries), "")
    new_inputs = {i.name: i.digest for i in unit.inputs}
    for name in sorted({*new_inputs, *old.inputs}):
        if new_inputs.get(name) == old.inputs.get(name):
            continue
        step, _, rest = name.partition("/")
        if step in ("raw", "benchmark", "own", "model", "url_lists", "beside"):
            what = "new file" if name not in old.inputs else "gone:" if name not in new_inputs else "changed:"
            yield f"{what} {rest}"
        else:
            yield _depends(name)


def _depends(file: str) -> str:
    """What an input that is another one now means: `<step>/<source>/<unit>/<file>`."""
    step, _, rest = file.partition("/")
    other = manifest_of(rest)
    return f"other documents of {other} in the index" if other else f"depends on {step}"


def _changed(old: Mapping, new: Mapping, prefix: str) -> Iterator[str]:
    for name in sorted({*old, *new}):
        a, b = old.get(name), new.get(name)
        if a == b or name in ("pieces", "units", "shards") or name.startswith("@"):
            continue
        if isinstance(a, Mapping) and isinstance(b, Mapping):
            yield from _changed(a, b, f"{prefix}{name}.")
        elif isinstance(a, list) and isinstance(b, list):
            gone, come = [x for x in a if x not in b], [x for x in b if x not in a]
            yield f"{prefix}{name}: {_short(gone or a)} -> {_short(come or b)}"
        else:
            yield f"{prefix.removeprefix('thresholds.')}{name} {_short(a)} -> {_short(b)}"


def _short(value: object) -> str:
    text = "none" if value is None else str(value)
    return text if len(text) <= 60 else text[:57] + "..."


def plan_lines(states: list[StepState], place_run: Path, store: Store) -> Iterator[tuple[str, str, str]]:
    """(step, reuse or run with numbers, why) for every step."""
    locked = view.read_lock(place_run)
    for state in states:
        total, have = len(state.planned), len(state.records)
        kept = state.step.name == "tokenizer" and any(isinstance(p, Record) for p in state.planned)
        if state.complete:
            yield state.step.name, "reuse", "kept: its own parameters are unchanged" if kept else ""
        else:
            waiting = sum(isinstance(p, Pending) for p in state.planned)
            how = f"run {total - have} of {total}" if total > 1 else "run"
            if waiting and waiting == total - have and have:
                how = f"run up to {waiting} of {total}"
            yield state.step.name, how, "; ".join(_few(reasons(state, locked, store)))


def _few(items: list[str], most: int = 4) -> list[str]:
    return items if len(items) <= most else [*items[:most], f"and {len(items) - most} more reasons"]
