"""Signatures estimate Jaccard similarity without bias, and depend on nothing but a document's words."""

import numpy as np
import pyarrow as pa
import pytest
from datasketch import MinHash
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.curation.dedup.banding import collision_probability
from gristmill.curation.features import measure
from gristmill.curation.minhash import (
    NO_SHINGLES,
    SignatureParams,
    jaccard,
    permutations,
    shingles,
    signatures,
)

DEFAULTS = SignatureParams()
WORDS = [f"word{number}" for number in range(4000)]


def sets_of_similarity(shared: int, own: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Two sets of random hashes with Jaccard similarity shared / (shared + 2 * own)."""
    drawn = np.random.default_rng(seed).integers(0, 2**64, shared + 2 * own, dtype=np.uint64)
    return drawn[: shared + own], np.concatenate((drawn[:shared], drawn[shared + own :]))


def estimate(a: np.ndarray, b: np.ndarray, params: SignatureParams) -> float:
    offsets = np.array([0, len(a), len(a) + len(b)])
    first, second = signatures(np.concatenate((a, b)), offsets, params)
    return float((first == second).mean())


def words_of(texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
    measured = measure(pa.array(texts, pa.string()))
    return measured.word_hashes, measured.word_offsets


def sign(texts: list[str], params: SignatureParams = DEFAULTS) -> np.ndarray:
    return signatures(*shingles(*words_of(texts), params.ngram_words), params)


@pytest.mark.parametrize("similarity", [0.0, 0.1, 0.5, 0.8, 0.95, 1.0])
def test_estimates_are_unbiased_with_the_variance_of_independent_draws(similarity):
    num_perm, trials = 128, 200
    shared = round(1000 * similarity)
    own = (1000 - shared) // 2
    exact = shared / (shared + 2 * own)
    found = [
        estimate(*sets_of_similarity(shared, own, seed), SignatureParams(num_perm=num_perm, seed=seed))
        for seed in range(trials)
    ]
    deviation = (exact * (1 - exact) / num_perm) ** 0.5
    assert np.mean(found) == pytest.approx(exact, abs=4 * deviation / trials**0.5)
    assert np.std(found) == pytest.approx(deviation, rel=0.25)


def test_estimates_are_as_good_as_datasketchs():
    ours, theirs = [], []
    for seed in range(40):
        a, b = sets_of_similarity(300, 100, seed)
        exact = jaccard(a, b)
        ours.append(estimate(a, b, SignatureParams(seed=seed)) - exact)
        sketches = []
        for values in (a, b):
            sketch = MinHash(num_perm=128, seed=seed, hashfunc=lambda value: int(value) & 0xFFFFFFFF)
            sketch.update_batch(values)
            sketches.append(sketch)
        theirs.append(sketches[0].jaccard(sketches[1]) - exact)
    assert np.sqrt(np.mean(np.square(ours))) < 1.3 * np.sqrt(np.mean(np.square(theirs)))


def test_a_band_of_equal_values_is_as_likely_as_the_formula_says():
    bands, rows = 20, 6
    params = SignatureParams(num_perm=bands * rows)
    met = 0
    for seed in range(150):
        a, b = sets_of_similarity(400, 100, seed)  # similarity 2/3
        offsets = np.array([0, len(a), len(a) + len(b)])
        first, second = signatures(np.concatenate((a, b)), offsets, params).reshape(2, bands, rows)
        met += (first == second).all(axis=1).any()
    assert met / 150 == pytest.approx(collision_probability(2 / 3, bands, rows), abs=0.1)


def test_a_near_copy_is_similar_and_another_text_is_not():
    rng = np.random.default_rng(5)
    text = [WORDS[number] for number in rng.integers(0, 4000, 600)]
    edited = text.copy()
    edited[300] = "changed"
    other = [WORDS[number] for number in rng.integers(0, 4000, 600)]
    copy = " ".join(text).upper().replace(" ", ",  ")
    signed = sign([" ".join(text), " ".join(edited), " ".join(other), copy])
    agreement = (signed == signed[0]).mean(axis=1)
    assert agreement[1] > 0.93
    assert agreement[2] < 0.02
    assert agreement[3] == 1.0  # case, spacing and punctuation do not count


def test_short_documents_have_one_shingle_and_empty_ones_none():
    hashes, offsets = shingles(*words_of(["", "one", "one two three four", "a b c d e", "a b c d e f", "?!"]), 5)
    assert np.diff(offsets).tolist() == [0, 1, 1, 1, 2, 0]
    assert len(set(hashes.tolist())) == 4  # "a b c d e" begins "a b c d e f"
    signed = sign(["", "one", "One!", "one two", "?!"])
    assert (signed[0] == NO_SHINGLES).all()
    assert (signed[4] == NO_SHINGLES).all()
    assert (signed[1] == signed[2]).all()
    assert not (signed[1] == signed[3]).any()


def test_the_order_of_words_counts():
    a, b, c = (shingles(*words_of([text]), 2)[0] for text in ("a b c", "b c a", "c b a"))
    assert jaccard(a, b) == 1 / 3
    assert jaccard(a, c) == 0.0


@given(st.lists(st.lists(st.sampled_from(WORDS[:30]), max_size=40).map(" ".join), max_size=6), st.integers(1, 7))
@settings(max_examples=60, deadline=None)
def test_shingles_are_the_word_ngrams_of_each_document(texts, n):
    hashes, offsets = shingles(*words_of(texts), n)
    assert len(offsets) == len(texts) + 1
    names: dict[int, tuple] = {}
    for index, text in enumerate(texts):
        split = text.split()
        grams = [tuple(split[i : i + n]) for i in range(max(len(split) - n + 1, min(len(split), 1)))]
        found = hashes[offsets[index] : offsets[index + 1]].tolist()
        assert len(found) == len(grams)
        for value, gram in zip(found, grams, strict=True):
            assert names.setdefault(value, gram) == gram
    assert len(set(names.values())) == len(names)


@given(st.lists(st.integers(0, 60).map(lambda size: " ".join(WORDS[: size * 90])), min_size=1, max_size=6))
@settings(max_examples=25, deadline=None)
def test_a_signature_does_not_depend_on_its_neighbours(texts):
    together = sign(texts)
    assert together.shape == (len(texts), 128)
    assert together.dtype == np.uint32
    for text, signature in zip(texts, together, strict=True):
        assert (sign([text])[0] == signature).all()


def test_a_signature_is_the_smallest_value_of_every_permutation():
    hashes = np.random.default_rng(3).integers(0, 2**64, 10_000, dtype=np.uint64)
    params = SignatureParams(num_perm=5, seed=9)
    multiply, add = permutations(params)
    expected = [
        min((int(a) * (h >> 32) + int(b)) % 2**32 for h in hashes.tolist()) for a, b in zip(multiply, add, strict=True)
    ]
    assert signatures(hashes, np.array([0, len(hashes)]), params)[0].tolist() == expected


def test_signatures_stay_what_they_are():
    """Stored signatures are compared with new ones: a change here needs a new VERSION."""
    signed = sign(["the quick brown fox jumps over the lazy dog", "Ünïcode 日本語 don’t"])
    assert signed[:, :4].tolist() == [
        [2067078784, 1573032460, 131458186, 1135184901],
        [3336259678, 4192166947, 4019330987, 4045003984],
    ]


def test_more_permutations_continue_fewer_and_seeds_differ():
    text = [" ".join(WORDS[:100])]
    few, many = sign(text, SignatureParams(num_perm=16)), sign(text, SignatureParams(num_perm=64))
    assert (many[:, :16] == few).all()
    assert not (sign(text, SignatureParams(num_perm=16, seed=2)) == few).any()


def test_jaccard_of_sets_with_repeats():
    assert jaccard(np.array([3, 1, 1, 2]), np.array([2, 3, 3, 4])) == 0.5
    assert jaccard(np.array([]), np.array([])) == 0.0
    assert jaccard(np.array([1]), np.array([])) == 0.0


@pytest.mark.parametrize("wrong", [{"ngram_words": 0}, {"num_perm": 0}, {"seed": -1}, {"seed": 2**63}])
def test_impossible_parameters_are_refused(wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} is {next(iter(wrong.values()))}"):
        SignatureParams(**wrong)


def test_labelled_copies_are_found_and_others_are_not(samples):
    with open(samples / "dedup-labels" / "minhash-articles_1000.train", encoding="utf-8") as stream:
        articles = dict(line.rstrip("\n").split(" ", 1) for line in stream if line.strip())
    with open(samples / "dedup-labels" / "minhash-articles_1000.truth", encoding="utf-8") as stream:
        truth = {frozenset(line.split()) for line in stream if line.strip()}
    signed = sign(list(articles.values()))
    agreement = (signed[:, None, ::2] == signed[None, :, ::2]).mean(axis=2)
    names = list(articles)
    found = {frozenset((names[i], names[j])) for i, j in zip(*np.where(np.triu(agreement, 1) > 0.5), strict=True)}
    assert found == truth
