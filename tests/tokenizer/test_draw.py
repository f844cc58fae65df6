import numpy as np

from gristmill.tokenizer.draw import SCALE, document_draws, permutation

IDS = [f"{i:032x}" for i in range(5000)]


def test_a_document_draws_the_same_number_in_any_company():
    draws = dict(zip(IDS, document_draws(IDS, 17, "x"), strict=True))
    assert document_draws(reversed(IDS[100:]), 17, "x").tolist() == [draws[i] for i in reversed(IDS[100:])]


def test_another_seed_or_purpose_draws_independently():
    first = document_draws(IDS, 1, "x") / SCALE
    for other in (document_draws(IDS, 2, "x") / SCALE, document_draws(IDS, 1, "y") / SCALE):
        assert abs(np.corrcoef(first, other)[0, 1]) < 0.05


def test_draws_select_about_the_share_asked_for():
    assert abs((document_draws(IDS, 3, "x") < 0.1 * SCALE).mean() - 0.1) < 0.02


def test_a_permutation_has_every_number_once_and_differs_by_purpose():
    one, two = permutation(1000, 5, "a"), permutation(1000, 5, "b")
    assert sorted(one) == sorted(two) == list(range(1000))
    assert (one == two).sum() < 20
    assert abs(np.corrcoef(one, np.arange(1000))[0, 1]) < 0.15
