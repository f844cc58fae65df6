"""The layout holds: packages are listed, imports run one way, and planning needs no torch."""

import ast
import subprocess
import sys
import tomllib

import pytest

from tests.conftest import PROJECT

PACKAGES = ("curation", "tokenizer", "train", "manifests")
MODULES = [path for package in PACKAGES for path in sorted((PROJECT / package).rglob("*.py"))]


def imported(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def test_every_package_on_disk_is_listed_in_pyproject():
    """Folders of data files too: setuptools takes them for packages."""
    listed = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    folders = {file.parent for p in PACKAGES for file in (PROJECT / p).rglob("*") if file.is_file()}
    found = {f"gristmill.{f.relative_to(PROJECT)}".replace("/", ".") for f in folders if f.name != "__pycache__"}
    assert set(listed) == found


@pytest.mark.parametrize("path", [*MODULES, *sorted((PROJECT / "tests").rglob("*.py"))], ids=str)
def test_nobody_imports_the_bare_package_names(path):
    assert not [name for name in imported(path) if name.split(".")[0] in PACKAGES]


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PROJECT)))
def test_imports_only_point_back_along_the_pipeline(path):
    package = PACKAGES.index(path.relative_to(PROJECT).parts[0])
    later = {f"gristmill.{name}" for name in PACKAGES[package + 1 :]}
    assert not [name for name in imported(path) if ".".join(name.split(".")[:2]) in later]


def test_only_the_schema_knows_pydantic():
    assert [p.name for p in MODULES if any(n.split(".")[0] == "pydantic" for n in imported(p))] == ["schema.py"]


def test_planning_imports_no_library_that_is_slow_to_load():
    code = (
        "import sys, gristmill.manifests.cli, gristmill.manifests.plan_curation, gristmill.manifests.steps\n"
        "print([m for m in ('torch', 'litgpt', 'datatrove', 'numba', 'phonenumbers') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
