"""`gristmill index`: what is in an index that several manifests share, and what goes in and out by hand."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from gristmill.curation.dedup import pair_cache
from gristmill.manifests import changes, index, participants, schema
from gristmill.manifests.cli_options import RUNS, STORE, AsJson, ManifestPath, RunsDir, StoreDir, console
from gristmill.manifests.counts import RunStopped
from gristmill.manifests.runner import Place, open_context, survey
from gristmill.manifests.wording import meant

app = typer.Typer(no_args_is_help=True, help="Documents of several manifests, deduplicated as one set.")

IndexDir = Annotated[Path, typer.Argument(metavar="DIR", help="The index, a folder.")]


@app.command()
def show(folder: IndexDir, as_json: AsJson = False) -> None:
    """Show the manifests of an index, what they agree on, and what their next runs would change."""
    found = described(folder)
    if as_json:
        print(json.dumps(found, ensure_ascii=False, indent=1))
        return
    table = Table("manifest", "source", "units", "documents", "kept by filters", title=f"index {folder}")
    for member in found["manifests"]:
        for name, source in member["sources"].items():
            cells = (f"{source[count]:,}" for count in ("units", "documents", "kept"))
            table.add_row(member["name"], name, *cells)
    console.print(table)
    for part in ("signature", "rules"):
        said = ", ".join(f"{name} {index.shown(value)}" for name, value in found[part].items())
        console.print(f"{part}: {said or 'none'}", markup=False)
    names = {m["name"] for m in found["manifests"]} | {s for m in found["manifests"] for s in m["sources"]}
    names |= {f"{m['name']}/{source}" for m in found["manifests"] for source in m["sources"]}
    prefer = [
        name if name in names else f"{name} (nothing is called so{meant(name, names)})" for name in found["prefer"]
    ]
    console.print(f"prefer: {', '.join(prefer) or 'by name of source'}", markup=False)
    pairs = ", ".join(f"{number:,} by {measure}" for measure, number in found["pairs"].items())
    console.print(f"pairs whose similarity is known: {pairs or 'none'}", markup=False)
    for member in found["manifests"]:
        if waiting := member["changes"]:
            console.print(
                f"{member['name']}: {changes.in_words(waiting)} when it is run again (gristmill run {member['path']}); "
                f"{waiting['file']}",
                markup=False,
            )


@app.command()
def add(
    manifest: ManifestPath,
    into: Annotated[Path, typer.Option("--into", metavar="DIR", help="The index; made if it is not there.")],
    store: StoreDir = STORE,
    runs: RunsDir = RUNS,
) -> None:
    """Enter what a manifest's filters kept, though the manifest itself names no index."""
    loaded = schema.load(manifest)
    name, dedup = loaded.manifest.name, loaded.manifest.curate.dedup
    if dedup is None:
        raise loaded.error(("curate", "dedup"), "the manifest is not deduplicated, so nothing of it can be in an index")
    place = Place.of(loaded, store, runs)
    context = open_context(loaded, place, as_run=True)
    states = list(survey(context, place, "filter"))
    if waiting := next((state.step.name for state in states if not state.complete), None):
        raise RunStopped(
            f"{name}: {waiting} has not run for all that the manifest names now; "
            f"first: gristmill run {manifest} --until filter --store {store}"
        )
    before = index.member_of(into, name)
    parts = tuple(participants.own(context))
    member = index.Member(name, str(loaded.path), str(store), parts, before and before.verdicts)
    index.register(into, member, index.parameters(dedup))
    kept = sum(part.kept for part in parts)
    console.print(f"{name} is in {into}: {len(parts):,} units, {kept:,} documents", markup=False)


@app.command()
def remove(
    folder: IndexDir,
    what: Annotated[str, typer.Argument(metavar="NAME", help="A manifest, a source, or manifest/source.")],
) -> None:
    """Take a manifest or a source out; texts and runs stay. A manifest that names the index enters again when it runs."""
    _existing(folder)
    for manifest, source, units in index.remove(folder, what):
        console.print(f"{manifest}/{source} is out of {folder}: {units:,} units", markup=False)


@app.command()
def check(folder: IndexDir, as_json: AsJson = False) -> None:
    """Check that every file that an index needs is in its store, and say how to get back what is not."""
    _existing(folder)
    members = index.members(folder)
    lost = {member.name: list(index.missing_files(member)) for member in members}
    if as_json:
        files = [
            {"manifest": name, "source": part.source, "unit": part.name, "file": file.path, "problem": what}
            for name, found in lost.items()
            for part, file, what in found
        ]
        remedies = {member.name: index.remedy(folder, member) for member in members if lost[member.name]}
        print(json.dumps({"missing": files, "remedies": remedies}, ensure_ascii=False, indent=1))
    elif not any(lost.values()):
        files = sum(len(part.files) for member in members for part in member.parts)
        console.print(f"{folder}: {len(members)} manifests, {files:,} files; nothing is missing", markup=False)
    if any(lost.values()):
        said = []
        for member in members:
            said += [f"{file.path} {what} ({member.name}: {p.source}/{p.name})" for p, file, what in lost[member.name]]
            said += [f"  {index.remedy(folder, member)}"] if lost[member.name] else []
        raise RunStopped(
            f"{sum(map(len, lost.values()))} files of {folder} are not as they were:\n  " + "\n  ".join(said)
        )


def described(folder: Path) -> dict:
    """An index as `gristmill index show --json` prints it. Raises UnusableIndex."""
    known = _existing(folder)
    manifests = []
    for member in index.members(folder):
        sources: dict[str, dict[str, int]] = {}
        for part in member.parts:
            counts = sources.setdefault(part.source, {"units": 0, "documents": 0, "kept": 0})
            for name, number in (("units", 1), ("documents", part.documents), ("kept", part.kept)):
                counts[name] += number
        waiting = changes.read(index.changes_of(folder, member.name))
        manifests.append(
            {"name": member.name, "path": member.path, "store": member.store, "sources": sources, "changes": waiting}
        )
    words = known["signature"].get("ngram_words")
    pairs = pair_cache.count(pair_cache.folder(folder / "pairs", words)) if words else {}
    return {**{part: dict(known[part]) for part in ("signature", "versions", "rules")}, "prefer": known["prefer"]} | {
        "pairs": pairs,
        "manifests": manifests,
    }


def _existing(folder: Path) -> dict:
    known = index.read_parameters(folder)
    if known is None:
        raise index.UnusableIndex(
            f"{folder}: there is no index; a run makes it (curate.dedup.index: {folder}), or "
            f"gristmill index add MANIFEST --into {folder}"
        )
    return known
