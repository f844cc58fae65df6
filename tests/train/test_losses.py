"""Losses agree with their definitions."""

import math

import numpy as np
import pytest
import torch

from gristmill.train.data import IGNORED
from gristmill.train.losses import token_nll, unigram_loss


def test_equal_logits_cost_the_logarithm_of_the_vocabulary():
    nll = token_nll(torch.zeros(1, 2, 8), torch.tensor([[3, 7]]))
    assert torch.allclose(nll, torch.full((1, 2), math.log(8)))


def test_ignored_targets_cost_nothing():
    nll = token_nll(torch.zeros(1, 2, 8), torch.tensor([[3, IGNORED]]))
    assert nll[0, 1] == 0.0


def test_half_precision_logits_are_scored_in_full():
    assert token_nll(torch.zeros(1, 1, 8, dtype=torch.bfloat16), torch.tensor([[0]])).dtype == torch.float32


def test_a_unigram_model_of_even_counts_costs_the_logarithm_of_the_vocabulary():
    counts = np.full(16, 5)
    assert unigram_loss(counts, np.eye(16, dtype=np.int64)[3]) == pytest.approx(math.log(16))


def test_an_unseen_token_is_unlikely_and_not_impossible():
    loss = unigram_loss(np.array([98, 0]), np.array([0, 1]))
    assert loss == pytest.approx(math.log(100))
