"""Nine real repositories: what they hold by language, reason and licence, and digests of their texts."""

from collections import Counter

import pytest
import xxhash

from gristmill.curation.code import read
from gristmill.curation.documents import Extracted, ReadOptions, Unextracted
from gristmill.curation.secrets import find

GOLDEN = {
    "Open-Assistant-f1e6ed9": {
        "languages": {
            "CSS": 1,
            "HTML": 1,
            "Ignore List": 2,
            "JSON": 8,
            "JavaScript": 14,
            "Markdown": 5,
            "Prisma": 1,
            "SQL": 2,
            "Shell": 1,
            "TOML": 1,
            "Text": 1,
            "TypeScript": 320,
            None: 2,
        },
        "reasons": {"empty_text": 1},
        "licences": {None: 359},
        "largest": ("website/src/pages/privacy-policy.tsx", 22928, "48a8d90c8d9e4c6d"),
        "all": "c725c1f62c1b97a2",
    },
    "click-2c8cd3a": {
        "languages": {
            "INI": 2,
            "Ignore List": 2,
            "JSON": 1,
            "Markdown": 42,
            "Python": 76,
            "SVG": 3,
            "Shell": 1,
            "TOML": 11,
            "Text": 12,
            "YAML": 9,
        },
        "reasons": {"binary": 2, "empty_text": 4, "lock_file": 1},
        "licences": {"BSD-3-Clause": 159},
        "largest": ("src/click/core.py", 147845, "bdbb7e0e29975c04"),
        "all": "708a3e7251ddb6b0",
    },
    "express-a371447": {
        "languages": {
            "CSS": 4,
            "EJS": 20,
            "Go Template": 7,
            "HTML": 8,
            "Handlebars": 3,
            "INI": 2,
            "Ignore List": 2,
            "JSON": 1,
            "JavaScript": 141,
            "Markdown": 4,
            "Text": 11,
            "YAML": 6,
            None: 1,
        },
        "reasons": {"empty_text": 3},
        "licences": {"MIT": 210},
        "largest": ("test/app.router.js", 29831, "c2501683476efeee"),
        "all": "29d83bdc0bbc8052",
    },
    "gson-9835b6f": {
        "languages": {
            "INI": 1,
            "Ignore List": 3,
            "JSON": 1,
            "Java": 264,
            "Markdown": 16,
            "Proguard": 4,
            "Protocol Buffer": 4,
            "Text": 2,
            "XML": 9,
            "YAML": 8,
        },
        "reasons": {"binary": 1},
        "licences": {"Apache-2.0": 312},
        "largest": ("gson/src/test/java/com/google/gson/stream/JsonReaderTest.java", 86273, "88b33b37a1ccd6dc"),
        "all": "39006be5a019f073",
    },
    "hiredis-29ea279": {
        "languages": {
            "C": 49,
            "C++": 4,
            "CMake": 4,
            "Ignore List": 1,
            "Makefile": 1,
            "Markdown": 4,
            "Shell": 1,
            "Text": 2,
            "XML": 1,
            "YAML": 9,
            None: 3,
        },
        "reasons": {},
        "licences": {"BSD-2-Clause": 1, "BSD-3-Clause": 77, "MIT": 1},
        "largest": ("ffc.h", 144454, "d97e2406e02b5142"),
        "all": "c9cfaa0d20f3ef6b",
    },
    "mux-db9d1d0": {
        "languages": {
            "Go": 17,
            "Go Module": 1,
            "INI": 1,
            "Ignore List": 1,
            "Makefile": 1,
            "Markdown": 1,
            "Text": 1,
            "YAML": 4,
        },
        "reasons": {},
        "licences": {"BSD-3-Clause": 27},
        "largest": ("mux_test.go", 100196, "f13ca1252469b592"),
        "all": "ddc41ff6a8826ef0",
    },
    "ripgrep-3fce3b5": {
        "languages": {
            "CSV": 12,
            "Fish": 1,
            "Ignore List": 5,
            "Lua": 1,
            "Markdown": 23,
            "Python": 2,
            "Roff": 1,
            "Ruby": 1,
            "Rust": 110,
            "Shell": 6,
            "TOML": 14,
            "Text": 29,
            "XML": 1,
            "YAML": 5,
            None: 15,
        },
        "reasons": {"binary": 9, "lock_file": 2},
        "licences": {"MIT OR Unlicense": 226},
        "largest": ("crates/core/flags/defs.rs", 246353, "0c3331f18897927c"),
        "all": "c15d772c8aaa61ec",
    },
    "shellcheck-764802b": {
        "languages": {
            "Cabal Config": 1,
            "Dockerfile": 8,
            "Haskell": 31,
            "Ignore List": 2,
            "JSON": 1,
            "Markdown": 7,
            "SVG": 1,
            "Shell": 22,
            "Text": 1,
            "YAML": 3,
            None: 8,
        },
        "reasons": {"binary": 3, "generated": 1, "lock_file": 1},
        "licences": {"GPL-3.0": 59, "GPL-3.0-or-later": 26},
        "largest": ("src/ShellCheck/Analytics.hs", 268662, "24958b3d72cd5747"),
        "all": "b0f6dedd2d935952",
    },
    "wp2txt-25e205e": {
        "languages": {
            "Dockerfile": 1,
            "Ignore List": 2,
            "JSON": 6,
            "Markdown": 5,
            "Ruby": 69,
            "SVG": 2,
            "Text": 1,
            "YAML": 3,
        },
        "reasons": {},
        "licences": {"MIT": 89},
        "largest": ("lib/wp2txt/multistream.rb", 44695, "1abe1dbe4ba2b1b7"),
        "all": "c8e26d7558d84f2d",
    },
}


def digest(text: str) -> str:
    return xxhash.xxh3_64_hexdigest(text.encode())


@pytest.mark.parametrize("repository", GOLDEN)
def test_a_repository_is_read_as_on_record(samples, repository):
    golden = GOLDEN[repository]
    with (samples / "code" / f"{repository}.tar.gz").open("rb") as stream:
        found = list(read(stream, f"{repository}.tar.gz", ReadOptions()))
    documents = [record for record in found if isinstance(record, Extracted)]
    others = [
        record.rule if isinstance(record, Unextracted) else record.reason for record in found if record not in documents
    ]
    assert Counter(record.meta["language"] for record in documents) == golden["languages"]
    assert Counter(others) == golden["reasons"]
    assert Counter(record.licence for record in documents) == golden["licences"]
    name, length, largest = golden["largest"]
    (text,) = (record.text for record in documents if record.record == f"{repository}/{name}")
    assert (len(text), digest(text)) == (length, largest)
    assert digest("\0".join(record.record + record.text for record in documents)) == golden["all"]
    assert all("\r" not in record.text and "\0" not in record.text for record in documents)


def test_the_only_secret_of_the_samples_is_one(samples):
    masked = []
    for repository in GOLDEN:
        with (samples / "code" / f"{repository}.tar.gz").open("rb") as stream:
            documents = [r for r in read(stream, repository, ReadOptions()) if isinstance(r, Extracted)]
        masked += [(record.record, edit.rule) for record in documents for edit in find(record.text)]
    assert masked == [("Open-Assistant-f1e6ed9/website/.env", "secret.keyword")]
