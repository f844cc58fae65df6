"""What the commands share: the manifest, where things are kept, and the screen."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

ManifestPath = Annotated[Path, typer.Argument(metavar="MANIFEST", help="The manifest, a YAML or JSON file.")]
StoreDir = Annotated[Path, typer.Option("--store", help="Folder of the store that all manifests share.")]
RunsDir = Annotated[Path, typer.Option("--runs", help="Folder of the readable views, one a manifest.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else on stdout.")]

STORE, RUNS = Path("store"), Path("runs")

# Tables that nobody looks at on a terminal must not lose the ends of names to its width.
console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 200)
