"""Text of a benchmark is found wherever it stands, and text that is not in it is left alone."""

import gzip
import io
import itertools
import json
import pickle
import random
import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import bench_decontaminate as bench
from benchmarks.bench_decontaminate import REFORMATTED
from gristmill.curation import benchmark_index, decontaminate
from gristmill.curation.decontaminate import DecontaminateParams, Hit, build_index, find, judge
from gristmill.curation.documents import UnreadableFile
from gristmill.curation.letters import letters, without_noise

QUESTION = (
    "Janet's ducks lay 16 eggs per day. She eats three for breakfast every morning and bakes muffins for her friends "
    "every day with four. How much does she make?"
)
OTHER = "A robe takes two bolts of blue fiber and half that much white fiber, so how many bolts does it take in total?"
SHORT = "What is the capital of the smallest Alpine country?"
CHINESE = "珍妮的鸭子每天下十六个蛋，她每天早上吃三个当早餐，并为朋友们烤松饼。"
CLEAN = "The mill stood by the river, and nobody in the village could remember who had built it or when it was built. "


def benchmark(*questions: str, **fields) -> io.BytesIO:
    return io.BytesIO("\n".join(json.dumps({"id": "x-1", "question": q, **fields}) for q in questions).encode())


INDEX = build_index([("eval/a.jsonl", benchmark(QUESTION, OTHER, SHORT, CHINESE))])


def words(text: str) -> list[str]:
    found = letters(without_noise(text))
    borders = [*found.word.tolist(), len(found.code)]
    return ["".join(map(chr, found.code[a:b])) for a, b in itertools.pairwise(borders)]


def leaked(text: str, index=INDEX) -> list[str]:
    return [text[p.start : p.end] for p in find([text], index)[0].passages]


def test_a_leaked_question_is_found_with_its_place_and_origin():
    text = f"{CLEAN}“{QUESTION}” {CLEAN}"
    (hit,) = find([text], INDEX)
    (passage,) = hit.passages
    assert text[passage.start : passage.end] == QUESTION + "”"
    assert (passage.benchmark, passage.item) == ("eval/a.jsonl", 0)
    assert (hit.leaked, hit.words) == (len(words(QUESTION)), len(words(text)))


@pytest.mark.parametrize(
    "changed",
    [
        QUESTION.upper(),
        QUESTION.replace("'", "’").replace(".", " --"),
        QUESTION.replace(" ", "\n  "),
        "".join(f"*{word}* " for word in QUESTION.split()).strip(),
    ],
)
def test_case_and_punctuation_do_not_hide_it(changed):
    assert "".join(words(leaked(CLEAN + changed)[0])) == "".join(words(QUESTION))


def test_a_changed_word_hides_only_itself():
    text = QUESTION.replace("morning", "evening")
    assert leaked(text + " " + CLEAN) == [text]  # 13 words before it match, and 13 after
    eleven, twelve = (" ".join(QUESTION.split()[:count]) for count in (11, 12))  # "Janet's" is two words
    assert leaked(eleven + " " + CLEAN) == []
    assert leaked(twelve + " " + CLEAN) == [twelve]


def test_two_items_are_two_passages():
    hit = find([f"{QUESTION} {OTHER}"], INDEX)[0]
    assert [passage.item for passage in hit.passages] == [0, 1]
    assert hit.leaked == hit.words


def test_a_short_question_matches_as_a_whole_and_its_answers_do_not():
    assert leaked(f"{CLEAN}{SHORT} {CLEAN}") == [SHORT]
    assert leaked(SHORT.replace("Alpine", "alpine")) == [SHORT.replace("Alpine", "alpine")]
    assert leaked(SHORT.removesuffix(" Alpine country?")) == []
    index = build_index([("a.jsonl", benchmark(SHORT, choices=["an increase in the price of a good or service"]))])
    assert leaked("There was an increase in the price of a good or service.", index) == []


def test_a_short_question_is_found_by_eight_of_its_words():
    question = "Which river turned the largest wheel of the grist mill in town?"
    index = build_index([("a.jsonl", benchmark(question))])
    for start in range(5):
        part = " ".join(question.split()[start : start + 8])
        assert leaked(f"{CLEAN}{part} {CLEAN}", index) == [part]
    assert leaked(" ".join(question.split()[:7]), index) == []
    inserted = question.replace("river", "mighty river")
    assert leaked(inserted, index) == [inserted.removeprefix("Which mighty ")]


