"""Which documents repeat another: in their text, in their address, or nearly in their text, and then verified.

Locality-sensitive hashing only nominates pairs: a pair counts if the exact Jaccard similarity of the two shingle sets
reaches the threshold. Documents are then decided in order of preference, and one is removed only if it is similar to
one that was *kept*. So nothing is removed through a chain of pairs (the transitive closure of unverified pairs is what
wiped 97 % of Gutenberg out of a published corpus), every removed document names one that stays and can be shown beside
it, and the result depends on the ranks alone, not on the order of rows, nor on how often it is done. One case is less
strict: where the kept version of a page is then removed as a near duplicate of a page elsewhere, its other versions,
whose texts nobody compared, stay removed, and name the page elsewhere.
"""

import logging
from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa

from gristmill.curation.buckets import BUCKET_KEPT, Buckets, bucket_members, run_lengths
from gristmill.curation.dedup.banding import DuplicateParams, check
from gristmill.curation.dedup.pair_cache import Pairs

VERSION = 1
"""Bumped when the same input would lose other documents."""

BLOCK = 512
"""Documents decided together; bounds the memory for pairs. Changes the result only where a bucket is overfull."""

SHINGLES_HELD = 1 << 26
"""Shingles kept in memory, 512 MB; more at once only if two documents alone have more. Does not change the result."""

Shingles = Callable[[np.ndarray], Sequence[np.ndarray]]

logger = logging.getLogger(__name__)


def resolve(
    content_hashes: Sequence[str] | pa.Array,
    signatures: np.ndarray | None,
    order: np.ndarray,
    groups: np.ndarray,
    shingles_of: Shingles | None,
    params: DuplicateParams | None,
    exact: bool,
    url_keys: Sequence[str | None] | pa.Array | None = None,
    pairs: Pairs | None = None,
) -> pa.Table:
    """Which of N documents stay, one row each: kept, duplicate_of, rule, similarity, cluster_size.

    `signatures` is [N, num_perm] of unsigned integers, `order` int [N] the rank of each document (all different, a
    smaller one is preferred), `groups` int [N] its scope: only equal ones are compared. `shingles_of` maps an array of
    rows to their shingle sets (uint64, any order, repeats allowed); it is called seldom and with many rows.
    `params` None: no near duplicates; `exact` False: equal texts are left to the near ones. `url_keys` says which page a
    document is a version of, null for none; of the versions of a page one stays. None: no matter. `pairs` has what is known
    of similarities, and learns the others; it changes no result.

    `duplicate_of` is the row of the most preferred kept document that it repeats, `similarity` their exact Jaccard
    similarity, `rule` "exact" if their texts are equal, "url" if only their keys are, else "near"; null for kept
    documents, `similarity` also for "url". `cluster_size` is 1 + the number of documents that point to a kept one; null
    for the others. Raises ValueError for signatures too short.
    """
    order, groups = np.asarray(order, np.int64), np.asarray(groups)
    by_rank = np.argsort(order, kind="stable")
    # From here on a document is its place in `by_rank`: comparing two numbers compares preferences.
    first_text = first_page = np.arange(len(order), dtype=np.int64)
    if exact:
        first_text = _equal(_codes(content_hashes)[by_rank], groups[by_rank])
    if url_keys is not None:
        first_page = _equal(_codes(url_keys)[by_rank], groups[by_rank])
    keeper = first_text.copy() if url_keys is None else _first_kept(first_text, first_page)
    twins = keeper.copy()
    copies = twins != np.arange(len(order))
    versions = copies & (first_text[twins] != first_text)
    similarity = np.where(copies & ~versions, 1.0, np.nan)
    if params is not None and signatures is not None and shingles_of is not None:
        check(params, signatures.shape[1])
        unique = np.flatnonzero(~copies)
        nearest, scores = _near(signatures, groups, by_rank[unique], shingles_of, params, pairs)
        removed = nearest != np.arange(len(unique))
        keeper[unique[removed]] = unique[nearest[removed]]
        similarity[unique[removed]] = scores[removed]
        # A copy of a document that was itself removed points to what was kept in its place.
        moved = copies & (keeper[twins] != twins)
        similarity[moved & ~versions] = similarity[twins[moved & ~versions]]
        keeper[moved] = keeper[twins[moved]]
    rules = np.where(versions, "url", np.where(keeper == twins, "exact", "near"))
    return _table(by_rank, keeper, similarity, rules)


