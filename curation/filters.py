"""Which documents stay: rules over features, in presets from the literature.

A rule says what must hold for a document to be kept. Rules are asked in order, and the first that fails names the
reason, so that every drop is counted once; all features stay in the ledger for the question what another threshold
would have done.

Gopher is Rae et al. 2021 (section A1.1, table A1) as datatrove implements it, C4 is Raffel et al. 2020 (section 2.2),
FineWeb is Penedo et al. 2024, code is BigCode's (Li et al. 2023, "StarCoder", section 3.1; alphanumerics as in
Kocetkov et al. 2022). They are made for English web pages, or for source code; `multilingual` keeps what holds in any language.
"""

import difflib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from gristmill.curation.features import AFTER_CUTS, FEATURES

VERSION: int = 1

OPERATORS = {
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
    "==": np.equal,
}
"""How a rule compares a feature with its threshold."""


@dataclass(frozen=True)
class Rule:
    """One condition that a document must meet to be kept."""

    preset: str
    """Where it comes from: `gopher`, `c4`, `fineweb`, `code`, ..., or `custom`."""
    name: str
    """Its name there, the key under which a manifest changes its threshold."""
    feature: str
    """A column of `FEATURES`."""
    op: str
    """One of < <= > >= ==: a document is kept if `feature op threshold`."""
    threshold: float
    """In the unit of the feature."""

    def __post_init__(self) -> None:
        if self.feature not in FEATURES.names:
            raise ValueError(_unknown("feature", self.feature, FEATURES.names, "features"))
        if self.op not in OPERATORS:
            raise ValueError(f"rule {self.label}: op is {self.op!r}; use one of {' '.join(OPERATORS)}")
        number = isinstance(self.threshold, int | float) and not isinstance(self.threshold, bool)
        if not (number and math.isfinite(self.threshold)):
            raise ValueError(f"rule {self.label}: threshold is {self.threshold!r}; give a finite number")

    @property
    def label(self) -> str:
        """`preset.name`, as ledger and report show it."""
        return f"{self.preset}.{self.name}"


@dataclass(frozen=True)
class Ruleset:
    """The rules for one source, in the order in which they are asked."""

    rules: tuple[Rule, ...] = ()
    """Their labels are unique."""
    cut_lines: str | None = None
    """Variant of C4's line cuts for the text of kept documents: `fineweb` (`Measured.cuts`), `c4` (`Measured.cuts_c4`)
    or None, no cuts."""

    def __post_init__(self) -> None:
        if self.cut_lines is not None and self.cut_lines not in AFTER_CUTS:
            raise ValueError(
                f"cut_lines is {self.cut_lines!r}; use one of {', '.join(AFTER_CUTS)}, or null for no cuts"
            )
        by_label: dict[str, Rule] = {}
        for rule in self.rules:
            other = by_label.get(rule.label)
            by_label[rule.label] = rule
            if other:
                raise ValueError(
                    f"rule {rule.label} stands twice, with {other.threshold:g} and {rule.threshold:g}; name its preset "
                    f"once and change thresholds there: {{{rule.preset}: {{{rule.name}: {rule.threshold:g}}}}}"
                )


def _rules(preset: str, *rows: tuple[str, str, str, float]) -> tuple[Rule, ...]:
    return tuple(Rule(preset, *row) for row in rows)


_GOPHER_REPETITION = _rules(
    "gopher",
    ("dup_para_frac", "dup_para_frac", "<=", 0.30),
    ("dup_para_char_frac", "dup_para_char_frac", "<=", 0.20),
    ("dup_line_frac", "dup_line_frac", "<=", 0.30),
    ("dup_line_char_frac", "dup_line_char_frac", "<=", 0.20),
    ("top_2_gram", "top_2_gram_char_frac", "<=", 0.20),
    ("top_3_gram", "top_3_gram_char_frac", "<=", 0.18),
    ("top_4_gram", "top_4_gram_char_frac", "<=", 0.16),
    ("dup_5_gram", "dup_5_gram_char_frac", "<=", 0.15),
    ("dup_6_gram", "dup_6_gram_char_frac", "<=", 0.14),
    ("dup_7_gram", "dup_7_gram_char_frac", "<=", 0.13),
    ("dup_8_gram", "dup_8_gram_char_frac", "<=", 0.12),
    ("dup_9_gram", "dup_9_gram_char_frac", "<=", 0.11),
    ("dup_10_gram", "dup_10_gram_char_frac", "<=", 0.10),
)
_GOPHER_QUALITY = _rules(
    "gopher",
    ("min_words", "num_words", ">=", 50),
    ("max_words", "num_words", "<=", 100_000),
    ("min_mean_word_length", "mean_word_length", ">=", 3),
    ("max_mean_word_length", "mean_word_length", "<=", 10),
    ("max_hash_ratio", "hash_word_ratio", "<=", 0.1),
    ("max_ellipsis_ratio", "ellipsis_word_ratio", "<=", 0.1),
    ("max_bullet_lines", "bullet_line_frac", "<=", 0.9),
    ("max_ellipsis_lines", "ellipsis_line_frac", "<=", 0.3),
    ("min_alpha_words", "alpha_word_frac", ">=", 0.8),
    ("min_stop_words", "num_stop_words", ">=", 2),
)


