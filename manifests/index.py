"""An index: documents of several manifests that are deduplicated as one set, `curate.dedup.index` in each of them.

A folder with `index.yaml`, what all of them agree on; `manifests/<name>.json`, which units of the store a manifest brought
and where deduplication finds their texts, signatures and verdicts; `pairs/`, similarities that are known
(`curation/dedup/pair_cache.py`); and `changes/<name>.parquet`, what another manifest's run found that the next run of this
one will change (`manifests/changes.py`). Texts stay in the store. Each file is replaced as a whole and belongs to one
manifest, so that runs at the same time, killed runs and full disks leave an index that can be used.
"""

import dataclasses
import fcntl
import io
import json
import os
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from gristmill.curation import features, minhash
from gristmill.manifests import inputs
from gristmill.manifests.counts import RunStopped
from gristmill.manifests.schema import Dedup, Loaded
from gristmill.manifests.store import Input, atomic_write
from gristmill.manifests.wording import meant

PARAMETERS = "index.yaml"
PLACE = ("curate", "dedup", "index")

HEAD = """\
# An index of Gristmill: the documents of several manifests, deduplicated as one set (docs/increments.md).
# `signature` and `versions` are what its signatures were made with. `rules` hold for all of its manifests: change them
# here and there. `prefer` is yours to write: sources, or manifests, whose copy is kept, best first; those not named
# come after, in order of their source's name.
"""


class UnusableIndex(RunStopped):
    """An index that is none, was made for something else, or lacks files; the message says what to do."""


@dataclass(frozen=True)
class Part:
    """A unit of a manifest that takes part: what deduplication reads of it."""

    source: str
    name: str
    documents: int
    kept: int  # by the filters
    files: tuple[Input, ...]


@dataclass(frozen=True)
class Member:
    """A manifest that is in an index."""

    name: str
    path: str  # of the manifest
    store: str
    parts: tuple[Part, ...]
    verdicts: Mapping[str, str] | None = None  # of its own last deduplication: the file of each <source>/<unit>


def folder_of(loaded: Loaded) -> Path | None:
    """The index that a manifest names, from the manifest's own folder; None if it names none. Raises ManifestError."""
    dedup = loaded.manifest.curate.dedup
    if dedup is None or dedup.index is None:
        return None
    try:
        return Path(os.path.normpath(loaded.path.parent / inputs.variables(dedup.index)))
    except inputs.MissingInput as error:
        raise loaded.error(PLACE, str(error)) from None


def parameters(dedup: Dedup) -> dict[str, dict]:
    """What the manifests of an index have to agree on."""
    near = dedup.near
    rules = {"exact": dedup.exact, "url": dedup.url, "quality": dedup.quality, "scope": dedup.scope}
    return {
        "signature": dataclasses.asdict(near.signature) if near else {},
        "versions": {"features": features.VERSION, "minhash": minhash.VERSION, "unicode": unicodedata.unidata_version},
        "rules": {**rules, "near": near is not None, **(dataclasses.asdict(near.duplicates) if near else {})},
    }


def check(loaded: Loaded) -> None:
    """Raises ManifestError if the manifest's index cannot be used by it."""
    folder = folder_of(loaded)
    if folder is None:
        return
    try:
        if known := read_parameters(folder):
            compare(folder, known, parameters(loaded.manifest.curate.dedup))
            check_name(folder, loaded.manifest.name, loaded.path)
    except UnusableIndex as error:
        raise loaded.error(PLACE, str(error)) from None


def read_parameters(folder: Path) -> dict | None:
    """The content of `index.yaml`; None if there is no index yet. Raises UnusableIndex for a folder of other things."""
    path = folder / PARAMETERS
    try:
        found = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if folder.is_dir() and any(p.name != ".lock" for p in folder.iterdir()):
            raise UnusableIndex(
                f"{folder} has other things in it, but no {PARAMETERS}; name a folder that is new or empty"
            ) from None
        return None
    except NotADirectoryError:
        raise UnusableIndex(f"{folder} is a file; an index is a folder") from None
    except (YAMLError, UnicodeDecodeError) as error:
        raise UnusableIndex(f"{path} cannot be read ({str(error).splitlines()[0]}); mend or restore it") from None
    parts = ("signature", "versions", "rules")
    prefer = found.get("prefer", []) if isinstance(found, Mapping) else None
    if not isinstance(prefer, list) or not all(isinstance(found.get(part), Mapping) for part in parts):
        raise UnusableIndex(f"{path} is no index: it needs {', '.join(parts)} and prefer, a list; mend or restore it")
    return {**found, "prefer": [str(name) for name in prefer]}