def test_eight_words_that_several_short_questions_share_do_not_condemn():
    names = ("Mercury", "Venus", "Mars", "Jupiter")
    questions = [f"Which of the following is the best description of {name}?" for name in names]
    index = build_index([("a.jsonl", benchmark(*questions))])
    assert leaked("Which of the following is the best description of a mill?", index) == []
    assert leaked(questions[2], index) == [questions[2]]


def test_scripts_without_spaces_and_marks():
    assert leaked("前言。" + CHINESE + "后记。") == [CHINESE]
    hindi = "जेनेट की बत्तखें हर दिन सोलह अंडे देती हैं और वह हर सुबह तीन अंडे खाती है और बाकी बेचती है"
    assert len(words(hindi)) == len(hindi.split())
    index = build_index([("h.jsonl", benchmark(hindi))])
    assert leaked(hindi, index) == [hindi]
    accents = "Où était l'élève français quand le garçon a découvert que la forêt avait brûlé près de l'étang?"
    index = build_index([("f.jsonl", benchmark(accents))])
    assert leaked(unicodedata.normalize("NFD", accents), index) == [unicodedata.normalize("NFD", accents)]


def test_prompts_that_a_benchmark_repeats_do_not_condemn():
    prompt = "Answer the following multiple choice question and finish the last line of your response with the letter."
    index = build_index([("p.jsonl", benchmark(*(f"{prompt} Number {n}: {OTHER[n:]}" for n in range(40))))])
    assert leaked(prompt + " " + CLEAN, index) == []
    assert leaked(OTHER, index) != []


def test_a_passage_of_many_questions_is_no_prompt():
    rows = [{"context": QUESTION, "question": f"Question number {n} of many?"} for n in range(50)]
    index = build_index([("s.json", io.BytesIO(json.dumps(rows).encode()))])
    assert leaked(QUESTION, index) == [QUESTION]


def test_numbers_and_letters_alone_do_not_condemn():
    numbers = " ".join(map(str, range(1, 32)))
    letters = " ".join("abcdefghijklmnopqrstuvwxyz")
    index = build_index([("n.jsonl", benchmark(numbers, letters, OTHER))])
    assert leaked(f"{numbers} {letters}", index) == []


def test_judge_drops_what_is_leaked_for_the_greater_part():
    hits = [Hit(100, 0, ()), Hit(100, 50, ()), Hit(100, 51, ()), Hit(0, 0, ())]
    verdicts = judge(hits, DecontaminateParams(against=("a.jsonl",), max_overlap=0.5))
    assert verdicts["rule"].to_pylist() == [None, None, "decontaminate.overlap", None]
    assert verdicts["value"].to_pylist() == [None, None, 0.51, None]
    assert verdicts["threshold"].to_pylist() == [None, None, 0.5, None]


def test_an_index_can_be_sent_to_another_process():
    assert find([QUESTION, CLEAN], pickle.loads(pickle.dumps(INDEX))) == find([QUESTION, CLEAN], INDEX)


def test_pieces_and_batches_do_not_change_the_result(monkeypatch):
    texts = [CLEAN * 3 + QUESTION + CLEAN, "", SHORT + CLEAN, OTHER + CHINESE, CLEAN]
    expected = find(texts, INDEX)
    assert [bool(hit.passages) for hit in expected] == [True, False, True, True, False]
    for size in (40, 57, 90, 400):
        monkeypatch.setattr(decontaminate, "PIECE", size)
        monkeypatch.setattr(decontaminate, "OVERLAP", 300)
        assert find(texts, INDEX) == expected
    assert find([], INDEX) == []


@given(st.lists(st.sampled_from([*QUESTION.split(), *OTHER.split()[:6], "mill", "río", "漢"]), max_size=60))
def test_every_window_of_the_benchmark_is_found_and_no_other(found_words):
    text = " ".join(found_words)
    (hit,) = find([text], INDEX)
    grams = {tuple(ws[i : i + 13]) for ws in map(words, (QUESTION, OTHER)) for i in range(len(ws) - 12)}
    ws = words(text)
    assert bool(hit.passages) == any(tuple(ws[i : i + 13]) in grams for i in range(len(ws) - 12))
    assert hit.words == len(ws)


