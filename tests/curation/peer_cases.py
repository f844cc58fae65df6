"""What the tests of peers' published cases share: a feature's value, and the verdict of rules."""

import pyarrow as pa

from gristmill.curation import columns
from gristmill.curation.edits import Edit, apply
from gristmill.curation.features import measure
from gristmill.curation.filters import judge, ruleset


def value(text: str, feature: str) -> float:
    """What a feature is in a text."""
    return measure(pa.array([text])).table[feature].to_pylist()[0]


def verdict(text: str, spec: object, **beside: object) -> str | None:
    """The label of the first rule that drops a text, None if it is kept.

    The language is surely English; `beside` are columns of the document.
    """
    rules = ruleset(spec, "crawl")
    needed = columns.needed(rule.feature for rule in rules.rules)
    texts = pa.table({name: pa.array([beside.get(name)], pa.string()) for name in needed})
    features = measure(pa.array([text]), ["en"]).table
    features = features.append_column("language", pa.array(["en"]))
    features = features.append_column("language_score", pa.array([0.99], pa.float32()))
    return judge(features, rules, texts)["rule"].to_pylist()[0]


def without_lines(text: str, cut_lines: str) -> str:
    """A text after a variant's line cuts."""
    measured = measure(pa.array([text]))
    spans = {"fineweb": measured.cuts, "c4": measured.cuts_c4, "dclm": measured.cuts_dclm}[cut_lines].to_pylist()[0]
    return apply(text, [Edit(span["start"], span["end"], "", "line") for span in spans])


def holds(text: str, feature: str, op: str, threshold: float) -> bool:
    """Whether one rule keeps a text."""
    return verdict(text, [{"feature": feature, "op": op, "threshold": threshold}]) is None
