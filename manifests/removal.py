"""Why a duplicate went: the document that was kept instead, how similar the two are, and where their texts differ.

Deduplication compares texts as they were extracted, so they are read from `extract`'s files in the store: the removed one
is in no shard. The kept one may be of another manifest, if the two share an index.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gristmill.curation import minhash, shards
from gristmill.curation.dedup import text_diff
from gristmill.curation.dedup.text_diff import Compared
from gristmill.curation.ledger import read_file
from gristmill.curation.urls import url_key
from gristmill.curation.word_hashes import word_hashes
from gristmill.manifests import index, view
from gristmill.manifests.store import Record, Store

SHOWN_OF_CLUSTER = 5
"""So many of the most similar documents of a cluster are named, and so many of the least."""

SHOWN_DIFFERENCES = 100
SHOWN_CHARACTERS = 1000
"""What `why --json` gives of differences, and of the text of each; `--full` gives all."""

ABOUT = ("id", "source", "locator", "url", "title")


class LostTexts(Exception):
    """Texts that cannot be shown; the message says which, and how they come back."""


@dataclass(frozen=True)
class Text:
    """A document as deduplication saw it, and where that is on disk."""

    about: Mapping[str, str | None]  # ABOUT; `manifest` if it is of another one
    file: Path
    row: int
    text: str
    later: str | None = None  # the step and rule that dropped it after it was kept here


@dataclass(frozen=True)
class Pair:
    """A removed document and the one that was kept instead."""

    kept: Text
    removed: Text
    rule: str
    similarity: float | None  # null for versions of a page
    threshold: float | None
    measure: str | None  # null where the store has lost what the deduplication was asked for
    ngram_words: int | None
    shingles: tuple[int, int, int] | None  # different ones in both, in the kept one, in the removed one
    compared: Compared

    @property
    def says(self) -> str:
        """Why the one went for the other, as a sentence."""
        if self.rule == "dedup.exact":
            same = self.kept.text == self.removed.text
            return "the texts are equal, character by character" if same else "the texts are equal up to white space"
        if self.rule == "dedup.url":
            page, other = (url_key(side.about["url"] or "") for side in (self.removed, self.kept))
            if page == other:
                return f"two versions of one page: both addresses mean {page}; their texts were not compared"
            return f"a version of {page}, whose kept version then went for this document; the texts were not compared"
        said = f"similarity {self.similarity:.4f}, at least {self.threshold:g} was asked for"
        if self.shingles:
            both, kept, removed = self.shingles
            of = f"the removed one's {removed:,}" if self.measure == "containment" else f"{kept + removed - both:,}"
            where = "are in the kept one too" if self.measure == "containment" else "that either has are in both"
            said += f": {both:,} of {of} different word {self.ngram_words}-grams {where} ({self.measure})"
        return said


def pair(run: Path, store: Store, row: Mapping, unit: str, shared: Path | None) -> Pair:
    """A removed document, by its row of the ledger, beside the one kept instead. Raises LostTexts.

    `unit` is the file of the ledger that has the row, `shared` the index that the manifest names.
    """
    removed = _own_text(run, store, row, unit)
    kept = _kept(run, store, row, shared)
    measure, ngram_words = _asked(run, store)
    near = row["rule"] == "dedup.near" and ngram_words
    return Pair(
        kept,
        removed,
        row["rule"],
        row["value"],
        row["threshold"],
        measure,
        ngram_words or None,
        _shingles(kept.text, removed.text, ngram_words) if near else None,
        text_diff.compare(kept.text, removed.text),
    )


def cluster(run: Path, row: Mapping, shared: Path | None, everything: bool = False) -> dict:
    """The documents that went for a kept one: the most similar first, then the least, of many the ends alone.

    `size` counts the kept one too; `elsewhere` are documents of other manifests of the index that no ledger here has.
    """
    names = ["id", "source", "locator", "url", "rule", "value", "duplicate_of"]
    runs = [run]
    if shared:
        runs += [run.parent / m.name for m in index.members(shared) if run.parent / m.name != run]
    tables = []
    for place in runs:
        for path in sorted((place / "ledger").rglob("*.parquet")):
            found = read_file(path, names, pc.field("duplicate_of") == row["id"])
            tables.append(found.append_column("manifest", pa.array([place.name] * len(found), pa.string())))
    gone = pa.concat_tables(tables).sort_by([("value", "descending"), ("id", "ascending")])
    ends = gone
    if not everything and len(gone) > 2 * SHOWN_OF_CLUSTER:
        ends = pa.concat_tables([gone.slice(0, SHOWN_OF_CLUSTER), gone.slice(len(gone) - SHOWN_OF_CLUSTER)])
    return {
        "size": row["cluster_size"],
        "documents": [
            {
                **{name: document[name] for name in ("id", "source", "locator", "url", "rule")},
                "similarity": document["value"],
                **({"manifest": document["manifest"]} if document["manifest"] != run.name else {}),
            }
            for document in ends.to_pylist()
        ],
        "left_out": len(gone) - len(ends),
        "elsewhere": max(0, row["cluster_size"] - 1 - len(gone)),
    }


def as_data(pair: Pair, everything: bool = False) -> dict:
    """A pair as `gristmill why --json` gives it."""
    compared = pair.compared
    differing = dict(zip(("kept", "removed"), compared.num_differing, strict=True))
    shown = compared.differences if everything else compared.differences[:SHOWN_DIFFERENCES]
    both, kept, removed = pair.shingles or (None, None, None)
    return {
        "rule": pair.rule,
        "says": pair.says,
        "similarity": pair.similarity,
        "threshold": pair.threshold,
        "measure": pair.measure,
        "ngram_words": pair.ngram_words,
        "shingles": {"both": both, "kept": kept, "removed": removed} if pair.shingles else None,
        "kept": _side(pair.kept, len(compared.first.start)),
        "removed": _side(pair.removed, len(compared.second.start)),
        "diff": {
            "differences": len(compared.differences),
            "differing_words": differing,
            "shown": [
                {
                    "kept": _span(pair.kept.text, compared.first.span(*difference.first), everything),
                    "removed": _span(pair.removed.text, compared.second.span(*difference.second), everything),
                }
                for difference in shown
            ],
            "left_out": len(compared.differences) - len(shown),
            "whole_texts": compared.whole,
        },
    }


def _side(side: Text, words: int) -> dict:
    texts = {"file": str(side.file), "row": side.row}
    return {**side.about, "texts": texts, "characters": len(side.text), "words": words, "dropped_later": side.later}


def _span(text: str, span: tuple[int, int], everything: bool) -> dict:
    begin, end = span
    shown = text[begin:end] if everything else text[begin : min(end, begin + SHOWN_CHARACTERS)]
    return {"start": begin, "end": end, "text": shown}


def _asked(run: Path, store: Store) -> tuple[str | None, int | None]:
    """What the run's deduplication compared by: the measure, and the words of a shingle."""
    for key in view.read_lock(run).get("compare", {}).get("units", {}).values():
        record = store.load("compare", key)
        if record and record.params.get("near"):
            return record.params["near"]["measure"], record.params["ngram_words"]
    return None, None