@given(st.integers(0, 10_000), st.integers(0, 20), st.integers(0, 20))
def test_a_leak_among_other_words_is_cut_out_exactly(seed, before, after):
    others = [f"w{n}" for n in np.random.default_rng(seed).integers(0, 1000, before + after)]
    text = " ".join([*others[:before], QUESTION, *others[before:]])
    (passage,) = find([text], INDEX)[0].passages
    assert text[passage.start : passage.end] == QUESTION


def test_hashes_of_equal_stretches_are_equal():
    code = np.array([1, 2, 3, 4, 5, 1, 2, 3, 4, 6], np.uint32)
    sums = benchmark_index.prefix_sums(code)
    for length in (1, 2, 3, 4):
        start = np.arange(len(code) - length + 1)
        found = benchmark_index.spans_hash(sums, start, length)
        assert found[0] == found[5]
        assert len(set(found.tolist())) == len({tuple(code[i : i + length].tolist()) for i in start})


def test_a_file_without_items_is_refused_by_name():
    with pytest.raises(UnreadableFile, match=r"benchmark x\.jsonl: no text of 8 words or more"):
        build_index([("a.jsonl", benchmark(QUESTION)), ("x.jsonl", benchmark("too short"))])
    with pytest.raises(UnreadableFile, match=r"benchmark x\.jsonl: line 1 is not JSON"):
        build_index([("x.jsonl", io.BytesIO(b"{'a': 1}"))])


@pytest.mark.parametrize(("field", "value"), [("ngram_words", 5), ("ngram_words", 1000), ("max_overlap", 50)])
def test_impossible_parameters_are_refused(field, value):
    with pytest.raises(ValueError, match=field):
        DecontaminateParams(against=("a.jsonl",), **{field: value})


@pytest.mark.parametrize("way", REFORMATTED)
def test_a_reformatted_question_is_found(way):
    for question in (QUESTION, OTHER):
        copy = REFORMATTED[way](question, random.Random(1))
        assert find([f"{CLEAN}\n{copy}\n{CLEAN}"], INDEX)[0].passages, copy


def test_the_field_of_an_item_and_its_share_are_told():
    index = build_index([("q.jsonl", benchmark(QUESTION, answer={"long": OTHER}))])
    (passage,) = find([" ".join([CLEAN, *OTHER.split()[:16], CLEAN])], index)[0].passages
    assert (passage.field, passage.words, passage.field_words) == ("answer.long", 16, 23)


def test_every_item_that_a_passage_stands_in_is_named():
    shared = "Read what the old miller wrote about the river, the wheel and the long dry summer before you answer. "
    index = build_index([("s.jsonl", benchmark(shared + "Who wrote it?", shared + "When was it written?"))])
    hit = find([CLEAN + shared + CLEAN], index)[0]
    assert [passage.item for passage in hit.passages] == [0, 1]
    assert len(hit.cuts) == 1
    assert hit.leaked == len(words(shared))


def test_what_cannot_be_found_is_counted():
    numbers = " ".join(map(str, range(40)))
    index = build_index([("c.jsonl", benchmark(QUESTION, "Why not?", numbers))])
    assert index.coverage == {"c.jsonl": benchmark_index.Coverage(items=3, short=1, common=1)}


ECCLESIA = {
    "id": "food/7",
    "question": "An ecclesia is:",
    "choices": ["a church at the coast", "the assembly of citizens", "any sort of white cheese", "a ship with oars"],
    "answer": "B",
}
"""An item all of whose strings are shorter than 8 words."""


@pytest.mark.parametrize(
    "copied",
    [
        "An ecclesia is:\na church at the coast\nthe assembly of citizens\nany sort of white cheese\na ship with oars",
        "An ecclesia is:\nA. a church at the coast\nB. the assembly of citizens\nC. any sort of white cheese\nD. a ship with oars",
        "AN ECCLESIA IS (A) a church at the coast (B) the assembly of citizens (C) any sort of white cheese (D) a ship with oars",
    ],
)
def test_an_item_of_short_strings_is_found_as_a_whole(copied):
    index = build_index([("g.jsonl", io.BytesIO(json.dumps(ECCLESIA).encode()))])
    assert index.coverage == {"g.jsonl": benchmark_index.Coverage(items=1, short=0, common=0)}
    [hit] = find([CLEAN + copied + "\n" + CLEAN], index)
    assert {passage.field for passage in hit.passages} == {"question-choices.3"}
    [cut] = hit.cuts
    assert hit.leaked >= 19
    assert cut[1] - cut[0] >= len(copied) - 4
    for part in [ECCLESIA["question"], *ECCLESIA["choices"], "An ecclesia is: the assembly of citizens"]:
        assert leaked(CLEAN + part + " " + CLEAN, index) == []