def compare(folder: Path, known: Mapping, wanted: Mapping) -> None:
    """Raises UnusableIndex that names every parameter in which an index differs from what a manifest wants."""
    differ = {
        part: [
            (name, known[part].get(name), wanted[part].get(name))
            for name in dict.fromkeys([*wanted[part], *known[part]])
            if known[part].get(name) != wanted[part].get(name)
        ]
        for part in ("signature", "versions", "rules")
    }
    said = [f"{name} {shown(there)}, here {shown(here)}" for some in differ.values() for name, there, here in some]
    if not said:
        return
    others = ", ".join(member.path for member in members(folder))
    if differ["versions"]:
        what = "another version of Gristmill or Python"
        remedy = (
            f"remove the folder and run its manifests again ({others or 'it has none'}): their texts are in the store"
        )
    elif differ["signature"]:
        what = "other parameters"
        remedy = "use the same, or another folder"
    else:
        what = "other rules"
        remedy = f"use the same; to change them, do it in {folder / PARAMETERS} and in all its manifests ({others})"
    raise UnusableIndex(f"the index {folder} was made with {what}: {'; '.join(said)}. To go on, {remedy}")


def check_name(folder: Path, name: str, path: Path) -> None:
    """Raises UnusableIndex if another manifest of this name is in the index."""
    member = member_of(folder, name)
    if member and Path(member.path).exists() and not os.path.samefile(member.path, path):
        raise UnusableIndex(
            f"the index {folder} already has a manifest called {name!r}, {member.path}; give one of them another `name`"
        )


def members(folder: Path) -> list[Member]:
    """The manifests of an index, in order of name. Raises UnusableIndex."""
    try:
        names = sorted(p.stem for p in (folder / "manifests").iterdir() if p.suffix == ".json" and p.name[0] != ".")
    except FileNotFoundError:
        return []
    return [member for name in names if (member := member_of(folder, name))]


def member_of(folder: Path, name: str) -> Member | None:
    """One manifest of an index, or None. Raises UnusableIndex if its file is damaged."""
    path, here = _registration(folder, name), os.path.realpath(folder)
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        parts = tuple(
            Part(**{**part, "files": tuple(Input(**{**f, "path": _there(here, f["path"])}) for f in part["files"])})
            for part in fields["parts"]
        )
        where = {key: fields[key] and _there(here, fields[key]) for key in ("path", "store")}
        verdicts = fields["verdicts"] and {unit: _there(here, file) for unit, file in fields["verdicts"].items()}
        return Member(fields["name"], parts=parts, verdicts=verdicts, **where)
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError):
        raise UnusableIndex(
            f"{path} is damaged; remove it, and run the manifest {name!r} again: its texts are in the store"
        ) from None


def register(folder: Path, member: Member, wanted: Mapping) -> None:
    """Enter a manifest, in place of what the index had of it; makes the index if there is none.

    Raises UnusableIndex for an index made with other parameters, or with another manifest of this name.
    """
    with locked(folder):
        known = read_parameters(folder)
        if known:
            compare(folder, known, wanted)
            check_name(folder, member.name, Path(member.path))
        else:
            text = io.StringIO()
            YAML().dump({**wanted, "prefer": []}, text)
            atomic_write(folder / PARAMETERS, HEAD + text.getvalue())
        _write(folder, member)


def note_verdicts(folder: Path, name: str, verdicts: Mapping[str, str]) -> None:
    """Remember the verdict files of a manifest's own last deduplication, by `<source>/<unit>`."""
    with locked(folder):
        if member := member_of(folder, name):
            _write(folder, dataclasses.replace(member, verdicts=verdicts))


