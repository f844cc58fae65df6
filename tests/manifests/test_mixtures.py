"""Mixtures as a manifest has them: what is wrong is named with its line, and a changed weight only packs again."""

import pyarrow as pa
import pytest

from gristmill.manifests import schema
from gristmill.manifests.source_lines import ManifestError
from tests.manifests import corpus
from tests.manifests.test_run import go, plans


def with_mixture(manifest, block: str, weights: bool = False) -> None:
    text = manifest.read_text()
    if not weights:
        text = text.replace("    weight: 0.5\n", "").replace("weight: 0.5, ", "")
    lines = [line for line in text.splitlines() if not line.startswith("mixture:")]
    manifest.write_text("\n".join(lines) + f"\nmixture: {block}\n")


def rows_of(root):
    files = sorted((root / "runs/small/packed/train").glob("*.arrow"))
    return [
        row for path in files for row in pa.ipc.open_file(pa.memory_map(str(path))).read_all()["segments"].to_pylist()
    ]


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    root = tmp_path_factory.mktemp("mixed")
    return corpus.make(root / "data"), root


@pytest.mark.slow
def test_a_changed_weight_packs_again_and_encodes_nothing(manifest):
    path, root = manifest
    with_mixture(path, "{tokens: 6000, validation: 0.1, weights: {news: 0.5, letters: 0.5}}")
    go(path, root)
    before = rows_of(root)
    with_mixture(path, "{tokens: 6000, validation: 0.1, weights: {news: 0.2, letters: 0.8}}")
    plan = plans(path, root)
    assert {step for step, (action, _) in plan.items() if action != "reuse"} == {"pack", "report"}
    assert "mixture.weights.letters 0.5 -> 0.8" in plan["pack"][1]
    ran = go(path, root).ran
    assert {step for step, todo in ran.items() if todo} == {"pack"}
    assert rows_of(root) != before

    with_mixture(
        path,
        "{tokens: 6000, validation: 0.1, weights: {news: 0.2, letters: 0.8}, "
        "phases: [{after_rows: 40, weights: {news: 0.7, letters: 0.3}}]}",
    )
    old = rows_of(root)
    assert {step for step, todo in go(path, root).ran.items() if todo} == {"pack"}
    assert rows_of(root)[:40] == old[:40]
    assert rows_of(root)[40:] != old[40:]


def test_parts_by_columns_and_unimax_go_through_a_manifest(manifest):
    path, root = manifest
    with_mixture(path, "{tokens: 6000, validation: 0.1, by: [source, kind], unimax: true}")
    go(path, root)
    tokens = dict.fromkeys(("news", "letters"), 0)
    for segment in (s for row in rows_of(root) for s in row):
        tokens[segment["source"]] += segment["length"]
    assert tokens == {"news": 3000, "letters": 3000}


@pytest.mark.parametrize(
    ("block", "weights", "message"),
    [
        (
            "{temperature: 2}",
            True,
            "mixture.temperature: mixture.temperature decides the shares, and sources.news has a weight",
        ),
        (
            "{weights: {nwes: 1, letters: 1}}",
            False,
            "mixture.weights.nwes: there is no source 'nwes'; did you mean 'news'",
        ),
        (
            "{by: [source, quality_bucket], unimax: true, tokens: 9}",
            False,
            "no source has buckets, so that there is no",
        ),
        ("{by: [num_words]}", False, "'num_words' is none of source, kind, language"),
        ("{phases: [{weights: {news: 1, letters: 1}}]}", False, "give each phase `start`"),
        (
            "{phases: [{start: 0.5, weights: {nobody: 1}}]}",
            False,
            "mixture.phases.0.weights.nobody: there is no source",
        ),
        ("{unimax: true}", False, "needs `tokens`"),
        ("{temprature: 2}", False, "temprature"),
    ],
)
def test_what_is_wrong_with_a_mixture_is_said_with_its_line(tmp_path, block, weights, message):
    path = corpus.make(tmp_path)
    with_mixture(path, block, weights)
    line = path.read_text().splitlines().index(f"mixture: {block}") + 1
    with pytest.raises(ManifestError) as raised:
        schema.load(path)
    assert message in str(raised.value)
    assert f"small.yaml:{line}" in str(raised.value)


def test_a_mixture_that_cannot_be_had_stops_the_run_with_its_remedy(manifest):
    path, root = manifest
    with_mixture(path, "{tokens: 60_000, validation: 0.1, weights: {news: 0.9, letters: 0.1}}")
    with pytest.raises(ManifestError, match=r"small.yaml:\d+ mixture: .*news must give 54,000 tokens and has"):
        go(path, root)
