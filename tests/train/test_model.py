"""Initial weights depend on seed and name alone, with LitGPT's spread."""

import math

import torch

from gristmill.train.config import PretrainParams, model_fields
from gristmill.train.model import build_model, num_parameters


def small(seed: int = 0, **model):
    shape = {"n_layer": 2, "n_head": 2, "n_embd": 64, **model}
    return build_model(model_fields(PretrainParams(model=shape), vocab_size=500, seq_length=16), seed)


def test_equal_seeds_give_equal_weights_whatever_was_drawn_before():
    first = small().state_dict()
    torch.manual_seed(99)
    torch.randn(1000)
    assert all(torch.equal(first[name], weights) for name, weights in small().state_dict().items())


def test_another_seed_gives_other_weights():
    assert not torch.equal(small(0).lm_head.weight, small(1).lm_head.weight)


def test_a_parameter_does_not_depend_on_what_else_is_in_the_model():
    two, three = small(), small(n_layer=3)
    assert torch.equal(two.transformer.h[1].attn.qkv.weight, three.transformer.h[1].attn.qkv.weight)


def test_no_two_matrices_start_alike():
    model = small()
    assert not torch.equal(model.lm_head.weight, model.transformer.wte.weight)


def test_the_spread_is_that_of_gpt_neox():
    model = small(n_embd=256)
    assert math.isclose(model.lm_head.weight.std().item(), math.sqrt(2 / 5 / 256), rel_tol=0.02)
    block = model.transformer.h[0]
    for proj in (block.attn.proj, block.mlp.proj):
        assert math.isclose(proj.weight.std().item(), 1 / math.sqrt(256) / 2, rel_tol=0.02)
    assert torch.equal(block.norm_1.weight, torch.ones(256))


def test_biases_start_at_zero():
    model = small(bias=True)
    biases = [p for name, p in model.named_parameters() if name.endswith(".bias")]
    assert biases
    assert not any(bias.any() for bias in biases)


def test_the_default_model_has_the_size_that_is_documented():
    model = build_model(model_fields(PretrainParams(), vocab_size=64, seq_length=8), seed=0)
    assert 25e6 < num_parameters(model) < 26e6
