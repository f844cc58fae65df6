"""What a rule may ask about beside the text's features: a document's own columns, its `meta`, its address.

| feature | what it is |
|---|---|
| a column of `FEATURES` | a number measured from the text |
| `licence`, `url`, `title`, `language` | words |
| `created` | a date; compared as far as the threshold is written |
| `language_score` | a number |
| `meta.key`, `meta.outer.inner` | whatever the reader recorded |
| a column of `urls.URL_FEATURES` | a number measured from the address |
| `classifier.name`, `scores.name` | the score that a model gives the document, named under `curate` in the manifest |
| `module:function` | a number that a function of the manifest's author gives (`own`) |

As a number, true and false are 1 and 0, a list is its length, and text that spells a number is that number. As words, a
list is each of its elements. What is null, or no number where one is asked for, is absent.
"""

import json
import logging
import math
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cache

import numpy as np
import pyarrow as pa

from gristmill.curation.blocklists import INTEGRATED, UrlLists
from gristmill.curation.feature_table import FEATURES

FAMILIES = {
    "licence": "words",
    "url": "words",
    "title": "words",
    "language": "words",
    "created": "date",
    "language_score": "number",
}
"""Columns of a document that a rule may name -> how they are compared."""

NUMERIC = ("text", "number", "url", "score", "own")
"""Families whose values are numbers and nothing else."""

MEASURED = ("language", "language_score")
"""Columns that `measure` writes; the others are written by `extract`."""

SCORES = ("classifier.", "scores.")
"""How the columns that `score` writes begin: one for each name under `curate.classifiers` and `curate.scores`."""

WORDS_FROM = 10
"""Rows whose values must all be words where a rule asks for numbers before somebody is told."""

log = logging.getLogger(__name__)

_OWN = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*\Z")
_SEEN_CHARACTERS = 200


def family(feature: object) -> str | None:
    """How a feature is had and compared: text, url, own, meta, score, words, date, number; None if there is none such."""
    if not isinstance(feature, str):
        return None
    if feature in FEATURES.names:
        return "text"
    if feature.startswith("meta."):
        return "meta" if all(feature.split(".")) else None
    if feature.startswith(SCORES):
        return "score" if all(feature.split(".", 1)) else None
    if feature.startswith("url_"):
        return "url" if feature in _url_features() else None
    return FAMILIES.get(feature) or ("own" if _OWN.match(feature) else None)


def names() -> list[str]:
    """Every feature that has a fixed name."""
    return [*FEATURES.names, *FAMILIES, *_url_features()]


def _url_features() -> list[str]:
    from gristmill.curation.urls import URL_FEATURES  # its suffix list and lists of words are not for everybody

    return URL_FEATURES.names


def needed(features: Iterable[str]) -> list[str]:
    """The columns of a unit's texts that rules over these features read, in order of name; mostly none."""
    found = set()
    for feature in features:
        kind = family(feature)
        if kind == "own":
            found.update(("text", "source", "kind", "locator", "url", "title", "created", "licence", "meta"))
        elif kind in ("meta", "url"):
            found.add(kind)
        elif kind not in ("text", "score") and feature not in MEASURED:
            found.add(feature)
    return sorted(found)


class Values:
    """The values of features for the rows of some documents, each feature had once."""

    def __init__(self, texts: pa.Table, measured: pa.Table, features: Iterable[str], url_lists: UrlLists = INTEGRATED):
        """`texts`: the columns that are `needed` for the features; `measured`: the rows' features, language and scores."""
        self._texts = texts
        self._measured = measured
        self._url_lists = url_lists
        self._of_urls = list(dict.fromkeys(feature for feature in features if family(feature) == "url"))
        self._url_table: pa.Table | None = None
        self._meta: list[Mapping] | None = None

    def of(self, feature: str) -> list:
        """One value a row; None where a document has none."""
        kind = family(feature)
        if kind == "meta":
            keys = feature.split(".")[1:]
            return [_inside(meta, keys) for meta in self.meta()]
        if kind == "url":
            if self._url_table is None:
                from gristmill.curation.urls import url_features

                self._url_table = url_features(self._texts["url"], self._of_urls, self._url_lists)
            urls, found = self._texts["url"].to_pylist(), self._url_table[feature].to_pylist()
            return [value if url else None for value, url in zip(found, urls, strict=True)]
        if feature in MEASURED and feature not in self._measured.column_names:
            return [None] * self._measured.num_rows  # no language was identified
        is_measured = kind in ("text", "score") or feature in MEASURED
        return (self._measured if is_measured else self._texts)[feature].to_pylist()

    def texts(self, rows: Sequence[int]) -> list[str]:
        """The texts of some rows."""
        return self._texts["text"].take(pa.array(rows, pa.int64())).to_pylist()

    def documents(self, rows: Sequence[int]) -> list[Mapping]:
        """The other columns of some rows with `meta` decoded, as a function of `own` gets them."""
        plain = [name for name in self._texts.column_names if name not in ("text", "meta")]
        columns = [*(self._texts[name] for name in plain), *(self._measured[name] for name in MEASURED)]
        names = [*plain, *MEASURED, "meta"]
        meta = self.meta()
        values = [column.take(pa.array(rows, pa.int64())).to_pylist() for column in columns]
        return [dict(zip(names, row, strict=True)) for row in zip(*values, [meta[row] for row in rows], strict=True)]

    def meta(self) -> list[Mapping]:
        """Each row's `meta`, decoded."""
        if self._meta is None:
            self._meta = [json.loads(text) if text else {} for text in self._texts["meta"].to_pylist()]
        return self._meta


