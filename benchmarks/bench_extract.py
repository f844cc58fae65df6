"""Main content of web pages: our engines and their peers side by side, on labelled pages.

`make bench-extract`, or `python -m benchmarks.bench_extract --pages FOLDER` for pages of your own: see README.md.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean

from fastwarc.warc import ArchiveIterator, WarcRecordType

from benchmarks.extract_tools import OURS, PEERS
from benchmarks.extraction_metrics import SegmentCounts, rouge_5, segment_counts, shingle_fractions, shingle_score
from benchmarks.machine import machine
from benchmarks.page_types import TYPES, page_type
from benchmarks.text_tables import table
from gristmill.curation.crawl.charset import decode
from gristmill.curation.crawl.html import MAX_PAGE_BYTES
from gristmill.curation.crawl.http import decoded, http_message

PROJECT = Path(__file__).parents[1]
PEER_PYTHON = PROJECT / ".venv-peers" / "bin" / "python"


@dataclass(frozen=True)
class Labelled:
    """A page with what people said is its content."""

    html: str
    truth: dict[str, object]
    type: str


@dataclass
class Result:
    """What a tool made of the pages of a set."""

    texts: list[str] = field(default_factory=list)
    seconds: float = 0.0
    errors: Counter = field(default_factory=Counter)


def main() -> None:
    arguments = parsed()
    sets = sorted(arguments.pages.glob("*.groundtruth.jsonl"))
    if not sets:
        sys.exit(
            f"no labelled pages in {arguments.pages}: give a folder with NAME.warc.gz beside NAME.groundtruth.jsonl "
            "(--pages FOLDER); benchmarks/README.md says what the two hold"
        )
    offered = OURS if arguments.ours else OURS | PEERS
    tools = [name for name in offered if not arguments.only or name in arguments.only]
    if any(name in PEERS for name in tools) and not PEER_PYTHON.exists():
        sys.exit(
            "the peers are not installed; run make bench-extract, which makes .venv-peers, or leave them out: --ours"
        )
    report = {}
    for path in sets:
        pages = list(labelled(path))[: arguments.limit]
        name = path.name.removesuffix(".groundtruth.jsonl")
        results = {tool: run(tool, pages) for tool in tools}
        report[name] = scores(pages, results)
        print(section(name, pages, report[name]), flush=True)
    if arguments.out:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(json.dumps({"machine": machine(), "sets": report}, indent=1) + "\n")


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = Path(os.environ.get("GRISTMILL_DATA") or PROJECT.parent / "shared" / "data") / "crawl"
    parser.add_argument("--pages", type=Path, default=default, help="folder of labelled pages")
    parser.add_argument("--only", action="append", help="a tool to run, may be repeated; all by default")
    parser.add_argument("--ours", action="store_true", help="leave the peers out")
    parser.add_argument("--limit", type=int, help="at most so many pages of each set")
    parser.add_argument("--out", type=Path, help="write the numbers as JSON too")
    return parser.parse_args()


def labelled(path: Path) -> Iterator[Labelled]:
    """The pages of NAME.warc.gz that NAME.groundtruth.jsonl knows by their address, in the archive's order."""
    with path.open(encoding="utf-8") as file:
        truths = {truth["url"].strip(): truth for truth in map(json.loads, file)}
    archive = next(
        (p for s in (".warc.gz", ".warc") if (p := Path(str(path).replace(".groundtruth.jsonl", s))).exists()), None
    )
    if archive is None:
        sys.exit(f"{path} has no archive beside it; expected {path.name.replace('.groundtruth.jsonl', '.warc.gz')}")
    with archive.open("rb") as stream:
        for record in ArchiveIterator(stream, record_types=WarcRecordType.response, parse_http=False):
            url = record.headers.get("WARC-Target-URI", "").strip("<>")
            if truth := truths.pop(url, None):
                _, headers, body = http_message(record.reader.read())
                body, _ = decoded(body, headers, MAX_PAGE_BYTES)
                html = decode(body, headers.get("content-type"))[0]
                yield Labelled(html, truth, page_type(truth, html))
    if truths:
        print(f"{path.name}: {len(truths)} labels without a page, such as {next(iter(truths))}", file=sys.stderr)