def _c4(variant: str) -> tuple[Rule, ...]:
    suffix = AFTER_CUTS[variant]
    return _rules(
        "c4",
        ("no_lorem_ipsum", f"num_lorem_ipsum_lines{suffix}", "<=", 0),
        ("no_curly_bracket", f"num_curly_bracket_lines{suffix}", "<=", 0),
        ("min_sentences", f"num_sentences{suffix}", ">=", 5),
    )


def _fineweb(suffix: str = "") -> tuple[Rule, ...]:
    return _rules(
        "fineweb",
        ("min_lines", f"num_lines{suffix}", ">=", 1),
        ("min_line_punct", f"line_punct_frac{suffix}", ">=", 0.12),
        ("max_short_lines", f"short_line_frac{suffix}", "<=", 0.67),
        ("max_char_dup", f"char_dup_ratio{suffix}", "<=", 0.01),
        ("max_newlines", f"newline_word_ratio{suffix}", "<=", 0.3),
    )


def _only(rules: Sequence[Rule], preset: str, **thresholds: float) -> tuple[Rule, ...]:
    """Those rules that are named, with these thresholds, as rules of another preset."""
    chosen = [rule for rule in rules if rule.name in thresholds]
    return tuple(replace(rule, preset=preset, threshold=thresholds[rule.name]) for rule in chosen)


_GOPHER = _GOPHER_REPETITION + _GOPHER_QUALITY

PRESETS: Mapping[str, Ruleset] = {
    "gopher_repetition": Ruleset(_GOPHER_REPETITION),
    "gopher_quality": Ruleset(_GOPHER_QUALITY),
    "gopher": Ruleset(_GOPHER),
    # The paper's rules without its list of bad words.
    "c4": Ruleset(_c4("c4"), cut_lines="c4"),
    # What FineWeb added itself; on the whole text.
    "fineweb_rules": Ruleset(_fineweb()),
    # FineWeb's pipeline, in its order.
    "fineweb": Ruleset(_GOPHER + _c4("fineweb") + _fineweb(AFTER_CUTS["fineweb"]), cut_lines="fineweb"),
    # Any language: nothing that depends on English stop words, on the length of words, or on how many words a phrase has
    # (a Chinese "word" here is one character, so that only the longest n-grams mean a repeated passage).
    "multilingual": Ruleset(
        _only(
            _GOPHER,
            "multilingual",
            dup_para_frac=0.30,
            dup_para_char_frac=0.20,
            dup_line_frac=0.30,
            dup_line_char_frac=0.20,
            dup_10_gram=0.20,
            min_words=50,
            max_words=100_000,
            max_hash_ratio=0.1,
            max_ellipsis_ratio=0.1,
            max_bullet_lines=0.9,
            max_ellipsis_lines=0.3,
            min_alpha_words=0.7,
        )
    ),
    "code": Ruleset(
        _rules(
            "code",
            ("min_words", "num_words", ">=", 1),
            ("max_line_length", "max_line_length", "<=", 1000),
            ("max_mean_line_length", "mean_line_length", "<=", 100),
            ("min_alnum", "alnum_frac", ">=", 0.25),
        )
    ),
    # Long and edited. Speakers in a play and refrains in a poem repeat lines, but hardly characters; Gopher's limit of
    # 100,000 words would drop most novels; tables, concordances and broken OCR have few words with letters.
    "books": Ruleset(
        _only(_GOPHER, "books", dup_line_char_frac=0.30, dup_10_gram=0.20, min_words=200, min_alpha_words=0.6)
    ),
    # Formulas and references lower the share of words; little else can go wrong in an edited paper.
    "papers": Ruleset(
        _only(_GOPHER, "papers", dup_line_char_frac=0.30, dup_10_gram=0.20, min_words=100, min_alpha_words=0.4)
    ),
    # Short by nature, quotes repeat, code and links are welcome; one word answers, spam and ASCII art are not.
    "forum": Ruleset(
        _only(_GOPHER, "forum", dup_line_char_frac=0.50, dup_10_gram=0.30, min_words=10, min_alpha_words=0.3)
        + _rules("forum", ("max_mean_word_length", "mean_word_length", "<=", 15))
    ),
    # Edited, often lists, so bullets and short lines stay; stubs below Dolma's 25 words teach little.
    "wikipedia": Ruleset(
        _only(_GOPHER, "wikipedia", dup_line_char_frac=0.30, dup_10_gram=0.30, min_words=25, min_alpha_words=0.3)
    ),
    # Somebody else's clean data: only what no curator meant to keep.
    "text": Ruleset(_only(_GOPHER, "text", dup_line_char_frac=0.50, dup_10_gram=0.50, min_words=1)),
}
"""Preset -> its rules in order; `{preset: {rule name: threshold, or null for off}}` in a manifest changes some."""

