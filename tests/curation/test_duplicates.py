"""A document goes only if it repeats one that stays, and it does not matter how the documents come."""

import logging
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.curation import buckets, duplicates, minhash
from gristmill.curation.dedup.banding import DuplicateParams
from gristmill.curation.documents import content_hash
from gristmill.curation.minhash import SignatureParams

SIGNATURE = SignatureParams(ngram_words=5, num_perm=128)
NEAR = DuplicateParams()


class Corpus:
    """Texts as shingle sets and signatures; a shingle is a word 5-gram, as everywhere."""

    def __init__(self, texts):
        self.texts = list(texts)
        vocabulary = {word: number for number, word in enumerate(sorted({w for t in self.texts for w in t.split()}), 1)}
        words = [np.array([vocabulary[w] for w in t.split()], np.uint64) for t in self.texts]
        offsets = np.cumsum([0, *map(len, words)])
        hashes = minhash.mixed(np.concatenate([*words, np.zeros(0, np.uint64)]))
        self.flat, self.offsets = minhash.shingles(hashes, offsets, SIGNATURE.ngram_words)
        self.signatures = minhash.signatures(self.flat, self.offsets, SIGNATURE)

    def shingles_of(self, rows):
        return [self.flat[self.offsets[row] : self.offsets[row + 1]] for row in rows]

    def resolve(self, order=None, groups=None, params=NEAR, exact=True, rows=None, url_keys=None):
        rows = np.arange(len(self.texts)) if rows is None else np.asarray(rows)
        return duplicates.resolve(
            [content_hash(self.texts[row]) for row in rows],
            self.signatures[rows],
            np.arange(len(rows)) if order is None else np.asarray(order),
            np.zeros(len(rows), np.int32) if groups is None else np.asarray(groups),
            lambda some: self.shingles_of(rows[some]),
            params,
            exact,
            None if url_keys is None else [url_keys[row] for row in rows],
        )


def prose(seed: int, words: int) -> list[str]:
    return [f"w{number}" for number in np.random.default_rng(seed).integers(0, 50_000, words)]


def edited(words: list[str], places: list[int]) -> str:
    return " ".join(f"edit{place}" if place in places else word for place, word in enumerate(words))


def test_of_equal_texts_the_most_preferred_stays():
    corpus = Corpus(["a b c d e f", "x y z", "a  b c d e\nf", "a b c d e f"])
    result = corpus.resolve(order=[7, 1, 2, 9], params=None).to_pylist()
    assert [row["kept"] for row in result] == [False, True, True, False]
    assert result[0] == {
        "kept": False,
        "duplicate_of": 2,
        "rule": "exact",
        "similarity": 1.0,
        "cluster_size": None,
    }
    assert result[2] == {
        "kept": True,
        "duplicate_of": None,
        "rule": None,
        "similarity": None,
        "cluster_size": 3,
    }


def test_planted_clusters_are_found_whole_and_nothing_else():
    planted = [[0, 20, 50], [400, 420], [800, 810, 820, 840, 860], [1205, 1215, 1225, 1245]]
    texts = [" ".join(prose(number, 200)) for number in range(1300)]
    for cluster in planted:
        for copy, number in enumerate(cluster):
            texts[number] = edited(prose(cluster[0], 200), [copy * 37] if copy else [])
    result = Corpus(texts).resolve()
    clusters = {}
    for row, keeper in enumerate(result["duplicate_of"].to_pylist()):
        if keeper is not None:
            clusters.setdefault(keeper, [keeper]).append(row)
    assert list(clusters.values()) == planted
    assert [result["cluster_size"][keeper].as_py() for keeper in clusters] == [3, 2, 5, 4]
    assert set(result["rule"].to_pylist()) == {None, "near"}


def test_similarity_is_the_exact_jaccard():
    words = prose(1, 100)
    result = Corpus([" ".join(words), edited(words, [50])]).resolve()
    # 96 shingles each, 5 of which the edit changes: 91 of 101.
    assert result["similarity"].to_pylist() == [None, pytest.approx(91 / 101)]


def test_nothing_is_removed_through_a_chain():
    # a ~ b and b ~ c, but a and c are too far apart: with a preferred, b goes and c stays.
    words = prose(2, 400)
    a, b, c = (
        edited(words, []),
        edited(words, [50, 100, 150, 200]),
        edited(words, [50, 100, 150, 200, 230, 260, 290, 320, 350]),
    )
    corpus = Corpus([a, b, c])
    at = replace(NEAR, min_similarity=0.85)
    assert corpus.resolve(params=at)["duplicate_of"].to_pylist() == [None, 0, None]
    assert corpus.resolve(params=at, order=[1, 0, 2])["duplicate_of"].to_pylist() == [1, None, 1]


