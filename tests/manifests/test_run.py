"""Whole runs on a small corpus: the same bytes however they are executed, and nothing is done twice or lost."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pytest

from gristmill.curation import extract
from gristmill.curation.ledger import read_ledger
from gristmill.manifests import schema, units, view
from gristmill.manifests.counts import RunStopped
from gristmill.manifests.explain import plan_lines
from gristmill.manifests.plan_dedup import STEPS
from gristmill.manifests.progress import ConsoleProgress
from gristmill.manifests.runner import Place, open_context, run, run_files, survey
from gristmill.manifests.source_lines import ManifestError
from gristmill.manifests.status import status
from tests.manifests import corpus

UNTIL = "pack"


class Quiet(ConsoleProgress):
    """Progress that is remembered, not shown."""

    def __init__(self):
        self.ran: dict[str, int] = {}
        self.warnings: list[str] = []

    def step(self, name, reused, todo, says):
        self.ran[name] = todo

    def unit(self, line):
        pass

    def done(self, name, counts, seconds):
        pass

    def warn(self, message):
        self.warnings.append(message)


def go(manifest: Path, root: Path, workers: int = 1, until: str = UNTIL) -> Quiet:
    loaded = schema.load(manifest)
    seen = Quiet()
    run(loaded, Place.of(loaded, root / "store", root / "runs"), seen, until, workers)
    return seen


def contents(root: Path) -> dict[str, bytes]:
    folder = root / "runs" / "small"
    kinds = ("shards", "ledger", "tokens", "packed", "tokenizer")
    return {str(p.relative_to(folder)): p.read_bytes() for kind in kinds for p in run_files(folder / kind)}


def plans(manifest: Path, root: Path) -> dict[str, tuple[str, str]]:
    loaded = schema.load(manifest)
    place = Place.of(loaded, root / "store", root / "runs")
    states = list(survey(open_context(loaded, place), place))
    return {step: (action, why) for step, action, why in plan_lines(states, place.run, place.store)}


@pytest.fixture
def manifest(tmp_path) -> Path:
    return corpus.make(tmp_path / "data")


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> tuple[Path, Path]:
    """A manifest and the root of its finished run; not to be changed."""
    root = tmp_path_factory.mktemp("finished")
    manifest = corpus.make(root / "data")
    go(manifest, root)
    return manifest, root


def command(*arguments: object, **options) -> subprocess.CompletedProcess:
    code = "from gristmill.manifests.cli import main; main()"
    return subprocess.run([sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True, **options)


def test_records_are_documents_and_documents_are_kept_or_dropped(finished):
    manifest, root = finished
    loaded = schema.load(manifest)
    found = status(loaded, Place.of(loaded, root / "store", root / "runs"))
    assert [s["name"] for s in found["steps"]] == [
        "extract",
        "measure",
        "filter",
        *STEPS,
        "shards",
        "tokenizer",
        "tokens",
        "pack",
        "report",
    ]
    assert [s["state"] for s in found["steps"]] == ["done"] * 12 + ["missing"]
    news = found["sources"]["news"]
    assert news["records"] == news["documents"] == 42
    assert news["dropped"] == {"dedup.exact": 1, "gopher.min_words": 1}
    for counts in found["sources"].values():
        assert counts["documents"] == counts["kept"] + sum(counts["dropped"].values())
        assert counts["records"] == counts["documents"] + sum(counts["not_documents"].values())
        assert counts["tokens"] > 1000


def test_the_ledger_has_a_row_for_every_document_and_says_what_was_kept_instead(finished):
    _, root = finished
    ledger = read_ledger(root / "runs" / "small" / "ledger").to_pylist()
    assert len(ledger) == 42 + 31
    by_id = {row["id"]: row for row in ledger}
    (duplicate,) = [row for row in ledger if row["rule"] == "dedup.exact"]
    kept = by_id[duplicate["duplicate_of"]]
    assert (duplicate["source"], kept["source"], kept["status"]) == (
        "news",
        "letters",
        "kept",
    )  # prefer: [letters]
    assert kept["cluster_size"] == 2
    (short,) = [row for row in ledger if row["rule"] == "gopher.min_words"]
    assert (short["value"], short["threshold"], short["locator"]) == (
        4.0,
        50.0,
        "news/a.jsonl#" + short["locator"].split("#")[1],
    )
    (masked,) = [row for row in ledger if row["edits"]]
    assert [e["rule"] for e in masked["edits"]] == ["pii.email"]


def test_shards_are_readable_with_pyarrow_alone_and_hold_the_edited_text(finished):
    _, root = finished
    texts = {}
    for path in sorted((root / "runs/small/shards").rglob("*.arrow")):
        with pa.memory_map(str(path)) as file:
            table = pa.ipc.open_file(file).read_all()
        texts |= dict(zip(table["id"].to_pylist(), table["text"].to_pylist(), strict=True))
    assert len(texts) == 71
    assert corpus.document(3) in texts.values()
    assert not any("jo@farm.org" in text for text in texts.values())
    assert any(text.endswith("Write to email@example.com.") for text in texts.values())


def test_one_worker_and_four_give_the_same_bytes(finished, tmp_path):
    manifest, root = finished
    go(manifest, tmp_path, workers=4)
    assert contents(tmp_path) == contents(root)


@pytest.mark.slow
def test_many_units_give_the_same_bytes_on_one_worker_and_on_four(manifest, tmp_path, monkeypatch):
    monkeypatch.setattr(units, "SMALL_BYTES", 0)  # every file its own unit
    for number in range(8):
        corpus.write_jsonl(
            manifest.parent / f"news/{number}.jsonl", [corpus.document(number * 100 + i) for i in range(9)]
        )
    for workers in (1, 4):
        go(manifest, tmp_path / str(workers), workers)
    assert len(list((tmp_path / "1/runs/small/shards").rglob("*.arrow"))) == 11
    assert contents(tmp_path / "1") == contents(tmp_path / "4")


def test_a_failure_stays_on_record_until_its_step_has_run(manifest, tmp_path):
    good = manifest.read_text()
    manifest.write_text(good.replace("tokens: 6000", "tokens: 6_000_000"))
    with pytest.raises(ManifestError):
        go(manifest, tmp_path)
    go(manifest, tmp_path, until="shards")

    def states() -> dict[str, str]:
        loaded = schema.load(manifest)
        found = status(loaded, Place.of(loaded, tmp_path / "store", tmp_path / "runs"))
        return {step["name"]: step["state"] for step in found["steps"]}

    assert states()["pack"] == "failed"
    manifest.write_text(good)
    go(manifest, tmp_path)
    assert states()["pack"] == "done"


def test_a_second_run_does_nothing(finished):
    manifest, root = finished
    before = contents(root)
    assert not any(go(manifest, root).ran.values())
    assert contents(root) == before


def test_touching_a_weight_re_runs_nothing_before_pack(manifest, tmp_path):
    go(manifest, tmp_path)
    manifest.write_text(manifest.read_text().replace("weight: 0.5\n    max", "weight: 0.25\n    max"))
    found = plans(manifest, tmp_path)
    assert [step for step, (action, _) in found.items() if action != "reuse"] == ["pack", "report"]
    assert "weights.news 0.5 -> 0.333" in found["pack"][1]
    assert [step for step, todo in go(manifest, tmp_path).ran.items() if todo] == ["pack"]


@pytest.mark.slow
def test_a_changed_threshold_says_so_and_stops_where_nothing_changes(manifest, tmp_path):
    go(manifest, tmp_path)
    manifest.write_text(manifest.read_text().replace("min_words: 50", "min_words: 40"))
    found = plans(manifest, tmp_path)
    assert found["filter"] == ("run 1 of 2", "gopher.min_words 50 -> 40")
    assert found["links"] == found["dedup"] == ("run 2 of 2", "depends on filter")
    ran = go(manifest, tmp_path).ran
    # The one short document fails at 40 as at 50, but its row says by which threshold: the ledger follows, tokens do not.
    assert ran["filter"] == 1
    assert ran["tokens"] == ran["pack"] == ran["tokenizer"] == 0


def test_conformance_measures_again_by_the_definitions_that_it_names(manifest, tmp_path):
    def words() -> list[int]:
        paths = sorted((tmp_path / "store").rglob("features.arrow"), key=lambda path: path.stat().st_mtime_ns)
        return [pa.ipc.open_file(path).read_all()["num_tokens"].to_pylist() for path in paths]

    go(manifest, tmp_path, until="filter")
    ours = words()
    manifest.write_text(manifest.read_text().replace("curate:\n", "curate:\n  conformance: datatrove\n"))
    found = plans(manifest, tmp_path)
    assert found["extract"][0] == "reuse"
    assert "conformance" in found["measure"][1]
    assert go(manifest, tmp_path, until="filter").ran["measure"] == len(ours)
    theirs = words()[len(ours) :]
    assert len(theirs) == len(ours)
    assert theirs != ours


def test_a_new_file_reads_its_own_unit_only(manifest, tmp_path):
    big = manifest.parent / "news" / "big.jsonl"
    corpus.write_jsonl(big, [corpus.document(i, 40) for i in range(1000, 1400)])
    assert big.stat().st_size > 2**20
    go(manifest, tmp_path)
    other = manifest.parent / "news" / "other.jsonl"
    corpus.write_jsonl(other, [corpus.document(i, 40) for i in range(2000, 2400)])
    found = plans(manifest, tmp_path)
    assert found["extract"] == ("run 1 of 4", "new file news/other.jsonl")
    assert found["tokenizer"] == ("reuse", "kept: its own parameters are unchanged")
    ran = go(manifest, tmp_path).ran
    assert (
        ran["extract"],
        ran["measure"],
        ran["filter"],
        ran["shards"],
        ran["tokenizer"],
        ran["tokens"],
    ) == (1, 1, 1, 1, 0, 1)


def test_two_files_with_the_same_bytes_are_two_documents(manifest, tmp_path):
    for name in ("x", "y"):
        corpus.write_jsonl(manifest.parent / "letters" / f"{name}.jsonl", [corpus.document(500)])
    go(manifest, tmp_path, until="shards")
    ledger = read_ledger(tmp_path / "runs/small/ledger/letters").to_pylist()
    copies = [row for row in ledger if row["locator"].startswith(("letters/x.jsonl", "letters/y.jsonl"))]
    assert len({row["id"] for row in copies}) == 2
    assert sorted(row["status"] for row in copies) == ["dropped", "kept"]


@pytest.mark.slow
def test_packed_rows_do_not_outlive_the_tokens_that_they_point_to(manifest, tmp_path):
    go(manifest, tmp_path)
    manifest.write_text(manifest.read_text().replace("min_words: 50", "min_words: 145"))
    go(manifest, tmp_path, until="tokens")
    assert not list((tmp_path / "runs/small/packed").rglob("*.arrow"))
    go(manifest, tmp_path)
    assert list((tmp_path / "runs/small/packed/train").glob("*.arrow"))


def test_a_removed_file_leaves_the_view(manifest, tmp_path):
    go(manifest, tmp_path, until="shards")
    (manifest.parent / "news/b.jsonl").unlink()
    (manifest.parent / "news/a.jsonl").unlink()
    corpus.write_jsonl(manifest.parent / "news/big.jsonl", [corpus.document(i, 40) for i in range(1000, 1400)])
    go(manifest, tmp_path, until="shards")
    assert [p.name.rsplit("-", 1)[0] for p in sorted((tmp_path / "runs/small/shards/news").iterdir())] == ["big"]


def start(manifest: Path, root: Path) -> subprocess.Popen:
    code = "from gristmill.manifests.cli import main; main()"
    arguments = [
        "run",
        manifest,
        "--until",
        UNTIL,
        "--workers",
        2,
        "--store",
        root / "store",
        "--runs",
        root / "runs",
    ]
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "GRISTMILL_TEST_ROOT": str(root)},
    )


def descendants(root: Path) -> list[str]:
    """Processes that `start` left behind, told by their environment (Linux)."""
    found = []
    for environment in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"GRISTMILL_TEST_ROOT={root}".encode() in environment.read_bytes().split(b"\0"):
                found.append(environment.parent.name)
        except OSError:
            continue  # gone meanwhile, or not ours
    return found


@pytest.mark.slow
@pytest.mark.parametrize("when", ["extract", "measure", "links", "compare", "dedup", "shards", "tokenizer", "tokens"])
def test_a_run_killed_at_any_step_goes_on_to_the_same_bytes(finished, tmp_path, when):
    manifest, root = finished
    process = start(manifest, tmp_path)
    deadline = time.monotonic() + 60
    while not list((tmp_path / "store").glob(f"{when}/*/record.json")) and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    deadline = time.monotonic() + 10
    while descendants(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not descendants(tmp_path)
    go(manifest, tmp_path)
    assert contents(tmp_path) == contents(root)


@pytest.mark.slow
def test_two_runs_started_together_on_one_store_both_finish(finished, tmp_path):
    manifest, root = finished
    both = [start(manifest, tmp_path), start(manifest, tmp_path)]
    for process in both:
        output, _ = process.communicate(timeout=120)
        assert process.returncode == 0, output
    assert contents(tmp_path) == contents(root)


def test_an_unreadable_file_stops_the_run_unless_the_manifest_allows_it(manifest, tmp_path):
    (manifest.parent / "news/bad.jsonl").write_bytes(b"")
    with pytest.raises(
        RunStopped,
        match=r"1 of 4 files cannot be read \(25%, more than run.max_failed 5%\):\n  sources.news: news/bad.jsonl: the file is empty",
    ):
        go(manifest, tmp_path)
    loaded = schema.load(manifest)
    found = status(loaded, Place.of(loaded, tmp_path / "store", tmp_path / "runs"))
    manifest.write_text(manifest.read_text() + "run: {max_failed: 0.5}\n")
    assert any("news/bad.jsonl" in warning for warning in go(manifest, tmp_path).warnings)
    assert [step["state"] for step in found["steps"][:2]] == ["failed", "missing"]


def test_a_mixture_that_cannot_be_met_stops_the_run_with_a_remedy(manifest, tmp_path):
    manifest.write_text(manifest.read_text().replace("tokens: 6000", "tokens: 6_000_000"))
    with pytest.raises(ManifestError, match=r"small.yaml:16 mixture: (.|\n)*(news|letters)(.|\n)*max_epochs"):
        go(manifest, tmp_path)


def test_a_rule_that_drops_a_whole_source_stops_the_run(manifest, tmp_path):
    corpus.write_jsonl(manifest.parent / "news/many.jsonl", [corpus.document(i, 4) for i in range(1200)])
    manifest.write_text(manifest.read_text().replace("min_words: 50", "min_words: 5000"))
    with pytest.raises(
        RunStopped,
        match=r"sources.news: filter keeps 0.00% of 1,242 documents(.|\n)*gopher.min_words: 1,242(.|\n)*news/",
    ):
        go(manifest, tmp_path)


def test_a_missing_path_names_its_line(manifest, tmp_path):
    manifest.write_text(manifest.read_text().replace("news/*.jsonl", "nows/*.jsonl"))
    with pytest.raises(ManifestError, match=r"small.yaml:6 sources.news.paths.0: nows/\*.jsonl: no such file"):
        go(manifest, tmp_path)


@pytest.mark.slow
def test_the_command_line_speaks_to_people_and_to_programs(finished, tmp_path):
    manifest, root = finished
    places = ("--store", root / "store", "--runs", root / "runs")
    found = json.loads(command("status", manifest, "--json", *places).stdout)
    assert found["manifest"] == "small"
    document = json.loads(command("why", manifest, "news/a.jsonl#0", "--json", *places).stdout)
    assert document["status"] == "kept"
    assert "kept, in" in command("why", document["id"], *places).stdout
    broken = tmp_path / "broken.yaml"
    broken.write_text("sources: {a: {kind: text, path: x}}\n")
    for arguments in (
        ("check", broken),
        ("run", broken),
        ("plan", tmp_path / "none.yaml"),
        ("why", manifest, "nobody", *places),
        ("run", manifest, "--until", "shard"),
    ):
        failed = command(*arguments)
        assert failed.returncode == 1
        assert "Traceback" not in failed.stderr
        assert failed.stderr.strip()


def test_the_lock_file_is_sorted_and_says_what_was_run(finished):
    _, root = finished
    lock = view.read_lock(root / "runs" / "small")
    assert list(lock) == ["extract", "measure", "filter", *STEPS, "shards", "tokenizer", "tokens", "pack"]
    assert list(lock["shards"]["units"]) == sorted(lock["shards"]["units"])
    assert lock["extract"]["counts"]["documents"] == 73


@pytest.mark.slow
def test_a_source_whose_server_fails_once_is_read_the_next_time(manifest, tmp_path, monkeypatch):
    """A failure of the moment is no property of the content: it is named, not stored."""
    real = extract.opened

    def broken(path):
        if path.endswith("b.jsonl"):
            raise ConnectionResetError("connection reset by peer")
        return real(path)

    manifest.write_text(manifest.read_text() + "run: {max_failed: 1}\n")
    monkeypatch.setattr(extract, "opened", broken)
    warnings = go(manifest, tmp_path, until="shards").warnings
    assert any("news/b.jsonl" in warning and "connection reset" in warning for warning in warnings)
    loaded = schema.load(manifest)
    place = Place.of(loaded, tmp_path / "store", tmp_path / "runs")
    found = status(loaded, place)
    assert [f["file"] for f in found["sources"]["news"]["failures"]] == ["news/a.jsonl", "news/b.jsonl"]  # one unit
    assert found["steps"][0]["state"] == "done"
    monkeypatch.setattr(extract, "opened", real)
    assert go(manifest, tmp_path, until="shards").ran["extract"] == 1
    assert status(loaded, place)["sources"]["news"]["documents"] == 42


def test_documents_are_conserved_while_a_run_is_under_way(manifest, tmp_path):
    go(manifest, tmp_path, until="shards")
    corpus.write_jsonl(manifest.parent / "news/big.jsonl", [corpus.document(i, 40) for i in range(1000, 1400)])
    for until in ("extract", "filter", "dedup"):
        go(manifest, tmp_path, until=until)
        loaded = schema.load(manifest)
        for counts in status(loaded, Place.of(loaded, tmp_path / "store", tmp_path / "runs"))["sources"].values():
            assert counts["documents"] == counts["kept"] + sum(counts["dropped"].values())


def test_another_tokenizer_behind_the_same_path_is_noticed(manifest, tmp_path):
    go(manifest, tmp_path, until="tokenizer")
    own = manifest.parent / "own"
    own.mkdir()
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (own / name).write_bytes((tmp_path / "runs/small/tokenizer" / name).read_bytes())
    manifest.write_text(manifest.read_text().replace("{vocab_size: 400}", "{path: own/tokenizer.json}"))
    go(manifest, tmp_path, until="tokens")
    config = json.loads((own / "tokenizer_config.json").read_text())
    (own / "tokenizer_config.json").write_text(json.dumps({**config, "model_max_length": 5}))
    assert plans(manifest, tmp_path)["tokenizer"] == ("run", "changed: own/tokenizer_config.json")


def test_sources_that_skip_deduplication_have_no_such_step(manifest, tmp_path):
    text = manifest.read_text().replace("{kind: text,", "{kind: text, skip: [dedup],")
    manifest.write_text(text.replace("    kind: text\n", "    kind: text\n    skip: [dedup]\n"))
    assert "dedup" not in go(manifest, tmp_path, until="shards").ran


def test_a_damaged_lock_file_is_said_to_be_damaged(manifest, tmp_path):
    go(manifest, tmp_path, until="extract")
    (tmp_path / "runs/small/manifest.lock.yaml").write_text("<<<<<<< mine\n")
    with pytest.raises(RunStopped, match=r"manifest.lock.yaml is damaged; restore it, or delete it"):
        go(manifest, tmp_path)


def test_all_paths_that_lead_nowhere_are_named_at_once(manifest, tmp_path):
    text = (
        manifest.read_text().replace("[news/*.jsonl]", "[nows/*.jsonl, none.jsonl]").replace("letters/*", "lotters/*")
    )
    manifest.write_text(text.replace("  pii:", "  decontaminate: {against: [eval.jsonl]}\n  pii:"))
    with pytest.raises(ManifestError) as raised:
        go(manifest, tmp_path)
    assert [p.where for p in raised.value.problems] == [
        "sources.news.paths.0",
        "sources.news.paths.1",
        "sources.letters.paths.0",
        "curate.decontaminate.against",
    ]


def test_a_scope_that_no_folder_answers_to_is_an_error(manifest, tmp_path):
    manifest.write_text(manifest.read_text().replace("{prefer: [letters]}", "{scope: sorce}"))
    with pytest.raises(ManifestError, match=r"curate.dedup.scope: 'sorce' is neither all nor source"):
        go(manifest, tmp_path)


def test_a_scope_compares_within_a_folder_only(manifest, tmp_path):
    manifest.write_text(manifest.read_text().replace("{prefer: [letters]}", "{scope: 'n*'}"))
    go(manifest, tmp_path, until="shards")
    rules = read_ledger(tmp_path / "runs/small/ledger", ["rule"])["rule"].to_pylist()
    assert "dedup.exact" not in rules  # the only two copies are in news/ and in letters/


@pytest.mark.slow
def test_of_the_versions_of_a_page_one_stays_and_the_others_say_which(manifest, tmp_path):
    pages = {
        "news/d.jsonl": "https://www.farm.org/rye/?utm_source=mail",
        "letters/d.jsonl": "http://farm.org/rye",
        "letters/e.jsonl": "http://farm.org/oats",
    }
    for number, (path, url) in enumerate(pages.items()):
        (manifest.parent / path).write_text(json.dumps({"text": corpus.document(200 + number), "url": url}) + "\n")
    manifest.write_text(manifest.read_text().replace("prefer: [letters]", "prefer: [letters], url: true"))
    go(manifest, tmp_path, until="shards")
    ledger = {row["locator"]: row for row in read_ledger(tmp_path / "runs/small/ledger").to_pylist()}
    rows = [next(row for locator, row in ledger.items() if locator.startswith(path)) for path in pages]
    assert [row["rule"] for row in rows] == ["dedup.url", None, None]
    assert (rows[0]["stage"], rows[0]["value"], rows[0]["threshold"]) == ("dedup", None, None)
    assert rows[0]["duplicate_of"] == rows[1]["id"]
    assert (rows[1]["cluster_size"], rows[2]["cluster_size"]) == (2, 1)
    loaded = schema.load(manifest)
    found = status(loaded, Place.of(loaded, tmp_path / "store", tmp_path / "runs"))
    assert found["sources"]["news"]["dropped"]["dedup.url"] == 1
    places = ("--store", tmp_path / "store", "--runs", tmp_path / "runs")
    said = command("why", manifest, rows[0]["id"], *places)
    assert "dedup.url" in said.stdout, said
    assert f"kept instead: {rows[1]['id']}" in said.stdout
