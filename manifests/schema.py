"""The manifest: what a run produces, checked as a whole before anything is read.

Parameters are frozen dataclasses beside the code that uses them; this module assembles them, and is the only one that
knows pydantic. All problems of a manifest are reported at once, each with file, line, what is wrong and how to fix it.
"""

import dataclasses
import functools
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)

from gristmill.curation import columns, extract, filters, own
from gristmill.curation.blocklists import UrlLists
from gristmill.curation.decontaminate import DecontaminateParams
from gristmill.curation.dedup import banding, preference
from gristmill.curation.dedup.banding import DuplicateParams
from gristmill.curation.dedup.passages import PassageParams, SubstringParams
from gristmill.curation.documents import KINDS
from gristmill.curation.language import LanguageParams
from gristmill.curation.minhash import SignatureParams
from gristmill.curation.pii import PiiParams
from gristmill.curation.scores import AppliedClassifier, ScoreFiles
from gristmill.manifests.source_lines import ManifestError, Problem, SourceLines
from gristmill.manifests.wording import meant, messages
from gristmill.tokenizer.buckets import BucketParams, MissingBucket
from gristmill.tokenizer.mixture import ALL_OTHERS, QUALITY_BUCKET, MixtureParams, Phase
from gristmill.tokenizer.pack import PackParams
from gristmill.tokenizer.training import TokenizerParams
from gristmill.train.config import PretrainParams

for params in (
    LanguageParams,
    PiiParams,
    DecontaminateParams,
    TokenizerParams,
    MixtureParams,
    Phase,
    PackParams,
    PretrainParams,
    UrlLists,
    AppliedClassifier,
    ScoreFiles,
    BucketParams,
    MissingBucket,
    PassageParams,
    SubstringParams,
):
    params.__pydantic_config__ = ConfigDict(extra="forbid", use_attribute_docstrings=True)

SKIPPABLE = ("language", "score", "filters", "dedup", "repeats", "decontaminate", "pii")
"""Steps that one source can be left out of; `repeats`: those against repeated lines, paragraphs and runs of words."""


@functools.cache
def adapter(params: type) -> TypeAdapter:
    """What builds a dataclass of parameters from a manifest's block; an unknown key is an error."""
    params.__pydantic_config__ = ConfigDict(extra="forbid", use_attribute_docstrings=True)
    return TypeAdapter(params)


def _as_written(value: object) -> object:
    """Thresholds of languages before pydantic takes true for 1.0, which would drop every text. Raises ValueError."""
    given = value.get("min_score") if isinstance(value, Mapping) else None
    if any(isinstance(score, bool) for score in (given.values() if isinstance(given, Mapping) else [given])):
        LanguageParams(min_score=given)
    return value


Languages = Annotated[LanguageParams | None, BeforeValidator(_as_written)]


