"""`gristmill export`: a run's results as other programs read them."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from gristmill.manifests import schema
from gristmill.manifests.cli_options import RUNS, STORE, AsJson, ManifestPath, RunsDir, StoreDir, console
from gristmill.manifests.counts import RunStopped
from gristmill.manifests.runner import Place
from gristmill.tokenizer.export import FORMATS, export_tokens

app = typer.Typer(no_args_is_help=True, help="A run's results as other programs read them.")

Format = StrEnum("Format", list(FORMATS))
Split = StrEnum("Split", ["train", "validation"])


@app.callback()
def _group() -> None:
    pass  # or typer takes the only command for the whole program


@app.command()
def tokens(
    manifest: ManifestPath,
    format_name: Annotated[Format, typer.Option("--format", help="Whose reader is to read it.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="A new folder for the files.")],
    split: Annotated[Split, typer.Option("--split", help="Which rows.")] = Split.train,
    store: StoreDir = STORE,
    runs: RunsDir = RUNS,
    as_json: AsJson = False,
) -> None:
    """Write the packed rows in the order of training as Megatron, OLMo-core, nanotron, LitData or nanoGPT read them."""
    loaded = schema.load(manifest)
    run = Place.of(loaded, store, runs).run
    try:
        found = export_tokens(run, split.value, format_name.value, out)
    except ValueError as error:
        raise RunStopped(str(error)) from None
    if as_json:
        print(json.dumps(found))
        return
    size = sum(found["files"].values())
    console.print(
        f"{found['rows']:,} rows of {split.value}, {found['tokens']:,} tokens, {found['dtype']}, {size:,} bytes: {out}",
        markup=False,
    )
