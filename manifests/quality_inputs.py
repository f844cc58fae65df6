"""The models and score files that a manifest names: where they are, and a look into them before any work."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from gristmill.curation import classifier, scores
from gristmill.curation.raw_files import opened
from gristmill.manifests import inputs
from gristmill.manifests.inputs import REMOTE, MissingInput, RawFile
from gristmill.manifests.schema import Loaded
from gristmill.manifests.source_lines import ManifestError, Problem
from gristmill.manifests.wording import meant

Expand = Callable[..., list[RawFile]]

CHECKED_FILES = 100
"""Files of one score whose footers are read before any work, at some milliseconds each."""


@contextmanager
def _collected(loaded: Loaded, where: tuple[str | int, ...], problems: list[Problem]) -> Iterator[None]:
    """Remember what is wrong at a place of the manifest, and go on."""
    try:
        yield
    except ValueError as error:  # MissingInput is one
        problems += loaded.error(where, str(error)).problems


def model_files(loaded: Loaded, expand: Expand = inputs.expand) -> dict[str, RawFile]:
    """The file of each of `curate.classifiers`."""
    found: dict[str, RawFile] = {}
    problems: list[Problem] = []
    for name, params in loaded.manifest.curate.classifiers.items():
        with _collected(loaded, ("curate", "classifiers", name, "path"), problems):
            found[name], *more = expand([params.path], loaded.roots, loaded.cache)
            if more:
                raise MissingInput(f"{params.path}: this names {len(more) + 1} files; name one model")
    if problems:
        raise ManifestError(problems)
    return found


def score_files(loaded: Loaded, expand: Expand = inputs.expand) -> dict[str, list[RawFile]]:
    """The files of each of `curate.scores`; of a folder, its Parquet files."""
    found: dict[str, list[RawFile]] = {}
    problems: list[Problem] = []
    for name, params in loaded.manifest.curate.scores.items():
        files: dict[str, RawFile] = {}
        for number, path in enumerate(params.paths):
            with _collected(loaded, ("curate", "scores", name, "paths", number), problems):
                those = expand([path], loaded.roots, loaded.cache)
                taken = [f for f in those if inputs.is_named(path, f) or f.locator.endswith(".parquet")]
                if not taken:
                    raise MissingInput(f"{path}: no file in this folder ends in .parquet; name the files themselves")
                files |= {file.locator: file for file in taken}
        found[name] = [files[locator] for locator in sorted(files)]
    if problems:
        raise ManifestError(problems)
    return found


def check_contents(loaded: Loaded) -> None:
    """Look into local files: whether models know their label, and the first files of each score have the columns.

    Raises ManifestError for all that is wrong; what is on a server is looked at when its turn comes.
    """
    problems: list[Problem] = []
    for name, file in model_files(loaded).items():
        params = loaded.manifest.curate.classifiers[name]
        if REMOTE.match(file.path):
            what = (
                f"{params.path}: a model is read from a local file; bring it here with: gristmill fetch {loaded.path}"
            )
            problems += loaded.error(("curate", "classifiers", name, "path"), what).problems
            continue
        with _collected(loaded, ("curate", "classifiers", name), problems):
            _check_label(file, params.label)
    for name, files in score_files(loaded).items():
        for file in files[:CHECKED_FILES]:
            with _collected(loaded, ("curate", "scores", name), problems):
                if not file.size_bytes and not file.missing:
                    raise ValueError(f"{file.locator} is empty (0 bytes), and no Parquet file; remove or replace it")
                if not REMOTE.match(file.path):
                    stored = (file.locator, partial(opened, file.path))
                    scores.check_columns(stored, loaded.manifest.curate.scores[name])
    if problems:
        raise ManifestError(problems)


def _check_label(file: RawFile, label: str) -> None:
    labels = classifier.labels(file.path)
    if label.removeprefix("__label__") not in labels:
        some = ", ".join(labels[:10]) + (" ..." if len(labels) > 10 else "")
        raise ValueError(
            f"{file.locator} has no label {label!r}{meant(label.removeprefix('__label__'), labels)}; its labels: {some}"
        )