class Strict(BaseModel):
    """A block of the manifest: an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Source(Strict):
    """One source: where its files are, and what is special about it."""

    kind: str
    """What sort of source this is; decides the reader and the default filters. `module:function`: a reader of your own."""
    paths: list[str] = []
    """Files, folders or wildcards; local or fsspec URLs; $VARS are filled in."""
    paths_file: str | None = None
    """A list of paths, one a line (may be gzip), such as Common Crawl's warc.paths.gz; instead of `paths`."""
    base: str = ""
    """What the lines of `paths_file` are relative to."""
    checksums: str | None = None
    """A list as `sha256sum` or `md5sum` write it (path or URL), which `gristmill fetch` verifies the files against."""
    format: str | None = None
    """Overrides the detection of the format by name and content."""
    read: dict[str, Any] = {}
    """How the kind's reader reads: fields of its parameters, such as {engine: auto} for crawl."""
    columns: dict[str, str] = {}
    """For tables (jsonl, parquet ...): our field -> the file's column, such as {text: content}."""
    limit: Annotated[int, Field(gt=0)] | None = None
    """Read only so many files, the first in order of path."""
    sample: Annotated[float, Field(gt=0, le=1)] | None = None
    """Read only this share of the files, chosen by hash of the path; at least one."""
    filters: Any = None
    """A preset, a list of presets and rules, [] for none; absent: the kind's preset."""
    url_lists: UrlLists | None = None
    """Lists of domains, addresses and words for the rules over `url_*`; absent: datatrove's own."""
    skip: list[Literal[SKIPPABLE]] = []
    """Steps that this source is left out of."""
    languages: Languages = None
    """Replaces curate.languages for this source."""
    weight: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    """Share of the mixture; normalised over all sources. Give it to all sources or to none (then size decides)."""
    max_epochs: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    """How often the mixture may repeat a document of this source."""
    buckets: BucketParams | None = None
    """Parts of the source by a number, such as a quality score, that the mixture weighs one by one."""
    licence: str | None = None
    """Licence of records that state none themselves."""

    @field_validator("kind")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in KINDS and not re.match(own.REFERENCE, value):
            raise ValueError(
                f"{value!r} is not one of {', '.join(KINDS)}{meant(value, KINDS)} (or module:function, your own reader)"
            )
        return value

    @field_validator("paths", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return [value] if isinstance(value, str) else value

    @model_validator(mode="after")
    def _consistent(self) -> "Source":
        if bool(self.paths) == bool(self.paths_file):
            raise ValueError("give the source its files by `paths`, or by `paths_file` with `base` (one of the two)")
        if self.base and not self.paths_file:
            raise ValueError("`base` is what the lines of `paths_file` are relative to; give one, or remove `base`")
        if self.limit is not None and self.sample is not None:
            raise ValueError("`limit` and `sample` both choose files; give one of the two")
        formats = () if self.own_reader else extract.formats(self.kind)
        if not self.own_reader and self.format is not None and self.format not in formats:
            raise ValueError(f"format {self.format!r} is unknown for kind {self.kind}; formats: {', '.join(formats)}")
        asked = [rule.feature for rule in filters.ruleset(self.filters, self.kind).rules]
        asked += [self.buckets.by] if self.buckets else []
        if self.url_lists is not None and not any(feature.startswith("url_") for feature in asked):
            raise ValueError("`url_lists` is given, but no rule asks them; add the preset urls to `filters`")
        return self

    @property
    def asked_features(self) -> list[str]:
        """What the source's rules ask for, and what divides it into buckets."""
        rules = () if "filters" in self.skip else filters.ruleset(self.filters, self.kind).rules
        return [*(rule.feature for rule in rules), *([self.buckets.by] if self.buckets else [])]

    @property
    def compares_passages(self) -> bool:
        """Whether lines, paragraphs and runs of words are compared: not those of code, no line of which stands alone."""
        return not {"dedup", "repeats"} & set(self.skip) and self.kind != "code"

    @property
    def own_reader(self) -> bool:
        """Whether `kind` is a function of the manifest's author."""
        return ":" in self.kind

    @property
    def read_params(self) -> object | None:
        """`read` as the kind's own dataclass, checked; None for a kind without options. Raises ValidationError.

        A reader of somebody's own gets the mapping as it is.
        """
        if self.own_reader:
            return dict(self.read)
        params = extract.params_class(self.kind)
        return None if params is None else adapter(params).validate_python(self.read)


class Near(Strict):
    """Near duplicates: MinHash signatures, and which pairs count. One block here, two keys in the store."""

    ngram_words: int = SignatureParams.ngram_words
    """Words in a shingle."""
    num_perm: int = SignatureParams.num_perm
    """Hashes in a signature."""
    seed: int = SignatureParams.seed
    """Seed of the hash functions."""
    bands: Annotated[int, Field(strict=True)] | None = None
    """Bands of LSH: two documents are compared if they agree in one whole band; null: as many as fit."""
    rows_per_band: Annotated[int, Field(strict=True)] | None = None
    """Hashes in a band; null: the most that still catch 99.5 % of the pairs at `min_similarity`."""
    min_similarity: Annotated[float, Field(strict=True)] = DuplicateParams.min_similarity
    """Similarity of the shingle sets, checked exactly, from which two documents are near duplicates."""
    measure: Literal[banding.MEASURES] = DuplicateParams.measure
    """What similarity is: `jaccard`, shingles in both by shingles in either, or `containment`, by those of the document
    that would go: an excerpt goes where the whole is kept."""

    @property
    def signature(self) -> SignatureParams:
        return SignatureParams(self.ngram_words, self.num_perm, self.seed)

    @property
    def duplicates(self) -> DuplicateParams:
        return banding.choose(self.num_perm, self.min_similarity, self.measure, self.bands, self.rows_per_band)

    @model_validator(mode="after")
    def _consistent(self) -> "Near":
        assert self.signature  # raises what cannot be, and so does the next
        assert self.duplicates
        return self


def _ceilings(value: object) -> object:
    preference.check_ceilings(value)
    return value


MaxRemoved = Annotated[float | dict[str, float], BeforeValidator(_ceilings)]


class Dedup(Strict):
    """Deduplication over all sources."""

    exact: bool = True
    """Remove documents whose text is equal up to white space."""
    url: bool = False
    """Remove documents whose address means the same page: without scheme, `www.`, tracking parameters and the like."""
    near: Near | None = Near()
    """Remove near duplicates; null: none."""
    lines: PassageParams | None = None
    """Cut lines that another document has too, or the same one before; {} with the defaults, null: none."""
    paragraphs: PassageParams | None = None
    """Cut paragraphs, lines with no blank one between them, in the same way; null: none."""
    substrings: SubstringParams | None = None
    """Cut runs of words that stand elsewhere too, wherever they begin and end; null: none."""
    prefer: list[str] = []
    """Sources whose copy is kept, best first; those not named come after, in order of the manifest, or, with `quality`,
    all on one level."""
    quality: str | None = None
    """Among sources on one level, the copy with more of this is kept: `classifier.<name>`, `scores.<name>`, `meta.<key>` or
    a feature such as `num_words`; a document without it comes last. Then the id decides."""
    max_removed: MaxRemoved = preference.MAX_REMOVED
    """Share of a source's documents that may go, from 1,000 documents on; above it the run stops and shows the clusters
    behind it. One share for all sources, or {source: share}; `run.min_kept` holds beside it."""
    scope: str = "all"
    """What is compared: `all`, within each `source`, or within documents that share a folder of this name's level:
    a path component such as `CC-MAIN-*` (matched against the folders of the locator)."""
    index: str | None = None
    """A folder, from the manifest's own, that several manifests share: their documents are deduplicated as one set. Made
    by the first run."""

    @field_validator("quality")
    @classmethod
    def _a_number(cls, value: str | None) -> str | None:
        if value is not None:
            preference.check_quality(value)
        return value

    def ceiling(self, source: str) -> float:
        """The share of a source's documents that may be removed."""
        if isinstance(self.max_removed, Mapping):
            return self.max_removed.get(source, preference.MAX_REMOVED)
        return self.max_removed


ScoreName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_-]*$")]


