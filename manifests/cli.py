"""The command line. Every command takes a manifest; flags say how it runs, never what it produces.

Errors for people go to stderr as what, where and how to fix it, with exit code 1; a traceback is a bug.
"""

import dataclasses
import json
import logging
import os
import signal
import sys
from collections.abc import Callable
from importlib.metadata import version as installed
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from gristmill.curation.classifier_training import TrainingError
from gristmill.manifests import (
    cli_classifier,
    cli_export,
    cli_index,
    cli_questions,
    cli_tokenizer,
    cli_why,
    near_plan,
    own_code,
    schema,
)
from gristmill.manifests.changes import in_words
from gristmill.manifests.cli_options import RUNS, STORE, AsJson, ManifestPath, RunsDir, StoreDir, console
from gristmill.manifests.counts import RunStopped
from gristmill.manifests.explain import plan_lines
from gristmill.manifests.json_schema import json_schema
from gristmill.manifests.progress import ConsoleProgress, numbers
from gristmill.manifests.runner import Place, StepState, open_context, run, survey
from gristmill.manifests.schema import Loaded
from gristmill.manifests.settings import SettingError
from gristmill.manifests.source_lines import ManifestError
from gristmill.manifests.status import status as run_status
from gristmill.manifests.store import NO_ROOM, disk_full
from gristmill.manifests.why import NotFound
from gristmill.manifests.wording import meant

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Raw text in, trained language model out, every token traceable.",
    pretty_exceptions_enable=False,
)
tokenizer_app = typer.Typer(no_args_is_help=True, help="Train a tokenizer, and measure it beside others.")
app.add_typer(tokenizer_app, name="tokenizer")
app.add_typer(cli_classifier.app, name="classifier")
app.add_typer(cli_index.app, name="index")
app.command("why")(cli_why.why_command)
app.command("whatif")(cli_questions.whatif_command)
app.command("sample")(cli_questions.sample_command)
app.command("trace")(cli_questions.trace_command)
app.add_typer(cli_export.app, name="export")

Workers = Annotated[
    int | None,
    typer.Option("--workers", min=1, help="Processes; the manifest's run.workers if not given, else one per core."),
]


