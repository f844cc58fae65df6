"""Similarities that were computed once: pairs of texts that no later run has to read again.

A pair is known by the two texts' content hashes, so it holds for every document with these texts, in any manifest. It is kept as 24 bytes: a 128-bit digest of the two hashes, and the exact similarity, also one far below any
threshold. Files are Arrow IPC, uncompressed and sorted, and are looked up where they lie. A run adds files of its own
under fresh names, and small files are merged into larger ones of up to `MAX_PAIRS`. Deleting a file, or all of them,
costs time and changes no result; so does a damaged one, which is passed over.
"""

import errno
import fcntl
import os
import time
import unicodedata
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pyarrow as pa

from gristmill.curation import features, minhash
from gristmill.curation.equals import GOLDEN
from gristmill.curation.words import mixed

VERSION = 1
"""Bumped when files of before must not be read."""

MAX_FILES = 16
"""So many files of a measure lead to a merge."""

MAX_PAIRS = 1 << 23
"""Files of more pairs (192 MB) are left as they are; merging takes about three times as much memory."""

SCHEMA = pa.schema(
    [
        pa.field("key", pa.uint64(), nullable=False),  # first half of the digest, ascending
        pa.field("check", pa.uint64(), nullable=False),  # second half
        pa.field("similarity", pa.float64(), nullable=False),
    ]
)

SYMMETRIC = ("jaccard",)
"""Measures that are the same both ways round; of others, such as the containment of one text in another, each way is a
pair by itself."""

Columns = tuple[np.ndarray, np.ndarray, np.ndarray]


def folder(root: Path, ngram_words: int) -> Path:
    """Where similarities of word n-grams are, under `root`: another place for everything that shingles depend on."""
    versions = f"{features.VERSION}.{minhash.VERSION}.{VERSION}"
    return root / f"{ngram_words}-words-v{versions}-unicode-{unicodedata.unidata_version}"


def halves(content_hashes: pa.Array | pa.ChunkedArray) -> np.ndarray:
    """Content hashes, 32 hex digits each and none null, as uint64 [N, 2]."""
    joined = "".join(content_hashes.to_pylist())
    return np.frombuffer(bytes.fromhex(joined), ">u8").astype(np.uint64).reshape(-1, 2)


