"""Which documents stay: the rules that a manifest asks for, and the verdict on each document.

Rules are asked in order, and the first that fails names the reason, so that every drop is counted once; all features of
the text stay in the ledger for the question what another threshold would have done.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa

from gristmill.curation import columns, own
from gristmill.curation.blocklists import INTEGRATED, UrlLists
from gristmill.curation.presets import DEFAULT_PRESET, PRESETS
from gristmill.curation.rules import MEMBERSHIP, OPERATORS, Rule, Ruleset, unknown

VERSION: int = 3


def ruleset(spec: object, kind: str) -> Ruleset:
    """The rules that a manifest asks for.

    `spec` is None (the preset of this kind of source), [] (no rules), the name of a preset, a mapping of presets to
    changes, or a list of any of: preset name, `{preset: {rule: threshold or None, ...}}`, `{feature, op, threshold,
    name, absent}` (a rule of your own), and the same with `rule: module:function` in place of `feature`. `cut_lines`
    among a preset's changes sets or, with None, switches off its line cuts. Raises ValueError, with the
    nearest name, for whatever does not exist.
    """
    if spec is None:
        kind = "text" if ":" in kind else kind  # a reader of somebody's own
        if kind not in DEFAULT_PRESET:
            raise ValueError(unknown("kind", kind, DEFAULT_PRESET, "kinds"))
        spec = DEFAULT_PRESET[kind]
    entries = [spec] if isinstance(spec, str | Mapping) else spec
    if not isinstance(entries, Sequence):
        raise ValueError(f"filters: {spec!r} is no preset; give a name, a list, or [] for no rules")
    parts = [part for entry in entries for part in _parts(entry)]
    variants = sorted({part.cut_lines for part in parts if part.cut_lines})
    if len(variants) > 1:
        raise ValueError(
            f"filters: presets with different line cuts ({' and '.join(variants)}); choose one, or switch one off "
            "with {c4: {cut_lines: null}}"
        )
    rules = tuple(rule for part in parts for rule in part.rules)
    return Ruleset(rules, variants[0] if variants else None)


def _parts(entry: object) -> Iterable[Ruleset]:
    """The rulesets that one entry of a list of filters stands for."""
    if isinstance(entry, str):
        yield _preset(entry)
    elif isinstance(entry, Mapping) and {"feature", "rule"} & set(entry):
        yield Ruleset((_own_rule(entry),))
    elif isinstance(entry, Mapping) and entry:
        for name, changes in entry.items():
            yield _changed(name, _preset(name), changes)
    else:
        raise ValueError(
            f"filters: {entry!r} is no rule; give a preset's name, {{preset: {{rule: threshold}}}} or "
            "{name: my_rule, feature: num_words, op: '>=', threshold: 10}"
        )


def _preset(name: object) -> Ruleset:
    if name not in PRESETS:
        raise ValueError(unknown("preset", name, PRESETS, "presets"))
    return PRESETS[name]


def _changed(name: str, preset: Ruleset, changes: object) -> Ruleset:
    changes = {} if changes is None else changes
    if not isinstance(changes, Mapping):
        raise ValueError(f"filters: {name}: {changes!r} is no change; write {{{name}: {{rule: threshold}}}}")
    known = [rule.name for rule in preset.rules] + (["cut_lines"] if preset.cut_lines else [])
    for rule_name in changes:
        if rule_name not in known:
            raise ValueError(unknown(f"rule of preset {name}", rule_name, known, f"rules of {name}"))
    rules = []
    for rule in preset.rules:
        threshold = changes.get(rule.name, rule.threshold)
        if threshold is not None:
            own = {} if rule.name not in changes else {"threshold": threshold, "by_language": ""}
            rules.append(replace(rule, **own))
    return Ruleset(tuple(rules), changes.get("cut_lines", preset.cut_lines))


def _own_rule(entry: Mapping) -> Rule:
    known = ("name", "feature", "rule", "op", "threshold", "absent")
    for key in entry:
        if key not in known:
            raise ValueError(unknown("key of a rule", key, known, "keys"))
    if "rule" in entry and "feature" in entry:
        raise ValueError("filters: a rule asks for a `feature`, or for a function by `rule: module:function`; not both")
    feature = entry.get("feature", entry.get("rule"))
    missing = [key for key in ("op", "threshold") if key not in entry]
    if missing:
        raise ValueError(f"filters: rule on {feature} lacks {' and '.join(missing)}")
    if (columns.family(feature) == "own") != ("rule" in entry):
        if "rule" in entry:
            raise ValueError(
                f"filters: {feature!r} names no function; write rule: module:function, or feature: {feature}"
            )
        raise ValueError(f"filters: {feature} is a function; write rule: {feature}")
    name = entry.get("name", str(feature).rpartition(":")[2])
    return Rule("custom", str(name), feature, entry["op"], entry["threshold"], entry.get("absent", "keep"))


def judge(
    features: pa.Table,
    ruleset: Ruleset,
    texts: pa.Table | None = None,
    scores: Mapping[str, own.Score] | None = None,
    url_lists: UrlLists = INTEGRATED,
    dropped: np.ndarray | None = None,
) -> pa.Table:
    """The verdict on each document: `rule` (label of the first rule that fails, null if none does), and that rule's
    `value` and `threshold` (float64, null likewise, and where they are words), and `detail`, what it saw in words.

    `texts` has the columns of the same documents that `columns.needed` names, `scores` the functions that rules name;
    both may be absent where no rule asks for them. `url_lists` are what rules over `url_*` look addresses up in.
    `dropped` is true for rows that need no verdict: functions of the manifest's author are only called for documents
    that are still there. A document that such a function fails on is dropped as `own_rule_failed`. Raises ValueError
    where a function fails on everything (`Score.is_broken`).
    """
    num_documents = features.num_rows
    is_open = np.ones(num_documents, dtype=bool) if dropped is None else ~dropped
    labels = [*(rule.label for rule in ruleset.rules), own.FAILED]
    failed = np.full(num_documents, -1, dtype=np.int64)
    value = np.full(num_documents, np.nan)
    threshold = np.full(num_documents, np.nan)
    details: dict[int, str] = {}
    asked = [rule.feature for rule in ruleset.rules]
    others = columns.Values(pa.table({}) if texts is None else texts, features, asked, url_lists)
    for number, rule in enumerate(ruleset.rules):
        family = columns.family(rule.feature)
        rows = np.flatnonzero(is_open)
        if family == "text":
            measured = features.column(rule.feature).to_numpy().astype(np.float64)
            limits = _limits(rule, features)
            fails = rows[~OPERATORS[rule.op](measured[rows], limits[rows]) & ~np.isnan(measured[rows])]
            value[fails] = measured[fails]
        elif family == "own":
            assert scores is not None
            measured, errors = _scored(scores[rule.feature], rows, others)
            fails = rows[~np.isnan(measured) & ~OPERATORS[rule.op](measured, rule.threshold)]
            value[rows] = measured
            details |= errors
            failed[list(errors)] = len(ruleset.rules)
        else:
            values = others.of(rule.feature)
            fails, saw = _asked(rule, values, rows, _limits(rule, features))
            value[fails] = saw
            details |= {row: _detail(rule, values[row]) for row in fails[np.isnan(saw)].tolist()}
        failed[fails] = number
        threshold[fails] = _limits(rule, features)[fails]
        is_open &= failed < 0
    passed = failed < 0
    value[passed] = np.nan
    threshold[passed] = np.nan
    which = pa.array(failed, mask=passed)
    return pa.table(
        {
            "rule": pa.array(labels, pa.string()).take(which),
            "value": pa.array(value, mask=np.isnan(value)),
            "threshold": pa.array(threshold, mask=np.isnan(threshold)),
            "detail": pa.array([details.get(row) for row in range(num_documents)], pa.string()),
        }
    )


def _asked(rule: Rule, values: list, rows: np.ndarray, limits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The rows that fail a rule over a column, and the numbers that it saw there, NaN where it saw words or nothing."""
    words = isinstance(rule.threshold, str | tuple)
    if not words:
        numbers = columns.numbers(values, rule.feature)[rows]
        absent = np.isnan(numbers)
        holds = OPERATORS[rule.op](numbers, limits[rows])
    else:
        numbers = np.full(len(rows), np.nan)
        present = [values[row] for row in rows.tolist()]
        absent = np.array([value is None for value in present], dtype=bool)
        test = _test(rule)
        holds = np.array([value is not None and test(value) for value in present], dtype=bool)
    fails = np.where(absent, rule.absent == "drop", ~holds)
    return rows[fails], numbers[fails]


