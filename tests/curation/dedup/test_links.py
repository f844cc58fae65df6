"""Documents fall into components that can be deduplicated one by one, as if all had been looked at at once."""

import random
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.curation.buckets import BUCKET_KEPT
from gristmill.curation.dedup import banding, link_kernels, links
from gristmill.curation.dedup.banding import DuplicateParams
from gristmill.curation.documents import content_hash
from gristmill.manifests import dedup_links
from gristmill.manifests.store import disk_full
from tests.curation.test_duplicates import NEAR, Corpus, edited, prose


def hashes_of(texts):
    return np.array([int(content_hash(text)[:16], 16) for text in texts], np.uint64)


def parts_of(corpus, pages=None, scopes=None, ranges=4, most=3, least=None, params=NEAR):
    """The parts of a corpus, by the steps of a run: links of units of seven documents, ranges of keys, components."""
    num = len(corpus.texts)
    scopes = scopes or [""] * num
    keys, documents = [], []
    for begin in range(0, num, 7):
        some = slice(begin, begin + 7)
        key, member = links.links(
            hashes_of(corpus.texts[some]), pages and pages[some], scopes[some], corpus.signatures[some], params
        )
        assert (key[1:] >= key[:-1]).all()
        keys.append(key)
        documents.append(member.astype(np.int64) + begin)
    key, document = np.concatenate(keys), np.concatenate(documents)
    if least is None:
        least = banding.least_matches(params, corpus.signatures.shape[1])
    bounds = [2**64 // ranges * i for i in range(ranges)] + [2**64]
    found = []
    for low, high in pairwise(bounds):
        here = (key >= np.uint64(low)) & (key <= np.uint64(high - 1))
        values = corpus.signatures.astype(np.uint8)
        found.append(links.edges(key[here], document[here], lambda some, v=values: v[some], least))
    parent = np.arange(num)
    links.components(parent, iter(found))
    order, starts = links.grouped(parent, most)
    return parent, [order[a:b] for a, b in pairwise(starts)]


def corpus_of(seed: int):
    """Texts, edited copies, copies of copies, pages of a template, short texts and empty ones, in any order."""
    rng = random.Random(seed)
    texts = [" ".join(prose(rng.randrange(12), rng.choice([3, 40, 120]))) for _ in range(20)]
    for _ in range(30):
        words = rng.choice(texts).split()
        texts.append(edited(words, rng.sample(range(len(words)), min(len(words), rng.randrange(4)))))
    frame = prose(99, 150)
    texts += [" ".join(frame[:80] + prose(1000 + page, 20) + frame[80:]) for page in range(8)]
    texts += ["", "one", rng.choice(texts)]
    rng.shuffle(texts)
    return texts


@given(st.integers(0, 2**32))
@settings(max_examples=30, deadline=None)
def test_parts_one_by_one_keep_what_all_at_once_keep(seed):
    texts = corpus_of(seed)
    rng = random.Random(seed)
    corpus = Corpus(texts)
    pages = [rng.choice([None, f"page{rng.randrange(20)}"]) for _ in texts]
    scopes = [rng.choice(["", "other"]) for _ in texts]
    groups = np.array([scope == "other" for scope in scopes], np.int32)
    whole = corpus.resolve(groups=groups, url_keys=pages)["duplicate_of"].to_numpy(zero_copy_only=False)
    whole = np.where(np.isnan(whole), np.arange(len(texts)), whole).astype(int)
    for ranges, most in ((1, 1000), (8, 2)):
        _, parts = parts_of(corpus, pages, scopes, ranges, most)
        found = np.arange(len(texts))
        for part in parts:
            table = corpus.resolve(rows=part, order=part, groups=groups[part], url_keys=pages)
            other = table["duplicate_of"].to_numpy(zero_copy_only=False)
            gone = ~np.isnan(other)
            found[part[gone]] = part[other[gone].astype(int)]
        assert (found == whole).all()


def test_a_part_holds_whole_components_and_no_more_than_asked_for():
    copies = [" ".join(prose(seed, 60)) for seed in range(40) for _ in range(1 + seed % 5)]
    parent, parts = parts_of(Corpus(copies), most=12)
    assert all(len(part) <= 12 for part in parts)
    where = {document: number for number, part in enumerate(parts) for document in part.tolist()}
    for document, first in enumerate(parent.tolist()):
        assert where.get(document) == where.get(first)
    assert len(where) == sum(1 + seed % 5 for seed in range(40) if seed % 5)  # whoever is alone is in no part


def test_a_component_larger_than_a_part_is_one():
    text = " ".join(prose(1, 60))
    _, parts = parts_of(Corpus([text] * 30 + [" ".join(prose(2, 60))] * 2), most=4)
    assert [len(part) for part in parts] == [30, 2]


def test_a_band_in_common_ties_nobody_whose_signatures_say_that_they_differ():
    """Or in a large corpus everything would hang together, through pairs with a little in common."""
    frame = prose(0, 100)
    pages = [" ".join(frame + prose(1 + page, 100)) for page in range(60)]  # a third of the 5-grams in common
    corpus = Corpus(pages)
    _, tied = parts_of(corpus)
    _, nominated = parts_of(corpus, least=0, most=1000)
    assert [len(part) for part in nominated] == [12]
    assert not tied


def test_signatures_are_asked_for_some_buckets_at_a_time(monkeypatch):
    corpus = Corpus(corpus_of(5))
    whole, _ = parts_of(corpus)
    for chunk in (1, 5, 60):
        monkeypatch.setattr(links, "CHUNK", chunk)
        some, _ = parts_of(corpus)
        assert (some == whole).all()


def test_a_large_bucket_is_tied_as_a_whole():
    frame = prose(0, 1000)
    pages = [" ".join(frame + prose(1 + page, 60)) for page in range(BUCKET_KEPT + 20)]
    _, parts = parts_of(Corpus(pages), most=5)
    assert [len(part) for part in parts] == [len(pages)]


def test_documents_of_two_scopes_are_not_tied():
    text = " ".join(prose(1, 60))
    _, parts = parts_of(Corpus([text] * 6), scopes=["a", "b"] * 3, most=1)
    assert [part.tolist() for part in parts] == [[0, 2, 4], [1, 3, 5]]


def test_a_document_without_words_has_no_bands():
    corpus = Corpus(["", "", "a b c d e f"])
    key, member = links.links(None, None, [""] * 3, corpus.signatures, NEAR)
    assert set(member.tolist()) == {2}
    assert len(key) == NEAR.bands
    key, member = links.links(None, None, [], corpus.signatures[:0], NEAR)
    assert len(key) == len(member) == 0


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=60))
def test_components_are_those_of_the_graph(pairs):
    first = list(range(31))  # of each node, by going through all edges again and again
    for _ in first:
        for a, b in pairs:
            first[a] = first[b] = min(first[a], first[b])
    parent = np.arange(31)
    columns = np.array(pairs, np.int64).reshape(-1, 2)
    halves = (columns[: len(pairs) // 2], columns[len(pairs) // 2 :])
    links.components(parent, ((np.ascontiguousarray(c[:, 0]), np.ascontiguousarray(c[:, 1])) for c in halves))
    assert parent.tolist() == first


@given(st.lists(st.integers(1, 9), max_size=40), st.integers(1, 20))
def test_parts_are_full_before_the_next_begins(sizes, most):
    part = link_kernels.packed(np.array(sizes, np.int64), most).tolist()
    assert part == sorted(part)
    for number in set(part):
        held = [size for size, p in zip(sizes, part, strict=True) if p == number]
        assert sum(held) <= most or len(held) == 1
        following = [size for size, p in zip(sizes, part, strict=True) if p == number + 1][:1]
        assert not following or sum(held) + following[0] > most


@pytest.mark.parametrize("num_perm", [64, 128, 256])
def test_signatures_of_a_pair_at_the_threshold_agree_in_enough_places(num_perm):
    least = banding.least_matches(NEAR, num_perm)
    drawn = np.random.default_rng(1).binomial(num_perm, NEAR.min_similarity, 200_000)
    assert (drawn < least).mean() < 3e-4
    assert banding.least_matches(DuplicateParams(measure="containment"), num_perm) == 0


def test_bands_that_agree_are_counted():
    rng = np.random.default_rng(0)
    signatures = rng.integers(0, 2**32, (2, 128), np.uint32)
    others = signatures.copy()
    others[0, 5] += 1  # band 0
    others[1, [6, 11, 12, 127]] += 1  # band 1 twice, band 2; the last value is in no band
    assert banding.bands_hit(signatures, others, NEAR).tolist() == [20, 19]


def test_numbers_that_are_read_in_a_file_have_their_room_on_the_disk(tmp_path, monkeypatch):
    """A hole that finds none when it is filled through the map ends the process, with no error to be told."""
    monkeypatch.setattr(dedup_links, "FILL_ENTRIES", 1000)
    found = dedup_links.numbered(tmp_path / "numbers", 100_500)
    assert (found == np.arange(100_500)).all()
    assert (tmp_path / "numbers").stat().st_size == 8 * 100_500


def test_a_file_of_numbers_that_finds_no_room_is_an_error_to_be_told(tmp_path):
    with pytest.raises(OSError, match="No space left") as raised:
        dedup_links.numbered(Path("/dev/full"), 10_000)
    assert disk_full(raised.value)
