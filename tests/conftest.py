"""Where tests on real samples find them, and what is said where there are none."""

import os
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def samples() -> Path:
    """Folder of real samples in native formats: GRISTMILL_DATA, or ../shared/data beside the project."""
    folder = Path(os.environ.get("GRISTMILL_DATA") or PROJECT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no real samples at {folder}; set GRISTMILL_DATA to a folder of them")
    return folder
