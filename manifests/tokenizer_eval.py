"""A tokenizer measured on documents that it was not trained on, beside others, and at other vocabulary sizes."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from tokenizers import Tokenizer

from gristmill.curation.shards import read_batches
from gristmill.manifests import view
from gristmill.manifests.counts import RunStopped
from gristmill.manifests.model_steps import sample_shards
from gristmill.manifests.runner import Place, open_context, survey
from gristmill.manifests.schema import Loaded
from gristmill.manifests.store import atomic_write
from gristmill.tokenizer import bpe, fertility, foreign, sample, training
from gristmill.tokenizer.fertility import Document
from gristmill.tokenizer.patterns import named
from gristmill.tokenizer.text_files import Files
from gristmill.tokenizer.training import TokenizerParams

SWEEP = (1 / 8, 1 / 4, 1 / 2)
"""Smaller vocabularies that are measured, as parts of the tokenizer's own."""


def others(paths: Sequence[str]) -> dict[str, Tokenizer]:
    """The tokenizers to compare with: of `[NAME=]PATH`, or all rank files and lists of merges in a folder.

    Raises ValueError for a path that holds none.
    """
    found: dict[str, Tokenizer] = {}
    for path in paths:
        name, equals, rest = path.partition("=")
        if not equals or "/" in name or Path(path).exists():
            name, rest = "", path
        place = Path(rest)
        inside = [place]
        if place.is_dir() and not (place / "tokenizer.json").is_file():
            inside = sorted(p for p in place.iterdir() if p.name.endswith(foreign.SUFFIXES))
            if not inside:
                raise ValueError(f"{place}: no tokenizer.json, .tiktoken or vocab.bpe is in this folder.")
        for file in inside:
            called = name or (file.parent.name if file.name == "tokenizer.json" else file.stem)
            if called in found:
                raise ValueError(f"--beside {path}: two tokenizers are called {called}; name one: other={rest}")
            found[called] = bpe.load(file)
    return found


def evaluate(
    documents: Sequence[Document],
    own: Tokenizer,
    beside: dict[str, Tokenizer],
    larger: Sequence[int] = (),
    retrain: "Trainer | None" = None,
) -> dict:
    """All tokenizers on the same documents, and `own` at other sizes, as JSON.

    Smaller sizes are the first merges of `own`; for those above its own, `retrain` trains anew. Raises ValueError where
    there are no documents, or nothing to train larger ones on.
    """
    if not documents:
        raise ValueError("there is no document to measure on; give more, or raise tokenizer.held_out")
    tokenizers = {"own": own} | beside
    measured = fertility.measure(documents, tokenizers)
    size = own.get_vocab_size()
    smaller = {int(size * part): fertility.truncated(own, int(size * part)) for part in SWEEP}
    sizes = {n: tokenizer for n, tokenizer in smaller.items() if tokenizer is not None and n > training.MIN_VOCAB}
    if above := sorted(n for n in larger if n > size):
        if retrain is None:
            raise ValueError(f"--sweep {above[-1]}: a larger vocabulary is trained anew, which takes a manifest")
        largest = retrain(above[-1])
        sizes |= {n: fertility.truncated(largest, n) or largest for n in above}
    for n in larger:
        if training.MIN_VOCAB < n < size and (shorter := fertility.truncated(own, n)) is not None:
            sizes[n] = shorter
    return {
        "documents": len(documents),
        "bytes": measured["own"].total.bytes,
        "tokenizers": {name: fertility.summary(measured[name], tokenizer) for name, tokenizer in tokenizers.items()},
        "sweep": fertility.sweep(documents, sizes | {size: own}),
    }


class Trainer:
    """Trains the tokenizer of a run at another vocabulary size, on the same sample."""

    def __init__(self, shards: list[sample.Shard], params: TokenizerParams, seed: int) -> None:
        self._shards, self._params, self._seed = shards, params, seed

    def __call__(self, vocab_size: int) -> Tokenizer:
        pattern = named(self._params.pattern, self._params.digits)
        counts = training.count(sample.sample(self._shards, self._params, self._seed), pattern)
        return training.build(*training.learn(counts, vocab_size), pattern)


def evaluate_run(loaded: Loaded, place: Place, beside: Sequence[str], larger: Sequence[int], max_bytes: int) -> dict:
    """The tokenizer of a run, on the kept documents that its sample left out; also written to the run's folder."""
    params, seed = loaded.manifest.tokenizer, loaded.manifest.seed
    context = open_context(loaded, place, as_run=True)
    if params is None or "tokenizer" not in context.step_names:
        raise RunStopped(f"{loaded.path} has no tokenizer: in it")
    for _ in survey(context, place, "tokenizer"):
        pass
    records = context.records
    if not records.get("tokenizer"):
        raise RunStopped(f"there is no tokenizer yet; first: gristmill run {loaded.path} --until tokenizer")
    (made,) = records["tokenizer"].values()
    shards = sample_shards([record.output("shard.arrow") for record in records["shards"].values()])
    share = params.held_out if params.path is None else 1.0
    documents = list(held_out_documents(shards, seed, share, max_bytes))
    trainer = Trainer(shards, params, seed) if params.path is None else None
    found = evaluate(documents, bpe.load(made.folder), others(beside), larger, trainer)
    found = {"tokenizer": made.key, "held_out": share} | found
    atomic_write(place.run / view.EVALUATION, json.dumps(found, ensure_ascii=False, indent=1) + "\n")
    return found


def held_out_documents(shards: Sequence[sample.Shard], seed: int, share: float, max_bytes: int) -> Iterator[Document]:
    """Documents that no sample takes, of every source as many bytes at most."""
    sources = {shard.source for shard in shards}
    left = dict.fromkeys(sources, max_bytes // max(1, len(sources)))
    for shard in sorted(shards, key=lambda s: (s.source, s.path)):
        for batch in read_batches(Path(shard.path), ["id", "text", "language", "kind"]):
            out = sample.held_out(batch["id"].to_pylist(), seed, share) if share < 1 else [True] * len(batch)
            for i, chosen in enumerate(out):
                if chosen and left[shard.source] > 0:
                    row = {name: batch[name][i].as_py() for name in ("text", "language", "kind")}
                    left[shard.source] -= len(row["text"].encode())
                    yield Document(row["text"], shard.source, row["language"] or "", row["kind"])


def file_documents(sets: Sequence[Files], max_bytes: int) -> Iterator[Document]:
    """The first documents of sets of files, of each as many bytes at most."""
    for one in sets:
        left = max_bytes // len(sets)
        for _, text in one.documents():
            if left <= 0:
                break
            left -= len(text.encode(errors="replace"))
            yield Document(text, one.name, "", "text")
