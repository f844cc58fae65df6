"""What the tokenizer's, the packing's, the training's and the report's step do to their units."""

import dataclasses
import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

import pyarrow.parquet as pq

from gristmill.curation import leaks
from gristmill.manifests import report as reporting
from gristmill.manifests.counts import RunStopped
from gristmill.manifests.store import Input, Unit, write_record
from gristmill.tokenizer import bpe, encode, foreign, sample, training
from gristmill.tokenizer import pack as packing
from gristmill.tokenizer.buckets import BucketParams, MissingBucket
from gristmill.tokenizer.catalogue import Divided, TokenShard
from gristmill.tokenizer.mixture import MixtureParams, Phase
from gristmill.tokenizer.pack import PackParams
from gristmill.tokenizer.training import TokenizerParams
from gristmill.train import litgpt_yaml
from gristmill.train.config import FREE_ON_RESUME, PretrainParams

PRETRAIN_VERSION = 1
REPORT_VERSION = reporting.VERSION

INPUTS = "inputs"
"""Folder of links, inside a training's, to the tokens, rows and tokenizer that it was planned with."""

PACKED_FROM = (("tokens", "tokens.arrow"), ("shards", "shard.arrow"))
"""The files of each unit that packing reads: of the documents their columns, but no text."""

EXECUTION = FREE_ON_RESUME
"""Fields of PretrainParams that do not change what is learned, only how it is executed and watched: not in the key."""


def tokenizer(unit: Unit, out: Path) -> Mapping[str, object]:
    """Train a tokenizer on a sample of the kept documents, or take over an existing one."""
    params = TokenizerParams(**unit.params["tokenizer"])
    if params.path is not None:
        files = {Path(i.path).name: i.path for i in unit.inputs}
        others = (path for name, path in files.items() if name.endswith(foreign.SUFFIXES))
        path = files.get("tokenizer.json") or next(others, next(iter(files.values())))
        found = bpe.load(path)
        bpe.save(found, out, found.id_to_token(bpe.end_of_document(found, path)))
        return {"vocab_size": found.get_vocab_size()}
    shards = sample_shards(unit.inputs)
    if not any(shard.num_bytes for shard in shards):
        raise ValueError(
            "no document was kept, so there is no text to train a tokenizer on; see `gristmill status` for what dropped them"
        )
    counted = training.Counted()
    trained = training.train(sample.Sample(shards, params, unit.params["seed"]), params, counted)
    bpe.save(trained, out)
    return {"vocab_size": trained.get_vocab_size(), **dataclasses.asdict(counted)}


def sample_shards(inputs: Iterable[Input]) -> list[sample.Shard]:
    """Document shards, called `shards/<source>/<unit>/shard.arrow`, as a sample is drawn from them."""
    return [sample.Shard(i.name.split("/")[1], i.path, _text_bytes(Path(i.path))) for i in inputs]


def _text_bytes(shard: Path) -> int:
    """Bytes of text in a document shard, from its record in the store."""
    return json.loads((shard.parent / "record.json").read_text())["counts"]["bytes"]


def tokens(unit: Unit, out: Path) -> Mapping[str, object]:
    """A document shard to a token shard, row by row."""
    folder = unit.path("tokenizer.json").parent
    loaded = bpe.load(folder)
    end = bpe.end_of_document(loaded, folder)
    return encode.encode_shard(
        unit.path("shard.arrow"), out / "tokens.arrow", loaded, source=unit.source or "", end_id=end
    )


def pack(unit: Unit, out: Path) -> Mapping[str, object]:
    """Token shards to an index of rows: the mixture, in the order of training."""
    p = unit.params
    paths = {i.name: i.path for i in unit.inputs}
    digests = {i.name: i.digest for i in unit.inputs}
    shards = []
    for source, name in p["shards"]:
        tokens, documents = (f"{step}/{source}/{name}/{file}" for step, file in PACKED_FROM)
        shards.append(TokenShard(source, name, paths[tokens], paths[documents], digests[tokens]))
    divided = {}
    for source, params in p.get("buckets", {}).items():
        missing = MissingBucket(**params["missing"]) if params["missing"] else None
        files = {name: paths[f"buckets/{source}/{name}/buckets.arrow"] for s, name in p["shards"] if s == source}
        divided[source] = Divided(BucketParams(**(params | {"missing": missing})), files)
    counts = packing.pack(
        shards,
        PackParams(**p["pack"]),
        mixture_params(p["mixture"]),
        p["weights"],
        p["max_epochs"],
        p["seed"],
        out,
        divided,
    )
    counts["validation"]["not_compared"] = p.get("not_compared", [])
    for name in ("buckets", "parts"):  # for the lock file
        if name in counts:
            counts[f"{name.removesuffix('s')}_tokens"] = {part: c["tokens"] for part, c in counts[name].items()}
    return counts


def mixture_params(values: Mapping) -> MixtureParams:
    """A mixture as a unit's parameters have it."""
    phases = tuple(Phase(**phase) for phase in values["phases"])
    by = values["by"]
    return MixtureParams(**(values | {"phases": phases, "by": by if by is None else tuple(by)}))


def pretrain(unit: Unit, out: Path) -> Mapping[str, object]:
    """Train in `out`, where checkpoints of an interrupted training are found; `out/inputs` links to tokens and rows."""
    from gristmill.train.pretrain import pretrain as train  # torch, which nothing else here needs

    params = PretrainParams(**unit.params["pretrain"], **unit.settings)
    summary = train(out / INPUTS, out, params, unit.params["seed"])
    if not summary["finished"]:
        raise RunStopped(
            f"training was stopped by SIGTERM at step {summary['steps']} and saved; the same command goes on from there"
        )
    for folder in out.glob("step-*"):
        shutil.rmtree(folder)  # final/ is complete: the way there is no longer needed
    shutil.rmtree(out / INPUTS)
    write_record(out, unit, summary, float(summary["seconds"]))
    return summary


def go_on(unit: Unit, out: Path) -> None:
    """Where the mixture changed in mid-run: begin with the checkpoint of the training before the change, if there is one."""
    from gristmill.train.adopt import adopt

    params = PretrainParams(**unit.params["pretrain"], **unit.settings)
    others = [folder for folder in sorted(out.parent.iterdir()) if folder.is_dir() and folder != out]
    adopt(out / INPUTS, out, others, params, unit.params["seed"])


def write_litgpt_yaml(run: Path, params: PretrainParams, seed: int) -> None:
    """Write `litgpt.yaml` into a run's view: the configuration for the stock `litgpt pretrain`."""
    litgpt_yaml.write(run / "litgpt.yaml", litgpt_yaml.litgpt_config(run, params, seed))


def report(unit: Unit, out: Path) -> Mapping[str, object]:
    """One self-contained page about the run."""
    ledgers = [
        (i.name.split("/")[1], pq.read_table(i.path, columns=list(reporting.LEDGER_COLUMNS)))
        for i in unit.inputs
        if i.name.endswith("/ledger.parquet")
    ]
    metrics = [
        json.loads(line)
        for i in unit.inputs
        if i.name.endswith("/metrics.jsonl")
        for line in open(i.path, encoding="utf-8")
    ]
    found = leaks.summary(i.path for i in unit.inputs if i.name.endswith("/leaks.parquet"))
    page = reporting.render(unit.params["name"], unit.params["facts"], ledgers, metrics, found)
    (out / "index.html").write_text(page, encoding="utf-8")
    return {}
