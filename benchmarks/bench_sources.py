"""Readers beside the usual tool for each kind of source: MB/s on the same files, and how much text they share.

`make bench-sources`, or `python -m benchmarks.bench_sources --kind latex`: see README.md.
"""

import argparse
import bz2
import gzip
import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from benchmarks.machine import machine
from benchmarks.source_tools import PEERS
from benchmarks.text_tables import table

PROJECT = Path(__file__).parents[1]
PEER_PYTHON = PROJECT / ".venv-peers" / "bin" / "python"

FILES = {
    "wikipedia": ("wikipedia/*.xml.bz2",),
    "latex": ("papers/*latex*.tar.gz", "papers/arxiv*.tar.gz"),
    "jats": ("papers/*jats*.tar.gz", "papers/pmc/*.nxml"),
    "mail": ("forum/mailinglist/*",),
    "stackexchange": ("forum/stackexchange/*/Posts.xml",),
    "epub": ("books/*.epub",),
    "gutenberg": ("books/pg*.txt",),
    "code": ("code/*.tar.gz",),
    "warc": ("crawl/*eval.warc.gz", "crawl/*articles.warc.gz", "crawl/dolma*.warc.gz"),
}
"""Which files of the data folder each kind is measured on."""

WORD = re.compile(r"\w+")


def main() -> None:
    arguments = parsed()
    if not arguments.data.is_dir():
        sys.exit(
            f"no folder {arguments.data}: give one of samples with --data; benchmarks/README.md says what it holds"
        )
    peers_are_there = PEER_PYTHON.exists()
    if not peers_are_there:
        print(
            "the peers are not installed (make bench-sources does that): only our readers are measured", file=sys.stderr
        )
    report, rows = {}, []
    for kind in arguments.kind or FILES:
        files = sorted(path for pattern in FILES[kind] for path in arguments.data.glob(pattern))
        if not files:
            print(f"{kind}: no {' or '.join(FILES[kind])} in {arguments.data}", file=sys.stderr)
            continue
        names = ["gristmill", *(peer.__name__ for peer in PEERS[kind] if peers_are_there)]
        report[kind] = measured(kind, names, files, arguments.runs)
        rows += [[kind, name, *numbers.values()] for name, numbers in report[kind].items()]
    head = ["kind", "tool", "MB", "MB/s", "documents", "million words", "has of ours", "we have of its"]
    print(
        f"\nProcessor time, child processes included, on {machine()}; median of {arguments.runs} runs; MB are those of the unpacked files\n"
    )
    print(table(head, rows))
    if arguments.out:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(
            json.dumps({"machine": machine(), "runs": arguments.runs, "kinds": report}, indent=1) + "\n"
        )


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = Path(os.environ.get("GRISTMILL_DATA") or PROJECT.parent / "shared" / "data")
    parser.add_argument("--data", type=Path, default=default, help="folder of samples")
    parser.add_argument("--kind", action="append", choices=FILES, help="may be repeated; all by default")
    parser.add_argument("--runs", type=int, default=3, help="the median of so many runs is shown")
    parser.add_argument("--out", type=Path, help="write the numbers as JSON too")
    return parser.parse_args()


def measured(kind: str, names: Sequence[str], files: Sequence[Path], runs: int) -> dict[str, dict[str, object]]:
    """Numbers of each tool by name; a tool that fails is left out, with a line about it."""
    size = sum(map(unpacked_bytes, files)) / 1e6
    ours: Counter[str] = Counter()
    rows: dict[str, dict[str, object]] = {}
    for name in names:
        found = run(kind, name, files, runs)
        if found is None:
            continue
        words = Counter(word for text in found["texts"] for word in WORD.findall(text.lower()))
        ours = words if name == "gristmill" else ours
        shared = (words & ours).total()
        rows[name] = {
            "MB": size,
            "MB/s": size / max(median(found["seconds"]), 1e-9),
            "documents": len(found["texts"]),
            "million words": words.total() / 1e6,
            "has of ours": None if words is ours else shared / max(ours.total(), 1),
            "we have of its": None if words is ours else shared / max(words.total(), 1),
        }
    return rows


def run(kind: str, name: str, files: Sequence[Path], runs: int) -> dict[str, list] | None:
    """What source_tools.py says of a tool, run in its own environment; None if it fails."""
    python = sys.executable if name == "gristmill" else str(PEER_PYTHON)
    script = str(PROJECT / "benchmarks" / "source_tools.py")
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.json"
        command = [python, script, kind, name, str(runs), str(out), *map(str, files)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            said = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
            print(f"{kind}: {name} failed: {said}", file=sys.stderr)
            return None
        return json.loads(out.read_text())


def unpacked_bytes(path: Path) -> int:
    """Size of what a file holds; of LaTeX sources only the .tex files, as figures are nobody's work here."""
    if tarfile.is_tarfile(path):
        with tarfile.open(path) as archive:
            sizes = [(m.name, m.size) for m in archive if m.isfile()]
        tex = [size for name, size in sizes if name.endswith(".tex")]
        return sum(tex) or sum(size for _, size in sizes)
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            return sum(i.file_size for i in archive.infolist() if i.filename.endswith((".xhtml", ".html", ".htm")))
    if path.suffix in (".gz", ".bz2"):
        with (gzip if path.suffix == ".gz" else bz2).open(path) as stream:
            return sum(map(len, iter(lambda: stream.read(2**20), b"")))
    return path.stat().st_size


if __name__ == "__main__":
    main()
