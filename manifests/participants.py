"""Who takes part in a manifest's deduplication: its own units, and with `curate.dedup.index` those of other manifests."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from gristmill.curation.dedup import preference
from gristmill.manifests import index
from gristmill.manifests.dedup_quality import quality_inputs
from gristmill.manifests.planning import Context
from gristmill.manifests.store import Input, Store


@dataclass(frozen=True)
class Participant:
    """A unit whose documents are deduplicated, and the files that say all about them."""

    source: str  # its source's name; of another manifest @<manifest>/<source>
    name: str
    level: int  # of preference, 0 the best
    inputs: tuple[
        Input, ...
    ]  # texts, features, verdicts of the filters, signatures, scores: <step>/<source>/<name>/<file>


def participants(context: Context) -> list[Participant]:
    """All that take part, with an index in order of manifest, whichever of them is run.

    Raises NotYet, or ManifestError for an index that cannot be used.
    """
    loaded, dedup = context.loaded, context.manifest.curate.dedup
    folder = index.folder_of(loaded)
    if folder is None:
        levels = preference.source_ranks(dedup.prefer, list(context.manifest.sources), dedup.quality is not None)
        return [Participant(part.source, part.name, levels[part.source], part.files) for part in own(context)]
    name = context.manifest.name
    if context.others is None:  # as they are now: all steps of a run see the same
        context.others = _others(context)
    units = [(name, part) for part in own(context)]
    units += [(member.name, part) for member in context.others for part in member.parts]
    units.sort(key=lambda unit: (unit[0], unit[1].source, unit[1].name))
    try:
        prefer = (index.read_parameters(folder) or {"prefer": []})["prefer"]
    except index.UnusableIndex as error:
        raise loaded.error(index.PLACE, str(error)) from None
    levels = index.levels(prefer, [(manifest, part.source) for manifest, part in units], dedup.quality is not None)
    return [_participant(manifest, part, levels[manifest, part.source], manifest == name) for manifest, part in units]


def own(context: Context) -> Iterator[index.Part]:
    """The manifest's own units, and what of them deduplication reads. Raises NotYet."""
    dedup = context.manifest.curate.dedup
    for source_name, source, name in context.each():
        if "dedup" in source.skip:
            continue
        measured = context.record("measure", source_name, name)
        filtered = context.record("filter", source_name, name)
        files = [context.record("extract", source_name, name).output("texts.arrow")]
        files += [measured.output("features.arrow"), filtered.output("verdicts.arrow")]
        files += [measured.output("signatures.arrow")] if dedup.near else []
        files += quality_inputs(context, source_name, name, dedup.quality)
        yield index.Part(source_name, name, filtered.counts["documents"], filtered.counts["kept"], tuple(files))


def register(context: Context, store: Store) -> None:
    """Enter the manifest's units in its index, if it names one; makes the index if there is none."""
    folder = index.folder_of(context.loaded)
    if folder is None:
        return
    name, path = context.manifest.name, context.loaded.path
    try:
        before = index.member_of(folder, name)
        member = index.Member(name, str(path), str(store.root), tuple(own(context)), before and before.verdicts)
        index.register(folder, member, index.parameters(context.manifest.curate.dedup))
    except index.UnusableIndex as error:
        raise context.loaded.error(index.PLACE, str(error)) from None


def pairs_folder(context: Context) -> Path:
    """Where similarities of pairs are known from: the index, or the store."""
    return (index.folder_of(context.loaded) or context.digests.store) / "pairs"


def bare(source: str) -> str:
    """A participant's source as its own manifest calls it."""
    return source.rpartition("/")[2]


def manifest_of(source: str) -> str | None:
    """The other manifest that a participant's source is of; None for the run's own."""
    return source[1:].partition("/")[0] if source.startswith("@") else None


def _others(context: Context) -> list[index.Member]:
    """The other manifests of the index. Raises ManifestError if a file of theirs is not where it was."""
    folder = index.folder_of(context.loaded)
    try:
        others = [m for m in index.members(folder) if m.name != context.manifest.name]
        for member in others:
            if lost := next(index.missing_files(member), None):
                part, file, what = lost
                raise index.UnusableIndex(
                    f"{file.path} {what}, which {member.name} ({part.source}/{part.name}) brought into the index "
                    f"{folder}; {index.remedy(folder, member)}"
                )
    except index.UnusableIndex as error:
        raise context.loaded.error(index.PLACE, str(error)) from None
    return others


def _participant(manifest: str, part: index.Part, level: int, ours: bool) -> Participant:
    if ours:
        return Participant(part.source, part.name, level, part.files)
    label = f"@{manifest}/{part.source}"

    def called(file: Input) -> Input:
        step, _, rest = file.name.partition("/")
        return replace(file, name=f"{step}/@{manifest}/{rest}")

    return Participant(label, part.name, level, tuple(map(called, part.files)))