class Pairs:
    """Known similarities among the documents of one deduplication, by their rows; what is learned is kept at the end."""

    def __init__(self, where: Path, content_hashes: np.ndarray, measure: str):
        self._where, self._hashes, self._measure = where, content_hashes, measure
        self._learned: list[Columns] = []

    def similarity(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """As `known`, of rows."""
        return known(self._where, self._hashes[a], self._hashes[b], self._measure)

    def learn(self, a: np.ndarray, b: np.ndarray, similarity: np.ndarray) -> None:
        """Note similarities that were not known."""
        self._learned.append((self._hashes[a], self._hashes[b], similarity))

    def save(self) -> None:
        """Keep what was learned."""
        if self._learned:
            add(self._where, *(np.concatenate(column) for column in zip(*self._learned, strict=True)), self._measure)
            self._learned = []


def known(where: Path, hash_a: np.ndarray, hash_b: np.ndarray, measure: str) -> np.ndarray:
    """The similarity of each pair, float64 [N], nan where it is not known.

    `hash_a` and `hash_b` are uint64 [N, 2], the content hashes as `halves` gives them; `measure` says how a is compared
    with b: `jaccard`, or `containment` of a in b.
    """
    key, check = _digests(hash_a, hash_b, measure)
    result = np.full(len(key), np.nan)
    order = np.argsort(key, kind="stable")  # neighbours are looked up one after the other: each page is read once
    key, check = key[order], check[order]
    found = np.full(len(key), np.nan)
    for path in _files(where / measure):
        with suppress(OSError, pa.ArrowInvalid):  # merged meanwhile, or damaged
            keys, checks, similarity = _read(path)
            place = np.searchsorted(keys, key)
            todo = np.flatnonzero(np.isnan(found) & (place < len(keys)))
            while len(todo):  # once, but for pairs whose first halves are equal by accident
                todo = todo[keys[place[todo]] == key[todo]]
                same = checks[place[todo]] == check[todo]
                found[todo[same]] = similarity[place[todo[same]]]
                todo = todo[~same]
                place[todo] += 1
                todo = todo[place[todo] < len(keys)]
    result[order] = found
    return result


def add(where: Path, hash_a: np.ndarray, hash_b: np.ndarray, similarity: np.ndarray, measure: str) -> None:
    """Remember the similarities of pairs; safe beside other processes that add, merge or look up.

    A process that is killed leaves a file that nobody reads. Raises OSError where nothing can be written; whatever was
    there before stays.
    """
    if not len(similarity):
        return
    _write(where / measure, *_sorted(*_digests(hash_a, hash_b, measure), np.asarray(similarity, np.float64)))
    if len(_files(where / measure)) > MAX_FILES:
        merge(where, measure)


def merge(where: Path, measure: str) -> None:
    """Put small files together, so that a pair is merged a number of times that is logarithmic in all pairs.

    Does nothing while another process merges.
    """
    with _alone(where / measure) as alone:
        if not alone:
            return
        chosen: list[Path] = []
        read: list[Columns] = []
        pairs = 0
        for path in sorted(_files(where / measure), key=_size):
            try:
                columns = _read(path)
            except (OSError, pa.ArrowInvalid):
                path.unlink(missing_ok=True)  # damaged: nobody can read it
                continue
            rows = len(columns[0])
            if pairs + rows > MAX_PAIRS or (len(chosen) >= MAX_FILES // 2 and rows > 2 * pairs):
                break
            chosen.append(path)
            read.append(columns)
            pairs += rows
        if len(chosen) > 1:
            _write(where / measure, *_sorted(*(np.concatenate(column) for column in zip(*read, strict=True))))
            for path in chosen:
                path.unlink(missing_ok=True)


def count(where: Path) -> dict[str, int]:
    """How many pairs are known by each measure; a pair that two processes added at once counts twice until merged."""
    found: dict[str, int] = {}
    for folder_of_measure in sorted(p for p in where.glob("*") if p.is_dir()):
        for path in _files(folder_of_measure):
            with suppress(OSError, pa.ArrowInvalid):
                found[folder_of_measure.name] = found.get(folder_of_measure.name, 0) + len(_read(path)[0])
    return found


def _digests(hash_a: np.ndarray, hash_b: np.ndarray, measure: str) -> tuple[np.ndarray, np.ndarray]:
    """128 bits for each pair of 128-bit hashes, uint64 twice; the same for (a, b) and (b, a) if the measure is symmetric."""
    a, b = (np.asarray(h, np.uint64).reshape(-1, 2) for h in (hash_a, hash_b))
    swap = (a[:, 0] > b[:, 0]) | ((a[:, 0] == b[:, 0]) & (a[:, 1] > b[:, 1]))
    swap &= measure in SYMMETRIC
    small, large = np.where(swap[:, None], b, a), np.where(swap[:, None], a, b)
    key = mixed(mixed(mixed(small[:, 0] + GOLDEN) + small[:, 1]) + large[:, 0]) + large[:, 1]
    check = mixed(mixed(mixed(large[:, 1] ^ GOLDEN) + large[:, 0]) + small[:, 1]) + small[:, 0]
    return mixed(key), mixed(check)


def _sorted(key: np.ndarray, check: np.ndarray, similarity: np.ndarray) -> Columns:
    """By key, then check, each pair once."""
    order = np.lexsort((check, key))
    key, check, similarity = key[order], check[order], similarity[order]
    fresh = np.ones(len(key), bool)
    fresh[1:] = (key[1:] != key[:-1]) | (check[1:] != check[:-1])
    return key[fresh], check[fresh], similarity[fresh]


def _files(measured: Path) -> list[Path]:
    """The complete files of a measure, in order of name."""
    try:
        return sorted(entry for entry in measured.iterdir() if entry.suffix == ".arrow" and entry.name[0] != ".")
    except FileNotFoundError:
        return []


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _read(path: Path) -> Columns:
    """The columns of a file where they lie; nothing is read before it is asked for."""
    with pa.memory_map(str(path)) as source:
        batches = pa.ipc.open_file(source)
        if batches.schema != SCHEMA or batches.num_record_batches != 1:
            raise pa.ArrowInvalid(f"{path} is no file of pairs")
        return tuple(column.to_numpy() for column in batches.get_batch(0).columns)


def _write(measured: Path, key: np.ndarray, check: np.ndarray, similarity: np.ndarray) -> None:
    """A new file, whole or not there: also after a power cut."""
    measured.mkdir(parents=True, exist_ok=True)
    name = f"{uuid.uuid4().hex}.arrow"
    temporary = measured / f".{name}"
    try:
        with open(temporary, "wb") as file:
            with pa.ipc.new_file(file, SCHEMA) as writer:
                writer.write_batch(pa.record_batch([key, check, similarity], SCHEMA))
            file.flush()
            os.fsync(file.fileno())
        os.rename(temporary, measured / name)
    except OSError as error:
        if error.filename is None:  # pyarrow does not say which
            raise OSError(error.errno or errno.EIO, error.strerror or str(error), str(measured)) from error
        raise
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def _alone(measured: Path) -> Iterator[bool]:
    """Whether this process is the only one that merges; the lock ends with the process."""
    with open(measured / ".merging", "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
            _sweep(measured)


def _sweep(measured: Path, older_than_s: float = 86_400) -> None:
    """Remove what killed processes left half written, once it is too old to be in the making."""
    for path in measured.glob(".*.arrow"):
        with suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > older_than_s:
                path.unlink()
