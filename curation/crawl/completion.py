"""What belongs together stays together: rows of a table, the heading of a passage, the records of a list.

The model judges lines. A table of which two rows in three were kept, a list of places without their names or a thread
whose last post is missing would each be a line's error and a reader's loss.
"""

from collections import defaultdict
from collections.abc import Iterable

import numpy as np

from gristmill.curation.crawl.blocks import HEADING, ITEM, ROW, Blocks

MIN_TABLE_SHARE = 0.5
"""A table stays whole if its kept rows hold this share of its words, and goes if they hold less."""

MIN_LIST_SHARE = 0.5
"""A list stays whole if its kept items hold this share of its words."""

MIN_HEADING = 0.08
"""A heading right before kept text stays if it is at least so likely; a page's title (h1) there always does."""

MIN_RECORDS = 3
MIN_RECORD_SHARE = 0.5
MAX_RECORD_SHARE = 0.6
MIN_RECORD_WORDS = 5
MIN_RECORD = 0.03
"""Blocks of equal markup in so many places of which none holds more than MAX_RECORD_SHARE of their words are records,
such as posts; when kept ones hold MIN_RECORD_SHARE of the words, the others of some length are kept too."""


def completed(page: Blocks, choice: np.ndarray, judged: np.ndarray, words: np.ndarray) -> np.ndarray:
    """The choice of blocks, with whole tables, the headings of what is kept, and all records of a kind."""
    choice = choice.copy()
    _records(page, choice, judged, words)
    if ROW in page.kinds:
        _tables(page, choice, words)
    if ITEM in page.kinds:
        _lists(page, choice, words)
    if HEADING in page.kinds:
        _headings(page, choice, judged)
    return choice


def _records(page: Blocks, choice: np.ndarray, judged: np.ndarray, words: np.ndarray) -> None:
    groups: dict[tuple[int, int, int], list[int]] = defaultdict(list)
    bits, parents = page.bits, page.parents
    for i in np.flatnonzero((judged >= MIN_RECORD) & (words >= MIN_RECORD_WORDS)).tolist():
        element = page.elements[i]
        parent = max(parents[element], 0)
        groups[bits[element], bits[parent], bits[max(parents[parent], 0)]].append(i)
    for members in groups.values():
        if len(members) < MIN_RECORDS:
            continue
        held = words[members]
        kept = choice[members]
        if kept.all() or held[kept].sum() < MIN_RECORD_SHARE * held.sum():
            continue
        places: dict[int, float] = defaultdict(float)
        for i, count in zip(members, held.tolist(), strict=True):
            places[parents[page.elements[i]]] += count
        if len(places) >= MIN_RECORDS and max(places.values()) <= MAX_RECORD_SHARE * held.sum():
            choice[members] = True


def _tables(page: Blocks, choice: np.ndarray, words: np.ndarray) -> None:
    for rows in _chosen_siblings(page, ROW, choice):
        held = np.maximum(words[rows], 1)
        choice[rows] = held[choice[rows]].sum() >= MIN_TABLE_SHARE * held.sum()


def _lists(page: Blocks, choice: np.ndarray, words: np.ndarray) -> None:
    """A list of which half was kept stays whole; what else of it was kept stays too, since menus are lists as well."""
    for items in _chosen_siblings(page, ITEM, choice):
        held = np.maximum(words[items], 1)
        if held[choice[items]].sum() >= MIN_LIST_SHARE * held.sum():
            choice[items] = True


def _chosen_siblings(page: Blocks, kind: int, choice: np.ndarray) -> Iterable[list[int]]:
    """The blocks of a kind, those together whose elements have one parent, where any of them is chosen."""
    found: dict[int, list[int]] = defaultdict(list)
    for i, is_kind in enumerate(page.kinds):
        if is_kind == kind:
            found[page.parents[page.elements[i]]].append(i)
    chosen = set(np.flatnonzero(choice).tolist())
    return [blocks for blocks in found.values() if not chosen.isdisjoint(blocks)]


def _headings(page: Blocks, choice: np.ndarray, judged: np.ndarray) -> None:
    """From the end, so that a heading below a heading counts as text."""
    for i in range(len(page.kinds) - 2, -1, -1):
        if page.kinds[i] == HEADING and not choice[i]:
            choice[i] = choice[i + 1] and (page.levels[i] == 1 or judged[i] >= MIN_HEADING)