def _version(asked: bool) -> None:
    if asked:
        print(f"gristmill {installed('gristmill')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    pass


@app.command()
def check(manifest: ManifestPath) -> None:
    """Check a manifest and the paths that it names; every problem at once, with its line."""
    loaded = schema.load(manifest)
    context = open_context(loaded, Place.of(loaded, STORE, RUNS))
    own_code.check_imported(loaded)
    _warn(loaded)
    files = sum(len(group.pieces) for groups in context.groups.values() for group in groups)
    console.print(f"{manifest}: {len(loaded.manifest.sources)} sources, {files:,} files; nothing is wrong with it")


@app.command()
def plan(manifest: ManifestPath, store: StoreDir = STORE, runs: RunsDir = RUNS, as_json: AsJson = False) -> None:
    """Show for each step whether it is reused or run, and why, and which near duplicates are found; nothing is run."""
    loaded = schema.load(manifest)
    place = Place.of(loaded, store, runs)
    states = list(survey(open_context(loaded, place), place))
    lines = list(plan_lines(states, place.run, place.store))
    if as_json:
        found = [{"step": step, "action": action, "why": why} for step, action, why in lines]
        for entry in found:
            if entry["step"] == "dedup" and (near := near_plan.facts(loaded)):
                entry["near"] = near
        print(json.dumps(found, ensure_ascii=False))
        return
    for step, action, why in lines:
        console.print(f"{step:<14} {action:<14} {why}".rstrip(), markup=False)
    for line in near_plan.lines(loaded):
        console.print(line, markup=False)
    _warn(loaded)


def _warn(loaded: Loaded) -> None:
    """Say what a manifest may mean otherwise than it says."""
    if said := near_plan.warning(loaded):
        console.print(f"warning: {said}", markup=False, style="yellow")


@app.command("run")
def run_command(
    manifest: ManifestPath,
    until: Annotated[str | None, typer.Option("--until", metavar="STEP", help="Stop after this step.")] = None,
    store: StoreDir = STORE,
    runs: RunsDir = RUNS,
    workers: Workers = None,
) -> None:
    """Run the pipeline: what is there is reused, what is missing is made."""
    _run(manifest, until, store, runs, workers)


def _run(
    manifest: Path,
    until: str | None,
    store: Path,
    runs: Path,
    workers: int | None,
    retrain_tokenizer: bool = False,
) -> list[StepState]:
    loaded = schema.load(manifest)
    until = {"signatures": "measure"}.get(until or "", until)
    names = _step_names(loaded)
    if until and until not in names:
        raise ManifestError(
            [
                schema.Problem(
                    str(manifest),
                    None,
                    "",
                    f"it has no step {until!r}{meant(until, names)}; its steps: {', '.join(names)}",
                )
            ]
        )
    place = Place.of(loaded, store, runs)
    _warn(loaded)
    progress = ConsoleProgress(console)
    signal.signal(signal.SIGTERM, _interrupt)  # a scheduler's SIGTERM ends a run as Ctrl-C does; training saves first
    try:
        states = run(loaded, place, progress, until, workers, retrain_tokenizer)
    except KeyboardInterrupt:
        print("gristmill: interrupted; the same command goes on from here", file=sys.stderr)
        raise typer.Exit(130) from None
    finally:
        progress.close()
    console.print(
        f"everything is in {place.run}"
        + (f"; the report: {place.run / 'report' / 'index.html'}" if states[-1].step.name == "report" else "")
    )
    return states


def _interrupt(signum, frame) -> None:
    raise KeyboardInterrupt


def _step_names(loaded: Loaded) -> list[str]:
    from gristmill.manifests.pipeline import pipeline

    return [step.name for step in pipeline(loaded)]


def _stage(name: str, says: str) -> Callable:
    """A command that runs the pipeline up to one step."""

    def command(manifest: ManifestPath, store: StoreDir = STORE, runs: RunsDir = RUNS, workers: Workers = None) -> None:
        _run(manifest, name, store, runs, workers)

    command.__doc__ = says
    return command


for _name, _says in {
    "shards": "Make the Arrow shards of kept documents and the ledger of all.",
    "tokens": "Encode the shards to token shards.",
    "pack": "Pack the mixture into rows.",
    "pretrain": "Pretrain the model on the packed rows; goes on from the last checkpoint if it was cut off.",
}.items():
    app.command(_name)(_stage(_name, _says))


@tokenizer_app.command("train")
def tokenizer_train(
    manifest: Annotated[
        Path | None, typer.Argument(metavar="[MANIFEST]", help="The manifest, whose tokenizer: says how.")
    ] = None,
    files: cli_tokenizer.FilesOption = None,
    out: Annotated[Path | None, typer.Option(help="With --files: the folder to write.")] = None,
    vocab_size: Annotated[int, typer.Option(help="With --files: tokens in all.")] = cli_tokenizer.DEFAULTS.vocab_size,
    pattern: Annotated[
        str, typer.Option(help="With --files: gpt2, gpt4, llama3 or a regular expression.")
    ] = cli_tokenizer.DEFAULTS.pattern,
    digits: Annotated[int | None, typer.Option(help="With --files: digits in a token at most, 1 to 3.")] = None,
    multiple_of: Annotated[
        int, typer.Option(help="With --files: fill the vocabulary up to a multiple.")
    ] = cli_tokenizer.DEFAULTS.multiple_of,
    superwords_from: Annotated[
        int | None,
        typer.Option(help="With --files: vocabulary size from which on merges cross white space (SuperBPE)."),
    ] = None,
    sample_bytes: Annotated[
        int, typer.Option(help="With --files: text to train on, in bytes.")
    ] = cli_tokenizer.DEFAULTS.sample_bytes,
    weight: Annotated[
        list[float] | None, typer.Option(help="With --files: a set's part of the sample; once for each set.")
    ] = None,
    text_column: cli_tokenizer.TextColumn = None,
    seed: Annotated[int, typer.Option(help="With --files: of the draw.")] = 0,
    store: StoreDir = STORE,
    runs: RunsDir = RUNS,
    workers: Workers = None,
    as_json: AsJson = False,
) -> None:
    """Train a tokenizer: on what a manifest keeps now, even if an earlier one would be kept, or on any files."""
    if (manifest is None) == (not files):
        raise cli_tokenizer.TokenizerError("give a manifest, or --files PATH and --out FOLDER")
    if manifest is not None:
        _run(manifest, "tokenizer", store, runs, workers, retrain_tokenizer=True)
        return
    if out is None:
        raise cli_tokenizer.TokenizerError("--files: name the folder to write with --out FOLDER")
    made_of = cli_tokenizer.train_on_files(
        files,
        out,
        text_column,
        weight or (),
        seed,
        vocab_size=vocab_size,
        pattern=pattern,
        digits=digits,
        multiple_of=multiple_of,
        superwords_from=superwords_from,
        sample_bytes=sample_bytes,
    )
    if as_json:
        print(json.dumps(made_of, ensure_ascii=False, indent=1))
    else:
        cli_tokenizer.show_training(made_of, out, console)


@tokenizer_app.command("eval")
def tokenizer_evaluate(
    manifest: Annotated[
        Path | None, typer.Argument(metavar="[MANIFEST]", help="The manifest whose tokenizer is measured.")
    ] = None,
    tokenizer: Annotated[Path | None, typer.Option(help="With --files: the tokenizer to measure.")] = None,
    files: cli_tokenizer.FilesOption = None,
    beside: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[NAME=]PATH",
            help="Another tokenizer: tokenizer.json, .tiktoken, vocab.bpe, or a folder. May be repeated.",
        ),
    ] = None,
    sweep: Annotated[
        list[int] | None, typer.Option(help="Another vocabulary size to measure; larger ones are trained anew.")
    ] = None,
    max_bytes: Annotated[int, typer.Option(help="Text to measure on, in bytes.")] = 8 * 2**20,
    text_column: cli_tokenizer.TextColumn = None,
    store: StoreDir = STORE,
    runs: RunsDir = RUNS,
    as_json: AsJson = False,
) -> None:
    """Measure a tokenizer on documents that it was not trained on, beside others and at other vocabulary sizes."""
    from gristmill.manifests.runner import report_now
    from gristmill.manifests.tokenizer_eval import evaluate_run

    if (manifest is None) == (not files) or (tokenizer is None) != (manifest is not None):
        raise cli_tokenizer.TokenizerError("give a manifest, or --tokenizer PATH and --files PATH")
    if manifest is None:
        found = cli_tokenizer.evaluate_on_files(tokenizer, files, text_column, beside or (), sweep or (), max_bytes)
    else:
        loaded = schema.load(manifest)
        place = Place.of(loaded, store, runs)
        try:
            found = evaluate_run(loaded, place, beside or (), sweep or (), max_bytes)
        except ValueError as error:
            raise cli_tokenizer.TokenizerError(str(error)) from None
        report_now(loaded, place)
    if as_json:
        print(json.dumps(found, ensure_ascii=False, indent=1))
        return
    cli_tokenizer.show_evaluation(found, console)
    if manifest is not None:
        console.print(f"the report: {place.run / 'report' / 'index.html'}", markup=False)


