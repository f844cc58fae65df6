"""Which blocks of a page are its content: two stages of small trees, and a decision for the page as a whole.

The first stage judges each block by its features. The second sees these judgements too, those of the neighbours and of
the page among them, so that a doubtful line goes with its surroundings. Both were fitted by
`benchmarks/fit_content_model.py`, which says on what.
"""

import json
from functools import cache
from pathlib import Path

import numpy as np

from gristmill.curation.crawl.blocks import CODE, ROW, Blocks
from gristmill.curation.crawl.line_features import COLUMNS, NEIGHBOURS, features, shifted
from gristmill.curation.crawl.trees import Trees, probabilities

MODEL = Path(__file__).with_name("content_model.json")

RECALL_WEIGHT = 0.7
"""beta squared of the F-measure that a page's blocks are chosen for; below 1, precision counts more."""

RULED_OUT = 0.02
"""A block that the first stage gives no more than this is not judged again: two in three, which saves their time."""

MIN_PROBABILITY = 0.1
"""A block below this is not content, however little else there is."""

MIN_REPEATED_WORDS = 8
"""A block of so many words that stands in two parts of a page is taken once; refrains stand in one."""

REACHES = (5, 15)

CONTEXT_COLUMNS = (
    "p", *(f"p{shift:+d}" for shift in NEIGHBOURS), *(f"p within {reach}" for reach in REACHES),
    "p before", "p after", "p words", "p share", "since first", "until last",
)  # fmt: skip
"""What the second stage sees beside the COLUMNS of the first."""


@cache
def model() -> tuple[Trees, Trees]:
    """The two stages, as they lie beside this module."""
    stored = json.loads(MODEL.read_text())
    if stored["columns"] != [*COLUMNS, *CONTEXT_COLUMNS]:
        raise ValueError(f"{MODEL.name} was fitted to other features; run benchmarks/fit_content_model.py again")
    return Trees.of(stored["first"]), Trees.of(stored["second"])


def content_probabilities(page: Blocks, texts: list[str], title: str) -> tuple[np.ndarray, np.ndarray]:
    """For each block: the probability that it is content, and its number of words."""
    first, second = model()
    rows = features(page, texts, title)
    judged = probabilities(first.log_odds(rows))
    return judged_again(second, rows, judged), rows[:, 0].astype(np.float64)


def judged_again(second: Trees, rows: np.ndarray, judged: np.ndarray) -> np.ndarray:
    """The probabilities of the second stage, for blocks that the first did not rule out."""
    open_ = np.flatnonzero(judged > RULED_OUT)
    again = judged.copy()
    if len(open_):
        both = np.concatenate([rows[open_], context(judged, rows[:, 0])[open_]], axis=1)
        again[open_] = probabilities(second.log_odds(both))
    return again


def context(judged: np.ndarray, words: np.ndarray) -> np.ndarray:
    """float32[blocks, CONTEXT_COLUMNS] from the probabilities of the first stage."""
    count = len(judged)
    index = np.arange(count)
    columns = [judged, *(shifted(judged, shift) for shift in NEIGHBOURS)]
    words = np.maximum(words.astype(np.float64), 1)
    sums = np.zeros((2, count + 1))
    np.cumsum([judged * words, words], axis=1, out=sums[:, 1:])
    for reach in REACHES:
        near = sums[:, np.minimum(index + reach + 1, count)] - sums[:, np.maximum(index - reach, 0)]
        columns.append(near[0] / near[1])
    total = max(sums[0, -1], 1e-9)
    ones = np.ones(count)
    good = np.flatnonzero(judged > 0.6)
    first, last = (good[0], good[-1]) if len(good) else (count, -1)
    columns += [
        sums[0, 1:] / total,
        1 - sums[0, :-1] / total,
        ones * total,
        ones * (total / sums[1, -1]),
        index - first,
        last - index,
    ]
    return np.stack(columns, axis=1).astype(np.float32)


def chosen(page: Blocks, texts: list[str], judged: np.ndarray, words: np.ndarray) -> np.ndarray:
    """bool[blocks]: those whose choice makes the expected F-measure of the page largest, repetitions once.

    With N the words chosen, T the expected words of content among them and C those in the whole page, the F-measure
    is (1 + b) T / (N + b C); the best choice is always the k likeliest blocks for some k (Lewis 1995).
    """
    words = np.maximum(words, 1)
    order = np.argsort(-judged, kind="stable")
    hits = np.cumsum((judged * words)[order])
    expected = (1 + RECALL_WEIGHT) * hits / (np.cumsum(words[order]) + RECALL_WEIGHT * hits[-1] + 1e-9)
    least = max(judged[order[int(np.argmax(expected))]], MIN_PROBABILITY)
    choice = judged >= least
    seen: dict[str, int] = {}
    for i in np.flatnonzero(choice).tolist():
        parent = page.parents[page.elements[i]]
        first = seen.setdefault(texts[i], parent)
        if first != parent and words[i] >= MIN_REPEATED_WORDS and page.kinds[i] not in (CODE, ROW):
            choice[i] = False
    return choice
