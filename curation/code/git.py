"""Git repositories as archives: the files of a repository's HEAD, as `git archive` would pack them.

The object store is read and not the working tree, so that a clone, a bare `repo.git` and a bundle of one commit give
the same documents, and neither ignored nor half-edited files are among them. `git` itself is not needed.
"""

import io
import stat
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from dulwich.bundle import read_bundle
from dulwich.errors import NotGitRepository
from dulwich.object_store import BaseObjectStore, DiskObjectStore, iter_tree_contents
from dulwich.objects import Commit, Tag
from dulwich.repo import Repo

from gristmill.curation.documents import UnreadableFile

BUNDLE_MAGIC = b"# v"
"""First bytes of a bundle: `# v2 git bundle`, `# v3 git bundle`."""

_IN_MEMORY_BYTES = 64 * 2**20


def is_repository(path: Path) -> bool:
    """Whether a folder is a git repository: it has `.git` (a folder, or a worktree's file), or is bare."""
    if (path / ".git").exists():
        return True
    return (path / "HEAD").is_file() and (path / "objects").is_dir() and (path / "refs").is_dir()


def head(path: Path) -> str:
    """The id of the commit that a repository's HEAD names, 40 hex digits: all of its content. Raises UnreadableFile."""
    with _opened(path) as repository:
        return _head(repository).decode("ascii")


def archive(path: Path) -> BinaryIO:
    """The files of a repository's HEAD as an uncompressed tar in a temporary file, its comment the commit's id.

    The same commit gives the same bytes. Raises UnreadableFile for a repository without a commit, or damaged.
    """
    with _opened(path) as repository:
        return _packed(repository.object_store, _head(repository))


def archive_of_bundle(stream: BinaryIO) -> BinaryIO:
    """The files of the commit that a `git bundle` names HEAD, or of its only or first branch, as `archive` gives them."""
    with tempfile.TemporaryDirectory(prefix="gristmill-bundle-") as folder:
        store = DiskObjectStore.init(folder)
        try:
            bundle = read_bundle(stream)
            if bundle.prerequisites:
                raise UnreadableFile(
                    "the git bundle holds only what is new since another one; make it whole: git bundle create FILE HEAD"
                )
            bundle.store_objects(store)
            references = {name: sha for name, sha in sorted(bundle.references.items()) if sha is not None}
            if not references:
                raise UnreadableFile("the git bundle names no commit; make it with: git bundle create FILE HEAD")
            chosen = (
                references.get(b"HEAD") or references.get(b"refs/heads/main") or references.get(b"refs/heads/master")
            )
            return _packed(store, chosen or next(iter(references.values())))
        except UnreadableFile:
            raise
        except Exception as error:  # dulwich has no common class for what damage does
            raise UnreadableFile(
                f"not a readable git bundle ({type(error).__name__}: {error}); make it again"
            ) from error
        finally:
            store.close()


def _opened(path: Path) -> Repo:
    try:
        return Repo(str(path))
    except (NotGitRepository, OSError, ValueError) as error:
        raise UnreadableFile(f"not a readable git repository ({error}); clone it again") from error


def _head(repository: Repo) -> bytes:
    try:
        return repository.head()
    except (KeyError, ValueError, OSError) as error:
        raise UnreadableFile("the git repository has no commit at HEAD; check out a branch that has one") from error


def _packed(store: BaseObjectStore, commit: bytes) -> BinaryIO:
    out = tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES, prefix="gristmill-git-")
    try:
        found = store[commit]
        while isinstance(found, Tag):
            found = store[found.object[1]]
        if not isinstance(found, Commit):
            raise UnreadableFile(f"the git repository's HEAD is no commit but a {found.type_name.decode()}")
        headers = {"comment": found.id.decode("ascii")}
        with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT, pax_headers=headers) as tar:
            for info, data in _files(store, found.tree):
                tar.addfile(info, io.BytesIO(data))
    except UnreadableFile:
        raise
    except (
        Exception
    ) as error:  # missing and damaged objects: KeyError, zlib.error, AssertionError, ChecksumMismatch ...
        raise UnreadableFile(
            f"the git repository lacks objects or is damaged ({type(error).__name__}: {error}); clone it again, not shallow in blobs"
        ) from error
    out.seek(0)
    return out


def _files(store: BaseObjectStore, tree: bytes) -> Iterator[tuple[tarfile.TarInfo, bytes]]:
    """The entries of a tree and all its folders, in git's order; links and submodules without content."""
    for entry in iter_tree_contents(store, tree):
        info = tarfile.TarInfo(entry.path.decode("utf-8", "surrogateescape"))
        data = b""
        if stat.S_ISREG(entry.mode):
            data = store[entry.sha].as_raw_string()
            info.size = len(data)
        else:  # a link; or a submodule, whose commit is in another repository
            info.type = tarfile.SYMTYPE if stat.S_ISLNK(entry.mode) else tarfile.FIFOTYPE
            info.linkname = "elsewhere"
        yield info, data


def size_bytes(path: Path) -> int:
    """Bytes of a repository's packs and loose objects: about what reading it costs."""
    with _opened(path) as repository:
        objects = Path(repository.commondir()) / "objects"
        return sum(file.stat().st_size for file in objects.rglob("*") if file.is_file())
