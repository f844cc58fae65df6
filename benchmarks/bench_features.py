"""Features, filters and signatures beside datatrove's: documents a second, and whether the rules decide alike.

`make bench-features`, or `python -m benchmarks.bench_features --limit 100`: see README.md.
"""

import argparse
import importlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

import pyarrow as pa

from benchmarks.conformity import Agreement, agreements, feature_values, reason
from benchmarks.machine import machine
from benchmarks.text_tables import table
from gristmill.curation import language
from gristmill.curation.documents import Extracted, ReadOptions

PROJECT = Path(__file__).parents[1]
PEER_PYTHON = PROJECT / ".venv-peers" / "bin" / "python"
ENOUGH_PERCENT = 99.5
SIZES = (1_000, 10_000, 100_000, 1_000_000, 10_000_000)
"""Lengths of documents, in bytes, for the table of throughput; 10 MB of text for each."""

# Languages for which datatrove takes a tokenizer of spaCy's that needs no other package.
OWN_TOKENIZER = {"de": "deu", "es": "spa", "fr": "fra", "it": "ita", "nl": "nld", "pl": "pol", "pt": "por"}
FILES = {"crawl": "crawl/*.warc.gz", "wikipedia": "wikipedia/*.xml.bz2", "forum": "forum/mailinglist/*"}


@dataclass(frozen=True)
class Document:
    """A text, where it comes from, and by which language's rules datatrove reads it."""

    id: str
    text: str
    language: str


def main() -> None:
    arguments = parsed()
    sets = samples(arguments.data, arguments.limit)
    if not sets.get("English pages"):
        sys.exit(f"no crawled pages in {arguments.data}: give a folder with crawl/*.warc.gz (--data FOLDER)")
    peers = PEER_PYTHON.exists() and not arguments.ours
    if not PEER_PYTHON.exists():
        print("the peers are not installed (make bench-features does that): only ours is measured", file=sys.stderr)
    report: dict[str, object] = {"machine": machine(), "speed": speed(sets["English pages"], peers, arguments.runs)}
    print(speed_section(sets["English pages"], report["speed"]), flush=True)
    books = dict.fromkeys(text for _, text in texts("books", sorted(arguments.data.glob("books/pg*.txt"))))
    report["sizes"] = by_size("\n\n".join(books).encode())
    print(size_section(report["sizes"]), flush=True)
    if peers:
        found = {name: compared(documents) for name, documents in sets.items()}
        print(agreement_section(sets, found))
        report["agreement"] = {
            name: {mode: [asdict(row) for row in rows] for mode, rows in modes.items()} for name, modes in found.items()
        }
    if arguments.out:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(json.dumps(report, indent=1) + "\n")


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = Path(os.environ.get("GRISTMILL_DATA") or PROJECT.parent / "shared" / "data")
    parser.add_argument("--data", type=Path, default=default, help="folder of samples")
    parser.add_argument("--limit", type=int, default=300, help="at most so many documents of each set")
    parser.add_argument("--runs", type=int, default=3, help="the fastest of so many runs is shown")
    parser.add_argument("--ours", action="store_true", help="leave datatrove out")
    parser.add_argument("--out", type=Path, help="write the numbers as JSON too")
    return parser.parse_args()