def _shingles(kept: str, removed: str, ngram_words: int) -> tuple[int, int, int]:
    hashes, offsets = minhash.shingles(*word_hashes(pa.array([kept, removed], pa.large_string())), ngram_words)
    one, other = (np.unique(hashes[offsets[i] : offsets[i + 1]]) for i in range(2))
    return len(np.intersect1d(one, other, assume_unique=True)), len(one), len(other)


def _kept(run: Path, store: Store, row: Mapping, shared: Path | None) -> Text:
    """The document that was kept instead: of this run, of another manifest of the index, or of a run beside it."""
    wanted = row["duplicate_of"]
    found = _in_ledger(run, wanted)
    if found and wanted != row["id"] and found[0]["stage"] not in ("extract", "filter", "dedup"):
        return _own_text(run, store, *found)
    for member in index.members(shared) if shared else ():
        if member.name == run.name:
            continue
        for part in member.parts:
            file = next(file for file in part.files if file.name.endswith("/texts.arrow"))
            path = Path(file.path)
            if not path.is_file() or path.stat().st_size != file.size_bytes:
                continue
            if (place := row_of(path, wanted)) is not None:
                return _text(path, place, {"manifest": member.name})
    for other in sorted(run.parent.glob("*/ledger")) if not shared else ():
        found = _in_ledger(other.parent, wanted) if other.parent != run else None
        if found and found[0]["status"] == "kept":
            text = _own_text(other.parent, store, *found)
            return Text({**text.about, "manifest": other.parent.name}, text.file, text.row, text.text)
    where = f"the index {shared} and its stores do not have its text" if shared else "it is in no ledger here"
    remedy = f"gristmill index check {shared}" if shared else "give its manifest: gristmill why MANIFEST DOC"
    raise LostTexts(f"the document that was kept instead is {wanted}, but {where}; {remedy}")