def _test(rule: Rule) -> Callable[[object], bool]:
    """What tells whether a value that is there holds against words."""
    if rule.op in MEMBERSHIP:
        return columns.membership(rule.feature, rule.op, rule.threshold)
    if columns.family(rule.feature) == "date":
        return columns.dated(rule.op, rule.threshold)
    return columns.membership(rule.feature, "in", (rule.threshold,))


def _detail(rule: Rule, value: object) -> str:
    return f"no {rule.feature}" if value is None else columns.seen(value)


def _limits(rule: Rule, features: pa.Table) -> np.ndarray:
    """The number that a rule compares with, by document; NaN where it asks for words."""
    words = isinstance(rule.threshold, str | tuple)
    return np.full(features.num_rows, np.nan) if words else rule.limits(features)


def _scored(score: own.Score, rows: np.ndarray, values: columns.Values) -> tuple[np.ndarray, dict[int, str]]:
    """What a function gives for some rows (NaN where it failed), and what went wrong, by row."""
    numbers = np.full(len(rows), np.nan)
    errors: dict[int, str] = {}
    places = rows.tolist()
    documents = values.documents(places) if score.wants_document else [None] * len(places)
    for place, (text, document) in enumerate(zip(values.texts(places), documents, strict=True)):
        try:
            numbers[place] = score(text, document)
        except own.OwnCodeError as error:
            errors[places[place]] = str(error)
    if score.is_broken:
        raise ValueError(f"it fails on all of {score.failures:,} documents, here with: {next(iter(errors.values()))}")
    return numbers, errors
