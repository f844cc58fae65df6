"""Which licence a file is under, as an SPDX expression: from its own header, or from the files of its repository.

In a header: `SPDX-License-Identifier`, or the notice that a licence asks for. In a repository: licence texts
(LICENSE, COPYING ..., `LICENSES/` as REUSE has it) and the licence fields of packages; the nearest folder upwards that
has one holds. The GNU licences are named without `-only` or `-or-later` where only their text is there: it is the same
for both.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from gristmill.curation.code.fingerprints import recognise
from gristmill.curation.code.package_licences import is_package_file, package_licence
from gristmill.curation.code.spdx import from_words, names, parse

MAX_LICENCE_BYTES = 2**20
"""A larger file is no licence text and no package's description."""

_SPDX = re.compile(r"SPDX-License-Identifier:[ \t]*([A-Za-z0-9.+()\- \t:]{2,400})")
_FILE = re.compile(r"(?:.*[-_.])?(?:un)?(?:licen[cs]es?|copying|copyright)(?:[-_.].*)?\Z", re.IGNORECASE)
_NOT_TEXT = re.compile(
    r"\.(?:py|js|ts|c|h|go|rs|java|rb|sh|php|json|ya?ml|html?|png|svg|toml|xml|css|hs|lua|pl|tmpl|in|csv)\Z",
    re.IGNORECASE,
)
_NOT_WORD = re.compile(r"[^a-z0-9]+")

_PHRASES = (
    ("Apache-2.0", "apache license version 2 0"),
    ("AGPL-3.0", "gnu affero general public license version 3 19 november 2007"),
    ("LGPL-3.0", "gnu lesser general public license version 3 29 june 2007"),
    ("LGPL-2.1", "gnu lesser general public license version 2 1 february 1999"),
    ("LGPL-2.0", "gnu library general public license version 2 june 1991"),
    ("GPL-3.0", "gnu general public license version 3 29 june 2007"),
    ("GPL-2.0", "gnu general public license version 2 june 1991"),
    ("MPL-2.0", "mozilla public license version 2 0"),
    ("MPL-1.1", "mozilla public license version 1 1"),
    ("EPL-2.0", "eclipse public license v 2 0"),
    ("EPL-1.0", "eclipse public license v 1 0"),
    ("EUPL-1.2", "european union public licence v 1 2"),
    ("Unlicense", "this is free and unencumbered software released into the public domain"),
    ("CC0-1.0", "cc0 1 0 universal"),
    ("CC-BY-4.0", "creative commons attribution 4 0 international"),
    ("CC-BY-SA-4.0", "creative commons attribution sharealike 4 0 international"),
    ("BSL-1.0", "boost software license version 1 0"),
    ("Zlib", "in no event will the authors be held liable for any damages arising from the use of this software"),
    ("Artistic-2.0", "the artistic license 2 0"),
    ("WTFPL", "do what the fuck you want to public license"),
    ("Python-2.0", "python software foundation license version 2"),
    ("MS-PL", "microsoft public license ms pl"),
    ("NCSA", "university of illinois ncsa open source license"),
    ("MIT", "licensed under the mit license"),
)
_PERMISSION = "permission is hereby granted free of charge to any person obtaining a copy"
_REDISTRIBUTION = "redistribution and use in source and binary forms"
_ANY_PURPOSE = re.compile(
    "use copy modify and (?:or )?distribute this (?:software|material) for any purpose with or without fee is hereby granted"
)

