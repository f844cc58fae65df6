"""Files that a step reads beside its raw files: they count as inputs, so a change of them is a change of the result."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.manifests.test_fetch import gristmill

WORDS = "The mill grinds what it is given, and nothing that it is given is lost on the way."


def verdicts(folder) -> dict[str, str | None]:
    """url -> the rule that dropped it, from the ledger."""
    (file,) = (folder / "runs" / "m" / "ledger").rglob("*.parquet")
    table = pq.read_table(file, columns=["url", "rule"]).to_pydict()
    return dict(zip(table["url"], table["rule"], strict=True))


def run(folder) -> None:
    ran = gristmill(folder, "run", "m.yaml")
    assert ran.returncode == 0, ran.stderr


@pytest.mark.slow
def test_lists_of_ones_own_block_addresses_and_a_changed_list_is_asked_again(tmp_path):
    urls = ["https://good-example.org/a", "https://bad-example.org/b", "https://www.other-example.org/casino-royale"]
    lines = "".join(json.dumps({"text": f"{WORDS} {url}", "url": url}) + "\n" for url in urls)
    (tmp_path / "a.jsonl").write_text(lines)
    (tmp_path / "ut1" / "gambling").mkdir(parents=True)
    (tmp_path / "ut1" / "gambling" / "domains").write_text("bad-example.org\n")
    (tmp_path / "words").write_text("casino\n")
    (tmp_path / "m.yaml").write_text(
        "sources:\n  s:\n    kind: text\n    paths: a.jsonl\n    filters: [urls]\n"
        "    url_lists: {integrated: false, domains: [ut1], banned_words: [words]}\n"
        "curate: {languages: null, dedup: null}\n"
    )
    run(tmp_path)
    assert verdicts(tmp_path) == dict(zip(urls, [None, "urls.blocked_domain", "urls.max_banned_words"], strict=True))
    (tmp_path / "ut1" / "gambling" / "domains").write_text("good-example.org\n")
    run(tmp_path)
    assert verdicts(tmp_path) == dict(zip(urls, ["urls.blocked_domain", None, "urls.max_banned_words"], strict=True))


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        ("    filters: [urls]\n    url_lists: {domains: [none.txt]}\n", "none.txt: no such file"),
        ("    url_lists: {domains: [a.jsonl]}\n", "no rule asks them; add the preset urls"),
        ("    filters: [urls]\n    url_lists: {domain: [a.jsonl]}\n", "did you mean 'domains'"),
    ],
    ids=["no file", "no rule", "unknown key"],
)
def test_lists_that_cannot_be_used_are_explained(tmp_path, extra, said):
    (tmp_path / "a.jsonl").write_text('{"text": "x", "url": "https://a.example"}\n')
    (tmp_path / "m.yaml").write_text(f"sources:\n  s:\n    kind: text\n    paths: a.jsonl\n{extra}")
    checked = gristmill(tmp_path, "plan", "m.yaml")
    assert checked.returncode == 1
    assert said in checked.stderr
    assert "m.yaml:" in checked.stderr


@pytest.mark.slow
def test_changed_comments_beside_a_table_of_posts_are_read_again(tmp_path):
    post = '<row Id="1" PostTypeId="1" Score="3" Title="On mills" Body="&lt;p&gt;How do mills grind their grain?&lt;/p&gt;" />'
    comment = '<row Id="9" PostId="1" Score="1" Text="{}" />'
    folder = tmp_path / "dump"
    folder.mkdir()
    (folder / "Posts.xml").write_text(f"<posts>\n{post}\n</posts>")
    (tmp_path / "m.yaml").write_text(
        "sources:\n  s: {kind: forum, paths: dump/Posts.xml, read: {comments: true}, filters: []}\n"
        "curate: {languages: null, dedup: null}\n"
    )
    for words in ("Slowly, between stones.", "Ever finer, between steel rollers."):
        (folder / "Comments.xml").write_text(f"<comments>\n{comment.format(words)}\n</comments>")
        run(tmp_path)
        (shard,) = (tmp_path / "runs" / "m" / "shards").rglob("*.arrow")
        with pa.ipc.open_file(shard) as file:
            assert words in file.read_all()["text"][0].as_py()


@pytest.mark.slow
def test_a_file_of_a_list_that_is_gone_is_a_counted_failure_and_the_others_are_read(tmp_path):
    (tmp_path / "list").write_text("a.jsonl\ngone.jsonl\n")
    (tmp_path / "a.jsonl").write_text(json.dumps({"text": WORDS, "url": "https://good-example.org"}) + "\n")
    (tmp_path / "m.yaml").write_text(
        "sources:\n  s: {kind: text, paths_file: list, filters: []}\n"
        "curate: {languages: null, dedup: {near: null}}\nrun: {max_failed: 0.9}\n"
    )
    ran = gristmill(tmp_path, "run", "m.yaml")
    assert ran.returncode == 0, ran.stderr
    assert "gone.jsonl" in ran.stdout + ran.stderr
    assert verdicts(tmp_path) == {"https://good-example.org": None}


@pytest.mark.slow
def test_a_file_name_that_is_not_utf8_and_a_broken_link_are_named(tmp_path):
    (tmp_path / "m.yaml").write_text("sources:\n  s: {kind: text, paths: ['data/*']}\n")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "gone.jsonl").symlink_to(tmp_path / "nowhere")
    assert "a link to a file that is not there" in gristmill(tmp_path, "check", "m.yaml").stderr
    (tmp_path / "data" / "gone.jsonl").unlink()
    with open(bytes(tmp_path / "data") + b"/caf\xe9.jsonl", "w") as file:
        file.write('{"text": "x"}\n')
    said = gristmill(tmp_path, "check", "m.yaml").stderr
    assert "is not UTF-8; rename the file" in said
    assert "Traceback" not in said


@pytest.mark.slow
def test_a_reason_that_is_no_proper_unicode_costs_no_neighbour(tmp_path):
    (tmp_path / "bad.jsonl").write_text('{"body": "x", "a\\ud800": 1}\n')
    (tmp_path / "good.jsonl").write_text(json.dumps({"text": WORDS, "url": "https://good-example.org"}) + "\n")
    (tmp_path / "m.yaml").write_text(
        "sources:\n  s: {kind: text, paths: ['*.jsonl'], filters: []}\n"
        "curate: {languages: null, dedup: null}\nrun: {max_failed: 0.9}\n"
    )
    ran = gristmill(tmp_path, "run", "m.yaml")
    assert ran.returncode == 0, ran.stderr
    assert verdicts(tmp_path) == {"https://good-example.org": None}
