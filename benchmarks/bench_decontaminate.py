"""Decontamination put to the test: planted benchmark items, clean documents, and speed beside datatrove's filter.

`make bench-decontaminate`, or `python -m benchmarks.bench_decontaminate --help`: see README.md.
"""

import argparse
import html
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import textwrap
import time
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from benchmarks.machine import machine
from benchmarks.text_tables import table
from gristmill.curation import decontaminate
from gristmill.curation.benchmark_index import SHORT_WORDS, Index, count_words, together
from gristmill.curation.benchmarks import Item, read_items
from gristmill.curation.shards import read_batches

PROJECT = Path(__file__).parents[1]
PEER_PYTHON = PROJECT / ".venv-peers" / "bin" / "python"
HOST_WORDS, CLEAN_WORDS = 150, 30
"""Items are planted in pieces of real documents of so many words; clean documents are cut into pieces of so many."""


# --- what people do to an item ----------------------------------------------------------------------------------------


def _bullets(text: str, _: random.Random) -> str:
    return "\n".join("- " + line for line in textwrap.wrap(text, 70))


def _numbered(text: str, _: random.Random) -> str:
    return "\n".join(f"{n}. {line}" for n, line in enumerate(textwrap.wrap(text, 60), 1))


def _bold(text: str, rng: random.Random) -> str:
    left, right = rng.choice(
        [("**", "**"), ("<b>", "</b>"), ("_", "_"), ("<em>", "</em>"), ("`", "`"), (r"\textbf{", "}")]
    )
    return " ".join(f"{left}{word}{right}" if rng.random() < 0.2 else word for word in text.split())


def _hyphenated(text: str, _: random.Random) -> str:
    lines = []
    for line in textwrap.wrap(text, 60):
        words = line.split()
        if len(words[-1]) > 6 and words[-1].isalpha():
            words[-1] = words[-1][:3] + "-\n" + words[-1][3:]
        lines.append(" ".join(words))
    return "\n".join(lines)


def _typographic(text: str, _: random.Random) -> str:
    text = (
        re.sub(r'"([^"]*)"', r"“\1”", text)
        .replace("'", "’")
        .replace(" - ", " — ")
        .replace("-", "‐")
        .replace("...", "…")
    )
    return text.replace(" ", "\u00a0", 3).replace("fi", "ﬁ").replace("fl", "ﬂ")


def _tex(text: str, _: random.Random) -> str:
    text = re.sub(r"\$?(\d[\d,.]*\d|\d)", r"$\\,\1\\,$", text).replace("%", r"\%").replace("&", r"\&")
    return text.replace(". ", r".\quad ").replace(", ", ",~")


REFORMATTED: dict[str, Callable[[str, random.Random], str]] = {
    "upper case": lambda text, _: text.upper(),
    "lower case": lambda text, _: text.lower(),
    "without punctuation": lambda text, _: re.sub(r"[^\w\s]", "", text),
    "punctuation to spaces": lambda text, _: re.sub(r"[^\w\s]|_", " ", text),
    "wrapped at 40": lambda text, _: textwrap.fill(text, 40),
    "on one line": lambda text, _: " ".join(text.split()),
    "wide spaces": lambda text, _: re.sub(r"\s+", "  \t", text),
    "a word a line": lambda text, _: "\n\n".join(text.split()),
    "quoted as in mail": lambda text, _: "\n".join("> " + line for line in textwrap.wrap(text, 66)),
    "bullets": _bullets,
    "numbered lines": _numbered,
    "bold and italic": _bold,
    "hyphenated": _hyphenated,
    "typographic": _typographic,
    "HTML entities": lambda text, _: html.escape(text).replace("'", "&#8217;").replace("-", "&ndash;"),
    "entities decoded": lambda text, _: html.unescape(text),
    "as JSON": lambda text, _: json.dumps(text),
    "TeX": _tex,
    "numbers with commas": lambda text, _: re.sub(r"(?<![\d.,])\d{4,}(?![\d.,])", lambda m: f"{int(m[0]):,}", text),
    "numbers without commas": lambda text, _: re.sub(r"(?<=\d),(?=\d{3})", "", text),
    "decomposed accents": lambda text, _: unicodedata.normalize("NFD", text),
}