def _inside(meta: object, keys: Sequence[str]) -> object:
    """The value at a path of keys; a key may have dots in it."""
    if not keys:
        return meta
    if not isinstance(meta, Mapping):
        return None
    for count in range(1, len(keys) + 1):
        key = ".".join(keys[:count])
        if key in meta and (value := _inside(meta[key], keys[count:])) is not None:
            return value
    return None


def numbers(values: Sequence[object], feature: str) -> np.ndarray:
    """float64 [rows]: the values as numbers, NaN where there is none.

    Where all values are words, a warning says so: the rule may be written wrongly. It is no error, for these rows are a
    batch of a source, and others may have numbers.
    """
    found = np.array([_number(value) for value in values], dtype=np.float64)
    if len(values) >= WORDS_FROM and np.isnan(found).all():
        words = next((v for v in values if isinstance(v, str | Mapping) and v != ""), None)
        if words is not None:
            what = "a mapping" if isinstance(words, Mapping) else f"text ({words[:40]!r})"
            remedy = "name a key inside it" if isinstance(words, Mapping) else "use op: in, with a list of words"
            log.warning("feature %s is %s and no number in %d documents; %s", feature, what, len(values), remedy)
    return found


def _number(value: object) -> float:
    if isinstance(value, bool | int | float):
        try:
            number = float(value)
        except OverflowError:
            return math.nan
        return number if math.isfinite(number) else math.nan
    if isinstance(value, list):
        return float(len(value))
    if isinstance(value, str):
        try:
            number = float(value)
        except ValueError:
            return math.nan
        return number if math.isfinite(number) else math.nan
    return math.nan


def membership(feature: str, op: str, threshold: Collection) -> Callable[[object], bool]:
    """What tells of one present value whether it is in the list (for a list: any of its elements), or not in it.

    A licence is judged as an SPDX expression: `MIT OR GPL-3.0-only` is allowed where MIT is; `permissive` and `copyleft`
    stand for the lists of `code.spdx`.
    """
    listed = {_word(word) for word in threshold}
    if feature == "licence":
        return _licence(op, threshold)

    def found(value: object) -> bool:
        elements = value if isinstance(value, list) else [value]
        return any(_word(element) in listed for element in elements)

    return found if op != "not in" else lambda value: not found(value)


def _licence(op: str, threshold: Collection) -> Callable[[object], bool]:
    from gristmill.curation.code import spdx

    groups = {"permissive": spdx.PERMISSIVE, "copyleft": spdx.COPYLEFT}
    names = tuple(name for word in threshold for name in groups.get(str(word).lower(), (str(word),)))
    allow, deny = (names, None) if op == "in" else (None, names)
    return cache(lambda expression: spdx.allowed(expression, allow, deny))  # a source has few licences


def dated(op: str, threshold: str) -> Callable[[object], bool]:
    """What tells of an ISO 8601 date whether `date op threshold`, both as far as the threshold is written.

    >>> dated("<=", "2019")("2019-05-31")
    True
    """
    compare = {"<": str.__lt__, "<=": str.__le__, ">": str.__gt__, ">=": str.__ge__, "==": str.__eq__}[op]
    return lambda date: compare(str(date)[: len(threshold)], threshold)


def _word(value: object) -> str:
    """A value as the word that it is compared as: 2019, 2019.0 and "2019" are one, true is "true"."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)


def seen(value: object) -> str:
    """A value in words, for a person who asks why; cut to a line's length."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
    return text if len(text) <= _SEEN_CHARACTERS else text[: _SEEN_CHARACTERS - 1] + "…"