def test_labels_of_items_are_in_no_copy():
    question = "Which {0} of {0} is {0}?"
    rows = [question.format(f"sea{n}") + f",biology,first {n} here,second {n} there,third {n} now,A" for n in range(20)]
    index = build_index([("s.csv", io.BytesIO("\n".join(rows).encode()))])
    copied = "Which sea4 of sea4 is sea4?\nfirst 4 here\nsecond 4 there\nthird 4 now"
    assert leaked(CLEAN + copied + "\n" + CLEAN, index) == [copied]


def test_a_short_sum_and_its_choices_are_no_leak():
    rows = b"A question that is long enough to be found,x\nWhat is 3 + 4?,5,6,7,8,C"
    index = build_index([("n.csv", io.BytesIO(rows))])
    assert leaked("What is 3 + 4? 5 6 7 8", index) == []
    assert index.coverage["n.csv"].common == 1


def test_sums_match_as_a_whole():
    sums = "70 - 30 = 40 coins and 70 + 40 = 110 and 110 - 7 = 103 and 103 * 2 = 206"
    index = build_index([("n.jsonl", benchmark(sums))])
    assert leaked(CLEAN + sums + " " + CLEAN, index) == [sums]
    assert leaked(sums.replace("206", "207"), index) == []


@pytest.fixture(scope="module")
def real_index(samples):
    names = ("HumanEval.jsonl.gz", "gsm8k-test.jsonl", "mmlu-test.tar.gz")
    return build_index([(name, open(samples / "eval" / name, "rb")) for name in names])


def test_real_questions_are_found_in_a_page(samples, real_index):
    rows = [json.loads(line) for line in open(samples / "eval" / "gsm8k-test.jsonl", encoding="utf-8")]
    questions = [row["question"] for row in rows if len(words(row["question"])) >= 13]
    hits = find([CLEAN * 5 + question + CLEAN * 5 for question in questions], real_index)
    assert sum(bool(hit.passages) for hit in hits) == len(questions)
    found = [hit.leaked / len(words(question)) for hit, question in zip(hits, questions, strict=True)]
    assert np.mean(found) > 0.99


@pytest.mark.slow
def test_planted_items_are_found_however_they_are_copied(samples, real_index):
    """The smaller version of `make bench-decontaminate`."""
    items = bench.benchmark_items(samples / "eval")
    news = (samples / "dedup-labels" / "minhash-articles_1000.train").read_text("utf-8").splitlines()
    rows = bench.recall(items, [text for text in news if len(text) > 300], real_index, most=60, seed=5)
    for kind in ("verbatim", "reformatted"):
        here = [row for row in rows if row["kind"] == kind]
        missed = [text for row in here for text in row["missed"]]
        assert sum(row["found"] for row in here) >= 0.99 * sum(row["planted"] for row in here), missed
    edited = [row for row in rows if row["kind"] == "edited"]
    assert sum(row["found"] for row in edited) >= 0.7 * sum(row["planted"] for row in edited)


@pytest.mark.slow
def test_old_and_foreign_texts_are_clean(samples, real_index):
    """Sentences of 79 languages, and mail of 2005 to 2020 that is older than the benchmarks: no hit in them."""
    sentences = gzip.open(samples / "langid" / "lingua-sentences.tsv.gz", "rt", encoding="utf-8").read().split("\n")
    mail = [
        gzip.open(path, "rt", encoding="latin-1").read()
        for path in sorted((samples / "forum" / "mailinglist").glob("r-*.txt.gz"))
    ]
    clean = sentences + [text for _, text in bench.pieces([("mail", text) for text in mail], 30)]
    assert len(clean) > 100_000
    assert [hit.passages for hit in find(clean, real_index) if hit.passages] == []


def test_clean_books_and_news_are_left_alone(samples, real_index):
    books = [path.read_text("utf-8", "replace") for path in sorted((samples / "books").glob("pg*.txt"))[:12]]
    news = (samples / "dedup-labels" / "minhash-articles_1000.train").read_text("utf-8").splitlines()
    hits = find(books + news, real_index)
    # One true quotation is left: Machiavelli, whom MMLU's world history quotes.
    assert [passage.item for hit in hits for passage in hit.passages] in ([117], [])
    assert not [hit for hit in hits[len(books) :] if hit.passages]
