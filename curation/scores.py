"""Scores of documents that models gave elsewhere, such as a transformer on a GPU, or a language model's grades.

Parquet files are read once, and only two of their columns: `build_index` sorts them by the hash of the key into one
Arrow file, 24 bytes a score. `look_up` maps that file into memory, so that any number of units and processes share it.
A key's hash is XXH3-128: among a billion keys two would be taken for one with a chance of 1 in 10^20.
"""

import difflib
import json
import math
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import xxhash

from gristmill.curation import columns
from gristmill.curation.urls import url_key

VERSION = 1
"""Bumped when the same files would give other scores."""

PART_ROWS = 2**20
"""About so many rows are sorted at a time: what bounds the memory, some 150 MB."""

BATCH_ROWS = 65_536
"""Rows of Parquet in memory at a time."""

EXAMPLES = 3
"""Keys that an error names."""

JOINS = ("id", "url", "locator")

INDEX_SCHEMA = pa.schema([pa.field("key", pa.binary(16), False), pa.field("score", pa.float64(), False)])

_NUMBERS = (pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean, pa.types.is_decimal)

_ROW = np.dtype([("key", "S16"), ("score", "<f8")])


@dataclass(frozen=True)
class AppliedClassifier:
    """A fastText model that every text is shown."""

    path: str
    """The model, a `.bin` or `.ftz` file."""
    label: str
    """The label whose probability is the score, such as `__label__hq`."""
    max_chars: int | None = None
    """How much of a text the model reads, in characters; null: all of it."""

    def __post_init__(self) -> None:
        if self.max_chars is not None and self.max_chars < 1:
            raise ValueError(f"max_chars is {self.max_chars}; give a number of characters, or null for whole texts")


@dataclass(frozen=True)
class ScoreFiles:
    """Scores in Parquet files: which column says whose score it is, and which the score."""

    paths: tuple[str, ...]
    """Parquet files, folders or wildcards; local or fsspec URLs."""
    column: str
    """The column with the scores: numbers, or true and false; null and NaN are no score."""
    join: str = "id"
    """What of a document the keys are compared with: `id`, `url` (addresses of one page are one key, as in
    `curate.dedup.url`), `locator`, or what its reader recorded: `meta.<key>`."""
    key_column: str | None = None
    """The column with the keys; absent: called as `join` is, without `meta.`."""
    repeated: Literal["error", "min", "max", "mean"] = "error"
    """What becomes of a key with several different scores: the run stops, or their least, greatest or mean counts."""

    def __post_init__(self) -> None:
        if not self.paths:
            raise ValueError("paths is empty; name the Parquet files with the scores, such as [scores/*.parquet]")
        if self.join not in JOINS and columns.family(self.join) != "meta":
            near = difflib.get_close_matches(self.join, JOINS, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ValueError(f"join: {self.join!r} is not one of {', '.join(JOINS)} and meta.<key>{hint}")
        if self.key_column is None:
            object.__setattr__(self, "key_column", self.join.removeprefix("meta."))
        if self.key_column == self.column:
            raise ValueError(f"column and key_column are both {self.column!r}; one has the scores, the other the keys")


File = tuple[str, Callable[[], BinaryIO]]
"""A Parquet file: the name that errors call it by, and what opens it."""


def check_columns(file: File, params: ScoreFiles) -> int:
    """The rows of a Parquet file, from its footer. Raises ValueError if it is none, or lacks one of the two columns."""
    name, open_file = file
    with open_file() as stream, _explained(name):
        parquet = pq.ParquetFile(stream)
        schema = parquet.schema_arrow
    for column in (params.key_column, params.column):
        if column not in schema.names:
            near = difflib.get_close_matches(str(column), schema.names, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ";"
            raise ValueError(f"{name} has no column {column!r}{hint} its columns: {', '.join(schema.names)}")
    kind = schema.field(params.column).type
    if not any(test(kind) for test in _NUMBERS):
        raise ValueError(f"{name}: column {params.column!r} holds {kind}, and scores are numbers; convert it")
    return parquet.metadata.num_rows


@contextmanager
def _explained(name: str) -> Iterator[None]:
    """What pyarrow raises of a damaged file, as a ValueError that names the file."""
    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # of disk or network: pyarrow reports damage as OSError too, but without a number
        raise ValueError(f"{name} cannot be read ({error}); is it a complete Parquet file?") from None


def build_index(files: Sequence[File], params: ScoreFiles, out: Path) -> dict[str, object]:
    """Write `out`, the scores of all files sorted by key, and count what was read.

    Counts: `rows`; of them `rows_without_key` and `rows_without_score`, which are left out; `keys` with a score, and
    `repeated_keys`, those with several different scores; `example_keys`, one that the files begin with. Neither order nor cut of the files changes a byte. Raises
    ValueError for a file that cannot be used, and for a repeated key where `params.repeated` says so.
    """
    num_rows = sum(check_columns(file, params) for file in files)
    bits = max(0, math.ceil(math.log2(max(num_rows, 1) / PART_ROWS)))
    spill = out.with_name(f".{out.name}.parts")
    spill.mkdir()
    counts = dict.fromkeys(("rows_without_key", "rows_without_score", "keys", "repeated_keys"), 0)
    try:
        paths = [spill / f"{part:05d}" for part in range(2**bits)]
        examples = _spread(files, params, paths, counts)
        conflicts: list[bytes] = []
        with pa.OSFile(str(out), "wb") as sink, pa.ipc.new_file(sink, INDEX_SCHEMA) as writer:
            for path in paths:
                rows = np.fromfile(path, _ROW) if path.exists() else np.zeros(0, _ROW)
                keys, scores, differing = _merged(rows, params.repeated)
                counts["keys"] += len(keys)
                counts["repeated_keys"] += len(differing)
                conflicts += differing[:EXAMPLES].tolist()
                fixed = pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), len(keys), [None, pa.py_buffer(keys)])
                writer.write_batch(pa.record_batch([fixed, pa.array(scores)], schema=INDEX_SCHEMA))
    finally:
        shutil.rmtree(spill)
    if conflicts and params.repeated == "error":
        raise ValueError(_conflict(files, params, counts["repeated_keys"], conflicts[:EXAMPLES]))
    return {"rows": num_rows, **counts, "example_keys": examples}


