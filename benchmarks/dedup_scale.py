"""What deduplication costs as documents grow tenfold: time, memory and disk of every step, and how each grows.

`make bench-dedup-scale`, or `python -m benchmarks.dedup_scale --sizes 10000 100000 1000000 --folder DIR`. The documents are
drawn at random: 150 to 300 words, 80 % of them fresh, 2 % exact copies, 8 % with one to eight words changed, 10 % pages of a
template, 200 pages each, but a tenth of these all of one. The steps are those of a run up to `shards`, whichever they are.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from benchmarks.machine import machine
from benchmarks.text_tables import table

PROJECT = Path(__file__).parents[1]
FILE_DOCUMENTS = 25_000
FRESH, EXACT, NEAR = 0.80, 0.02, 0.08  # the rest are pages of templates
ESTIMATED, NODE_CORES = 1_000_000_000, 32
"""The documents, and the machines, that the last table is about."""

SAMPLE_S = 0.05
"""How often memory is looked at."""

MANIFEST = """\
name: scale
sources: {texts: {kind: text, paths: ["texts/*.jsonl"], filters: []}}
curate: {languages: null, dedup: {near: {ngram_words: 5, num_perm: 128}}}
run: {workers: WORKERS}
"""


@dataclass
class Cost:
    """What a step took."""

    elapsed_s: float = 0.0
    largest_mb: float = 0.0
    """The most that one of its processes had (resident)."""
    all_mb: float = 0.0
    """The most that all processes of the run had together, shared pages counted once for each."""
    disk_mb: float = 0.0


def main() -> None:
    arguments = parsed()
    found: dict[int, dict[str, Cost]] = {}
    for size in arguments.sizes:
        with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
            start = time.perf_counter()
            planted = generate(Path(folder) / "texts", size, arguments.seed)
            print(f"{size:,} documents made in {time.perf_counter() - start:.0f} s: {planted}", flush=True)
            found[size], removed = measured(Path(folder), arguments.workers)
            print(f"removed: {removed}; {machine()}, {arguments.workers} workers\n\n{shown(found[size])}\n", flush=True)
    if len(found) > 1:
        print(f"{growth_section(found)}\n")
        print(estimate_section(found, arguments.workers))
    if arguments.out:
        numbers = {size: {step: asdict(cost) for step, cost in steps.items()} for size, steps in found.items()}
        arguments.out.write_text(json.dumps(numbers, indent=1) + "\n")


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000], help="numbers of documents"
    )
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--folder", type=Path, help="where texts and store go; about 5 GB a million documents")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, help="write the numbers as JSON too")
    return parser.parse_args()


# --- documents -------------------------------------------------------------------------------------------------------


def generate(folder: Path, size: int, seed: int) -> dict[str, int]:
    """Writes documents as JSON lines, file by file; says how many of each kind there are."""
    folder.mkdir(parents=True)
    words = vocabulary(seed)
    counts: dict[str, int] = defaultdict(int)
    for number, first in enumerate(range(0, size, FILE_DOCUMENTS)):
        rng = np.random.default_rng([seed, number])
        documents = min(FILE_DOCUMENTS, size - first)
        with open(folder / f"{number:05}.jsonl", "w", encoding="utf-8") as file:
            file.write("".join(_lines(rng, words, first, documents, seed, counts)))
    return dict(counts)


def vocabulary(seed: int, size: int = 30_000) -> np.ndarray:
    """Different words of 2 to 12 letters."""
    rng = np.random.default_rng(seed)
    letters = rng.choice(np.array(list("etaoinshrdlcumwfgypbvk")), (2 * size, 12))
    lengths = rng.integers(2, 13, 2 * size)
    found = dict.fromkeys("".join(row[:length]) for row, length in zip(letters.tolist(), lengths, strict=True))
    return np.array(list(found)[:size], dtype=object)


def _lines(rng, words: np.ndarray, first: int, documents: int, seed: int, counts: dict[str, int]):
    lengths = rng.integers(150, 301, documents)
    # Frequent words are more frequent: the square of a uniform draw.
    drawn = (rng.random(int(lengths.sum())) ** 2 * len(words)).astype(np.int32)
    ends = np.cumsum(lengths)
    kinds = np.searchsorted(np.cumsum([FRESH, EXACT, NEAR]), rng.random(documents))
    fresh = np.flatnonzero(kinds == 0)
    for number in range(documents):
        own = drawn[ends[number] - lengths[number] : ends[number]]
        kind = ("fresh", "exact", "near", "template")[kinds[number]]
        if kind in ("exact", "near") and len(fresh):
            chosen = fresh[rng.integers(len(fresh))]
            own = drawn[ends[chosen] - lengths[chosen] : ends[chosen]].copy()
            if kind == "near":
                own[rng.integers(0, len(own), rng.integers(1, 9))] = rng.integers(0, len(words))
        elif kind == "template":
            template = 0 if number % 10 == 0 else 1 + (first + number) // 2_000
            frame = (np.random.default_rng([seed, 1 << 20, template]).random(120) ** 2 * len(words)).astype(np.int32)
            own = np.concatenate([frame[:60], own[:80], frame[60:]])
        counts[kind] += 1
        yield '{"text": "' + " ".join(words[own].tolist()) + '"}\n'


# --- the run ---------------------------------------------------------------------------------------------------------

RUN = """
import json, sys
from pathlib import Path
from gristmill.manifests import runner, schema

class Told:
    def step(self, name, reused, todo, says): print(json.dumps(["step", name]), flush=True)
    def unit(self, line): pass
    def done(self, name, counts, seconds): print(json.dumps(["done", name, dict(counts)]), flush=True)
    def warn(self, message): print(json.dumps(["warn", message]), flush=True)

