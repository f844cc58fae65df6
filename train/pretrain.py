"""Pretraining: packed rows in, a LitGPT checkpoint out; one loop, read from top to bottom.

Objective: mean cross-entropy (nats) of the next token over all targets of the global batch; targets in the padding
carry none. The mean is over targets and not over micro batches, and every process knows their number from the row
lengths, so the loss does not depend on how a global batch is cut up.

Run it in this process (`pretrain(...)`), or data parallel with one process per device:

    torchrun --nproc-per-node 8 -m gristmill.train.pretrain RUN OUT PARAMS.yaml --seed 17

The same command again goes on from the last whole checkpoint in OUT. SIGTERM saves one and ends the run cleanly.
"""

import argparse
import contextlib
import json
import logging
import math
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from gristmill.train import checkpoint, metrics, processes
from gristmill.train.config import FREE_ON_RESUME, PretrainParams, model_fields, total_steps
from gristmill.train.data import Rows, check_same_rows
from gristmill.train.inputs import vocab_size
from gristmill.train.losses import token_nll
from gristmill.train.model import build_model, num_parameters
from gristmill.train.optimizer import build_optimizer, learning_rate
from gristmill.train.validate import Scores, unigram_baseline, validate

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Progress:
    """How far a run has come; part of every checkpoint's record."""

    step: int = 0
    """Optimizer steps done."""
    rows: int = 0
    """Packed rows consumed by all processes: the data position."""
    tokens: int = 0
    """Targets that carried loss."""
    seconds: float = 0.0
    """Time spent in training steps, over all sessions; without validation and saving."""
    loss: float | None = None
    """Loss of the last step."""


def pretrain(run: Path, out: Path, params: PretrainParams, seed: int) -> dict[str, object]:
    """Train a model on the packed rows of a run folder; gives the summary that `out/final/record.json` holds.

    `out` receives `metrics.jsonl`, `step-*/` and at the end `final/`, all of them LitGPT checkpoint folders. With
    `finished: False` the run was stopped by SIGTERM and saved; call again to go on. Raises ValueError where the
    parameters do not fit the rows, the processes or the checkpoint found in `out`, and FloatingPointError where the
    loss is no number.
    """
    processes.use_available_cores()
    rank, world_size = processes.rank_and_world_size()
    device = processes.device()
    precision = choose_precision(params, device)
    check_batch(params, world_size)
    rows = Rows(run, "train")
    validation = Rows(run, "validation") if any((run / "packed" / "validation").glob("*.arrow")) else None
    steps = total_steps(params, len(rows), rows.seq_length)

    torch.manual_seed(seed)
    model = build_model(model_fields(params, vocab_size(run / "tokenizer"), rows.seq_length), seed, device)
    if precision == "bf16-true":
        for parameter in model.parameters():  # not the rotary tables: bf16 cannot tell late positions apart
            parameter.data = parameter.data.bfloat16()
    optimizer = build_optimizer(model, params)
    forward = torch.compile(model) if params.compile else model
    parallel = DistributedDataParallel(forward) if world_size > 1 else forward
    autocast = torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16-mixed")

    facts = run_facts(rows, params, seed, steps, world_size, precision)
    progress = Progress()
    found = checkpoint.newest(out)
    if found is not None:
        check_resumable(found, rows, facts)
        if found.folder.name == checkpoint.FINAL and found.record["progress"]["step"] >= steps:
            return dict(found.record["summary"])
        checkpoint.load(found, model, optimizer)
        progress = Progress(**found.record["progress"])
    if rank == 0:
        announce(rows, params, steps, num_parameters(model), found)
        out.mkdir(parents=True, exist_ok=True)
        metrics.rewind(out / "metrics.jsonl", progress.step)

    logged, stopped = progress, False
    with processes.sigterm_noted() as sigterm:
        while progress.step < steps and not stopped:
            started = time.perf_counter()
            rate = learning_rate(progress.step, steps, params)
            for group in optimizer.param_groups:
                group["lr"] = rate
            nll, num_targets = backward_over_batch(parallel, rows, progress.rows, params, autocast, device)
            grad_norm = nn.utils.clip_grad_norm_(model.parameters(), params.max_norm).item()
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)

            total_nll, stop_votes = processes.summed([nll, float(sigterm.is_set())], device)
            stopped = stop_votes > 0
            progress = Progress(
                step=progress.step + 1,
                rows=progress.rows + params.global_batch_size,
                tokens=progress.tokens + num_targets,
                seconds=progress.seconds + time.perf_counter() - started,
                loss=total_nll / max(1, num_targets),
            )
            check_finite(progress, grad_norm, params, out)

            ends = stopped or progress.step == steps
            if rank == 0 and (ends or progress.step % params.log_interval == 0):
                line = training_line(progress, logged, grad_norm, rate)
                metrics.append(out / "metrics.jsonl", line)
                log.info(metrics.progress_line(line, steps))
                logged = progress
            if validation and progress.step < steps and progress.step % params.eval_interval == 0:
                num_rows = min(params.eval_rows, len(validation))
                with autocast:
                    scores = validate(forward, validation, num_rows, params.micro_batch_size, device)
                report_scores(out, progress, scores)
            if progress.step < steps and (stopped or progress.step % params.save_interval == 0):
                folder = checkpoint.step_folder(out, progress.step)
                save(folder, model, optimizer, run / "tokenizer", rows, progress, facts)

    summary = {"finished": progress.step >= steps, **summarize(progress, facts)}
    if not summary["finished"]:
        log.info("SIGTERM: stopped after step %s of %s; the same command goes on", progress.step, steps)
        return summary
    if validation:
        with autocast:
            scores = validate(forward, validation, len(validation), params.micro_batch_size, device)
        report_scores(out, progress, scores)
        summary |= {"validation_loss": scores.loss, "bits_per_byte": scores.bits_per_byte}
        summary["unigram_loss"] = unigram_baseline(rows, validation, model.config.padded_vocab_size)
    facts = {**facts, "summary": summary}
    save(out / checkpoint.FINAL, model, optimizer, run / "tokenizer", rows, progress, facts)
    return summary


