"""Four numbers with points between: addresses, or the versions, sections and lists that look the same.

What stands before decides: `section 1.2.3.4`, `v2.0.0.1`, also for the rest of a list (`versions 1.2.3.4, 1.2.3.5`).
Small numbers need a hint that they are an address: of 48 in 65 MB of real text whose first three parts are up to 40, 45
are versions and the like, and the three addresses are told by "nameserver" and "addresses". Of random addresses, one in
230 is so small.
"""

import re
from collections.abc import Iterator, Sequence

_NUMBERED = re.compile(
    r"(?:\b(?:version|ver|v|release|rel|build|firmware|revision|rev|update|patch|section|sect|sec|chapter|ch|clause"
    r"|paragraph|para|article|annex|appendix|figure|fig|table|rule|part|step|item|subsection|rfc|iso|oid|ec)s?\.?|§)"
    r"[\s:=#\"'(\[_-]*\Z|[=<>~!]=\s*\Z|[~^]\Z|\bv\d{1,3}(?:\.\d{1,3}){3}\s?(?:[-–,/]|and|or|to)\s?\Z"
    r"|\b(?:up|down)grad(?:e|es|ed|ing) (?:from |to )?\Z"
    r"|\b(?:acrobat|acrobat reader|adobe air|adobe reader|chrome|chromium|directx|firefox|flash player|illustrator"
    r"|internet explorer|itunes|java|jdk|jre|macos|mysql|openssl|photoshop|php|quicktime|shockwave player|silverlight"
    r"|thunderbird|tomcat|winamp|wordpress)[ /-]\Z",
    re.IGNORECASE,
)
"""What stands before a version or a section: a word for it, or software whose versions have four parts and large ones.

Only names that mean nothing else: an address may follow "office", "edge" or "windows"."""

_BETWEEN = re.compile(r"[ \t]?(?:[,;&/+–—-]|(?:and|or|to|through|until|und|bis|et|y)\b)[ \t]?(?:(?:and|or|to)[ \t])?")
"""What stands between two numbers of a list."""

_SMALL = 40
"""Kernels went up to 2.6.39.4."""

_REACH = 48
_HINT_BEFORE = re.compile(
    r"(?:(?<![a-z])(?:ip|ipv4|ips|addr|address|addresses|hosts?|hostname|nameservers?|dns|gateway|subnet|netmask|router|proxy"
    r"|peer|inet|src|dst|ping|pinging|pinged|dig|nslookup|traceroute|whois|ssh|telnet|connect(?:ed|ing)? (?:to|from)"
    r"|\[client|client:|servers? (?:at|is|are)|servers?:)(?![\w-])[^\n.]{0,16}"
    r"|//|[@\\]\[?|\bfrom\b[^\n]*[(\[]|\w\.[a-z]{2,} ?[(\[])\Z",
    re.IGNORECASE,
)
_HINT_AFTER = re.compile(r":\d{2,5}\b|/\d\d\b|,? port \d| - (?:-|\w+) \[|\]\)? by ")
_SEE = re.compile(r"\b(?:see|cf)\.?\s\Z", re.IGNORECASE)


def addresses_among(text: str, matches: Sequence[re.Match]) -> Iterator[re.Match]:
    """Those of some dotted numbers, in order, that are no version, section or the like. Time is linear in the matches."""
    small = [_is_small(match[0]) for match in matches]
    numbered = [bool(_NUMBERED.search(text[max(0, match.start() - 24) : match.start()])) for match in matches]
    end, last = 0, ""
    for place, match in enumerate(matches):
        before = text[max(end, match.start() - _REACH) : match.start()]
        listed = last and _BETWEEN.fullmatch(before)
        if _NUMBERED.search(before[-24:]) or (listed and last == "numbered"):
            last = "numbered"
        elif not small[place] or (listed and last == "address"):
            last = "address"
        else:
            near = (one for one in (place - 1, place + 1) if 0 <= one < len(matches))
            beside = [matches[one] for one in near if not small[one] and not numbered[one]]
            hinted = _HINT_BEFORE.search(before.rpartition("\n")[2]) or _HINT_AFTER.match(text, match.end())
            told = hinted or any(_same_line(text, match, other) for other in beside)
            last = "address" if told and not _SEE.search(before) else "small"
        end = match.end()
        if last == "address":
            yield match


def _is_small(number: str) -> bool:
    """Whether the first three parts are those of a version."""
    return all(int(part) <= _SMALL for part in number.split(".")[:3])


def _same_line(text: str, one: re.Match, other: re.Match) -> bool:
    """Whether two numbers stand close together on a line, as those of a log do."""
    start, end = min(one.end(), other.end()), max(one.start(), other.start())
    return end - start <= _REACH and "\n" not in text[start:end]