loaded = schema.load(Path("scale.yaml"))
runner.run(loaded, runner.Place.of(loaded, Path("store"), Path("runs")), Told(), "shards")
"""


def measured(folder: Path, workers: int) -> tuple[dict[str, Cost], Mapping[str, int]]:
    """What each step of a run took, by the clock and by what /proc says of its processes; and what it removed."""
    (folder / "scale.yaml").write_text(MANIFEST.replace("WORKERS", str(workers)))
    costs: dict[str, Cost] = {}
    dropped: dict[str, int] = {}
    current = ["start"]
    process = subprocess.Popen([sys.executable, "-c", RUN], cwd=folder, stdout=subprocess.PIPE, text=True)
    watch = threading.Thread(target=_watch, args=(process, costs, current))
    watch.start()
    begun = time.perf_counter()
    for line in process.stdout:
        if not line.startswith("["):
            continue
        what, name, *counts = json.loads(line)
        if what == "step":
            begun, current[0] = time.perf_counter(), name
        elif what == "done":
            cost = costs.setdefault(name, Cost())
            cost.elapsed_s = time.perf_counter() - begun
            stored = folder / "store" / name
            cost.disk_mb = sum(p.stat().st_size for p in stored.rglob("*") if p.is_file()) / 1e6
            dropped |= {rule: n for rule, n in counts[0].get("dropped", {}).items() if rule.startswith("dedup.")}
        else:
            print(name, file=sys.stderr)
    watch.join()
    if process.returncode:
        sys.exit(f"the run over {folder} failed with {process.returncode}; what it said stands above")
    costs.pop("start", None)
    return {name: cost for name, cost in costs.items() if cost.elapsed_s}, dropped


def _watch(process: subprocess.Popen, costs: dict[str, Cost], current: list[str]) -> None:
    """Notes the memory of a process and its descendants for the step that is running, until it ends."""
    while process.poll() is None:
        sizes = resident(process.pid)
        cost = costs.setdefault(current[0], Cost())
        cost.largest_mb = max(cost.largest_mb, max(sizes, default=0) / 1e6)
        cost.all_mb = max(cost.all_mb, sum(sizes) / 1e6)
        time.sleep(SAMPLE_S)


def resident(pid: int) -> list[int]:
    """Bytes in memory of a process and each of its descendants."""
    parents, sizes = {}, {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                sizes[int(entry.name)] = int((entry / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
            except OSError:
                continue  # it has ended
    family = {pid}
    while more := {child for child, parent in parents.items() if parent in family} - family:
        family |= more
    return [sizes[one] for one in family if one in sizes]


# --- what is told ----------------------------------------------------------------------------------------------------


def shown(steps: Mapping[str, Cost]) -> str:
    rows = [[name, c.elapsed_s, c.largest_mb, c.all_mb, c.disk_mb] for name, c in steps.items()]
    total = [sum(row[1] for row in rows), *(max(row[i] for row in rows) for i in (2, 3)), sum(row[4] for row in rows)]
    return table(["step", "s", "largest process MB", "all processes MB", "disk MB"], [*rows, ["all", *total]])


def exponent(sizes: Sequence[int], values: Sequence[float]) -> float:
    """The slope of a line through logarithms: 1 for what grows as the documents do.

    >>> round(exponent([10, 100, 1000], [5, 50, 500]), 3)
    1.0
    """
    return float(np.polyfit(np.log(sizes), np.log(np.maximum(values, 1e-3)), 1)[0])


def growth_section(found: Mapping[int, Mapping[str, Cost]]) -> str:
    """Exponents of every step over all sizes, and between the last two, where what a run costs anyway weighs less."""
    sizes = sorted(found)
    rows = []
    for step in found[sizes[-1]]:
        row: list[object] = [step]
        for what in ("elapsed_s", "largest_mb"):
            values = [getattr(found[size][step], what) for size in sizes]
            row += [exponent(sizes, values), exponent(sizes[-2:], values[-2:])]
        rows.append(row)
    total = [sum(cost.elapsed_s for cost in found[size].values()) for size in sizes]
    peak = [max(cost.largest_mb for cost in found[size].values()) for size in sizes]
    rows.append(
        ["all"] + [exponent(s, v) for values in (total, peak) for s, v in ((sizes, values), (sizes[-2:], values[-2:]))]
    )
    head = ["step", "time ~ n^", "of the last two", "memory ~ n^", "of the last two"]
    return "How it grows, from " + " to ".join(f"{s:,}" for s in sizes) + ":\n\n" + table(head, rows)


def estimate_section(found: Mapping[int, Mapping[str, Cost]], workers: int) -> str:
    """What `ESTIMATED` documents would need: the largest run, on from there by each step's own growth, 1 at least.

    All workers count as busy all the time, so that a step that has one at work is priced as if it had all.
    """
    sizes = sorted(found)
    times = ESTIMATED / sizes[-1]
    rows = []
    for step, cost in found[sizes[-1]].items():
        grows = max(1.0, exponent(sizes[-2:], [found[size][step].elapsed_s for size in sizes[-2:]]))
        core_hours = cost.elapsed_s * workers * times**grows / 3600
        rows.append([step, core_hours, core_hours / NODE_CORES / 24, cost.disk_mb * times / 1e6])
    rows.append(["all", *(sum(row[column] for row in rows) for column in (1, 2, 3))])
    head = ["step", "core hours", f"nodes of {NODE_CORES} cores for a day", "TB on disk"]
    return f"What {ESTIMATED:,} documents would need:\n\n{table(head, rows)}"


if __name__ == "__main__":
    main()