_GNU_LATER = r"(?: of the licen[sc]e)? (?:or at your option any later|or any later|or later|or newer)"
_GNU = re.compile(
    r"(?:version (?P<first>[123])(?: (?P<first_minor>[01]))? of the )?"
    r"gnu (?P<family>affero general|lesser general|library general|general) public licen[sc]e\b"
    rf"(?(first)|(?:[a-z ]{{0,90}}? v(?:ersion)? ?| v)(?P<major>[123])(?: (?P<minor>[01])\b)?)(?P<later>{_GNU_LATER})?"
)
_GNU_NAMES = {"affero general": "AGPL", "lesser general": "LGPL", "library general": "LGPL", "general": "GPL"}
_NOTICES = (
    ("Apache-2.0", re.compile("under the (?:terms of the )?apache (?:software )?licen[sc]e version 2 0")),
    ("MPL-2.0", re.compile("subject to the terms of the mozilla public license v(?:ersion)? ?2 0")),
    ("MPL-1.1", re.compile("subject to the mozilla public license version 1 1")),
    ("BSL-1.0", re.compile("under the boost software license version 1 0")),
    ("EPL-2.0", re.compile("under the terms of the eclipse public license (?:v|version )? ?2 0")),
    ("EPL-1.0", re.compile("under the terms of the eclipse public license (?:v|version )? ?1 0")),
    ("Unlicense", re.compile("this is free and unencumbered software released into the public domain")),
    ("MIT", re.compile("under the (?:terms of the )?mit licen[sc]e")),
)
"""What headers say, in order; in words without punctuation."""


def spdx_header(head: str) -> str | None:
    """The expression after `SPDX-License-Identifier:` in the head of a file, such as "MIT OR Apache-2.0".

    Several lines of it hold together. Words that are no expression are given as they stand.
    """
    stated: list[str] = []
    for match in _SPDX.finditer(head):
        words = " ".join(match[1].split()).rstrip(" -:")
        if words and words not in stated:
            stated.append(words)
    return _all_of(stated)


def notice(head: str) -> str | None:
    """The licence that the head of a file names in the usual words: Apache, GNU, Mozilla, MIT, BSD, ...

    >>> notice("# ... the GNU General Public License as published by the Free Software Foundation; either version 2 "
    ...        "of the License, or (at your option) any later version.")
    'GPL-2.0-or-later'
    """
    lowered = head.lower()
    if not any(
        word in lowered for word in ("licen", "permission is hereby", "redistribution and use", "public domain")
    ):
        return None
    words = _NOT_WORD.sub(" ", lowered)
    if match := _GNU.search(words):
        suffix = "-or-later" if match["later"] else ""
        number = f"{match['first'] or match['major']}.{match['first_minor'] or match['minor'] or 0}"
        return f"{_GNU_NAMES[match['family']]}-{number}{suffix}"
    for name, pattern in _NOTICES:
        if pattern.search(words):
            return name
    # A header may be cut before the clause that tells; only to its end is it the shorter licence.
    found = _by_clauses(words)
    whole = "dealings in the software" in words or "possibility of such damage" in words
    return found[0] if found and (whole or found[0] not in ("MIT-0", "BSD-2-Clause")) else None


def is_licence_file(name: str) -> bool:
    """Whether a file's name (without its folder) is that of a licence: LICENSE, COPYING.LESSER, LICENCE-MIT.txt, UNLICENSE."""
    return bool(_FILE.match(name)) and not _NOT_TEXT.search(name)


def recognised(text: str) -> list[str]:
    """Identifiers of the licences that a licence file holds, by their whole texts, else by telling phrases."""
    if found := recognise(text):
        return sorted(found)
    words = _NOT_WORD.sub(" ", text[:400_000].lower())
    return [name for name, phrase in _PHRASES if phrase in words] + _by_clauses(words)


def _by_clauses(words: str) -> list[str]:
    """The MIT, BSD and ISC licences by their clauses: their words are changed more often than others."""
    found = []
    if _PERMISSION in words and "font software" not in words:
        found.append("MIT" if "permission notice shall be included" in words else "MIT-0")
    if _REDISTRIBUTION in words and "apache license version 2 0" not in words:
        if "all advertising materials mentioning" in words:
            found.append("BSD-4-Clause")
        elif "neither the name" in words or "may not be used to endorse" in words or "may be used to endorse" in words:
            found.append("BSD-3-Clause")
        else:
            found.append("BSD-2-Clause")
    if _ANY_PURPOSE.search(words):
        found.append("ISC" if "provided that the above copyright notice" in words else "0BSD")
    return found


