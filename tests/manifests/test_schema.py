"""A manifest's problems: all at once, each with its line, what is wrong and how to mend it."""

import json
import re
from pathlib import Path

import pytest

from gristmill.curation.documents import KINDS
from gristmill.manifests import schema
from gristmill.manifests.json_schema import json_schema
from gristmill.manifests.source_lines import ManifestError
from tests.conftest import PROJECT

GOOD = """\
sources:
  web:
    kind: crawl
    paths: [crawl/*.warc.gz]
    weight: 3
  books: {kind: books, paths: books/*.txt, weight: 1, max_epochs: 4}
"""


def load(tmp_path: Path, text: str, name: str = "m.yaml"):
    (tmp_path / name).write_text(text)
    return schema.load(tmp_path / name)


def problems(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(ManifestError) as raised:
        load(tmp_path, text)
    return [str(problem).removeprefix(f"{tmp_path}/") for problem in raised.value.problems]


def test_defaults_are_those_of_the_design(tmp_path):
    m = load(tmp_path, GOOD).manifest
    assert m.name == "m"
    assert m.weights == {"web": 0.75, "books": 0.25}
    assert m.sources["web"].max_epochs == 1
    assert m.curate.pii is None
    assert m.curate.decontaminate is None
    assert m.mixture.validation == 0.01
    assert m.run.max_failed == 0.05
    assert m.tokenizer is None
    assert m.pretrain is None
    near = m.curate.dedup.near
    assert (near.ngram_words, near.num_perm, near.bands, near.rows_per_band) == (5, 128, None, None)
    chosen = near.duplicates
    assert (chosen.bands, chosen.rows_per_band, chosen.min_similarity, chosen.measure) == (21, 6, 0.8, "jaccard")


def test_json_works_as_yaml_does(tmp_path):
    data = {
        "name": "m",
        "sources": {"a": {"kind": "text", "paths": ["x.jsonl"]}},
        "mixture": {"tokens": 2_000_000_000},
    }
    assert load(tmp_path, json.dumps(data, indent="\t"), "m.json").manifest == load(tmp_path, json.dumps(data)).manifest


def test_a_json_escape_that_yaml_does_not_know_is_read(tmp_path):
    data = '{"sources": {"a": {"kind": "text", "paths": ["x.jsonl"], "licence": "\\ud83d\\ude00"}}}'
    assert load(tmp_path, data, "m.json").manifest.sources["a"].licence == "\U0001f600"


def test_null_means_none(tmp_path):
    m = load(tmp_path, GOOD + "tokenizer: null\npack: null\npretrain: null\n").manifest
    assert (m.tokenizer, m.pack, m.pretrain) == (None, None, None)


def test_a_training_manifest_has_what_training_needs(tmp_path):
    m = load(tmp_path, GOOD + "pretrain: {max_steps: 3}\n").manifest
    assert m.tokenizer.vocab_size == 32768
    assert m.pack.seq_length == 2048


def test_numbers_may_have_underscores(tmp_path):
    assert load(tmp_path, GOOD + "mixture: {tokens: 2_000_000_000}\n").manifest.mixture.tokens == 2_000_000_000


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            GOOD + "curate: {conformance: datatrov}\n",
            "m.yaml:7 curate.conformance: 'datatrov' is not one of datatrove; did you mean 'datatrove'?",
        ),
        (
            GOOD + "curate: {dedupe: {exact: true}}\n",
            "m.yaml:7 curate.dedupe: unknown key; did you mean 'dedup'?",
        ),
        (
            GOOD.replace("max_epochs", "max_epoch"),
            "m.yaml:6 sources.books.max_epoch: unknown key; did you mean 'max_epochs'?",
        ),
        (
            GOOD + "tokenizer: {vocab: 3}\n",
            "m.yaml:7 tokenizer.vocab: unknown key; did you mean 'vocab_size'?",
        ),
        (
            GOOD + "curate:\n  dedup:\n    near: {bands: 14, rows_per_band: 10}\n",
            "m.yaml:9 curate.dedup.near: bands (14) x rows_per_band (10) = 140 hashes, but num_perm is 128",
        ),
        (GOOD.replace("kind: crawl", "kind: crowl"), "m.yaml:3 sources.web.kind: 'crowl' is not one of"),
        (GOOD.replace("    kind: crawl\n", ""), "m.yaml:2 sources.web.kind: missing; add it (one of crawl"),
        (
            GOOD + "curate: {dedup: {prefer: [book]}}\n",
            "m.yaml:7 curate.dedup.prefer: there is no source 'book'; did you mean 'books'?",
        ),
        (GOOD.replace("    weight: 3\n", ""), "m.yaml:2 sources.web: has no weight, but books has one"),
        (
            GOOD.replace("paths: [", "filters: gohper\n    paths: ["),
            "m.yaml:4 sources.web.filters: unknown preset 'gohper'; did you mean 'gopher'?",
        ),
        (GOOD + "  books: {}\n", 'm.yaml:7: found duplicate key "books"'),
        (GOOD + "curate: [", "m.yaml:7: not valid YAML"),
        ("- a\n", "m.yaml:1: a manifest is a mapping"),
        (
            GOOD + "run: {max_failed: 2}\n",
            "m.yaml:7 run.max_failed: must be 1 or less, but it is 2",
        ),
        (GOOD + "pack: {seq_length: many}\n", "m.yaml:7 pack.seq_length: must be a whole number, but it is 'many'"),
        (
            GOOD.replace("paths: [crawl/*.warc.gz]", "limit: 3"),
            "m.yaml:2 sources.web: give the source its files by `paths`",
        ),
        (
            GOOD + "curate: {languages: {keep: en}}\n",
            "m.yaml:7 curate.languages.keep: must be 'all', or a list, such as [en], but it is 'en'",
        ),
        (
            GOOD + "curate: {languages: {keep: [en], min_score: {en: high}}}\n",
            "m.yaml:7 curate.languages.min_score.en: must be a number, but it is 'high'",
        ),
        (
            GOOD + "curate: {languages: {keep: [en], min_score: '0.5'}}\n",
            "m.yaml:7 curate.languages.min_score: must be a number, but it is '0.5'; remove the quotes",
        ),
        (
            GOOD.replace("weight: 1,", "weight: 1, buckets: {by: num_words, edges: ['3', 6.5], weights: [1, 1, 1]},"),
            "m.yaml:6 sources.books.buckets.edges.0: must be a number, but it is '3'; remove the quotes",
        ),
        (
            GOOD + "curate: {decontaminate: {against: []}}\n",
            "m.yaml:7 curate.decontaminate: against is empty",
        ),
        (
            GOOD.replace(
                "paths: [", "filters:\n    - gopher\n    - {name: n, feature: num_words, op: '<'}\n    paths: [", 1
            ),
            "m.yaml:6 sources.web.filters.1: filters: rule on num_words lacks threshold",
        ),
        (
            GOOD.replace(
                "paths: [", "filters:\n    - gopher:\n        min_words: 3\n        max_words: many\n    paths: [", 1
            ),
            "m.yaml:7 sources.web.filters.0.gopher.max_words: rule gopher.max_words: threshold is 'many'",
        ),
        (
            GOOD + "curate: {languages: {keep: [en], min_score: true}}\n",
            "m.yaml:7 curate.languages: min_score is true, but a probability is a number; set 0.65",
        ),
        (
            GOOD + "curate: {languages: en}\n",
            "m.yaml:7 curate.languages: must be a block of `key: value` lines, but it is 'en'; keys here: keep,",
        ),
        (GOOD + "seed: -1\n", "m.yaml:7 seed: must be 0 or more, but it is -1"),
        (GOOD + "seed: 4294967296\n", "m.yaml:7 seed: must be 4294967295 or less"),
        (
            GOOD + "curate: {dedup: {exact: maybe}}\n",
            "m.yaml:7 curate.dedup.exact: must be true or false, but it is 'maybe'",
        ),
        (
            GOOD.replace("weight: 1,", "weight: 1, skip: dedup,"),
            "m.yaml:6 sources.books.skip: must be a list, such as [dedup], but it is 'dedup'",
        ),
        ("name: x\n", "m.yaml sources: missing; add it"),
        ("", "m.yaml:1: a manifest is a mapping"),
    ],
)
def test_a_problem_names_its_line_and_its_remedy(tmp_path, text, said):
    assert problems(tmp_path, text)[0].startswith(said)


