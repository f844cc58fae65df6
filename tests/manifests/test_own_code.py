"""Readers and rules of the manifest's author, through whole runs: the page that explains them is what is run."""

import json
import re
from pathlib import Path

import pytest

from gristmill.curation.ledger import read_ledger
from gristmill.manifests import own_code, schema
from gristmill.manifests.counts import RunStopped
from gristmill.manifests.source_lines import ManifestError
from tests.conftest import PROJECT
from tests.manifests import corpus
from tests.manifests.test_run import command, go, plans

PAGE = (PROJECT / "docs" / "own-code.md").read_text()


def write_examples(folder: Path) -> None:
    """The code blocks of the page as files; each begins with its file's name, and the last of a name wins."""
    for name, content in re.findall(r"```(?:python|yaml)\n# (\S+)\n(.*?)```", PAGE, re.DOTALL):
        (folder / name).write_text(content)


def write_rows(path: Path, rows: list[dict]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def ledger(root: Path, name: str) -> list[dict]:
    return read_ledger(root / "runs" / name / "ledger").to_pylist()


@pytest.fixture
def folder(tmp_path) -> Path:
    write_examples(tmp_path)
    write_rows(
        tmp_path / "news.jsonl",
        [{"text": "A calm day."}, {"text": "Buy!!! Now!!!"}, {"text": "Rain! Then wind came over the hill."}],
    )
    (tmp_path / "fables").mkdir()
    fox = corpus.document(3, sentences=24)
    (tmp_path / "fables/aesop.txt").write_text(f"# by Aesop\n== The Fox ==\n{fox}\n== The Crow ==\n\n")
    return tmp_path


def test_the_rule_on_the_page_drops_what_shouts(folder):
    go(folder / "rules.yaml", folder, until="shards")
    rows = [(row["rule"], row["value"], row["threshold"]) for row in ledger(folder, "rules")]
    assert rows == [(None, None, None), ("custom.exclamations", 6 / 13, 0.02), ("custom.exclamations", 1 / 35, 0.02)]


def test_the_rule_with_the_document_sees_meta_and_address(folder):
    rows = [{"text": "a", "votes": 5}, {"text": "b", "votes": 1}, {"text": "c", "url": "https://docs.x.org/"}]
    write_rows(folder / "news.jsonl", rows)
    text = (
        (folder / "rules.yaml")
        .read_text()
        .replace("exclamations", "trusted")
        .replace('"<=", threshold: 0.02', '"==", threshold: true')
    )
    (folder / "rules.yaml").write_text(text)
    go(folder / "rules.yaml", folder, until="shards")
    assert [row["status"] for row in ledger(folder, "rules")] == ["kept", "dropped", "kept"]


def test_the_reader_on_the_page_reads_fables(folder):
    go(folder / "reader.yaml", folder, until="shards")
    rows = {row["locator"]: row for row in ledger(folder, "reader")}
    assert set(rows) == {"fables/aesop.txt#The Fox", "fables/aesop.txt#The Crow"}
    fox = rows["fables/aesop.txt#The Fox"]
    assert (fox["kind"], fox["title"], fox["rule"]) == ("my_reader:read", "The Fox", None)
    assert rows["fables/aesop.txt#The Crow"]["rule"] == "empty_text"
    record = json.loads(next((folder / "store/extract").glob("*/record.json")).read_text())
    assert record["counts"]["not_documents"] == {"comment": 1}


@pytest.mark.slow
def test_two_workers_find_the_module_too(folder):
    (folder / "more").mkdir()
    for number in range(3):
        write_rows(folder / f"more/{number}.jsonl", [{"text": f"{number} words " * 150_000}])
    text = (folder / "rules.yaml").read_text().replace("news.jsonl", "more/*.jsonl")
    (folder / "rules.yaml").write_text(text)
    go(folder / "rules.yaml", folder, workers=2, until="filter")
    assert len(list((folder / "store/filter").iterdir())) == 3


def test_a_change_in_the_code_or_in_what_it_imports_runs_the_filter_again_and_nothing_before_it(folder):
    (folder / "my_rules.py").write_text(
        "from my_words import COUNT\n\ndef exclamations(text):\n    return COUNT(text)\n"
    )
    (folder / "my_words.py").write_text("def COUNT(text):\n    return 0\n")
    go(folder / "rules.yaml", folder, until="shards")
    assert {row["status"] for row in ledger(folder, "rules")} == {"kept"}
    (folder / "my_words.py").write_text("def COUNT(text):\n    return 1\n")
    planned = plans(folder / "rules.yaml", folder)
    assert planned["measure"][0] == "reuse"
    assert planned["filter"] == ("run", "changed: my_words.py")
    go(folder / "rules.yaml", folder, until="shards")
    assert {row["rule"] for row in ledger(folder, "rules")} == {"custom.exclamations"}


@pytest.mark.slow
def test_a_document_that_a_rule_fails_on_is_a_drop_that_names_the_line(folder):
    (folder / "my_rules.py").write_text(
        "def helper(text):\n    return 1 / (len(text) - 11)\n\ndef exclamations(text):\n    return helper(text)\n"
    )
    go(folder / "rules.yaml", folder, until="shards")
    (failed,) = [row for row in ledger(folder, "rules") if row["rule"] == "own_rule_failed"]
    assert failed["detail"] == "my_rules.py:2: ZeroDivisionError: division by zero"
    assert failed["value"] is None
    found = command("why", failed["id"], "--runs", folder / "runs")
    assert "my_rules.py:2: ZeroDivisionError" in found.stdout


def test_a_function_is_asked_about_all_documents_and_drops_none_that_it_fails_on_after_another_rule(folder):
    write_rows(folder / "news.jsonl", [{"text": "!" * n} for n in range(1, 40)] + [{"text": "A calm day in May."}])
    (folder / "my_rules.py").write_text("def exclamations(text):\n    return 1 / text.count(' ')\n")
    text = (folder / "rules.yaml").read_text().replace("- text\n", "- text: {min_words: 2}\n").replace("0.02", "0.5")
    (folder / "rules.yaml").write_text(text)
    go(folder / "rules.yaml", folder, until="shards")
    *shouts, calm = ledger(folder, "rules")
    assert {(row["rule"], *row["failed"], row["my_rules:exclamations"]) for row in shouts} == {
        ("text.min_words", "text.min_words", None)
    }
    assert (calm["status"], calm["failed"], calm["my_rules:exclamations"]) == ("kept", [], 0.25)


def test_a_dropped_document_has_the_value_of_every_rule(folder):
    write_rows(folder / "news.jsonl", [{"text": "Hush !!!", "votes": "7", "tags": ["a"]}])
    text = (folder / "rules.yaml").read_text()
    more = """      - {feature: meta.votes, op: ">=", threshold: 9}
      - {feature: meta.tags, op: not in, threshold: [a]}
      - {feature: url, op: in, threshold: [x], absent: drop}
"""
    (folder / "rules.yaml").write_text(
        text.replace("- text\n", "- text: {min_words: 2}\n").replace("curate", more + "curate")
    )
    go(folder / "rules.yaml", folder, until="shards")
    (row,) = ledger(folder, "rules")
    assert row["failed"] == [
        "text.min_words",
        "custom.exclamations",
        "custom.meta.votes",
        "custom.meta.tags",
        "custom.url",
    ]
    assert (row["my_rules:exclamations"], row["meta.votes"], row["meta.tags"]) == (3 / 8, 7.0, '["a"]')
    assert (row["rule"], row["value"], row["threshold"]) == ("text.min_words", 1.0, 2.0)
    shown = command("why", row["id"], "--runs", folder / "runs").stdout
    assert "custom.meta.votes              7 (asks for >= 9)" in shown
    assert "custom.url                     none (asks for in [x])" in shown


def test_a_rule_that_fails_on_everything_stops_the_run(folder):
    write_rows(folder / "news.jsonl", [{"text": f"Line {n}."} for n in range(20)])
    (folder / "my_rules.py").write_text("def exclamations(text):\n    return text.cuont('!')\n")
    with pytest.raises(RunStopped, match=r"fails on all of 20 documents.*my_rules.py:2: AttributeError"):
        go(folder / "rules.yaml", folder, until="shards")


def test_a_rule_that_fails_on_the_last_batch_alone_costs_those_documents(folder):
    rows = [{"text": f"Line {n}."} for n in range(1024)] + [{"text": "No number here."}] * 12
    write_rows(folder / "news.jsonl", rows)
    (folder / "my_rules.py").write_text("def exclamations(text):\n    return 0 * int(text.split()[1].strip('.'))\n")
    go(folder / "rules.yaml", folder, until="filter")
    (record,) = (folder / "store" / "filter").rglob("record.json")
    assert json.loads(record.read_text())["counts"]["dropped"] == {"own_rule_failed": 12}


def test_a_file_that_a_reader_fails_on_is_named_with_the_line_and_what_was_read_stays(folder):
    (folder / "my_reader.py").write_text(
        "from gristmill.curation.documents import Extracted\n\n"
        "def read(stream, name, options):\n    yield Extracted('1', 'one')\n    yield Extracted('2', stream.red())\n"
    )
    text = (folder / "reader.yaml").read_text() + "run: {max_failed: 1}\n"
    (folder / "reader.yaml").write_text(text)
    seen = go(folder / "reader.yaml", folder, until="shards")
    (warning,) = [line for line in seen.warnings if "aesop" in line]
    assert "fables/aesop.txt: my_reader.py:5: AttributeError: " in warning
    assert [row["locator"] for row in ledger(folder, "reader")] == ["fables/aesop.txt#1"]


@pytest.mark.parametrize(
    ("code", "reference", "said"),
    [
        ("def exclamation(text): return 1", "my_rules:exclamations", "did you mean 'exclamation'?"),
        ("", "my_rulez:exclamations", "unknown module 'my_rulez'; did you mean 'my_rules'?"),
        ("import no_such_library_here", "my_rules:f", "my_rules.py:1: ModuleNotFoundError: No module named"),
        ("x = (1", "my_rules:f", "my_rules.py:1: '(' was never closed"),
        ("def f(): return 1", "my_rules:f", "my_rules.py:1: my_rules:f is called with (text) or (text, document)"),
        ("1 / 0", "my_rules:f", "my_rules.py:1: ZeroDivisionError"),
    ],
)
def test_check_imports_the_code_and_says_what_is_wrong_at_the_line_of_the_manifest(folder, code, reference, said):
    (folder / "my_rules.py").write_text(code + "\n")
    text = (folder / "rules.yaml").read_text().replace("my_rules:exclamations", reference)
    (folder / "rules.yaml").write_text(text)
    with pytest.raises(ManifestError) as raised:
        own_code.check_imported(schema.load(folder / "rules.yaml"))
    assert f"rules.yaml:{text[: text.index('rule:')].count(chr(10)) + 1} sources.news.filters.1.rule: " in str(
        raised.value
    )
    assert said in str(raised.value)


def test_the_command_checks_it_too(folder):
    (folder / "my_rules.py").write_text("def wrong(text): return 1\n")
    done = command("check", folder / "rules.yaml", cwd=folder)
    assert done.returncode == 1
    assert "unknown function in my_rules.py: 'exclamations'" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_number_beyond_floats_is_told_with_its_line_and_many_failures_are_a_warning(folder):
    write_rows(folder / "rows.jsonl", [{"text": f"Row {n}."} for n in range(20)])
    (folder / "my_rules.py").write_text("\ndef huge(text):\n    return 10**400 if '3' in text else 1\n")
    manifest = folder / "huge.yaml"
    manifest.write_text(
        "sources:\n  a:\n    kind: text\n    paths: [rows.jsonl]\n"
        "    filters: [{rule: 'my_rules:huge', op: '>', threshold: 0}]\ncurate: {languages: null}\n"
    )
    assert go(manifest, folder, until="filter").warnings == [
        "sources.a: 2 of 20 documents are dropped because a rule's function failed on them; the first: "
        "my_rules.py:2: my_rules:huge gave a number beyond 1.8e308, which no threshold can judge"
    ]
