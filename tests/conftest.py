"""Where tests on real samples find them, and what is said where there are none."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

# A slow machine is no failed law; in CI the same examples every time, elsewhere new ones.
settings.register_profile("gristmill", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("gristmill")

PROJECT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def samples() -> Path:
    """Folder of real samples in native formats: GRISTMILL_DATA, or ../shared/data beside the project."""
    folder = Path(os.environ.get("GRISTMILL_DATA") or PROJECT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no real samples at {folder}; set GRISTMILL_DATA to a folder of them")
    return folder
