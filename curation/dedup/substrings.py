"""Runs of words that may be repeated: windows of `min_tokens` words, and which of them are worth a look.

A run of at least T words that is repeated is T-word windows that are repeated, one a word: they decide, and nothing else
does. But most windows stand in one place only, and a hash for each word of a corpus is three times the corpus. So anchors
come first, by the idea of winnowing (Schleimer et al. 2003): of each window, the smallest hash of the k-word runs in it,
with k half of T. Equal windows have equal anchors, and neighbours mostly share one, so that a text has one anchor for
some T/4 words. A window whose anchor no other window has stands in one place only; of the others, every one is compared.
Nothing is lost, and what is left is little more than what is repeated.
"""

from dataclasses import dataclass

import numpy as np

from gristmill.curation.dedup.passages import Words, each, salted


@dataclass(frozen=True)
class Anchors:
    """Windows of some texts in runs that share an anchor, in order."""

    text: np.ndarray  # int64
    first: np.ndarray  # int64, the first word of the run's first window
    count: np.ndarray  # int64, windows, one a word
    value: np.ndarray  # uint64


def anchor_words(min_tokens: int) -> int:
    """Words whose hash is an anchor."""
    return max(min_tokens // 2, 1)


def anchors(found: Words, min_tokens: int, salt: np.ndarray | None = None) -> Anchors:
    """The anchors of texts; those of fewer words than `min_tokens` have none."""
    from gristmill.curation.dedup import passage_kernels

    k = anchor_words(min_tokens)
    parts: list[tuple[np.ndarray, ...]] = []
    for text, hashes in each(found):
        values = passage_kernels.rolling(hashes, k)
        windows = len(hashes) - min_tokens + 1
        if windows < 1:
            continue
        smallest, first, count = np.empty(windows, np.uint64), np.empty(windows, np.int64), np.empty(windows, np.int64)
        runs = passage_kernels.smallest_in_windows(values, min_tokens - k + 1, smallest, first, count)
        parts.append((np.full(runs, text), first[:runs].copy(), count[:runs].copy(), smallest[:runs].copy()))
    text, first, count, value = _joined(parts, np.int64, np.int64, np.int64, np.uint64)
    return Anchors(text, first, count, salted(value, text, salt))


def noted(found: Anchors, min_tokens: int) -> np.ndarray:
    """uint64: each run's anchor, to be counted: twice where its windows go on for so long that they may repeat each other."""
    again = found.count > min_tokens
    return np.concatenate((found.value, found.value[again]))


def windows(
    found: Words, chosen: Anchors, min_tokens: int, salt: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The windows of some runs: text and first word (int64), and hash (uint64) of each."""
    from gristmill.curation.dedup import passage_kernels

    parts: list[tuple[np.ndarray, ...]] = []
    texts, begins, sizes = np.unique(chosen.text, return_index=True, return_counts=True)
    for text, begin, end in zip(texts, begins, begins + sizes, strict=True):
        hashes = passage_kernels.rolling(found.hashes[found.offsets[text] : found.offsets[text + 1]], min_tokens)
        first, count = chosen.first[begin:end], chosen.count[begin:end]
        places = np.repeat(first - np.cumsum(count) + count, count) + np.arange(count.sum())
        parts.append((np.full(len(places), text), places, hashes[places]))
    text, first, value = _joined(parts, np.int64, np.int64, np.uint64)
    return text, first, salted(value, text, salt)


def _joined(parts: list[tuple[np.ndarray, ...]], *dtypes: type) -> list[np.ndarray]:
    columns = zip(*parts, strict=True) if parts else ([] for _ in dtypes)
    return [np.concatenate([np.zeros(0, dtype), *column]) for dtype, column in zip(dtypes, columns, strict=True)]