@app.command()
def fetch(
    manifest: ManifestPath,
    source: Annotated[list[str] | None, typer.Option("--source", help="Only this source; may be repeated.")] = None,
    refresh: Annotated[bool, typer.Option("--refresh", help="Ask the servers whether fetched files changed.")] = False,
    store: StoreDir = STORE,
    as_json: AsJson = False,
) -> None:
    """Download the remote files that a manifest names into the store's cache; runs then read them there."""
    from gristmill.manifests.fetch import FetchProgress, fetch_all, wanted_files

    loaded = schema.load(manifest)
    names = loaded.manifest.sources
    for name in source or ():
        if name not in names:
            raise loaded.error(("sources",), f"there is no source {name!r}{meant(name, names)}")
    cache = store / "raw"
    wanted = wanted_files(dataclasses.replace(loaded, cache=cache), source or ())
    progress = FetchProgress(Console(stderr=True, highlight=False, soft_wrap=True), len(wanted))
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        done, failed = fetch_all(wanted, cache, refresh, progress)
    except KeyboardInterrupt:
        print("gristmill: interrupted; the same command goes on from here", file=sys.stderr)
        raise typer.Exit(130) from None
    finally:
        progress.close()
    if as_json:
        print(json.dumps({"files": [dataclasses.asdict(f) for f in done], "failed": failed}, ensure_ascii=False))
    else:
        size = sum(f.size_bytes for f in done)
        console.print(f"{len(done):,} of {len(wanted):,} remote files are in {cache}, {size:,} bytes", markup=False)
    for reason in failed.values():
        print(f"gristmill: {reason}", file=sys.stderr)
    if failed:
        raise typer.Exit(1)


@app.command()
def report(manifest: ManifestPath, store: StoreDir = STORE, runs: RunsDir = RUNS) -> None:
    """Write the report of what has been run so far, and print its path."""
    from gristmill.manifests.runner import report_now

    loaded = schema.load(manifest)
    print(report_now(loaded, Place.of(loaded, store, runs)))


