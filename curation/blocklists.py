"""Lists of domains, addresses and words that an address is looked up in, from files.

The integrated lists are those that datatrove ships for its `URLFilter`: 4.6 million domains and 20,000 addresses of the
category "adult" of the UT1 blacklists (Université Toulouse Capitole, CC BY-SA 4.0), and three short lists of English
words. They are read from the installed package when first asked for, which takes two seconds and 40 MB in a process.
"""

import functools
import re
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from importlib.metadata import distribution
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np
import xxhash

from gristmill.curation.archives import bare_name, decompressed
from gristmill.curation.raw_files import opened

NOT_ALPHANUMERIC = re.compile("[^a-zA-Z0-9]+")
"""What separates the words of an address; letters beyond ASCII separate, too."""

CHUNK_BYTES = 2**22

INTEGRATED_ARCHIVE = "datatrove/assets/url_filterblacklistsv0_3_0.tar.gz"
INTEGRATED_WORDS = "datatrove/assets/{}.txt"

Places = Literal["domains", "urls"]
Words = Literal["banned_words", "banned_subwords", "soft_banned_words"]


@dataclass(frozen=True)
class UrlLists:
    """Which lists are asked: files of one entry a line, plain or gzip; blank lines and lines with `#` in front are none.

    In place of a file of domains or addresses may stand a folder: every file called `domains` or `urls` in it and below
    it is read, as the UT1 blacklists are laid out.
    """

    integrated: bool = True
    """Whether datatrove's own lists are asked, too."""
    domains: tuple[str, ...] = ()
    """Registered domains and full host names, in lower case."""
    urls: tuple[str, ...] = ()
    """Whole addresses, or addresses without their scheme."""
    banned_words: tuple[str, ...] = ()
    """Words; what is not an ASCII letter or digit is removed from them, and capitals are lowered."""
    banned_subwords: tuple[str, ...] = ()
    """Words that count inside other words and across separators, too."""
    soft_banned_words: tuple[str, ...] = ()
    """Words of which several together count."""


INTEGRATED = UrlLists()


@dataclass(frozen=True)
class HashSet:
    """A set of byte strings as sorted 64-bit hashes (XXH3): 8 bytes an entry, a false hit in 10^12 look-ups."""

    hashes: np.ndarray = field(repr=False)  # uint64, sorted

    def contains(self, strings: Iterable[bytes]) -> np.ndarray:
        """Whether each string is in the set, bool."""
        asked = np.fromiter(map(xxhash.xxh3_64_intdigest, strings), np.uint64)
        if not len(self.hashes):
            return np.zeros(len(asked), bool)
        places = np.searchsorted(self.hashes, asked)
        return self.hashes[np.minimum(places, len(self.hashes) - 1)] == asked


@functools.lru_cache(maxsize=8)
def places(lists: UrlLists, what: Places, schemes: bool = True) -> HashSet:
    """The domains or addresses on the lists; addresses without their scheme where `schemes` is false."""
    pieces = [np.zeros(0, np.uint64)]
    for lines in _place_lines(lists, what):
        if not schemes:
            lines = [re.sub(rb"^[A-Za-z][A-Za-z0-9+.-]*://", b"", line) for line in lines]
        pieces.append(np.fromiter(map(xxhash.xxh3_64_intdigest, lines), np.uint64))
    return HashSet(np.sort(np.concatenate(pieces)))  # np.unique takes three times as long


@functools.lru_cache(maxsize=8)
def words(lists: UrlLists, what: Words) -> tuple[str, ...]:
    """The words of one of the word lists, normalised and sorted."""
    found = set()
    for path in _word_files(lists, what):
        with _opened(path) as stream:
            for chunk in _lines(stream):
                found.update(normalized(line.decode("utf-8", "replace")) for line in chunk)
    return tuple(sorted(found - {""}))


def normalized(text: str) -> str:
    """ASCII letters and digits of a text, in lower case.

    >>> normalized("http://Two-Girls.example/1")
    'httptwogirlsexample1'
    """
    return NOT_ALPHANUMERIC.sub("", text).lower()


def is_list(name: str, what: str) -> bool:
    """Whether a file in a folder of lists is one of `domains`, `urls` ...: it is called so, perhaps with `.gz`."""
    return bare_name(name) == what


def _place_lines(lists: UrlLists, what: Places) -> Iterator[list[bytes]]:
    if lists.integrated:
        with tarfile.open(_installed(INTEGRATED_ARCHIVE), "r|gz") as archive:
            member = next(member for member in archive if member.name == what)
            yield from _lines(archive.extractfile(member))
    for written in getattr(lists, what):
        path = Path(written)
        files = [written] if not path.is_dir() else sorted(f for f in path.rglob("*") if is_list(f.name, what))
        if not files:
            raise FileNotFoundError(f"{written}: no file called {what} is in this folder; name the files themselves")
        for file in files:
            with _opened(file) as stream:
                yield from _lines(stream)


def _word_files(lists: UrlLists, what: Words) -> list[Path | str]:
    integrated = [_installed(INTEGRATED_WORDS.format(what))] if lists.integrated else []
    return [*integrated, *getattr(lists, what)]


def _installed(path: str) -> Path:
    """A file of the installed datatrove, without importing it."""
    return Path(str(distribution("datatrove").locate_file(path)))


def _opened(path: Path | str) -> BinaryIO:
    return decompressed(opened(str(path)))


def _lines(stream) -> Iterator[list[bytes]]:
    """The entries of a list, some 100,000 at a time."""
    rest = b""
    while chunk := stream.read(CHUNK_BYTES):
        chunk, _, rest = (rest + chunk).rpartition(b"\n")
        yield _entries(chunk)
    yield _entries(rest)


def _entries(lines: bytes) -> list[bytes]:
    if b"#" not in lines and b" " not in lines:
        return lines.split()
    return [entry for line in lines.split(b"\n") if (entry := line.strip()) and not line.startswith(b"#")]
