"""Counts of documents: summed over units, checked for conservation, and guarded against a run that loses its data."""

from collections import Counter
from collections.abc import Iterable, Mapping

from gristmill.manifests.schema import Run
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


def source_counts(records: Mapping[str, Iterable[Record]], source: str) -> dict:
    """Where a source's records went: documents = kept + dropped, by rule over all steps that have run.

    `records` maps a step's name to the records of its units.
    """
    steps = {step: [r for r in units if r.source == source] for step, units in records.items()}
    read = total(steps.get("extract", []))
    documents = read.get("documents", 0)
    dropped: Counter[str] = Counter()
    if steps.get("shards"):
        last = total(steps["shards"])
        dropped.update(last["dropped"])
        kept = last["kept"]
    else:
        for name in ("extract", "filter"):
            dropped.update(total(steps.get(name, [])).get("dropped", {}))
        kept = documents - dropped.total()
    return {
        "records": read.get("records", 0),
        "documents": documents,
        "kept": kept,
        "dropped": dict(sorted(dropped.items())),
        "bytes": total(steps.get("shards", [])).get("bytes", 0),
        "tokens": total(steps.get("tokens", [])).get("tokens", 0),
        "not_documents": read.get("not_documents", {}),
        "failures": [f for r in steps.get("extract", []) for f in r.counts["failures"]],
    }


def check_conservation(step: str, records: Iterable[Record], before: Mapping[tuple, int]) -> None:
    """Stop the run where documents appear or vanish: `records = documents + not documents`, `documents = kept + dropped`.

    `before` gives, for each (source, unit), how many documents the step before handed on. A mismatch is a bug of ours,
    never the data's fault, so nothing later may be built on it.
    """
    for record in records:
        c = record.counts
        where = f"{step} {record.source}/{record.name}"
        if "records" in c and c["records"] != c["documents"] + sum(c["not_documents"].values()):
            raise RunStopped(
                f"{where}: {c['records']} records, but {c['documents']} documents and {sum(c['not_documents'].values())} others; please report this bug with {record.folder / 'record.json'}"
            )
        if "dropped" in c and c["documents"] != c["kept"] + sum(c["dropped"].values()):
            raise RunStopped(
                f"{where}: {c['documents']} documents, but {c['kept']} kept and {sum(c['dropped'].values())} dropped; please report this bug with {record.folder / 'record.json'}"
            )
        expected = before.get((record.source, record.name))
        if expected is not None and c["documents"] != expected:
            raise RunStopped(
                f"{where}: {expected} documents came in, {c['documents']} were seen; please report this bug with {record.folder / 'record.json'}"
            )


GUARDED_FROM = 1000
"""Yield guards look at a source from this many documents on: below it, a share means little."""


def check_failures(records: Iterable[Record], failed: int, run: Run) -> list[str]:
    """Unreadable files, one line each; stops the run when they are more than `run.max_failed` of all files."""
    files, lines = failed, []
    for record in records:
        files += record.counts["files"]
        lines += [f"sources.{record.source}: {f['file']}: {f['error']}" for f in record.counts["failures"]]
    share = (len(lines) + failed) / max(files, 1)
    if share > run.max_failed:
        shown = "\n  ".join(lines[:10]) + (f"\n  ... and {len(lines) - 10} more" if len(lines) > 10 else "")
        raise RunStopped(
            f"{len(lines) + failed} of {files} files cannot be read ({share:.0%}, more than run.max_failed {run.max_failed:.0%}):\n  {shown}\n"
            f"Mend or remove them, or set run.max_failed: {min(1.0, round(share + 0.005, 2)):g} to go on without them."
        )
    return lines


def guard(step: str, source: str, counts: Mapping, run: Run, examples: Iterable[str]) -> None:
    """Stop a run that is about to lose a source: too little kept by a step, or too many errors in extraction."""
    documents = counts.get("documents", 0)
    if documents < GUARDED_FROM:
        return
    kept = counts["kept"] / documents
    why = "; ".join(f"{rule}: {n:,}" for rule, n in sorted(counts["dropped"].items(), key=lambda item: -item[1])[:5])
    shown = "\n  ".join(examples)
    if step == "extract" and 1 - kept > run.max_errors:
        raise RunStopped(
            f"sources.{source}: {1 - kept:.0%} of {documents:,} documents gave no text, more than run.max_errors {run.max_errors:.0%} ({why}). Examples:\n  {shown}\n"
            f"Check the source's kind and format, or raise run.max_errors."
        )
    if step != "extract" and kept < run.min_kept:
        raise RunStopped(
            f"sources.{source}: {step} keeps {kept:.2%} of {documents:,} documents, less than run.min_kept {run.min_kept:.0%} ({why}). Examples:\n  {shown}\n"
            f"Check the rules above (`gristmill why` shows a document's values), or lower run.min_kept."
        )
