"""The licence that a package's description states: package.json, Cargo.toml, pyproject.toml, setup.py, pom.xml, ..."""

import json
import re
import tomllib
from collections.abc import Callable, Mapping
from configparser import ConfigParser
from configparser import Error as ConfigError

from gristmill.curation.code.spdx import from_words


def package_licence(name: str, data: bytes) -> str | None:
    """The expression in the licence field of a package's description (by file name), None without one.

    >>> package_licence("Cargo.toml", b'[package]\\nlicense = "MIT/Apache-2.0"')
    'Apache-2.0 OR MIT'
    """
    reader = _PACKAGES.get(name) or _PACKAGES.get("*" + name[name.rfind(".") :])
    if reader is None:
        return None
    try:
        stated = reader(data.decode("utf-8", "replace"))
    except (ValueError, ConfigError, RecursionError, KeyError, TypeError, AttributeError):
        return None
    return from_words(stated) if isinstance(stated, str) else None


def is_package_file(name: str) -> bool:
    """Whether a file's name is that of a package's description, such as `Cargo.toml`."""
    return name in _PACKAGES or "*" + name[name.rfind(".") :] in _PACKAGES


def _from_json(text: str) -> str | None:
    data = json.loads(text)
    stated = data.get("license") or data.get("licenses")
    if isinstance(stated, list):  # composer, and npm of old: a choice
        kinds = [item.get("type") if isinstance(item, Mapping) else item for item in stated]
        return " OR ".join(f"({kind})" for kind in kinds if isinstance(kind, str)) or None
    return stated.get("type") if isinstance(stated, Mapping) else stated


def _from_toml(text: str) -> str | None:
    data = tomllib.loads(text)
    project = data.get("project") or data.get("package") or data.get("tool", {}).get("poetry") or {}
    stated = project.get("license") or data.get("workspace", {}).get("package", {}).get("license")
    if isinstance(stated, Mapping):
        stated = stated.get("text")
    return stated or _classified(project.get("classifiers", ()))


def _from_cfg(text: str) -> str | None:
    parser = ConfigParser(interpolation=None, strict=False)
    parser.read_string(text)
    metadata = dict(parser["metadata"]) if parser.has_section("metadata") else {}
    stated = metadata.get("license") or metadata.get("licence")
    return stated if stated and from_words(stated) else _classified(metadata.get("classifiers", "").splitlines())


def _classified(classifiers: list[str]) -> str | None:
    """The licence among Python's trove classifiers."""
    stated = [c.rpartition("::")[2].strip() for c in classifiers if c.strip().startswith("License ::")]
    return stated[0] if len(stated) == 1 else None


def _by_pattern(pattern: str) -> Callable[[str], str | None]:
    compiled = re.compile(pattern, re.MULTILINE)

    def find(text: str) -> str | None:
        match = compiled.search(text, 0, 100_000)
        return match[1] if match else None

    return find


_PACKAGES: dict[str, Callable[[str], str | None]] = {
    "package.json": _from_json,
    "composer.json": _from_json,
    "pyproject.toml": _from_toml,
    "Cargo.toml": _from_toml,
    "setup.cfg": _from_cfg,
    "setup.py": _by_pattern(r"\blicen[sc]e\s*=\s*[\"']([^\"'\n]{2,80})[\"']"),
    "pom.xml": _by_pattern(r"<licenses>\s*<license>\s*<name>([^<]{2,80})</name>"),
    "DESCRIPTION": _by_pattern(r"^License: ([^\n|]{2,80})"),
    "*.gemspec": _by_pattern(r"\.licenses?\s*=\s*\[?\s*[\"']([^\"'\n]{2,80})[\"']\s*\]?\s*$"),
    "*.cabal": _by_pattern(r"(?i)^license:\s*([^\n]{2,80})$"),
}
"""Name of a package's description, or its ending -> what finds the licence field in it."""