class Curate(Strict):
    """Rules that hold for all sources."""

    languages: Languages = LanguageParams()
    """Which languages are kept; null: languages are not identified."""
    dedup: Dedup | None = Dedup()
    """null: nothing is deduplicated."""
    classifiers: dict[ScoreName, AppliedClassifier] = {}
    """fastText models that every text is shown, by name; rules ask `classifier.<name>`."""
    scores: dict[ScoreName, ScoreFiles] = {}
    """Scores computed elsewhere, by name; rules ask `scores.<name>`."""
    pii: PiiParams | None = None
    """Masking of personal data; null: none."""
    decontaminate: DecontaminateParams | None = None
    """Removal of benchmark text; null: none."""
    conformance: Literal["datatrove"] | None = None
    """By whose definitions words, lines and sentences are counted for the rules: `datatrove` (0.10.1, English) decides as
    its filters do, at two to six times the processor time; null: our own."""

    @property
    def score_features(self) -> list[str]:
        """What rules can ask of models, in the manifest's order: `classifier.<name>`, then `scores.<name>`."""
        return [*(f"classifier.{name}" for name in self.classifiers), *(f"scores.{name}" for name in self.scores)]


class Run(Strict):
    """How a run is executed: never part of a key, never changes a byte of data."""

    executor: Literal["local"] = "local"
    """Where units run: datatrove's local executor."""
    workers: Annotated[int, Field(gt=0)] | None = None
    """Processes; absent: one per core."""
    max_failed: Annotated[float, Field(ge=0, le=1)] = 0.05
    """Share of files that may be unreadable before the run stops."""
    min_kept: Annotated[float, Field(ge=0, le=1)] = 0.01
    """Share of a source's documents that a step must keep, from 1,000 documents on; below it the run stops."""
    max_errors: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Share of a source's documents whose text may fail to be extracted, from 1,000 documents on."""