def backward_over_batch(
    parallel: nn.Module,
    rows: Rows,
    position: int,
    params: PretrainParams,
    autocast: torch.autocast,
    device: torch.device,
) -> tuple[float, int]:
    """Leave the gradients of the global batch at `position` in the model.

    Gives the summed loss of this process's share of the batch, and the number of targets in all of it.
    """
    rank, world_size = processes.rank_and_world_size()
    num_targets = max(1, rows.num_targets(position, params.global_batch_size))
    starts = range(position, position + params.global_batch_size, params.micro_batch_size * world_size)
    nll = torch.zeros((), dtype=torch.float64, device=device)
    for start in starts:
        batch = rows.inputs_and_targets(start + rank * params.micro_batch_size, params.micro_batch_size)
        inputs, targets = (tensor.to(device) for tensor in batch)
        waits = world_size > 1 and start != starts[-1]  # gradients are exchanged once, with the last micro batch
        with parallel.no_sync() if waits else contextlib.nullcontext():
            with autocast:
                loss = token_nll(parallel(inputs), targets).sum()
            # DDP averages gradients over the processes, so each one's share is scaled up by their number
            (loss * (world_size / num_targets)).backward()
        nll += loss.detach()
    return nll.item(), num_targets


def choose_precision(params: PretrainParams, device: torch.device) -> str:
    """LitGPT's name of the precision to train in: as told, else what is fast on this device."""
    if params.precision == "auto":
        return "bf16-mixed" if device.type == "cuda" else "32-true"
    return params.precision


def check_batch(params: PretrainParams, world_size: int) -> None:
    """Raise ValueError unless the global batch can be shared evenly by the processes."""
    share = params.micro_batch_size * world_size
    if params.global_batch_size % share:
        raise ValueError(
            f"global_batch_size {params.global_batch_size} cannot be shared by {world_size} processes of"
            f" micro_batch_size {params.micro_batch_size}; set it to a multiple of {share}, or take another number"
            " of processes"
        )


def check_resumable(found: checkpoint.Checkpoint, rows: Rows, facts: dict[str, object]) -> None:
    """Raise ValueError unless the checkpoint is of this run: same parameters, same seed, same rows so far."""
    for name, now in {**facts["params"], "seed": facts["seed"]}.items():
        before = {**found.record["params"], "seed": found.record["seed"]}.get(name)
        if before != now and name not in FREE_ON_RESUME:
            raise ValueError(
                f"{found.folder} was trained with {name}: {before}, now it is {now}; set it back, or train in"
                " another folder"
            )
    check_same_rows(rows, found.record["data"])


def check_finite(progress: Progress, grad_norm: float, params: PretrainParams, out: Path) -> None:
    """Raise FloatingPointError where the last step's loss or gradient is no number, before it is ever saved."""
    for name, value in {"loss": progress.loss, "gradient norm": grad_norm}.items():
        if not math.isfinite(value):
            raise FloatingPointError(
                f"the {name} of step {progress.step} is {value}; lower learning_rate ({params.learning_rate}) or"
                f" raise warmup_steps; checkpoints in {out} are from before"
            )


def run_facts(
    rows: Rows, params: PretrainParams, seed: int, steps: int, world_size: int, precision: str
) -> dict[str, object]:
    """What every checkpoint's record says about the run as a whole, as plain JSON."""
    needed = steps * params.global_batch_size
    facts = {
        "params": asdict(replace(params, model=dict(params.model))),
        "seed": seed,
        "steps": steps,
        "packed_rows": len(rows),
        "passes": needed / len(rows),
        "rows_left_over": max(0, len(rows) - needed),
        "execution": {
            "world_size": world_size,
            "threads": torch.get_num_threads(),
            "precision": precision,
            "torch": torch.__version__,
        },
    }
    return json.loads(json.dumps(facts))


