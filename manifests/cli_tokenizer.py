"""`gristmill tokenizer`: train one, and measure it beside others; on a run, or on any files."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from gristmill.curation.documents import UnreadableFile
from gristmill.manifests import inputs, tokenizer_eval
from gristmill.manifests.store import atomic_write
from gristmill.tokenizer import bpe, training
from gristmill.tokenizer.text_files import Files, FilesSample
from gristmill.tokenizer.training import TokenizerParams

DEFAULTS = TokenizerParams()

FilesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--files",
        metavar="[NAME=]PATH",
        help="A file, folder or wildcard: Arrow, Parquet, JSON lines (.gz, .zst), text. May be repeated, a set each.",
    ),
]
TextColumn = Annotated[
    str | None, typer.Option("--text-column", help="Column of the text in tables; `text` if not given.")
]


class TokenizerError(Exception):
    """What is wrong with files or options, for people."""


def named_sets(paths: Sequence[str], text_column: str | None, option: str = "--files") -> list[Files]:
    """Each `[NAME=]PATH` as a set of files. Raises TokenizerError for a path that leads nowhere."""
    sets: dict[str, Files] = {}
    for path in paths:
        name, equals, rest = path.partition("=")
        if not equals or "/" in name or Path(path).exists():
            name, rest = Path(path.rstrip("/")).name or path, path
        if name in sets:
            raise TokenizerError(f"{option} {path}: two sets are called {name}; name them: {option} other={rest}")
        try:
            found = inputs.expand([rest], (Path(),))
        except inputs.MissingInput as error:
            raise TokenizerError(f"{option} {error}") from None
        sets[name] = Files(name, [(f.locator, f.path) for f in found], text_column)
    return list(sets.values())


def weights_of(sets: Sequence[Files], weights: Sequence[float]) -> dict[str, float]:
    """The weight of each set. Raises TokenizerError if there are weights, but not one for each."""
    if weights and len(weights) != len(sets):
        raise TokenizerError(
            f"--weight is given {len(weights)} times for {len(sets)} sets; give one after another, or none"
        )
    return dict(zip((s.name for s in sets), weights, strict=True)) if weights else {}


def train_on_files(
    paths: Sequence[str], out: Path, text_column: str | None, weights: Sequence[float], seed: int, **params: object
) -> dict:
    """Train on files, write the tokenizer's folder and `training.json` in it; gives what the latter holds."""
    sets = named_sets(paths, text_column)
    try:
        chosen = TokenizerParams(**params, sample_weights=weights_of(sets, weights))
        sample = FilesSample(sets, chosen, seed)
        counted = training.Counted()
        trained = training.train(sample, chosen, counted)
    except (ValueError, UnreadableFile) as error:
        raise TokenizerError(str(error)) from None
    bpe.save(trained, out)
    made_of = {
        "params": dataclasses.asdict(chosen),
        "seed": seed,
        "vocab_size": trained.get_vocab_size(),
        "digest": bpe.digest(trained),
        "documents": sample.num_documents,
        **dataclasses.asdict(counted),
        "sets": {
            one.name: {"files": [called for called, _ in one.paths], "not_read": dict(sorted(one.not_read.items()))}
            for one in sets
        },
    }
    atomic_write(out / "training.json", json.dumps(made_of, ensure_ascii=False, indent=1) + "\n")
    return made_of


def show_training(made_of: dict, out: Path, console: Console) -> None:
    """What a tokenizer was trained on, for people."""
    console.print(
        f"{made_of['vocab_size']:,} tokens from {made_of['sample_bytes']:,} bytes of {made_of['documents']:,} documents, "
        f"{made_of['pretokens']:,} different pre-tokens"
        + (f"; {made_of['left_out']:,} that are rarer than {made_of['rarest']} left out" if made_of["left_out"] else "")
    )
    for name, one in made_of["sets"].items():
        if one["not_read"]:
            console.print(
                f"{name}: not read: " + ", ".join(f"{why} {n:,}" for why, n in one["not_read"].items()), markup=False
            )
    console.print(f"wrote {out}/tokenizer.json and its like", markup=False)


def evaluate_on_files(
    tokenizer: Path,
    paths: Sequence[str],
    text_column: str | None,
    beside: Sequence[str],
    larger: Sequence[int],
    max_bytes: int,
) -> dict:
    """A tokenizer and others on files, as JSON."""
    try:
        documents = list(tokenizer_eval.file_documents(named_sets(paths, text_column), max_bytes))
        return tokenizer_eval.evaluate(documents, bpe.load(tokenizer), tokenizer_eval.others(beside), larger)
    except (ValueError, UnreadableFile) as error:
        raise TokenizerError(str(error)) from None


def show_evaluation(found: dict, console: Console) -> None:
    """The numbers, for people."""
    console.print(f"{found['documents']:,} documents, {found['bytes']:,} bytes")
    tokenizers = found["tokenizers"]
    for group in ("all", "source", "language", "kind"):
        heads = [f"{name}: {what}" for name in tokenizers for what in ("bytes/token", "fertility")]
        table = Table(group, "bytes", *heads, title_justify="left")
        rows = {"all": found["tokenizers"]["own"]["all"]} if group == "all" else tokenizers["own"][group]
        for row, own in rows.items():
            cells = []
            for each in tokenizers.values():
                tally = each["all"] if group == "all" else each[group][row]
                cells += [_number(tally["bytes_per_token"]), _number(tally["fertility"])]
            table.add_row(row, f"{own['bytes']:,}", *cells)
        console.print(table)
    table = Table(
        "tokenizer", "tokens", "unused", "rare", "0-999 in one", "unigram bits/byte", "indent of 8", "longest"
    )
    for name, each in tokenizers.items():
        longest = each["longest"][0]["token"] if each["longest"] else ""
        cells = (each["vocab_size"], each["unused"], each["rare"], each["numbers_below_1000_of_one_token"])
        bits, indent = _number(each["unigram_bits_per_byte"]), str(each["indents"]["8 spaces"])
        table.add_row(name, *(f"{cell:,}" for cell in cells), bits, indent, repr(longest)[:40])
    console.print(table)
    table = Table("vocabulary", "bytes/token", "fertility", "unigram bits/byte", "used")
    for row in found["sweep"]:
        measures = (_number(row[key]) for key in ("bytes_per_token", "fertility", "unigram_bits_per_byte"))
        table.add_row(f"{row['vocab_size']:,}", *measures, f"{row['used']:,}")
    console.print(table)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
