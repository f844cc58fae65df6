"""`gristmill tokenizer train` and `eval`, on files and on a run."""

import gzip
import json
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gristmill.manifests import schema
from gristmill.manifests.cli_tokenizer import TokenizerError, evaluate_on_files, train_on_files
from gristmill.manifests.runner import Place, report_now
from gristmill.manifests.tokenizer_eval import evaluate_run
from gristmill.tokenizer import bpe
from gristmill.tokenizer.sample import held_out
from gristmill.tokenizer.training import TokenizerParams, train
from tests.manifests import corpus
from tests.manifests.test_run import go

LINES = [f"The miller number {n} grinds {n * n} sacks of {word}.\n" for n in range(300) for word in ("rye", "oats")]


@pytest.fixture
def files(tmp_path):
    """The same lines as Parquet, JSON lines, Arrow and plain text, each a quarter of them."""
    folder = tmp_path / "files"
    folder.mkdir()
    quarter = len(LINES) // 4
    parts = [LINES[i * quarter : (i + 1) * quarter] for i in range(4)]
    pq.write_table(pa.table({"text": parts[0]}), folder / "a.parquet")
    with gzip.open(folder / "b.jsonl.gz", "wt") as file:
        file.write("".join(json.dumps({"text": line}) + "\n" for line in parts[1]) + '{"other": 1}\n')
    table = pa.table({"text": parts[2]})
    with pa.ipc.new_file(str(folder / "c.arrow"), table.schema) as writer:
        writer.write_table(table)
    (folder / "d.txt").write_text("".join(parts[3]))
    return folder


def test_all_kinds_of_files_give_the_tokenizer_of_their_texts(files, tmp_path):
    made_of = train_on_files([str(files)], tmp_path / "out", None, (), 0, vocab_size=400, held_out=0.0)
    quarter = len(LINES) // 4
    texts = [line.strip("\n") for line in LINES[: 3 * quarter]] + ["".join(LINES[3 * quarter :])]
    loaded = bpe.load(tmp_path / "out")
    expected = train([text.strip() for text in texts[:-1]] + texts[-1:], TokenizerParams(vocab_size=400))
    assert loaded.get_vocab_size() == made_of["vocab_size"] == 400
    assert made_of["documents"] == 3 * quarter + 1
    assert made_of["sets"]["files"]["not_read"] == {"no_text": 1}
    assert json.loads((tmp_path / "out" / "training.json").read_text()) == json.loads(json.dumps(made_of))
    shared = set(loaded.get_vocab()) & set(expected.get_vocab())
    assert len(shared) > 390  # readers strip line ends, no more


def test_the_order_and_number_of_files_change_nothing(files, tmp_path):
    paths = sorted(str(path) for path in files.iterdir())
    options = {"vocab_size": 400, "sample_bytes": 9_000}
    first = train_on_files([f"x={files}/*"], tmp_path / "a", None, (), 3, **options)
    again = train_on_files([f"x={files}"], tmp_path / "b", None, (), 3, **options)
    other = train_on_files([f"x={files}/*"], tmp_path / "c", None, (), 4, **options)
    assert (tmp_path / "a" / "tokenizer.json").read_bytes() == (tmp_path / "b" / "tokenizer.json").read_bytes()
    assert first["digest"] == again["digest"] != other["digest"]
    assert 8_900 <= first["sample_bytes"] <= 9_000
    assert len(paths) == 4


def test_sets_share_the_sample_by_their_weights(files, tmp_path):
    sets = [f"one={files / 'a.parquet'}", f"two={files / 'd.txt'}"]
    made_of = train_on_files(sets, tmp_path / "out", None, (0.0, 1.0), 0, vocab_size=300, sample_bytes=3_000)
    assert made_of["params"]["sample_weights"] == {"one": 0.0, "two": 1.0}
    assert made_of["sample_bytes"] == 3_000


