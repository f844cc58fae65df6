"""What a run has done so far: steps, and for every source where its records went."""

from collections.abc import Mapping

from gristmill.manifests import changes, view
from gristmill.manifests import counts as counting
from gristmill.manifests.plan_quality import score_origins
from gristmill.manifests.runner import Place, StepState, open_context, read_state, survey
from gristmill.manifests.schema import Loaded


def status(loaded: Loaded, place: Place) -> dict:
    """The run as `gristmill status --json` prints it."""
    context = open_context(loaded, place, as_run=True)
    locked = view.read_lock(place.run)
    states = list(survey(context, place))
    records = {state.step.name: state.records for state in states}
    failed = read_state(place.run).get("failed")
    return {
        "manifest": loaded.manifest.name,
        "scores": score_origins(records.get("score_index", ()), records.get("score", ())),
        "mixture": [note for r in records.get("pack", ()) for note in r.counts["notes"]],
        "changes": changes.status(context, place.run),
        "steps": [_step(state, locked, failed, place) for state in states],
        "sources": {
            name: counting.source_counts(records, name, context.lost.get(name, [])) for name in loaded.manifest.sources
        },
    }


def _step(state: StepState, locked: Mapping[str, Mapping], failed: str | None, place: Place) -> dict:
    name = state.step.name
    if failed == name:
        how = "failed"
    elif state.complete:
        how = "done"
    else:
        how = "stale" if name in locked else "missing"
    shown = list(view.links(name, []) or {})
    return {
        "name": name,
        "key": state.key,
        "state": how,
        "output": str(place.run / shown[0] if shown else place.store.root / name),
        "seconds": round(sum(r.seconds for r in state.records), 3),
        "counts": counting.total(state.records),
    }