def run(tool: str, pages: Sequence[Labelled]) -> Result:
    """A tool's texts and cost, from a process in its own environment."""
    result = Result()
    python = sys.executable if tool in OURS else str(PEER_PYTHON)
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl", encoding="utf-8") as file:
        for page in pages:
            file.write(json.dumps({"html": page.html}) + "\n")
        file.flush()
        script = PROJECT / "benchmarks" / "extract_tools.py"
        done = subprocess.run([python, str(script), tool, file.name], capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"{tool} did not run: {last_line(done.stderr)}", file=sys.stderr)
        return result
    for line in filter(lambda line: line.startswith("{"), done.stdout.splitlines()):
        answer = json.loads(line)
        result.texts.append(answer["text"])
        result.seconds += answer["seconds"]
        if answer["error"]:
            result.errors[answer["error"]] += 1
    return result


def last_line(stderr: str) -> str:
    """What a process said last, which of a Python program is its exception."""
    return (stderr.strip().splitlines() or ["it said nothing"])[-1]


def scores(pages: Sequence[Labelled], results: dict[str, Result]) -> dict[str, dict[str, object]]:
    """For each tool its measures over all pages and its F1 by type of page; None where a measure does not apply."""
    rows: dict[str, dict[str, object]] = {}
    for tool, result in results.items():
        if len(result.texts) != len(pages):
            continue
        pairs = list(zip(pages, result.texts, strict=True))
        rows[tool] = {
            **measured(pairs),
            "pages/s": len(pages) / result.seconds if result.seconds else None,
            "errors": result.errors.total(),
            "by_type": {t: measured(of_type)["F1"] for t in TYPES if (of_type := [p for p in pairs if p[0].type == t])},
        }
    return rows


def measured(pairs: Sequence[tuple[Labelled, str]]) -> dict[str, float | None]:
    """Precision, recall and F1: of shingles where the whole text is labelled, else of segments; ROUGE-5 of the former."""
    whole = [(str(body), text) for page, text in pairs if (body := truth_text(page.truth)) is not None]
    if whole:
        score = shingle_score(shingle_fractions(body, text) for body, text in whole)
        rouge = mean(rouge_5(body, text).f1 for body, text in whole)
        return {"P": score.precision, "R": score.recall, "F1": score.f1, "ROUGE-5": rouge, "accuracy": None}
    counts = SegmentCounts()
    for page, text in pairs:
        counts += segment_counts(page.truth["with"], page.truth["without"], text)
    score = counts.score
    return {"P": score.precision, "R": score.recall, "F1": score.f1, "ROUGE-5": None, "accuracy": counts.accuracy}


def truth_text(truth: dict[str, object]) -> object:
    """The whole text of a page by its ground truth, as scrapinghub's or WebMainBench's field, or None."""
    return truth.get("articleBody", truth.get("groundtruth_content", truth.get("convert_main_content")))


def section(name: str, pages: Sequence[Labelled], rows: dict[str, dict[str, object]]) -> str:
    """The two tables of a set."""
    types = Counter(page.type for page in pages)
    whole = any(truth_text(page.truth) is not None for page in pages)
    head = ["tool", "P", "R", "F1", "ROUGE-5" if whole else "accuracy", "pages/s", "errors"]
    present = [t for t in TYPES if types[t]]
    kind = "shingles of four tokens" if whole else "segments"
    return "\n".join(
        [
            f"\n### {name}: {len(pages)} pages, {kind} (processor time; {machine()})\n",
            table(head, [[tool, *(row[column] for column in head[1:])] for tool, row in rows.items()]),
            "\nF1 by type of page\n",
            table(
                ["tool", *(f"{t} ({types[t]})" for t in present)],
                [[tool, *(row["by_type"].get(t) for t in present)] for tool, row in rows.items()],
            ),
        ]
    )


if __name__ == "__main__":
    main()
