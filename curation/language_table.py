"""Thresholds and stop words of 1,930 languages: FineWeb2's, and those of FineWeb for English (`languages/fineweb2.json`).

A language is named by a label of lid.176 (`de`), or as GlotLID and FineWeb2 name it (`deu_Latn`). Where lid.176 does not
tell scripts apart (`sr`), it stands for the more common one.

FineWeb2 splits Chinese, Japanese, Thai and the like into words of several letters, while here each letter is a word. Their
thresholds for word lengths and word n-grams mean nothing then, and do not apply.
"""

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np

COLUMNS: tuple[str, ...] = (
    "language_score",
    "dup_line_frac",
    "top_2_gram",
    "top_3_gram",
    "top_4_gram",
    "dup_5_gram",
    "dup_6_gram",
    "dup_7_gram",
    "dup_8_gram",
    "dup_9_gram",
    "dup_10_gram",
    "line_punct",
    "newlines",
    "min_word_length",
    "max_word_length",
    "alpha_words",
    "stop_words",
)
"""What the table has a threshold for. `stop_words` is 2 in every language of the table: it says who has a list."""

_MINIMA = ("language_score", "line_punct", "min_word_length", "alpha_words", "stop_words")
_OF_WORDS = tuple(column for column in COLUMNS if column.endswith(("gram", "word_length")))
_LETTERS_ARE_WORDS = ("Hani", "Hans", "Hant", "Jpan", "Thai", "Laoo", "Khmr", "Mymr", "Java", "Lana", "Yiii")
_MIN_STOP_WORDS = 2.0


PATH = Path(__file__).with_name("languages") / "fineweb2.json"
"""The table. It shapes what is measured and judged, so that its digest is part of their keys."""


@cache
def _table() -> dict:
    return json.loads(PATH.read_text("utf-8"))


def known(label: str | None) -> str | None:
    """The name under which the table has a language, such as `deu_Latn` for `de`; None if it has none."""
    table = _table()
    name = table["labels"].get(label, label)
    return name if name in table["languages"] else None


@cache
def stop_words(name: str) -> tuple[str, ...]:
    """The stop words of a language that is `known`, the most frequent first."""
    return tuple(_table()["languages"][name][1])


@cache
def thresholds(name: str) -> dict[str, float]:
    """The thresholds of a language that is `known`, by column; infinite where its rule does not apply."""
    values = dict(zip(COLUMNS, (*_table()["languages"][name][0], _MIN_STOP_WORDS), strict=True))
    if values["dup_line_frac"] == 0:  # how datatrove switches a rule off
        values["dup_line_frac"] = np.inf
    if name.rpartition("_")[2] in _LETTERS_ARE_WORDS:
        values |= {column: -np.inf if column in _MINIMA else np.inf for column in _OF_WORDS}
    return values


def limits(column: str, labels: Sequence[str | None], default: float) -> np.ndarray:
    """The threshold for each document, by its language's label; `default` for languages that the table does not have."""
    by_label = {label: known(label) for label in set(labels)}
    found = {label: thresholds(name)[column] if name else default for label, name in by_label.items()}
    return np.array([found[label] for label in labels], dtype=np.float64)
