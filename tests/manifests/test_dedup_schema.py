"""What is wrong with a manifest's block on deduplication: file, line, and how to mend it."""

import pytest

from tests.manifests.test_schema import GOOD, load, problems


@pytest.mark.parametrize(
    ("block", "says"),
    [
        (
            "near: {min_similarity: 80}",
            "m.yaml:9 curate.dedup.near.min_similarity: min_similarity is 80, but it must be",
        ),
        (
            "near:\n      seed: 1\n      min_similarity: 0",
            "m.yaml:11 curate.dedup.near.min_similarity: min_similarity is 0",
        ),
        ("near: {min_similarity: true}", "m.yaml:9 curate.dedup.near.min_similarity: must be a number, but it is true"),
        (
            "near: {bands: 129}",
            "m.yaml:9 curate.dedup.near.bands: bands is 129, but it must be from 1 to num_perm (128)",
        ),
        (
            "near: {bands: 64, rows_per_band: 3}",
            "m.yaml:9 curate.dedup.near: bands (64) x rows_per_band (3) = 192 hashes, but num_perm is 128; "
            "set num_perm: 192, or rows_per_band: 2, or leave both out",
        ),
        ("near: {measure: jacard}", "m.yaml:9 curate.dedup.near.measure: 'jacard' is not one of jaccard, containment"),
        ("quality: num_word", "m.yaml:9 curate.dedup.quality: 'num_word' is no feature; did you mean 'num_words'?"),
        (
            "quality: classifier.edu",
            "m.yaml:9 curate.dedup.quality: there is no 'classifier.edu' under curate.classifiers",
        ),
        (
            "max_removed: {book: 1}",
            "m.yaml:9 curate.dedup.max_removed.book: there is no source 'book'; did you mean 'books'?",
        ),
        (
            "max_removed: {web: 1.5}",
            "m.yaml:9 curate.dedup.max_removed.web: must be a share from 0 to 1, but it is 1.5",
        ),
        (
            "max_removed: true",
            "m.yaml:9 curate.dedup.max_removed: must be a share from 0 to 1, or a block of `source: share`",
        ),
    ],
)
def test_bad_input_is_told_with_its_line_and_what_would_do(tmp_path, block, says):
    (told,) = problems(tmp_path, GOOD + f"curate:\n  dedup:\n    {block}\n")
    assert told.startswith(says)


def test_a_quality_by_a_score_that_every_source_skips_is_an_error(tmp_path):
    manifest = GOOD.replace("weight: 3", "weight: 3\n    skip: [score]").replace("max_epochs: 4", "skip: [dedup]")
    manifest += "curate:\n  scores: {edu: {paths: [edu.parquet], column: edu}}\n  dedup: {quality: scores.edu}\n"
    (told,) = problems(tmp_path, manifest)
    assert "every source skips score or dedup, so that nothing has scores.edu; take score out of skip" in told


def test_a_ceiling_holds_for_all_sources_or_for_those_that_are_named(tmp_path):
    assert load(tmp_path, GOOD).manifest.curate.dedup.ceiling("web") == 0.9
    named = load(tmp_path, GOOD + "curate: {dedup: {max_removed: {web: 1}}}\n").manifest.curate.dedup
    assert (named.ceiling("web"), named.ceiling("books")) == (1, 0.9)
    assert load(tmp_path, GOOD + "curate: {dedup: {max_removed: 0.5}}\n").manifest.curate.dedup.ceiling("books") == 0.5


def test_one_of_bands_and_rows_is_enough(tmp_path):
    near = load(tmp_path, GOOD + "curate: {dedup: {near: {rows_per_band: 8}}}\n").manifest.curate.dedup.near
    assert (near.duplicates.bands, near.duplicates.rows_per_band) == (16, 8)