def _every_20(change: Callable[[list[str], int], None]) -> Callable[[str, random.Random], str]:
    def edited(text: str, rng: random.Random) -> str:
        words = text.split()
        for place in range(rng.randrange(min(20, len(words))), len(words), 20):
            change(words, min(place, len(words) - 1))
        return " ".join(words)

    return edited


EDITED: dict[str, Callable[[str, random.Random], str]] = {
    "a word in 20 replaced": _every_20(lambda words, place: words.__setitem__(place, "something")),
    "a word in 20 inserted": _every_20(lambda words, place: words.insert(place, "really")),
    "a word in 20 dropped": _every_20(lambda words, place: words.pop(place)),
    "other numbers": lambda text, _: re.sub(r"\d+", lambda m: str(int(m[0]) + 7), text),
    "other names": lambda text, _: re.sub(r"(?<=[a-z,] )[A-Z][a-z]{2,}|^[A-Z][a-z]{2,}", "Quillon", text),
}


# --- material ---------------------------------------------------------------------------------------------------------


def benchmark_items(folder: Path) -> list[tuple[str, Item]]:
    """The items of every benchmark file, each with the file's name."""
    found = []
    for path in sorted(folder.iterdir()):
        with open(path, "rb") as stream:
            found += [(path.name, item) for item in read_items(stream, path.name)]
    return found


def planted_texts(item: Item, ngram_words: int) -> Iterator[str]:
    """What a copy of an item would hold: each of its texts that is long enough to be looked for, or all together."""
    counts = [count_words(text) for text in item.texts]
    question = next((place for place, count in enumerate(counts) if count >= SHORT_WORDS), None)
    for place, text in enumerate(item.texts):
        if counts[place] >= ngram_words or place == question:
            yield text
    if question is None and count_words(whole := together(item)[1]) >= SHORT_WORDS:
        yield whole


def documents(arguments: argparse.Namespace) -> list[tuple[str, str]]:
    """The clean documents as (source, text): everything that a run has extracted, and sentences in many languages."""
    found = []
    for path in sorted(arguments.texts.glob("extract/*/texts.arrow")):
        for batch in read_batches(path, ["source", "text"]):
            found += zip(batch.column("source").to_pylist(), batch.column("text").to_pylist(), strict=True)
    return list(dict.fromkeys(found))


def pieces(texts: Sequence[tuple[str, str]], size: int) -> list[tuple[str, str]]:
    """Documents cut after every `size` words."""
    found = []
    for source, text in texts:
        places = [match.start() for match in re.finditer(r"\S+", text)]
        for begin in range(0, max(len(places), 1), size):
            stretch = places[begin : begin + size + 1]
            if stretch:
                found.append((source, text[stretch[0] : stretch[-1] if len(stretch) > size else len(text)]))
    return found


# --- measurements -----------------------------------------------------------------------------------------------------


def recall(items: Sequence[tuple[str, Item]], hosts: Sequence[str], index: Index, most: int, seed: int) -> list[dict]:
    """For each way of copying and each benchmark: how many planted texts were found, in documents of `hosts`."""
    by_file = defaultdict(list)
    for name, item in items:
        by_file[name] += [(item, text) for text in planted_texts(item, index.ngram_words)]
    rows = []
    ways = {"verbatim": ("verbatim", lambda text, _: text)}
    ways |= {way: ("reformatted", change) for way, change in REFORMATTED.items()}
    ways |= {way: ("edited", change) for way, change in EDITED.items()}
    for way, (kind, change) in ways.items():
        for name, known in by_file.items():
            rng = random.Random(f"{seed} {way} {name}")
            chosen = rng.sample(known, min(most, len(known)))
            planted = []
            for _, text in chosen:
                host = rng.choice(hosts)
                lines = host.split("\n")
                place = rng.randrange(len(lines) + 1)
                planted.append("\n".join([*lines[:place], change(text, rng), *lines[place:]]))
            hits = decontaminate.find(planted, index)
            # The item itself, or another that says the same: MMLU asks some questions twice.
            found = [bool(hit.passages) for hit in hits]
            own = [
                any((p.benchmark, p.item) == (item.benchmark, item.number) for p in hit.passages)
                for (item, _), hit in zip(chosen, hits, strict=True)
            ]
            missed = [text for (_, text), there in zip(chosen, found, strict=True) if not there]
            rows.append(
                {
                    "kind": kind,
                    "way": way,
                    "benchmark": name,
                    "planted": len(chosen),
                    "found": sum(found),
                    "own": sum(own),
                    "missed": missed[:5],
                }
            )
    return rows


