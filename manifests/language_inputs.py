"""The fastText models that a manifest names, and whether they know the labels that it asks them for."""

from collections.abc import Callable, Iterator
from pathlib import Path

from gristmill.curation import language
from gristmill.curation.language import LanguageParams
from gristmill.manifests import inputs
from gristmill.manifests.inputs import MissingInput, RawFile
from gristmill.manifests.schema import Loaded
from gristmill.manifests.source_lines import ManifestError, Problem


def language_models(loaded: Loaded, expand: Callable[..., list[RawFile]] = inputs.expand) -> dict[str, RawFile]:
    """The models that name languages, by path as the manifest writes it; lid.176, which is installed, is none of them."""
    found: dict[str, RawFile] = {}
    problems: list[Problem] = []
    for where, params in _named(loaded):
        try:
            files = expand([params.model], loaded.roots, loaded.cache)
            if len(files) > 1:
                raise MissingInput(f"{params.model}: this names {len(files)} files; name one model")
            found[params.model] = files[0]
        except MissingInput as error:
            problems += loaded.error((*where, "model"), str(error)).problems
    if problems:
        raise ManifestError(problems)
    return found


def check_language_models(loaded: Loaded) -> None:
    """Raises ManifestError for models that are not there, are no such models, or lack a label that is kept."""
    files = language_models(loaded)
    problems: list[Problem] = []
    for where, params in _named(loaded):
        path = files[params.model].path
        if inputs.REMOTE.match(path):
            what = f"{params.model}: a model has to be on this machine; bring it there with gristmill fetch"
            problems += loaded.error((*where, "model"), what).problems
            continue
        try:
            known = language.labels(Path(path))
        except ValueError as error:
            problems += loaded.error((*where, "model"), str(error)).problems
            continue
        for what in language.unknown_labels(params.keep if params.keep != "all" else (), known, params.model):
            problems += loaded.error((*where, "keep"), what.removeprefix("keep: ")).problems
    if problems:
        raise ManifestError(problems)


def _named(loaded: Loaded) -> Iterator[tuple[tuple[str, ...], LanguageParams]]:
    """The language rules that name a model, with their places in the manifest."""
    blocks = [(("curate", "languages"), loaded.manifest.curate.languages)]
    blocks += [(("sources", name, "languages"), source.languages) for name, source in loaded.manifest.sources.items()]
    for where, params in blocks:
        if params is not None and params.model is not None:
            yield where, params
