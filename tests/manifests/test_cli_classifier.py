"""`gristmill classifier train` from files of documents to a model and its lineage."""

import gzip
import json
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from gristmill.curation import classifier, shards
from gristmill.manifests import cli
from tests.curation.test_classifier_training import OTHERS, WANTED, texts


def gristmill(monkeypatch, capsys, *arguments) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of `gristmill classifier train ...`."""
    small = ["--dim", "8", "--buckets", "500", "--lr", "0.5", "--epochs", "10"]
    monkeypatch.setattr(sys, "argv", ["gristmill", "classifier", "train", *map(str, arguments), *small])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    said = capsys.readouterr()
    return ended.value.code or 0, said.out, said.err


@pytest.fixture
def sets(tmp_path, monkeypatch):
    """A positive set in five formats, and a negative one in a folder of JSON lines."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good").mkdir()
    (tmp_path / "bad").mkdir()
    parts = [texts(WANTED, 12, seed) for seed in range(5)]
    lines = ["".join(json.dumps({"text": t}) + "\n" for t in part) for part in parts]
    (tmp_path / "good" / "a.jsonl.gz").write_bytes(gzip.compress(lines[0].encode()))
    (tmp_path / "good" / "b.jsonl.zst").write_bytes(zstandard.compress(lines[1].encode()))
    pq.write_table(pa.table({"text": parts[2]}), tmp_path / "good" / "c.parquet")
    batch = pa.record_batch({"id": [f"{n:032x}" for n in range(12)], "text": parts[3]})
    shards.write_batches(tmp_path / "good" / "d.arrow", batch.schema, [batch])
    for number, text in enumerate(parts[4]):
        (tmp_path / "good" / f"e{number}.txt").write_text(text)
    (tmp_path / "bad" / "x.jsonl").write_text("".join(json.dumps({"text": t}) + "\n" for t in texts(OTHERS, 60)))
    return tmp_path


def test_every_format_is_read_and_the_model_tells_the_sets_apart(sets, monkeypatch, capsys):
    code, out, _ = gristmill(monkeypatch, capsys, "--positive", "good", "--negative", "bad/*.jsonl", "--out", "m.bin")
    assert code == 0
    assert "positive: 60 documents, 54 trained on, 6 held out" in out
    assert "AUC 1.0000" in out
    assert "no row for 10%, 5%, 2%, 1% of the negative set: of 6 held out, one is 16.7%" in out
    (score,) = classifier.scores("m.bin", "hq", texts(WANTED, 1, seed=9))
    assert score > 0.9


def test_the_lineage_beside_the_model_says_what_it_was_made_of(sets, monkeypatch, capsys):
    arguments = ["--positive", "good", "--negative", "bad", "--out", "m.bin", "--json"]
    code, out, _ = gristmill(monkeypatch, capsys, *arguments)
    lineage = json.loads(out)
    assert code == 0
    assert json.loads((sets / "m.json").read_text()) == lineage
    assert [f["path"] for f in lineage["inputs"]["positive"]][:2] == ["good/a.jsonl.gz", "good/b.jsonl.zst"]
    assert all(len(f["digest"]) == 32 for files in lineage["inputs"].values() for f in files)
    assert lineage["params"]["buckets"] == 500
    assert lineage["libraries"]["floret"]
    assert gristmill(monkeypatch, capsys, *arguments)[1] == out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--positive", "none", "--negative", "bad"], "--positive none: no such file"),
        (["--positive", "good", "--negative", "bad", "--text-column", "body"], "no row has a column 'body'"),
        (["--positive", "good", "--negative", "good"], "the positive set has 0 of 60 texts left (60 in both sets)"),
        (["--positive", "good", "--negative", "bad", "--held-out", "2"], "held_out is 2.0"),
        (["--positive", "good", "--negative", "bad", "--out", "none/m.bin"], "there is no folder none"),
        (["--positive", "good", "--negative", "bad", "--out", "m.ftz"], "ends in .bin"),
        (["--positive", "broken.parquet", "--negative", "bad"], "--positive broken.parquet: "),
        (["--positive", "picture", "--negative", "bad"], "; convert it to JSON lines or Parquet, or leave it out"),
    ],
)
def test_what_is_wrong_is_said(sets, monkeypatch, capsys, arguments, said):
    (sets / "broken.parquet").write_bytes(b"PAR1 and nothing else")
    (sets / "picture").write_bytes(b"\x89PNG and so on")
    code, _, err = gristmill(monkeypatch, capsys, "--out", "m.bin", *arguments)
    assert code == 1
    assert "set format" not in err
    assert said in err
    assert not (sets / "m.bin").exists()
