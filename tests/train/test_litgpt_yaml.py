"""The stock command trains on a run folder, from any working directory, and its checkpoints generate."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from gristmill.train import litgpt_yaml
from gristmill.train.config import PretrainParams
from tests.train.conftest import SEQ_LENGTH, make_run

PARAMS = PretrainParams(
    model={"n_layer": 1, "n_head": 2, "n_embd": 32},
    max_steps=8,
    global_batch_size=8,
    micro_batch_size=4,
    learning_rate=5e-4,
    save_interval=5,
    precision="32-true",
)


def test_the_file_says_the_same_run_in_litgpts_words(run_folder):
    config = litgpt_yaml.litgpt_config(run_folder, PARAMS, seed=9)
    train = config["train"]
    assert train["max_tokens"] == 8 * 8 * SEQ_LENGTH
    assert (train["global_batch_size"], train["micro_batch_size"]) == (8, 4)
    assert train["max_seq_length"] == config["model_config"]["block_size"] == SEQ_LENGTH
    assert config["optimizer"]["init_args"]["lr"] == 5e-4
    assert config["seed"] == 9


def test_its_paths_hold_from_any_folder(run_folder, monkeypatch):
    monkeypatch.chdir(run_folder.parent)
    config = litgpt_yaml.litgpt_config(Path(run_folder.name), PARAMS, seed=9)
    for path in (config["tokenizer_dir"], config["data"]["init_args"]["run"], Path(config["out_dir"]).parent):
        assert Path(path).is_absolute()
        assert Path(path).is_dir()


def test_the_written_file_reads_back_as_it_was(run_folder, tmp_path):
    config = litgpt_yaml.litgpt_config(run_folder, PARAMS, seed=9)
    litgpt_yaml.write(tmp_path / "litgpt.yaml", config)
    assert yaml.safe_load((tmp_path / "litgpt.yaml").read_text()) == config


@pytest.mark.slow
@pytest.mark.parametrize("model", [dict(PARAMS.model), {"name": "pythia-14m", "n_layer": 1}])
def test_litgpt_trains_resumes_and_generates(tmp_path, model):
    run = make_run(tmp_path / "tiny")
    params = PretrainParams(**{**vars(PARAMS), "model": model})
    litgpt_yaml.write(run / "litgpt.yaml", litgpt_yaml.litgpt_config(run, params, seed=9))
    environment = {**os.environ, "TORCH_COMPILE_DISABLE": "1", "OMP_NUM_THREADS": "1"}

    def litgpt(*arguments: str) -> str:
        command = [sys.executable, "-m", "litgpt", *arguments]
        done = subprocess.run(
            command, check=True, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120
        )
        return done.stdout + done.stderr

    litgpt("pretrain", "--config", str(run / "litgpt.yaml"))
    assert (run / "litgpt" / "step-00000005" / "lit_model.pth").is_file()
    resumed = litgpt("pretrain", "--config", str(run / "litgpt.yaml"), "--resume", "auto")
    assert "Resuming training from" in resumed
    assert "Ann" in litgpt("generate", str(run / "litgpt" / "final"), "--prompt", "Ann", "--max_new_tokens", "8")
