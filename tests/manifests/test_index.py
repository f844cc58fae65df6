"""Several manifests deduplicated as one set: whatever the increments and their order, the same documents are kept."""

import contextlib
import io
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.curation.dedup import pair_cache
from gristmill.curation.ledger import read_ledger
from gristmill.manifests import cli, index, schema
from gristmill.manifests.runner import Place, run, run_files
from gristmill.manifests.source_lines import ManifestError
from gristmill.manifests.status import status
from tests.manifests.corpus import document, write_jsonl
from tests.manifests.test_run import Quiet, command


def edited(text: str, *places: int) -> str:
    """A text with other words at some places, 20 words apart or more: two of them leave 0.87 of its 5-grams in common."""
    words = text.split(" ")
    for place in places:
        words[place] = f"other{place}"
    return " ".join(words)


NEWEST = document(1)
MIDDLE = edited(NEWEST, 10, 40)
OLDEST = edited(MIDDLE, 70, 100)  # like MIDDLE, and too unlike NEWEST

MANIFEST = """\
name: {name}
sources:
{sources}
curate:
  languages: null
  dedup: {{{dedup}}}
"""


def write(root: Path, name: str, files: dict[str, list[str]], dedup: str = "index: shared") -> Path:
    """A manifest `name` with sources of these files."""
    sources = [
        f"  {source}: {{kind: text, paths: [{', '.join(paths)}], filters: []}}" for source, paths in files.items()
    ]
    path = root / f"{name}.yaml"
    path.write_text(MANIFEST.format(name=name, sources="\n".join(sources), dedup=dedup))
    return path


def go(manifest: Path, until: str = "dedup") -> Quiet:
    root = manifest.parent
    loaded, seen = schema.load(manifest), Quiet()
    states = run(loaded, Place.of(loaded, root / "store", root / "runs"), seen, until, 1)
    seen.texts_read = sum(r.counts.get("texts_read", 0) for state in states for r in state.records)
    return seen


def asked(manifest: Path) -> dict:
    loaded, root = schema.load(manifest), manifest.parent
    return status(loaded, Place.of(loaded, root / "store", root / "runs"))


def kept(manifest: Path) -> set[str]:
    ledger = read_ledger(manifest.parent / "runs" / manifest.stem / "ledger", ["id", "status"]).to_pylist()
    return {row["id"] for row in ledger if row["status"] == "kept"}


def told(*arguments: object, cwd: Path = Path()) -> tuple[int, str, str]:
    """What a command prints, without a process of its own."""
    out, err = io.StringIO(), io.StringIO()
    code = 0
    with (
        contextlib.chdir(cwd),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        pytest.MonkeyPatch.context() as m,
    ):
        m.setattr(sys, "argv", ["gristmill", *map(str, arguments)])
        try:
            cli.main()
        except SystemExit as ended:
            code = ended.code or 0
    return code, out.getvalue(), err.getvalue()


def three(root: Path, dedup: str = "index: shared") -> list[Path]:
    """Manifests of one crawl each, whose sources are preferred in order of name: the newest is called 1."""
    texts = {"1": [NEWEST, document(5)], "2": [MIDDLE, document(6), document(5)], "3": [OLDEST, document(7)]}
    for name, some in texts.items():
        write_jsonl(root / f"crawl{name}/a.jsonl", some)
    return [write(root, f"m{n}", {f"crawl{n}": [f"crawl{n}/*.jsonl"]}, dedup) for n in texts]


