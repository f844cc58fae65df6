"""The worked example of docs/increments.md does what the page says."""

import re

import pytest

from tests.conftest import PROJECT
from tests.manifests.test_index import told


def plain(line: str) -> str:
    """A line without times and the lines of tables."""
    return re.sub(r"[\d.]+ s |[│\s]+", " ", line).strip().replace("  ", " ")


@pytest.mark.slow
def test_the_worked_example_prints_what_the_page_shows(tmp_path, monkeypatch):
    page = (PROJECT / "docs/increments.md").read_text()
    monkeypatch.chdir(tmp_path)
    (script,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    exec(compile(script, "increments.md", "exec"), {})
    first, second = re.findall(r"```\n(\$ gristmill.*?)```", page, re.DOTALL)
    index = tmp_path / "shared/index.yaml"
    for block in (first, second):
        for part in block.split("$ gristmill ")[1:]:
            line, *shown = part.strip().splitlines()
            code, out, err = told(*line.split(), cwd=tmp_path)
            assert code == 0, err
            printed = [plain(said) for said in (out + err).splitlines()]
            assert [expected for expected in shown if expected != "..." and plain(expected) not in printed] == []
        index.write_text(index.read_text().replace("prefer: []", "prefer: [c2023]"))
