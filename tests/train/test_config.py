"""Mistakes in training parameters are found without torch, and the message says how to mend them."""

import dataclasses
import re
import subprocess
import sys

import pytest

from gristmill.train.config import (
    LITGPT_FIELDS,
    PretrainParams,
    min_learning_rate,
    model_fields,
    total_steps,
    warmup_steps,
)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"model": {"n_layers": 4}}, "did you mean n_layer?"),
        ({"model": {"block_size": 64}}, "model.block_size follows from the packed rows"),
        (
            {"model": {"n_embd": 100, "n_head": 8}},
            "n_embd 100 is not a multiple of model.n_head 8; set n_head: 10",
        ),
        ({"model": {"n_head": 8, "n_query_groups": 3}}, "not a multiple of model.n_query_groups 3"),
        ({"model": {"n_layer": 0}}, "model.n_layer is 0"),
        ({"model": {"name": "pythia14m"}}, "did you mean pythia-14m?"),
        ({"max_steps": 4, "max_tokens": 4}, "keep one"),
        (
            {"global_batch_size": 10, "micro_batch_size": 4},
            "set micro_batch_size: 2, or global_batch_size: 8",
        ),
        ({"learning_rate": 0.0}, "learning_rate is 0.0"),
        ({"learning_rate": 1e-5, "min_learning_rate": 1e-4}, "leave it out for a tenth"),
        ({"max_steps": 10, "warmup_steps": 10}, "leaves none of the 10 max_steps"),
        ({"precision": "fp8"}, "choose auto, 32-true"),
        ({"betas": (0.9, 1.0)}, "betas"),
        ({"save_interval": 0}, "save_interval is 0"),
    ],
)
def test_a_mistake_is_named_with_its_remedy(wrong, told):
    with pytest.raises(ValueError, match=re.escape(told)):
        PretrainParams(**wrong)


def test_all_mistakes_are_reported_at_once():
    with pytest.raises(ValueError, match="micro_batch_size") as error:
        PretrainParams(model={"n_layers": 4}, micro_batch_size=0, max_norm=0.0)
    assert "n_layer?" in str(error.value)
    assert "max_norm" in str(error.value)


def test_the_field_names_are_those_of_litgpt():
    from litgpt.config import Config

    fields = {field.name for field in dataclasses.fields(Config) if field.init}
    assert sorted(LITGPT_FIELDS) == sorted(fields)


@pytest.mark.parametrize("model", [{}, {"n_layer": 2, "n_head": 3, "n_embd": 96}, {"name": "pythia-14m"}])
def test_litgpt_accepts_the_fields_and_adds_no_size_of_its_own(model):
    from litgpt.config import Config

    fields = model_fields(PretrainParams(model=model), vocab_size=1000, seq_length=128)
    config = Config(**fields)
    assert (config.block_size, config.vocab_size) == (128, 1000)
    assert config.padded_vocab_size == -(-1000 // config.padding_multiple) * config.padding_multiple
    assert {name: getattr(config, name) for name in fields} == fields


def test_a_named_model_keeps_its_shape_under_our_changes():
    fields = model_fields(PretrainParams(model={"name": "pythia-14m", "n_layer": 2}), 1000, 128)
    assert (fields["n_layer"], fields["n_head"], fields["n_embd"]) == (2, 4, 128)
    assert "norm_class_name" not in fields


def test_the_length_of_a_run_follows_from_what_is_told():
    assert total_steps(PretrainParams(max_steps=7), num_rows=5, seq_length=10) == 7
    assert total_steps(PretrainParams(max_tokens=1000, global_batch_size=4), num_rows=5, seq_length=10) == 25
    assert total_steps(PretrainParams(global_batch_size=4), num_rows=11, seq_length=10) == 2
    assert total_steps(PretrainParams(global_batch_size=4), num_rows=3, seq_length=10) == 1


def test_warm_up_and_minimum_follow_where_they_are_left_out():
    assert warmup_steps(PretrainParams(), steps=200) == 4
    assert warmup_steps(PretrainParams(warmup_steps=0), steps=200) == 0
    assert min_learning_rate(PretrainParams(learning_rate=2e-3)) == pytest.approx(2e-4)


def test_checking_parameters_imports_no_torch():
    code = (
        "import sys; from gristmill.train.config import PretrainParams; import gristmill.train.litgpt_yaml;"
        "PretrainParams(model={'name': 'pythia-14m'}); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
