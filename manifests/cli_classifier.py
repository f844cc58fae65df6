"""`gristmill classifier`: a text classifier of one's own, for rules and mixtures to ask."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from importlib.metadata import version as installed
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from gristmill.curation import extract
from gristmill.curation.classifier_training import (
    NEGATIVE,
    NEGATIVE_SHARES,
    POSITIVE,
    TrainingError,
    TrainingParams,
    train,
)
from gristmill.curation.documents import Extracted, ReadOptions, Unextracted, UnreadableFile
from gristmill.curation.raw_files import opened
from gristmill.manifests import inputs
from gristmill.manifests.store import atomic_write, file_digest

app = typer.Typer(no_args_is_help=True, help="Train a classifier that tells wanted texts from others.")

Files = Annotated[
    list[str],
    typer.Option(
        metavar="PATH",
        help="A file, folder or wildcard of documents: shards, Parquet, JSON lines (.gz, .zst), text; may be repeated.",
    ),
]
DEFAULTS = TrainingParams()


@app.callback()
def _group() -> None:
    pass  # keeps `train` a command of its own while it is the only one


@app.command("train")
def train_command(
    positive: Files,
    negative: Files,
    out: Annotated[Path, typer.Option(help="The model to write; MODEL.json beside it says what it was made of.")],
    text_column: Annotated[str | None, typer.Option(help="Column of the text; `text` and its like if absent.")] = None,
    epochs: Annotated[int, typer.Option(help="Times that each text is seen.")] = DEFAULTS.epochs,
    dim: Annotated[int, typer.Option(help="Size of the vectors.")] = DEFAULTS.dim,
    word_ngrams: Annotated[int, typer.Option(help="Longest run of words that counts.")] = DEFAULTS.word_ngrams,
    lr: Annotated[float, typer.Option(help="Learning rate at the start.")] = DEFAULTS.lr,
    min_count: Annotated[int, typer.Option(help="Words that are rarer are left out.")] = DEFAULTS.min_count,
    buckets: Annotated[int, typer.Option(help="Vectors for runs of words.")] = DEFAULTS.buckets,
    seed: Annotated[int, typer.Option(help="Seed of the first vectors.")] = DEFAULTS.seed,
    held_out: Annotated[float, typer.Option(help="Share of each set to measure with.")] = DEFAULTS.held_out,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else on stdout.")] = False,
) -> None:
    """Train a fastText classifier on two sets of documents, and measure it on those held out."""
    params = TrainingParams(epochs, dim, word_ngrams, lr, min_count, buckets, seed, held_out)
    lineage = train_classifier(positive, negative, out, text_column, params, Console(stderr=True, highlight=False))
    if as_json:
        print(json.dumps(lineage, ensure_ascii=False, indent=1))
    else:
        show(lineage, out, Console(highlight=False, soft_wrap=True))


def train_classifier(
    positive: list[str],
    negative: list[str],
    out: Path,
    text_column: str | None,
    params: TrainingParams,
    progress: Console,
) -> dict:
    """Read both sets, train, write `out` and its `.json`; gives what the latter holds. Raises TrainingError."""
    if out.suffix != ".bin":
        raise TrainingError(f"--out {out}: a fastText model's name ends in .bin")
    if not out.parent.is_dir():
        raise TrainingError(f"--out {out}: there is no folder {out.parent}; make it first")
    sets = {POSITIVE: _Set("positive", positive, text_column), NEGATIVE: _Set("negative", negative, text_column)}
    progress.print(f"reading {sum(len(s.files) for s in sets.values()):,} files, then training on one thread")
    trained = train(sets[POSITIVE].texts(), sets[NEGATIVE].texts(), out, params)
    for label, one in sets.items():
        trained["documents"][label]["not_read"] = dict(sorted(one.not_read.items()))
    lineage = {
        "model": {"file": out.name, "digest": file_digest(out), "labels": [POSITIVE, NEGATIVE]},
        "inputs": {one.name: one.described() for one in sets.values()},
        "text_column": text_column,
        **trained,
        "libraries": {name: installed(name) for name in ("floret", "gristmill")},
    }
    atomic_write(out.with_suffix(".json"), json.dumps(lineage, ensure_ascii=False, indent=1) + "\n")
    return lineage


class _Set:
    """One set of documents: its files, and the texts in them."""

    def __init__(self, name: str, paths: list[str], text_column: str | None):
        self.name = name
        self.not_read: Counter[str] = Counter()  # rule -> documents without a text
        self._options = ReadOptions(columns={"text": text_column} if text_column else {})
        try:
            self.files = inputs.expand(paths, (Path(),))
        except inputs.MissingInput as error:
            raise TrainingError(f"--{name} {error}") from None

    def texts(self) -> Iterator[str]:
        for file in self.files:
            try:
                with opened(file.path) as stream:
                    yield from self._of(extract.reader("text").read(stream, file.locator, self._options))
            except UnreadableFile as error:
                what, column, _ = str(error).partition("; set columns")
                what, form, _ = what.partition("; set format: ")
                hint = "; name it with --text-column" if column else ""
                hint += "; convert it to JSON lines or Parquet, or leave it out" if form else ""
                raise TrainingError(f"--{self.name} {file.locator}: {what}{hint}") from None

    def _of(self, records: Iterable) -> Iterator[str]:
        for record in records:
            if isinstance(record, Extracted):
                yield record.text
            elif isinstance(record, Unextracted):
                self.not_read[record.rule] += 1

    def described(self) -> list[dict]:
        return [
            {"path": f.locator, "size_bytes": f.size_bytes, "digest": f.etag or file_digest(Path(f.path))}
            for f in self.files
        ]


def show(lineage: dict, out: Path, console: Console) -> None:
    """What the classifier was made of and what it can do, for people."""
    for label, name in ((POSITIVE, "positive"), (NEGATIVE, "negative")):
        counts = lineage["documents"][label]
        left_out = [f"{n:,} {why.replace('_', ' ')}" for why, n in {**counts["left_out"], **counts["not_read"]}.items()]
        console.print(
            f"{name}: {counts['read']:,} documents, {counts['trained_on']:,} trained on, {counts['held_out']:,} held out"
            + (f"; left out: {', '.join(left_out)}" if left_out else "")
        )
    if measured := lineage["held_out"]:
        console.print(
            "held out, at 0.5: "
            + "  ".join(f"{what} {_number(measured[what])}" for what in ("precision", "recall", "f1"))
            + f"; AUC {_number(measured['auc'])}"
        )
        table = Table("threshold", "positive above", "negative above", title_justify="left")
        for row in measured["thresholds"]:
            table.add_row(f"{row['threshold']:.6f}", f"{row['positive']:.1%}", f"{row['negative']:.1%}")
        console.print(table)
        held_out = lineage["documents"][NEGATIVE]["held_out"]
        if left_out := [share for share in NEGATIVE_SHARES if 0 < share * held_out < 1]:
            console.print(
                f"no row for {', '.join(f'{share:.0%}' for share in left_out)} of the negative set: of {held_out:,} held "
                f"out, one is {1 / held_out:.1%}; give more negative texts, or a larger --held-out"
            )
    console.print(f"wrote {out} and {out.with_suffix('.json')}", markup=False)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
