"""Verified pairs are found again whatever the order, the number of files, and who else writes; never a wrong one."""

import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import time

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gristmill.curation.dedup import pair_cache
from gristmill.curation.documents import content_hash


def hashes(rng, n):
    return rng.integers(0, 1 << 63, (n, 2), dtype=np.uint64)


def test_content_hashes_become_two_numbers_each():
    text = content_hash("one two")
    (pair,) = pair_cache.halves(pa.array([text])).tolist()
    assert f"{pair[0]:016x}{pair[1]:016x}" == text
    assert pair_cache.halves(pa.array([], pa.string())).shape == (0, 2)


def test_nothing_is_known_of_a_folder_that_is_not_there(tmp_path):
    a = hashes(np.random.default_rng(1), 3)
    assert np.isnan(pair_cache.known(tmp_path / "none", a, a[::-1], "jaccard")).all()
    assert pair_cache.count(tmp_path / "none") == {}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_what_was_added_is_known_both_ways_round_and_nothing_else(tmp_path_factory, data):
    where = tmp_path_factory.mktemp("pairs")
    number = st.integers(0, 3)  # few texts: pairs repeat, and share first halves
    pairs = data.draw(st.lists(st.tuples(number, number, number, number), max_size=30))
    truth = {}
    similarity = [hash(frozenset([(a, b), (c, d)])) % 1000 / 1000 for a, b, c, d in pairs]
    cut = data.draw(st.integers(0, len(pairs)))
    for some in (slice(0, cut), slice(cut, None)):
        rows = np.array(pairs, np.uint64).reshape(-1, 4)[some]
        pair_cache.add(where, rows[:, :2], rows[:, 2:], np.array(similarity[some]), "jaccard")
        truth |= {frozenset([(a, b), (c, d)]): s for (a, b, c, d), s in zip(pairs[some], similarity[some], strict=True)}
    if data.draw(st.booleans()) and pairs:
        pair_cache.merge(where, "jaccard")
    every = np.array([(a, b, c, d) for a in range(4) for b in range(4) for c in range(4) for d in range(4)], np.uint64)
    found = pair_cache.known(where, every[:, 2:], every[:, :2], "jaccard")
    expected = [truth.get(frozenset([(a, b), (c, d)]), np.nan) for a, b, c, d in every.tolist()]
    np.testing.assert_array_equal(found, expected)
    assert np.isnan(pair_cache.known(where, every[:, :2], every[:, 2:], "containment")).all()


def test_halves_of_a_digest_that_are_equal_by_accident_do_not_mix_pairs(tmp_path, monkeypatch):
    rng = np.random.default_rng(2)
    a, b, similarity = hashes(rng, 500), hashes(rng, 500), rng.random(500)
    whole = pair_cache._digests
    monkeypatch.setattr(pair_cache, "_digests", lambda *pair: (whole(*pair)[0] % 7, whole(*pair)[1]))
    pair_cache.add(tmp_path, a, b, similarity, "jaccard")
    np.testing.assert_array_equal(pair_cache.known(tmp_path, b, a, "jaccard"), similarity)
    assert np.isnan(pair_cache.known(tmp_path, a, a, "jaccard")).all()


def test_containment_of_a_in_b_says_nothing_of_b_in_a(tmp_path):
    a, b = hashes(np.random.default_rng(1), 4), hashes(np.random.default_rng(2), 4)
    pair_cache.add(tmp_path, a, b, np.ones(4), "containment")
    assert (pair_cache.known(tmp_path, a, b, "containment") == 1).all()
    assert np.isnan(pair_cache.known(tmp_path, b, a, "containment")).all()


def test_files_are_merged_when_there_are_many_and_stay_apart_when_large(tmp_path, monkeypatch):
    monkeypatch.setattr(pair_cache, "MAX_PAIRS", 500)
    rng = np.random.default_rng(3)
    a, b, similarity = hashes(rng, 2_000), hashes(rng, 2_000), rng.random(2_000)
    for start in range(0, 2_000, 20):
        some = slice(start, start + 20)
        pair_cache.add(tmp_path, a[some], b[some], similarity[some], "jaccard")
        assert len(list((tmp_path / "jaccard").glob("*.arrow"))) <= pair_cache.MAX_FILES + 1
    np.testing.assert_array_equal(pair_cache.known(tmp_path, a, b, "jaccard"), similarity)
    assert pair_cache.count(tmp_path) == {"jaccard": 2_000}
    rows = [pa.ipc.open_file(pa.memory_map(str(p))).get_batch(0).num_rows for p in tmp_path.rglob("[!.]*.arrow")]
    assert max(rows) <= 500


