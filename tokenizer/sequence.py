"""Which documents are trained on, in which order: whole epochs of each part, merged so that all parts progress alike.

1. A part gives its tokens in epochs, each in the order of a hash of seed, epoch and id; the last document of its last
   epoch is cut, so that the allocation is met to the token.
2. The parts are merged by how much of a phase's allocation each has given by then, so that any stretch of training has
   the mixture's proportions and no part begins an epoch before it has ended the one before.
3. Where a run in progress changes, each part goes on with what the consumed rows have left of its epochs.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gristmill.tokenizer.catalogue import Documents
from gristmill.tokenizer.draw import redraws


@dataclass(frozen=True)
class Drawn:
    """Stretches of documents to pack, in order."""

    document: np.ndarray
    """int32 [M]: index into Documents."""
    start: np.ndarray
    """int64 [M]: first token within the document."""
    length: np.ndarray
    """int64 [M]: tokens."""
    epoch: np.ndarray
    """int32 [M]: which time the document is used, from 0."""
    phase: np.ndarray
    """int16 [M]: does not decrease."""

    def __len__(self) -> int:
        return len(self.document)

    def take(self, order: np.ndarray | slice) -> "Drawn":
        """Some of them, in this order."""
        return Drawn(*(getattr(self, name)[order] for name in FIELDS))


FIELDS = ("document", "start", "length", "epoch", "phase")


def joined(parts: Sequence[Drawn]) -> Drawn:
    """Several, one after the other."""
    return Drawn(*(np.concatenate([getattr(part, name) for part in parts]) for name in FIELDS))


def draw(
    documents: Documents,
    eligible: np.ndarray,
    phases: Sequence[Mapping[str, int]],
    seed: int,
    consumed: Drawn | None = None,
    first_phase: int = 0,
) -> Drawn:
    """Stretches of every part up to its tokens in each phase; `consumed`, what earlier rows have, is not drawn again."""
    found, progress = [], []
    by_part = np.argsort(documents.part, kind="stable")
    bounds = np.searchsorted(documents.part[by_part], np.arange(len(documents.parts) + 1))
    for i, part in enumerate(documents.parts):
        amounts = np.array([phase[part] for phase in phases], np.int64)
        ends = np.cumsum(amounts)
        if not ends[-1]:
            continue
        members = by_part[bounds[i] : bounds[i + 1]]
        members = members[eligible[members]]
        mine = None if consumed is None else consumed.take(np.flatnonzero(documents.part[consumed.document] == i))
        given = 0
        for stretches in _epochs(documents, members, seed, mine):
            before = given + np.cumsum(stretches.length) - stretches.length
            kept = int(np.searchsorted(before, ends[-1]))
            before = before[:kept]
            stretches = stretches.take(slice(kept))
            length = np.minimum(stretches.length, ends[-1] - before)
            phase = np.searchsorted(ends, before, side="right")
            within = (before - (ends - amounts)[phase]) / amounts[phase]
            number = (first_phase + phase).astype(np.int16)
            found.append(Drawn(stretches.document, stretches.start, length, stretches.epoch, number))
            progress.append(phase + within)
            given += int(length.sum())
            if given >= ends[-1]:
                break
    if not found:
        raise ValueError("the mixture draws no tokens at all; raise tokens, or add documents.")
    return joined(found).take(np.argsort(np.concatenate(progress), kind="stable"))


def _epochs(documents: Documents, members: np.ndarray, seed: int, consumed: Drawn | None) -> Iterator[Drawn]:
    """A part's documents epoch after epoch, without end; of an epoch that was begun, what is left."""
    number = 0
    while True:
        draws = redraws(documents.order_draw[members], seed, f"epoch {number}")
        order = members[np.argsort(draws, kind="stable")].astype(np.int32)
        count = len(order)
        whole = Drawn(
            order,
            np.zeros(count, np.int64),
            documents.length[order],
            np.full(count, number, np.int32),
            np.zeros(count, np.int16),
        )
        begun = None if consumed is None else consumed.take(np.flatnonzero(consumed.epoch == number))
        yield whole if begun is None or not len(begun) else _left_over(whole, begun)
        number += 1


def _left_over(whole: Drawn, used: Drawn) -> Drawn:
    """What of each document in `whole` no stretch of `used` has."""
    order = np.lexsort((used.start, used.document))
    used = used.take(order)
    documents, first = np.unique(used.document, return_index=True)
    totals = np.add.reduceat(used.length, first)
    place = np.searchsorted(documents, whole.document)
    place[place == len(documents)] = 0
    is_used = documents[place] == whole.document
    taken = np.where(is_used, totals[place], 0)
    assert (taken <= whole.length).all(), "a token was used twice in one epoch"
    last = np.append(first[1:], len(used))
    stretches: list[tuple[int, int, int]] = []  # index in whole, start, length
    for i in np.flatnonzero((taken > 0) & (taken < whole.length)).tolist():
        at = 0
        for start, length in zip(
            used.start[first[place[i]] : last[place[i]]].tolist(),
            used.length[first[place[i]] : last[place[i]]].tolist(),
            strict=True,
        ):
            if start > at:
                stretches.append((i, at, start - at))
            at = start + length
        if at < whole.length[i]:
            stretches.append((i, at, int(whole.length[i]) - at))
    index = np.array([s[0] for s in stretches], np.int64)
    untouched = np.flatnonzero(taken == 0)
    where = np.concatenate([untouched, index])
    start = np.concatenate([whole.start[untouched], np.array([s[1] for s in stretches], np.int64)])
    length = np.concatenate([whole.length[untouched], np.array([s[2] for s in stretches], np.int64)])
    order = np.lexsort((start, where))
    chosen = where[order]
    return Drawn(whole.document[chosen], start[order], length[order], whole.epoch[chosen], whole.phase[chosen])