class Manifest(Strict):
    """A whole manifest."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
    """Name of the run's folder, runs/<name>; absent: the file's name."""
    seed: Annotated[int, Field(ge=0, le=2**32 - 1)] = 0
    """Seed of every draw: sample, validation split, order of rows, initial weights; 0 to 4,294,967,295."""
    sources: Annotated[
        dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$")], Source], Field(min_length=1)
    ]
    """The sources by name."""
    curate: Curate = Curate()
    tokenizer: TokenizerParams | None = None
    mixture: MixtureParams = MixtureParams()
    pack: PackParams | None = None
    pretrain: PretrainParams | None = None
    run: Run = Run()

    @model_validator(mode="before")
    @classmethod
    def _implied(cls, data: object) -> object:
        """What a later step needs is there with its defaults."""
        if isinstance(data, Mapping):
            data = dict(data)
            if data.get("pretrain") is not None or data.get("mixture") is not None:
                data["pack"] = {} if data.get("pack") is None else data["pack"]
            if data.get("pack") is not None:
                data["tokenizer"] = {} if data.get("tokenizer") is None else data["tokenizer"]
        return data

    @field_validator("curate", "mixture", "run", mode="before")
    @classmethod
    def _empty(cls, value: object) -> object:
        return {} if value is None else value

    @property
    def weights(self) -> dict[str, float] | None:
        """Normalised weights by source, or None if sizes decide."""
        given = {name: source.weight for name, source in self.sources.items() if source.weight is not None}
        total = sum(given.values())
        return {name: weight / total for name, weight in given.items()} if given else None


@dataclasses.dataclass(frozen=True)
class Loaded:
    """A manifest with the place that it came from, so that later problems can name their line too."""

    manifest: Manifest
    path: Path
    lines: SourceLines
    cache: Path | None = None  # where fetched files are

    @property
    def roots(self) -> tuple[Path, ...]:
        """Where relative paths are looked up: the working directory, then the manifest's folder."""
        return (Path(), self.path.parent)

    def error(self, where: Sequence[str | int], message: str) -> ManifestError:
        """A problem found after loading, such as a path that leads nowhere."""
        return ManifestError([Problem(str(self.path), self.lines.line(where), _dotted(where), message)])


def load(path: Path) -> Loaded:
    """Read and check a manifest (YAML, or JSON). Raises ManifestError with every problem found."""
    return checked(path, SourceLines.read(path))


def checked(path: Path, lines: SourceLines) -> Loaded:
    """A manifest of data that were read before, or changed since. Raises ManifestError with every problem found."""
    data = {"name": path.stem, **lines.data}
    try:
        manifest = Manifest.model_validate(data)
    except ValidationError as error:
        raise ManifestError(_problems(path, lines, error)) from None
    loaded = Loaded(manifest, path, lines)
    found = [*_texts_for_numbers((), data, manifest), *_across_blocks(manifest)]
    problems = [Problem(str(path), lines.line(where), _dotted(where), message) for where, message in found]
    if problems:
        raise ManifestError(problems)
    return loaded


