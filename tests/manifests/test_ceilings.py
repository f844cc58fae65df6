"""A source of which deduplication would remove too much stops the run, with the clusters that show why."""

import random
import re
from pathlib import Path

import pytest

from gristmill.manifests import schema
from gristmill.manifests.counts import RunStopped
from gristmill.manifests.runner import Place, open_context, survey
from tests.manifests.corpus import WORDS, document, write_jsonl
from tests.manifests.test_index import go, told, write

FRAME = " ".join(random.Random(1).choices(WORDS, k=100))
TWIN = " ".join(random.Random(2).choices(WORDS, k=100))


def copies(text: str, number: int) -> list[str]:
    """Texts with one other word each, near the end: any two of them have 0.8 of their 5-grams or more in common."""
    words = text.split()
    return [" ".join([*words[: 90 + n % 8], f"page{n}", *words[91 + n % 8 :]]) for n in range(number)]


def others(number: int) -> list[str]:
    return [" ".join(random.Random(1000 + n).choices(WORDS, k=60)) for n in range(number)]


def stopped(manifest: Path) -> str:
    with pytest.raises(RunStopped) as error:
        go(manifest)
    return str(error.value)


@pytest.fixture(scope="module")
def flooded(tmp_path_factory) -> Path:
    """A source of 1,000 documents of which 921 go, and one of 999 of which 998 do."""
    root = tmp_path_factory.mktemp("flooded")
    write_jsonl(root / "web.jsonl", copies(FRAME, 900) + copies(TWIN, 23) + others(77))
    write_jsonl(root / "small.jsonl", [document(3)] * 999)
    return write(root, "m", {"small": ["small.jsonl"], "web": ["web.jsonl"]}, "scope: source")


def test_the_run_stops_and_shows_the_largest_clusters_with_both_texts(flooded):
    said = stopped(flooded)
    assert "m.yaml:7 curate.dedup.max_removed.web: dedup removes 92.10% of the 1,000 documents of source web" in said
    assert "more than curate.dedup.max_removed 0.9 (dedup.near: 921)" in said
    assert re.search(r"1\. 899 for [0-9a-f]{32}  web  web\.jsonl#\d+\n +" + FRAME[:60], said)
    assert re.search(r"2\. 22 for [0-9a-f]{32}  web  web\.jsonl#\d+\n +" + TWIN[:60], said)
    examples = re.findall(r"\n +(0\.\d{4})  [0-9a-f]{32}  web\.jsonl#\d+\n +(.*)\n +(.*)", said)
    assert len(examples) == 6
    assert all(0.8 <= float(similarity) < 1 for similarity, _, _ in examples)
    assert all(excerpt.startswith((FRAME[:60], TWIN[:60])) for _, excerpt, _ in examples)
    assert all(re.search(r"\{\+.*page\d+.*\+\}|\[-.*page\d+.*-\]", differs) for _, _, differs in examples)
    assert "set curate.dedup.max_removed: {web: 0.93}, and run again" in said


def test_below_a_thousand_documents_nothing_stops(flooded):
    assert "source small" not in stopped(flooded)


def test_the_command_fails_without_a_traceback(flooded):
    code, _, err = told("run", "m.yaml", "--until", "dedup", cwd=flooded.parent)
    assert code == 1
    assert "dedup removes 92.10%" in err
    assert "Traceback" not in err


def test_what_the_message_says_lets_the_run_go_on_with_the_result_that_is_there(flooded):
    said = stopped(flooded)
    (setting,) = re.findall(r"set curate.dedup.(max_removed: \{.*?\})", said)
    text = flooded.read_text()
    try:
        flooded.write_text(text.replace("scope: source", f"scope: source, {setting}"))
        loaded = schema.load(flooded)
        place = Place.of(loaded, flooded.parent / "store", flooded.parent / "runs")
        states = {state.step.name: state for state in survey(open_context(loaded, place), place, "dedup")}
        assert states["dedup"].complete
        seen = go(flooded)
        assert seen.ran["dedup"] == 0
        flooded.write_text(text.replace("scope: source", "scope: source, max_removed: {web: 0.92}"))
        assert "more than curate.dedup.max_removed 0.92" in stopped(flooded)
    finally:
        flooded.write_text(text)