def check_increments(root: Path, whose: list[int], sources: list[str], order: list[int], rule: str) -> None:
    """Six files as one batch and, each in the manifest that `whose` says, as increments in some order: the same is kept."""
    texts = [document(seed) for seed in (1, 2, 3)]
    for number in range(6):
        some = [edited(texts[(number + k) % 3], *range(10 + 7 * number, 80, 40 + k)) for k in range(3)]
        write_jsonl(root / f"raw/{number}.jsonl", [*some, texts[number % 3], document(50 + number)])

    def manifest(name: str, numbers: list[int], dedup: str) -> Path:
        files: dict[str, list[str]] = {}
        for number in numbers:
            files.setdefault(sources[number], []).append(f"raw/{number}.jsonl")
        return write(root, name, dict(sorted(files.items())), dedup)

    rest = f", {rule}" if rule else ""
    batch = manifest("batch", list(range(6)), f"url: false{rest}")
    go(batch, "shards")
    parts = [manifest(f"m{m}", [n for n in range(6) if whose[n] == m], f"index: shared{rest}") for m in order]
    for part in [*parts, *parts[:-1]]:  # again: what later ones changed for earlier ones
        go(part, "shards")
    assert set().union(*map(kept, parts)) == kept(batch)
    assert sum(len(kept(part)) for part in parts) == len(kept(batch))
    assert not any(asked(part)["changes"]["next_run"] for part in parts)


INCREMENTS = {
    "whose": st.lists(st.integers(0, 2), min_size=6, max_size=6).filter(lambda w: len(set(w)) == 3),
    "sources": st.lists(st.sampled_from(["web", "news"]), min_size=6, max_size=6),
    "order": st.permutations([0, 1, 2]),
    "rule": st.sampled_from(["", "exact: false", "scope: source", "quality: num_words"]),
}


@pytest.mark.slow
@settings(max_examples=12, deadline=None)
@given(**INCREMENTS)
def test_three_increments_in_any_order_are_one_batch(tmp_path_factory, whose, sources, order, rule):
    check_increments(tmp_path_factory.mktemp("increments"), whose, sources, order, rule)


@pytest.mark.slow
@pytest.mark.parametrize("rule", ["", "quality: num_words"])
def test_the_newest_increment_first_is_one_batch(tmp_path, rule):
    check_increments(tmp_path, [0, 1, 2, 0, 1, 2], ["web", "news", "web", "web", "news", "news"], [2, 1, 0], rule)


@pytest.mark.slow
def test_documents_of_earlier_manifests_go_and_return_and_everybody_is_told(tmp_path):
    newest, middle, oldest = three(tmp_path)
    assert go(oldest).warnings == []
    (line,) = go(middle).warnings
    assert "of m3 1 document goes, 0 return when it is run again" in line
    waiting = tmp_path / "shared/changes/m3.parquet"
    (row,) = pq.read_table(waiting).to_pylist()
    assert (row["manifest"], row["source"], row["was"], row["now"]) == ("m3", "crawl3", "kept", "dedup.near")
    assert row["similarity"] == pytest.approx(0.87, abs=0.02)
    assert asked(oldest)["changes"]["next_run"] == {"went": 1, "returned": 0, "file": str(waiting)}
    (line,) = go(oldest, "shards").warnings
    assert "since the last run 1 document goes" in line
    assert not waiting.exists()
    (gone,) = [r for r in read_ledger(tmp_path / "runs/m3/ledger").to_pylist() if r["status"] == "dropped"]
    assert (gone["rule"], gone["id"], gone["duplicate_of"]) == ("dedup.near", row["id"], row["because_of"])

    warnings = go(newest).warnings
    assert [line.split(" when")[0] for line in warnings] == [
        "dedup: of m2 2 documents go, 0 return",
        "dedup: of m3 0 documents go, 1 returns",
    ]
    (back,) = pq.read_table(waiting).to_pylist()
    assert (back["id"], back["was"], back["now"]) == (row["id"], "dedup.near", "kept")
    go(oldest, "shards")
    (last,) = pq.read_table(tmp_path / "runs/m3/changes.parquet").to_pylist()
    assert last == back
    assert asked(oldest)["changes"] == {
        "last_run": {"went": 0, "returned": 1, "file": str(tmp_path / "runs/m3/changes.parquet")},
        "next_run": None,
    }
    assert row["id"] in kept(oldest)
    _, shown, _ = told("status", oldest, cwd=tmp_path)
    assert "dedup: compared with the run before, 0 documents go, 1 returns; runs/m3/changes.parquet" in shown


