"""Any raw file as a binary stream: a local path, a git repository, or a URL."""

import io
import os
from pathlib import Path
from typing import BinaryIO

import fsspec

from gristmill.curation.code import git
from gristmill.curation.remote import BUFFER_BYTES, HttpFile, is_http


def opened(path: str) -> BinaryIO:
    """A local path or URL as a buffered binary file.

    http(s) URLs are read by `remote`; those of other schemes by fsspec, whose files lack parts of Python's interface.
    """
    if is_http(path):
        return io.BufferedReader(HttpFile(path), BUFFER_BYTES)
    if "://" in path:
        return io.BufferedReader(fsspec.open(path, "rb").open(), BUFFER_BYTES)
    # A folder among the files is a git repository: see `gristmill.manifests.inputs.expand_repositories`.
    return git.archive(Path(path)) if os.path.isdir(path) else open(path, "rb")
