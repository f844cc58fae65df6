"""The loop learns, and neither kills, nor stops, nor the way it is spread over processes change what it learns."""

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from gristmill.train import checkpoint, metrics
from gristmill.train import pretrain as loop
from gristmill.train.config import PretrainParams
from gristmill.train.pretrain import pretrain

STEPS = 12
SEED = 1


def tiny(**changes) -> PretrainParams:
    told = {
        "model": {"n_layer": 2, "n_head": 2, "n_embd": 64},
        "max_steps": STEPS,
        "global_batch_size": 8,
        "micro_batch_size": 4,
        "learning_rate": 3e-3,
        "warmup_steps": 2,
        "eval_interval": 6,
        "save_interval": 5,
        "log_interval": 1,
    }
    return PretrainParams(**{**told, **changes})


@pytest.fixture(scope="module")
def whole(run_folder, tmp_path_factory) -> Path:
    """The folder of a run that nothing interrupted."""
    torch.set_num_threads(1)
    out = tmp_path_factory.mktemp("whole")
    os.environ["OMP_NUM_THREADS"] = "1"
    pretrain(run_folder, out, tiny(), SEED)
    return out


def losses(out: Path) -> list[tuple[int, float]]:
    return [(line["step"], line["loss"]) for line in metrics.read(out / "metrics.jsonl") if "loss" in line]


def validation_losses(out: Path) -> list[tuple[int, float]]:
    lines = metrics.read(out / "metrics.jsonl")
    return [(line["step"], line["validation_loss"]) for line in lines if "validation_loss" in line]


def weights(out: Path) -> dict[str, torch.Tensor]:
    return torch.load(out / "final" / "lit_model.pth")["model"]


def assert_same_run(out: Path, whole: Path) -> None:
    assert losses(out) == losses(whole)
    assert validation_losses(out) == validation_losses(whole)
    assert all(torch.equal(w, weights(out)[name]) for name, w in weights(whole).items())


def up_to(whole: Path, step: int, out: Path) -> Path:
    """What a kill between `step` and the next checkpoint leaves: checkpoints so far, and metrics that run ahead."""
    shutil.copytree(whole, out)
    for folder in out.iterdir():
        if folder.name == "final" or folder.name > f"step-{step:08d}":
            shutil.rmtree(folder)
    return out


def test_the_model_learns_more_than_word_counts(run_folder, tmp_path):
    summary = pretrain(run_folder, tmp_path, tiny(max_steps=40), SEED)
    assert summary["finished"]
    assert summary["validation_loss"] < summary["unigram_loss"] - 1.0
    assert summary["train_loss"] < summary["unigram_loss"] - 1.0
    assert set(summary["bits_per_byte"]) == {"books", "web"}
    assert (summary["steps"], summary["rows"]) == (40, 320)
    assert summary["tokens_per_s"] == pytest.approx(summary["tokens"] / summary["seconds"])


def test_the_first_loss_is_that_of_knowing_nothing(whole):
    import math

    assert losses(whole)[0][1] == pytest.approx(math.log(320), abs=0.3)


def test_two_runs_are_equal_to_the_bit(run_folder, whole, tmp_path):
    pretrain(run_folder, tmp_path / "out", tiny(), SEED)
    assert_same_run(tmp_path / "out", whole)


@pytest.mark.parametrize("step", [5, 10])
def test_a_killed_run_goes_on_as_if_nothing_had_been(run_folder, whole, tmp_path, step):
    out = up_to(whole, step, tmp_path / "out")
    pretrain(run_folder, out, tiny(), SEED)
    assert_same_run(out, whole)


def test_a_damaged_checkpoint_costs_the_steps_since_the_one_before(run_folder, whole, tmp_path, caplog):
    out = up_to(whole, 10, tmp_path / "out")
    path = out / "step-00000010" / "lit_model.pth"
    path.write_bytes(path.read_bytes()[:-100])
    with caplog.at_level(logging.INFO):
        pretrain(run_folder, out, tiny(), SEED)
    assert "step-00000010 is damaged" in caplog.text
    assert "going on from" in caplog.text
    assert "step-00000005" in caplog.text
    assert_same_run(out, whole)


