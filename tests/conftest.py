"""Where tests on real samples find them, and what is said where there are none."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

# A slow machine is no failed law; in CI the same examples every time, elsewhere new ones.
settings.register_profile("gristmill", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("gristmill")

PROJECT = Path(__file__).parents[1]

KNOWN_SAMPLES = (
    "crawl/trafilatura-eval.warc.gz",
    "books/pg11.txt",
    "code/mux-db9d1d0.tar.gz",
    "forum/hackernews-items.jsonl",
    "papers/plos-jats.tar.gz",
    "wikipedia/ltgwiki-pages-articles.xml.bz2",
)
"""Some of the files whose exact texts tests know."""


@pytest.fixture(scope="session")
def samples() -> Path:
    """Folder of real samples in native formats: GRISTMILL_DATA, or ../shared/data beside the project."""
    folder = Path(os.environ.get("GRISTMILL_DATA") or PROJECT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no real samples at {folder}; set GRISTMILL_DATA to a folder of them")
    missing = [name for name in KNOWN_SAMPLES if not (folder / name).exists()]
    if missing:
        pytest.skip(f"{folder} is another set of samples than the one whose texts are tested: no {missing[0]}")
    return folder
