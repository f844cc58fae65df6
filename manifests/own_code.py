"""Somebody's own readers and rules in a manifest: where they are named, their files as inputs of units, and a check."""

from collections.abc import Iterator, Mapping, Sequence

from gristmill.curation import own
from gristmill.manifests.schema import Loaded
from gristmill.manifests.source_lines import ManifestError
from gristmill.manifests.store import Input

PREFIX = "own/"
"""Begins the names of inputs that are source files."""

Place = tuple[str | int, ...]


def named(loaded: Loaded) -> Iterator[tuple[Place, str, bool]]:
    """(place in the manifest, `module:function`, whether it is a reader) of all own code that a manifest names."""
    for name, source in loaded.manifest.sources.items():
        if source.own_reader:
            yield ("sources", name, "kind"), source.kind, True
        place = ("sources", name, "filters")
        if isinstance(source.filters, Mapping) and "rule" in source.filters:
            yield (*place, "rule"), source.filters["rule"], False
        for number, entry in enumerate(source.filters if isinstance(source.filters, Sequence) else ()):
            if isinstance(entry, Mapping) and "rule" in entry:
                yield (*place, number, "rule"), entry["rule"], False


def files(loaded: Loaded, reference: str) -> tuple[own.OwnFile, ...]:
    """The source files of a function; a module is looked for in the manifest's folder first. Raises OwnCodeError."""
    return own.files(reference, loaded.path.parent)


def inputs(loaded: Loaded, references: Sequence[str]) -> list[Input]:
    """The source files of some functions as a unit's inputs, each once."""
    found = {file.name: file for reference in references for file in files(loaded, reference)}
    return [Input(PREFIX + file.name, file.path, file.digest) for _, file in sorted(found.items())]


def of_unit(reference: str, unit_inputs: Sequence[Input]) -> tuple[own.OwnFile, ...]:
    """The source files of a function among a unit's inputs, the one that holds it first."""
    given = [i for i in unit_inputs if i.name.startswith(PREFIX)]
    found = [own.OwnFile(i.name.removeprefix(PREFIX), i.path, i.digest) for i in given]
    module = reference.partition(":")[0]
    return tuple(sorted(found, key=lambda file: (file.module != module, file.name)))


def check_named(loaded: Loaded) -> None:
    """Raises ManifestError for every module that is not there, or that does not parse; nothing is imported."""
    _raise_all(loaded, imported=False)


def check_imported(loaded: Loaded) -> None:
    """Import all own code, so that what is wrong with it is said before any work. Raises ManifestError."""
    _raise_all(loaded, imported=True)


def _raise_all(loaded: Loaded, imported: bool) -> None:
    problems = []
    for place, reference, is_reader in named(loaded):
        try:
            source = files(loaded, reference)
            if imported and is_reader:
                own.reader(reference, source)
            elif imported:
                own.Score(reference, source)
        except own.OwnCodeError as error:
            problems += loaded.error(place, str(error)).problems
    if problems:
        raise ManifestError(problems)
