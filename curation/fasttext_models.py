"""fastText models as files: their labels, their digest, and the one model a process loads of each.

`.bin` (dense) and `.ftz` (quantised) are one format: a head of numbers, the dictionary of words and labels, and the
matrices. Labels are read from the file itself, so that a manifest is checked without loading some gigabytes.
"""

import functools
import hashlib
import mmap
import re
import struct
from pathlib import Path

import fasttext

PREFIX = "__label__"
"""What a label begins with in fastText's files. Names here and in manifests are without it."""

LINE_END = "</s>"
"""fastText's word for the end of a line, at which it stops reading a text."""

# Magic number, version, twelve integers and a double of parameters; then sizes of the dictionary (fastText's args.cc
# and dictionary.cc). An entry of the dictionary is a name, a NUL, its count (int64) and its type (int8; 1: a label).
_HEAD = struct.Struct("<14i d 3i 2q")
_MAGIC, _MODEL, _NUM_LABELS, _PRUNED = 0, 9, 17, 19
_LABEL = re.compile(rb"(?s)__label__([^\0]+)\0.{8}\x01")


def model(path: Path | str):
    """The model of a file, loaded once a process: `predict(line, k, threshold, "strict")` lists (probability, label).

    The line must end in a newline; k = -1: all labels. This is what fastText's Python class wraps to check and reshape.
    """
    labels(path)  # says what is wrong with a file that is no classifier
    return _model(*_identity(path))


def labels(path: Path | str) -> tuple[str, ...]:
    """The labels that a model can give, without `__label__`, the most frequent in its training first.

    Raises ValueError for a file that is not a fastText classifier.
    """
    return _labels(*_identity(path))


def digest(path: Path | str) -> str:
    """SHA-256 of the file, 64 hex digits: part of the key of everything that the model labelled."""
    return _digest(*_identity(path))


def shorn(label: str) -> str:
    """A label without `__label__`, however it was written."""
    return label.removeprefix(PREFIX)


def _identity(path: Path | str) -> tuple[str, int, int]:
    """One spelling of a path, with the size and time of what is there now: a model that is replaced is read again."""
    file = Path(path).resolve()
    stat = file.stat()
    return str(file), stat.st_size, stat.st_mtime_ns


@functools.cache
def _model(path: str, size_bytes: int, mtime_ns: int):
    return fasttext.load_model(path).f


@functools.cache
def _labels(path: str, size_bytes: int, mtime_ns: int) -> tuple[str, ...]:
    with open(path, "rb") as file:
        head = file.read(_HEAD.size)
        if len(head) < _HEAD.size or (numbers := _HEAD.unpack(head))[_MAGIC] != 793712314:
            raise ValueError(f"{path} is not a fastText model: it does not begin as a .bin or .ftz file does")
        if numbers[_MODEL] != 3 or not numbers[_NUM_LABELS]:
            raise ValueError(f"{path} is a fastText model of word vectors; name one of supervised training")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            found = []
            for match in _LABEL.finditer(data, _HEAD.size):
                found.append(match[1].decode("utf-8", "replace"))
                if len(found) == numbers[_NUM_LABELS]:  # the matrices follow
                    if _matrices_end(data, match.end(), numbers[_PRUNED]) > len(data):
                        raise ValueError(f"{path} is cut off after {len(data):,} bytes; fetch it again")
                    return tuple(found)
    raise ValueError(
        f"{path} should have {numbers[_NUM_LABELS]} labels beginning with {PREFIX}, but has {len(found)}; is it cut off?"
    )


def _matrices_end(data: mmap.mmap, at: int, pruned: int) -> int:
    """Where the file must end; fastText itself reads what is missing as zeros, and answers with wrong labels.

    `at`: where the dictionary's words end. Layouts are those of fastText's densematrix.cc and quantmatrix.cc.
    """
    at += 8 * max(pruned, 0)  # pairs of the n-grams that were kept
    try:
        for _ in ("input", "output"):
            quantised, at = data[at], at + 1
            if not quantised:
                rows, columns = struct.unpack_from("<2q", data, at)
                at += 16 + 4 * rows * columns
                continue
            has_norms, rows, _, codes = struct.unpack_from("<?2qi", data, at)
            at = _centroids_end(data, at + 21 + codes)
            at = _centroids_end(data, at + rows) if has_norms else at
    except (IndexError, struct.error):
        return len(data) + 1
    return at


def _centroids_end(data: mmap.mmap, at: int) -> int:
    """Where a product quantiser ends: four integers, then 256 centroids."""
    return at + 16 + 4 * 256 * struct.unpack_from("<i", data, at)[0]


@functools.cache
def _digest(path: str, size_bytes: int, mtime_ns: int) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
