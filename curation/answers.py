"""What each rule sees in each document, and whether it holds: every value is had once, from wherever it comes.

A value is a measured feature, a column of the document, something in its `meta` or about its address, or what a function
of the manifest's author gives; `columns` says which. Values that were had before can be given instead (`known`).
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from gristmill.curation import columns, own
from gristmill.curation.blocklists import INTEGRATED, UrlLists
from gristmill.curation.ledger import is_column
from gristmill.curation.rules import MEMBERSHIP, OPERATORS, Rule


@dataclass(frozen=True)
class Answer:
    """What one rule says of every document."""

    fails: np.ndarray
    """bool[N]: the condition does not hold."""
    saw: np.ndarray
    """float64[N]: the number that was compared, NaN where it was words or nothing."""
    limits: np.ndarray
    """float64[N]: the number that it was compared with, NaN where it was words."""
    crashed: np.ndarray
    """int64: rows of documents that were still there, and that a function of the manifest's author failed on."""


class Documents:
    """Some documents as rules see them."""

    def __init__(
        self,
        features: pa.Table,
        rules: Sequence[Rule],
        texts: pa.Table | None = None,
        scores: Mapping[str, own.Score] | None = None,
        url_lists: UrlLists = INTEGRATED,
        known: Mapping[str, np.ndarray] | None = None,
    ):
        """`features`: what was measured; `texts`: the columns that `columns.needed` names for the rules; `scores`: the
        functions that they name; `known`: float64 values by feature, NaN for absent, which are not had again."""
        self._features = features
        self._rules = rules
        self._scores = scores or {}
        self._numbers: dict[str, np.ndarray] = dict(known or {})
        self._values: dict[str, list] = {}
        self.errors: dict[str, dict[int, str]] = {}
        """Feature -> row -> what went wrong in a function of the manifest's author."""
        asked = [rule.feature for rule in rules]
        self._others = columns.Values(pa.table({}) if texts is None else texts, features, asked, url_lists)

    def answer(self, rule: Rule, alive: np.ndarray) -> Answer:
        """What a rule says; `alive` (bool[N]) are the documents that no earlier rule has dropped."""
        rows = self._features.num_rows
        if rule.asks_words:
            present = self._of(rule.feature)
            test = _test(rule)
            fails = [rule.absent == "drop" if value is None else not test(value) for value in present]
            nothing = np.full(rows, np.nan)
            return Answer(np.array(fails, dtype=bool), nothing, nothing, np.zeros(0, np.int64))
        numbers = self._number(rule.feature, alive)
        absent = np.isnan(numbers)
        limits = rule.limits(self._features)
        fails = np.where(absent, rule.absent == "drop", ~OPERATORS[rule.op](numbers, limits))
        is_own = columns.family(rule.feature) == "own"
        return Answer(fails, numbers, limits, np.flatnonzero(absent & alive & is_own))

    def detail(self, rule: Rule, row: int) -> str:
        """What a rule saw in one document, in words."""
        value = self._of(rule.feature)[row]
        return f"no {rule.feature}" if value is None else columns.seen(value)

    def columns(self) -> dict[str, pa.Array]:
        """The values of every feature that is no column of the ledger: float64, or string where a rule is about words
        (a list or a mapping as JSON); null where a document has none. Call it after all rules have been asked."""
        found: dict[str, pa.Array] = {}
        for feature in dict.fromkeys(rule.feature for rule in self._rules):
            if is_column(feature):
                continue
            if any(rule.asks_words for rule in self._rules if rule.feature == feature):
                found[feature] = pa.array([_written(value) for value in self._of(feature)], pa.string())
            else:
                numbers = self._number(feature, np.ones(self._features.num_rows, dtype=bool))
                found[feature] = pa.array(numbers, pa.float64(), mask=np.isnan(numbers))
        return found

    def _of(self, feature: str) -> list:
        if feature not in self._values:
            self._values[feature] = self._others.of(feature)
        return self._values[feature]

    def _number(self, feature: str, alive: np.ndarray) -> np.ndarray:
        if feature not in self._numbers:
            family = columns.family(feature)
            if family == "text":
                self._numbers[feature] = self._features.column(feature).to_numpy().astype(np.float64)
            elif family == "own":
                self._numbers[feature] = self._scored(feature, alive)
            else:
                self._numbers[feature] = columns.numbers(self._of(feature), feature)
        return self._numbers[feature]

    def _scored(self, feature: str, alive: np.ndarray) -> np.ndarray:
        """What a function gives for every document, NaN where it failed.

        Only documents that are still there tell whether it is broken: it may not be made for the others.
        """
        score = self._scores[feature]
        numbers = np.full(len(alive), np.nan)
        errors = self.errors.setdefault(feature, {})
        for rows, call in ((np.flatnonzero(alive), score), (np.flatnonzero(~alive), score.of)):
            places = rows.tolist()
            documents = self._others.documents(places) if score.wants_document else [None] * len(places)
            for place, text, document in zip(places, self._others.texts(places), documents, strict=True):
                try:
                    numbers[place] = call(text, document)
                except own.OwnCodeError as error:
                    errors[place] = str(error)
            if score.is_broken:
                what = next(iter(errors.values()))
                raise ValueError(f"it fails on all of {score.failures:,} documents, here with: {what}")
        return numbers


def _test(rule: Rule) -> Callable[[object], bool]:
    """What tells whether a value that is there holds against words."""
    if rule.op in MEMBERSHIP:
        return columns.membership(rule.feature, rule.op, rule.threshold)
    if columns.family(rule.feature) == "date":
        return columns.dated(rule.op, rule.threshold)
    return columns.membership(rule.feature, "in", (rule.threshold,))


def _written(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