@pytest.mark.slow
def test_a_manifest_without_an_index_that_grows_says_what_went_and_returned(tmp_path):
    write_jsonl(tmp_path / "c/x.jsonl", [OLDEST, document(9)])
    manifest = write(tmp_path, "grown", {"c": ["c/*.jsonl"]}, "url: false")
    go(manifest)
    changes = tmp_path / "runs/grown/changes.parquet"
    assert not changes.exists()
    for name, text, told in (("b", MIDDLE, (1, 0)), ("a", NEWEST, (1, 1))):
        write_jsonl(tmp_path / f"{name}/x.jsonl", [text])
        sources = {other: [f"{other}/*.jsonl"] for other in "abc" if (tmp_path / other).exists()}
        go(write(tmp_path, "grown", sources, "url: false"), "shards")
        found = asked(manifest)["changes"]["last_run"]
        assert (found["went"], found["returned"]) == told
    rows = {(row["source"], row["was"], row["now"]) for row in pq.read_table(changes).to_pylist()}
    assert rows == {("b", "kept", "dedup.near"), ("c", "dedup.near", "kept")}
    before = changes.read_bytes()
    go(manifest, "shards")  # nothing new: what the last change was is still there
    assert changes.read_bytes() == before


@pytest.mark.slow
@pytest.mark.parametrize("shared", [True, False])
def test_an_increment_reads_only_texts_of_pairs_that_nobody_compared(tmp_path, shared):
    first = [document(1), edited(document(1), 10, 40), document(2), edited(document(2), 10, 40), document(3)]
    crawls = [first, [document(4)], [edited(document(3), 30, 60)], [edited(document(1), 10, 40), document(1)]]
    read = []
    for number, texts in enumerate(crawls):
        write_jsonl(tmp_path / f"crawl{number}/a.jsonl", texts)
        there = range(number, number + 1) if shared else range(number + 1)
        sources = {f"crawl{n}": [f"crawl{n}/*.jsonl"] for n in there}
        manifest = write(tmp_path, f"m{number}" if shared else "grown", sources, *([] if shared else ["url: false"]))
        read.append(go(manifest).texts_read)
    assert read == [4, 0, 2, 0]  # two pairs; a text like none; one like an old one; the same texts again
    store = tmp_path / ("shared" if shared else "store")
    assert sum(pair_cache.count(pair_cache.folder(store / "pairs", 5)).values()) == 3
    shutil.rmtree(store / "pairs")  # a cache: without it the result is the same
    before = {path: path.read_bytes() for path in (tmp_path / "store/dedup").rglob("duplicates.arrow")}
    for step in ("compare", "dedup"):
        shutil.rmtree(tmp_path / "store" / step)
    assert go(manifest).texts_read == 6
    after = {path: path.read_bytes() for path in (tmp_path / "store/dedup").rglob("duplicates.arrow")}
    assert after.items() <= before.items()


@pytest.mark.slow
def test_files_that_go_from_a_manifest_leave_the_index_and_what_they_removed_returns(tmp_path):
    newest, middle, _ = three(tmp_path)
    go(newest)
    go(middle, "shards")
    assert len(kept(middle)) == 1
    write_jsonl(tmp_path / "crawl1/a.jsonl", [document(5)])  # NEWEST is gone
    go(newest)
    assert asked(middle)["changes"]["next_run"]["returned"] == 1
    go(middle, "shards")
    assert len(kept(middle)) == 2


@pytest.mark.slow
def test_only_its_own_run_writes_a_manifest_verdicts(tmp_path):
    newest, middle, _ = three(tmp_path)
    go(middle, "shards")
    before = {path: path.read_bytes() for path in run_files(tmp_path / "runs/m2")}
    go(newest, "shards")
    assert {path: path.read_bytes() for path in run_files(tmp_path / "runs/m2")} == before
    steps = {step["name"]: step["state"] for step in asked(middle)["steps"]}
    assert steps["filter"] == "done"
    assert steps["shards"] == "stale"
    _, shown, _ = told("plan", middle, cwd=tmp_path)
    assert "other documents of m1 in the index" in shown


@pytest.mark.slow
@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_same_files_in_two_manifests_are_kept_once_and_always_in_the_same(tmp_path, order):
    write_jsonl(tmp_path / "web/a.jsonl", [document(1), document(2)])
    manifests = [write(tmp_path, name, {"web": ["web/*.jsonl"]}) for name in ("m1", "m2")]
    for number in (*order, *order):
        go(manifests[number], "shards")
    assert [len(kept(manifest)) for manifest in manifests] == [2, 0]


