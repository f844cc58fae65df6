"""Deduplication beside other tools: signatures a second, the whole of it, and what each finds of what was planted.

`make bench-dedup`, or `python -m benchmarks.bench_dedup --originals 200`: see README.md.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks import planted_duplicates as planted
from benchmarks.bench_features import texts as read_texts
from benchmarks.dedup_tools import OURS, THRESHOLD, TOOLS
from benchmarks.machine import machine
from benchmarks.text_tables import table

PROJECT = Path(__file__).parents[1]
PEER_PYTHON = PROJECT / ".venv-peers" / "bin" / "python"
SLOW = ("datatrove", "text-dedup", "minhash-lsh-dedup", "gristmill run")
"""Run once; the others so often as `--runs` says."""
REMOVES_BY = {"datatrove": "clusters, unverified", "text-dedup": "clusters, unverified", "rensa": "by estimate"} | {
    "gaoya": "by estimate",
    "minhash-lsh-dedup": "unverified",
    "datasketch": "unverified",
    "gristmill": "verified",
    "gristmill run": "verified, ledger, features",
}


def main() -> None:
    arguments = parsed()
    made = planted.plant(originals(arguments.data, arguments.originals), arguments.seed)
    pairs = planted.similar_pairs(made.texts, THRESHOLD)
    size = sum(len(text.encode()) for text in made.texts) / 1e6
    print(
        f"{len(made.texts):,} documents, {size:.1f} MB, {len(pairs):,} pairs similar by {THRESHOLD}; {machine()}",
        flush=True,
    )
    report: dict[str, object] = {"machine": machine(), "documents": len(made.texts), "pairs": len(pairs), "cores": {}}
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "in.jsonl"
        lines = [json.dumps({"number": number, "text": text}) + "\n" for number, text in enumerate(made.texts)]
        source.write_text("".join(lines), encoding="utf-8")
        for cores in arguments.cores:
            answers = dict(measured(source, cores, arguments.runs, arguments.only))
            found = {name: planted.judged(pairs, answer["kept"], len(lines)) for name, answer in answers.items()}
            print(
                f"\n### Deduplication, {cores} core{'s' if cores > 1 else ''}\n\n{shown(answers, found, len(lines))}",
                flush=True,
            )
            report["cores"][cores] = {
                name: {"signatures": a["signatures"], "whole": a["whole"], "recall": found[name].recall}
                | {"precision": found[name].precision, "removed": found[name].removed}
                for name, a in answers.items()
            }
    if arguments.out:
        arguments.out.write_text(json.dumps(report, indent=1) + "\n")


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = Path(os.environ.get("GRISTMILL_DATA") or PROJECT.parent / "shared" / "data")
    parser.add_argument(
        "--data", type=Path, default=default, help="folder of samples; without one, Python's own documentation"
    )
    parser.add_argument(
        "--originals", type=int, default=1000, help="at most so many, each with three copies on average"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--runs", type=int, default=3, help="the fastest of so many runs is shown")
    parser.add_argument(
        "--cores", type=int, nargs="+", default=[1, 2], help="processors that tools may use, and workers"
    )
    parser.add_argument("--only", action="append", choices=list(TOOLS), help="this tool, beside ours")
    parser.add_argument("--out", type=Path, help="write the numbers as JSON too")
    return parser.parse_args()


def originals(folder: Path, at_most: int) -> list[str]:
    """Real texts: news, and pages, articles, books and code; Python's own documentation where there are no samples."""
    news = folder / "dedup-labels" / "minhash-articles_1000.train"
    if not news.exists():
        return planted.library_texts(at_most=at_most)
    found = [line.split(" ", 1)[1] for line in news.read_text("utf-8").splitlines()][: at_most // 2]
    kinds = {"wikipedia": "wikipedia/enwiki*.bz2", "code": "code/*.tar.gz", "books": "books/pg1*.txt"}
    for kind, pattern in kinds.items():
        some = [text for _, text in read_texts(kind, sorted(folder.glob(pattern)))]
        pieces = [piece for text in some for piece in cut(text)]
        found += random.Random(1).sample(pieces, min(len(pieces), (at_most - at_most // 2) // len(kinds)))
    return found


def cut(text: str, num_words: int = 500) -> Iterator[str]:
    """Stretches of 60 to 500 words."""
    words = text.split(" ")
    for start in range(0, len(words), num_words):
        if len(words[start : start + num_words]) >= 60:
            yield " ".join(words[start : start + num_words])


def measured(source: Path, cores: int, runs: int, only: Sequence[str] | None) -> Iterator[tuple[str, dict]]:
    """Each tool's answer with the least processor time of some runs, which take turns."""
    tools = [name for name in TOOLS if name in OURS or (PEER_PYTHON.exists() and (not only or name in only))]
    if not PEER_PYTHON.exists():
        print("the peers are not installed (make bench-dedup does that): only ours is measured", file=sys.stderr)
    answers: dict[str, dict] = {}
    for turn in range(runs):
        for name in tools:
            if turn and name in SLOW:
                continue
            found = run(name, source, cores)
            if name in answers:
                for what in ("signatures", "whole"):
                    if found[what]:
                        found[what] = min(found[what], answers[name][what])
            answers[name] = found
    yield from answers.items()


def run(name: str, source: Path, cores: int) -> dict:
    """A tool's answer, from a process that may use so many processors."""
    python = sys.executable if name in OURS else str(PEER_PYTHON)
    out = source.with_suffix(".out")
    count = str(cores)
    threads = dict.fromkeys(("OMP_NUM_THREADS", "RAYON_NUM_THREADS", "NUMBA_NUM_THREADS"), count)
    environment = os.environ | threads | {"PYTHONHASHSEED": "0", "PYTHONPATH": str(PROJECT), "HF_HUB_OFFLINE": "1"}
    command = [python, str(PROJECT / "benchmarks" / "dedup_tools.py"), name, count, str(source), str(out)]
    pinned = sorted(os.sched_getaffinity(0))[:cores] if hasattr(os, "sched_setaffinity") else []
    start = (lambda: os.sched_setaffinity(0, pinned)) if pinned else None
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, preexec_fn=start)
    if done.returncode:
        sys.exit(f"{name} failed: {(done.stderr.strip().splitlines() or ['it said nothing'])[-1]}")
    return json.loads(out.read_text())


def shown(answers: dict[str, dict], found: dict[str, planted.Judgement], documents: int) -> str:
    """One row a tool; rates by processor time, and how many times ours takes as much."""
    ours = answers["gristmill"]
    rows = []
    for name, answer in answers.items():
        signs = answer["signatures"]
        judgement = found[name]
        rows.append(
            [
                name,
                REMOVES_BY[name],
                documents / signs[0] if signs else None,
                signs[0] / ours["signatures"][0] if signs and name != "gristmill" else None,
                answer["whole"][0],
                answer["whole"][1],
                answer["whole"][0] / ours["whole"][0] if name != "gristmill" else None,
                judgement.recall,
                judgement.precision,
                judgement.removed,
            ]
        )
    head = ["tool", "removes by", "signatures/s", "times ours", "whole, processor s", "wall s", "times ours"]
    return table([*head, "recall", "precision", "removed"], rows)


if __name__ == "__main__":
    main()
