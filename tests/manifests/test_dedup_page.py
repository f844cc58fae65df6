"""The worked example of docs/dedup.md does what the page says."""

import dataclasses
import re

import pytest

from gristmill.manifests import schema
from tests.conftest import PROJECT
from tests.manifests.test_increments_page import plain
from tests.manifests.test_index import told
from tests.manifests.test_schema import GOOD, load

PAGE = (PROJECT / "docs/dedup.md").read_text()


@pytest.mark.slow
def test_the_worked_example_prints_what_the_page_shows(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    (script,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(compile(script, "dedup.md", "exec"), {})
    (block,) = re.findall(r"```\n(\$ gristmill.*?)```", PAGE, re.DOTALL)
    for part in block.split("$ gristmill ")[1:]:
        line, *shown = part.strip().splitlines()
        code, out, err = told(*line.split(), cwd=tmp_path)
        assert code == 0, err
        printed = [plain(said) for said in out.splitlines()]
        assert [expected for expected in shown if plain(expected) not in printed] == []
    kept = told("why", "pages.yaml", "http://web.org/far", cwd=tmp_path)[1]
    assert "kept, in" in kept


def test_the_defaults_are_those_of_the_page(tmp_path):
    (block,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    written = load(tmp_path, GOOD + block).manifest.curate.dedup
    asked = written.model_copy(update={"prefer": []})
    assert asked == schema.Dedup()
    assert dataclasses.asdict(asked.near.duplicates) == dataclasses.asdict(schema.Near().duplicates)
