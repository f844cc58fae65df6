"""The five steps against repeated passages: what they cut is what comparing everything with everything would cut."""

import random
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gristmill.curation import shards
from gristmill.curation.dedup import passages
from gristmill.manifests import repeat_cuts, repeats
from gristmill.manifests.store import Input, Unit

TEXTS = pa.schema([("id", pa.string()), ("locator", pa.string()), ("text", pa.string())])
VERDICTS = pa.schema([("id", pa.string()), ("rule", pa.string())])

Units = Mapping[tuple[str, str], list[tuple[str, str]]]  # (source, unit) -> (id, text) of its documents


def cuts_of(
    root: Path, units: Units, params: Mapping, levels: Mapping[str, int], partitions: int = 1
) -> dict[str, list]:
    """The cuts of every document by id, by the real steps over files."""
    scope = params.get("scope", "all")
    asked = {kind: params.get(kind) for kind in repeats.KINDS}
    least = {kind: p and {k: v for k, v in p.items() if k.startswith("min_")} for kind, p in asked.items()}
    files: dict[tuple, list[Input]] = {}
    for (source, name), documents in units.items():
        texts = folder(root, "extract", source, name) / "texts.arrow"
        rows = [{"id": i, "locator": f"{name}/{i}", "text": text} for i, text in documents]
        shards.write_batches(texts, TEXTS, [pa.RecordBatch.from_pylist(rows, TEXTS)])
        verdicts = folder(root, "filter", source, name) / "verdicts.arrow"
        shards.write_batches(
            verdicts, VERDICTS, [pa.RecordBatch.from_pylist([{"id": i} for i, _ in documents], VERDICTS)]
        )
        files[source, name] = [as_input(texts, "extract", source, name), as_input(verdicts, "filter", source, name)]

    def run(step, work, source, name, values, inputs) -> Path:
        out = folder(root, step, source, name)
        work(
            Unit(step, name, source, 1, {"scope": scope, "partitions": partitions, **values}, tuple(inputs), {}, {}),
            out,
        )
        return out

    def parts(outs, step, source, name, file) -> list[Input]:
        found = [(part, out / source / name / file) for part, out in outs.items()]
        return [Input(f"{step}/{part}/{source}/{name}/{file}", str(path), "") for part, path in found if path.exists()]

    shared: dict[str, Path] = {}
    if asked["substrings"]:
        outs = {u: run("anchors", repeats.anchors, *u, asked["substrings"], files[u]) for u in units}
        inputs = [as_input(out / "anchors.arrow", "anchors", *u) for u, out in outs.items()]
        for number in range(partitions):
            shared[f"{number}"] = run(
                "shared_anchors", repeats.shared_anchors, None, f"{number}", {"partition": number}, inputs
            )
    outs = {}
    for u in units:
        inputs = [*files[u], *parts(shared, "shared_anchors", *u, "anchors.arrow")]
        outs[u] = run("passages", repeats.find_passages, *u, {**least, "quality": None}, inputs)
    found: dict[str, Path] = {}
    for kind in (kind for kind, p in asked.items() if p):
        inputs = [
            as_input(out / f, "passages", *u) for u, out in outs.items() for f in (f"{kind}.arrow", "documents.arrow")
        ]
        for number in range(partitions):
            values = {"kind": kind, "partition": number, "params": asked[kind], "quality": False, "levels": levels}
            found[f"{kind}-{number}"] = run("repeats", repeats.find_repeats, None, f"{kind}-{number}", values, inputs)
    result: dict[str, list] = {i: [] for documents in units.values() for i, _ in documents}
    for u in units:
        out = run("cuts", repeat_cuts.cut, *u, least, [files[u][0], *parts(found, "repeats", *u, "repeats.arrow")])
        for row in pq.read_table(out / "repeats.parquet").to_pylist():
            result[row["id"]].append(row)
    return result


def folder(root: Path, step: str, source: str | None, name: str) -> Path:
    path = root / step / f"{source}-{name}"
    path.mkdir(parents=True)
    return path


def as_input(path: Path, step: str, source: str, name: str) -> Input:
    return Input(f"{step}/{source}/{name}/{path.name}", str(path), "")


def tried(
    units: Units, params: Mapping, levels: Mapping[str, int] | None = None, partitions: int = 1
) -> dict[str, list]:
    """The cuts by the steps, which leave nothing behind."""
    levels = levels or {source: 0 for source, _ in units}
    with tempfile.TemporaryDirectory() as root:
        return cuts_of(Path(root), units, params, levels, partitions)


def covered(text: str, cuts: list[dict]) -> set[int]:
    """The words of a text that lie in cuts, by number."""
    found = passages.words(pa.array([text], pa.string()))
    spans = list(enumerate(zip(found.start.tolist(), found.end.tolist(), strict=True)))
    inside = {n for n, (a, b) in spans for cut in cuts if cut["start"] <= a and b <= cut["end"]}
    touched = {n for n, (a, b) in spans for cut in cuts if cut["start"] < b and a < cut["end"]}
    assert inside == touched  # no word is cut in two
    return inside