def test_all_problems_are_reported_at_once(tmp_path):
    found = problems(tmp_path, GOOD.replace("crawl\n", "crowl\n") + "tokeniser: {}\nrun: {worker: 3}\n")
    assert [p.split()[0] for p in found] == ["m.yaml:3", "m.yaml:7", "m.yaml:8"]


def test_a_missing_manifest_is_said_to_be_missing(tmp_path):
    with pytest.raises(ManifestError, match="no such file"):
        schema.load(tmp_path / "nowhere.yaml")


def test_the_published_json_schema_is_the_one_in_force():
    assert json.loads((PROJECT / "docs" / "manifest.schema.json").read_text()) == json_schema()


@pytest.mark.parametrize("path", sorted((PROJECT / "manifests").glob("*.yaml")), ids=lambda p: p.name)
def test_the_manifests_that_come_with_the_project_are_valid(path):
    assert schema.load(path).manifest.sources


def test_the_json_schema_knows_each_kinds_options_of_reading_and_says_what_they_do():
    published = json_schema()
    by_kind = {
        entry["if"]["properties"]["kind"]["const"]: entry["then"] for entry in published["$defs"]["Source"]["allOf"]
    }
    assert set(by_kind) == set(KINDS)
    assert by_kind["text"]["properties"]["read"] == {"$ref": "#/$defs/TextParams"}
    options = published["$defs"]["TextParams"]
    assert set(options["properties"]) == {"config", "split", "meta"}
    assert options["additionalProperties"] is False
    assert all("description" in about for about in options["properties"].values())
    assert "parquet" in by_kind["text"]["properties"]["format"]["enum"]
    described = published["$defs"]["Source"]["properties"]
    assert all("description" in about for about in described.values())


@pytest.mark.parametrize("page", ["sources/text.md", "own-code.md", "quality.md"])
def test_the_manifests_on_the_pages_are_valid(tmp_path, page):
    blocks = re.findall(r"```yaml\n(.*?)```", (PROJECT / "docs" / page).read_text(), re.DOTALL)
    assert blocks
    for block in blocks:
        if block.startswith("filters:"):
            indented = "".join(f"    {line}\n" for line in block.splitlines())
            block = f"sources:\n  a:\n    kind: text\n    paths: [a]\n{indented}"
        assert load(tmp_path, block).manifest.sources
