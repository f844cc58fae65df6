"""Every token of a row leads to its document and back, and steps to the rows that they saw."""

import json

import pyarrow as pa
import pytest

from gristmill.manifests import schema
from gristmill.manifests.counts import RunStopped
from gristmill.manifests.runner import Place
from gristmill.manifests.trace import lines, trace, trace_document, trace_row, trace_step
from gristmill.manifests.why import NotFound
from gristmill.tokenizer import bpe
from tests.manifests import corpus
from tests.manifests.test_run import command, go

PRETRAIN = (
    "pretrain: {model: {n_layer: 1, n_head: 2, n_embd: 16}, global_batch_size: 8, micro_batch_size: 8, max_steps: 30}\n"
)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The manifest, the run's folder and the run's parameters of training; packed, not trained."""
    root = tmp_path_factory.mktemp("traced")
    manifest = corpus.make(root / "data")
    manifest.write_text(manifest.read_text() + PRETRAIN)
    go(manifest, root)
    loaded = schema.load(manifest)
    return loaded, Place.of(loaded, root / "store", root / "runs").run


def texts_of(run) -> dict[str, str]:
    tables = [pa.ipc.open_file(pa.memory_map(str(path))).read_all() for path in (run / "shards").rglob("*.arrow")]
    return {
        i: text for table in tables for i, text in zip(*(table[c].to_pylist() for c in ("id", "text")), strict=True)
    }


def test_a_row_is_the_tokens_of_the_documents_that_it_names(finished):
    _, run = finished
    texts, tokenizer = texts_of(run), bpe.load(run / "tokenizer")
    for row in range(0, 90, 9):
        found = trace_row(run, row)
        assert list(found) == ["row", "input_ids", "segments"]
        assert (found["row"], len(found["input_ids"])) == (row, 65)
        place = 0
        for s in found["segments"]:
            assert list(s) == ["source", "shard", "row", "start", "length", "id", "locator", "url"]
            assert (run / "tokens" / s["shard"]).exists()
            assert s["locator"].startswith(f"{s['source']}/")
            whole = tokenizer.encode(texts[s["id"]], add_special_tokens=False).ids + [bpe.end_of_document(tokenizer)]
            assert found["input_ids"][place : place + s["length"]] == whole[s["start"] : s["start"] + s["length"]]
            place += s["length"]


def test_a_step_has_its_global_batch_and_a_document_its_steps(finished):
    loaded, run = finished
    params = loaded.manifest.pretrain
    rows = len(trace_step(run, 1, params)["rows"])
    assert rows == 8
    # 30 steps of 8 rows go around 94 rows two and a half times.
    seen: dict[str, set[int]] = {}
    for step in range(1, 31):
        for row in trace_step(run, step, params)["rows"]:
            for s in row["segments"]:
                seen.setdefault(s["id"], set()).add(step)
    for document in list(seen)[::6]:
        found = trace_document(run, document, params)
        assert {step for use in found["uses"] if use["split"] == "train" for step in use["steps"]} == seen[document]


def test_a_documents_uses_cover_its_tokens(finished):
    _loaded, run = finished
    row = trace_row(run, 4)
    found = trace_document(run, row["segments"][0]["id"], None)
    assert all(use["steps"] is None for use in found["uses"] if use["split"] == "train")
    times = [0] * found["tokens"]
    for use in found["uses"]:
        for place in range(use["start"], use["start"] + use["length"]):
            times[place] += 1
    assert min(times) == max(times) >= 1  # every token, in each epoch once
    by_locator = trace_document(run, found["locator"], None)
    assert by_locator == found
    assert any(found["id"] in line for line in lines(found))


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"row": 94}, "there is no row 94; train has rows 0 to 93"),
        ({"row": -1}, "there is no row -1"),
        ({"step": 0}, "there is no step 0; the training has steps 1 to 30"),
        ({"step": 31}, "steps 1 to 30"),
        ({"document": "nobody"}, "no document 'nobody'"),
        ({}, "give one of --row, --step and --doc"),
        ({"row": 1, "step": 1}, "give one of"),
    ],
)
def test_what_is_not_there_is_said(finished, asked, message):
    loaded, run = finished
    given = {"row": None, "step": None, "document": None} | asked
    with pytest.raises(NotFound, match=message):
        trace(loaded, run, **given, split="train")


def test_a_document_that_was_dropped_says_by_what(finished):
    _, run = finished
    from gristmill.curation.ledger import read_ledger

    dropped = [row for row in read_ledger(run / "ledger").to_pylist() if row["status"] == "dropped"]
    with pytest.raises(NotFound, match=r"was dropped by (filter|dedup), rule"):
        trace_document(run, dropped[0]["id"], None)


def test_a_run_that_is_not_packed_says_so(tmp_path, finished):
    loaded, _ = finished
    with pytest.raises(RunStopped, match="run `gristmill pack` first"):
        trace(loaded, tmp_path, 1, None, None, "train")


def test_the_command_prints_json_and_nothing_else(finished):
    loaded, run = finished
    options = ("--store", run.parent.parent / "store", "--runs", run.parent)
    done = command("trace", loaded.path, "--row", 2, "--json", *options)
    assert json.loads(done.stdout) == trace_row(run, 2)
    failed = command("trace", loaded.path, "--row", 2000, *options)
    assert (failed.returncode, failed.stdout) == (1, "")
    assert "there is no row 2000" in failed.stderr


@pytest.mark.slow
def test_the_export_command_writes_what_it_says(finished, tmp_path):
    loaded, run = finished
    options = ("--store", run.parent.parent / "store", "--runs", run.parent)
    done = command("export", "tokens", loaded.path, "--format", "olmo", "--out", tmp_path / "o", "--json", *options)
    about = json.loads(done.stdout)
    assert (about["rows"], about["files"]) == (94, {"train.npy": 94 * 65 * 2})
    again = command("export", "tokens", loaded.path, "--format", "olmo", "--out", tmp_path / "o", *options)
    assert again.returncode == 1
    assert "is there already" in again.stderr
