"""Data sets of the Hub, through the real client and real requests to a Hub on loopback."""

import io
import json
import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from huggingface_hub import HfFileSystem, constants, file_download

from gristmill.curation.ledger import read_ledger
from gristmill.manifests import hub, schema, units
from gristmill.manifests.hub_splits import by_convention, matching
from gristmill.manifests.inputs import Digests, MissingInput, expand
from gristmill.manifests.runner import Place, open_context
from gristmill.manifests.source_lines import ManifestError
from tests.hub_server import running_hub
from tests.manifests import corpus
from tests.manifests.test_run import command, go, plans


def parquet(texts: list[str], **columns: list) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table({"text": texts, **columns}), out)
    return out.getvalue()


def lines(*texts: str) -> bytes:
    return "".join(json.dumps({"text": text}) + "\n" for text in texts).encode()


def readme(configs: list) -> bytes:
    return ("---\n" + yaml.safe_dump({"license": "odc-by", "configs": configs}) + "---\n# A data set\n").encode()


@pytest.fixture
def server(monkeypatch):
    with running_hub() as running:
        # What HF_ENDPOINT sets when the client is imported.
        monkeypatch.setattr(constants, "ENDPOINT", running.url)
        template = running.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(file_download, "HUGGINGFACE_CO_URL_TEMPLATE", template, raising=False)
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", os.devnull)
        monkeypatch.delenv("HF_TOKEN", raising=False)
        HfFileSystem.clear_instance_cache()
        yield running
        HfFileSystem.clear_instance_cache()


def names(path: str) -> list[str]:
    return [file.locator.removeprefix("hf://datasets/o/n/") for file in expand([path], ())]


def test_a_pattern_names_files_over_several_pages_of_the_listing(server):
    files = {f"sample/10BT/{n:03}.parquet": parquet([str(n)]) for n in range(8)}
    commit = server.add("o/n", {**files, "sample/100BT/000.parquet": b"", "README.md": b"", ".gitattributes": b""})
    found = expand(["hf://datasets/o/n/sample/10BT/*.parquet"], ())
    assert [file.locator for file in found] == [f"hf://datasets/o/n/{name}" for name in files]
    assert [file.path for file in found] == [f"hf://datasets/o/n@{commit}/{name}" for name in files]
    assert [file.size_bytes for file in found] == [len(data) for data in files.values()]
    assert sum("cursor" in request for request in server.asked) == 2
    assert names("hf://datasets/o/n/sample/10BT") == [*files]
    assert names("hf://datasets/o/n/sample/10BT/003.parquet") == ["sample/10BT/003.parquet"]
    assert names("hf://datasets/o/n/**/000.parquet") == ["sample/100BT/000.parquet", "sample/10BT/000.parquet"]


def test_a_file_is_its_content_whatever_the_commit(server, tmp_path):
    digests = Digests(tmp_path)
    path = "hf://datasets/o/n/data/a.parquet"
    first = server.add("o/n", {"data/a.parquet": parquet(["a"])})
    (before,) = expand([path], ())
    second = server.add("o/n", {"data/a.parquet": parquet(["a"]), "README.md": b"more words"})
    (same,) = expand([path], ())
    assert before.path == f"hf://datasets/o/n@{first}/data/a.parquet"
    assert same.path == f"hf://datasets/o/n@{second}/data/a.parquet"
    assert digests.of(same) == digests.of(before)
    server.add("o/n", {"data/a.parquet": parquet(["b"])})
    assert digests.of(expand([path], ())[0]) != digests.of(before)
    assert not [request for request in server.asked if "/resolve/" in request or "/cdn/" in request]


def test_a_revision_is_a_branch_a_tag_a_commit_or_a_ref_with_slashes(server):
    old = server.add("o/n", {"a.jsonl": lines("old")}, "v1")
    new = server.add("o/n", {"a.jsonl": lines("new")}, "main", "refs/convert/parquet")
    for revision, commit in (("v1", old), (old, old), ("refs/convert/parquet", new), ("refs%2Fconvert%2Fparquet", new)):
        (file,) = expand([f"hf://datasets/o/n@{revision}/a.jsonl"], ())
        assert file.path == f"hf://datasets/o/n@{commit}/a.jsonl"
    assert expand(["hf://datasets/o/n@v1/a.jsonl"], ())[0].locator == "hf://datasets/o/n@v1/a.jsonl"


