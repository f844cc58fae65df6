"""Which files of a data set are rows, and of which split: the Hub's conventions for names, and its globs.

As `datasets` has them (https://huggingface.co/docs/datasets/repository_structure), over a list of paths.
"""

import re
from collections.abc import Mapping, Sequence
from functools import cache

FORMATS = {
    "parquet": ("parquet",),
    "json": ("jsonl", "ndjson", "json"),
    "arrow": ("arrow", "feather"),
    "csv": ("csv",),
    "tsv": ("tsv",),
    "txt": ("txt",),
}
"""Formats of tables -> the suffixes of their files."""
COMPRESSIONS = ("gz", "bz2", "zst", "xz")
IGNORED = ("README.md", "config.json", "dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json")
"""Files of a data set that hold no rows."""

SPLIT_WORDS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "dev", "val"),
    "test": ("test", "testing", "eval", "evaluation"),
}
"""Split -> the words that name it in a file's or folder's name."""

_SHARDED = re.compile(r"data/([^/]+)-\d{5}-of-\d{5}[^/]*\.[^/]*\Z")


def by_convention(rows: Mapping[str, str]) -> dict[str, list[str]]:
    """Split -> files, told by their paths below the configuration's folder (`rows`: file -> that path).

    The first that fits: `data/<split>-00000-of-00001.*`; a folder called by a split; a file called by one; all is `train`.
    """
    splits: dict[str, list[str]] = {}
    for name, rest in rows.items():
        if match := _SHARDED.match(rest):
            splits.setdefault(match[1], []).append(name)
    if splits:
        return splits
    for parts_of in (lambda rest: rest.split("/")[:-1], lambda rest: [rest.rpartition("/")[2]]):
        for split, words in SPLIT_WORDS.items():
            named = re.compile(rf"(?:\A|[-._ 0-9])(?:{'|'.join(words)})(?:[-._ 0-9]|\Z)")
            found = [name for name, rest in rows.items() if any(named.search(part) for part in parts_of(rest))]
            if found:
                splits[split] = found
        if splits:
            return splits
    return {"train": list(rows)}


def patterns(given: object) -> dict[str, list[str]]:
    """`data_files` in all the ways in which it may be written, as split -> patterns."""
    if isinstance(given, Mapping):
        return {str(split): _as_list(paths) for split, paths in given.items()}
    entries = _as_list(given)
    if any(isinstance(entry, Mapping) for entry in entries):
        named = [entry for entry in entries if isinstance(entry, Mapping)]
        return {str(entry.get("split", "train")): _as_list(entry.get("path", [])) for entry in named}
    return {"train": entries}


def _as_list(value: object) -> list:
    return value if isinstance(value, list) else [value]


def rows(files: Mapping[str, object], base: str = "") -> list[str]:
    """The files below a folder that hold rows: of the format that most of them are in, for the others explain it."""
    by_format: dict[str, list[str]] = {}
    for name in matching(["**"], files, base):
        if found := _format(name):
            by_format.setdefault(found, []).append(name)
    return max(by_format.values(), key=len, default=[])


def _format(path: str) -> str | None:
    parts = path.lower().rpartition("/")[2].split(".")
    if len(parts) > 2 and parts[-1] in COMPRESSIONS:
        parts.pop()
    return next((name for name, suffixes in FORMATS.items() if len(parts) > 1 and parts[-1] in suffixes), None)


def matching(globs: Sequence[str], files: Mapping[str, object], base: str = "") -> list[str]:
    """The files that any of the globs matches, in their order; hidden ones and metadata only where they are named."""
    found: dict[str, None] = {}
    for pattern in globs:
        pattern = "/".join(part for part in f"{base}/{pattern}".split("/") if part not in ("", "."))
        shape = _shape(pattern)
        named = pattern.rpartition("/")[2]
        special = _special(pattern)
        for name in files:
            wanted = name.rpartition("/")[2] not in IGNORED or named == name.rpartition("/")[2]
            if wanted and shape.match(name) and _special(name) == special:
                found[name] = None
    return list(found)


def _special(path: str) -> int:
    """How many parts of a path are hidden, or folders that begin with two underscores."""
    parts = path.split("/")
    return sum(part.startswith(".") for part in parts) + sum(part.startswith("__") for part in parts[:-1])


@cache
def _shape(pattern: str) -> re.Pattern:
    """A glob as a regular expression: `*` within a name, `**` over folders."""
    out, position = "", 0
    while position < len(pattern):
        if pattern.startswith("**/", position):
            out, position = out + "(?:.*/)?", position + 3
        elif pattern.startswith("**", position):
            out, position = out + ".*", position + 2
        elif pattern[position] == "[" and (end := pattern.find("]", position + 2)) > 0:
            inner = pattern[position + 1 : end].replace("\\", r"\\").replace("[", r"\[")
            out, position = out + "[" + ("^" + inner[1:] if inner.startswith("!") else inner) + "]", end + 1
        else:
            out += {"*": "[^/]*", "?": "[^/]"}.get(pattern[position], re.escape(pattern[position]))
            position += 1
    return re.compile(out + r"\Z", re.DOTALL)
