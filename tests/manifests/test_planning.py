"""What planning takes in beside raw files: lists in folders, lists that are not there, data files of the readers."""

import json
from pathlib import Path

import pytest

from gristmill.curation import extract, language_table
from gristmill.manifests import planning, schema
from gristmill.manifests.inputs import Digests
from gristmill.manifests.plan_curation import plan_extract, plan_filter, plan_measure
from gristmill.manifests.planning import Context
from gristmill.manifests.schema import Loaded
from gristmill.manifests.source_lines import ManifestError
from gristmill.manifests.store import Record, Unit


def manifest(folder: Path, source: str = "{kind: text, paths: [a.jsonl]}") -> Loaded:
    (folder / "a.jsonl").write_text(json.dumps({"text": "The mill grinds."}) + "\n")
    (folder / "m.yaml").write_text(f"sources:\n  s: {source}\n")
    return schema.load(folder / "m.yaml")


def listed(folder: Path, path: str) -> list[str]:
    """The files that stand for `domains: [path]`."""
    lists = f"{{integrated: false, domains: ['{path}']}}"
    loaded = manifest(folder, f"{{kind: text, paths: [a.jsonl], filters: [urls], url_lists: {lists}}}")
    return [f"{what} {file.locator}" for what, file in planning.url_list_files(loaded)["s"]]


def test_of_a_folder_only_the_files_called_like_the_list_count(tmp_path):
    for name in (
        "ut1/adult/domains",
        "ut1/adult/urls",
        "ut1/press/domains.gz",
        "ut1/adult/README",
        "one/README",
        "my/x.txt",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("example.org\n")
    assert listed(tmp_path, "ut1") == ["domains ut1/adult/domains", "domains ut1/press/domains.gz"]
    assert listed(tmp_path, "./ut1/") == listed(tmp_path, "ut1/*") == listed(tmp_path, "ut1/**/domains*")
    assert listed(tmp_path, "my/*.txt") == ["domains my/x.txt"]
    assert listed(tmp_path, "one/README") == ["domains one/README"]
    with pytest.raises(ManifestError, match="one: no file called domains is in this folder"):
        listed(tmp_path, "one")


def test_lists_that_are_not_there_are_problems_of_the_manifest(tmp_path):
    lists = "{domains: [no/such], urls: [nor/this]}"
    more = f"checksums: nowhere.sums, filters: [urls], url_lists: {lists}"
    loaded = manifest(tmp_path, f"{{kind: text, paths: [a.jsonl], {more}}}")
    with pytest.raises(ManifestError) as told:
        planning.raw_groups(loaded)
    said = str(told.value)
    assert "sources.s.checksums: nowhere.sums: no such file" in said
    assert "sources.s.url_lists.domains.0: no/such: no such file" in said
    assert "sources.s.url_lists.urls.0: nor/this: no such file" in said


def test_a_data_file_that_shapes_what_a_reader_gives_counts_by_its_content(tmp_path, monkeypatch):
    loaded = manifest(tmp_path)
    model = tmp_path / "model.json"
    keys = set()
    for content in ("one", "two", None):
        monkeypatch.setattr(extract.reader("text"), "MODELS", (model,) if content else (), raising=False)
        model.write_text(content or "")
        context = Context(loaded, planning.raw_groups(loaded), Digests(tmp_path / "store"))
        (unit,) = plan_extract(context)
        keys.add(unit.key)
        assert [i.name for i in unit.inputs] == ["raw/a.jsonl", *(["model/text/model.json"] if content else [])]
    assert len(keys) == 3


def _made(unit: Unit, folder: Path) -> Record:
    """A unit as if it had been run."""
    outputs = {"texts.arrow": "0" * 32, "features.arrow": "1" * 32}
    folder.mkdir(parents=True, exist_ok=True)
    for name in outputs:
        (folder / name).touch()
    return Record(folder, unit.step, unit.name, unit.source, unit.key, unit.params, {}, outputs, {}, {}, 0.0)


def test_the_table_of_languages_counts_by_its_content_where_it_is_used(tmp_path, monkeypatch):
    loaded = manifest(tmp_path, "{kind: text, paths: [a.jsonl], filters: [fineweb2]}")
    table = tmp_path / "fineweb2.json"
    monkeypatch.setattr(language_table, "PATH", table)
    keys: dict[str, set[str]] = {}
    for content in ("one", "second"):
        table.write_text(content)
        context = Context(loaded, planning.raw_groups(loaded), Digests(tmp_path / "store"))
        for plan in (plan_extract, plan_measure, plan_filter):
            (unit,) = plan(context)
            keys.setdefault(unit.step, set()).add(unit.key)
            context.records[unit.step] = {(unit.source, unit.name): _made(unit, tmp_path / unit.step)}
    assert {step: len(found) for step, found in keys.items()} == {"extract": 1, "measure": 2, "filter": 2}