DEFAULT_PRESET: Mapping[str, str] = {
    "crawl": "fineweb",
    "books": "books",
    "code": "code",
    "forum": "forum",
    "papers": "papers",
    "wikipedia": "wikipedia",
    "text": "text",
}
"""Kind of source -> the preset that it gets if the manifest names none; the reasons stand beside the presets."""


def ruleset(spec: object, kind: str) -> Ruleset:
    """The rules that a manifest asks for.

    `spec` is None (the preset of this kind of source), [] (no rules), the name of a preset, a mapping of presets to
    changes, or a list of any of: preset name, `{preset: {rule: threshold or None, ...}}`, `{feature, op, threshold,
    name}` (a rule of your own). `cut_lines` among a preset's changes sets or, with None, switches off its line cuts.
    Raises ValueError, with the nearest name, for whatever does not exist.
    """
    if spec is None:
        if kind not in DEFAULT_PRESET:
            raise ValueError(_unknown("kind", kind, DEFAULT_PRESET, "kinds"))
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
    elif isinstance(entry, Mapping) and "feature" in entry:
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
        raise ValueError(_unknown("preset", name, PRESETS, "presets"))
    return PRESETS[name]


def _changed(name: str, preset: Ruleset, changes: object) -> Ruleset:
    changes = {} if changes is None else changes
    if not isinstance(changes, Mapping):
        raise ValueError(f"filters: {name}: {changes!r} is no change; write {{{name}: {{rule: threshold}}}}")
    known = [rule.name for rule in preset.rules] + (["cut_lines"] if preset.cut_lines else [])
    for rule_name in changes:
        if rule_name not in known:
            raise ValueError(_unknown(f"rule of preset {name}", rule_name, known, f"rules of {name}"))
    rules = []
    for rule in preset.rules:
        threshold = changes.get(rule.name, rule.threshold)
        if threshold is not None:
            rules.append(replace(rule, threshold=threshold))
    return Ruleset(tuple(rules), changes.get("cut_lines", preset.cut_lines))


def _own_rule(entry: Mapping) -> Rule:
    known = ("name", "feature", "op", "threshold")
    for key in entry:
        if key not in known:
            raise ValueError(_unknown("key of a rule", key, known, "keys"))
    missing = [key for key in ("feature", "op", "threshold") if key not in entry]
    if missing:
        raise ValueError(f"filters: rule on {entry['feature']} lacks {' and '.join(missing)}")
    return Rule("custom", entry.get("name", entry["feature"]), entry["feature"], entry["op"], entry["threshold"])


def _unknown(what: str, name: object, known: Iterable[str], those: str) -> str:
    known = list(known)
    near = difflib.get_close_matches(str(name), known, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ";"
    return f"unknown {what} {name!r}{hint} {those}: {', '.join(known)}"


def judge(features: pa.Table, ruleset: Ruleset) -> pa.Table:
    """The verdict on each document: `rule` (label of the first rule that fails, null if none does), and that rule's
    `value` and `threshold` (float64, null likewise)."""
    num_documents = features.num_rows
    failed = np.full(num_documents, -1, dtype=np.int64)
    value = np.zeros(num_documents)
    for number, rule in enumerate(ruleset.rules):
        measured = features.column(rule.feature).to_numpy().astype(np.float64)
        fails = (failed < 0) & ~OPERATORS[rule.op](measured, rule.threshold)
        failed[fails] = number
        value[fails] = measured[fails]
    passed = failed < 0
    labels = pa.array([rule.label for rule in ruleset.rules], pa.string())
    thresholds = pa.array([float(rule.threshold) for rule in ruleset.rules], pa.float64())
    which = pa.array(failed, mask=passed)
    return pa.table(
        {
            "rule": labels.take(which),
            "value": pa.array(value, mask=passed),
            "threshold": thresholds.take(which),
        }
    )