def test_sigterm_saves_and_the_next_call_goes_on(run_folder, whole, tmp_path, monkeypatch):
    out = tmp_path / "out"
    backward = loop.backward_over_batch

    def interrupted(parallel, rows, position, *rest):
        if position == 7 * 8:
            signal.raise_signal(signal.SIGTERM)
        return backward(parallel, rows, position, *rest)

    handler = signal.getsignal(signal.SIGTERM)
    with monkeypatch.context() as patch:
        patch.setattr(loop, "backward_over_batch", interrupted)
        summary = pretrain(run_folder, out, tiny(), SEED)
    assert (summary["finished"], summary["steps"]) == (False, 8)
    assert not (out / "final").exists()
    assert checkpoint.newest(out).record["step"] == 8
    assert signal.getsignal(signal.SIGTERM) is handler
    assert pretrain(run_folder, out, tiny(), SEED)["finished"]
    assert_same_run(out, whole)


def test_a_finished_run_is_not_run_again(run_folder, whole, monkeypatch):
    def untouched(*_):
        raise AssertionError("no step may be taken")

    monkeypatch.setattr(loop, "backward_over_batch", untouched)
    before = (whole / "final" / "record.json").read_text()
    summary = pretrain(run_folder, whole, tiny(), SEED)
    assert summary == json.loads(before)["summary"]


def test_another_micro_batch_size_gives_the_same_loss(run_folder, whole, tmp_path):
    pretrain(run_folder, tmp_path, tiny(micro_batch_size=2), SEED)
    for (_, loss), (_, expected) in zip(losses(tmp_path), losses(whole), strict=True):
        assert loss == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    ("changes", "seed", "told"), [({"learning_rate": 1e-3}, SEED, "learning_rate: 0.003"), ({}, 2, "seed: 1")]
)
def test_a_checkpoint_of_another_run_is_refused(run_folder, whole, changes, seed, told):
    with pytest.raises(ValueError, match=told):
        pretrain(run_folder, whole, tiny(**changes), seed)