def _texts_for_numbers(where: tuple, data: object, value: object) -> Iterator[tuple[tuple, str]]:
    """Text that stands where a number was made of it: `edges: ["0.3"]`."""
    if isinstance(data, str) and isinstance(value, int | float) and not isinstance(value, bool):
        yield where, f"must be a number, but it is {data!r}; remove the quotes"
    elif isinstance(data, Mapping):
        for key, inner in data.items():
            of = value.get(key) if isinstance(value, Mapping) else getattr(value, str(key), None)
            if key == "read" and isinstance(value, Source) and inner:
                try:
                    of = value.read_params
                except ValidationError:
                    continue  # told elsewhere
            yield from _texts_for_numbers((*where, key), inner, of)
    elif isinstance(data, list) and isinstance(value, list | tuple):
        for number, (inner, of) in enumerate(zip(data, value, strict=False)):
            yield from _texts_for_numbers((*where, number), inner, of)


def _across_blocks(manifest: Manifest) -> list[tuple[tuple[str, ...], str]]:
    """Problems that only show when two blocks are read together."""
    problems: list[tuple[tuple[str, ...], str]] = []
    dedup = manifest.curate.dedup
    if dedup and dedup.index and dedup.prefer:
        what = f"with an index, `prefer` stands in its index.yaml, for all its manifests; move it to {dedup.index}/index.yaml"
        problems.append((("curate", "dedup", "prefer"), what))
    for name in dedup.prefer if dedup else []:
        if name not in manifest.sources:
            problems.append(
                (
                    ("curate", "dedup", "prefer"),
                    f"there is no source {name!r}{meant(name, manifest.sources)}",
                )
            )
    for name in ("lines", "paragraphs", "substrings") if dedup and dedup.index else ():
        if getattr(dedup, name) is not None:
            what = "is not possible with an index: what other manifests cut later would change texts that are written already; "
            problems.append(
                (("curate", "dedup", name), f"{what}put all sources into one manifest, or remove one of the two")
            )
    problems += _dedup_problems(manifest) if dedup else []
    weighted = [name for name, source in manifest.sources.items() if source.weight is not None]
    if weighted:
        for name, source in manifest.sources.items():
            if source.weight is None:
                problems.append(
                    (
                        ("sources", name),
                        f"has no weight, but {weighted[0]} has one; give all sources a weight (0 leaves one out of the mixture), or none",
                    )
                )
        if not any(manifest.sources[name].weight for name in weighted):
            problems.append((("sources",), "all weights are 0; give at least one source a weight above 0"))
    problems += _mixture_problems(manifest, weighted)
    for name, source in manifest.sources.items():
        problems += _read_problems(name, source)
        problems += _score_problems(name, source, manifest.curate.score_features)
    return problems


def _mixture_problems(manifest: Manifest, weighted: Sequence[str]) -> list[tuple[tuple, str]]:
    """Shares that are given twice, and names of sources and columns that are not there."""
    mixture = manifest.mixture
    ways = [name for name in ("weights", "temperature", "unimax") if getattr(mixture, name)]
    problems: list[tuple[tuple, str]] = []
    if ways and weighted:
        what = f"mixture.{ways[0]} decides the shares, and sources.{weighted[0]} has a weight; remove one of the two"
        problems.append((("mixture", ways[0]), what))
    divided = [name for name, source in manifest.sources.items() if source.buckets]
    if QUALITY_BUCKET in (mixture.by or ()) and not divided:
        problems.append((("mixture", "by"), f"no source has buckets, so that there is no {QUALITY_BUCKET}; remove it"))
    if (mixture.by or ("source",))[0] == "source":
        places = [("mixture", "weights")] + [("mixture", "phases", i, "weights") for i in range(len(mixture.phases))]
        for place, way in zip(places, [mixture, *mixture.phases], strict=True):
            for key in way.weights or ():
                first = key.partition("/")[0]
                if first not in manifest.sources and key != ALL_OTHERS:
                    problems.append(((*place, key), f"there is no source {first!r}{meant(first, manifest.sources)}"))
    return problems


