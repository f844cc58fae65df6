"""Planning the steps from shards to the report: tokenizer, tokens, pack, pretrain, report."""

from collections.abc import Iterator
from importlib.util import find_spec

from gristmill.manifests import counts as counting
from gristmill.manifests import model_steps, quality_steps
from gristmill.manifests.plan_quality import score_origins
from gristmill.manifests.planning import Context, NotYet, Planned, as_json, per_unit, single, tokenizer_files, unit
from gristmill.manifests.schema import Manifest, Source
from gristmill.manifests.store import Input, Record, Unit

ENCODING = ("tokenizers", "gigatoken", "tiktoken", "pyarrow")
"""tokenizers says what the ids are; the others give the same ones, but only a sample of them is compared."""


def _shard_files(context: Context, step: str, file: str) -> list[Input]:
    return [context.record(step, source_name, name).output(file) for source_name, _, name in context.each()]


def plan_tokenizer(context: Context) -> list[Planned]:
    params = context.manifest.tokenizer
    values = {"tokenizer": params, "seed": context.manifest.seed}
    kept = context.kept_tokenizer
    if kept is not None and params.path is None and kept.params == as_json(values):
        return [kept]

    def it() -> Unit:
        if params.path is None:
            files = _shard_files(context, "shards", "shard.arrow")
        else:
            found = tokenizer_files(context.loaded)
            files = [Input(f"raw/{f.locator}", f.path, context.digests.of(f), f.size_bytes) for f in found]
        return unit(
            context,
            "tokenizer",
            model_steps.training.VERSION,
            "tokenizer",
            None,
            values,
            files,
            ("tokenizers", "numba"),
        )

    return single(it, "tokenizer")


def plan_tokens(context: Context) -> Iterator[Planned]:
    def one(source_name: str, source: Source, name: str) -> Unit:
        shard = context.record("shards", source_name, name).output("shard.arrow")
        tokenizer = context.record("tokenizer", None, "tokenizer")
        files = [shard, tokenizer.output("tokenizer.json"), tokenizer.output("tokenizer_config.json")]
        version = model_steps.encode.VERSION
        return unit(context, "tokens", version, name, source_name, {}, files, ENCODING)

    return per_unit(context, one)


def plan_pack(context: Context) -> list[Planned]:
    m = context.manifest

    def it() -> Unit:
        values = {
            "pack": m.pack,
            "mixture": m.mixture,
            "weights": m.weights,
            "max_epochs": {name: source.max_epochs for name, source in m.sources.items()},
            "seed": m.seed,
            "shards": [[source_name, name] for source_name, _, name in context.each()],
        }
        if not_compared := _not_compared(m):
            values["not_compared"] = not_compared
        files = [file for one in model_steps.PACKED_FROM for file in _shard_files(context, *one)]
        divided = {name: source.buckets for name, source in m.sources.items() if source.buckets}
        if divided:
            values["buckets"] = divided
            each = [(source_name, name) for source_name, _, name in context.each() if source_name in divided]
            files += [context.record("buckets", *one).output(quality_steps.BUCKETS) for one in each]
        return unit(context, "pack", model_steps.packing.VERSION, "pack", None, values, files, ("numpy", "pyarrow"))

    return single(it, "pack")


def _not_compared(m: Manifest) -> list[str]:
    """Sources whose near duplicates nobody removed, so that validation may have one of a training document."""
    if m.curate.dedup is None or m.curate.dedup.near is None:
        return list(m.sources)
    return [name for name, source in m.sources.items() if "dedup" in source.skip]


def plan_pretrain(context: Context) -> list[Planned]:
    m = context.manifest

    def it() -> Unit:
        packed = context.record("pack", None, "pack")
        tokenizer = context.record("tokenizer", None, "tokenizer")
        files = [packed.output(name) for name in sorted(packed.outputs)]
        files += [tokenizer.output(name) for name in sorted(tokenizer.outputs)]
        files += _shard_files(context, "tokens", "tokens.arrow")
        params = as_json(m.pretrain)
        settings = {name: params.pop(name) for name in model_steps.EXECUTION}
        values = {"pretrain": params, "seed": m.seed}
        if not all(find_spec(library) for library in ("torch", "litgpt")):
            what = "training needs torch and litgpt, which are not installed; pip install 'gristmill[train]'"
            raise context.loaded.error(("pretrain",), what)
        return unit(
            context,
            "pretrain",
            model_steps.PRETRAIN_VERSION,
            "pretrain",
            None,
            values,
            files,
            ("torch", "litgpt"),
            settings,
        )

    return single(it, "pretrain")


def plan_report(context: Context) -> list[Planned]:
    def it() -> Unit:
        for step in context.step_names:
            if step != "report" and not context.records.get(step):
                raise NotYet(step)
        return report_unit(context)

    return single(it, "report")


def report_unit(context: Context) -> Unit:
    """The report of what has been run so far; a later step that is missing is left out of the page."""
    records = {step: list(done.values()) for step, done in context.records.items() if done and step != "report"}
    facts = {
        "steps": {step: counting.total(done) | _single(done) for step, done in records.items()},
        "sources": {
            name: counting.source_counts(records, name, context.lost.get(name, [])) for name in context.manifest.sources
        },
        "scores": score_origins(records.get("score_index", ()), records.get("score", ())),
    }
    if context.evaluation:
        facts["tokenizer_eval"] = context.evaluation
    files = [record.output("ledger.parquet") for record in records.get("shards", ())]
    files += [record.output("leaks.parquet") for record in records.get("decontaminate", ())]
    files += [record.output("metrics.jsonl") for record in records.get("pretrain", ())]
    values = {"name": context.manifest.name, "facts": facts}
    return unit(context, "report", model_steps.REPORT_VERSION, "report", None, values, files)


def _single(records: list[Record]) -> dict:
    """The nested counts of a step with a single unit, such as the mixture of `pack`."""
    return dict(records[0].counts) if len(records) == 1 and records[0].source is None else {}