def combined(by_file: Mapping[str, list[str]]) -> str | None:
    """One SPDX expression for the licence files of a folder.

    Files named for their licences (LICENSE-MIT beside LICENSE-APACHE) offer a choice: OR. Otherwise all hold: AND.

    >>> combined({"LICENSE-MIT": ["MIT"], "UNLICENSE": ["Unlicense"]})
    'MIT OR Unlicense'
    """
    found = sorted({name for in_file in by_file.values() for name in in_file})
    if "LGPL-3.0" in found and "GPL-3.0" in found:
        found.remove("GPL-3.0")  # the LGPL 3 is a set of permissions on top of the GPL, whose text comes with it
    if not found:
        return None
    telling = [name for name, in_file in by_file.items() if in_file]
    choice = len(telling) > 1 and all(
        len(by_file[name]) == 1 and re.search(r"un|[-_.]", name, re.IGNORECASE) for name in telling
    )
    return (" OR " if choice else " AND ").join(found)


def _all_of(expressions: list[str]) -> str | None:
    if len(expressions) < 2:
        return expressions[0] if expressions else None
    return str(parse(" AND ".join(f"({e})" for e in expressions)) or expressions[0])


# --- the licence of each folder ---------------------------------------------------------------------------------------


@dataclass
class Folders:
    """The licences of a repository's folders, collected file by file."""

    texts: dict[str, dict[str, list[str]]] = field(default_factory=dict)  # folder -> licence file -> licences
    packages: dict[str, list[str]] = field(default_factory=dict)  # folder -> expressions of its packages
    found: dict[str, tuple[str, str]] | None = None  # folder -> (expression, where from), once asked for

    def wants(self, path: str) -> bool:
        """Whether a file may say something about licences."""
        folder, _, name = path.rpartition("/")
        return is_licence_file(name) or is_package_file(name) or folder.endswith("LICENSES")

    def add(self, path: str, data: bytes) -> None:
        """Take note of a file that `wants` named."""
        folder, _, name = path.rpartition("/")
        if len(data) > MAX_LICENCE_BYTES:
            return
        self.found = None
        if folder.rpartition("/")[2] == "LICENSES":  # REUSE: LICENSES/MIT.txt
            stated = from_words(name.removesuffix(".txt"))
            if stated:
                self.texts.setdefault(folder.rpartition("/")[0], {})[f"LICENSES/{name}"] = [stated]
        elif is_licence_file(name):
            self.texts.setdefault(folder, {})[name] = recognised(data.decode("utf-8", "replace"))
        elif stated := package_licence(name, data):
            self.packages.setdefault(folder, []).append(stated)

    def licence(self, path: str) -> tuple[str, str] | None:
        """(expression, `file` or `package`) for a path: of the innermost folder around it that states one."""
        if self.found is None:
            self.found = {}
            for folder in sorted({*self.texts, *self.packages}):
                if stated := self._of_folder(folder):
                    self.found[folder] = stated
        if not self.found:
            return None
        folder = path
        while folder:
            folder = folder.rpartition("/")[0]
            if folder in self.found:
                return self.found[folder]
        return None

    def _of_folder(self, folder: str) -> tuple[str, str] | None:
        """Texts say which licences there are; a package's field says how they go together, and which GNU is meant."""
        texts = {**self.texts.get(folder, {})}
        main = {name: found for name, found in texts.items() if not name.startswith("LICENSES/")}
        by_text = combined(main if any(main.values()) else texts)
        by_package = _all_of(list(dict.fromkeys(self.packages.get(folder, []))))
        if by_package and (by_text is None or _plain(by_text) == _plain(by_package)):
            return by_package, "package"
        return (by_text, "file") if by_text else None


def _plain(expression: str) -> set[str]:
    return {re.sub(r"-(?:only|or-later)\Z", "", name) for name in names(parse(expression))}
