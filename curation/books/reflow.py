"""Hard-wrapped plain text back to paragraphs: prose is joined, verse, plays, lists and tables keep their lines.

Whether a line break is only a wrap is told by the greedy rule that typists and programs follow: the next line's first
word would not have fitted. Verse breaks long before the margin, and its lines begin with capitals. Both are judged
per block (the lines between two blank lines) against the width to which the whole text is wrapped.
"""

import re
from bisect import bisect_left
from dataclasses import dataclass

MIN_WIDTH = 50
"""No text narrower than this (columns) counts as wrapped prose: most metres stay below it."""

MAX_WIDTH = 130
"""A text whose lines are typically longer than this (columns) has one paragraph a line, and is left alone."""

TOLERANCE = 3
"""A line may end this many columns before the margin allowed and still count as full."""

_FIRST_LETTER = re.compile(r"[^\W\d_]")
_SPACES = re.compile(r"[ \t\u00a0]{2,}")
_RULE = re.compile(r"(?:\*[ \t]*){3,}")
_CJK = re.compile(r"[\u2e80-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uffef]")
_SENTENCE_END = re.compile(r"[.!?:;…。！？：；][\"'”’»«)\]_*]*$")
_HYPHENATED = re.compile(r"([^\W\d_]+)[-\u00ad]$")
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")


@dataclass(frozen=True, slots=True)
class _Block:
    lines: list[str]
    indents: list[int]
    ends: list[int]  # column after each line's last character
    fits: list[int]  # for each break: column that the next line's first word would have reached
    cases: list[int]  # for each break: 1 if the next line begins with a capital, -1 with a small letter, 0 with neither


def reflow(text: str) -> str:
    """The text with wrapped prose lines joined into paragraphs, which a blank line separates.

    Expects "\\n" line ends. Runs of blank lines become one, indentation common to a block goes.
    """
    blocks = [_measure(lines) for lines in _blocks(text)]
    width = _width(blocks)
    vocabulary = _vocabulary(text) if width and _breaks_words(blocks) else frozenset()
    return "\n\n".join(_paragraphs(block, width, vocabulary) for block in blocks)


def _blocks(text: str) -> list[list[str]]:
    blocks: list[list[str]] = []
    lines: list[str] = []
    for line in text.split("\n"):
        line = line.rstrip()
        if line:
            lines.append(line.expandtabs() if "\t" in line else line)
        elif lines:
            blocks.append(lines)
            lines = []
    if lines:
        blocks.append(lines)
    return blocks


def _measure(lines: list[str]) -> _Block:
    bare = [line.lstrip() for line in lines]
    wide = any(not line.isascii() and _CJK.match(line) for line in bare)
    lengths = [_columns(line) for line in lines] if wide else [len(line) for line in lines]
    indents = [len(line) - len(rest) for line, rest in zip(lines, bare, strict=True)]
    fits, cases = [], []
    for i in range(1, len(lines)):
        rest = bare[i]
        word = 2 if wide and _CJK.match(rest) else (rest.find(" ") if " " in rest else len(rest))
        fits.append(lengths[i - 1] + (0 if wide else 1) + word)
        letter = rest[0]
        if not letter.isalpha():
            found = _FIRST_LETTER.search(rest, 1, 8)
            letter = found[0] if found else ""
        cases.append(letter.isupper() - letter.islower())
    return _Block(lines, indents, lengths, fits, cases)


def _capitals(cases: list[int]) -> float:
    """Share of lines that begin with a capital; 0 for scripts without case."""
    capitals, small = cases.count(1), cases.count(-1)
    return capitals / (capitals + small) if capitals else 0.0


def _columns(line: str) -> int:
    """Width of a line in columns where an East Asian character takes two."""
    return len(line) + len(_CJK.findall(line))