def samples(folder: Path, limit: int) -> dict[str, list[Document]]:
    """The sets of documents by name; those in other languages once as datatrove reads English, once by their own rules."""
    pages = list(texts("crawl", sorted(folder.glob(FILES["crawl"]))))
    labels, _ = language.identify([text for _, text in pages])
    english = [Document(id, text, "eng") for (id, text), label in zip(pages, labels, strict=True) if label == "en"]
    rest = [(id, text, label) for (id, text), label in zip(pages, labels, strict=True) if label != "en"]
    every = max(1, len(rest) // limit)
    sets = {
        "English pages": english[:limit],
        "other languages, read as English": [Document(id, text, "eng") for id, text, _ in rest[::every]][:limit],
        "other languages, by tokenizers of their own": [
            Document(id, text, OWN_TOKENIZER[label]) for id, text, label in rest[::every] if label in OWN_TOKENIZER
        ][:limit],
    }
    for kind in ("wikipedia", "forum"):
        # Long documents: a fifth as many.
        found = islice(texts(kind, sorted(folder.glob(FILES[kind]))[:1]), max(1, limit // 5))
        sets[kind] = [Document(id, text, "eng") for id, text in found]
    return {name: documents for name, documents in sets.items() if documents}


def texts(kind: str, paths: Iterable[Path]) -> Iterable[tuple[str, str]]:
    """Name and text of every document that the reader of a kind finds."""
    read = importlib.import_module(f"gristmill.curation.{kind}").read
    for path in paths:
        with path.open("rb") as stream:
            for number, record in enumerate(read(stream, path.name, ReadOptions())):
                if isinstance(record, Extracted):
                    yield f"{path.name}#{number}", record.text


def run(python: str, script: str, arguments: Sequence[str], documents: Sequence[Document]) -> str:
    """What a script of this folder writes about documents, run in its own environment, on one core."""
    with tempfile.TemporaryDirectory() as folder:
        source, out = Path(folder) / "in.jsonl", Path(folder) / "out"
        source.write_text("".join(json.dumps(asdict(document)) + "\n" for document in documents), encoding="utf-8")
        command = [python, str(PROJECT / "benchmarks" / script), *arguments, str(source), str(out)]
        environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        if done.returncode:
            sys.exit(
                f"{script} {' '.join(arguments)} failed: {(done.stderr.strip().splitlines() or ['it said nothing'])[-1]}"
            )
        return out.read_text(encoding="utf-8")


def speed(documents: Sequence[Document], peers: bool, runs: int) -> dict[str, list[float]]:
    """Tool -> processor and wall seconds for all documents, of the fastest run by processor time."""
    found: dict[str, list[list[float]]] = {}
    for _ in range(runs):
        for mode in ("own", "datatrove"):
            answer = json.loads(run(sys.executable, "feature_tools.py", [mode], documents))
            name = "gristmill" if mode == "own" else "gristmill, conformance: datatrove"
            found.setdefault(name, []).append(answer["cold"])
        for splitter in ("spacy", "light") if peers else ():
            answer = json.loads(run(str(PEER_PYTHON), "filter_tools.py", ["time", splitter], documents))
            name = "datatrove" if splitter == "spacy" else "datatrove, light splitter"
            found.setdefault(name, []).append(answer["all"])
            found.setdefault(f"{name}, as a chain", []).append(answer["chain"])
    return {name: min(seconds) for name, seconds in found.items()}


def speed_section(documents: Sequence[Document], seconds: dict[str, list[float]]) -> str:
    size = sum(len(document.text.encode()) for document in documents) / 1e6
    ours = seconds["gristmill"][0]
    rows = [
        [name, len(documents) / cpu, size / cpu, cpu, wall, None if name == "gristmill" else cpu / ours]
        for name, (cpu, wall) in seconds.items()
    ]
    head = ["tool", "docs/s", "MB/s", "processor s", "wall s", "times ours"]
    about = f"{len(documents)} English pages, {size:.1f} MB; rates by processor time; {machine()}"
    return f"\n### Features, filters, signature: {about}\n\n{table(head, rows)}"


def by_size(stream: bytes) -> list[dict[str, float]]:
    """Throughput and memory for documents of each length, cut from one stream of text, which should not repeat itself: a
    repeated passage is work of its own. Lengths that the stream cannot fill are left out."""
    rows = []
    total = min(len(stream), SIZES[-1])
    for size in (size for size in SIZES if size <= total):
        pieces = [stream[start : start + size].decode(errors="ignore") for start in range(0, total, size)]
        cut = [Document("", text, "eng") for text in pieces]
        row: dict[str, float] = {"size": size}
        for mode in ("own", "datatrove"):
            answer = json.loads(run(sys.executable, "feature_tools.py", [mode], cut))
            row[f"{mode} MB/s"] = total / 1e6 / answer["warm"][0]
            row[f"{mode} MB"] = (answer["peak_bytes"] - answer["base_bytes"]) / 1e6
        rows.append(row)
    return rows


def size_section(rows: Sequence[dict[str, float]]) -> str:
    head = ["kB a document", "MB/s", "peak MB", "conformance MB/s", "conformance peak MB"]
    cells = [[int(row["size"] / 1000), *(row[name] for name in list(row)[1:])] for row in rows]
    return (
        f"\n### Length of documents: 10 MB of books for each; peak is memory beyond the texts\n\n{table(head, cells)}"
    )


def compared(documents: Sequence[Document]) -> dict[str, list[Agreement]]:
    """Agreement of every rule, by our definitions and by datatrove's."""
    lines = run(str(PEER_PYTHON), "filter_tools.py", ["decide", "spacy"], documents).splitlines()
    theirs = [json.loads(line)["values"] for line in lines]
    batch = pa.array([document.text for document in documents], pa.large_string())
    return {
        mode: agreements(feature_values(batch, conforms_to), theirs)
        for mode, conforms_to in (("own", None), ("conformance", "datatrove"))
    }


def agreement_section(sets: dict[str, list[Document]], found: dict[str, dict[str, list[Agreement]]]) -> str:
    """A table of all rules over the English pages, and for each set those below the goal, with cases."""
    parts = []
    for name, modes in found.items():
        parts.append(f"\n### Decisions: {name}, {len(sets[name])} documents\n")
        rows = [
            [own.label, reason(own.label), own.dropped, own.percent, own.largest, theirs.percent, theirs.largest]
            for own, theirs in zip(modes["own"], modes["conformance"], strict=True)
            if name == "English pages" or min(own.percent, theirs.percent) < 100
        ]
        head = ["rule", "datatrove's reason", "it drops", "same %", "largest difference", "conformance %", "largest"]
        parts.append(table(head, rows) if rows else "All decisions are the same.")
        for mode, agreed in modes.items():
            for row in agreed:
                if row.percent < ENOUGH_PERCENT:
                    shown = "; ".join(
                        f"{sets[name][place].id}: {theirs:.4g} there, {ours:.4g} here"
                        for place, theirs, ours in row.cases[:3]
                    )
                    parts.append(f"- {mode}, {row.label}, {len(row.cases)} differ: {shown}")
    return "\n".join(parts)


if __name__ == "__main__":
    main()
