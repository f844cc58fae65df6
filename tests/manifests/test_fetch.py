"""`gristmill fetch`: every byte as it was published or a named failure, resumed, verified, and used by runs."""

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest

from gristmill.curation import remote
from gristmill.curation.documents import KINDS
from gristmill.manifests import download, schema
from gristmill.manifests.download import Damaged, Wanted, cached, checksums, fetch, place
from gristmill.manifests.fetch import PER_HOST, fetch_all
from tests.conftest import PROJECT
from tests.rough_server import rough_server

CONTENT = random.Random(11).randbytes(3_000_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(remote, "FIRST_WAIT_S", 0.001)
    monkeypatch.setattr(remote, "READ_TIMEOUT_S", 0.4)


@pytest.fixture
def server():
    with rough_server() as running:
        yield running


@pytest.mark.parametrize("trouble", [(), (503, 503), ("truncate", "reset", "stall"), ((429, "0"), "truncate")], ids=str)
@pytest.mark.parametrize("etag", [True, False], ids=["etag", "no etag"])
def test_a_file_arrives_whole(server, tmp_path, trouble, etag):
    url = server.add("/dumps/x.xml.bz2", CONTENT, *trouble, etag=etag)
    fetched = fetch(Wanted(url), tmp_path)
    file, record = cached(tmp_path, url)
    assert file.read_bytes() == CONTENT
    assert (record, fetched.sha256, fetched.size_bytes) == (fetched, SHA256, len(CONTENT))
    assert not list(tmp_path.rglob("*.part*"))


def test_what_is_there_is_not_asked_for_again(server, tmp_path):
    url = server.add("/x", CONTENT)
    fetch(Wanted(url), tmp_path)
    asked = len(server.seen)
    fetch(Wanted(url), tmp_path)
    assert len(server.seen) == asked


def test_an_interrupted_download_goes_on_where_it_was(server, tmp_path, monkeypatch):
    monkeypatch.setattr(remote, "ATTEMPTS", 1)
    url = server.add("/x", CONTENT, "truncate")
    with pytest.raises(remote.RemoteError, match="broke off at byte"):
        fetch(Wanted(url), tmp_path)
    assert cached(tmp_path, url) is None
    monkeypatch.setattr(remote, "ATTEMPTS", 8)
    assert fetch(Wanted(url), tmp_path).sha256 == SHA256
    assert server.gets("/x")[-1].range == f"bytes={len(CONTENT) // 2}-"


def test_a_file_that_changed_since_its_first_half_is_begun_again(server, tmp_path, monkeypatch):
    monkeypatch.setattr(remote, "ATTEMPTS", 1)
    url = server.add("/x", b"the older one" * 9999, "truncate")
    with pytest.raises(remote.RemoteError):
        fetch(Wanted(url), tmp_path)
    server.add("/x", CONTENT)
    assert fetch(Wanted(url), tmp_path).sha256 == SHA256


def test_a_half_that_no_etag_or_date_vouches_for_is_not_trusted(server, tmp_path, monkeypatch):
    monkeypatch.setattr(remote, "ATTEMPTS", 1)
    url = server.add("/x", CONTENT[::-1], "truncate", etag=False)
    with pytest.raises(remote.RemoteError):
        fetch(Wanted(url), tmp_path)
    server.add("/x", CONTENT, etag=False)
    assert fetch(Wanted(url), tmp_path).sha256 == SHA256


@pytest.mark.parametrize("name", ["md5", "sha1", "sha256", "sha512"])
def test_the_publishers_checksum_is_verified(server, tmp_path, name):
    url = server.add("/x", CONTENT)
    right = hashlib.new(name, CONTENT).hexdigest()
    assert fetch(Wanted(url, right), tmp_path).checked == (f"{name} of the list of checksums",)
    wrong = right[::-1]
    with pytest.raises(Damaged, match=f"{name} is {right}, but the list of checksums says {wrong}"):
        fetch(Wanted(url, wrong), tmp_path)
    assert cached(tmp_path, url) is None


def test_the_servers_own_digest_is_verified(server, tmp_path):
    url = server.add("/x", CONTENT, digest="sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:")
    with pytest.raises(Damaged, match="the server says e3b0c442"):
        fetch(Wanted(url), tmp_path)


def test_bytes_that_rotted_in_a_half_file_are_found_by_the_checksum_and_mended(server, tmp_path, monkeypatch):
    monkeypatch.setattr(remote, "ATTEMPTS", 1)
    url = server.add("/x", CONTENT, "truncate")
    with pytest.raises(remote.RemoteError):
        fetch(Wanted(url, SHA256), tmp_path)
    (part,) = tmp_path.rglob("x.part")
    part.write_bytes(b"rot" + part.read_bytes()[3:])
    assert fetch(Wanted(url, SHA256), tmp_path).sha256 == SHA256


def test_refresh_asks_and_fetches_only_what_changed(server, tmp_path):
    url = server.add("/x", CONTENT)
    fetch(Wanted(url), tmp_path)
    before = sum(s.method == "GET" for s in server.seen)
    fetch(Wanted(url), tmp_path, refresh=True)
    server.add("/x", CONTENT[::-1])
    assert fetch(Wanted(url), tmp_path, refresh=True).sha256 == hashlib.sha256(CONTENT[::-1]).hexdigest()
    assert sum(s.method == "GET" for s in server.seen) >= before + 1


def test_many_files_come_side_by_side_but_politely(server, tmp_path):
    urls = [server.add(f"/{number}.gz", CONTENT, 503 if number % 3 == 0 else "truncate") for number in range(12)]
    urls.append(f"{server.url}/gone")
    events = []
    done, failed = fetch_all([Wanted(u) for u in urls], tmp_path, False, lambda *event: events.append(event))
    assert [f.url for f in done] == sorted(urls[:-1])
    assert list(failed) == [urls[-1]]
    assert "404" in failed[urls[-1]]
    assert 1 < server.most_at_once <= PER_HOST
    assert sum(size for _, event, size in events if event == "progress") == 12 * len(CONTENT)


def test_two_urls_never_share_a_place(tmp_path):
    urls = ["http://a/x", "https://a/x", "http://a/x/", "http://a/x?y=1", "http://a/x?y=2", "http://a//x", "http://b/x"]
    urls += ["http://a/%78", "http://a/../x", "http://a:80/x", "http://a/" + "x" * 300, "http://a/" + "x" * 301]
    places = [place(tmp_path, url) for url in urls]
    assert len(set(places)) == len(urls)
    assert all(p.resolve().is_relative_to(tmp_path.resolve()) and len(p.name) < 230 for p in places)
    assert place(tmp_path, "https://h/a/b.gz") == tmp_path / "https" / "h" / "a" / "b.gz"


def test_checksum_lists_of_the_usual_tools_are_read(tmp_path):
    (tmp_path / "sums").write_text(f"{SHA256}  a.gz\n{'A' * 32} *b.gz\n\n{'0' * 40}  ./c d.gz\n")
    assert checksums(str(tmp_path / "sums")) == {"a.gz": SHA256, "b.gz": "a" * 32, "c d.gz": "0" * 40}
    (tmp_path / "page").write_text("<html>")
    with pytest.raises(ValueError, match="no line of a list of checksums"):
        checksums(str(tmp_path / "page"))


def manifest(folder: Path, server, extra: str = "") -> Path:
    lines = "".join(json.dumps({"text": f"The mill number {i} grinds what it is given."}) + "\n" for i in range(500))
    server.add("/list/paths", b"data/a.jsonl\ndata/b.jsonl\n")
    for name in ("a", "b"):
        server.add(f"/data/{name}.jsonl", lines.replace("mill", f"mill {name}").encode(), "truncate")
    file = folder / "m.yaml"
    file.write_text(
        f"sources:\n  web:\n    kind: text\n    paths_file: {server.url}/list/paths\n    base: {server.url}\n{extra}"
        "curate: {languages: null, dedup: null}\n"
    )
    return file


def gristmill(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "gristmill.manifests.cli", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)


@pytest.mark.slow
def test_a_run_reads_what_was_fetched_and_asks_no_server(server, tmp_path):
    file = manifest(tmp_path, server)
    fetched = gristmill(tmp_path, "fetch", str(file))
    assert (fetched.returncode, fetched.stderr.count("Traceback")) == (0, 0), fetched.stderr
    assert "3 of 3 remote files are in store/raw" in fetched.stdout  # the list is one
    gristmill(tmp_path, "fetch", str(file))
    asked = len([s for s in server.seen if s.path.startswith("/data/")])
    ran = gristmill(tmp_path, "run", str(file))
    assert ran.returncode == 0, ran.stderr
    assert len([s for s in server.seen if s.path.startswith("/data/")]) == asked
    assert list((tmp_path / "runs" / "m" / "shards").rglob("*.arrow"))


@pytest.mark.slow
def test_a_run_without_fetch_reads_the_same_documents(server, tmp_path):
    for name in ("fetched", "streamed"):
        (tmp_path / name).mkdir()
        file = manifest(tmp_path / name, server)
        if name == "fetched":
            gristmill(tmp_path / name, "fetch", str(file))
        assert gristmill(tmp_path / name, "run", str(file)).returncode == 0
    one, two = (
        {p.name: p.read_bytes() for p in sorted((tmp_path / n / "runs" / "m" / "shards").rglob("*.arrow"))}
        for n in ("fetched", "streamed")
    )
    assert one == two


@pytest.mark.slow
def test_failures_are_named_the_rest_is_fetched_and_the_exit_code_says_so(server, tmp_path):
    file = manifest(tmp_path, server)
    server.add("/list/paths", b"data/a.jsonl\ndata/gone.jsonl\n")
    fetched = gristmill(tmp_path, "fetch", str(file), "--json")
    assert fetched.returncode == 1
    said = json.loads(fetched.stdout)
    assert ([f["url"] for f in said["files"]], list(said["failed"])) == (
        [f"{server.url}/data/a.jsonl", f"{server.url}/list/paths"],
        [f"{server.url}/data/gone.jsonl"],
    )
    assert "gone.jsonl: the server says 404" in fetched.stderr
    assert "Traceback" not in fetched.stderr


@pytest.mark.slow
def test_a_wrong_checksum_list_is_named_with_its_line(server, tmp_path):
    file = manifest(tmp_path, server, "    checksums: sums\n")
    (tmp_path / "sums").write_text(f"{'0' * 64}  data/a.jsonl\n")
    fetched = gristmill(tmp_path, "fetch", str(file))
    assert fetched.returncode == 1
    assert "but the list of checksums says 0000" in fetched.stderr
    (tmp_path / "sums").unlink()
    assert f"{file}:6 sources.web.checksums" in gristmill(tmp_path, "fetch", str(file)).stderr


def test_kill_9_in_the_middle_costs_only_what_was_in_flight(server, tmp_path):
    big = CONTENT * 4
    url = server.add("/big.gz", big, "stall", stall_s=30)
    (tmp_path / "m.yaml").write_text(f"sources: {{w: {{kind: crawl, paths: ['{url}']}}}}\n")
    command = [sys.executable, "-m", "gristmill.manifests.cli", "fetch", "m.yaml"]
    running = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 30
    while time.monotonic() < until and sum(p.stat().st_size for p in tmp_path.rglob("*.part")) < len(big) // 3:
        time.sleep(0.05)
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    assert gristmill(tmp_path, "fetch", "m.yaml").returncode == 0
    assert cached(tmp_path / "store" / "raw", url)[1].sha256 == hashlib.sha256(big).hexdigest()
    assert int(server.gets("/big.gz")[-1].range.removeprefix("bytes=").removesuffix("-")) >= len(big) // 3


def words_of_a_tokenizer() -> bytes:
    from tokenizers import Tokenizer, models

    return Tokenizer(models.BPE(vocab={"<|endoftext|>": 0, "t": 1}, merges=[])).to_str().encode()


@pytest.mark.slow
def test_after_a_fetch_no_server_is_needed_for_anything_that_the_manifest_names(tmp_path):
    with rough_server() as server:
        file = manifest(tmp_path, server, f"    checksums: {server.url}/sums\n")
        sums = "".join(
            f"{hashlib.sha256(server.files[f'/data/{name}.jsonl'].content).hexdigest()}  {name}.jsonl\n"
            for name in "ab"
        )
        server.add("/sums", sums.encode())
        server.add("/bad-domains", b"bad.example\n")
        server.add(
            "/eval/items.jsonl", json.dumps({"question": "Which of all the mills in the valley is old?"}).encode()
        )
        server.add("/tok/tokenizer.json", words_of_a_tokenizer())
        text = file.read_text().replace(
            "curate: {languages: null, dedup: null}",
            f"    filters: [urls]\n    url_lists: {{integrated: false, domains: [{server.url}/bad-domains]}}\n"
            "curate:\n  languages: null\n  dedup: null\n"
            f"  decontaminate: {{against: [{server.url}/eval/items.jsonl]}}\n"
            f"tokenizer: {{path: {server.url}/tok/tokenizer.json}}",
        )
        file.write_text(text)
        fetched = gristmill(tmp_path, "fetch", str(file), "--json")
        assert fetched.returncode == 0, fetched.stderr
        names = {f["url"].removeprefix(server.url) for f in json.loads(fetched.stdout)["files"]}
        assert names == {
            *("/list/paths", "/sums", "/data/a.jsonl", "/data/b.jsonl"),
            *("/bad-domains", "/eval/items.jsonl", "/tok/tokenizer.json"),
        }
    started = time.monotonic()
    for command in (["check"], ["plan"], ["run", "--until", "tokenizer"]):
        done = gristmill(tmp_path, command[0], str(file), *command[1:])
        assert done.returncode == 0, (command, done.stderr)
    assert time.monotonic() - started < 60
    (shard,) = (tmp_path / "runs" / "m" / "shards").rglob("*.arrow")
    assert shard.stat().st_size > 10_000


@pytest.mark.slow
def test_a_list_that_changed_is_read_anew_by_the_next_fetch(server, tmp_path):
    file = manifest(tmp_path, server)
    gristmill(tmp_path, "fetch", str(file))
    server.add("/list/paths", b"data/b.jsonl\n")
    said = json.loads(gristmill(tmp_path, "fetch", str(file), "--json").stdout)
    assert [f["url"].removeprefix(server.url) for f in said["files"]] == ["/data/b.jsonl", "/list/paths"]


@pytest.mark.slow
def test_files_that_a_list_of_checksums_leaves_out_are_named(server, tmp_path):
    file = manifest(tmp_path, server, "    checksums: sums\n")
    content = server.files["/data/a.jsonl"].content
    (tmp_path / "sums").write_text(f"{hashlib.sha256(content).hexdigest()}  a.jsonl\n")
    some = gristmill(tmp_path, "fetch", str(file))
    assert some.returncode == 0
    assert f"sources.web.checksums has no checksum of 1 of 2 files: {server.url}/data/b.jsonl" in some.stderr
    (tmp_path / "sums").write_text(f"{'0' * 64}  other.jsonl\n")
    none = gristmill(tmp_path, "fetch", str(file))
    assert none.returncode == 1
    assert f"{file}:6 sources.web.checksums: sums has none of the files, such as {server.url}/data/a" in none.stderr


def test_who_waited_for_another_download_does_not_repeat_it(server, tmp_path):
    url = server.add("/x", CONTENT, "stall", stall_s=0.5)
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda _: fetch(Wanted(url), tmp_path), range(3)))
    assert [f.sha256 for f in found] == [SHA256] * 3
    assert sum(seen.range is None for seen in server.gets("/x")) == 1