def _in_ledger(run: Path, wanted: str) -> tuple[dict, str] | None:
    """A document's row and unit in a run's ledger."""
    names = [*ABOUT, "status", "stage", "rule"]
    for path in sorted((run / "ledger").rglob("*.parquet")):
        if rows := read_file(path, names, pc.field("id") == wanted).to_pylist():
            return rows[0], path.stem
    return None


def _own_text(run: Path, store: Store, row: Mapping, unit: str) -> Text:
    """A document's text by its row of a run's ledger. Raises LostTexts."""
    label = view.unit_label(row["source"], unit)
    key = view.read_lock(run).get("extract", {}).get("units", {}).get(label)
    record = store.load("extract", key) if key else None
    if record is None:
        raise LostTexts(
            f"the texts of {label} are not in the store {store.root} any more, or are damaged; "
            "gristmill run MANIFEST --until shards makes them again (--store DIR, if they are elsewhere)"
        )
    path = record.folder / "texts.arrow"
    place = row_of(path, row["id"])
    if place is None or not _judged(run, store, row["source"], unit, record):
        raise LostTexts(
            f"the texts of {label} have changed since the ledger was written; "
            "gristmill run MANIFEST --until shards brings it up to date"
        )
    later = f"{row['stage']}, rule {row['rule']}" if row["stage"] not in (None, "dedup") else None
    return _text(path, place, {}, later)


def _judged(run: Path, store: Store, source: str, unit: str, texts: Record) -> bool:
    """Whether the ledger of a unit was written over these texts; a ledger that was copied from elsewhere is believed."""
    ledger = run / "ledger" / source / f"{unit}.parquet"
    record = store.load("shards", Path(os.path.realpath(ledger)).parent.name)
    digest = record and record.inputs.get(texts.output("texts.arrow").name)
    return digest is None or digest == texts.outputs["texts.arrow"]


def row_of(path: Path, wanted: str) -> int | None:
    """The row of a document in a file of texts; None if it is not there."""
    start = 0
    for batch in shards.read_batches(path, ["id"]):
        if (here := pc.index(batch["id"], wanted).as_py()) >= 0:
            return start + here
        start += batch.num_rows
    return None


def _text(path: Path, place: int, more: Mapping, later: str | None = None) -> Text:
    about = {name: shards.take(path, [place], name).to_pylist()[0] for name in ABOUT}
    return Text({**about, **more}, path, place, shards.take(path, [place], "text").to_pylist()[0], later)


def cluster_lines(found: Mapping) -> Iterator[str]:
    """A cluster for people."""
    yield f"{found['size'] - 1:,} documents went for it, the most similar first:"
    half = len(found["documents"]) // 2 if found["left_out"] else None
    for number, document in enumerate(found["documents"]):
        if number == half:
            yield f"  ... {found['left_out']:,} more, which --full names ..."
        similarity = "page  " if document["similarity"] is None else f"{document['similarity']:.4f}"
        whose = f"{document['manifest']}: " if "manifest" in document else ""
        yield f"  {similarity}  {document['id']}  {whose}{document['locator']}"
    if found["elsewhere"]:
        yield f"  and {found['elsewhere']:,} of other manifests of the index, which no ledger here has"
