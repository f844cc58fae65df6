"""What is removed beside what truly repeats: on labelled samples, and on real documents with edited copies among them.

The truth is worked out by `benchmarks/planted_duplicates.py` in plain Python. What a run did is read from its ledger.
"""

import json
import random
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from benchmarks import planted_duplicates as planted
from benchmarks.dedup_scale import resident
from gristmill.curation import duplicates, minhash
from gristmill.curation.dedup.banding import DuplicateParams
from gristmill.curation.documents import ReadOptions, content_hash
from gristmill.curation.ledger import read_ledger
from gristmill.curation.minhash import SignatureParams
from gristmill.curation.word_hashes import word_hashes
from gristmill.manifests import dedup_links, units
from tests.manifests.test_run import go

SIGNATURE, NEAR = SignatureParams(), DuplicateParams()
LEAST = NEAR.min_similarity

MANIFEST = """\
name: truth
sources:
  texts: {{kind: text, paths: {paths}, filters: []}}
curate: {{languages: null, dedup: {{{dedup}}}}}
"""


def shingle_sets(texts):
    hashes, offsets = minhash.shingles(*word_hashes(pa.array(texts, pa.large_string())), SIGNATURE.ngram_words)
    return hashes, offsets


def resolve(texts, params=NEAR, exact=True, signatures=None):
    """`duplicates.resolve` over texts, the earlier ones preferred: the row that each repeats, itself for a kept one."""
    hashes, offsets = shingle_sets(texts)
    result = duplicates.resolve(
        [content_hash(text) for text in texts],
        minhash.signatures(hashes, offsets, SIGNATURE) if signatures is None else signatures,
        np.arange(len(texts)),
        np.zeros(len(texts), np.int32),
        lambda rows: [hashes[offsets[row] : offsets[row + 1]] for row in rows],
        params,
        exact,
    )
    keeper = result["duplicate_of"].to_pylist()
    return [row if other is None else other for row, other in enumerate(keeper)], result["similarity"].to_pylist()


def write(root: Path, files, dedup=""):
    """A manifest over files of texts: name -> JSON lines."""
    root.mkdir(exist_ok=True)
    for name, lines in files.items():
        (root / name).write_text("".join(lines))
    (root / "truth.yaml").write_text(MANIFEST.format(paths=json.dumps(list(files)), dedup=dedup))
    return root


def run(root: Path, workers=1):
    """The ledger of a run up to `shards`, and the texts in the shards."""
    go(root / "truth.yaml", root, workers, until="shards")
    return outcome(root)


def outcome(root: Path):
    ledger = read_ledger(root / "runs/truth/ledger", ["id", "locator", "status", "rule", "value", "duplicate_of"])
    kept = []
    for path in sorted((root / "runs/truth/shards").rglob("*.arrow")):
        with pa.memory_map(str(path)) as file:
            kept += pa.ipc.open_file(file).read_all()["text"].to_pylist()
    return ledger.to_pylist(), kept


def lines_of(texts):
    return [json.dumps({"text": text}) + "\n" for text in texts]


def decided(root: Path, texts, pieces=3):
    """As `resolve`, by a whole run over a few files of texts."""
    files, number = {}, {}
    for piece in range(pieces):
        name = f"{piece}.jsonl"
        files[name] = lines_of(texts[piece::pieces])
        starts = np.cumsum([0, *map(len, files[name])])  # a locator ends in where its line starts
        number |= {f"{name}#{start}": piece + pieces * place for place, start in enumerate(starts[:-1].tolist())}
    ledger, kept = run(write(root, files))
    number = {row["id"]: number[row["locator"]] for row in ledger}
    keeper, value = list(range(len(texts))), [None] * len(texts)
    for row in ledger:
        if row["status"] == "dropped":
            assert row["rule"] in ("dedup.exact", "dedup.near")
            keeper[number[row["id"]]] = number[row["duplicate_of"]]
            value[number[row["id"]]] = row["value"]
    there = (texts[row] for row, other in enumerate(keeper) if row == other)
    assert sorted(text.split() for text in kept) == sorted(text.split() for text in there)  # readers tidy white space
    return keeper, value


def check(texts, keeper, value):
    """Recall and precision as promised, and every similarity on record is the true one.

    Near enough where texts have a few letters that plain Python tells apart otherwise.
    """
    pairs = planted.similar_pairs(texts, LEAST)
    kept = {row for row, other in enumerate(keeper) if row == other}
    found = planted.judged(pairs, kept, len(texts))
    assert found.pairs > 0.5 * len(texts) / 4
    assert found.recall >= 0.98, [texts[number][:80] for pair in found.missed[:3] for number in pair]
    assert found.precision >= 0.99, found.wrong
    for row, other in enumerate(keeper):
        if row != other:
            assert other in kept
            true = planted.similarity(planted.shingles(texts[row]), planted.shingles(texts[other]))
            assert true >= LEAST - 0.005
            assert value[row] == pytest.approx(true, abs=0.005)
    return found