def test_a_pair_that_two_added_is_one_after_a_merge(tmp_path):
    a, b = hashes(np.random.default_rng(4), 10), hashes(np.random.default_rng(5), 10)
    for first, second in ((a, b), (b, a)):
        pair_cache.add(tmp_path, first, second, np.full(10, 0.25), "jaccard")
    pair_cache.merge(tmp_path, "jaccard")
    assert pair_cache.count(tmp_path) == {"jaccard": 10}
    assert len(list((tmp_path / "jaccard").glob("*.arrow"))) == 1


def test_a_damaged_file_is_passed_over_and_goes_with_the_next_merge(tmp_path):
    rng = np.random.default_rng(6)
    a, b = hashes(rng, 5), hashes(rng, 5)
    for some in (slice(0, 2), slice(2, 5)):
        pair_cache.add(tmp_path, a[some], b[some], np.full(5, 0.5)[some], "jaccard")
    (tmp_path / "jaccard" / "0.arrow").write_bytes(b"ARROW1 cut off")
    (tmp_path / "jaccard" / "1.arrow").write_bytes(b"")
    assert (pair_cache.known(tmp_path, a, b, "jaccard") == 0.5).all()
    pair_cache.merge(tmp_path, "jaccard")
    assert len(list((tmp_path / "jaccard").glob("*.arrow"))) == 1
    assert (pair_cache.known(tmp_path, a, b, "jaccard") == 0.5).all()


def _add_many(where, seed):
    rng = np.random.default_rng(seed)
    for _ in range(30):
        pair_cache.add(where, hashes(rng, 10), hashes(rng, 10), rng.random(10), "jaccard")


def test_processes_that_add_and_merge_at_once_lose_no_pair(tmp_path):
    workers = [multiprocessing.get_context("fork").Process(target=_add_many, args=(tmp_path, s)) for s in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0] * 4
    for seed in range(4):
        rng = np.random.default_rng(seed)
        for _ in range(30):
            a, b, similarity = hashes(rng, 10), hashes(rng, 10), rng.random(10)
            np.testing.assert_array_equal(pair_cache.known(tmp_path, a, b, "jaccard"), similarity)


def test_a_process_killed_while_it_adds_harms_nobody(tmp_path):
    code = (
        "import sys, pathlib, numpy as np\n"
        "from gristmill.curation.dedup import pair_cache\n"
        "rng = np.random.default_rng(7)\n"
        "while True:\n"
        "    a, b = (rng.integers(0, 1 << 63, (20_000, 2), dtype=np.uint64) for _ in range(2))\n"
        "    pair_cache.add(pathlib.Path(sys.argv[1]), a, b, np.full(20_000, 0.5), 'jaccard')\n"
        "    print('added', flush=True)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True) as child:
        for _ in range(3):
            child.stdout.readline()
        time.sleep(0.01)
        os.kill(child.pid, signal.SIGKILL)
    rng = np.random.default_rng(7)
    for _ in range(3):
        a, b = hashes(rng, 20_000), hashes(rng, 20_000)
        assert (pair_cache.known(tmp_path, a, b, "jaccard") == 0.5).all()
    pair_cache.add(tmp_path, a, a, np.ones(20_000), "jaccard")
    assert (pair_cache.known(tmp_path, a, a, "jaccard") == 1).all()


def test_a_file_that_cannot_grow_is_an_error_with_its_place_and_leaves_nothing_behind(tmp_path):
    rng = np.random.default_rng(8)
    a, b = hashes(rng, 1_000), hashes(rng, 1_000)
    pair_cache.add(tmp_path, a[:10], b[:10], np.full(10, 0.5), "jaccard")
    before = sorted(p.name for p in (tmp_path / "jaccard").iterdir())

    def limited():
        resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        try:
            pair_cache.add(tmp_path, a, b, np.ones(1_000), "jaccard")
        except OSError as error:
            os._exit(7 if str(tmp_path) in str(error) else 8)
        os._exit(9)

    child = os.fork()
    if not child:
        limited()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    assert sorted(p.name for p in (tmp_path / "jaccard").iterdir()) == before
    assert (pair_cache.known(tmp_path, a[:10], b[:10], "jaccard") == 0.5).all()


@pytest.mark.parametrize("other", [("ngram_words", 6), ("version", 2)])
def test_pairs_of_other_shingles_are_elsewhere(tmp_path, monkeypatch, other):
    here = pair_cache.folder(tmp_path, 5)
    if other[0] == "version":
        monkeypatch.setattr(pair_cache.minhash, "VERSION", other[1])
        assert pair_cache.folder(tmp_path, 5) != here
    else:
        assert pair_cache.folder(tmp_path, other[1]) != here
