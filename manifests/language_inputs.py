"""Which sources' languages are identified, and the fastText models that a manifest names for it.

Checked before a run: that the models know the labels that are kept, and that no rule asks for a language that nobody
looks at.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

from gristmill.curation import columns, filters, language
from gristmill.curation.language import LanguageParams
from gristmill.curation.rules import Rule
from gristmill.manifests import inputs
from gristmill.manifests.inputs import MissingInput, RawFile
from gristmill.manifests.schema import Loaded, Manifest, Source
from gristmill.manifests.source_lines import ManifestError, Problem


def languages_of(manifest: Manifest, source: Source) -> LanguageParams | None:
    """The language rule of a source; None where languages are not identified."""
    return None if _left_out(manifest, source) else source.languages or manifest.curate.languages


def _left_out(manifest: Manifest, source: Source) -> tuple[str, str] | None:
    """What leaves a source without languages, and what would change that; None if nothing does."""
    if "language" in source.skip:
        return "the source skips the step", "take language out of skip"
    if source.languages is None and source.kind == "code":
        return "languages are not identified in code", "give the source a block languages: {keep: all}"
    if source.languages is None and manifest.curate.languages is None:
        return "curate.languages is null", "remove that, or give the source a block languages: {keep: all}"
    return None


def check_language_rules(loaded: Loaded) -> None:
    """Raises ManifestError for rules and buckets that ask for the language of texts which nobody looks at."""
    problems: list[Problem] = []
    for name, source in loaded.manifest.sources.items():
        left_out = _left_out(loaded.manifest, source)
        if left_out is None:
            continue
        why, remedy = left_out
        rules = () if "filters" in source.skip else filters.ruleset(source.filters, source.kind).rules
        asking = [rule for rule in rules if rule.feature in columns.MEASURED]
        if asking:
            labels = " and ".join(rule.label for rule in asking)
            off = f"switch off what asks: {_switched_off(asking)}"
            what = f"{labels} would see no language, for {why}; {remedy}, or {off}"
            problems += loaded.error(("sources", name, "filters"), what).problems
        if source.buckets and source.buckets.by in columns.MEASURED:
            what = f"there is no {source.buckets.by}, for {why}; {remedy}"
            problems += loaded.error(("sources", name, "buckets", "by"), what).problems
    if problems:
        raise ManifestError(problems)


def _switched_off(asking: list[Rule]) -> str:
    """How a manifest leaves these rules out."""
    presets: dict[str, list[str]] = {}
    for rule in asking:
        presets.setdefault(rule.preset, []).append(rule.name)
    return ", ".join(
        f"remove {' and '.join(names)}"
        if preset == "custom"
        else f"{{{preset}: {{{', '.join(f'{name}: null' for name in names)}}}}}"
        for preset, names in presets.items()
    )


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
