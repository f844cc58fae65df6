"""Which documents stay: the rules that a manifest asks for, and the verdict on each document.

Every rule is asked of every document. The first that fails names the reason, so that every drop is counted once; what
the others saw goes to the ledger too, for the question what another threshold would have done.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gristmill.curation import columns, own
from gristmill.curation.answers import Answer, Documents
from gristmill.curation.blocklists import INTEGRATED, UrlLists
from gristmill.curation.presets import DEFAULT_PRESET, PRESETS
from gristmill.curation.rules import Rule, Ruleset, unknown

VERSION: int = 4


class FilterError(ValueError):
    """A mistake in `filters`, with the place that it stands at: `filters`, the number of the entry, keys."""

    def __init__(self, message: str, place: tuple[str | int, ...]):
        super().__init__(message)
        self.place = place


@contextmanager
def _at(*place: str | int) -> Iterator[None]:
    """What is wrong inside stands at this place."""
    try:
        yield
    except ValueError as error:
        raise FilterError(str(error), (*place, *getattr(error, "place", ()))) from None


def ruleset(spec: object, kind: str) -> Ruleset:
    """The rules that a manifest asks for.

    `spec` is None (the preset of this kind of source), [] (no rules), the name of a preset, a mapping of presets to
    changes, or a list of any of: preset name, `{preset: {rule: threshold or None, ...}}`, `{feature, op, threshold,
    name, absent}` (a rule of your own), and the same with `rule: module:function` in place of `feature`. `cut_lines`
    among a preset's changes sets or, with None, switches off its line cuts. Raises ValueError, with the
    nearest name, for whatever does not exist, and its place as `error.place`.
    """
    with _at("filters"):
        return _ruleset(spec, kind)


def _ruleset(spec: object, kind: str) -> Ruleset:
    if spec is None:
        kind = "text" if ":" in kind else kind  # a reader of somebody's own
        if kind not in DEFAULT_PRESET:
            raise ValueError(unknown("kind", kind, DEFAULT_PRESET, "kinds"))
        spec = DEFAULT_PRESET[kind]
    entries = [spec] if isinstance(spec, str | Mapping) else spec
    if not isinstance(entries, Sequence):
        raise ValueError(f"filters: {spec!r} is no preset; give a name, a list, or [] for no rules")
    parts: list[Ruleset] = []
    for number, entry in enumerate(entries):
        with _at(*([] if entries is not spec else [number])):
            parts += _parts(entry)
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
            with _at(str(name)):
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
    if changes is None:  # "all of it", or "off"? Whoever guesses is wrong half of the time
        raise ValueError(
            f"filters: {name}: null may mean two things; for the preset as it is write {name}, for none remove it"
        )
    if not isinstance(changes, Mapping):
        raise ValueError(f"filters: {name}: {changes!r} is no change; write {{{name}: {{rule: threshold}}}}")
    known = [rule.name for rule in preset.rules] + (["cut_lines"] if preset.cut_lines else [])
    for rule_name in changes:
        if rule_name not in known:
            with _at(str(rule_name)):
                raise ValueError(unknown(f"rule of preset {name}", rule_name, known, f"rules of {name}"))
    rules = []
    for rule in preset.rules:
        threshold = changes.get(rule.name, rule.threshold)
        if threshold is not None:
            own = {} if rule.name not in changes else {"threshold": threshold, "by_language": ""}
            with _at(rule.name):
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
    earlier: pa.Table | None = None,
    known: Mapping[str, np.ndarray] | None = None,
) -> pa.Table:
    """The verdict on each document: `rule` (label of the first rule that fails, null if none does), that rule's `value`
    and `threshold` (float64, null likewise, and where they are words), `detail`, what it saw in words, and `failed`, the
    labels of all rules that fail, in order; then the values of every feature that is no column of the ledger.

    `texts` has the columns of the same documents that `columns.needed` names, `scores` the functions that rules name;
    both may be absent where no rule asks for them. `url_lists` are what rules over `url_*` look addresses up in.
    `earlier` are verdicts (rule, value, threshold) that come before the first rule: the language's. `known` are values
    by feature that were had before, float64 with NaN for absent.

    A document that a function of the manifest's author fails on is dropped as `own_rule_failed`, unless a rule before
    has dropped it: how a function fares on documents that it was not made for is no reason. Raises ValueError where a
    function fails on everything (`Score.is_broken`).
    """
    documents = Documents(features, ruleset.rules, texts, scores, url_lists, known)
    num_rules, num_documents = len(ruleset.rules), features.num_rows
    alive = np.ones(num_documents, dtype=bool) if earlier is None else np.array(earlier["rule"].is_null())
    before = [] if earlier is None else sorted(set(earlier["rule"].drop_null().to_pylist()))
    labels = pa.array([*(rule.label for rule in ruleset.rules), own.FAILED, *before], pa.string())
    rows, codes = [np.flatnonzero(~alive)], [np.zeros(0, np.int64)]
    if earlier is not None:
        codes = [np.asarray(pc.index_in(earlier["rule"].drop_null(), labels[num_rules:])) + num_rules]
    answers = []
    for number, rule in enumerate(ruleset.rules):
        answer = documents.answer(rule, alive)
        answers.append(answer)
        rows += [np.flatnonzero(answer.fails), answer.crashed]
        codes += [np.full(np.count_nonzero(answer.fails), number), np.full(len(answer.crashed), num_rules)]
        alive = alive & ~answer.fails
        alive[answer.crashed] = False
    order = np.argsort(np.concatenate(rows), kind="stable")
    code = np.concatenate(codes)[order]
    ends = np.cumsum(np.bincount(np.concatenate(rows), minlength=num_documents))
    offsets = np.concatenate(([0], ends)).astype(np.int32)
    first = np.full(num_documents, -1, dtype=np.int64)
    first[~alive] = code[offsets[:-1][~alive]]
    failed = pa.ListArray.from_arrays(pa.array(offsets), labels.take(pa.array(code)))
    verdicts = {"rule": labels.take(pa.array(first, mask=alive)), **_seen(ruleset, documents, answers, first, earlier)}
    return pa.table({**verdicts, "failed": failed, **documents.columns()})


def _seen(
    ruleset: Ruleset, documents: Documents, answers: Sequence[Answer], first: np.ndarray, earlier: pa.Table | None
) -> dict[str, pa.Array]:
    """What the first rule that fails saw: `value`, `threshold` and `detail`; `first` is its number (-1: none)."""
    num_rules = len(ruleset.rules)
    value, threshold = np.full(len(first), np.nan), np.full(len(first), np.nan)
    details: list[str | None] = [None] * len(first)
    for number, (rule, answer) in enumerate(zip(ruleset.rules, answers, strict=True)):
        here = np.flatnonzero(first == number)
        value[here] = answer.saw[here]
        threshold[here] = answer.limits[here]
        for row in here[np.isnan(answer.saw[here])].tolist():
            details[row] = documents.detail(rule, row)
    errors = {row: what for found in documents.errors.values() for row, what in found.items()}
    for row in np.flatnonzero(first == num_rules).tolist():
        details[row] = errors.get(row)
    if earlier is not None:
        here = first > num_rules
        value[here] = earlier["value"].to_numpy()[here]
        threshold[here] = earlier["threshold"].to_numpy()[here]
    return {
        "value": pa.array(value, mask=np.isnan(value)),
        "threshold": pa.array(threshold, mask=np.isnan(threshold)),
        "detail": pa.array(details, pa.string()),
    }