@pytest.mark.parametrize(
    ("paths", "options", "message"),
    [
        (["nowhere"], {}, "--files nowhere: no such file"),
        (["{}/a.parquet", "{}/a.parquet"], {}, "two sets are called a.parquet"),
        (["{}"], {"weights": (1.0, 2.0)}, "2 times for 1 sets"),
        (["{}"], {"text_column": "body"}, "no column"),
        (["{}"], {"vocab_size": 12}, "vocab_size: 12 is below 266"),
    ],
)
def test_what_is_wrong_with_files_is_said(files, tmp_path, paths, options, message):
    options = {"text_column": None, "weights": (), "seed": 0, "vocab_size": 300} | options
    with pytest.raises(TokenizerError, match=message):
        train_on_files([path.format(files) for path in paths], tmp_path / "out", **options)


def test_plain_text_that_is_no_utf8_is_replaced_and_counted(tmp_path):
    (tmp_path / "x.txt").write_bytes(b"caf\xe9 caf\xe9 caf\xe9\n" * 9)
    made_of = train_on_files([str(tmp_path / "x.txt")], tmp_path / "out", None, (), 0, vocab_size=300, held_out=0.0)
    assert made_of["sets"]["x.txt"]["not_read"] == {"not all UTF-8": 1}


def test_a_tokenizer_is_measured_on_files_beside_others(files, tmp_path):
    train_on_files([str(files)], tmp_path / "small", None, (), 0, vocab_size=300)
    train_on_files([str(files)], tmp_path / "large", None, (), 0, vocab_size=450)
    found = evaluate_on_files(
        tmp_path / "large", [f"mill={files}"], None, [f"small={tmp_path / 'small'}"], [350], 2**20
    )
    own, small = found["tokenizers"]["own"], found["tokenizers"]["small"]
    assert own["all"]["bytes"] == small["all"]["bytes"] == found["bytes"]
    assert own["all"]["bytes_per_token"] > small["all"]["bytes_per_token"]
    assert own["source"]["mill"] == own["all"]
    assert [row["vocab_size"] for row in found["sweep"]] == [350, 450]
    with pytest.raises(TokenizerError, match="--sweep 900: a larger vocabulary is trained anew"):
        evaluate_on_files(tmp_path / "large", [str(files)], None, [], [900], 2**20)
    with pytest.raises(TokenizerError, match="no tokenizer"):
        evaluate_on_files(tmp_path / "large", [str(files)], None, [str(files)], [], 2**20)


def test_a_runs_tokenizer_is_measured_on_what_its_sample_left_out_and_reported(tmp_path):
    manifest = corpus.make(tmp_path / "data")
    text = manifest.read_text()
    assert "tokenizer:" in text
    manifest.write_text(text.replace("tokenizer: {", "tokenizer: {held_out: 0.3, "))
    go(manifest, tmp_path, until="tokenizer")
    loaded = schema.load(manifest)
    place = Place.of(loaded, tmp_path / "store", tmp_path / "runs")
    size = bpe.load(place.run / "tokenizer").get_vocab_size()
    found = evaluate_run(loaded, place, [], [size + 50], 2**20)
    kept = [
        document
        for path in sorted((place.run / "shards").rglob("*.arrow"))
        for document in pa.ipc.open_file(pa.memory_map(str(path))).read_all()["id"].to_pylist()
    ]
    assert found["documents"] == int(held_out(kept, loaded.manifest.seed, 0.3).sum()) > 0
    assert set(found["tokenizers"]["own"]["source"]) <= set(loaded.manifest.sources)
    assert found["sweep"][-1]["vocab_size"] > size
    page = report_now(loaded, place).read_text()
    assert "<h2>Tokenizer</h2>" in page
    assert "Bytes per token by vocabulary size" in page


@pytest.mark.slow
def test_the_commands_speak_to_programs_and_say_what_is_missing(files, tmp_path):
    def gristmill(*words):
        command = [sys.executable, "-m", "gristmill.manifests.cli", "tokenizer", *map(str, words)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    done = gristmill("train", "--files", files, "--out", tmp_path / "t", "--vocab-size", 300, "--json")
    assert json.loads(done.stdout)["vocab_size"] == 300
    done = gristmill("eval", "--tokenizer", tmp_path / "t", "--files", files, "--json")
    assert json.loads(done.stdout)["tokenizers"]["own"]["vocab_size"] == 300
    for words in (["train"], ["train", "--files", files], ["eval", "--files", files]):
        done = gristmill(*words)
        assert done.returncode == 1
        assert done.stderr.startswith("gristmill: ")
        assert "Traceback" not in done.stderr
