"""The `filter` step: what a unit's parameters ask of its documents, languages first, then the rules in their order.

`verdicts.arrow` is what later steps work by; `values.arrow` is for the ledger: all rules that a document fails, and the
values that are no features of the text. So a change that drops nothing else leaves the later steps as they are.
"""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa

from gristmill.curation import columns, filters, language, ledger, own, shards
from gristmill.curation.language import LanguageParams
from gristmill.manifests import own_code, quality_steps
from gristmill.manifests.store import Unit

FILTER_SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("rule", pa.string()),  # null: passed
        pa.field("value", pa.float64()),
        pa.field("threshold", pa.float64()),
        pa.field("detail", pa.string()),  # what a rule over words saw
    ]
)


def filter_(unit: Unit, out: Path) -> Mapping[str, object]:
    """Features to verdicts; the first rule that fails drops. `failed` counts every failure, of each rule."""
    ruleset = ruleset_of(unit.params)
    scores = {
        rule.feature: own.Score(rule.feature, own_code.of_unit(rule.feature, unit.inputs))
        for rule in ruleset.rules
        if columns.family(rule.feature) == "own"
    }
    judged = judge_unit(unit, scores=scores)
    verdicts = judged.select(FILTER_SCHEMA.names).cast(FILTER_SCHEMA)
    shards.write_batches(out / "verdicts.arrow", FILTER_SCHEMA, verdicts.to_batches())
    values = judged.select([name for name in judged.column_names if name not in FILTER_SCHEMA.names[1:]])
    rules = {ledger.RULES: ledger.rules_json(ruleset.rules)}
    shards.write_batches(out / "values.arrow", values.schema, values.to_batches(), rules)
    dropped = Counter(judged["rule"].drop_null().to_pylist())
    failed = Counter({rule.label: 0 for rule in ruleset.rules})
    for pair in judged["failed"].combine_chunks().flatten().value_counts().to_pylist():
        failed[pair["values"]] = pair["counts"]
    return {
        "documents": judged.num_rows,
        "kept": judged.num_rows - dropped.total(),
        "dropped": dict(sorted(dropped.items())),
        "failed": dict(sorted(failed.items())),
    }


def ruleset_of(params: Mapping) -> filters.Ruleset:
    """The rules that a unit's parameters hold."""
    rules = [
        filters.Rule(preset, name, feature, op, params["thresholds"][f"{preset}.{name}"], absent, by_language)
        for preset, name, feature, op, absent, by_language in params["rules"]
    ]
    return filters.Ruleset(tuple(rules), params["cut_lines"])


def judge_unit(
    unit: Unit, scores: Mapping[str, own.Score] | None = None, known: Mapping[str, np.ndarray] | None = None
) -> pa.Table:
    """The verdicts and values of a unit's documents with their `id`, as `filters.judge` gives them.

    `known` are values by feature, float64 with NaN for absent, that need not be had again. The texts are read a batch at
    a time, and only if a rule needs them.
    """
    ruleset = ruleset_of(unit.params)
    known = known or {}
    measured = quality_steps.with_scores(shards.read_table(unit.path("features.arrow"), _asked(ruleset)), unit)
    by_language = None
    if unit.params["languages"]:
        params = LanguageParams(**unit.params["languages"])
        confidence = np.asarray(measured["language_score"].to_numpy())
        by_language = language.judge(measured["language"].to_pylist(), confidence, params)
    url_lists = quality_steps.url_lists_of(unit)
    needed = columns.needed(rule.feature for rule in ruleset.rules if rule.asks_words or rule.feature not in known)
    parts: list[pa.Table] = []
    start = 0
    for texts in _texts(unit, needed):
        size = measured.num_rows if texts is None else texts.num_rows
        earlier = by_language.slice(start, size) if by_language is not None else None
        here = {feature: values[start : start + size] for feature, values in known.items()}
        parts.append(filters.judge(measured.slice(start, size), ruleset, texts, scores, url_lists, earlier, here))
        start += size
    return pa.concat_tables(parts).add_column(0, "id", measured["id"])


def _asked(ruleset: filters.Ruleset) -> list[str]:
    """The columns of `features.arrow` that the languages and the rules read."""
    found = [rule.feature for rule in ruleset.rules if columns.family(rule.feature) == "text"]
    return ["id", "language", "language_score", *dict.fromkeys(found)]


def _texts(unit: Unit, needed: list[str]):
    """The columns that rules need of a unit's texts, a batch at a time; None for all rows if they need none."""
    if not needed:
        yield None
        return
    empty = True
    for batch in shards.read_batches(unit.path("texts.arrow"), needed):
        empty = False
        yield pa.Table.from_batches([batch])
    if empty:
        yield shards.read_table(unit.path("texts.arrow"), needed)
