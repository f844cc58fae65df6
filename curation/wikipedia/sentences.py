"""Sentences that lack a word which only the wiki knows: left out, rather than given with a hole.

"The city has {{Population|Berlin}} inhabitants." is no sentence without the number, and a model would learn to write
such ones. A bracket with a hole goes alone; otherwise the sentence does.
"""

import re

from gristmill.curation.wikipedia.parse import GONE, HOLE

LEAST_LEFT = 1 / 3
"""An article that would lose all but this share of its characters keeps its sentences as they are."""

_IN_BRACKETS = re.compile(rf"[(（][^()（）\n]*{HOLE}[^()（）\n]*[)）]")
_STOP = re.compile(rf"[.!?।۔؟][\"'”»)\]{GONE}]*[ \xa0]+|[。！？][」』”）{GONE}]*")
_ABBREVIATION = re.compile(r"(?:\A|[\W_])[^\W\d_]{1,2}\.\Z|\d\.\Z")
_TABLE_ROW = re.compile(r"[|!=]| \| ")


def without_broken_sentences(text: str) -> tuple[str, int]:
    """The text without the sentences, or brackets, that have a hole, and how many these were."""
    if HOLE not in text:
        return text, 0
    kept, count = [], 0
    for line in text.split("\n"):
        if HOLE in line and not _TABLE_ROW.match(line) and " | " not in line:
            line, in_brackets = _IN_BRACKETS.subn(GONE, line)
            sentences = _sentences(line)
            whole = [sentence for sentence in sentences if HOLE not in sentence]
            count += in_brackets + len(sentences) - len(whole)
            line = "".join(whole)
        kept.append(line)
    shorter = "\n".join(kept)
    if len(shorter.strip()) < LEAST_LEFT * len(text.strip()):
        shorter, count = text, 0
    return shorter.replace(HOLE, GONE), count


def _sentences(line: str) -> list[str]:
    """A line cut after its stops, with what follows them; not after an abbreviation, nor before a small letter."""
    found, start = [], 0
    for stop in _STOP.finditer(line):
        following = line[stop.end() : stop.end() + 1]
        if stop[0][0] not in "。！？" and (following.islower() or following.isdecimal() or following == HOLE):
            continue
        if _ABBREVIATION.search(line, max(0, stop.start() - 4), stop.start() + 1):
            continue
        found.append(line[start : stop.end()])
        start = stop.end()
    return [*found, line[start:]] if start < len(line) else found