def test_a_copy_of_a_removed_document_points_to_the_one_that_stays():
    words = prose(3, 200)
    original, near = " ".join(words), edited(words, [9])
    result = Corpus([near, original, near, original]).resolve(order=[1, 0, 3, 2])
    assert result["duplicate_of"].to_pylist() == [1, None, 1, 1]
    assert result["rule"].to_pylist() == ["near", None, "near", "exact"]
    assert result["cluster_size"].to_pylist() == [None, 4, None, None]
    assert result["similarity"][0] == result["similarity"][2]


def test_only_documents_of_one_group_are_compared():
    words = prose(4, 200)
    corpus = Corpus([" ".join(words), " ".join(words), edited(words, [9])] * 2)
    result = corpus.resolve(groups=[0, 1, 2, 0, 1, 3])
    assert result["duplicate_of"].to_pylist() == [None, None, None, 0, 1, None]


def test_of_the_versions_of_a_page_the_most_preferred_stays():
    corpus = Corpus(["early text", "late text", "other page", "no address", "none either"])
    result = corpus.resolve(order=[4, 1, 2, 3, 0], url_keys=["a", "a", "b", None, None]).to_pylist()
    assert [row["kept"] for row in result] == [False, True, True, True, True]
    assert result[0] == {
        "kept": False,
        "duplicate_of": 1,
        "rule": "url",
        "similarity": None,
        "cluster_size": None,
    }
    assert result[1]["cluster_size"] == 2


def test_equal_texts_are_called_so_though_their_pages_are_equal_too():
    result = Corpus(["same text", "same text", "other text"]).resolve(params=None, url_keys=["a", "a", "a"])
    assert result["rule"].to_pylist() == [None, "exact", "url"]
    assert result["similarity"].to_pylist() == [None, 1.0, None]


def test_what_goes_for_its_page_or_text_takes_nothing_with_it():
    texts, pages = ["one", "two", "two", "one", "three"], ["a", "a", "b", "c", "c"]
    result = Corpus(texts).resolve(params=None, url_keys=pages)
    # The second goes for its page: the third, equal in text, stays. The fourth goes for its text, and so the fifth stays.
    assert result["kept"].to_pylist() == [True, False, True, False, True]
    assert result["rule"].to_pylist() == [None, "url", None, "exact", None]


def test_versions_of_a_page_that_is_repeated_elsewhere_point_there():
    words = prose(5, 200)
    texts = [edited(words, [50]), " ".join(words), "another version"]
    result = Corpus(texts).resolve(url_keys=["elsewhere", "page", "page"])
    assert result["rule"].to_pylist() == [None, "near", "url"]
    assert result["duplicate_of"].to_pylist() == [None, 0, 0]
    assert result["cluster_size"].to_pylist() == [3, None, None]


def test_pages_are_compared_within_their_group():
    corpus = Corpus(["one", "two", "three"])
    result = corpus.resolve(groups=[0, 1, 0], params=None, url_keys=["a", "a", "a"])
    assert result["kept"].to_pylist() == [True, True, False]


@given(st.lists(st.tuples(st.sampled_from("xyz"), st.sampled_from(["a", "b", None])), max_size=8), st.randoms())
def test_of_texts_and_pages_what_is_kept_is_what_no_preferred_kept_one_has(documents, chance):
    order = np.array(chance.sample(range(len(documents)), len(documents)), np.int64)
    texts, pages = [t for t, _ in documents], [p for _, p in documents]
    result = Corpus(texts).resolve(order=order, params=None, url_keys=pages)
    kept: list[int] = []
    for row in np.argsort(order):
        if not any(texts[k] == texts[row] or (pages[row] and pages[k] == pages[row]) for k in kept):
            kept.append(int(row))
    assert np.flatnonzero(result["kept"].to_numpy()).tolist() == sorted(kept)
    assert {found for found in result["duplicate_of"].to_pylist() if found is not None} <= set(kept)


def test_pages_from_one_template_stay():
    frame = prose(5, 120)
    pages = [" ".join(frame[:60] + prose(1000 + number, 100) + frame[60:]) for number in range(300)]
    assert Corpus(pages).resolve()["kept"].to_pylist() == [True] * 300


def test_documents_without_words_are_no_near_duplicates():
    corpus = Corpus(["", " ", "\n", "a b c d e f g", ""])
    assert corpus.resolve(exact=False)["kept"].to_pylist() == [True] * 5
    assert corpus.resolve(exact=True)["kept"].to_pylist() == [True, False, False, True, False]


