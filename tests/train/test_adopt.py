"""A training whose mixture changed goes on from the one before the change, and ends as if it had been one."""

import json
import shutil

import pytest
import torch

from gristmill.tokenizer.mixture import MixtureParams, Phase
from gristmill.tokenizer.pack import PackParams, pack
from gristmill.train.adopt import adopt
from gristmill.train.config import PretrainParams
from gristmill.train.pretrain import pretrain
from tests.train.conftest import SEQ_LENGTH, make_run

SIZE = 4
MODEL = {"n_layer": 1, "n_head": 2, "n_embd": 16}
PARAMS = PretrainParams(model=MODEL, global_batch_size=SIZE, micro_batch_size=SIZE, max_steps=24, save_interval=5)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A run folder, and the same with other weights after the rows of 20 steps."""
    root = tmp_path_factory.mktemp("changed")
    before = make_run(root / "before")
    shutil.rmtree(before / "packed")
    after = root / "after"
    shutil.copytree(before, after)
    shards = [(s, "part-0a1b2c3d", before / "tokens" / s / "part-0a1b2c3d.arrow") for s in ("web", "books")]
    weights = {"web": 0.7, "books": 0.3}
    change = Phase({"web": 0.2, "books": 0.8}, after_rows=20 * SIZE)
    for folder, phases in ((before, ()), (after, (change,))):
        mixture = MixtureParams(4000, 0.1, weights=weights, phases=phases)
        pack(shards, PackParams(SEQ_LENGTH), mixture, None, {"web": 2, "books": 2}, 3, folder / "packed")
    return before, after


def test_a_changed_training_goes_on_from_the_last_checkpoint_before_the_change(runs, tmp_path):
    before, after = runs
    pretrain(before, tmp_path / "before", PARAMS, 1)  # keeps steps 15 and 20 beside the end, 24
    found = adopt(after, tmp_path / "after", [tmp_path / "nobody", tmp_path / "before"], PARAMS, 1)
    assert found == tmp_path / "after" / "step-00000020"
    summary = pretrain(after, tmp_path / "after", PARAMS, 1)
    assert (summary["finished"], summary["steps"]) == (True, 24)
    lines = [json.loads(line) for line in (tmp_path / "after" / "metrics.jsonl").read_text().splitlines()]
    assert lines[0]["step"] <= 10  # the steps before the change are there too
    whole = pretrain(after, tmp_path / "whole", PARAMS, 1)
    assert whole["train_loss"] == summary["train_loss"]
    one, two = (torch.load(tmp_path / n / "final" / "lit_model.pth")["model"] for n in ("after", "whole"))
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_nothing_is_adopted_from_a_training_of_other_parameters_or_into_one_that_has_begun(runs, tmp_path):
    before, after = runs
    pretrain(before, tmp_path / "before", PARAMS, 1)
    assert adopt(after, tmp_path / "a", [tmp_path / "before"], PARAMS, 2) is None
    other = PretrainParams(**{**PARAMS.__dict__, "learning_rate": 1e-5})
    assert adopt(after, tmp_path / "a", [tmp_path / "before"], other, 1) is None
    assert not (tmp_path / "a").exists()
    assert adopt(after, tmp_path / "before", [tmp_path / "before"], PARAMS, 1) is None
