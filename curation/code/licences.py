"""Which licence a text is under, as an SPDX identifier: from a header, or from the words of a licence file.

Names are those of https://spdx.org/licenses. The GNU licences are given without `-only` or `-or-later`: their text is
the same for both, and which is meant stands elsewhere.
"""

import re

_SPDX = re.compile(r"SPDX-License-Identifier:[ \t]*([A-Za-z0-9.+()\- \t]{2,200})")
_FILE = re.compile(r"(?:.*[-_.])?(?:un)?(?:licen[cs]es?|copying)(?:[-_.].*)?\Z", re.IGNORECASE)
_NOT_TEXT = re.compile(
    r"\.(?:py|js|ts|c|h|go|rs|java|rb|sh|php|json|ya?ml|html?|png|svg|toml|xml|css|hs|lua|pl)\Z",
    re.IGNORECASE,
)
_WORDS = re.compile(r"[^a-z0-9]+")

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
    (
        "Zlib",
        "in no event will the authors be held liable for any damages arising from the use of this software",
    ),
    ("Artistic-2.0", "the artistic license 2 0"),
    ("WTFPL", "do what the fuck you want to public license"),
    ("Python-2.0", "python software foundation license version 2"),
    ("MS-PL", "microsoft public license ms pl"),
    ("NCSA", "university of illinois ncsa open source license"),
)
_PERMISSION = "permission is hereby granted free of charge to any person obtaining a copy"
_REDISTRIBUTION = "redistribution and use in source and binary forms"
_ANY_PURPOSE = "modify and or distribute this software for any purpose with or without fee is hereby granted"


def spdx_header(head: str) -> str | None:
    """The expression after `SPDX-License-Identifier:` in the head of a file, such as "MIT OR Apache-2.0"."""
    match = _SPDX.search(head)
    return " ".join(match[1].split()).rstrip(" -") or None if match else None


def is_licence_file(name: str) -> bool:
    """Whether a file's name (without its folder) is that of a licence: LICENSE, COPYING.LESSER, LICENCE-MIT.txt, UNLICENSE."""
    return bool(_FILE.match(name)) and not _NOT_TEXT.search(name)


def recognised(text: str) -> list[str]:
    """Identifiers of the licences whose telling phrases stand in a licence file's text, in a fixed order."""
    words = _WORDS.sub(" ", text[:400_000].lower())
    found = [name for name, phrase in _PHRASES if phrase in words]
    if _PERMISSION in words:
        found.append("MIT" if "permission notice shall be included" in words else "MIT-0")
    if _REDISTRIBUTION in words and "Apache-2.0" not in found:
        if "all advertising materials mentioning" in words:
            found.append("BSD-4-Clause")
        elif "neither the name" in words or "may not be used to endorse" in words or "may be used to endorse" in words:
            found.append("BSD-3-Clause")
        else:
            found.append("BSD-2-Clause")
    if _ANY_PURPOSE in words or _ANY_PURPOSE.replace("and or ", "and ") in words:
        found.append("ISC" if "provided that the above copyright notice" in words else "0BSD")
    return found


def combined(by_file: dict[str, list[str]]) -> str | None:
    """One SPDX expression for the licence files of a folder.

    Files named for their licences (LICENSE-MIT beside LICENSE-APACHE) offer a choice: OR. Otherwise all hold: AND.

    >>> combined({"LICENSE-MIT": ["MIT"], "UNLICENSE": ["Unlicense"]})
    'MIT OR Unlicense'
    """
    names = sorted({name for found in by_file.values() for name in found})
    if "LGPL-3.0" in names and "GPL-3.0" in names:
        names.remove("GPL-3.0")  # the LGPL 3 is a set of permissions on top of the GPL, whose text comes with it
    if not names:
        return None
    recognised_files = [name for name, found in by_file.items() if found]
    choice = len(recognised_files) > 1 and all(
        len(by_file[name]) == 1 and re.search(r"un|[-_.]", name, re.IGNORECASE) for name in recognised_files
    )
    return (" OR " if choice else " AND ").join(names)
