"""The demo's sample: built from what is at hand, the same every time, and with an answer for all that was planted."""

import hashlib
import json
import pickle
import re
import tarfile
import zipfile
import zlib

import pytest
import typer
from fastwarc.warc import ArchiveIterator
from typer.testing import CliRunner

from gristmill.curation import crawl, extract, forum, papers
from gristmill.curation.documents import Extracted, ReadOptions
from gristmill.manifests import planted, sample, sample_crawl, sample_packages, sample_sources, schema
from tests.conftest import PROJECT

PLANTED = planted.load()


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The crawl of the planted website, and where in it each response stands."""
    file = tmp_path_factory.mktemp("crawl") / "field-notes.warc.gz"
    return file, sample_crawl.crawl_site(planted.website(PLANTED), "field-notes.localhost", file)


def records(reader, file):
    with file.open("rb") as stream:
        return list(reader.read(stream, file.name, ReadOptions()))


def texts(reader, file) -> dict[str, str]:
    return {r.record: r.text for r in records(reader, file) if isinstance(r, Extracted)}


def test_the_crawl_of_the_website_is_the_same_every_time_whatever_the_port(site, tmp_path):
    file, offsets = site
    again = tmp_path / file.name
    assert sample_crawl.crawl_site(planted.website(PLANTED), "field-notes.localhost", again) == offsets
    assert again.read_bytes() == file.read_bytes()


def test_every_planted_page_is_a_document_with_exactly_its_text(site):
    file, offsets = site
    found = texts(crawl, file)
    assert found == {str(offsets[page["page"]]): f"{page['title']}\n\n{page['text']}" for page in PLANTED.pages}


def test_a_crawl_has_requests_and_a_response_for_each_path(site):
    file, offsets = site
    with file.open("rb") as stream:
        kinds = [record.headers["WARC-Type"] for record in ArchiveIterator(stream, parse_http=False)]
    assert kinds == ["warcinfo", *["response", "request"] * len(offsets)]


def test_what_is_edited_away_stands_in_its_page_once():
    for page in PLANTED.pages:
        for edit in page.get("edits", ()):
            for text in edit.values():
                assert page["text"].count(text) == 1


def test_leaked_questions_are_the_benchmarks_own():
    questions = {json.loads(line)["question"] for line in planted.data("benchmark.jsonl").open(encoding="utf-8")}
    leaked = [
        edit["decontaminate"] for page in PLANTED.pages for edit in page.get("edits", ()) if "decontaminate" in edit
    ]
    assert leaked
    assert questions.issuperset(leaked)
    dropped = next(page for page in PLANTED.pages if page["page"] == "/homework-help.html")
    assert questions.issuperset(dropped["text"].split("\n\n"))


def test_the_answer_key_names_every_page_and_the_kept_copy_of_each_repeated_one(site):
    _, offsets = site
    key = planted.answer_key(PLANTED, sample.WEB_FILE, offsets)
    fates = key["documents"]
    assert len(fates) >= len(PLANTED.pages) + len(PLANTED.documents)
    repeated = [fate["duplicate_of"] for fate in fates.values() if "duplicate_of" in fate]
    assert len(repeated) == 6
    assert all(fates[place]["status"] == "kept" for place in repeated)
    assert key["not_documents"] == {"web": {"http_301": 1, "http_404": 1, "image": 1, "robots_txt": 1}}


def test_the_pages_of_pydoc_leave_out_what_opens_windows_or_runs_tests():
    paths = sample_crawl.pydoc_paths()
    assert len(paths) == len(set(paths)) > 200
    assert {"/", "/json.html", "/xml.sax.html", "/topic?key=LISTS"} <= set(paths)
    assert not {"/antigravity.html", "/test.html", "/this.html", "/json.__main__.html"} & set(paths)


def test_pydoc_serves_pages_that_depend_on_the_installation_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("GRISTMILL_CANARY", "chirp")
    monkeypatch.setattr(sample_crawl, "pydoc_paths", lambda: ["/os.html", "/json.html", "/difflib.html"])
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        assert sample_crawl.crawl_pydoc(tmp_path / name) == 3
    files = [tmp_path / name / "pydoc-00000.warc.gz" for name in ("a", "b")]
    assert files[0].read_bytes() == files[1].read_bytes()
    pages = "\n".join(texts(crawl, files[0]).values())
    assert "SequenceMatcher" in pages
    assert "chirp" not in pages


def test_newsgroup_articles_come_out_of_the_pickle_without_running_it(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (exec, ("raise SystemExit('the pickle was run')",))

    article = "From: Ann <ann@farm.org>\nSubject: Hay\nDate: Tue, 6 Apr 1993 10:00:00 GMT\n\nFrom June on we mow.\n"
    wheel = tmp_path / "gensim.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        pickled = zlib.compress(pickle.dumps({"bomb": Bomb(), "data": [article]}, protocol=0))
        archive.writestr("gensim/test/test_data/mini_newsgroup", pickled)
    sample_sources.newsgroups(wheel, tmp_path)
    # Every string of the pickle becomes a message; the thread of the article is one of them.
    assert any("From June on we mow." in text for text in texts(forum, tmp_path / "newsgroups.mbox").values())


def test_code_carries_licences_and_nobodys_name(tmp_path):
    sample_sources.code(tmp_path)
    with tarfile.open(tmp_path / "python-library.tar.gz") as archive:
        members = archive.getmembers()
    assert any(member.name.endswith("/Lib/json/decoder.py") for member in members)
    assert {(member.mtime, member.uname, member.uid) for member in members} == {(0, "", 0)}
    with zipfile.ZipFile(tmp_path / "rich.zip") as archive:
        names = archive.namelist()
    assert any(name.endswith("/LICENSE") for name in names)
    assert any(name.endswith("/rich/console.py") for name in names)


def test_a_latex_paper_is_read_as_arxiv_serves_it(tmp_path):
    sample_sources.paper(planted.data("paper.tex").read_bytes(), tmp_path)
    (text,) = texts(papers, tmp_path / "tide-gauge.tar.gz").values()
    assert "Read the pole after breakfast, at noon and before supper." in text


def test_an_epub_is_written_for_the_books_reader(tmp_path):
    sample_sources.write_epub(tmp_path / "a.epub", "On hay", "Ann", "First & last.\n\nThe\nend.")
    assert list(texts(extract.reader("books"), tmp_path / "a.epub").values()) == ["First & last.\n\nThe end."]


def test_a_package_in_the_cache_is_known_by_its_content_and_not_fetched(tmp_path, monkeypatch):
    def no_network(*_, **__):
        raise AssertionError("downloaded")

    (tmp_path / "whatever.bin").write_bytes(b"text")
    digest = hashlib.sha256(b"text").hexdigest()
    monkeypatch.setattr(sample_packages, "files", lambda _: tmp_path)
    monkeypatch.setattr(sample_packages.subprocess, "run", no_network)
    (tmp_path / "sample_data").mkdir()
    (tmp_path / "sample_data/packages.txt").write_text(f"# words\ngensim==1 --hash=sha256:{digest}\n")
    assert sample_packages.packages(tmp_path) == {"gensim": tmp_path / "whatever.bin"}


def test_a_package_that_cannot_be_had_is_named_with_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    done = CliRunner().invoke(application(), ["--packages", str(tmp_path / "cache"), "--out", str(tmp_path / "out")])
    assert done.exit_code == 1
    assert re.match(
        r"The sample was not built: the package gensim 4(.|\n)*index(.|\n)*SHA-256 is [0-9a-f]{64} into",
        done.output,
    )
    assert not (tmp_path / "out").exists()


def application():
    app = typer.Typer()
    app.command()(sample.main)
    return app


def test_the_demo_manifest_is_in_order_and_reads_all_six_kinds():
    manifest = schema.load(PROJECT / "manifests" / "demo.yaml").manifest
    assert {source.kind for source in manifest.sources.values()} == {
        *("books", "code", "crawl", "forum", "papers", "wikipedia")
    }
    written = [path for source in manifest.sources.values() for path in source.paths]
    assert all(path.startswith(f"{planted.WRITTEN}/") for path in written)
