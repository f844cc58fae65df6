"""What a run has in the store about its documents, for questions that change nothing."""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gristmill.curation import columns, shards
from gristmill.manifests import judging
from gristmill.manifests.counts import RunStopped
from gristmill.manifests.pipeline import pipeline
from gristmill.manifests.planning import Context
from gristmill.manifests.runner import Place, open_context, survey
from gristmill.manifests.schema import Loaded
from gristmill.manifests.settings import SettingError
from gristmill.manifests.store import Record, Unit
from gristmill.tokenizer.encode import open_tokens


def surveyed(loaded: Loaded, place: Place, needs: str) -> tuple[Context, dict[str, list[Unit]]]:
    """A run as far as its tokens: its records, and the units of each step. Raises RunStopped if `needs` is incomplete."""
    context = open_context(loaded, place, as_run=True)
    until = "tokens" if "tokens" in context.step_names else "shards"
    planned = {}
    for state in survey(context, place, until):
        planned[state.step.name] = [p for p in state.planned if isinstance(p, Unit)]
        if state.step.name == needs and not (state.complete and state.records):
            raise RunStopped(f"{needs} has not been run; first: gristmill run {loaded.path} --until {needs}")
    return context, planned


def planned_filters(
    after: Loaded, place: Place, context: Context, planned: Mapping[str, list[Unit]], dedup: bool
) -> tuple[Context, list[Unit]]:
    """The units of `filter` for a changed manifest, over what the run of `context` extracted and measured.

    Raises SettingError where the change asks for something that was not measured.
    """
    other = open_context(after, place, as_run=True)
    for step in pipeline(after):
        units = [unit for unit in step.plan(other) if isinstance(unit, Unit)]
        if step.name == "filter":
            return other, units
        have = {(unit.source, unit.name): unit for unit in planned.get(step.name, ())}
        for unit in units:
            lacks = _lacking(unit, have.get((unit.source, unit.name)), dedup)
            if lacks:
                of = f"source {unit.source}" if unit.source else unit.name
                hint = "; to drop no language, set keep: all" if lacks == ["language"] else ""
                raise SettingError(
                    f"this was never measured: with it, {step.name} of {of} would run again ({', '.join(lacks)}); "
                    f"put it into the manifest and run: gristmill run {after.path} --until filter{hint}"
                )
        if step.name == "extract" and len(units) != len(have):
            raise SettingError(f"with this, {step.name} would have other units; that takes a run, not a question")
        other.records[step.name] = context.records[step.name]
    raise AssertionError("every pipeline filters")


def _lacking(unit: Unit, have: Unit | None, dedup: bool) -> list[str]:
    """What of a unit's work is not what an existing one did.

    Every difference counts, also a parameter that is taken away, but for two that leave what is asked as it was:
    features of `VARIANTS` that no rule asks any more, and signatures that nobody compares.
    """
    if have is None:
        return [unit.name]
    if unit.key == have.key:
        return []
    found = []
    for name in sorted({*unit.params, *have.params}):
        now, then = unit.params.get(name), have.params.get(name)
        idle = (name == "variants" and not now) or (name == "signature" and (now is None or not dedup))
        if now != then and not idle:
            found.append("other files" if name == "pieces" else name)
    found += [what for what in ("version", "libraries") if getattr(unit, what) != getattr(have, what)]
    files, before = (sorted(i.digest for i in one.inputs) for one in (unit, have))
    return found or ([] if files == before else ["other files"])


def verdicts(unit: Unit, record: Record) -> pa.Table:
    """The verdicts of a changed unit, from the values that the record of the unchanged one has."""
    if unit.key == record.key:
        return shards.read_table(record.folder / "verdicts.arrow")
    return judging.judge_unit(unit, known=_known(unit, record))


def _known(unit: Unit, record: Record) -> dict[str, np.ndarray]:
    """Values on record that still hold: numbers, if neither the functions nor the lists behind them have changed."""
    values = shards.read_table(record.folder / "values.arrow")
    code = _same_inputs(unit, record, "own/")
    lists = _same_inputs(unit, record, "url_lists/") and (
        unit.params["integrated_url_lists"] == record.params["integrated_url_lists"]
    )
    known = {}
    for rule in judging.ruleset_of(unit.params).rules:
        family = columns.family(rule.feature)
        stored = rule.feature in values.column_names and values.schema.field(rule.feature).type == pa.float64()
        if stored and (code or family != "own") and (lists or family != "url"):
            known[rule.feature] = values[rule.feature].to_numpy()
        elif family == "own":
            raise SettingError(
                f"{rule.feature} was never measured on these documents; put it into the manifest and run: "
                "gristmill run MANIFEST --until filter"
            )
    return known


def _same_inputs(unit: Unit, record: Record, prefix: str) -> bool:
    now = {i.name: i.digest for i in unit.inputs if i.name.startswith(prefix)}
    then = {name: digest for name, digest in record.inputs.items() if name.startswith(prefix)}
    return all(then.get(name) == digest for name, digest in now.items())


def token_counts(context: Context, source: str, name: str, ids: pa.ChunkedArray) -> np.ndarray:
    """float64[N]: tokens of each document, NaN where it was not encoded."""
    found = np.full(len(ids), np.nan)
    record = context.records.get("tokens", {}).get((source, name))
    if record is not None:
        file = open_tokens(record.folder / "tokens.arrow")
        place = pc.index_in(ids, value_set=file.ids.combine_chunks()).to_numpy()
        here = ~np.isnan(place)
        found[here] = file.lengths[place[here].astype(np.int64)]
    return found


def with_verdicts(record: Record, folder, table: pa.Table) -> Record:
    """A record of `filter` whose verdicts are other ones, written to a folder."""
    folder.mkdir(parents=True)
    chosen = table.select(judging.FILTER_SCHEMA.names).cast(judging.FILTER_SCHEMA)
    shards.write_batches(folder / "verdicts.arrow", judging.FILTER_SCHEMA, chosen.to_batches())
    return replace(record, folder=folder, outputs={"verdicts.arrow": "", "values.arrow": ""})


def excerpts(context: Context, rows: Mapping[tuple[str, str], list[int]]) -> Iterator[tuple[tuple, dict]]:
    """(unit, row) -> locator, url, title and text of documents, by the rows asked for of each unit."""
    for (source, name), wanted in rows.items():
        path = context.records["extract"][(source, name)].folder / "texts.arrow"
        about = shards.read_table(path, ["id", "locator", "url", "title"]).take(pa.array(wanted, pa.int64()))
        texts = shards.take(path, wanted, "text").to_pylist()
        for row, facts, text in zip(wanted, about.to_pylist(), texts, strict=True):
            yield (source, name, row), {**facts, "text": text}


def as_json(found: object) -> str:
    """An answer as JSON: a threshold that does not apply, infinite here, is null there."""
    return json.dumps(_finite(found), ensure_ascii=False, indent=1, allow_nan=False)


def _finite(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def said(number: object) -> str | None:
    """A value or threshold for people; None if there is none.

    >>> said(0.25), said(float("inf"))
    ('0.25', 'does not apply')
    """
    if isinstance(number, float):
        return f"{number:.6g}" if math.isfinite(number) else "does not apply"
    return None if number is None else str(number)


def shortened(text: str, characters: int = 240) -> str:
    """The beginning of a text on one line."""
    line = " ".join(text[: 4 * characters].split())
    return line if len(line) <= characters else line[: characters - 1] + "…"
