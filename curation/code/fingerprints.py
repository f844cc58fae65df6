"""Licence texts recognised by their word shingles, however they are wrapped, indented, commented or filled in.

A fingerprint is a sample of the hashes of a licence's word 5-grams, taken from the SPDX project's texts without titles,
copyright lines, optional and replaceable parts. A file holds a licence if it has nearly all of its fingerprint; where
several fit, the one that explains most of the file is taken first, and what it explains counts for no other.

    python -m gristmill.curation.code.fingerprints path/to/license-list-XML/src > curation/code/fingerprints.json
"""

import base64
import json
import re
import sys
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np
import xxhash
from lxml import etree

from gristmill.curation.code.spdx import COPYLEFT, PERMISSIVE

SHINGLE_WORDS = 5
MAX_SAMPLES = 160
"""Hashes kept of a long licence: those divisible by the power of two that leaves about so many."""

MIN_COVERAGE = 0.8
"""Share of a fingerprint that a text must have. A licence whose end was cut off, or reworded, is not that licence."""

MAX_WORDS = 60_000
"""Words of a file that are looked at; the longest licence has 9,000."""

_WORD = re.compile(rb"[a-z0-9]+")
_SAME = {b"licence": b"license", b"licences": b"licenses", b"licenced": b"licensed"}
_OTHERS = (
    *("CC-BY-NC-4.0", "CC-BY-NC-SA-4.0", "CC-BY-NC-ND-4.0", "CC-BY-ND-4.0", "CC-BY-NC-3.0", "CC-BY-NC-SA-3.0"),
    *("Elastic-2.0", "PolyForm-Noncommercial-1.0.0", "PolyForm-Small-Business-1.0.0", "Hippocratic-2.1", "WTFPL"),
)
"""Licences with fingerprints that are neither permissive nor copyleft."""

_XML = "{http://www.spdx.org/license}"
_FREE = frozenset(f"{_XML}{tag}" for tag in ("titleText", "copyrightText", "bullet"))
_TEMPLATE = frozenset(f"{_XML}{tag}" for tag in ("optional", "alt"))
_BREAK = " \0 "  # where words of a template are missing, no shingle may span


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """The sampled shingle hashes of one licence."""

    name: str
    modulus: int
    """Hashes divisible by it were kept."""
    hashes: np.ndarray
    """uint32[n], sorted: what a text must have."""
    variable: np.ndarray
    """uint32[m], sorted: across optional and replaceable words, found in the usual wording of the licence."""


def shingles(text: str) -> np.ndarray:
    """uint32 hashes of the word 5-grams of a text, sorted and unique."""
    found: set[int] = set()
    for stretch in text.lower().encode("ascii", "replace").split(b"\0"):
        words = [_SAME.get(word, word) for word in _WORD.findall(stretch)][:MAX_WORDS]
        grams = (b" ".join(words[i : i + SHINGLE_WORDS]) for i in range(len(words) - SHINGLE_WORDS + 1))
        found.update(map(xxhash.xxh32_intdigest, grams))
    return np.array(sorted(found), np.uint32)


def recognise(text: str) -> list[str]:
    """SPDX names of the licences whose texts a file holds, the one that explains most of it first.

    The GNU licences are named without `-only` or `-or-later`: their text is the same for both.
    """
    hashes = shingles(text)
    score: dict[str, float] = {}
    for fingerprint in _fingerprints().values():
        common = np.intersect1d(fingerprint.hashes, hashes, assume_unique=True)
        missing = len(fingerprint.hashes) - len(common)
        if missing <= (1 - MIN_COVERAGE) * len(fingerprint.hashes):
            usual = len(np.intersect1d(fingerprint.variable, hashes, assume_unique=True))
            # A variant has all of the plain licence and words more: what is missing weighs more than what fits.
            score[fingerprint.name] = fingerprint.modulus * (len(common) + usual - 4 * missing)
    found: list[str] = []
    for name in sorted(score, key=lambda name: (-score[name], len(name), name)):
        if not any(_alike(name, other) for other in found):
            found.append(name)
    return found


@cache
def _alike(name: str, other: str) -> bool:
    """Whether half of one licence's text stands in another's, as BSD-2-Clause in BSD-3-Clause."""
    one, two = _fingerprints()[name], _fingerprints()[other]
    modulus = max(one.modulus, two.modulus)
    first, second = (f.hashes[f.hashes % modulus == 0] for f in (one, two))
    return len(np.intersect1d(first, second)) >= 0.5 * min(len(first), len(second))


@cache
def _fingerprints() -> dict[str, Fingerprint]:
    data = json.loads(files("gristmill.curation.code").joinpath("fingerprints.json").read_text("utf-8"))
    return {
        name: Fingerprint(name, modulus, *(np.frombuffer(base64.b64decode(part), "<u4") for part in parts))
        for name, (modulus, *parts) in data.items()
    }


def build(folder: Path) -> dict[str, tuple[int, str, str]]:
    """The fingerprints of the licences in a folder of SPDX's license-list-XML, as they stand in the data file."""
    built: dict[str, tuple[int, str, str]] = {}
    for path in sorted(folder.glob("*.xml")):
        name = path.stem.removesuffix("-only")
        if path.stem.endswith("-or-later") or path.stem not in (*PERMISSIVE, *COPYLEFT, *_OTHERS):
            continue
        text = etree.parse(path).find(f".//{_XML}text")
        assert text is not None
        hashes = shingles(_words(text, _FREE | _TEMPLATE))
        variable = np.setdiff1d(shingles(_words(text, _FREE)), hashes)
        modulus = 1
        while len(hashes[hashes % modulus == 0]) > MAX_SAMPLES:
            modulus *= 2
        if len(hashes[hashes % modulus == 0]) >= 8:
            sampled = (part[part % modulus == 0].astype("<u4").tobytes() for part in (hashes, variable))
            built[name] = (modulus, *(base64.b64encode(part).decode() for part in sampled))
    return built


def _words(element: etree._Element, without: frozenset[str]) -> str:
    """The text of a licence template, with breaks in place of some elements."""
    if not isinstance(element.tag, str):
        return element.tail or ""
    left_out = element.tag in without
    inner = _BREAK if left_out else (element.text or "") + "".join(_words(child, without) for child in element)
    return f" {inner} {element.tail or ''}"


if __name__ == "__main__":
    rows = [f" {json.dumps(name)}: {json.dumps(value)}" for name, value in build(Path(sys.argv[1])).items()]
    print("{\n" + ",\n".join(rows) + "\n}")