CONFIGS = [
    {"config_name": "en", "default": True, "data_files": [{"split": "train", "path": "en/*.parquet"}]},
    {"config_name": "de", "data_files": {"train": ["de/a.parquet", "de/b.parquet"], "test": "de/t.parquet"}},
    {"config_name": "fr", "data_dir": "fr"},
    {"config_name": "all", "data_files": "**/*.parquet"},
]
TREE = ["en/0.parquet", "en/1.parquet", "de/a.parquet", "de/b.parquet", "de/t.parquet", "fr/train.parquet"]
TREE += ["fr/test-0.parquet"]


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("", TREE[:2]),
        ("?config=de", ["de/a.parquet", "de/b.parquet"]),
        ("?config=de&split=test", ["de/t.parquet"]),
        ("?config=de&split=train%2Btest", ["de/a.parquet", "de/b.parquet", "de/t.parquet"]),
        ("?config=de&split=all", ["de/a.parquet", "de/b.parquet", "de/t.parquet"]),
        ("?config=fr", ["fr/train.parquet"]),
        ("?config=fr&split=test", ["fr/test-0.parquet"]),
        ("?config=all", sorted(TREE)),
    ],
)
def test_configurations_and_splits_are_those_of_the_readme(server, choice, expected):
    server.add("o/n", {**dict.fromkeys(TREE, b"PAR1"), "README.md": readme(CONFIGS)})
    assert names(f"hf://datasets/o/n{choice}") == expected


@pytest.mark.parametrize(
    ("files", "splits"),
    [
        (["data/train-00000-of-00002.parquet", "data/train-00001-of-00002.parquet"], {"train": [0, 1]}),
        (["data/forget10-00000-of-00001.parquet"], {"forget10": [0]}),
        (["train/a.jsonl", "dev/b.jsonl", "x/my-test-set/c.jsonl"], {"train": [0], "validation": [1], "test": [2]}),
        (["my_train.csv", "my_valid_2.csv", "trainer.csv"], {"train": [0], "validation": [1]}),
        (["a.parquet", "b/c.parquet"], {"train": [0, 1]}),
    ],
)
def test_without_configurations_names_tell_the_split(files, splits):
    found = by_convention({name: name for name in files})
    assert found == {split: [files[number] for number in numbers] for split, numbers in splits.items()}


def test_globs_keep_to_folders_and_leave_out_what_is_hidden():
    files = dict.fromkeys(["a.csv", "d/b.csv", "d/e/c.csv", ".git/x.csv", "__MACOSX/y.csv", "d/README.md"])
    assert matching(["*.csv"], files) == ["a.csv"]
    assert matching(["**/*.csv"], files) == ["a.csv", "d/b.csv", "d/e/c.csv"]
    assert matching(["d/**"], files) == ["d/b.csv", "d/e/c.csv"]
    assert matching(["./d/[!c].csv", ".git/*"], files) == ["d/b.csv", ".git/x.csv"]


def test_the_parquet_branch_has_its_own_layout(server):
    tree = ["en/train/0.parquet", "en/train/1.parquet", "en/partial-test/0.parquet", "de/train/0.parquet"]
    server.add("o/n", dict.fromkeys(tree, b"PAR1"), "refs/convert/parquet")
    whole = "hf://datasets/o/n@refs/convert/parquet"
    found = expand([f"{whole}?config=en&split=test"], ())
    assert [file.locator for file in found] == [f"{whole}/en/partial-test/0.parquet"]
    with pytest.raises(MissingInput, match=r"several configurations; set read: .* to one of de, en"):
        expand([whole], ())


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("hf://datasets/o/nn", "there is no such data set, or it is private; correct the name, or log in"),
        ("hf://datasets/o/n@v2/a", "no branch, tag or commit 'v2'; it has main, v1"),
        ("hf://datasets/o/n/data/b.parquet", "matches; did you mean data/a.parquet"),
        ("hf://datasets/o/n?config=de", "its README names no configurations"),
        ("hf://datasets/o/n?split=tests", "it has no split 'tests'; did you mean 'test'? splits: train, test"),
        ("hf://datasets/o/n?split=train[:10%25]", "use `limit` or `sample`"),
        ("hf://datasets/o/n/data?split=test", "config and split choose from a whole data set"),
        ("hf://datasets/o/gated/a.parquet", "asks readers to accept terms: do so at http://127"),
        ("hf://datasets/o/pictures?split=test", "no files with rows that this reads"),
    ],
)
def test_what_is_not_there_is_said_with_what_is(server, path, said):
    server.add(
        "o/n", {"data/a.parquet": b"PAR1", "data/test.parquet": b"PAR1", "data/train.parquet": b"PAR1"}, "main", "v1"
    )
    server.add("o/gated", {"a.parquet": b"PAR1"}, gated=True)
    server.add("o/pictures", {"a.png": b""})
    with pytest.raises(MissingInput) as raised:
        expand([path], ())
    assert said in str(raised.value)
    assert str(raised.value).startswith("hf://datasets/o/")