def _spread(files: Sequence[File], params: ScoreFiles, paths: Sequence[Path], counts: dict[str, int]) -> list[str]:
    """Append the rows of all files to the part that the first bits of their keys' hashes name; gives the first key."""
    bits = len(paths).bit_length() - 1
    examples: list[str] = []
    for file in files:
        for keys, scores in _columns(file, params):
            absent = np.array([key is None for key in keys], bool)
            examples = examples or [key for key in keys if key is not None][:1]
            counts["rows_without_key"] += int(absent.sum())
            counts["rows_without_score"] += int((~absent & ~np.isfinite(scores)).sum())
            rows = np.empty(len(scores), _ROW)
            rows["key"], rows["score"] = hashed(keys, params.join), scores
            rows = rows[~absent & np.isfinite(scores)]
            part = _part(rows["key"], bits)
            for number in np.unique(part).tolist():
                with open(paths[number], "ab") as sink:
                    rows[part == number].tofile(sink)
    return examples


def _columns(file: File, params: ScoreFiles) -> Iterator[tuple[list[str | None], np.ndarray]]:
    """The keys and the scores (float64, NaN where there is none) of a file, batch by batch; nothing else of it is read."""
    name, open_file = file
    with open_file() as stream, _explained(name):
        parquet = pq.ParquetFile(stream)
        for group in range(parquet.num_row_groups):  # a reader of all groups at once keeps what it has read of each
            wanted = {"row_groups": [group], "columns": [params.key_column, params.column], "use_threads": False}
            for batch in parquet.iter_batches(BATCH_ROWS, **wanted):
                score = batch.column(params.column)
                if pa.types.is_boolean(score.type):
                    score = score.cast(pa.int8())
                numbers = score.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
                keys = batch.column(params.key_column).cast(pa.large_string()).to_pylist()
                yield keys, numbers + 0.0  # no -0.0


def hashed(keys: Sequence[str | None], join: str) -> np.ndarray:
    """S16 [N]: the hash of each key, as `join` compares them; that of "" where there is none."""
    if join == "url":
        keys = [url_key(key) if key else key for key in keys]
    digest = xxhash.xxh3_128_digest
    return np.frombuffer(b"".join([digest((key or "").encode("utf-8", "surrogatepass")) for key in keys]), "S16")