def _dedup_problems(manifest: Manifest) -> list[tuple[tuple[str, ...], str]]:
    """A quality that no source has, and ceilings of sources that are not there."""
    dedup, place = manifest.curate.dedup, ("curate", "dedup", "quality")
    problems: list[tuple[tuple[str, ...], str]] = []
    for name in dedup.max_removed if isinstance(dedup.max_removed, Mapping) else ():
        if name not in manifest.sources:
            what = f"there is no source {name!r}{meant(name, manifest.sources)}"
            problems.append((("curate", "dedup", "max_removed", name), what))
    if columns.family(dedup.quality) != "score":
        return problems
    if what := _unknown_score(dedup.quality, manifest.curate.score_features):
        problems.append((place, what))
    elif all({"score", "dedup"} & set(source.skip) for source in manifest.sources.values()):
        what = f"every source skips score or dedup, so that nothing has {dedup.quality}; take score out of skip"
        problems.append((place, what))
    return problems


def _unknown_score(feature: str, known: Sequence[str]) -> str | None:
    """What is wrong with a score that is not in the manifest; None if it is there."""
    if feature in known:
        return None
    block = "classifiers" if feature.startswith("classifier.") else "scores"
    there = f"there are: {', '.join(known)}" if known else f"name it there, under curate.{block}"
    return f"there is no {feature!r} under curate.{block}{meant(feature, known)}; {there}"


def _score_problems(name: str, source: Source, known: Sequence[str]) -> list[tuple[tuple, str]]:
    """Rules and buckets that ask for a score which the source does not get."""
    entries = source.filters if isinstance(source.filters, list) else []
    problems = []
    for feature in dict.fromkeys(source.asked_features):
        if columns.family(feature) != "score":
            continue
        place: tuple[str | int, ...] = ("sources", name, "buckets", "by")
        if source.buckets is None or source.buckets.by != feature:
            numbers = [i for i, e in enumerate(entries) if isinstance(e, Mapping) and e.get("feature") == feature]
            place = ("sources", name, "filters", *numbers[:1])
        if what := _unknown_score(feature, known):
            problems.append((place, what))
        elif "score" in source.skip:
            problems.append((place, f"the source skips score, so it has no {feature}; take score out of skip"))
    return problems


def _read_problems(name: str, source: Source) -> list[tuple[tuple, str]]:
    """What is wrong with a source's `read`, which only its kind can tell."""
    place = ("sources", name, "read")
    if source.own_reader:
        return []
    params = extract.params_class(source.kind)
    if params is None:
        return [(place, f"kind {source.kind} has no options of reading; remove it")] if source.read else []
    try:
        assert source.read_params is not None
    except ValidationError as error:
        known = [field.name for field in dataclasses.fields(params)]
        return [((*place, *where), what) for where, what in messages(error.errors(), _keys_at, known)]
    return []


def _problems(path: Path, lines: SourceLines, error: ValidationError) -> list[Problem]:
    found = {
        Problem(str(path), lines.line(where), _dotted(where), what): None
        for where, what in messages(error.errors(), _keys_at)
    }
    return sorted(found, key=lambda p: (p.line or 0, p.where))


def _keys_at(where: Sequence) -> list[str]:
    """Names of the keys that may stand at a place; none in a mapping by names of the author's own."""
    block: Any = Manifest
    by_name = False
    for part in where:
        if by_name:
            by_name = False
            continue
        annotation = _annotations(block).get(str(part))
        by_name = get_origin(annotation) is dict
        block = _block(annotation)
    return [] if by_name else list(_annotations(block))


def _annotations(block: Any) -> dict[str, Any]:
    if isinstance(block, type) and issubclass(block, BaseModel):
        return {name: field.annotation for name, field in block.model_fields.items()}
    if dataclasses.is_dataclass(block):
        return {field.name: field.type for field in dataclasses.fields(block)}
    return {}


def _block(annotation: Any) -> Any:
    options = [annotation, *get_args(annotation)]
    return next((o for o in options if _annotations(o)), None)


def _dotted(where: Sequence[str | int]) -> str:
    return ".".join(str(part) for part in where)


def workers(manifest: Manifest) -> int:
    """Processes to use: the manifest's, else one per core that this process may run on."""
    return manifest.run.workers or len(
        os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
    )
