"""The pipeline on one screen: the steps of a manifest, how each plans its units, and what it does to one."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from gristmill.manifests import dedup, dedup_links, judging, model_steps, quality_steps, repeat_cuts, repeats, steps
from gristmill.manifests import plan_curation as curation
from gristmill.manifests import plan_dedup as deduplication
from gristmill.manifests import plan_quality as quality
from gristmill.manifests import plan_repeats as passages
from gristmill.manifests import plan_training as training
from gristmill.manifests.planning import Context, Planned
from gristmill.manifests.schema import Loaded
from gristmill.manifests.store import Unit


@dataclass(frozen=True)
class Step:
    """A step of the pipeline: what it is called, how its units are planned, and what is done to each."""

    name: str
    plan: Callable[[Context], Iterable[Planned]]
    work: Callable[[Unit, Path], Mapping[str, object]]
    says: str  # what it does, in a phrase


def pipeline(loaded: Loaded) -> list[Step]:
    """The steps of a manifest, in order."""
    m = loaded.manifest
    every = [
        Step("extract", curation.plan_extract, steps.extract, "raw files to texts"),
        Step("measure", curation.plan_measure, steps.measure, "features, language and signature of every text"),
        Step("score_index", quality.plan_score_index, quality_steps.index, "scores from elsewhere, sorted by key"),
        Step("score", quality.plan_score, quality_steps.score, "what classifiers and score files say of every text"),
        Step("filter", curation.plan_filter, judging.filter_, "languages and rules"),
        Step("links", deduplication.plan_links, dedup_links.link, "what each document may have in common with others"),
        Step(
            "edges", deduplication.plan_edges, dedup_links.edge, "documents that may be duplicates, by ranges of keys"
        ),
        Step("components", deduplication.plan_components, dedup_links.component, "what hangs together, in parts"),
        Step("compare", deduplication.plan_compare, dedup.compare, "texts of possible duplicates, part by part"),
        Step("dedup", deduplication.plan_dedup, dedup.dedup, "exact and near duplicates across sources"),
        Step("anchors", passages.plan_anchors, repeats.anchors, "where runs of words may be repeated, by hash"),
        Step("shared_anchors", passages.plan_shared_anchors, repeats.shared_anchors, "which of these occur again"),
        Step("passages", passages.plan_passages, repeats.find_passages, "lines, paragraphs and runs of words by hash"),
        Step("repeats", passages.plan_repeats, repeats.find_repeats, "which of these stand in a preferred document"),
        Step("cuts", passages.plan_cuts, repeat_cuts.cut, "repeated passages, compared on the texts"),
        Step("decontaminate", curation.plan_decontaminate, steps.decontaminate, "benchmark text"),
        Step("shards", curation.plan_shards, steps.shard, "kept documents after edits, ledger of all"),
        Step("tokenizer", training.plan_tokenizer, model_steps.tokenizer, "byte-level BPE on a sample"),
        Step("tokens", training.plan_tokens, model_steps.tokens, "documents to token ids"),
        Step("buckets", quality.plan_buckets, quality_steps.buckets, "parts of sources by a number"),
        Step("pack", training.plan_pack, model_steps.pack, "the mixture as rows of one length"),
        Step("pretrain", training.plan_pretrain, model_steps.pretrain, "a LitGPT model on the packed rows"),
        Step("report", training.plan_report, model_steps.report, "one page about all of it"),
    ]
    repeated = passages.asked(loaded)
    asked_for = {
        "score_index": m.curate.scores and quality.scored_sources(loaded),
        "score": quality.scored_sources(loaded),
        **dict.fromkeys(deduplication.STEPS, deduplication.deduplicates(loaded)),
        "anchors": "substrings" in repeated,
        "shared_anchors": "substrings" in repeated,
        "passages": repeated,
        "repeats": repeated,
        "cuts": repeated,
        "decontaminate": m.curate.decontaminate,
        "tokenizer": m.tokenizer,
        "tokens": m.tokenizer,
        "buckets": m.pack and any(source.buckets for source in m.sources.values()),
        "pack": m.pack,
        "pretrain": m.pretrain,
    }
    return [step for step in every if asked_for.get(step.name, True)]
