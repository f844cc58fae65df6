"""The manifest's text: parsed with the line of every key, and what is wrong with it as people read it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a manifest: file, line, place, and what to do about it."""

    file: str
    line: int | None
    where: str
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place} {self.where}: {self.message}" if self.where else f"{place}: {self.message}"


class ManifestError(ValueError):
    """A manifest cannot be used; holds every problem found, not only the first."""

    def __init__(self, problems: Sequence[Problem]):
        self.problems = list(problems)
        super().__init__("\n".join(str(problem) for problem in problems))


@dataclass(frozen=True)
class SourceLines:
    """A manifest's data, and the line that each part of it stands on."""

    data: Mapping[str, Any]
    marked: Mapping[str, Any]
    """The same as ruamel.yaml reads it, with the position of every key."""

    @classmethod
    def read(cls, path: Path) -> "SourceLines":
        """Parse a YAML or JSON file. Raises ManifestError for a missing file, a syntax error or a duplicate key."""
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            raise ManifestError([Problem(str(path), None, "", "no such file; give the path of a manifest")]) from None
        except (OSError, UnicodeDecodeError) as error:
            raise ManifestError([Problem(str(path), None, "", f"cannot be read: {error}")]) from None
        if path.suffix == ".json":
            text = text.replace("\t", "  ")  # legal white space in JSON, not in YAML; never inside a JSON string
        try:
            data = YAML(typ="rt").load(text)
        except DuplicateKeyError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else None
            what = str(error.problem).split(" with value")[0]
            raise ManifestError(
                [Problem(str(path), line, "", f"{what}; each key may stand once: remove or rename one")]
            ) from None
        except MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else None
            raise ManifestError(
                [
                    Problem(
                        str(path),
                        line,
                        "",
                        f"not valid YAML: {error.problem or error.context}; check brackets, quotes and indentation",
                    )
                ]
            ) from None
        except Exception as error:  # ruamel raises bare YAMLError and ValueError for odd bytes
            raise ManifestError([Problem(str(path), None, "", f"not valid YAML: {error}")]) from None
        if not isinstance(data, Mapping):
            raise ManifestError(
                [
                    Problem(
                        str(path),
                        1,
                        "",
                        "a manifest is a mapping with the key `sources`; see manifests/demo.yaml",
                    )
                ]
            )
        if path.suffix == ".json":  # YAML and JSON differ in escapes such as "\\ud83d\\ude00"
            try:
                return cls(json.loads(text), data)
            except json.JSONDecodeError as error:
                raise ManifestError([Problem(str(path), error.lineno, "", f"not valid JSON: {error.msg}")]) from None
        return cls(data, data)

    def line(self, where: Sequence[str | int]) -> int | None:
        """The line of the innermost part of a place that the file really has (1 is the first)."""
        node: Any = self.marked
        line: int | None = None
        for part in where:
            try:
                position = node.lc.key(part) if isinstance(node, Mapping) else node.lc.item(part)
                node = node[part]
            except (AttributeError, KeyError, IndexError, TypeError):
                break
            line = position[0] + 1
        return line
