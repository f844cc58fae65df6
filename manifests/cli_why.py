"""`gristmill why`: where a document came from, why it was kept or dropped, and for a duplicate both texts."""

import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from gristmill.manifests import index, schema
from gristmill.manifests.cli_options import RUNS, STORE, AsJson, RunsDir, StoreDir, console
from gristmill.manifests.runner import Place
from gristmill.manifests.store import Store
from gristmill.manifests.why import NotFound, explain_document


def why_command(
    what: Annotated[
        list[str],
        typer.Argument(
            metavar="[MANIFEST] DOC",
            help="A document's id (or its first digits), locator or URL; with a manifest, only its run is searched.",
        ),
    ],
    full: Annotated[
        bool, typer.Option("--full", help="Of a duplicate, all of both texts; of a kept one, all that went for it.")
    ] = False,
    store: StoreDir = STORE,
    runs: RunsDir = RUNS,
    as_json: AsJson = False,
) -> None:
    """Show where a document came from, and why it was kept or dropped; a duplicate beside the one that was kept."""
    manifests = [w for w in what if w.endswith((".yaml", ".yml", ".json")) and Path(w).is_file()]
    documents = [w for w in what if w not in manifests]
    if len(documents) != 1 or len(manifests) > 1:
        raise NotFound("give one document, and at most one manifest: gristmill why [MANIFEST] DOC")
    loaded = schema.load(Path(manifests[0])) if manifests else None
    folders = [Place.of(loaded, store, runs).run] if loaded else sorted(p for p in runs.glob("*") if p.is_dir())
    found = explain_document(documents[0], folders)
    shared = index.folder_of(loaded) if loaded else None
    data, lines = _duplicates(found, Store(store), shared, full)
    if as_json:
        print(json.dumps({**found, **data}, ensure_ascii=False, indent=1))
        return
    for line in found["story"]:
        console.print(line, markup=False)
    for line in lines:
        console.print(line, markup=False)


def _duplicates(found: dict, store: Store, shared: Path | None, full: bool) -> tuple[dict, Iterable[Text | str]]:
    """What deduplication has to tell of a document, for programs and for people."""
    from gristmill.manifests import removal, side_by_side

    run = Path(found["run"])
    if found["duplicate_of"]:
        try:
            pair = removal.pair(run, store, found, found["unit"], shared)
        except removal.LostTexts as lost:
            return {"duplicate": {"lost": str(lost)}}, ["", f"the texts cannot be shown: {lost}"]
        colours = console.color_system is not None and not console.no_color
        width = shutil.get_terminal_size().columns  # 80 where there is no terminal
        lines = side_by_side.lines(pair, width, colours, full)
        return {"duplicate": removal.as_data(pair, full)}, [Text(), *lines]
    if found["status"] == "kept" and (found["cluster_size"] or 1) > 1:
        cluster = removal.cluster(run, found, shared, full)
        return {"cluster": cluster}, ["", *removal.cluster_lines(cluster)]
    return {}, []
