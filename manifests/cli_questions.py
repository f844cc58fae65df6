"""`gristmill whatif`, `gristmill sample` and `gristmill trace`: questions about a run, which change nothing."""

from collections.abc import Iterable
from typing import Annotated

import typer
from rich.table import Table

from gristmill.manifests import schema
from gristmill.manifests.cli_options import RUNS, STORE, AsJson, ManifestPath, RunsDir, StoreDir, console
from gristmill.manifests.runner import Place


def whatif_command(
    manifest: ManifestPath,
    settings: Annotated[
        list[str],
        typer.Option(
            "--set", metavar="PATH=VALUE", help="A change, such as web.filters.gopher.min_words=40; null: off."
        ),
    ],
    dedup: Annotated[bool, typer.Option("--dedup", help="Resolve duplicates again for the changed set.")] = False,
    examples: Annotated[int, typer.Option("--examples", min=0, help="Examples of each sort.")] = 5,
    store: StoreDir = STORE,
    runs: RunsDir = RUNS,
    as_json: AsJson = False,
) -> None:
    """Say which documents and tokens would come and go if rules were other ones; nothing is run."""
    from gristmill.manifests.whatif import lines, whatif

    loaded = schema.load(manifest)
    found = whatif(loaded, Place.of(loaded, store, runs), settings, dedup, examples)
    _show(found, as_json, _tables(found), lines(found))


def sample_command(
    manifest: ManifestPath,
    rule: Annotated[str, typer.Option("--dropped-by", metavar="RULE", help="A rule as the ledger names it.")],
    number: Annotated[int, typer.Option("-n", min=1, help="Documents of each sort.")] = 20,
    source: Annotated[str | None, typer.Option("--source", help="Only this source.")] = None,
    store: StoreDir = STORE,
    runs: RunsDir = RUNS,
    as_json: AsJson = False,
) -> None:
    """Show documents that a rule drops, and documents that it just lets pass."""
    from gristmill.manifests.look import lines, sample

    loaded = schema.load(manifest)
    found = sample(loaded, Place.of(loaded, store, runs), rule, number, source)
    _show(found, as_json, (), lines(found))


def trace_command(
    manifest: ManifestPath,
    row: Annotated[int | None, typer.Option("--row", metavar="K", help="The documents behind this row.")] = None,
    step: Annotated[
        int | None, typer.Option("--step", metavar="S", help="The rows of this training step, counted from 1.")
    ] = None,
    document: Annotated[
        str | None, typer.Option("--doc", metavar="ID", help="The rows and steps that used this document.")
    ] = None,
    validation: Annotated[bool, typer.Option("--validation", help="--row is a row of validation.")] = False,
    store: StoreDir = STORE,
    runs: RunsDir = RUNS,
    as_json: AsJson = False,
) -> None:
    """Show the documents behind a row or a training step, or where a document was used."""
    from gristmill.manifests.trace import lines, trace

    loaded = schema.load(manifest)
    run = Place.of(loaded, store, runs).run
    found = trace(loaded, run, row, step, document, "validation" if validation else "train")
    _show(found, as_json, (), lines(found))


def _show(found: dict, as_json: bool, tables: Iterable[Table], lines: Iterable[str]) -> None:
    """An answer, for programs or for people."""
    if as_json:
        from gristmill.manifests.measured import as_json as written

        print(written(found))
        return
    for table in tables:
        console.print(table)
    for line in lines:
        console.print(line, markup=False)


def _tables(found: dict) -> Iterable[Table]:
    """Documents, and tokens if they are known, by source and language."""
    what = "after deduplication" if found["deduplicated"] else "by the filters"
    for unit in ("documents", "tokens"):
        if found["total"][unit] is None:
            continue
        table = Table("source", "language", "kept now", "would come", "would go", "kept then", title_justify="left")
        table.title = f"{unit} kept {what}"
        for group in [*found["groups"], {"source": "all", "language": "", **found["total"]}]:
            cells = [f"{group[unit][name]:,}" for name in ("kept_now", "come", "go", "kept_then")]
            table.add_row(group["source"], group["language"] or "", *cells)
        yield table