def false_positives(clean: Sequence[tuple[str, str]], index: Index) -> list[dict]:
    """Every hit in documents that are thought clean, to be read."""
    found = []
    for begin in range(0, len(clean), 10_000):
        part = clean[begin : begin + 10_000]
        for (source, text), hit in zip(part, decontaminate.find([text for _, text in part], index), strict=True):
            found += [
                {
                    "source": source,
                    "benchmark": p.benchmark,
                    "item": p.item,
                    "words": p.words,
                    "text": text[p.start : p.end],
                }
                for p in hit.passages
            ]
    return found


PEER = """
import json, sys, time
import numpy as np
from datatrove.data import Document
from datatrove.pipeline.decont import NGramsDecontFilter
from datatrove.pipeline.decont.n_grams import NGramsDecontConfig
from datatrove.utils.text import ngrams, simplify_text
folder, items, texts = sys.argv[1:]
config = NGramsDecontConfig(n_grams=13)
step = NGramsDecontFilter(folder, config)
hashes = set()
for line in open(items):
    tokens = step.tokenizer.word_tokenize(simplify_text(json.loads(line), config.norm_config))
    hashes.update(step.hash_func(" ".join(gram)) for gram in ngrams(tokens, 13))
np.array(sorted(hashes), dtype=config.hash_config.np_descr).tofile(folder + "/eval.index.hashes")
step.load_index_hashes()
documents = [Document(text=json.loads(line), id=str(n)) for n, line in enumerate(open(texts))]
start = time.process_time()
found = [step.filter(document) is not True for document in documents]
print(json.dumps({"seconds": time.process_time() - start, "found": sum(found)}))
"""


def speed(items: Sequence[tuple[str, Item]], texts: Sequence[str], index: Index, megabytes: float) -> list[list[str]]:
    """Documents and MB a second of one core: ours on everything, datatrove's filter on the first few MB."""
    size = sum(len(text.encode("utf-8", "replace")) for text in texts) / 1e6
    start = time.process_time()
    found = sum(bool(hit.passages) for hit in decontaminate.find(texts, index))
    rows = [_speed_row("gristmill", time.process_time() - start, len(texts), size, found)]
    if not PEER_PYTHON.exists():
        print(
            "the peers are not installed (make bench-decontaminate does that): only ours is measured", file=sys.stderr
        )
        return rows
    some: list[str] = []
    for text in random.Random(1).sample(list(texts), len(texts)):
        if sum(map(len, some)) < megabytes * 1e6 and len(text) < 200_000:
            some.append(text)
    with tempfile.TemporaryDirectory() as folder:
        known, given = Path(folder, "items.jsonl"), Path(folder, "texts.jsonl")
        known.write_text("".join(json.dumps(text) + "\n" for _, item in items for text in item.texts))
        given.write_text("".join(json.dumps(text) + "\n" for text in some))
        Path(folder, "index").mkdir()
        run = subprocess.run(
            [PEER_PYTHON, "-c", PEER, str(Path(folder, "index")), known, given],
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": ""},
        )
    if run.returncode:
        print("datatrove's filter failed: " + run.stderr.strip()[-300:], file=sys.stderr)
        return rows
    theirs = json.loads(run.stdout.strip().split("\n")[-1])
    size = sum(len(text.encode("utf-8", "replace")) for text in some) / 1e6
    rows.append(
        _speed_row("datatrove NGramsDecontFilter, 13-grams", theirs["seconds"], len(some), size, theirs["found"])
    )
    start = time.process_time()
    found = sum(bool(hit.passages) for hit in decontaminate.find(some, index))
    return [*rows, _speed_row("gristmill, the same texts", time.process_time() - start, len(some), size, found)]


def _speed_row(name: str, seconds: float, documents: int, size: float, found: int) -> list[str]:
    return [name, f"{documents:,}", f"{size:.1f}", f"{documents / seconds:,.0f}", f"{size / seconds:.2f}", f"{found:,}"]


