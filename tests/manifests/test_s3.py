"""s3:// paths, with the real client against a server of the same protocol on loopback."""

import json

import pytest

from gristmill.curation.raw_files import opened
from gristmill.curation.remote import RemoteError
from gristmill.manifests.download import Wanted, cached, fetch
from gristmill.manifests.inputs import MissingInput, expand
from tests.manifests.test_fetch import gristmill

LINES = b"".join(json.dumps({"text": f"Line {i} of what lies in a bucket."}).encode() + b"\n" for i in range(2000))


@pytest.fixture(scope="module")
def bucket():
    """s3://mill with data/a.jsonl and data/b.jsonl."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.get_host_and_port()[1]}")
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        import s3fs

        s3fs.S3FileSystem.clear_instance_cache()
        files = s3fs.S3FileSystem(skip_instance_cache=True)
        files.mkdir("mill")
        for name in ("a", "b"):
            files.pipe_file(f"mill/data/{name}.jsonl", LINES.replace(b"bucket", f"bucket {name}".encode()))
        yield "s3://mill"
        s3fs.S3FileSystem.clear_instance_cache()
    server.stop()


def test_wildcards_in_a_bucket_are_filled_in(bucket, tmp_path):
    files = expand([f"{bucket}/data/*.jsonl"], (tmp_path,))
    assert [f.locator for f in files] == [f"{bucket}/data/{name}.jsonl" for name in ("a", "b")]
    assert all(f.etag for f in files)
    with opened(files[0].path) as stream:
        assert stream.read() == LINES.replace(b"bucket", b"bucket a")


def test_what_is_not_in_the_bucket_is_said(bucket, tmp_path):
    with pytest.raises(MissingInput, match="nothing there matches"):
        expand([f"{bucket}/none/*.jsonl"], (tmp_path,))
    with pytest.raises(RemoteError, match="check the URL and your credentials"):
        fetch(Wanted(f"{bucket}/none.jsonl"), tmp_path)


def test_a_half_fetched_object_goes_on_where_it_was(bucket, tmp_path):
    url = f"{bucket}/data/a.jsonl"
    whole = fetch(Wanted(url), tmp_path)
    file, _ = cached(tmp_path, url)
    half = file.with_name("a.jsonl.part")
    half.write_bytes(file.read_bytes()[:1000])
    told = {"size_bytes": whole.size_bytes, "etag": whole.etag, "last_modified": whole.last_modified, "digests": []}
    file.with_name("a.jsonl.part.json").write_text(json.dumps(told))
    file.with_name("a.jsonl.fetched.json").unlink()
    events = []
    assert fetch(Wanted(url), tmp_path, said=lambda *event: events.append(event)) == whole
    assert events[0] == (url, "progress", 1000)


@pytest.mark.slow
def test_a_run_reads_fetched_objects(bucket, tmp_path):
    sources = {"s": {"kind": "text", "paths": [f"{bucket}/data/*.jsonl"]}}
    (tmp_path / "m.yaml").write_text(
        json.dumps({"sources": sources, "curate": {"languages": None, "dedup": None}, "run": {"workers": 1}})
    )
    fetched = gristmill(tmp_path, "fetch", "m.yaml", "--json")
    assert [f["url"] for f in json.loads(fetched.stdout)["files"]] == [f"{bucket}/data/{n}.jsonl" for n in ("a", "b")]
    ran = gristmill(tmp_path, "run", "m.yaml")
    assert ran.returncode == 0, ran.stderr
    assert "4,000 documents" in ran.stdout
