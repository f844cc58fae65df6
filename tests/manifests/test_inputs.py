"""Raw files: locators as the manifest writes them, and digests that notice a change."""

import functools
import gzip
import http.server
import os
import threading

import pytest

from gristmill.curation.documents import ReadOptions
from gristmill.curation.extract import RawPiece, extract
from gristmill.manifests.inputs import Digests, MissingInput, expand, listed, sampled


@pytest.fixture
def data(tmp_path, monkeypatch):
    for name in (
        "crawl/a.warc.gz",
        "crawl/b.warc.gz",
        "crawl/deep/c.warc.gz",
        "crawl/.hidden",
        "repo/.git/config",
        "repo/main.py",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    monkeypatch.setenv("DATA", str(tmp_path))
    return tmp_path


def locators(*patterns, roots=()):
    return [file.locator for file in expand(patterns, roots)]


def test_a_locator_keeps_the_variable_and_fills_in_the_wildcard(data):
    assert locators("$DATA/crawl/*.warc.gz", roots=(data,)) == [
        "$DATA/crawl/a.warc.gz",
        "$DATA/crawl/b.warc.gz",
    ]


def test_relative_paths_are_looked_up_in_each_root_in_turn(data, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("cwd")
    assert locators("crawl/a*", roots=(elsewhere, data)) == ["crawl/a.warc.gz"]


def test_a_folder_stands_for_every_file_under_it_that_is_not_hidden(data):
    assert locators("crawl", "repo/", roots=(data,)) == [
        "crawl/a.warc.gz",
        "crawl/b.warc.gz",
        "crawl/deep/c.warc.gz",
        "repo/main.py",
    ]


def test_two_stars_go_down_and_a_file_named_twice_is_one(data):
    assert locators("crawl/**/*.warc.gz", "crawl/a.warc.gz", roots=(data,)) == [
        "crawl/a.warc.gz",
        "crawl/b.warc.gz",
        "crawl/deep/c.warc.gz",
    ]


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("nowhere/*.gz", "no such file"),
        ("$NOT_SET_ANYWHERE/x", "NOT_SET_ANYWHERE is not set"),
        ("empty", "holds no files"),
    ],
)
def test_a_path_that_leads_nowhere_says_what_was_looked_for(data, pattern, said):
    (data / "empty").mkdir()
    with pytest.raises(MissingInput, match=said):
        locators(pattern, roots=(data,))


def test_a_list_of_paths_may_be_compressed_and_has_a_base(data):
    (data / "warc.paths.gz").write_bytes(gzip.compress(b"crawl/a.warc.gz\n\ncrawl/b.warc.gz\n"))
    assert listed("warc.paths.gz", "s3://commoncrawl/", (data,)) == [
        "s3://commoncrawl/crawl/a.warc.gz",
        "s3://commoncrawl/crawl/b.warc.gz",
    ]


def test_a_sample_of_files_is_by_hash_and_never_empty(data):
    files = [f.locator for f in expand(["crawl"], (data,))]
    assert len(sampled(files, 1e-9)) == 1
    assert sampled(files, 1.0) == files


def test_a_digest_is_remembered_until_the_file_changes(data, tmp_path):
    (file,) = expand(["repo/main.py"], (data,))
    os.utime(file.path, ns=(1, 1))
    digests = Digests(tmp_path / "store")
    first = digests.of(file)
    digests.save()
    (data / "repo/main.py").write_text("other words")
    assert Digests(tmp_path / "store").of(file) != first


def test_equal_bytes_have_equal_digests_wherever_they_are(data, tmp_path):
    for name in ("one", "two"):
        (data / name).write_text("same")
    one, two = expand(["one", "two"], (data,))
    digests = Digests(tmp_path / "store")
    assert digests.of(one) == digests.of(two)


@pytest.fixture
def server(tmp_path):
    """A web server on loopback for the folder `served`, which says no ETag."""
    (tmp_path / "served").mkdir()
    handler = functools.partial(QuietHandler, directory=tmp_path / "served")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


def test_a_web_address_is_a_path_like_any_other(tmp_path, server):
    (tmp_path / "served" / "a.jsonl").write_text('{"text": "from the web"}\n')
    (file,) = expand([f"{server}/a.jsonl"], (tmp_path,))
    assert (file.locator, file.size_bytes) == (f"{server}/a.jsonl", 25)
    first = Digests(tmp_path / "store").of(file)
    out = tmp_path / "out"
    out.mkdir()
    counts = extract([RawPiece(file.locator, file.path)], "web", "text", ReadOptions(), None, out)
    assert counts["kept"] == 1
    (tmp_path / "served" / "a.jsonl").write_text('{"text": "from the web, and longer"}\n')
    (file,) = expand([f"{server}/a.jsonl"], (tmp_path,))
    assert Digests(tmp_path / "store").of(file) != first


def test_a_web_address_that_is_gone_says_so(tmp_path, server):
    with pytest.raises(MissingInput, match=r"404.*no such file; correct the URL"):
        expand([f"{server}/gone.jsonl"], (tmp_path,))


def test_a_wildcard_in_a_web_address_is_explained(tmp_path, server):
    with pytest.raises(MissingInput, match="nothing lists the files of a web server: name each"):
        expand([f"{server}/*.jsonl"], (tmp_path,))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\n# nothing\n", "names no files"),
        (b"\xff\xfe\x00", "not a readable list"),
        (gzip.compress(b"a" * 9999, mtime=0)[:-9], "truncated"),
    ],
    ids=["empty", "not text", "truncated"],
)
def test_a_list_that_cannot_be_used_says_why(data, content, said):
    (data / "list").write_bytes(content)
    with pytest.raises(MissingInput, match=said):
        listed("list", "", (data,))


def test_a_list_is_one_file(data):
    with pytest.raises(MissingInput, match="is one file, and this names 2"):
        listed("crawl/*.gz", "", (data,))


def test_a_name_may_have_brackets_in_it_and_spellings_of_a_path_are_one_file(data):
    (data / "x [1].jsonl").write_text("{}")
    assert locators("x [1].jsonl", "./x [1].jsonl", "crawl/../x [1].jsonl", roots=(data,)) == ["x [1].jsonl"]
