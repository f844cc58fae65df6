"""Bands and rows: the published curve, the most rows that still catch the pairs at the threshold, and what is refused."""

import pytest

from gristmill.curation.dedup import banding
from gristmill.curation.dedup.banding import CAUGHT, DuplicateParams, choose, collision_probability


@pytest.mark.parametrize(
    ("similarity", "bands", "rows", "probability"),
    [
        (0.7, 14, 8, 0.56),
        (0.75, 14, 8, 0.77),
        (0.8, 14, 8, 0.92),
        (0.85, 14, 8, 0.988),
        (0.8, 20, 6, 0.998),
        (0.8, 9, 13, 0.40),
    ],
)
def test_collision_probabilities_are_the_published_ones(similarity, bands, rows, probability):
    assert collision_probability(similarity, bands, rows) == pytest.approx(probability, abs=0.006)


@pytest.mark.parametrize(
    ("bands", "rows", "message"),
    [
        (
            14,
            10,
            r"bands \(14\) x rows_per_band \(10\) = 140 hashes, but num_perm is 128; set num_perm: 140, or rows_per_band: 9",
        ),
        (200, 2, r"= 400 hashes, but num_perm is 128; set num_perm: 400, or bands: 64"),
    ],
)
def test_too_many_bands_for_a_signature_are_refused(bands, rows, message):
    params = DuplicateParams(bands=bands, rows_per_band=rows)
    with pytest.raises(ValueError, match=message):
        banding.check(params, 128)
    banding.check(params, bands * rows)


@pytest.mark.parametrize(
    ("field", "value"), [("bands", 0), ("rows_per_band", -1), ("min_similarity", 0), ("min_similarity", 80)]
)
def test_impossible_parameters_are_refused(field, value):
    with pytest.raises(ValueError, match=field):
        DuplicateParams(**{field: value})


@pytest.mark.parametrize(
    ("num_perm", "min_similarity", "bands", "rows"),
    [(128, 0.8, 21, 6), (112, 0.8, 18, 6), (256, 0.8, 32, 8), (128, 0.5, 42, 3), (128, 1.0, 1, 128), (1, 0.8, 1, 1)],
)
def test_rows_are_as_many_as_the_threshold_allows(num_perm, min_similarity, bands, rows):
    params = choose(num_perm, min_similarity)
    assert (params.bands, params.rows_per_band) == (bands, rows)


@pytest.mark.parametrize("measure", banding.MEASURES)
@pytest.mark.parametrize("num_perm", [1, 7, 64, 128, 1000])
@pytest.mark.parametrize("percent", [1, 5, 30, 50, 71, 80, 95, 99, 100])
def test_no_more_rows_would_catch_enough_and_these_do_if_any_can(num_perm, percent, measure):
    params = choose(num_perm, percent / 100, measure)
    at = banding.as_jaccard(percent / 100, measure)
    enough = [r for r in range(1, num_perm + 1) if collision_probability(at, num_perm // r, r) >= CAUGHT]
    assert params.rows_per_band == max(enough, default=1)
    assert params.bands == num_perm // params.rows_per_band
    assert (banding.caught(params) >= CAUGHT) == bool(enough)


def test_of_one_that_is_given_the_other_is_as_many_as_fit():
    assert choose(128, bands=14).rows_per_band == 9
    assert choose(128, rows_per_band=9).bands == 14
    assert choose(128, bands=3, rows_per_band=2) == DuplicateParams(3, 2)


@pytest.mark.parametrize("bands", [1, 3, 64, 128])
@pytest.mark.parametrize("rows", [1, 2, 43, 128])
def test_any_bands_by_rows_up_to_num_perm_are_valid_and_no_more(bands, rows):
    if bands * rows <= 128:
        assert choose(128, bands=bands, rows_per_band=rows) == DuplicateParams(bands, rows)
    else:
        with pytest.raises(ValueError, match="but num_perm is 128"):
            choose(128, bands=bands, rows_per_band=rows)


@pytest.mark.parametrize(
    ("given", "key", "says"),
    [
        ({"bands": 129}, ("bands",), r"bands is 129, but it must be from 1 to num_perm \(128\)"),
        ({"rows_per_band": 0}, ("rows_per_band",), "rows_per_band is 0"),
        ({"min_similarity": 80}, ("min_similarity",), "set 0.8"),
        ({"min_similarity": float("nan")}, ("min_similarity",), "above 0 and at most 1"),
        ({"bands": 64, "rows_per_band": 3}, (), "set num_perm: 192, or rows_per_band: 2, or leave both out"),
        ({"measure": "cosine"}, ("measure",), "jaccard, containment"),
    ],
)
def test_an_error_says_which_key_is_wrong_and_what_would_do(given, key, says):
    with pytest.raises(banding.BandingError, match=says) as raised:
        choose(128, **given)
    assert raised.value.place == key


def test_the_curve_rises_from_a_half_to_certainty():
    curve = banding.curve(choose(128))
    assert list(curve) == sorted(curve)
    assert list(curve.values()) == sorted(curve.values())
    assert (curve[0.8], curve[1.0]) == (pytest.approx(0.9983, abs=1e-4), 1.0)


def test_half_contained_texts_of_one_length_are_a_third_similar():
    one, other = set(range(100)), set(range(50, 150))
    assert len(one & other) / len(one) == 0.5
    assert len(one & other) / len(one | other) == pytest.approx(banding.as_jaccard(0.5, "containment"))
