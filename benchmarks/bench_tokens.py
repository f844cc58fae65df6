"""Training and encoding beside tokenizers, tiktoken, rustbpe, gigatoken, gigabpe and datatrove, on one core.

Every tool works in a process of its own, one after another, round by round, and the fastest round counts. Encoding reads
a document shard and writes a token shard (datatrove: JSON lines to .ds). Ids and merges are compared by digest.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pyarrow as pa

from benchmarks.machine import machine
from gristmill.tokenizer import bpe, training
from gristmill.tokenizer.patterns import PATTERNS
from gristmill.tokenizer.text_files import Files

PROJECT = Path(__file__).parents[1]
PEER_PYTHON = Path(os.environ.get("GRISTMILL_PEERS", PROJECT / ".venv-peers")) / "bin" / "python"
ENCODERS = ("gristmill", "tokenizers", "tiktoken", "datatrove")
TRAINERS = {
    "gpt4": ("gristmill", "tokenizers", "rustbpe"),
    "gpt2": ("gristmill", "tokenizers", "rustbpe", "gigatoken", "gigabpe"),
}


def main() -> None:
    arguments = parsed()
    if not PEER_PYTHON.exists():
        sys.exit(f"the peers are not installed at {PEER_PYTHON}; run make bench-tokens, which makes .venv-peers")
    report: dict[str, object] = {"machine": machine(), "vocab_size": arguments.vocab_size}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        documents = corpus(arguments.data, int(arguments.mb * 1e6))
        size = prepare(folder, documents)
        report["mb"] = size / 1e6
        print(f"{machine()}; {len(documents):,} documents, {size / 1e6:.1f} MB, vocabulary {arguments.vocab_size:,}\n")
        bpe.save(
            training.train((text for _, text in documents), training.TokenizerParams(arguments.vocab_size)),
            folder / "tokenizer",
        )
        for pattern, tools in TRAINERS.items() if not arguments.encode_only else ():
            report[f"train {pattern}"] = rounds("train", tools, folder, pattern, arguments)
            table(f"training, {pattern}", report[f"train {pattern}"], size, "merges")
        report["encode"] = rounds("encode", ENCODERS, folder, "gpt4", arguments)
        table("encoding, shards to shards", report["encode"], size, "tokens")
    if arguments.out:
        arguments.out.write_text(json.dumps(report, indent=1) + "\n")


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = Path(os.environ.get("GRISTMILL_DATA") or PROJECT.parent / "shared" / "data")
    parser.add_argument("--data", type=Path, default=default, help="folder of samples, or of any files of texts")
    parser.add_argument("--mb", type=float, default=20, help="text to work on")
    parser.add_argument("--vocab-size", type=int, default=32768)
    parser.add_argument("--runs", type=int, default=2, help="the fastest of so many rounds is shown")
    parser.add_argument("--encode-only", action="store_true")
    parser.add_argument("--out", type=Path, help="write the numbers as JSON too")
    return parser.parse_args()


def corpus(data: Path, size: int) -> list[tuple[str, str]]:
    """Books in eight languages, forum messages and sentences in 79 languages; whatever texts another folder has."""
    inside = ("books/*.txt", "forum/hackernews-items.jsonl", "langid/*.tsv.gz")
    paths = [p for pattern in inside for p in sorted(data.glob(pattern))]
    paths = paths or sorted(p for p in data.rglob("*") if p.is_file())
    found, used = [], 0
    blocks = Files("data", [(p.name.replace(".tsv", ".txt"), str(p)) for p in paths])
    for name, text in blocks.documents():
        # As long as documents are, so that every tool has a batch of them.
        for first in range(0, len(text), 8_000):
            found.append((f"{name}-{first}", text[first : first + 8_000]))
    step = max(1, sum(len(text.encode()) for _, text in found) // size)
    chosen = found[::step]
    while chosen and (used := sum(len(text.encode()) for _, text in chosen)) > size:
        chosen = chosen[: int(len(chosen) * size / used)]
    return chosen


def prepare(folder: Path, documents: list[tuple[str, str]]) -> int:
    """Write the texts in the forms that tools read; gives their bytes."""
    schema = pa.schema([("id", pa.string()), ("text", pa.string())])
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_file(str(folder / "texts.arrow"), schema, options=options) as writer:
        for first in range(0, len(documents), 1024):
            ids, texts = zip(*documents[first : first + 1024], strict=True)
            writer.write_batch(pa.record_batch([pa.array(ids), pa.array(texts)], schema=schema))
    lines = (json.dumps({"id": name, "text": text}, ensure_ascii=False) for name, text in documents)
    (folder / "texts.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "patterns.json").write_text(json.dumps(PATTERNS))
    return sum(len(text.encode()) for _, text in documents)


def rounds(work: str, tools: tuple[str, ...], folder: Path, pattern: str, arguments: argparse.Namespace) -> dict:
    """Tool -> its fastest round by processor time."""
    best: dict[str, dict] = {}
    for _ in range(arguments.runs):
        for tool in tools:
            python = sys.executable if tool == "gristmill" else str(PEER_PYTHON)
            command = [python, str(PROJECT / "benchmarks" / "token_tools.py"), work, tool, str(folder), pattern]
            environment = os.environ | {"RAYON_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
            done = subprocess.run(
                [*command, str(arguments.vocab_size)], capture_output=True, text=True, check=False, env=environment
            )
            if done.returncode:
                sys.exit(f"{tool} failed to {work}: {(done.stderr.strip().splitlines() or ['it said nothing'])[-1]}")
            answer = json.loads(done.stdout.strip().splitlines()[-1])
            if tool not in best or answer["cpu_s"] < best[tool]["cpu_s"]:
                best[tool] = answer
    return best


def table(title: str, best: dict[str, dict], size: int, what: str) -> None:
    """Print the tools side by side; a digest that differs from tokenizers' is marked."""
    print(f"{title}\n{'':12}{'MB/s':>9}{what + '/s':>14}{'cpu s':>8}{'peak MB':>9}{'times':>8}  {what}")
    reference = best["tokenizers"]
    for tool, one in best.items():
        same = "the same" if one["digest"] == reference["digest"] else f"{one['count']:,}, other {what}"
        times = reference["cpu_s"] / one["cpu_s"]
        print(
            f"{tool:12}{size / 1e6 / one['cpu_s']:9.2f}{one['count'] / one['cpu_s']:14,.0f}{one['cpu_s']:8.1f}"
            f"{one['peak_mb']:9.0f}{times:8.1f}  {same}"
        )
    print()


if __name__ == "__main__":
    main()