def _table(by_rank: np.ndarray, keeper: np.ndarray, similarity: np.ndarray, rules: np.ndarray) -> pa.Table:
    """The rows of `resolve`, from documents by rank back to the order of its input."""
    row = np.empty(len(by_rank), np.int64)
    row[by_rank] = np.arange(len(by_rank))
    keeper, similarity, rules = by_rank[keeper][row], similarity[row], rules[row]
    kept = keeper == np.arange(len(row))
    sizes = np.bincount(keeper, minlength=len(row)).astype(np.int32)
    return pa.table(
        {
            "kept": pa.array(kept, pa.bool_()),
            "duplicate_of": pa.array(keeper, pa.int64(), mask=kept),
            "rule": pa.array(rules.astype(object), pa.string(), mask=kept),
            "similarity": pa.array(similarity, pa.float64(), mask=kept | np.isnan(similarity)),
            "cluster_size": pa.array(sizes, pa.int32(), mask=~kept),
        }
    )


def _codes(strings: Sequence[str | None] | pa.Array) -> np.ndarray:
    """A number for each different string; a null is different from all others."""
    if not isinstance(strings, pa.Array | pa.ChunkedArray):
        strings = pa.array(strings, pa.string())
    if isinstance(strings, pa.ChunkedArray):
        strings = strings.combine_chunks()
    codes = strings.dictionary_encode().indices.fill_null(-1).to_numpy(zero_copy_only=False)
    return np.where(codes < 0, len(codes) + np.arange(len(codes)), codes)