def test_a_refresh_that_fails_leaves_the_file_that_was_there(server, tmp_path, monkeypatch):
    url = server.add("/x", b"the older one" * 9999)
    old = fetch(Wanted(url), tmp_path)
    monkeypatch.setattr(remote, "ATTEMPTS", 1)
    server.add("/x", CONTENT, 200, "truncate")
    with pytest.raises(remote.RemoteError, match="broke off"):
        fetch(Wanted(url), tmp_path, refresh=True)
    file, record = cached(tmp_path, url)
    assert (record, file.read_bytes()) == (old, b"the older one" * 9999)


def test_a_password_in_a_url_is_used_and_not_written_down(server, tmp_path):
    server.add("/x", CONTENT)
    url = f"{server.url}/x".replace("://", "://me:secret@")
    fetched = fetch(Wanted(url), tmp_path)
    assert fetched.url == f"{server.url}/x"
    assert cached(tmp_path, url)[1] == fetched
    written = [p for p in tmp_path.rglob("*") if p.is_file() and b"secret" in p.read_bytes() + str(p).encode()]
    assert written == []
    with pytest.raises(remote.RemoteError) as refused:
        fetch(Wanted(url.replace("/x", "/gone")), tmp_path)
    assert "secret" not in str(refused.value)


def test_too_little_room_is_said_before_the_disk_is_full(server, tmp_path, monkeypatch):
    monkeypatch.setattr(download.shutil, "disk_usage", lambda folder: SimpleNamespace(free=0))
    with pytest.raises(remote.RemoteError, match="0 bytes are free, 3,000,000 are needed; make room"):
        fetch(Wanted(server.add("/x", CONTENT)), tmp_path)


def test_the_public_manifest_names_remote_files_of_all_six_kinds():
    loaded = schema.load(PROJECT / "manifests" / "public.yaml")
    sources = loaded.manifest.sources.values()
    assert {s.kind for s in sources} == set(KINDS) - {"text"}
    assert all(path.startswith("https://") for s in sources for path in s.paths or [s.paths_file])