def test_preference_across_manifests_is_the_indexs_own(tmp_path):
    newest, middle, _ = three(tmp_path)
    go(newest)
    path = tmp_path / "shared/index.yaml"
    path.write_text(path.read_text().replace("prefer: []", "prefer: [m2, crowl1]"))
    go(middle, "shards")
    assert "prefer: m2, crowl1 (nothing is called so; did you mean 'crawl1'?)" in told("index", "show", path.parent)[1]
    assert told("index", "show", path.parent)[1].count("when it is run again") == 1
    told("index", "remove", path.parent, "m2")
    assert "when it is run again" not in told("index", "show", path.parent)[1]
    go(middle, "shards")
    assert len(kept(middle)) == 3
    with pytest.raises(ManifestError, match=r"`prefer` stands in its index\.yaml"):
        schema.load(write(tmp_path, "own", {"a": ["crawl1/*"]}, "index: shared, prefer: [a]"))


@pytest.mark.parametrize(
    ("dedup", "differs"),
    [
        (
            "near: {ngram_words: 7}",
            "other parameters: ngram_words 5, here 7. To go on, use the same, or another folder",
        ),
        ("near: {seed: 3, num_perm: 64, bands: 8, rows_per_band: 5}", "num_perm 128, here 64; seed 1, here 3; "),
        ("near: null", "ngram_words 5, here none; num_perm 128, here none; seed 1, here none"),
        ("near: {min_similarity: 0.7, bands: 20, rows_per_band: 6}", "other rules: "),
        ("url: true", "url false, here true. To go on, use the same; to change them, do it in"),
    ],
)
def test_an_index_made_with_other_parameters_is_refused_and_each_is_named(tmp_path, dedup, differs):
    newest, *_ = three(tmp_path)
    go(newest, "filter")
    before = {path: path.read_bytes() for path in run_files(tmp_path / "shared")}
    other = write(tmp_path, "other", {"crawl2": ["crawl2/*"]}, f"index: shared, {dedup}")
    for arguments in (["check", other], ["run", other]):
        code, _, said = told(*arguments, cwd=tmp_path)
        assert code == 1
        assert f"{other}:6 curate.dedup.index: the index {tmp_path}/shared was made with" in said
        assert differs in said
    assert {path: path.read_bytes() for path in run_files(tmp_path / "shared")} == before


def test_an_index_of_another_version_is_refused(tmp_path, monkeypatch):
    newest, *_ = three(tmp_path)
    go(newest, "filter")
    monkeypatch.setattr(index.minhash, "VERSION", 77)
    with pytest.raises(ManifestError, match=r"another version of .*minhash 1, here 77.*remove the folder and run .*m1"):
        go(newest)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("index.yaml", "signature: [", "cannot be read"),
        ("index.yaml", "just words", "is no index: it needs signature, versions, rules and prefer"),
        ("index.yaml", None, "has other things in it, but no index.yaml"),
        ("manifests/m1.json", "{", "is damaged; remove it, and run the manifest 'm1' again"),
        ("manifests/m1.json", '{"name": "m1"}', "is damaged; remove it, and run the manifest 'm1' again"),
    ],
)
def test_a_damaged_index_is_an_error_with_the_files_name(tmp_path, name, content, says):
    newest, middle, _ = three(tmp_path)
    go(newest, "filter")
    (tmp_path / "shared" / name).unlink()
    if content is not None:
        (tmp_path / "shared" / name).write_text(content)
    with pytest.raises(ManifestError) as found:
        go(middle)
    assert says in str(found.value)
    assert str(tmp_path / "shared") in str(found.value)