@app.command()
def status(manifest: ManifestPath, store: StoreDir = STORE, runs: RunsDir = RUNS, as_json: AsJson = False) -> None:
    """Show what has been run, and where every source's records went."""
    loaded = schema.load(manifest)
    found = run_status(loaded, Place.of(loaded, store, runs))
    if as_json:
        print(json.dumps(found, ensure_ascii=False, indent=1))
        return
    steps = Table("step", "state", "seconds", "counts", title=f"run {found['manifest']}", title_justify="left")
    for step in found["steps"]:
        steps.add_row(step["name"], step["state"], f"{step['seconds']:.1f}", numbers(step["counts"]))
    sources = Table("source", "records", "documents", "kept", "tokens", "dropped", title_justify="left")
    for name, c in found["sources"].items():
        dropped = ", ".join(f"{rule} {n:,}" for rule, n in sorted(c["dropped"].items(), key=lambda item: -item[1]))
        sources.add_row(name, f"{c['records']:,}", f"{c['documents']:,}", f"{c['kept']:,}", f"{c['tokens']:,}", dropped)
    console.print(steps, sources)
    if any(c["masked"] for c in found["sources"].values()):
        masked = Table("source", "masked in kept documents", title_justify="left")
        for name, c in found["sources"].items():
            masked.add_row(name, ", ".join(f"{kind} {n:,}" for kind, n in c["masked"].items()))
        console.print(masked)
    if any(c["cut"] for c in found["sources"].values()):
        cut = Table("source", "cut from kept documents", title_justify="left")
        for name, c in found["sources"].items():
            cut.add_row(name, ", ".join(f"{rule} {n:,}" for rule, n in c["cut"].items()))
        console.print(cut)
    for name, c in found["sources"].items():
        if c["silent_rules"]:
            console.print(f"sources.{name}: rules that no document fails: {', '.join(c['silent_rules'])}", markup=False)
    if last := found["changes"]["last_run"]:
        console.print(f"dedup: compared with the run before, {in_words(last)}; {last['file']}", markup=False)
    if waiting := found["changes"]["next_run"]:
        how = "other manifests of the index have changed since the last run"
        console.print(f"dedup: {how}: {in_words(waiting)} in the next; {waiting['file']}", markup=False)
    for note in found["mixture"]:
        console.print(f"mixture: {note}", markup=False)
    if found["scores"]:
        console.print(_scores(found))
    if any(c["buckets"] for c in found["sources"].values()):
        console.print(_buckets(found))


def _scores(found: dict) -> Table:
    """What models and score files gave each source."""
    table = Table("score", "source", "with score", "without", "from", title_justify="left")
    for name, origin in found["scores"].items():
        files = [f"{file} {digest[:8]}" for file, digest in origin["files"].items()]
        origins = ", ".join(files[:3]) + (f" and {len(files) - 3} more" if len(files) > 3 else "")
        for source, counts in found["sources"].items():
            if name in counts["scores"]:
                given = counts["scores"][name]
                table.add_row(name, source, f"{given['with']:,}", f"{given['without']:,}", origins)
    return table


def _buckets(found: dict) -> Table:
    """How many documents each bucket of a source has."""
    table = Table("source", "by", "in bucket", "without value", title_justify="left")
    for source, counts in found["sources"].items():
        if divided := counts["buckets"]:
            sizes = ", ".join(f"{name} {n:,}" for name, n in divided["in_bucket"].items())
            table.add_row(source, divided["by"], sizes, f"{divided['without_value']:,}")
    return table


@app.command("schema")
def schema_command() -> None:
    """Print the manifest's JSON Schema, for editors."""
    print(json.dumps(json_schema(), indent=1))


def main() -> None:
    """Entry point of `gristmill`: errors for people, exit codes for programs."""
    logging.basicConfig(
        level=os.environ.get("GRISTMILL_LOG", "WARNING"), format="%(name)s: %(message)s", stream=sys.stderr
    )
    try:
        app()
    except ManifestError as error:
        print(error, file=sys.stderr)
        problems = len(error.problems)
        if problems > 1:
            print(f"{problems} problems", file=sys.stderr)
        sys.exit(1)
    except (RunStopped, NotFound, SettingError, TrainingError, cli_tokenizer.TokenizerError) as error:
        print(f"gristmill: {error}", file=sys.stderr)
        sys.exit(1)
    except BrokenPipeError:
        sys.exit(1)
    except OSError as error:
        what = f"{error.strerror or error}: {error.filename or ''}".rstrip(": ")
        print(f"gristmill: {what}" + (f"; {NO_ROOM}" if disk_full(error) else ""), file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