# --- report -----------------------------------------------------------------------------------------------------------


def main() -> None:
    arguments = parsed()
    folder = arguments.data / "eval"
    if not folder.is_dir():
        sys.exit(f"no folder {folder}: give a folder of samples with eval/ in it with --data")
    texts = documents(arguments)
    if not texts:
        sys.exit(
            f"no texts in {arguments.texts}: run gristmill run manifests/samples.yaml --until extract first, or name a store with --texts"
        )
    items = benchmark_items(folder)
    index = decontaminate.build_index(
        [(path.name, open(path, "rb")) for path in sorted(folder.iterdir())], arguments.ngram_words
    )
    print(machine())
    print("\nWhat can be found:\n" + _coverage(index))
    short = [text for _, text in pieces(texts, HOST_WORDS)]
    hosts = [text for text in short if text.count(" ") >= 40][:: max(1, len(short) // 5_000)]
    rows = recall(items, hosts, index, arguments.planted, arguments.seed)
    print("\nRecall of planted items:\n" + _recall(rows))
    for row in rows if arguments.missed else ():
        for text in row["missed"]:
            print(f"  missed, {row['way']}, {row['benchmark']}: {text[:300]!r}")
    clean = pieces(texts, CLEAN_WORDS)
    hits = false_positives(clean, index)
    print(f"\nHits in {len(clean):,} pieces of {CLEAN_WORDS} words that were not planted; each is to be read:")
    for hit in hits:
        print(f"  {hit['source']}: {hit['words']} words of {hit['benchmark']} item {hit['item']}: {hit['text']!r}")
    print(
        f"None of the others has one. If all of these are true: rate below {3 / max(len(clean), 1):.1e} (95 %, rule of three)."
    )
    measured = speed(items, [text for _, text in texts], index, arguments.peer_mb)
    print("\nSpeed, one core:\n" + table(["", "documents", "MB", "documents/s", "MB/s", "found"], measured))


def _coverage(index: Index) -> str:
    files: dict[str, list[int]] = {}
    for name, one in index.coverage.items():
        own = files.setdefault(name.split("#")[0], [0, 0, 0])
        for place, count in enumerate((one.items, one.short, one.common)):
            own[place] += count
    rows = [[name, *(f"{count:,}" for count in counts)] for name, counts in files.items()]
    return table(["benchmark", "items", f"under {SHORT_WORDS} words", "only prompts and numbers"], rows)


def _recall(rows: Sequence[dict]) -> str:
    benchmarks = list(dict.fromkeys(row["benchmark"] for row in rows))
    lines = []
    for kind in ("verbatim", "reformatted", "edited"):
        of_kind = [row for row in rows if row["kind"] == kind]
        for way in dict.fromkeys(row["way"] for row in of_kind):
            here = [row for row in of_kind if row["way"] == way]
            lines.append(
                [way, *(_share([row for row in here if row["benchmark"] == name]) for name in benchmarks), _share(here)]
            )
        if kind != "verbatim":
            lines.append(
                [
                    f"ALL {kind}",
                    *(_share([row for row in of_kind if row["benchmark"] == name]) for name in benchmarks),
                    _share(of_kind),
                ]
            )
    return table(["", *benchmarks, "all"], lines)


def _share(rows: Sequence[dict]) -> str:
    planted, found = sum(row["planted"] for row in rows), sum(row["found"] for row in rows)
    return f"{found / planted:.4f} of {planted:,}" if planted else ""


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    data = Path(os.environ.get("GRISTMILL_DATA") or PROJECT.parent / "shared" / "data")
    parser.add_argument("--data", type=Path, default=data, help="folder of samples; its eval/ holds the benchmarks")
    parser.add_argument(
        "--texts",
        type=Path,
        default=PROJECT / "store",
        help="store of a run whose extracted texts are the clean documents",
    )
    parser.add_argument("--planted", type=int, default=500, help="texts planted of each benchmark and way")
    parser.add_argument("--ngram-words", type=int, default=13)
    parser.add_argument("--peer-mb", type=float, default=2, help="MB of text that datatrove's filter gets")
    parser.add_argument("--seed", type=int, default=17)
    parser.add_argument("--missed", action="store_true", help="print what was not found")
    return parser.parse_args()


if __name__ == "__main__":
    main()
