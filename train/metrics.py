"""Meters of a training run: what one line of `metrics.jsonl` says, and the only place where it is written.

A line is one JSON object. Training lines have `loss`, validation lines `validation_loss`; both have `step`, the
number of optimizer steps done. After a resume the file goes on where the checkpoint stood, so `step` never falls.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Interval:
    """A stretch of training between two clock readings of the same clock."""

    start_s: float
    end_s: float
    steps: int
    tokens: int  # targets that carried loss, over all processes


def meters(
    step: int, loss: float, grad_norm: float, rate: float, tokens_total: int, interval: Interval
) -> dict[str, float | int]:
    """The meters of a training line: step, loss (nats per token), speed over the interval, rate, norm and time.

    `tokens_per_s` is tokens divided by the seconds that passed, never by a clock reading; 0 where no time passed.
    """
    seconds = interval.end_s - interval.start_s
    return {
        "step": step,
        "loss": loss,
        "grad_norm": grad_norm,
        "learning_rate": rate,
        "tokens": tokens_total,
        "tokens_per_s": interval.tokens / seconds if seconds > 0 else 0.0,
        "step_s": seconds / interval.steps if interval.steps else 0.0,
    }


def progress_line(line: dict[str, float | int], steps: int) -> str:
    """A training line as a person reads it, with the time left at the speed of the interval."""
    left_s = int((steps - line["step"]) * line["step_s"])
    return (
        f"step {line['step']:,}/{steps:,} | loss {line['loss']:.4f} | grad norm {line['grad_norm']:.2f}"
        f" | lr {line['learning_rate']:.2e} | {line['tokens_per_s']:,.0f} tokens/s"
        f" | {left_s // 3600}:{left_s // 60 % 60:02}:{left_s % 60:02} left"
    )


def append(path: Path, line: dict[str, object]) -> None:
    """Add one line to the file."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def read(path: Path) -> list[dict[str, object]]:
    """The lines of the file; one that was cut off by a kill is left out. No file: no lines."""
    lines = []
    for text in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            line = json.loads(text)
        except json.JSONDecodeError:
            continue
        if isinstance(line, dict) and isinstance(line.get("step"), int):
            lines.append(line)
    return lines


def rewind(path: Path, step: int) -> None:
    """Drop the lines after `step`, for a run that goes on from there."""
    kept = [line for line in read(path) if line["step"] <= step]
    building = path.with_name(f".{path.name}.building")
    building.write_text("".join(json.dumps(line) + "\n" for line in kept), encoding="utf-8")
    os.replace(building, path)