def announce(
    rows: Rows, params: PretrainParams, steps: int, parameters: int, found: checkpoint.Checkpoint | None
) -> None:
    """Say before the first step what is going to be trained, and on what."""
    size = params.global_batch_size
    needed = steps * size
    log.info(
        "%s parameters, %s steps x %s rows x %s tokens",
        *(f"{number:,}" for number in (parameters, steps, size, rows.seq_length)),
    )
    if needed > len(rows):
        log.warning(
            "%s steps x %s rows = %s rows, but %s are packed: they will be seen %.2f times",
            *(f"{number:,}" for number in (steps, size, needed, len(rows))),
            needed / len(rows),
        )
    elif needed < len(rows):
        log.info("%s of %s packed rows will not be seen", f"{len(rows) - needed:,}", f"{len(rows):,}")
    if found is not None:
        log.info("going on from %s", found.folder)


def training_line(progress: Progress, logged: Progress, grad_norm: float, rate: float) -> dict[str, float | int]:
    """The meters of the steps since the line before."""
    interval = metrics.Interval(
        start_s=logged.seconds,
        end_s=progress.seconds,
        steps=progress.step - logged.step,
        tokens=progress.tokens - logged.tokens,
    )
    return metrics.meters(progress.step, progress.loss, grad_norm, rate, progress.tokens, interval)


def report_scores(out: Path, progress: Progress, scores: Scores) -> None:
    """Write and say what validation found; rank 0 speaks."""
    if processes.rank_and_world_size()[0] != 0:
        return
    line = {
        "step": progress.step,
        "validation_loss": scores.loss,
        "validation_tokens": scores.tokens,
        "bits_per_byte": scores.bits_per_byte,
    }
    metrics.append(out / "metrics.jsonl", line)
    per_source = ", ".join(f"{source} {bits:.3f}" for source, bits in scores.bits_per_byte.items())
    log.info("step %s | validation loss %.4f | bits per byte: %s", progress.step, scores.loss, per_source)


def save(
    folder: Path,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    tokenizer: Path,
    rows: Rows,
    progress: Progress,
    facts: dict[str, object],
) -> None:
    """Write a checkpoint with its data position; rank 0 does it for all."""
    if processes.rank_and_world_size()[0] == 0:
        data = {"rows": progress.rows, "digests": rows.digests(progress.rows)}
        record = {**facts, "step": progress.step, "progress": asdict(progress), "data": data}
        checkpoint.save(folder, model, optimizer, tokenizer, record)
        log.info("saved %s", folder)


def summarize(progress: Progress, facts: dict[str, object]) -> dict[str, object]:
    """The run in numbers: steps, tokens, loss (nats per token), seconds of training steps and tokens per second."""
    return {
        "steps": progress.step,
        "rows": progress.rows,
        "tokens": progress.tokens,
        "passes": facts["passes"],
        "train_loss": progress.loss,
        "seconds": progress.seconds,
        "tokens_per_s": progress.tokens / progress.seconds if progress.seconds else 0.0,
    }


def read_params(path: Path) -> PretrainParams:
    """The parameters in a YAML or JSON file. Raises ValueError that names the file and what is wrong with it."""
    try:
        given = YAML(typ="safe").load(path) or {}
        return PretrainParams(**given)
    except (YAMLError, TypeError, ValueError) as error:  # TypeError: an unknown name, or no mapping at all
        raise ValueError(f"{path}: {error}") from error


def main(arguments: list[str] | None = None) -> None:
    """The command line: prints the summary as one line of JSON, logs to standard error."""
    parser = argparse.ArgumentParser(prog="python -m gristmill.train.pretrain", description=main.__doc__)
    parser.add_argument("run", type=Path, help="run folder with packed/, tokens/ and tokenizer/")
    parser.add_argument("out", type=Path, help="folder for checkpoints and metrics")
    parser.add_argument("params", type=Path, help="YAML or JSON file of PretrainParams")
    parser.add_argument("--seed", type=int, required=True, help="the manifest's seed")
    told = parser.parse_args(arguments)
    with processes.process_group():
        rank, _ = processes.rank_and_world_size()
        logging.basicConfig(level=logging.INFO if rank == 0 else logging.WARNING, format="%(message)s")
        try:
            summary = pretrain(told.run, told.out, read_params(told.params), told.seed)
        except (ValueError, OSError, FloatingPointError) as error:
            parser.exit(1, f"{parser.prog}: {error}\n")
        if rank == 0:
            print(json.dumps(summary))


if __name__ == "__main__":
    main()
