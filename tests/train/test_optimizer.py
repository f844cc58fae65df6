"""The schedule warms up to the peak and ends at the minimum; decay touches matrices only."""

import pytest

from gristmill.train.config import PretrainParams
from gristmill.train.optimizer import build_optimizer, learning_rate

PARAMS = PretrainParams(learning_rate=1.0, min_learning_rate=0.1, warmup_steps=4)


def test_the_rate_rises_in_equal_steps_to_the_peak():
    assert [learning_rate(step, 20, PARAMS) for step in range(5)] == [0.25, 0.5, 0.75, 1.0, 1.0]


def test_the_rate_falls_to_the_minimum_at_the_last_step():
    rates = [learning_rate(step, 20, PARAMS) for step in range(4, 20)]
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] == pytest.approx(0.1)


def test_a_run_of_one_step_has_a_rate():
    assert learning_rate(0, 1, PretrainParams(learning_rate=1.0)) == 1.0


def test_norms_and_biases_are_not_decayed():
    from tests.train.test_model import small

    model = small(bias=True)
    decayed, plain = build_optimizer(model, PretrainParams(weight_decay=0.3)).param_groups
    assert (decayed["weight_decay"], plain["weight_decay"]) == (0.3, 0.0)
    assert {p.ndim for p in decayed["params"]} == {2}
    assert {p.ndim for p in plain["params"]} == {1}
    assert len(decayed["params"]) + len(plain["params"]) == len(list(model.parameters()))