def _equal(codes: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """For each document the first with the same code in the same group."""
    if not len(codes):
        return np.zeros(0, np.int64)
    place = np.lexsort((codes, groups))  # stable: equal ones stay by rank
    starts = np.flatnonzero(np.r_[True, (np.diff(codes[place]) != 0) | (np.diff(groups[place]) != 0)])
    first = np.empty(len(codes), np.int64)
    first[place] = np.repeat(place[starts], np.diff(np.r_[starts, len(place)]))
    return first


def _first_kept(first_text: np.ndarray, first_page: np.ndarray) -> np.ndarray:
    """For each document, by rank, the kept one with its text, or else the kept one with its page, or itself.

    Both arrays give a class's first member for each of its members. A document that goes speaks for nobody: another one
    with its text, but of another page, may stay.
    """
    keeper = np.arange(len(first_text), dtype=np.int64)
    crowded = (np.bincount(first_text)[first_text] > 1) | (np.bincount(first_page)[first_page] > 1)
    kept_text: dict[int, int] = {}
    kept_page: dict[int, int] = {}
    rows = np.flatnonzero(crowded)
    for row, text, page in zip(rows.tolist(), first_text[rows].tolist(), first_page[rows].tolist(), strict=True):
        found = kept_text.get(text, kept_page.get(page))
        if found is None:
            kept_text[text] = kept_page[page] = row
        else:
            keeper[row] = found
    return keeper


# --- near duplicates --------------------------------------------------------------------------------------------------


def _near(
    signatures: np.ndarray,
    groups: np.ndarray,
    rows: np.ndarray,
    shingles_of: Shingles,
    params: DuplicateParams,
    pairs: Pairs | None,
) -> tuple[np.ndarray, np.ndarray]:
    """For each of the rows, given by preference, the place of the first similar kept one (or its own), and how similar."""
    nearest, scores = np.arange(len(rows)), np.full(len(rows), np.nan)
    member, offsets = bucket_members(signatures, groups, rows, params.bands, params.rows_per_band)
    # Whoever shares no bucket stays. The others are numbered 0..D-1 from here on, still by preference.
    documents, member = np.unique(member, return_inverse=True)
    rows = rows[documents]
    buckets = Buckets(member, offsets)
    verifier = Verifier(signatures[rows], groups[rows], params, lambda some: shingles_of(rows[some]), pairs, rows)
    verifier.expect(*buckets.neighbours())
    for begin in range(0, len(rows), BLOCK):
        block = np.arange(begin, min(begin + BLOCK, len(rows)))
        # Kept documents of earlier blocks are all preferred to this block's, and most repeats end there. Only what is
        # left is paired among itself, so that a thousand copies of one page cost a thousand comparisons.
        verifier.decide(*buckets.with_kept(block))
        rest = block[verifier.nearest[block] == block]
        verifier.decide(*buckets.among(rest))
        buckets.keep(rest[verifier.nearest[rest] == rest])
    if buckets.overfull:
        logger.warning(
            "%d buckets hold more than %d documents that are kept: less preferred ones were compared with the first %d "
            "and with those that agree in further bands",
            *(buckets.overfull, BUCKET_KEPT, BUCKET_KEPT),
        )
    nearest[documents] = documents[verifier.nearest]
    scores[documents] = verifier.scores
    return nearest, scores


class Verifier:
    """Decides documents by the exact similarity of candidate pairs, and holds what was decided.

    `nearest[d]` is d itself, or the kept document in whose favour d was removed; `scores[d]` their similarity.
    """

    def __init__(
        self,
        signatures: np.ndarray,
        groups: np.ndarray,
        params: DuplicateParams,
        shingles_of: Shingles,
        pairs: Pairs | None,
        rows: np.ndarray,
    ):
        self._pairs, self._rows = pairs, rows  # `pairs` knows documents by these
        min_similarity = params.min_similarity
        self.nearest = np.arange(len(groups))
        self.scores = np.full(len(groups), np.nan)
        self._groups = groups
        self._min_similarity = min_similarity
        # The low bytes estimate the similarity nearly as well, 1/256 too high at most, in a quarter of the memory.
        self._bytes = signatures.astype(np.uint8)
        # 4 standard errors below the threshold: 1 in 30,000 pairs at the threshold is taken for less.
        spread = (min_similarity * (1 - min_similarity) / signatures.shape[1]) ** 0.5
        self._least_matches = np.ceil((min_similarity - 4 * spread) * signatures.shape[1])
        contained = params.measure == "containment"
        if contained:  # a short text in a long one agrees with it in few places
            self._least_matches = 0
        self._shingles = ShingleStore(shingles_of, len(groups), contained)

    def expect(self, document: np.ndarray, other: np.ndarray) -> None:
        """Announce pairs whose shingles may be asked for, so that few calls fetch them."""
        document, other = self._plausible(document, other)
        unknown = np.isnan(self._known(document, other))
        self._shingles.expect(np.concatenate([document[unknown], other[unknown]]))

    def _known(self, document: np.ndarray, other: np.ndarray) -> np.ndarray:
        """What is known of each pair's similarity, nan for the others."""
        if self._pairs is None:
            return np.full(len(document), np.nan)
        return self._pairs.similarity(self._rows[document], self._rows[other])

    def _similarity(self, document: np.ndarray, other: np.ndarray) -> np.ndarray:
        score = self._known(document, other)
        unknown = np.isnan(score)
        document, other = document[unknown], other[unknown]
        score[unknown] = self._shingles.similarity(document, other)
        if self._pairs is not None and len(document):
            self._pairs.learn(self._rows[document], self._rows[other], score[unknown])
        return score

    def _plausible(self, document: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The pairs of one group whose signatures agree in about as many places as similar ones do."""
        from gristmill.curation.dedup import pair_kernels

        likely = self._groups[document] == self._groups[other]
        likely &= pair_kernels.agreements(self._bytes, document, other) >= self._least_matches
        return document[likely], other[likely]

    def decide(self, document: np.ndarray, other: np.ndarray) -> None:
        """Remove each document that is similar to a kept one among its others, in favour of the most preferred such.

        Pairs come ordered. A document whose next candidate is itself undecided waits for it.
        """
        document, other = self._plausible(document, other)
        counts = run_lengths(document)
        end = np.cumsum(counts)
        place = end - counts  # of each document's next candidate
        pending = np.zeros(len(self.nearest), bool)
        pending[document] = True
        active = np.arange(len(counts))
        while len(active):
            here, candidate = document[place[active]], other[place[active]]
            kept = (self.nearest[candidate] == candidate) & ~pending[candidate]
            score = np.zeros(len(active))
            score[kept] = self._similarity(here[kept], candidate[kept])
            similar = kept & (score >= self._min_similarity)
            self.nearest[here[similar]] = candidate[similar]
            self.scores[here[similar]] = score[similar]
            place[active[~similar & ~pending[candidate]]] += 1
            done = similar | (place[active] == end[active])
            pending[here[done]] = False
            active = active[~done]


class ShingleStore:
    """Shingle sets of documents 0..D-1, fetched in few large calls and held while they fit."""

    def __init__(self, shingles_of: Shingles, num_documents: int, contained: bool):
        self._fetch = shingles_of
        self._contained = contained
        self._items = np.empty(0, np.uint64)  # the sets end to end, in order of arrival
        self._held = 0  # shingles in all of them
        self._start = np.zeros(num_documents, np.int64)
        self._size = np.full(num_documents, -1, np.int64)  # -1: not here
        self._here = np.zeros(0, np.int64)  # documents in order of arrival
        self._mean = SHINGLES_HELD / 1_024  # shingles of a document, as long as none is known: fetches 256 ahead
        self._fresh = np.ones(num_documents, bool)  # not fetched yet
        self._expected = np.zeros(num_documents, bool)
        self._surprises = 0

    def expect(self, documents: np.ndarray) -> None:
        """Announce documents that are likely to be asked for."""
        self._expected[documents] = True

    def similarity(self, document: np.ndarray, other: np.ndarray) -> np.ndarray:
        """Exact similarity of each pair, |A and B| / |A or B|, or / |A|; 0 where one of them has no shingles."""
        from gristmill.curation.dedup import pair_kernels

        result = np.zeros(len(document))
        begin = 0
        while begin < len(document):
            some = slice(begin, begin + max(1, int(SHINGLES_HELD / 4 / self._mean / 2)))
            a, b = document[some], other[some]
            if (self._size[a] < 0).any() or (self._size[b] < 0).any():
                self._load(np.unique(np.concatenate([a, b])))
            common = pair_kernels.common(self._items, self._start, self._size, a, b)
            size_a, size_b = self._size[a], self._size[b]
            whole = size_a if self._contained else size_a + size_b - common
            result[some] = common / np.maximum(whole, 1)
            begin = some.stop
        return result

    def _load(self, needed: np.ndarray) -> None:
        """Have the sets of these documents, which come in order, each once."""
        from gristmill.curation.dedup import pair_kernels

        missing = needed[self._size[needed] < 0]
        if not len(missing):
            return
        if self._fresh[missing].any():
            self._surprises += not self._expected[missing].all()
            if self._surprises > 8:  # a call may read many files: take along what is less likely to be needed
                self._expected[:] = True
            ahead = np.flatnonzero(self._fresh & self._expected)
            room = max(0, int(SHINGLES_HELD / 4 / self._mean) - len(missing))
            missing = np.union1d(missing, ahead[ahead > missing[0]][:room])
            self._fresh[missing] = False
        fetched = self._fetch(missing)
        items = np.concatenate([*fetched, np.zeros(0, np.uint64)])  # a copy of ours, to be ordered in place
        sizes = pair_kernels.make_sets(items, np.cumsum([0, *map(len, fetched)]))
        added = int(sizes.sum())
        if self._held + added > SHINGLES_HELD:
            self._forget(self._held + added - SHINGLES_HELD // 2, needed)
        if self._held + added > len(self._items):  # what is not written to yet takes no memory
            self._move_to(np.empty(max(self._held + added, SHINGLES_HELD), np.uint64), self._here)
        self._items[self._held : self._held + added] = items[:added]
        self._start[missing] = self._held + np.cumsum(sizes) - sizes
        self._size[missing] = sizes
        self._here = np.concatenate([self._here, missing])
        self._held += added
        self._mean = max(1.0, self._held / len(self._here))

    def _forget(self, shingles: int, needed: np.ndarray) -> None:
        """Let go of the sets that came first, so many shingles or all, except those that are needed."""
        free = ~np.isin(self._here, needed)
        before = np.cumsum(np.where(free, self._size[self._here], 0)) - self._size[self._here]
        gone = free & (before < shingles)
        self._size[self._here[gone]] = -1
        self._move_to(np.empty(len(self._items), np.uint64), self._here[~gone])

    def _move_to(self, items: np.ndarray, documents: np.ndarray) -> None:
        from gristmill.curation.dedup import pair_kernels

        sizes = self._size[documents]
        start = np.cumsum(sizes) - sizes
        pair_kernels.move(items, self._items, self._start[documents], sizes, start)
        self._start[documents] = start
        self._items, self._here, self._held = items, documents, int(sizes.sum())