def _part(keys: np.ndarray, bits: int) -> np.ndarray:
    """Which of 2^bits parts each hash belongs to: its first bits, so that parts in order are keys in order."""
    first = np.ascontiguousarray(keys).view(">u8")[::2].astype(np.uint64)
    return (first >> np.uint64(64 - bits)).astype(np.int64) if bits else np.zeros(len(keys), np.int64)


def _merged(rows: np.ndarray, repeated: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Keys in order, each once, their scores, and those of the keys that have several different ones."""
    rows = rows[np.lexsort((rows["score"], *np.ascontiguousarray(rows["key"]).view(">u8").reshape(-1, 2).T[::-1]))]
    keys, scores = np.ascontiguousarray(rows["key"]), np.ascontiguousarray(rows["score"])
    if not len(keys):
        return keys, scores, keys
    first = np.flatnonzero(np.r_[True, keys[1:] != keys[:-1]])
    last = np.r_[first[1:], len(keys)] - 1
    differing = scores[first] != scores[last]  # they are in order: the least and the greatest
    merged = scores[last] if repeated == "max" else scores[first]
    if repeated == "mean":
        means = np.add.reduceat(scores, first) / (last - first + 1)
        merged = np.where(differing, means, merged)
    return keys[first], merged, keys[first][differing]


def _conflict(files: Sequence[File], params: ScoreFiles, num_keys: int, conflicts: list[bytes]) -> str:
    """What an error says of keys with several scores: some of them, with their scores and files."""
    found: dict[bytes, list[str]] = {key: [] for key in conflicts}
    named: dict[bytes, str] = {}
    for file in files:
        for keys, scores in _columns(file, params):
            for row in np.flatnonzero(np.isin(hashed(keys, params.join), np.array(conflicts, "S16"))).tolist():
                if keys[row] is None:
                    continue
                key = hashed([keys[row]], params.join)[0]
                named.setdefault(key, str(keys[row]))
                if (told := f"{scores[row]:.6g} in {file[0]}") not in found[key]:
                    found[key].append(told)
    shown = "; ".join(f"{named[key]}: {', '.join(told[:4])}" for key, told in found.items())
    return (
        f"{num_keys:,} keys of column {params.key_column!r} have several different scores, such as {shown}; leave one "
        "score for each key, or say which counts by repeated: min, max or mean"
    )


class Scores:
    """An index, mapped into memory; where documents' scores are looked up."""

    def __init__(self, path: Path):
        with pa.memory_map(str(path)) as file:
            table = pa.ipc.open_file(pa.BufferReader(file.read_buffer())).read_all()
        self._keys, self._scores = [], []
        for batch in table.to_batches():
            if batch.num_rows:
                keys = np.frombuffer(batch.column(0).buffers()[1], "S16")
                self._keys.append(keys[batch.column(0).offset :][: batch.num_rows])
                self._scores.append(batch.column(1).to_numpy())
        self._first = np.array([keys[0] for keys in self._keys], "S16")

    def of(self, hashes: np.ndarray) -> np.ndarray:
        """float64 [N]: the score of each hashed key (`hashed`), NaN where there is none."""
        found = np.full(len(hashes), np.nan)
        part = np.searchsorted(self._first, hashes, side="right") - 1
        for number in np.unique(part[part >= 0]).tolist():
            rows = np.flatnonzero(part == number)
            keys = self._keys[number]
            place = np.minimum(np.searchsorted(keys, hashes[rows]), len(keys) - 1)
            here = keys[place] == hashes[rows]
            found[rows[here]] = self._scores[number][place[here]]
        return found


def own_keys(texts: pa.Table, join: str) -> list[str | None]:
    """What each document has for a key, as text; `texts` has the column `join`, or for `meta.<key>` the column `meta`."""
    values = columns.Values(texts, pa.table({}), [join]).of(join) if join not in JOINS else texts[join].to_pylist()
    return [None if value is None else value if isinstance(value, str) else json.dumps(value) for value in values]


def look_up(index: Scores, keys: Sequence[str | None], join: str) -> np.ndarray:
    """float64 [N]: the score of each document by its key; NaN where it has no key, or no score."""
    found = index.of(hashed(keys, join))
    found[np.array([key is None for key in keys], bool)] = np.nan
    return found