def test_rows_that_are_seen_again_are_announced_and_recorded(run_folder, tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        summary = pretrain(run_folder, tmp_path, tiny(global_batch_size=64, micro_batch_size=64), SEED)
    assert "12 steps x 64 rows = 768 rows, but 542 are packed: they will be seen 1.42 times" in caplog.text
    assert summary["passes"] == pytest.approx(768 / 542)
    assert json.loads((tmp_path / "final" / "record.json").read_text())["passes"] == summary["passes"]


def test_a_loss_that_is_no_number_stops_the_run_and_keeps_the_checkpoint(run_folder, whole, tmp_path, monkeypatch):
    out = up_to(whole, 5, tmp_path / "out")
    monkeypatch.setattr(loop, "backward_over_batch", lambda *_: (float("nan"), 10))
    with pytest.raises(FloatingPointError, match="loss of step 6 is nan; lower learning_rate"):
        pretrain(run_folder, out, tiny(), SEED)
    assert checkpoint.newest(out).record["step"] == 5


def test_weights_that_a_gradient_spoilt_are_not_saved(run_folder, whole, tmp_path, monkeypatch):
    out = up_to(whole, 5, tmp_path / "out")
    backward = loop.backward_over_batch

    def spoilt(parallel, *rest):
        result = backward(parallel, *rest)
        next(parallel.parameters()).grad[0, 0] = float("inf")
        return result

    monkeypatch.setattr(loop, "backward_over_batch", spoilt)
    with pytest.raises(FloatingPointError, match="gradient norm of step 6"):
        pretrain(run_folder, out, tiny(save_interval=1), SEED)
    assert checkpoint.newest(out).record["step"] == 5


def test_a_batch_that_the_processes_cannot_share_is_refused():
    with pytest.raises(ValueError, match="set it to a multiple of 12"):
        loop.check_batch(tiny(), world_size=3)


@pytest.mark.parametrize("precision", ["bf16-mixed", "bf16-true"])
def test_half_precision_learns_too_and_keeps_its_dtype(run_folder, tmp_path, precision):
    pretrain(run_folder, tmp_path, tiny(precision=precision, max_steps=4), SEED)
    dtype = torch.bfloat16 if precision == "bf16-true" else torch.float32
    assert {w.dtype for w in weights(tmp_path).values()} == {dtype}
    assert losses(tmp_path)[-1][1] < losses(tmp_path)[0][1]


def test_without_validation_rows_there_is_no_validation_loss(run_folder, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(run_folder, run)
    shutil.rmtree(run / "packed" / "validation")
    summary = pretrain(run, tmp_path / "out", tiny(max_steps=3), SEED)
    assert "validation_loss" not in summary


def params_file(folder: Path, text: str = "") -> Path:
    path = folder / "params.yaml"
    path.write_text(
        text
        or "model: {n_layer: 2, n_head: 2, n_embd: 64}\nmax_steps: 12\nglobal_batch_size: 8\nmicro_batch_size: 4\n"
        "learning_rate: 3e-3\nwarmup_steps: 2\neval_interval: 6\nsave_interval: 5\nlog_interval: 1\n"
    )
    return path


def test_the_command_prints_its_summary_as_json(run_folder, tmp_path, capsys):
    loop.main([str(run_folder), str(tmp_path / "out"), str(params_file(tmp_path)), "--seed", "1"])
    summary = json.loads(capsys.readouterr().out)
    assert summary == json.loads((tmp_path / "out" / "final" / "record.json").read_text())["summary"]


@pytest.mark.parametrize(
    ("text", "told"),
    [("max_steps: 0", "max_steps is 0"), ("steps: 3", "steps"), ("[1]", "mapping"), ("a: [", "params.yaml")],
)
def test_the_command_names_a_mistake_without_a_traceback(run_folder, tmp_path, capsys, text, told):
    with pytest.raises(SystemExit) as stopped:
        loop.main([str(run_folder), str(tmp_path / "out"), str(params_file(tmp_path, text)), "--seed", "1"])
    assert stopped.value.code == 1
    assert told in capsys.readouterr().err


def torchrun(run: Path, out: Path, params: Path, processes: int) -> None:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    command += ["-m", "gristmill.train.pretrain", str(run), str(out), str(params), "--seed", str(SEED)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run(command, check=True, env=environment, capture_output=True, timeout=120)


@pytest.mark.slow
def test_two_processes_give_the_loss_of_one(run_folder, whole, tmp_path):
    torchrun(run_folder, tmp_path / "out", params_file(tmp_path), processes=2)
    assert [step for step, _ in losses(tmp_path / "out")] == list(range(1, STEPS + 1))
    for (_, loss), (_, expected) in zip(losses(tmp_path / "out"), losses(whole), strict=True):
        assert loss == pytest.approx(expected, rel=1e-4)
    for (_, loss), (_, expected) in zip(validation_losses(tmp_path / "out"), validation_losses(whole), strict=True):
        assert loss == pytest.approx(expected, rel=1e-4)


@pytest.mark.slow
def test_a_run_goes_on_with_another_number_of_processes(run_folder, whole, tmp_path):
    out = up_to(whole, 5, tmp_path / "out")
    torchrun(run_folder, out, params_file(tmp_path), processes=2)
    for (_, loss), (_, expected) in zip(losses(out), losses(whole), strict=True):
        assert loss == pytest.approx(expected, rel=1e-4)


@pytest.mark.slow
def test_litgpt_generates_from_every_checkpoint(whole):
    for name in ("final", "step-00000010"):
        command = [sys.executable, "-m", "litgpt", "generate", str(whole / name), "--prompt", "Ann"]
        command += ["--max_new_tokens", "8"]
        done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
        assert "Ann" in done.stdout