def test_a_token_opens_what_is_gated(server, monkeypatch):
    server.add("o/gated", {"a.parquet": parquet(["a"])}, gated=True)
    monkeypatch.setenv("HF_TOKEN", server.token)
    assert len(expand(["hf://datasets/o/gated"], ())) == 1


def test_a_hub_that_cannot_be_reached_says_so(monkeypatch):
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(MissingInput, match=r"hf://datasets/o/n: cannot be reached .* try again later"):
        expand(["hf://datasets/o/n"], ())


def test_read_chooses_for_a_whole_data_set_only():
    assert hub.choosing("hf://datasets/o/n", "de", "test") == "hf://datasets/o/n?config=de&split=test"
    assert hub.choosing("news/*.jsonl", "de", None) == "news/*.jsonl"
    with pytest.raises(hub.HubError, match="give hf://datasets/o/n alone"):
        hub.choosing("hf://datasets/o/n/en/*.parquet", "de", None)


MANIFEST = """\
sources:
  web:
    kind: text
    paths: [hf://datasets/o/n]
    read: {config: edu, split: train}
    filters: [text, {feature: meta.score, op: ">=", threshold: 3}]
    skip: [language]
curate: {languages: null}
"""


@pytest.mark.slow
def test_a_run_reads_a_data_set_and_filters_by_its_scores(server, tmp_path):
    texts = [corpus.document(n) for n in range(40)]
    scores = [n % 5 for n in range(40)]
    tables = {f"edu/{n}.parquet": parquet(texts[n::2], score=scores[n::2]) for n in range(2)}
    configs = readme(
        [{"config_name": "edu", "data_files": "edu/*.parquet"}, {"config_name": "raw", "data_files": "r/*"}]
    )
    server.add("o/n", {**tables, "README.md": configs, "r/x.parquet": b"PAR1"})
    (tmp_path / "m.yaml").write_text(MANIFEST)
    done = command(
        "run",
        "m.yaml",
        "--until",
        "shards",
        "--workers",
        "1",
        cwd=tmp_path,
        env={**os.environ, "HF_ENDPOINT": server.url},
    )
    assert done.returncode == 0, done.stderr
    rows = read_ledger(tmp_path / "runs/m/ledger").to_pylist()
    assert sorted(row["locator"] for row in rows if "1.parquet" in row["locator"]) == sorted(
        f"hf://datasets/o/n/edu/1.parquet#row={n}" for n in range(20)
    )
    assert sum(row["status"] == "kept" for row in rows) == 16
    assert {(row["rule"], row["threshold"]) for row in rows if row["status"] == "dropped"} == {
        ("custom.meta.score", 3.0)
    }


def test_a_new_commit_reads_only_what_has_changed(server, tmp_path, monkeypatch):
    monkeypatch.setattr(units, "SMALL_BYTES", 0)  # every file its own unit
    big = [corpus.document(n) for n in range(8)]
    first = {"train/a.parquet": parquet(big), "train/b.parquet": parquet(big[::-1])}
    server.add("o/n", first)
    manifest = tmp_path / "m.yaml"
    manifest.write_text(
        "sources: {web: {kind: text, paths: [hf://datasets/o/n], filters: []}}\ncurate: {languages: null}\n"
    )
    go(manifest, tmp_path, until="extract")
    server.add("o/n", {**first, "train/b.parquet": parquet(big[:4]), "README.md": b"new"})
    assert plans(manifest, tmp_path)["extract"] == (
        "run 1 of 2",
        "changed: hf://datasets/o/n/train/b.parquet",
    )


def test_fetched_files_are_read_without_the_hub_being_asked_for_them(server, tmp_path):
    server.add("o/n", {"train/a.parquet": parquet(["one text"])})
    (tmp_path / "m.yaml").write_text("sources: {web: {kind: text, paths: [hf://datasets/o/n]}}\n")
    done = command("fetch", "m.yaml", cwd=tmp_path, env={**os.environ, "HF_ENDPOINT": server.url})
    assert done.returncode == 0, done.stderr
    loaded = schema.load(tmp_path / "m.yaml")
    place = Place.of(loaded, tmp_path / "store", tmp_path / "runs")
    (group,) = open_context(loaded, place).groups["web"]
    assert group.pieces[0].file.path.startswith(str(tmp_path))
    assert group.pieces[0].file.locator == "hf://datasets/o/n/train/a.parquet"


def test_a_problem_has_the_line_of_its_path(server, tmp_path):
    manifest = tmp_path / "m.yaml"
    manifest.write_text("sources:\n  web:\n    kind: text\n    paths:\n      - hf://datasets/o/nothing\n")
    loaded = schema.load(manifest)
    with pytest.raises(ManifestError, match=r"m.yaml:5 sources.web.paths.0: hf://datasets/o/nothing: there is no such"):
        open_context(loaded, Place.of(loaded, tmp_path / "store", tmp_path / "runs"))
