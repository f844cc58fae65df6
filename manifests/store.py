"""The store: results addressed by what made them, complete or not there at all.

`store/<step>/<key>/` holds one unit's output. The key is a digest of the step's name and VERSION, its parameters, the
versions of the libraries that shape its output, and the content digests of its inputs; so an unchanged input is never
worked on again, by any manifest. A unit is built under `store/.building/` and renamed; its `record.json` is written
last, before the rename, so a folder with a record is complete and anything else does not count.
"""

import errno
import hashlib
import json
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

RECORD = "record.json"


@dataclass(frozen=True)
class Input:
    """A file that a unit reads: the name it goes by in the key, where it is, and the digest of its content."""

    name: str
    path: str
    digest: str
    size_bytes: int = 0


@dataclass(frozen=True)
class Unit:
    """One piece of work of a step, with all that shapes its output."""

    step: str
    name: str  # names the output in the run's view: <slug>-<8 hex>
    source: str | None
    version: int
    params: Mapping[str, object]  # JSON; part of the key
    inputs: tuple[Input, ...]
    libraries: Mapping[str, str]  # distributions that shape the output, with their versions; part of the key
    settings: Mapping[str, object]  # how it is executed; recorded, never part of the key

    def path(self, name: str) -> Path:
        """Where the input of this name is: the whole name, or its end after a slash if that is unique."""
        found = [i.path for i in self.inputs if i.name == name or i.name.endswith("/" + name)]
        assert len(found) == 1, f"{self.step}: {len(found)} inputs are called {name}"
        return Path(found[0])

    @property
    def key(self) -> str:
        """32 hex digits: equal for units whose outputs must be equal."""
        parts = {
            "step": self.step,
            "version": self.version,
            "params": self.params,
            "source": self.source,
            "inputs": [[i.name, i.digest] for i in self.inputs],
            "libraries": dict(self.libraries),
        }
        text = json.dumps(parts, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


@dataclass(frozen=True)
class Record:
    """What `record.json` says of a complete unit."""

    folder: Path
    step: str
    name: str
    source: str | None
    key: str
    params: Mapping[str, object]
    inputs: Mapping[str, str]  # name -> digest
    outputs: Mapping[str, str]  # path inside the folder -> digest
    sizes: Mapping[str, int]  # path inside the folder -> bytes
    counts: Mapping[str, object]
    seconds: float
    version: int = 1
    libraries: Mapping[str, str] | None = None

    def output(self, file: str) -> Input:
        """One of the outputs as an input of the next step, called `<step>/<source>/<unit>/<file>`."""
        path = self.folder / file
        name = "/".join(part for part in (self.step, self.source, self.name, file) if part)
        return Input(name, str(path), self.outputs[file], path.stat().st_size)


class Store:
    """The folder that all manifests share."""

    def __init__(self, root: Path):
        self.root = root

    def folder(self, unit: Unit) -> Path:
        """Where a unit's output is, or will be."""
        return self.root / unit.step / unit.key

    def record(self, unit: Unit) -> Record | None:
        """The record of a unit's complete output, or None.

        It goes by the unit's name: another manifest may have made the same under another, such as another score's.
        """
        record = self.load(unit.step, unit.key)
        return replace(record, name=unit.name) if record else None

    def load(self, step: str, key: str) -> Record | None:
        """The record under a step and key, or None where there is no complete output."""
        folder = self.root / step / key
        try:
            fields = json.loads((folder / RECORD).read_text())
            record = Record(folder=folder, **{k: v for k, v in fields.items() if k != "settings"})
            whole = all((folder / name).stat().st_size == size for name, size in record.sizes.items())
        except (OSError, ValueError, TypeError, AttributeError):
            return None  # no record, a damaged one, or a file that is gone: the unit is built again
        return record if whole else None

    def build(self, unit: Unit, work: Callable[[Path], Mapping[str, object]]) -> Record:
        """Run `work` on an empty folder and move the folder into the store; gives the record.

        If somebody else finished the same unit meanwhile, theirs stays and ours is discarded: they are equal.
        """
        building = self.root / ".building" / uuid.uuid4().hex
        building.mkdir(parents=True)
        try:
            start = time.perf_counter()
            counts = work(building)
            write_record(building, unit, counts, time.perf_counter() - start)
            target = self.folder(unit)
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.rename(building, target)
            except OSError:  # the target exists: complete, or left by a power cut without its record
                if self.record(unit) is None:
                    os.rename(target, self.root / ".building" / uuid.uuid4().hex)
                    os.rename(building, target)
        finally:
            shutil.rmtree(building, ignore_errors=True)
        record = self.record(unit)
        assert record is not None
        return record

    def sweep(self, older_than_s: float = 7 * 86_400) -> None:
        """Remove what killed runs left under `.building`, once it is too old to be somebody's work in progress."""
        for folder in (self.root / ".building").glob("*"):
            try:
                if time.time() - folder.stat().st_mtime > older_than_s:
                    shutil.rmtree(folder, ignore_errors=True)
            except FileNotFoundError:
                continue  # another run swept it


def write_record(folder: Path, unit: Unit, counts: Mapping[str, object], seconds: float) -> None:
    """Write `record.json`, the last file of a complete output, with the digest of every other file."""
    outputs = {
        str(path.relative_to(folder)): file_digest(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path != folder / RECORD
    }
    record = {
        "step": unit.step,
        "name": unit.name,
        "source": unit.source,
        "key": unit.key,
        "version": unit.version,
        "params": dict(unit.params),
        "libraries": dict(unit.libraries),
        "settings": dict(unit.settings),
        "inputs": {i.name: i.digest for i in unit.inputs},
        "outputs": outputs,
        "sizes": {name: (folder / name).stat().st_size for name in outputs},
        "counts": dict(counts),
        "seconds": round(seconds, 3),
    }
    atomic_write(folder / RECORD, json.dumps(record, indent=1, ensure_ascii=False) + "\n")


def atomic_write(path: Path, text: str) -> None:
    """Write a file so that nobody ever sees half of it."""
    with replaced(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


@contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """A temporary name to write to, which becomes `path` in one move; if that fails, what was there stays as it was."""
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    try:
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        if error.filename is None:  # a write that found the disk full does not say where
            raise OSError(error.errno or errno.EIO, error.strerror or str(error), str(path)) from error
        raise
    finally:
        temporary.unlink(missing_ok=True)


FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""How a disk, an allowance on it or a limit of the process says that there is no room."""

NO_ROOM = "free some space and give the same command again: what is finished stays, and is not made again"


def disk_full(error: BaseException | None) -> bool:
    """Whether an error, or one that it came from, says that there is no room to write."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in FULL:
            return True
        error = error.__cause__
    return False


def file_digest(path: Path) -> str:
    """BLAKE2b digest of a file's content, 32 hex digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
