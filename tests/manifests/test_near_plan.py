"""`plan` shows which near duplicates are looked at, and `check` warns where too many are not."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.curation.dedup import banding
from gristmill.manifests import near_plan, schema
from tests.manifests.corpus import document, write_jsonl
from tests.manifests.test_index import told, write


@pytest.fixture
def root(tmp_path) -> Path:
    write_jsonl(tmp_path / "a.jsonl", [document(1)])
    return tmp_path


def planned(root: Path, dedup: str) -> tuple[dict | None, str]:
    """What `plan` says of dedup as data, and all of it as text."""
    manifest = write(root, "m", {"a": ["a.jsonl"]}, dedup)
    code, out, err = told("plan", manifest, cwd=root)
    assert (code, err) == (0, "")
    steps = {entry["step"]: entry for entry in json.loads(told("plan", manifest, "--json", cwd=root)[1])}
    return steps["dedup"].get("near"), out


def test_the_curve_is_that_of_the_bands_that_are_chosen(root):
    near, out = planned(root, "prefer: [a]")
    params = banding.choose(128)
    assert (near["bands"], near["rows_per_band"], near["given"]) == (params.bands, params.rows_per_band, [])
    assert near["caught"] == banding.caught(params) >= 0.995
    assert near["curve"] == {f"{s:.2f}": chance for s, chance in banding.curve(params).items()}
    assert near["warning"] is None
    assert "near duplicates: 21 bands x 6 rows (chosen): 99.8 % compared at jaccard 0.8" in out
    similarities, chances = (line.split() for line in out.splitlines()[-2:])
    assert similarities == ["Jaccard", *near["curve"]]
    assert chances == ["compared", "%", *(f"{100 * chance:.1f}" for chance in near["curve"].values())]
    assert max(len(line) for line in out.splitlines()[-3:]) <= 80


def test_bands_that_are_given_are_said_to_be(root):
    near, out = planned(root, "near: {bands: 30}")
    assert (near["bands"], near["rows_per_band"], near["given"]) == (30, 4, ["bands"])
    assert "30 bands x 4 rows (bands given)" in out
    near, out = planned(root, "near: {bands: 18, rows_per_band: 6}")
    assert "18 bands x 6 rows (given): 99.6 % compared" in out
    assert "warning" not in out


def test_containment_is_told_with_the_jaccard_similarity_that_it_means(root):
    _, out = planned(root, "near: {measure: containment, num_perm: 256}")
    assert "compared at containment 0.8 (Jaccard 0.667 at equal length)" in out


@pytest.mark.parametrize("dedup", ["near: null", "near: null, exact: false"])
def test_without_near_deduplication_nothing_is_said_of_it(root, dedup):
    manifest = write(root, "m", {"a": ["a.jsonl"]}, dedup)
    assert near_plan.facts(schema.load(manifest)) is None
    assert "near duplicates" not in told("plan", manifest, cwd=root)[1]


@pytest.mark.parametrize(
    ("near", "says"),
    [
        (
            "bands: 10, rows_per_band: 12",
            "10 bands x 12 rows never compare 49.1 % of the pairs at min_similarity 0.8; to compare 99.5 % of them, "
            "leave out bands and rows_per_band (21 x 6 compares 99.8 %), or set bands: 75 and num_perm: 900",
        ),
        ("bands: 10", "leave out bands (21 x 6 compares 99.8 %)"),
        ("bands: 9, rows_per_band: 6", "leave out bands and rows_per_band (21 x 6 compares 99.8 %), or set bands: 18"),
        ("num_perm: 3", "3 bands x 1 rows never compare 0.8 % of the pairs at min_similarity 0.8"),
        ("num_perm: 3", "set num_perm: 4"),
        ("min_similarity: 0.000001", "to compare 99.5 % of them, raise min_similarity"),
        ("num_perm: 2, bands: 1", "set num_perm: 4 and leave out bands"),
    ],
)
def test_bands_that_miss_too_many_pairs_are_warned_of_with_what_would_do(root, near, says):
    manifest = write(root, "m", {"a": ["a.jsonl"]}, f"near: {{{near}}}")
    for command in ("check", "plan"):
        code, out, _ = told(command, manifest, cwd=root)
        assert code == 0
        assert "m.yaml:6 curate.dedup.near: " in out
        assert says in out
    assert says in planned(root, f"near: {{{near}}}")[0]["warning"]


@given(
    st.integers(1, 256),
    st.floats(0.3, 1),
    st.sampled_from(banding.MEASURES),
    st.integers(1, 40),
    st.integers(1, 40),
)
def test_what_a_warning_says_would_do_does(tmp_path_factory, num_perm, similarity, measure, bands, rows):
    if bands * rows > num_perm:
        return
    root = tmp_path_factory.mktemp("warned")
    block = {"num_perm": num_perm, "min_similarity": similarity, "measure": measure}
    manifest = write(
        root, "m", {"a": ["a.jsonl"]}, f"near: {json.dumps(block | {'bands': bands, 'rows_per_band': rows})}"
    )
    said = near_plan.warning(schema.load(manifest))
    if said is None:
        return
    assert "raise min_similarity" not in said
    for remedy in re.sub(r"\(.*?\)", "", said).split("of them, ")[1].split(", or "):
        mended = block | ({} if "leave out" in remedy else {"bands": bands, "rows_per_band": rows})
        mended |= {name: int(value) for name, value in re.findall(r"(\w+): (\d+)", remedy)}
        near = schema.Near(**mended)
        assert banding.caught(near.duplicates) >= banding.CAUGHT
