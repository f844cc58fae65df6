"""Documents into rows of one width: by best fit, one after the other, or from their beginnings. Lengths in, places out.

All ways return four int64 arrays, one element for each segment: the document, the first token within the document, the
number of tokens, and the row. Every token of every document is in exactly one segment; of `bos_aligned`, every one of a
document's first `width`.
"""

from itertools import pairwise

import numpy as np


def concatenate(lengths: np.ndarray, width: int) -> tuple[np.ndarray, ...]:
    """Documents one after the other, cut wherever a row of `width` is full; only the last row may be short."""
    ends = np.cumsum(lengths)
    begins = ends - lengths
    count = np.where(lengths > 0, (ends - 1) // width - begins // width + 1, 0)
    item = np.repeat(np.arange(len(lengths)), count)
    row = begins[item] // width + np.arange(len(item)) - np.repeat(np.cumsum(count) - count, count)
    start = np.maximum(begins[item], row * width)
    return item, start - begins[item], np.minimum(ends[item], (row + 1) * width) - start, row


def best_fit(lengths: np.ndarray, width: int) -> tuple[np.ndarray, ...]:
    """Best-fit decreasing with long documents split (Ding et al. 2024, arXiv 2404.10830).

    A document longer than a row gives full rows and a remainder; then, longest first, every document and remainder goes
    into the row where it leaves the least room, or into a new one.
    """
    full = lengths // width
    rest = lengths - full * width
    item = np.repeat(np.arange(len(lengths)), full)
    chunk = np.arange(len(item)) - np.repeat(np.cumsum(full) - full, full)
    short = np.flatnonzero(rest)
    return (
        np.concatenate([item, short]),
        np.concatenate([chunk * width, full[short] * width]),
        np.concatenate([np.full(len(item), width), rest[short]]),
        np.concatenate([np.arange(len(item)), len(item) + _best_fit_bins(rest[short], width)]),
    )


def bos_aligned(lengths: np.ndarray, width: int) -> tuple[np.ndarray, ...]:
    """Best fit of documents cropped to a row, so that each segment begins with a document's first token.

    What is left out is what no such packing could keep: the tokens after a row's length. nanochat fills rows up with
    cropped documents instead, and leaves out a third of all tokens at 2,048.
    """
    return best_fit(np.minimum(lengths, width), width)


def _best_fit_bins(lengths: np.ndarray, width: int) -> np.ndarray:
    """The bin of each length in 1..width, by best-fit decreasing; int64[N].

    Equal lengths are interchangeable, and so are bins with equal room. So one step places all that are left of one length
    into all bins of the tightest room, each bin taking as many as it holds: what placing them one by one does, in as
    many steps as there are pairs of length and room, not documents.
    """
    order = np.argsort(-lengths, kind="stable")
    bounds = np.flatnonzero(np.diff(lengths[order], prepend=0, append=0))
    bin_of = np.empty(len(lengths), np.int64)
    with_room: dict[int, list[np.ndarray]] = {}  # room -> bins that have exactly this much
    is_room = np.zeros(width + 1, bool)
    num_bins = 0
    for first, last in pairwise(bounds):
        items = order[first:last]
        length = int(lengths[items[0]])
        while len(items):
            room = length + int(is_room[length:].argmax())
            if not is_room[room]:
                room = width
                bins = num_bins + np.arange(-(-len(items) // (width // length)))
                num_bins += len(bins)
            else:
                bins = np.concatenate(with_room.pop(room))
                is_room[room] = False
            holds = room // length
            used = min(len(bins), -(-len(items) // holds))
            placed = min(len(items), used * holds)
            bin_of[items[:placed]] = np.repeat(bins[:used], holds)[:placed]
            last_holds = placed - (used - 1) * holds
            for left, some in (
                (room, bins[used:]),
                (room - holds * length, bins[: used - 1]),
                (room - last_holds * length, bins[used - 1 : used]),
            ):
                if left and len(some):
                    with_room.setdefault(left, []).append(some)
                    is_room[left] = True
            items = items[placed:]
    return bin_of
