"""What a person sees of a run: one line a step, with rate, share kept and time left while it runs."""

import time
from collections.abc import Mapping

from rich.console import Console
from rich.live import Live


class ConsoleProgress:
    """Progress on a terminal as one changing line a step; plain lines, some seconds apart, anywhere else."""

    def __init__(self, console: Console, every_s: float = 5.0):
        self._console = console
        self._every_s = every_s
        self._live: Live | None = None

    def step(self, name: str, reused: int, todo: int, says: str) -> None:
        """A step begins."""
        self._name, self._todo, self._finished = name, todo, 0
        self._documents = self._kept = 0
        self._start = self._said = time.monotonic()
        if todo and self._console.is_terminal:
            self._live = Live(f"{name:<14} {says} ...", console=self._console, refresh_per_second=4, transient=True)
            self._live.start()
        self._reused = reused

    def unit(self, line: dict) -> None:
        """A unit is finished, well or not."""
        self._finished += 1
        counts = line.get("counts") or {}
        self._documents += counts.get("documents", 0)
        self._kept += counts.get("kept", 0)
        now = time.monotonic()
        if self._live:
            self._live.update(self._line(now))
        elif now - self._said > self._every_s:
            self._said = now
            self._console.print(self._line(now), markup=False)

    def _line(self, now: float) -> str:
        elapsed = max(now - self._start, 1e-6)
        left = elapsed / self._finished * (self._todo - self._finished)
        text = f"{self._name:<14} {self._finished}/{self._todo} units"
        if self._documents:
            text += f", {self._documents / elapsed:,.0f} docs/s"
        if self._kept:
            text += f", {self._kept / self._documents:.0%} kept"
        return f"{text}, {left:.0f} s left"

    def done(self, name: str, counts: Mapping[str, object], seconds: float) -> None:
        """A step is complete."""
        if self._live:
            self._live.stop()
            self._live = None
        how = f"{time.monotonic() - self._start:.1f} s" if self._todo else "reused"
        self._console.print(f"{name:<14} {how:<9} {numbers(counts)}".rstrip(), markup=False)

    def close(self) -> None:
        """Give the terminal back, however the run ended."""
        if self._live:
            self._live.stop()
            self._live = None

    def warn(self, message: str) -> None:
        """Something that the run survives and a person should know."""
        self._console.print(f"warning: {message}", markup=False, style="yellow")


def numbers(counts: Mapping[str, object]) -> str:
    """Counts on one line: `1,204 documents, 1,100 kept`."""
    shown = (
        "files",
        "records",
        "documents",
        "kept",
        "lines",
        "paragraphs",
        "substrings",
        "repeats",
        "tokens",
        "rows",
        "vocab_size",
        "steps",
        "train_loss",
        "validation_loss",
        "unigram_loss",
    )
    parts = [
        f"{value:,} {name}" if isinstance(value, int) else f"{value:.4g} {name}"
        for name in shown
        if (value := counts.get(name)) is not None and not isinstance(value, (str, Mapping))
    ]
    if "padding" in counts:
        cut, cropped = counts.get("cut", 0), counts.get("cropped", 0)
        parts.append(f"{counts['padding']:.2%} padding, {cut:,} documents cut, {cropped:,} tokens cropped")
    for name, n in dict(counts.get("with_score", {})).items():
        parts.append(f"{name} of {n:,} in {n + counts['without_score'][name]:,} texts")
    by_rule = counts.get("cut")  # of `pack`, a number of documents
    if isinstance(by_rule, Mapping) and by_rule:
        parts.append("cut by " + ", ".join(f"{rule} {n:,}" for rule, n in by_rule.items()))
    dropped = counts.get("dropped")
    if isinstance(dropped, Mapping) and dropped:
        top = sorted(dropped.items(), key=lambda item: -item[1])[:3]
        parts.append(
            "dropped by " + ", ".join(f"{rule} {n:,}" for rule, n in top) + (" ..." if len(dropped) > 3 else "")
        )
    return ", ".join(parts)