def hashes_of(text: str) -> list[int]:
    return passages.words(pa.array([text], pa.string())).hashes.tolist()


def runs_by_comparing_all(documents: list[str], length: int) -> list[set[int]]:
    """For each document, in order of preference, the words of runs that stand in an earlier one, or before in itself."""
    seen: dict[tuple, tuple[int, int]] = {}
    result = []
    for number, text in enumerate(documents):
        words = hashes_of(text)
        gone: set[int] = set()
        for place in range(len(words) - length + 1):
            run = tuple(words[place : place + length])
            where = seen.setdefault(run, (number, place))
            if where[0] != number or where[1] + length <= place:
                gone.update(range(place, place + length))
        result.append(gone)
    return result


def lines_by_comparing_all(documents: list[str], min_words: int, within: bool, across: bool) -> list[set[int]]:
    seen: dict[tuple, int] = {}
    result = []
    for number, text in enumerate(documents):
        here: set[tuple] = set()
        gone: set[int] = set()
        place = 0
        for line in text.split("\n"):
            words = tuple(hashes_of(line))
            if len(words) >= min_words:
                other = seen.setdefault(words, number) != number
                if (other and across) or (words in here and within and (not other or not across)):
                    gone.update(range(place, place + len(words)))
                here.add(words)
            place += len(words)
        result.append(gone)
    return result


def divided(documents: list[str], units: int) -> tuple[Units, dict[str, int]]:
    """Documents in order of preference over some units of two sources, and the levels of these."""
    placed: dict[tuple[str, str], list] = {}
    half = len(documents) // 2
    for number, text in enumerate(documents):
        source = "best" if number < half else "other"
        placed.setdefault((source, f"u{number % units}"), []).append((f"{number:04}", text))
    # The order of rows and units is not the order of preference.
    return {key: placed[key][::-1] for key in sorted(placed, reverse=True)}, {"best": 0, "other": 1}


few_words = st.lists(st.sampled_from(["mill", "wheel", "stone", "\n", "\n\n", ". ", "水", "É"]), max_size=40).map(
    " ".join
)
PLAIN = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@PLAIN
@given(st.lists(few_words, min_size=1, max_size=6), st.integers(2, 6), st.sampled_from([1, 4]), st.integers(1, 3))
def test_runs_of_words_are_cut_exactly_as_comparing_all_of_them_would(documents, length, partitions, units):
    placed, levels = divided(documents, units)
    found = tried(placed, {"substrings": {"min_tokens": length}}, levels, partitions)
    wanted = runs_by_comparing_all(documents, length)
    assert [covered(text, found[f"{n:04}"]) for n, text in enumerate(documents)] == wanted


@PLAIN
@given(
    *(st.lists(few_words, min_size=1, max_size=6), st.integers(1, 3), st.sampled_from([1, 4]), st.integers(1, 3)),
    st.sampled_from([(True, True), (True, False), (False, True)]),
)
def test_lines_are_cut_exactly_as_comparing_all_of_them_would(documents, min_words, partitions, units, how):
    placed, levels = divided(documents, units)
    within, across = how
    params = {"lines": {"min_words": min_words, "within": within, "across": across}}
    found = tried(placed, params, levels, partitions)
    wanted = lines_by_comparing_all(documents, min_words, within, across)
    assert [covered(text, found[f"{n:04}"]) for n, text in enumerate(documents)] == wanted


@PLAIN
@given(st.lists(few_words, min_size=1, max_size=5), st.integers(3, 5))
def test_every_cut_says_where_the_same_words_stand(documents, length):
    placed, levels = divided(documents, 2)
    ask = {"min_words": 2, "within": True, "across": True}
    found = tried(placed, {"lines": ask, "paragraphs": ask, "substrings": {"min_tokens": length}}, levels, 2)
    for number, text in enumerate(documents):
        for cut in found[f"{number:04}"]:
            if cut["passages"] == 1:
                other = documents[int(cut["repeats"])][cut["repeats_start"] : cut["repeats_end"]]
                assert hashes_of(other) == hashes_of(text[cut["start"] : cut["end"]])
                assert len(hashes_of(other)) == cut["words"]


def prose(seed: int, count: int) -> str:
    rng = random.Random(seed)
    return " ".join(f"w{rng.randrange(5000)}" for _ in range(count))


def test_of_fifty_words_every_one_counts():
    run = prose(1, 50)
    texts = [
        f"{prose(2, 30)} {run} {prose(3, 30)}",
        f"{prose(4, 7)} {run} {prose(5, 9)}",
        f"{prose(6, 7)} {run[:-6]} end",
    ]
    units = {("s", "u"): [(f"{n}", text) for n, text in enumerate(texts)]}
    found = tried(units, {"substrings": {"min_tokens": 50}})
    assert [len(cuts) for cuts in found.values()] == [0, 1, 0]
    (cut,) = found["1"]
    assert texts[1][cut["start"] : cut["end"]].strip() == run
    assert (cut["words"], cut["repeats"], cut["rule"]) == (50, "0", "dedup.substring")
    assert texts[0][cut["repeats_start"] : cut["repeats_end"]] == run