def test_exact_and_near_can_each_be_left_out():
    words = prose(6, 100)
    corpus = Corpus([" ".join(words), " ".join(words), edited(words, [50])])
    assert corpus.resolve(params=None, exact=False)["kept"].to_pylist() == [True, True, True]
    assert corpus.resolve(params=None)["kept"].to_pylist() == [True, False, True]
    assert corpus.resolve(exact=False)["kept"].to_pylist() == [True, False, False]
    empty = Corpus([]).resolve()
    assert empty.num_rows == 0
    assert empty.schema.field("duplicate_of").type == pa.int64()


def crowd(seed: int, count: int = 120) -> list[str]:
    """Variants of a few texts, at all similarities."""
    random = np.random.default_rng(seed)
    bases = [prose(seed + number, 60) for number in range(6)]
    return [
        edited(bases[random.integers(6)], random.choice(60, random.integers(0, 5), replace=False).tolist())
        for _ in range(count)
    ]


@given(st.integers(0, 1000))
@settings(max_examples=15, deadline=None)
def test_the_order_of_rows_does_not_matter_and_twice_is_once(seed):
    corpus = Corpus(crowd(seed))
    random = np.random.default_rng(seed)
    order = random.permutation(len(corpus.texts))
    first = corpus.resolve(order=order)
    rows = random.permutation(len(corpus.texts))
    shuffled = corpus.resolve(order=order[rows], rows=rows)
    keeper = np.array(first["duplicate_of"].fill_null(-1))
    other = np.array(shuffled["duplicate_of"].fill_null(-1))
    assert (np.where(other < 0, -1, rows[other]) == keeper[rows]).all()

    kept = np.flatnonzero(np.array(first["kept"]))
    assert corpus.resolve(order=order[kept], rows=kept)["kept"].to_pylist() == [True] * len(kept)


@given(st.integers(0, 1000))
@settings(max_examples=5, deadline=None)
def test_the_result_is_that_of_comparing_one_after_the_other(seed):
    corpus = Corpus(crowd(seed))
    order = np.random.default_rng(seed).permutation(len(corpus.texts))
    # 42 x 3 nominates every pair above 0.8 but one in 10^13, so that chance has no part in this.
    result = corpus.resolve(order=order, exact=False, params=replace(NEAR, bands=42, rows_per_band=3))
    sets = corpus.shingles_of(range(len(order)))
    kept = []
    for row in np.argsort(order):
        alike = [k for k in kept if minhash.jaccard(sets[k], sets[row]) >= NEAR.min_similarity]
        assert result["duplicate_of"][row].as_py() == (alike[0] if alike else None)
        if not alike:
            kept.append(row)


def test_blocks_and_memory_do_not_change_the_result(monkeypatch):
    corpus = Corpus(crowd(8, 400))
    expected = corpus.resolve()
    monkeypatch.setattr(duplicates, "BLOCK", 16)
    monkeypatch.setattr(duplicates, "SHINGLES_HELD", 500)
    assert corpus.resolve().equals(expected)


def test_a_thousand_copies_cost_a_thousand_comparisons(monkeypatch):
    words = prose(9, 80)
    corpus = Corpus([edited(words, [number % 80]) for number in range(1500)])
    compared = []
    real = duplicates.ShingleStore.similarity
    monkeypatch.setattr(
        duplicates.ShingleStore, "similarity", lambda self, a, b: compared.append(len(a)) or real(self, a, b)
    )
    result = corpus.resolve(exact=False)
    assert sum(result["kept"].to_pylist()) == 1
    assert sum(compared) == 1499


def test_a_bucket_of_many_kept_documents_is_bounded_and_said(monkeypatch, caplog):
    monkeypatch.setattr(duplicates, "BUCKET_KEPT", 8)
    monkeypatch.setattr(buckets, "BUCKET_KEPT", 8)
    frame = prose(10, 300)
    pages = [" ".join(frame[:150] + prose(2000 + number, 40) + frame[150:]) for number in range(200)]
    pages += [page + " end" for page in pages]
    corpus = Corpus(pages)
    with caplog.at_level(logging.WARNING):
        result = corpus.resolve(params=replace(NEAR, min_similarity=0.9))
    assert "more than 8 documents that are kept" in caplog.text
    # Every page has a copy with one word more, similar by 0.997, which is found among 200 that are similar by 0.75.
    assert result["duplicate_of"].to_pylist() == [None] * 200 + list(range(200))


def test_finds_the_ten_labelled_pairs_of_news_articles(samples):
    lines = (samples / "dedup-labels" / "minhash-articles_1000.train").read_text("utf-8").splitlines()
    names, texts = zip(*(line.split(" ", 1) for line in lines), strict=True)
    result = Corpus(texts).resolve()
    found = {
        frozenset((names[row], names[keeper]))
        for row, keeper in enumerate(result["duplicate_of"].to_pylist())
        if keeper is not None
    }
    truth = (samples / "dedup-labels" / "minhash-articles_1000.truth").read_text().splitlines()
    assert found == {frozenset(line.split()) for line in truth}