@pytest.mark.slow
def test_a_file_of_the_store_that_is_gone_is_named_with_what_brings_it_back(tmp_path):
    newest, middle, _ = three(tmp_path)
    go(newest, "filter")
    (lost,) = [
        f.path for part in index.member_of(tmp_path / "shared", "m1").parts for f in part.files if "texts" in f.name
    ]
    shutil.rmtree(Path(lost).parent)
    with pytest.raises(ManifestError) as found:
        go(middle)
    assert f"{lost} is gone, which m1 (crawl1/" in str(found.value)
    code, _, said = told("index", "check", tmp_path / "shared")
    assert code == 1
    remedy = f"gristmill run {newest} --until filter --store {tmp_path}/store"
    assert f"{lost} is gone (m1: crawl1/" in said
    assert remedy in said
    (missing,) = json.loads(told("index", "check", tmp_path / "shared", "--json")[1])["missing"]
    assert missing["file"] == lost
    assert command(*remedy.split()[1:], cwd=tmp_path).returncode == 0
    assert "nothing is missing" in told("index", "check", tmp_path / "shared")[1]
    go(middle)


def test_two_manifests_of_one_name_do_not_take_each_others_place(tmp_path):
    newest, *_ = three(tmp_path)
    go(newest, "filter")
    (tmp_path / "elsewhere").mkdir()
    other = tmp_path / "elsewhere/m1.yaml"
    other.write_text(newest.read_text().replace("index: shared", f"index: {tmp_path}/shared"))
    with pytest.raises(ManifestError, match="already has a manifest called 'm1'"):
        go(other)
    newest.unlink()  # moved, not another one
    shutil.copytree(tmp_path / "crawl1", tmp_path / "elsewhere/crawl1")
    go(other)


def test_an_index_and_its_store_can_be_moved_together(tmp_path):
    root = tmp_path / "here"
    newest, *_ = three(root)
    go(newest)
    root.rename(tmp_path / "there")
    go(tmp_path / "there/m2.yaml", "shards")
    assert len(kept(tmp_path / "there/m2.yaml")) == 1


@pytest.mark.slow
def test_manifests_are_added_shown_and_removed_by_hand(tmp_path):
    newest, middle, oldest = three(tmp_path, "url: false")
    folder = tmp_path / "shared"
    code, _, said = told("index", "show", folder)
    assert (code, "there is no index" in said) == (1, True)
    code, _, said = told("index", "add", newest, "--into", folder, cwd=tmp_path)
    assert code == 1
    assert f"first: gristmill run {newest} --until filter --store store" in said
    go(newest, "filter")
    go(oldest, "filter")
    for manifest in (newest, oldest, newest):  # twice is once
        assert told("index", "add", manifest, "--into", folder, cwd=tmp_path)[0] == 0
    go(write(tmp_path, "m2", {"crawl2": ["crawl2/*.jsonl"]}), "shards")
    assert len(kept(middle)) == 1
    found = json.loads(told("index", "show", folder, "--json")[1])
    assert [(m["name"], m["sources"]) for m in found["manifests"]] == [
        ("m1", {"crawl1": {"units": 1, "documents": 2, "kept": 2}}),
        ("m2", {"crawl2": {"units": 1, "documents": 3, "kept": 3}}),
        ("m3", {"crawl3": {"units": 1, "documents": 2, "kept": 2}}),
    ]
    assert found["signature"] == {"ngram_words": 5, "num_perm": 128, "seed": 1}
    assert "crawl2" in told("index", "show", folder)[1]

    code, _, said = told("index", "remove", folder, "crawl")
    assert code == 1
    assert "no manifest or source is called 'crawl'; did you mean 'crawl" in said
    assert told("index", "remove", folder, "m1")[1] == f"m1/crawl1 is out of {folder}: 1 units\n"
    assert told("index", "remove", folder, "m3/crawl3")[0] == 0
    assert [member.name for member in index.members(folder)] == ["m2"]
    go(middle, "shards")
    assert len(kept(middle)) == 3


def test_an_index_in_a_place_that_cannot_be_one(tmp_path):
    write_jsonl(tmp_path / "a/a.jsonl", [NEWEST])
    (tmp_path / "file").write_text("")
    for dedup, says in (
        ("index: a", "has other things in it, but no index.yaml"),
        ("index: file", "is a file; an index is a folder"),
        ("index: $NO_SUCH_VARIABLE/x", "the environment variable NO_SUCH_VARIABLE is not set"),
    ):
        with pytest.raises(ManifestError, match=says.replace("$", r"\$")):
            go(write(tmp_path, "m", {"a": ["a/*.jsonl"]}, dedup))