def test_scope_keeps_what_stands_in_another_source_or_folder():
    line = "all of these words stand in one line of every document here"
    units = {("a", "x"): [("1", line), ("2", line)], ("b", "x"): [("3", line)], ("b", "y"): [("4", line)]}
    ask = {"lines": {"min_words": 5, "within": True, "across": True}, "substrings": {"min_tokens": 10}}

    def cut(scope: str) -> list[str]:
        return [i for i, cuts in tried(units, {**ask, "scope": scope}, {"a": 0, "b": 1}).items() if cuts]

    assert cut("all") == ["2", "3", "4"]
    assert cut("source") == ["2", "4"]
    assert cut("x") == ["2", "3"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n\n",
        "\x00\x00\n\x00",
        "水" * 200,
        "ไทยไม่มีช่องว่าง" * 30,
        "one two three four five\r\none two three four five\r\n",
        "a " * 300,
        "ab" * 200,
        "." * 1000,
        "e\u0301\n" * 50,
        "x" * 100_000,
    ],
    ids=range(11),
)
def test_hostile_texts_are_cut_as_comparing_all_would(text):
    documents = [text, "other", text + " end", text]
    placed, levels = divided(documents, 2)
    found = tried(placed, {"substrings": {"min_tokens": 10}}, levels, 2)
    assert [covered(t, found[f"{n:04}"]) for n, t in enumerate(documents)] == runs_by_comparing_all(documents, 10)
    found = tried(placed, {"lines": {"min_words": 2, "within": True, "across": True}}, levels, 2)
    wanted = lines_by_comparing_all(documents, 2, True, True)
    assert [covered(t, found[f"{n:04}"]) for n, t in enumerate(documents)] == wanted


def test_first_copies_are_read_some_at_a_time(monkeypatch):
    documents = [prose(n, 20) for n in range(30)] + ["\n".join(prose(n, 20) for n in range(30))]
    placed, levels = divided(documents, 3)
    ask = {"lines": {"min_words": 5, "within": True, "across": True}}
    found = tried(placed, ask, levels)
    assert sorted(cut["repeats"] for cut in found["0030"]) == [f"{n:04}" for n in range(30)]
    monkeypatch.setattr(repeat_cuts, "CHUNK_DOCUMENTS", 4)
    assert tried(placed, ask, levels) == found


def test_a_hundred_thousand_equal_lines_are_one_cut():
    line = "the same words stand in every line of this document\n"
    units = {("s", "u"): [("1", line * 100_000)]}
    found = tried(units, {"lines": {"min_words": 5, "within": True, "across": True}})
    ((cut,),) = found.values()
    assert (cut["start"], cut["end"], cut["passages"]) == (len(line), 100_000 * len(line), 99_999)


def cpu_s(make, size: int, ask: Mapping) -> float:
    units = {("s", "u"): [("1", make(size)), ("2", make(size // 2))]}
    begin = time.process_time()
    tried(units, ask)
    return time.process_time() - begin


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["lines", "substrings"])
@pytest.mark.parametrize(
    "make",
    [
        lambda n: "the same words stand in every line of this document\n" * (n // 50),
        lambda n: "a " * (n // 2),
        lambda n: "x" * n,
        lambda n: "!" * n,
        lambda n: "水" * (n // 3),
        lambda n: "\n" * n,
        lambda n: "a b " * (n // 4) + "\n",
        lambda n: prose(1, n // 6),
    ],
    ids=["lines", "a", "x", "symbols", "han", "newlines", "period", "prose"],
)
def test_time_is_linear_in_hostile_text(make, kind):
    ask = {kind: {"min_tokens": 50} if kind == "substrings" else {"min_words": 5, "within": True, "across": True}}
    cpu_s(make, 10_000, ask)  # tables and compiled code
    small, large = cpu_s(make, 200_000, ask), cpu_s(make, 800_000, ask)
    assert large < 10 * small + 1


@pytest.mark.slow
def test_a_million_equal_lines_are_one_cut():
    units = {("s", "u"): [("1", "the same words stand in every line of this document\n" * 1_000_000)]}
    ((cut,),) = tried(units, {"lines": {"min_words": 5, "within": True, "across": True}}).values()
    assert (cut["rule"], cut["passages"]) == ("dedup.line", 999_999)


@pytest.mark.slow
def test_a_line_of_five_megabytes_that_is_repeated_is_one_cut():
    units = {("s", "u"): [("2", prose(3, 1_000_000)), ("3", f"{prose(3, 1_000_000)} end")]}
    found = tried(units, {"substrings": {"min_tokens": 50}})
    assert [(cut["rule"], cut["words"]) for cut in found["3"]] == [("dedup.substring", 1_000_000)]
    assert found["2"] == []
