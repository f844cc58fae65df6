"""What a rule is: a feature, a comparison, a threshold; what must hold for a document to be kept."""

import datetime
import difflib
import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from gristmill.curation import columns, language_table
from gristmill.curation.feature_table import CUTS

OPERATORS = {
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
    "==": np.equal,
}
"""How a rule compares a number with its threshold."""

MEMBERSHIP = ("in", "not in")
"""How a rule compares words with a list of words."""

_EQUAL = {"words": str, "meta": (str, bool), "own": bool}
"""Family of a feature -> what it may be equal to beside a number."""

Scalar = str | int | float | bool
Threshold = Scalar | tuple[Scalar, ...]


@dataclass(frozen=True)
class Rule:
    """One condition that a document must meet to be kept."""

    preset: str
    """Where it comes from: `gopher`, `c4`, `fineweb`, `code`, ..., or `custom`."""
    name: str
    """Its name there, the key under which a manifest changes its threshold."""
    feature: str
    """A column of `FEATURES`, or what `columns.family` knows beside them: `licence`, `meta.score`, `module:function` ..."""
    op: str
    """One of < <= > >= == in, not in: a document is kept if `feature op threshold`."""
    threshold: Threshold
    """A number in the unit of the feature; words, or a list of them, for `in`, `not in` and `==`; a date for `created`."""
    absent: str = "keep"
    """What becomes of a document that has no such value: keep | drop."""
    by_language: str = ""
    """Column of `language_table` with the thresholds of languages that it knows; `threshold` is for all others."""

    def __post_init__(self) -> None:
        family = columns.family(self.feature)
        if family is None:
            known = [*columns.names(), "meta.<key>", "classifier.<name>", "scores.<name>"]
            raise ValueError(unknown("feature", self.feature, known, "features"))
        object.__setattr__(self, "threshold", self._plain(self.threshold))
        if self.op not in (*OPERATORS, *MEMBERSHIP):
            raise ValueError(
                f"rule {self.label}: op is {self.op!r}; use one of {' '.join(OPERATORS)}, 'in' or 'not in'"
            )
        if self.absent not in ("keep", "drop"):
            raise ValueError(f"rule {self.label}: absent is {self.absent!r}; use keep or drop")
        if self.absent == "drop" and family in ("text", "own"):
            raise ValueError(f"rule {self.label}: every document has {self.feature}; remove absent: drop")
        if self.by_language and self.by_language not in language_table.COLUMNS:
            raise ValueError(
                f"rule {self.label}: " + unknown("column", self.by_language, language_table.COLUMNS, "columns")
            )
        problem = self._problem(family)
        if problem:
            raise ValueError(f"rule {self.label}: {problem}")

    def _plain(self, threshold: object) -> object:
        """The threshold as JSON can hold it: a list as a tuple, a date as its text, one word of a list as a list."""
        if isinstance(threshold, list | tuple):
            return tuple(threshold)
        if isinstance(threshold, datetime.date):
            threshold = threshold.isoformat()
        if self.feature == "created" and isinstance(threshold, int) and not isinstance(threshold, bool):
            threshold = str(threshold)  # a year
        return (threshold,) if self.op in MEMBERSHIP and isinstance(threshold, str | int | float) else threshold

    def _problem(self, family: str) -> str | None:
        number = isinstance(self.threshold, int | float) and not isinstance(self.threshold, bool)
        if self.op in MEMBERSHIP:
            if family in columns.NUMERIC:
                return f"{self.feature} is a number, which op {self.op!r} does not ask for; use < <= > >= or =="
            words = isinstance(self.threshold, tuple) and bool(self.threshold)
            if not (words and all(isinstance(word, str | int | float) for word in self.threshold)):
                return f"threshold is {self.threshold!r}; give a list of words, such as [MIT, Apache-2.0]"
        elif number and math.isfinite(self.threshold):
            if family == "words":
                return f"{self.feature} is text; compare it with op: in and a list of words"
        elif family == "date" and isinstance(self.threshold, str):
            if not self.threshold[:4].isdigit():
                return f"threshold is {self.threshold!r}; give a date such as 2019, 2019-05 or 2019-05-31"
        elif not (self.op == "==" and isinstance(self.threshold, _EQUAL.get(family, ()))):
            what = f"threshold is {self.threshold!r}; give a finite number"
            return what if family in columns.NUMERIC or self.op == "==" else f"{what}, or op: in with a list of words"
        return None

    @property
    def label(self) -> str:
        """`preset.name`, as ledger and report show it."""
        return f"{self.preset}.{self.name}"

    def limits(self, features: pa.Table) -> np.ndarray:
        """The threshold, a number, for each of some documents, float64; `features` tells their languages."""
        if not self.by_language or "language" not in features.column_names:
            return np.full(features.num_rows, float(self.threshold))
        return language_table.limits(self.by_language, features["language"].to_pylist(), float(self.threshold))

    @property
    def asks_words(self) -> bool:
        """Whether it compares words, or a date, and not a number."""
        return isinstance(self.threshold, str | tuple)


@dataclass(frozen=True)
class Ruleset:
    """The rules for one source, in the order in which they are asked."""

    rules: tuple[Rule, ...] = ()
    """Their labels are unique."""
    cut_lines: str | None = None
    """Which lines are cut from kept documents: `fineweb` (`Measured.cuts`), `c4` (`Measured.cuts_c4`), `dclm`
    (`Measured.cuts_dclm`) or None, no cuts."""

    def __post_init__(self) -> None:
        if self.cut_lines is not None and self.cut_lines not in CUTS:
            raise ValueError(f"cut_lines is {self.cut_lines!r}; use one of {', '.join(CUTS)}, or null for no cuts")
        by_label: dict[str, Rule] = {}
        for rule in self.rules:
            other = by_label.get(rule.label)
            by_label[rule.label] = rule
            if other and rule.preset == "custom":
                raise ValueError(f"rule {rule.label} stands twice; give each a name of its own: name: ...")
            if other:
                raise ValueError(
                    f"rule {rule.label} stands twice, with {shown(other.threshold)} and {shown(rule.threshold)}; name "
                    f"its preset once and change thresholds there: {{{rule.preset}: {{{rule.name}: {shown(rule.threshold)}}}}}"
                )


def shown(threshold: Threshold) -> str:
    """A threshold as a manifest writes it.

    >>> shown(("MIT", "ISC")), shown(0.5)
    ('[MIT, ISC]', '0.5')
    """
    if isinstance(threshold, tuple):
        return f"[{', '.join(map(str, threshold))}]"
    return f"{threshold:g}" if isinstance(threshold, int | float) else str(threshold)


def unknown(what: str, name: object, known: Iterable[str], those: str) -> str:
    """That there is no such name, the nearest one, and all of them."""
    known = list(known)
    near = difflib.get_close_matches(str(name), known, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ";"
    return f"unknown {what} {name!r}{hint} {those}: {', '.join(known)}"
