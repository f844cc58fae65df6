"""Licence statements of books and papers as SPDX identifiers: Creative Commons by URL, short name or full name."""

import re

MAX_WORDS = 300
"""Characters kept of a statement that names no known licence."""

_ADDRESS = re.compile(
    r"creativecommons\.org/(?:licen[sc]es/(?P<terms>by(?:-nc)?(?:-nd|-sa)?)/(?P<version>\d\.\d)(?:/(?P<port>[a-z]{2,3})\b)?"
    r"|(?P<zero>publicdomain/zero/1\.0))",
    re.IGNORECASE,
)
_ABBREVIATED = re.compile(r"\bCC[- ](BY(?:-NC)?(?:-ND|-SA)?)[- ](\d\.\d)\b", re.IGNORECASE)
_WORDED = re.compile(
    r"creative commons attribution(?P<nc>[- ]non-?commercial)?(?:[- ](?P<kind>share-?alike|no-?deriv(?:ative)?s?))?"
    r"(?: (?:works?|unported|international|generic|public|license|licence))*,?\s*\(?(?:v(?:ersion)?\.? ?)?(?P<version>\d\.\d)?",
    re.IGNORECASE,
)


def licence_name(statement: str) -> str | None:
    """`CC-BY-4.0` for its URL or name; any other statement shortened to MAX_WORDS characters; None for an empty one.

    Ported licences (`/3.0/us/`) keep their port as SPDX writes it: `CC-BY-3.0-US`. Where a statement names no version
    there is none, for which SPDX has no identifier: `CC-BY`.
    """
    match = _ADDRESS.search(statement)
    if match:
        if match["zero"]:
            return "CC0-1.0"
        port = f"-{match['port'].upper()}" if match["port"] else ""
        return f"CC-{match['terms'].upper()}-{match['version']}{port}"
    match = _ABBREVIATED.search(statement)
    if match:
        return f"CC-{match[1].upper()}-{match[2]}"
    match = _WORDED.search(statement)
    if match:
        kind = (match["kind"] or "").lower()
        suffix = "-SA" if kind.startswith("share") else "-ND" if kind else ""
        version = f"-{match['version']}" if match["version"] else ""
        return f"CC-BY{'-NC' if match['nc'] else ''}{suffix}{version}"
    words = " ".join(statement.split())
    return words[:MAX_WORDS] or None