def news(samples):
    lines = (samples / "dedup-labels" / "minhash-articles_1000.train").read_text("utf-8").splitlines()
    return dict(line.split(" ", 1) for line in lines)


def real_texts(samples, each=150):
    """News, pages of Wikipedia, pieces of books and files of code, of 60 to 3,000 words."""
    from gristmill.curation import books, code, wikipedia

    found = list(news(samples).values())[:each]
    for read, pattern in ((wikipedia.read, "wikipedia/enwiki*.bz2"), (code.read, "code/*.tar.gz")):
        some = []
        for path in sorted(samples.glob(pattern)):
            with path.open("rb") as stream:
                records = read(stream, path.name, ReadOptions())
                texts = (record.text for record in records if hasattr(record, "text"))
                some += [text for text in texts if 60 <= len(text.split()) <= 3000]
        found += random.Random(1).sample(some, min(each, len(some)))
    for path in sorted(samples.glob("books/pg*.txt"))[: each // 10]:
        with path.open("rb") as stream:
            text = next(
                record.text for record in books.read(stream, path.name, ReadOptions()) if hasattr(record, "text")
            )
        words = text.split(" ")
        found += [" ".join(words[place : place + 400]) for place in range(2000, 6000, 400)]
    return found


# --- the truth itself ------------------------------------------------------------------------------------------------


def test_plain_python_sees_the_same_shingles(samples):
    texts = [
        *list(news(samples).values())[:60],
        *planted.library_texts(at_most=60),
        "",
        "?!",
        "one, two",
        "A_b __c 1,000.5",
    ]
    hashes, offsets = shingle_sets(texts)
    for number, text in enumerate(texts):
        ours = set(hashes[offsets[number] : offsets[number + 1]].tolist())
        assert len(ours) == len(planted.shingles(text)), text[:200]


def test_no_similar_pair_is_left_out():
    made = planted.plant(planted.library_texts(at_most=40), seed=3)
    sets = [planted.shingles(text) for text in made.texts]
    for at_least in (0.3, 0.8, 1.0):
        every = {
            (a, b): planted.similarity(sets[a], sets[b])
            for b in range(len(sets))
            for a in range(b)
            if planted.similarity(sets[a], sets[b]) >= at_least
        }
        assert planted.similar_pairs(made.texts, at_least) == every


def test_the_same_seed_plants_the_same():
    texts = planted.library_texts(at_most=40)
    assert planted.plant(texts, seed=5) == planted.plant(texts, seed=5)
    assert planted.plant(texts, seed=5).texts != planted.plant(texts, seed=6).texts


# --- edited copies ---------------------------------------------------------------------------------------------------


def test_planted_copies_are_found_and_nothing_else():
    made = planted.plant(planted.library_texts(at_most=150), seed=1)
    check(made.texts, *resolve(made.texts))


def test_a_whole_run_removes_what_is_planted_and_nothing_else(tmp_path):
    made = planted.plant(planted.library_texts(at_most=100), seed=2)
    check(made.texts, *decided(tmp_path, made.texts))


@pytest.mark.slow
@pytest.mark.parametrize("seed", [11, 12])
def test_real_documents_of_every_kind(samples, tmp_path, seed):
    made = planted.plant(real_texts(samples), seed)
    check(made.texts, *decided(tmp_path, made.texts))


@pytest.mark.slow
@pytest.mark.parametrize(("bands", "rows"), [(20, 6), (14, 8), (42, 3)])
def test_whatever_the_bands_nothing_is_removed_wrongly(bands, rows):
    made = planted.plant(planted.library_texts(at_most=300), seed=4)
    keeper, _ = resolve(made.texts, DuplicateParams(bands=bands, rows_per_band=rows))
    pairs = planted.similar_pairs(made.texts, LEAST)
    assert planted.judged(pairs, {row for row, other in enumerate(keeper) if row == other}, len(keeper)).precision == 1


def test_a_chain_of_fifty_edits_does_not_collapse():
    original = " ".join(planted.library_texts(at_most=4))
    for rate, least in ((0.05, 45), (0.01, 10)):
        texts = [original, *planted.chain(original, 50, rate, 7, original.split())]
        keeper, value = resolve(texts)
        kept = {row for row, other in enumerate(keeper) if row == other}
        assert len(kept) >= least
        for row in set(range(len(texts))) - kept:
            true = planted.similarity(planted.shingles(texts[row]), planted.shingles(texts[keeper[row]]))
            assert keeper[row] in kept
            assert value[row] == pytest.approx(true)
            assert true >= LEAST
    assert len(kept) < 51  # 1 % leaves neighbours alike


@pytest.mark.slow
def test_a_whole_run_over_a_chain_of_fifty_edits(tmp_path):
    original = " ".join(planted.library_texts(at_most=4))
    texts = [original, *planted.chain(original, 50, 0.01, 8, original.split())]
    keeper, _ = decided(tmp_path, texts)
    assert 10 < len(set(keeper)) < 51
    for row, other in enumerate(keeper):
        assert planted.similarity(planted.shingles(texts[row]), planted.shingles(texts[other])) >= LEAST


def pages(number, frame_words=150, own_words=80):
    """Pages of one template with different content, similar to each other by 0.42."""
    rng = random.Random(9)
    frame = [f"frame{rng.randrange(5000)}" for _ in range(frame_words)]
    return [planted.framed(frame, [f"w{rng.randrange(20_000)}" for _ in range(own_words)]) for _ in range(number)]


@pytest.mark.slow
@pytest.mark.parametrize("own_words", [25, 80])
def test_ten_thousand_pages_from_one_template_survive(tmp_path, own_words):
    texts = pages(10_000, own_words=own_words)
    assert planted.similarity(*map(planted.shingles, texts[:2])) == pytest.approx(
        0.70 if own_words == 25 else 0.45, abs=0.02
    )
    ledger, kept = run(write(tmp_path, {"pages.jsonl": lines_of(texts)}))
    assert [row["status"] for row in ledger] == ["kept"] * 10_000
    assert sorted(kept) == sorted(texts)


def test_pages_from_one_template_survive_and_their_copies_go():
    texts = pages(400, own_words=40)
    texts += [f"{text} Posted today." for text in texts]
    keeper, _ = resolve(texts)
    assert keeper == [*range(400), *range(400)]


# --- the order of things ---------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_any_order_of_files_and_any_number_of_workers_removes_the_same(tmp_path, monkeypatch):
    made = planted.plant(planted.library_texts(at_most=150), seed=6)
    files = {f"{piece}.jsonl": lines_of(made.texts[piece::7]) for piece in range(7)}
    answers = [run(write(tmp_path / "at once", files))]
    # Every file its own unit, several ranges of keys, many parts: what is done by itself must not tell.
    monkeypatch.setattr(units, "SMALL_BYTES", 0)
    monkeypatch.setattr(dedup_links, "RANGE_LINKS", 2_000)
    monkeypatch.setattr(dedup_links, "PART_DOCUMENTS", 20)
    answers.append(run(write(tmp_path / "apart", dict(reversed(files.items()))), workers=3))
    store = tmp_path / "apart" / "store"
    assert all(len(list((store / step).rglob("record.json"))) > 5 for step in ("links", "edges", "compare"))
    once, apart = ((sorted(map(str, ledger)), sorted(kept)) for ledger, kept in answers)
    assert once == apart
    assert "dedup.near" in str(once)


# --- bad input -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("exact", [True, False])
def test_of_documents_that_are_all_identical_one_stays(exact):
    text = planted.library_texts(at_most=1)[0]
    keeper, value = resolve([text] * 2000, exact=exact)
    assert keeper == [0] * 2000
    assert value == [None] + [1.0] * 1999


def test_texts_without_words_repeat_only_their_equals():
    texts = ["?!", "...", "", "?!", "— —", "one"]
    keeper, _ = resolve(texts)
    assert keeper == [0, 1, 2, 0, 4, 5]
    assert resolve(texts, exact=False)[0] == [0, 1, 2, 3, 4, 5]


def test_texts_with_too_few_words_for_a_shingle_are_compared_by_all_their_words():
    texts = ["one two three", "One, two: THREE!", "one two", "three two one", "one two three four", "two", "Two."]
    keeper, value = resolve(texts)
    assert keeper == [0, 0, 2, 3, 4, 5, 5]
    assert [value[1], value[6]] == [1.0, 1.0]


@pytest.mark.slow
def test_short_texts_and_texts_without_words_in_a_whole_run(tmp_path):
    texts = ["one two three", "One, two: THREE!", "?!", "...", "?!", "three two one"]
    ledger, _ = run(write(tmp_path, {"0.jsonl": lines_of(texts)}))
    assert [row["rule"] for row in ledger if row["status"] == "dropped"].count("dedup.near") == 1
    assert len(ledger) == 6


@pytest.mark.slow
def test_a_million_copies_cost_bounded_time_and_memory(tmp_path):
    text = " ".join(planted.library_texts(at_most=1)[0].split()[:40])
    root = write(tmp_path, {"copies.jsonl": lines_of([text]) * 1_000_000}, "max_removed: 1")
    with open(root / "truth.yaml", "a") as manifest:
        manifest.write("run: {min_kept: 0}\n")  # or the ceilings would stop it, as they should
    words = [Path(sys.executable).parent / "gristmill", "run", "truth.yaml", "--until", "shards", "--workers", "2"]
    largest = 0
    with subprocess.Popen(words, cwd=root) as command:
        while command.poll() is None:
            largest = max(
                largest, *resident(command.pid)
            )  # workers are not the command's to wait for: no rusage has them
            time.sleep(0.1)
    assert command.returncode == 0
    assert largest < 4 << 30
    ledger, kept = outcome(root)
    assert kept == [text]
    assert sum(row["rule"] == "dedup.exact" for row in ledger) == 999_999


def test_a_million_equal_texts_are_decided_at_once():
    number = 1_000_000
    hashes, offsets = shingle_sets(planted.library_texts(at_most=1))
    signature = minhash.signatures(hashes, offsets, SIGNATURE)
    result = duplicates.resolve(
        pa.DictionaryArray.from_arrays(pa.array(np.zeros(number, np.int32)), ["the same"]).cast(pa.string()),
        np.broadcast_to(signature, (number, signature.shape[1])),
        np.arange(number),
        np.zeros(number, np.int32),
        lambda rows: [hashes] * len(rows),
        NEAR,
        exact=True,
    )
    assert result["kept"].to_numpy().sum() == 1
    assert result["cluster_size"][0].as_py() == number


@pytest.mark.slow
def test_a_hundred_thousand_near_copies_end_at_the_first():
    words = planted.library_texts(at_most=1)[0].split()[:60]
    texts = [" ".join([*words[:30], f"number{number}", *words[30:]]) for number in range(100_000)]
    keeper, _ = resolve(texts)
    assert keeper == [0] * 100_000


# --- labelled samples ------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_whole_run_finds_exactly_the_ten_labelled_pairs(samples, tmp_path):
    articles = news(samples)
    names = list(articles)
    keeper, _ = decided(tmp_path, list(articles.values()))
    truth = (samples / "dedup-labels" / "minhash-articles_1000.truth").read_text().splitlines()
    found = {frozenset((names[row], names[other])) for row, other in enumerate(keeper) if row != other}
    assert found == {frozenset(line.split()) for line in truth}


def submissions(samples):
    """Java of five exercises by (exercise, level): level 0 the original, 1 to 6 of disguise, None for other solutions."""
    found = []
    with tarfile.open(samples / "dedup-labels" / "ir-plag-java.tar.gz") as archive:
        for member in archive:
            if member.isfile() and member.name.endswith(".java"):
                parts = member.name.split("/")
                case = parts[1]
                level = {"original": 0, "non-plagiarized": None}.get(parts[2], 0)
                if parts[2] == "plagiarized":
                    level = int(parts[3][1:])
                found.append(((case, level), archive.extractfile(member).read().decode("utf-8", "replace")))
    return found


def test_disguised_java_goes_more_often_than_other_solutions_of_an_exercise(samples):
    labels, texts = zip(*submissions(samples), strict=True)
    sets = [planted.shingles(text) for text in texts]
    gone = {}
    for least in (0.8, 0.5, 0.3):
        keeper, value = resolve(texts, DuplicateParams(bands=42, rows_per_band=3, min_similarity=least))
        for row, other in enumerate(keeper):
            if row != other:
                assert value[row] == pytest.approx(planted.similarity(sets[row], sets[other]))
                assert least < 0.5 or labels[row][0] == labels[other][0]  # never across exercises
        for level in (None, *range(7)):
            mine = [row for row, label in enumerate(labels) if label[1] == level]
            gone[least, level] = sum(keeper[row] != row for row in mine) / len(mine)
        assert np.mean([gone[least, level] for level in range(1, 7)]) > 1.3 * gone[least, None]
    # No word is changed at level 1, but comments are, and files are short: 5-grams see that.
    for level in (None, *range(7)):
        assert gone[0.3, level] >= gone[0.5, level] >= gone[0.8, level]
    assert gone[0.8, None] < 0.05


@pytest.mark.slow
def test_two_files_of_one_book_are_one_and_two_editions_as_their_similarity_says(samples, tmp_path):
    from gristmill.curation import books

    names = ["pg11.txt", "pg11-en_alice.txt", "pg84.txt", "pg42324.txt"]
    texts = []
    for name in names:
        with (samples / "books" / name).open("rb") as stream:
            texts += [record.text for record in books.read(stream, name, ReadOptions()) if hasattr(record, "text")]
    assert len(texts) == 4
    editions = planted.similarity(*map(planted.shingles, texts[2:]))
    keeper, _ = decided(tmp_path, texts)
    assert len({keeper[0], keeper[1]}) == 1
    assert (keeper[2] == keeper[3]) == (editions >= LEAST)
    print("two editions of Frankenstein are similar by", editions)
