"""From raw files to a checkpoint that litgpt loads, by the command line alone; cut off in training and gone on with."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.manifests import corpus

pytestmark = pytest.mark.slow

PRETRAIN = """\
pretrain:
  model: {n_layer: 2, n_head: 2, n_embd: 32, intermediate_size: 64}
  max_steps: 120
  global_batch_size: 8
  micro_batch_size: 4
  learning_rate: 1.0e-2
  save_interval: 20
  log_interval: 1
"""

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "TORCH_COMPILE_DISABLE": "1"}


def gristmill(*arguments: object) -> list[str]:
    return [sys.executable, "-c", "from gristmill.manifests.cli import main; main()", *map(str, arguments)]


def finished(command: list[str], cwd: Path) -> str:
    done = subprocess.run(command, cwd=cwd, env=ENVIRONMENT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """A folder in which the small corpus was run to the end; training was stopped in the middle and gone on with."""
    folder = tmp_path_factory.mktemp("whole")
    manifest = corpus.make(folder)
    manifest.write_text(manifest.read_text() + PRETRAIN)
    process = subprocess.Popen(
        gristmill("run", "small.yaml"),
        cwd=folder,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    deadline = time.monotonic() + 200
    while not list(folder.glob("store/pretrain/*/step-*")) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=100)
    assert process.returncode == 1, output
    assert "stopped by SIGTERM" in output
    finished(gristmill("run", "small.yaml"), folder)
    return folder


def test_every_step_is_done_and_the_loss_fell_below_a_unigram_model(trained):
    found = json.loads(finished(gristmill("status", "small.yaml", "--json"), trained))
    assert {step["state"] for step in found["steps"]} == {"done"}
    counts = next(step["counts"] for step in found["steps"] if step["name"] == "pretrain")
    assert counts["steps"] == 120
    assert counts["validation_loss"] < counts["unigram_loss"] - 0.3


def test_a_training_that_was_cut_off_equals_one_that_was_not(trained, tmp_path):
    manifest = corpus.make(tmp_path)
    manifest.write_text(manifest.read_text() + PRETRAIN)
    finished(gristmill("run", "small.yaml"), tmp_path)

    def losses(folder: Path) -> dict[int, float]:
        lines = (folder / "runs/small/checkpoints/pretrain/metrics.jsonl").read_text().splitlines()
        return {line["step"]: line["loss"] for line in map(json.loads, lines) if "loss" in line}

    assert len(losses(trained)) == 120
    assert losses(trained) == losses(tmp_path)


def test_litgpt_generates_from_the_checkpoint(trained):
    litgpt = [str(Path(sys.executable).with_name("litgpt"))]
    command = [
        *litgpt,
        "generate",
        "runs/small/checkpoints/pretrain",
        "--prompt",
        "The river",
        "--max_new_tokens",
        "8",
        "--precision",
        "32-true",
    ]
    assert "The river" in finished(command, trained)


def test_stock_litgpt_trains_on_the_same_rows_and_its_checkpoint_generates(trained):
    litgpt = [str(Path(sys.executable).with_name("litgpt"))]
    finished([*litgpt, "pretrain", "--config", "runs/small/litgpt.yaml", "--train.max_tokens", "4096"], trained)
    command = [
        *litgpt,
        "generate",
        "runs/small/litgpt/final",
        "--prompt",
        "The river",
        "--max_new_tokens",
        "8",
        "--precision",
        "32-true",
    ]
    assert "The river" in finished(command, trained)


def test_the_report_is_one_page_that_loads_nothing(trained):
    page = (trained / "runs/small/report/index.html").read_text()
    for part in (
        "Why documents were dropped",
        "gopher.min_words",
        "training loss",
        "unigram model",
        "news",
        "letters",
    ):
        assert part in page
    assert not any(word in page for word in ("http://", "https://", "<script", "<link", "@import"))
