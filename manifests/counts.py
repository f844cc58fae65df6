"""Counts of documents, summed over units and steps."""

from collections import Counter
from collections.abc import Iterable, Mapping

from gristmill.manifests.store import Record


class RunStopped(Exception):
    """A run that cannot go on; the message says what happened, where, and what to do."""


def total(records: Iterable[Record]) -> dict[str, object]:
    """The counts of several units as one: numbers added, mappings added by key, lists left out.

    >>> total([])
    {}
    """
    result: dict[str, object] = {}
    for record in records:
        for name, value in record.counts.items():
            if isinstance(value, Mapping):
                if all(isinstance(v, (int, float)) for v in value.values()):
                    merged = Counter(result.get(name, {}))
                    merged.update(value)
                    result[name] = dict(sorted(merged.items()))
            elif isinstance(value, (int, float)) and not isinstance(value, bool):
                result[name] = result.get(name, 0) + value
    return result


def source_counts(records: Mapping[str, Iterable[Record]], source: str, lost: Iterable[Mapping] = ()) -> dict:
    """Where a source's records went: documents = kept + dropped, by rule over all steps that have run.

    `records` maps a step's name to the records of its units; `lost` names files that could not be opened at all.
    `silent_rules` are the rules that no document fails, also none that another rule dropped before.
    """
    steps = {step: [r for r in units if r.source == source] for step, units in records.items()}
    read = total(steps.get("extract", []))
    dropped: Counter[str] = Counter()
    if steps.get("shards") and len(steps["shards"]) == len(steps["extract"]):
        dropped.update(total(steps["shards"])["dropped"])
    else:  # a run that is under way, or whose later steps are stale: add up what each step has dropped so far
        for name in ("extract", "filter", "dedup", "decontaminate"):
            dropped.update(total(steps.get(name, [])).get("dropped", {}))
        for name in ("extract", "filter", "dedup", "decontaminate"):
            dropped.update(total(steps.get(name, [])).get("dropped", {}))
    documents = read.get("documents", 0)
    failed = total(steps.get("filter", [])).get("failed", {})
    return {
        "records": read.get("records", 0),
        "documents": documents,
        "kept": documents - dropped.total(),
        "dropped": dict(sorted(dropped.items())),
        "cut": total(steps.get("shards", [])).get("cut", {}),
        "masked": total(steps.get("shards", [])).get("masked", {}),
        "silent_rules": [rule for rule, n in failed.items() if not n] if documents else [],
        "bytes": total(steps.get("shards", [])).get("bytes", 0),
        "scores": _scores(total(steps.get("score", []))),
        "buckets": _buckets(total(steps.get("buckets", [])), source),
        "tokens": total(steps.get("tokens", [])).get("tokens", 0),
        "not_documents": read.get("not_documents", {}),
        "failures": [*(f for r in steps.get("extract", []) for f in r.counts["failures"]), *lost],
    }


def _buckets(counts: Mapping[str, object], source: str) -> dict[str, object]:
    """What divides a source, how many documents each bucket has, and how many have no such value; {} if not divided."""
    if not counts.get("in_bucket"):
        return {}
    ((by, without),) = counts["without_value"].items()
    in_bucket = {name.removeprefix(f"{source}/"): n for name, n in counts["in_bucket"].items()}
    return {"by": by, "in_bucket": in_bucket, "without_value": without}


def _scores(counts: Mapping[str, object]) -> dict[str, dict[str, int]]:
    """For each score, how many texts have it and how many have not."""
    with_score, without = counts.get("with_score", {}), counts.get("without_score", {})
    return {name: {"with": n, "without": without[name]} for name, n in with_score.items()}
