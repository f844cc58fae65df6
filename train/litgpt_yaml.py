"""The configuration with which the stock command trains on a run folder: `litgpt pretrain --config litgpt.yaml`.

The file holds every field of the model inline (LitGPT takes no second file for it) and absolute paths, so that the
command works from any folder. It trains the same model on the same rows in the same order as `gristmill pretrain`,
with these differences, which are LitGPT's: padding carries loss, weight decay covers every parameter, initial
weights come from one random stream, and the first step of the warm-up has rate 0.

LitGPT always compiles the model. On a CPU a tiny run then spends 100 s on compiling and 10 s on training; run it as
`TORCH_COMPILE_DISABLE=1 litgpt pretrain ...` to leave that out.
"""

import os
import shutil
from pathlib import Path

import yaml

from gristmill.train.config import (
    PretrainParams,
    min_learning_rate,
    model_fields,
    total_steps,
    warmup_steps,
)
from gristmill.train.inputs import packed, vocab_size


def litgpt_config(run: Path, params: PretrainParams, seed: int) -> dict[str, object]:
    """The arguments of `litgpt pretrain` for the packed rows in `run`; its checkpoints go to `run/litgpt/`."""
    run = Path(os.path.abspath(run))
    rows = packed(run, "train")
    length = rows.seq_length
    fields = model_fields(params, vocab_size(run / "tokenizer"), length)
    steps = total_steps(params, len(rows.table), length)
    return {
        "model_name": fields["name"],
        "model_config": fields,
        "out_dir": str(run / "litgpt"),
        "precision": _precision(params),
        "data": {"class_path": "gristmill.train.data.PackedRows", "init_args": {"run": str(run)}},
        "tokenizer_dir": str(run / "tokenizer"),
        "train": {
            "max_tokens": steps * params.global_batch_size * length,
            "max_seq_length": length,
            "global_batch_size": params.global_batch_size,
            "micro_batch_size": params.micro_batch_size,
            "lr_warmup_steps": warmup_steps(params, steps),
            "min_lr": min_learning_rate(params),
            "max_norm": params.max_norm,
            "save_interval": params.save_interval,
            "log_interval": params.log_interval,
            "tie_embeddings": False,
        },
        "eval": {
            "interval": params.eval_interval,
            "max_iters": max(1, params.eval_rows // params.micro_batch_size),
            "final_validation": True,
        },
        "optimizer": {
            "class_path": "torch.optim.AdamW",
            "init_args": {
                "lr": params.learning_rate,
                "weight_decay": params.weight_decay,
                "betas": list(params.betas),
            },
        },
        "devices": 1,
        "num_nodes": 1,
        "logger_name": "csv",
        "seed": seed,
    }


def write(path: Path, config: dict[str, object]) -> None:
    """Write the configuration as YAML, in the order in which it is read best."""
    text = "# litgpt pretrain --config " + os.path.basename(path) + "\n" + yaml.safe_dump(config, sort_keys=False)
    path.write_text(text, encoding="utf-8")


def _precision(params: PretrainParams) -> str:
    """LitGPT's own choice on a CPU is bf16-mixed, which takes many times as long there; so it is told."""
    if params.precision != "auto":
        return params.precision
    return "bf16-mixed" if shutil.which("nvidia-smi") else "32-true"