def remove(folder: Path, what: str) -> list[tuple[str, str, int]]:
    """Take a manifest, a source of all manifests, or `manifest/source` out; gives (manifest, source, units) of what went.

    Raises UnusableIndex if nothing is called so.
    """
    with locked(folder):
        gone = []
        known: dict[str, None] = {}
        for member in members(folder):
            names = dict.fromkeys(part.source for part in member.parts)
            known |= dict.fromkeys([member.name, *names, *(f"{member.name}/{source}" for source in names)])
            out = {source for source in names if what in (member.name, source, f"{member.name}/{source}")}
            gone += [(member.name, s, sum(p.source == s for p in member.parts)) for s in names if s in out]
            left = tuple(part for part in member.parts if part.source not in out)
            if what == member.name or (out and not left):
                _registration(folder, member.name).unlink(missing_ok=True)
            elif out:
                _write(folder, dataclasses.replace(member, parts=left))
        if what not in known:
            there = f"it has {', '.join(known)}" if known else "it is empty"
            raise UnusableIndex(f"{folder}: no manifest or source is called {what!r}{meant(what, known)}; {there}")
        for waiting in (folder / "changes").glob("*.parquet"):  # found with what is out now
            waiting.unlink(missing_ok=True)
        return gone


def levels(prefer: Sequence[str], participants: Iterable[tuple[str, str]], by_quality: bool) -> dict:
    """The level of preference of each (manifest, source), 0 the best.

    First what `prefer` names, as a source, a manifest or `manifest/source`; then by the name of the source, or, with a
    quality, all on one level. Sources of one name are on one level, whatever manifest they are in. When each was added
    does not matter.

    >>> levels(["2023"], [("2023", "web"), ("2024", "web"), ("2024", "books")], False)
    {('2023', 'web'): 0, ('2024', 'books'): 1, ('2024', 'web'): 2}
    """
    participants = sorted(set(participants))
    names = sorted({source for _, source in participants})
    found = {}
    for manifest, source in participants:
        called = (source, manifest, f"{manifest}/{source}")
        later = len(prefer) + (0 if by_quality else names.index(source))
        found[manifest, source] = next((level for level, name in enumerate(prefer) if name in called), later)
    return found


def missing_files(member: Member) -> Iterator[tuple[Part, Input, str]]:
    """What of a manifest's units is not in the store any more, or has another size."""
    for part in member.parts:
        for file in part.files:
            try:
                size = os.stat(file.path).st_size
            except OSError:
                yield part, file, "is gone"
                continue
            if size != file.size_bytes:
                yield part, file, f"has {size:,} bytes, but should have {file.size_bytes:,}"


def remedy(folder: Path, member: Member) -> str:
    """How missing files of a manifest come back."""
    return (
        f"gristmill run {member.path} --until filter --store {member.store} makes them again; "
        f"gristmill index remove {folder} {member.name} goes on without them"
    )


def changes_of(folder: Path, name: str) -> Path:
    """Where the changes are that wait for a manifest's next run."""
    return folder / "changes" / f"{name}.parquet"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One process at a time changes an index; the lock ends with the process."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise UnusableIndex(f"{folder} is a file; an index is a folder") from None
    with open(folder / ".lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _registration(folder: Path, name: str) -> Path:
    return folder / "manifests" / f"{name}.json"


def _write(folder: Path, member: Member) -> None:
    """Write a manifest's file; the index is locked."""
    fields = dataclasses.asdict(member)
    for key in ("path", "store"):
        fields[key] = fields[key] and _from(folder, fields[key])
    steps: dict[str, str] = {}  # <store>/<step> -> the same from the index: links are followed once, not for every file

    def relative(path: str) -> str:
        unit, name = os.path.split(path)
        step, key = os.path.split(unit)
        steps[step] = steps.get(step) or _from(folder, step)
        return os.path.join(steps[step], key, name)

    for part in fields["parts"]:
        for file in part["files"]:
            file["path"] = relative(file["path"])
    fields["verdicts"] = fields["verdicts"] and {unit: relative(file) for unit, file in fields["verdicts"].items()}
    path = _registration(folder, member.name)
    path.parent.mkdir(exist_ok=True)
    for left in path.parent.glob(".*"):  # by a process that was killed
        left.unlink(missing_ok=True)
    atomic_write(path, json.dumps(fields, ensure_ascii=False, indent=0) + "\n")


def _from(folder: Path, path: str) -> str:
    """A path as an index keeps it: relative, so that an index and its store can be moved together."""
    return os.path.relpath(os.path.realpath(path), os.path.realpath(folder))


def _there(folder: str, path: str) -> str:
    return os.path.normpath(os.path.join(folder, path))


def shown(value: object) -> str:
    """A parameter as YAML has it."""
    return "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
