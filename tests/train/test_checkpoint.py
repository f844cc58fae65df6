"""A checkpoint is whole or passed over, and going on from it changes nothing."""

import json
import logging

import pytest
import torch

from gristmill.train import checkpoint
from gristmill.train.config import PretrainParams
from gristmill.train.optimizer import build_optimizer
from tests.train.test_model import small


def trained(steps: int = 2):
    model = small()
    optimizer = build_optimizer(model, PretrainParams())
    for step in range(steps):
        model(torch.arange(8).unsqueeze(0) + step).square().mean().backward()
        optimizer.step()
        optimizer.zero_grad()
    return model, optimizer


def saved(out, run_folder, step: int, name: str | None = None):
    model, optimizer = trained(1)
    folder = out / name if name else checkpoint.step_folder(out, step)
    checkpoint.save(folder, model, optimizer, run_folder / "tokenizer", {"step": step})
    return folder


def test_everything_is_put_back(tmp_path, run_folder):
    model, optimizer = trained()
    torch.manual_seed(5)
    checkpoint.save(tmp_path / "step-00000002", model, optimizer, run_folder / "tokenizer", {"step": 2})
    drawn = torch.rand(3)

    other, other_optimizer = trained(0)
    checkpoint.load(checkpoint.newest(tmp_path), other, other_optimizer)
    assert all(torch.equal(model.state_dict()[name], w) for name, w in other.state_dict().items())
    before, after = optimizer.state_dict()["state"], other_optimizer.state_dict()["state"]
    assert all(torch.equal(before[i][name], value) for i in before for name, value in after[i].items())
    assert torch.equal(torch.rand(3), drawn)


def test_litgpt_reads_the_folder(tmp_path, run_folder):
    from litgpt import Config, Tokenizer
    from litgpt.utils import check_valid_checkpoint_dir

    folder = saved(tmp_path, run_folder, 3)
    check_valid_checkpoint_dir(folder, raise_error=True)
    config = Config.from_checkpoint(folder)
    assert config.n_embd == 64
    tokenizer = Tokenizer(folder)
    assert tokenizer.decode(tokenizer.encode("the red ball")) == "the red ball"


def test_the_newest_is_found_and_final_wins_a_tie(tmp_path, run_folder):
    assert checkpoint.newest(tmp_path) is None
    saved(tmp_path, run_folder, 9)
    saved(tmp_path, run_folder, 10)
    assert checkpoint.newest(tmp_path).record["step"] == 10
    saved(tmp_path, run_folder, 10, name=checkpoint.FINAL)
    assert checkpoint.newest(tmp_path).folder.name == checkpoint.FINAL


def cut(folder):
    path = folder / "lit_model.pth"
    path.write_bytes(path.read_bytes()[:1000])


def flip(folder):
    path = folder / "training_state.pth"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


DAMAGES = {
    "cut": cut,
    "flipped bit": flip,
    "missing file": lambda folder: (folder / "tokenizer.json").unlink(),
    "no record": lambda folder: (folder / "record.json").unlink(),
    "cut record": lambda folder: (folder / "record.json").write_text('{"step": 20'),
    "empty record": lambda folder: (folder / "record.json").write_text("[]"),
    "record without files": lambda folder: (folder / "record.json").write_text('{"step": 20, "version": 1}'),
    "record of another version": lambda folder: (folder / "record.json").write_text('{"step": 20, "version": 0}'),
}


@pytest.mark.parametrize("kind", DAMAGES)
def test_a_damaged_checkpoint_is_passed_over_with_a_warning(tmp_path, run_folder, caplog, kind):
    saved(tmp_path, run_folder, 10)
    DAMAGES[kind](saved(tmp_path, run_folder, 20))
    with caplog.at_level(logging.WARNING):
        assert checkpoint.newest(tmp_path).record["step"] == 10
    assert "step-00000020" in caplog.text


def test_a_folder_that_a_kill_left_half_written_does_not_count(tmp_path, run_folder):
    folder = saved(tmp_path, run_folder, 20)
    folder.rename(tmp_path / ".step-00000020.building")
    assert checkpoint.newest(tmp_path) is None
    saved(tmp_path, run_folder, 20)
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000020"]


def test_two_steps_and_the_final_are_kept(tmp_path, run_folder):
    for step in (1, 2, 3):
        saved(tmp_path, run_folder, step)
    saved(tmp_path, run_folder, 4, name=checkpoint.FINAL)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["final", "step-00000002", "step-00000003"]


def test_a_later_checkpoint_that_was_passed_over_goes_with_the_next_save(tmp_path, run_folder):
    saved(tmp_path, run_folder, 10)
    cut(saved(tmp_path, run_folder, 20))
    saved(tmp_path, run_folder, 15)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["step-00000010", "step-00000015"]


def test_a_checkpoint_is_replaced_whole(tmp_path, run_folder):
    cut(saved(tmp_path, run_folder, 10))
    saved(tmp_path, run_folder, 10)
    assert checkpoint.damage(checkpoint.newest(tmp_path)) is None
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000010"]


def test_the_record_says_what_it_was_given_and_what_the_files_are(tmp_path, run_folder):
    record = json.loads((saved(tmp_path, run_folder, 7) / "record.json").read_text())
    assert record["step"] == 7
    assert {"lit_model.pth", "model_config.yaml", "tokenizer.json"} <= set(record["files"])