def _width(blocks: list[_Block]) -> int:
    """The column at which the text's prose is wrapped, or 0 if it is not wrapped at all.

    Taken from blocks of three and more lines that mostly go on in lower case, so that a play or an anthology is
    measured by its prefaces and stage directions. A text without any such block is all verse: only what reaches the
    usual 72 columns is then prose.
    """
    ends = sorted(
        end for block in blocks if len(block.lines) >= 3 and _capitals(block.cases) <= 0.6 for end in block.ends[:-1]
    )
    if len(ends) < 10:
        longest = max((max(block.ends) for block in blocks), default=0)
        return 72 if longest <= MAX_WIDTH else 0
    width = ends[int(len(ends) * 0.95)]
    if width > MAX_WIDTH and ends[len(ends) // 2] > MAX_WIDTH * 2 // 3:
        return 0
    # A few overlong lines (tables, addresses) say nothing about the margin.
    return max(MIN_WIDTH, min(width, ends[bisect_left(ends, MAX_WIDTH) - 1] if ends[0] < MAX_WIDTH else width))


def _paragraphs(block: _Block, width: int, vocabulary: frozenset[str]) -> str:
    if len(block.lines) == 1:
        line = block.lines[0].strip()
        return " ".join(line.split()) if _RULE.fullmatch(line) else line
    margin = _margin(block, width) if width else 0
    if not margin and width and any(map(_CJK.search, block.lines)):
        return _full_lines_joined(block, width)
    if not margin:
        common = min(block.indents)
        if common >= 8 and _centred(block):
            return "\n".join(line.strip() for line in block.lines)
        return "\n".join(line[common:] for line in block.lines)
    hanging = _hanging(block, margin)
    base = min(block.indents)
    out = [block.lines[0].strip()]
    for i, fit in enumerate(block.fits):
        line, rest = block.lines[i], block.lines[i + 1].strip()
        if not hanging and block.indents[i + 1] > max(base, block.indents[i]):
            out.append("\n\n" + rest)  # a first-line indent
        elif _stays(line, rest, block.ends[i], fit, margin):
            out.append("\n" + rest)
        else:
            out.append(_joint(out, rest, vocabulary) + rest)
    paragraph = "".join(out)
    return _SPACES.sub(" ", paragraph) if "  " in paragraph or not paragraph.isascii() else paragraph


def _full_lines_joined(block: _Block, width: int) -> str:
    """A block of East Asian lines: the full ones go on below unless that line is indented, the others end there.

    Such texts set sayings and dialogue without blank lines between, each begun by an ideographic space.
    """
    out = [block.lines[0].strip()]
    for i, end in enumerate(block.ends[:-1]):
        rest = block.lines[i + 1].strip()
        goes_on = end >= width - TOLERANCE and block.indents[i + 1] == 0 and _CJK.match(rest)
        out.append(rest if goes_on else "\n" + rest)
    return "".join(out)


def _margin(block: _Block, width: int) -> int:
    """The column to which this block is wrapped, or 0 if its line breaks are meant."""
    first = 1 if len(block.fits) > 1 and block.ends[0] < width // 2 else 0  # a speaker's name or a heading
    fits, ends = block.fits[first:], block.ends[first:]
    capitals = _capitals(block.cases[first:])
    longest = max(ends)
    margin = min(longest, MAX_WIDTH) if longest > width + 8 else width
    full = sum(fit > margin - TOLERANCE for fit in fits) / len(fits)
    filled = sum(ends[:-1]) / len(fits)
    if capitals >= 0.8 and len(fits) >= 3:
        prose = full >= 0.9
    elif capitals == 0:
        prose = full >= 0.6 or filled >= 0.8 * margin
    else:
        prose = full >= 0.6 or (capitals <= 0.4 and filled >= 0.8 * margin)
    if prose:
        return margin
    # A quotation or note set narrower must prove to be prose by itself.
    if MIN_WIDTH <= longest < width - 8 and len(fits) >= 2 and capitals <= 0.5:
        full = sum(fit > longest - TOLERANCE for fit in fits) / len(fits)
        return longest if full >= 0.75 else 0
    return 0


def _centred(block: _Block) -> bool:
    """Whether the lines lie symmetrically about one column, as on a title page."""
    middles = [indent + end for indent, end in zip(block.indents, block.ends, strict=True)]
    return max(middles) - min(middles) <= 4


def _hanging(block: _Block, margin: int) -> bool:
    """Whether deeper lines continue the one above (a list with hanging indents) rather than begin a paragraph."""
    deeper = [fit > margin - TOLERANCE for i, fit in enumerate(block.fits) if block.indents[i + 1] > block.indents[i]]
    return bool(deeper) and sum(deeper) > 0.6 * len(deeper)


def _stays(line: str, rest: str, end: int, fit: int, margin: int) -> bool:
    """Whether a break inside prose is meant: after a speaker's name, a heading, a line of dialogue."""
    if fit > margin - TOLERANCE:
        return False
    letter = _FIRST_LETTER.search(rest, 0, 8)
    if letter and letter[0].islower():
        return end < margin // 2 and not line.endswith("-")
    return end < 0.6 * margin or _SENTENCE_END.search(line) is not None


def _joint(out: list[str], rest: str, vocabulary: frozenset[str]) -> str:
    """What stands between two joined lines: a space, or nothing after a dash or hyphen and between CJK characters.

    May shorten the last part of `out` by a hyphen that only the wrap needed: the word occurs without it elsewhere.
    """
    last = out[-1]
    hyphenated = _HYPHENATED.search(last) if last[-1] in "-\u00ad" else None
    if hyphenated:
        following = _WORD.match(rest)
        if following and rest[0].islower():
            head, tail = hyphenated[1].lower(), following[0].lower()
            if last[-1] == "\u00ad" or (head + tail in vocabulary and f"{head}-{tail}" not in vocabulary):
                out[-1] = last[:-1]
        return ""
    if last.endswith(("--", "—")) or rest.startswith(("--", "—")):
        return ""
    if _CJK.match(last[-1]) and _CJK.match(rest):
        return ""
    return " "


def _breaks_words(blocks: list[_Block]) -> bool:
    return any(line.endswith("-") and not line.endswith("--") for block in blocks for line in block.lines)


def _vocabulary(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(text.lower()))