def test_all_sources_above_their_ceiling_are_told_at_once_and_a_share_for_all_becomes_a_block(tmp_path):
    write_jsonl(tmp_path / "a.jsonl", copies(FRAME, 500) + others(500))
    write_jsonl(tmp_path / "b.jsonl", copies(TWIN, 1000))
    manifest = write(tmp_path, "m", {"a": ["a.jsonl"], "b": ["b.jsonl"]}, "max_removed: 0.4")
    said = stopped(manifest)
    assert "removes 49.90% of the 1,000 documents of source a, more than curate.dedup.max_removed 0.4" in said
    assert "removes 99.90% of the 1,000 documents of source b" in said
    assert "max_removed 0.4 or run.min_kept 0.01 allows" in said
    assert "set curate.dedup.max_removed: {a: 0.5, b: 0.999} and run.min_kept: 0.001" in said
    text = manifest.read_text().replace("max_removed: 0.4", "max_removed: {a: 0.5, b: 0.999}")
    manifest.write_text(text)
    said = stopped(manifest)
    assert "m.yaml run.min_kept: dedup removes 99.90% of the 1,000 documents of source b" in said
    assert "set run.min_kept: 0.001, and run again" in said
    manifest.write_text(text + "run: {min_kept: 0.001}\n")
    assert go(manifest).ran["dedup"] == 0


def test_with_an_index_only_a_manifests_own_sources_stop_it_and_the_kept_text_may_be_anothers(tmp_path):
    write_jsonl(tmp_path / "first.jsonl", [FRAME])
    write_jsonl(tmp_path / "second.jsonl", copies(FRAME, 1000))
    first = write(tmp_path, "first", {"a": ["first.jsonl"]})
    second = write(tmp_path, "second", {"b": ["second.jsonl"]})
    go(first)
    said = stopped(second)
    assert "of the 1,000 documents of source b" in said
    assert re.search(r"1\. 1,000 for [0-9a-f]{32}  first: a  first\.jsonl#0\n", said)
    go(first)


def test_a_share_for_all_is_kept_for_the_sources_that_stay_below_it(tmp_path):
    write_jsonl(tmp_path / "a.jsonl", copies(FRAME, 800) + others(200))
    write_jsonl(tmp_path / "b.jsonl", others(5))
    said = stopped(write(tmp_path, "m", {"a": ["a.jsonl"], "b": ["b.jsonl"]}, "scope: source, max_removed: 0.7"))
    assert "set curate.dedup.max_removed: {a: 0.8, b: 0.7}, and run again" in said


def test_exact_copies_and_versions_of_a_page_are_shown_too(tmp_path):
    write_jsonl(tmp_path / "a.jsonl", [FRAME] * 1000)
    said = stopped(write(tmp_path, "m", {"a": ["a.jsonl"]}, "near: null, max_removed: 0.5"))
    assert "(dedup.exact: 999)" in said
    assert "1.0000  " in said
    assert "the texts differ" not in said


def test_within_folders_of_one_scope_the_share_is_still_of_the_source(tmp_path):
    """A crawl at a time: copies in another crawl stay, and each crawl's own go."""
    for crawl in ("c1", "c2"):
        write_jsonl(tmp_path / crawl / "a.jsonl", copies(FRAME, 500))
    said = stopped(write(tmp_path, "m", {"a": ["'*/a.jsonl'"]}, 'scope: "c*"'))
    assert "removes 99.80% of the 1,000 documents of source a" in said
    assert len(re.findall(r"\d\. 499 for", said)) == 2