@pytest.mark.slow
@pytest.mark.parametrize("room", [pytest.param(1_000, marks=pytest.mark.slow), 5_000])
def test_a_full_disk_is_a_clear_error_and_harms_nothing_that_was_there(tmp_path, room):
    """Files that cannot grow beyond some bytes stand for the disk: in `extract`, then in `measure`."""
    newest, middle, _ = three(tmp_path)
    go(newest, "shards")
    before = {path: path.read_bytes() for part in ("shared", "runs/m1") for path in run_files(tmp_path / part)}
    limit = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (room, room))
    done = command("run", middle, "--until", "shards", "--workers", "1", cwd=tmp_path, preexec_fn=limit)
    assert done.returncode == 1
    assert "there is no room left in store" in done.stderr
    assert "the same command again: what is finished stays" in done.stderr
    assert "Traceback" not in done.stderr
    assert {path: path.read_bytes() for part in ("shared", "runs/m1") for path in run_files(tmp_path / part)} == before
    assert not list((tmp_path / "store/.building").iterdir())
    go(middle, "shards")
    assert len(kept(middle)) == 1


def test_an_index_that_cannot_be_written_stays_as_it_was(tmp_path):
    newest, middle, _ = three(tmp_path)
    go(newest, "filter")
    go(write(tmp_path, "m2", {"crawl2": ["crawl2/*"]}, "url: false"), "filter")
    write(tmp_path, "m2", {"crawl2": ["crawl2/*"]})
    before = {path: path.read_bytes() for path in run_files(tmp_path / "shared")}
    child = os.fork()
    if not child:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (400, 400))
        code, _, said = told("index", "add", middle, "--into", tmp_path / "shared", cwd=tmp_path)
        os._exit(7 if code == 1 and f"{tmp_path}/shared/manifests/m2.json; free some space" in said else 8)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    assert {path: path.read_bytes() for path in run_files(tmp_path / "shared")} == before


def test_a_process_killed_while_it_adds_leaves_the_old_index_or_the_new(tmp_path):
    newest, *_ = three(tmp_path)
    go(newest, "filter")
    code = """
import dataclasses, pathlib, sys
from gristmill.manifests import index
folder = pathlib.Path(sys.argv[1])
member = index.member_of(folder, "m1")
known = index.read_parameters(folder)
known.pop("prefer")
parts = [dataclasses.replace(member.parts[0], name=f"u{i}") for i in range(400)]
while True:
    index.register(folder, dataclasses.replace(member, name="m2", parts=tuple(parts)), known)
    index.register(folder, dataclasses.replace(member, name="m2", parts=tuple(parts[:200])), known)
    print("ready", flush=True)
"""
    folder = tmp_path / "shared"
    found = set()
    for wait in (0.11, 0.2):
        with subprocess.Popen([sys.executable, "-c", code, folder], stdout=subprocess.PIPE) as child:
            child.stdout.readline()
            time.sleep(wait)
            child.kill()
        found |= {(member.name, len(member.parts)) for member in index.members(folder)}
    assert found <= {("m1", 1), ("m2", 200), ("m2", 400)}
    assert len(found) > 1
    assert told("index", "remove", folder, "m2")[0] == 0  # the lock is free
    go(newest)


@pytest.mark.slow
def test_runs_at_the_same_time_are_all_in_the_index(tmp_path):
    manifests = three(tmp_path)[:2]
    code = "from gristmill.manifests.cli import main; main()"
    arguments = ["--until", "dedup", "--workers", "1"]
    runs = [subprocess.Popen([sys.executable, "-c", code, "run", m, *arguments], cwd=tmp_path) for m in manifests]
    assert [run.wait() for run in runs] == [0, 0]
    assert [member.name for member in index.members(tmp_path / "shared")] == ["m1", "m2"]
    for manifest in manifests:
        go(manifest, "shards")
    assert [len(kept(manifest)) for manifest in manifests] == [2, 1]
