"""What lid.176 gets right, language by language: of sentences, and of whole texts against their first characters.

`make bench-langid`, or `python -m benchmarks.bench_langid`: see README.md.
"""

import argparse
import gzip
import os
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from benchmarks.machine import machine
from benchmarks.text_tables import table
from gristmill.curation import extract, language
from gristmill.curation.documents import Extracted, ReadOptions
from gristmill.curation.raw_files import opened

PROJECT = Path(__file__).parents[1]

JOINED = 30
"""Sentences of one language that make a longer text, of some 3,300 characters."""

CHARACTERS = language.HEAD_CHARACTERS

SAME = {"nb": "no"}
"""Labels of the data that the model calls otherwise."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = Path(os.environ.get("GRISTMILL_DATA") or PROJECT.parent / "shared" / "data")
    parser.add_argument("--data", type=Path, default=default, help="folder of samples")
    parser.add_argument("--worst", type=int, metavar="N", help="show the N languages that it knows least")
    arguments = parser.parse_args()
    file = arguments.data / "langid" / "lingua-sentences.tsv.gz"
    if not file.is_file():
        sys.exit(f"no file {file}: give a folder with it by --data; benchmarks/README.md says what it holds")
    sentences = read_sentences(file)
    joined = {label: joined_up(texts, JOINED) for label, texts in sentences.items()}
    rows = [row(label, sentences[label], joined[label]) for label in sorted(sentences)]
    known = language.labels()
    summary = [
        mean("all", rows),
        mean("known to it", [r for r in rows if SAME.get(r[0], r[0]) in known]),
    ]
    if arguments.worst:
        rows = sorted(rows, key=lambda r: r[2])[: arguments.worst]
    head = [
        "language",
        "sentences",
        "right",
        "right above 0.65",
        "longer texts",
        "right whole",
        f"first {CHARACTERS:,}",
    ]
    print(f"\n{file.name}: share named right; longer texts are {JOINED} sentences of one language\n")
    print(table(head, [*rows, *summary]))
    everything = [text for texts in joined.values() for text in texts]
    speeds = [speed("sentences", [t for texts in sentences.values() for t in texts]), speed("longer texts", everything)]
    pages = list(read_pages(arguments.data))
    if pages:
        speeds.append(speed("web pages", pages))
    print(
        f"\nTexts a second of processor time, on {machine()}; labels that agree, whole against first {CHARACTERS:,}\n"
    )
    print(table(["texts", "number", "characters", "whole, 1/s", f"first {CHARACTERS:,}, 1/s", "same label"], speeds))


def read_sentences(path: Path) -> dict[str, list[str]]:
    """The sentences of each label in a file of `label TAB sentence` lines."""
    found: dict[str, list[str]] = {}
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            label, _, sentence = line.rstrip("\n").partition("\t")
            found.setdefault(label, []).append(sentence)
    return found


def joined_up(sentences: Sequence[str], number: int) -> list[str]:
    """Texts of so many sentences each; those at the end that make no whole text are left out."""
    return [" ".join(sentences[i : i + number]) for i in range(0, len(sentences) - number + 1, number)]


def row(label: str, sentences: Sequence[str], longer: Sequence[str]) -> list:
    """A language's line: how many texts there are, and the share of them named right."""
    found, scores = language.identify(sentences)
    right = np.array(found) == SAME.get(label, label)
    sure = right & (scores > language.MIN_SCORE)
    return [
        label,
        len(sentences),
        float(right.mean()),
        float(sure.mean()),
        len(longer),
        accuracy(label, longer, None),
        accuracy(label, longer, CHARACTERS),
    ]


def accuracy(label: str, texts: Sequence[str], characters: int | None) -> float | None:
    """Share of texts that get the label, of so many of their characters (None: all)."""
    found, _ = language.identify(texts, characters=characters)
    return float(np.mean(np.array(found) == SAME.get(label, label))) if texts else None


def mean(name: str, rows: Sequence[Sequence]) -> list:
    """The line of several languages: each text counts once."""

    def over(count: int, share: int) -> float:
        return sum(r[count] * (r[share] or 0) for r in rows) / max(1, sum(r[count] for r in rows))

    sizes = {count: sum(r[count] for r in rows) for count in (1, 4)}
    return [name, sizes[1], over(1, 2), over(1, 3), sizes[4], over(4, 5), over(4, 6)]


def speed(name: str, texts: Sequence[str]) -> list:
    """How many texts a second, and how often the first characters get the whole text's label."""
    answers, rates = {}, {}
    for characters in (None, CHARACTERS):
        begin = time.process_time()
        answers[characters], _ = language.identify(texts, characters=characters)
        rates[characters] = len(texts) / (time.process_time() - begin)
    same = np.mean(np.array(answers[None]) == np.array(answers[CHARACTERS]))
    size = sum(map(len, texts)) // max(1, len(texts))
    return [name, len(texts), size, float(rates[None]), float(rates[CHARACTERS]), float(same)]


def read_pages(data: Path) -> Iterator[str]:
    """The texts of the sample crawls that are longer than what the model reads."""
    for path in sorted(data.glob("crawl/*.warc.gz")):
        with opened(str(path)) as stream:
            for record in extract.reader("crawl").read(stream, path.name, ReadOptions()):
                if isinstance(record, Extracted) and len(record.text) > CHARACTERS:
                    yield record.text


if __name__ == "__main__":
    main()
