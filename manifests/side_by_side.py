"""Two texts beside each other, for people: the passages that differ, with a few words around them.

On a terminal the words that differ have colours; elsewhere they stand in {+ +} if the kept text alone has them, in [- -]
if the removed one has.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest

from rich.console import Console
from rich.text import Text

from gristmill.curation.dedup.text_diff import Difference, Words
from gristmill.manifests import removal
from gristmill.manifests.removal import Pair

CONTEXT_WORDS = 10
"""Equal words that are shown on each side of a difference."""

SHOWN_PASSAGES = 12
"""Passages that are shown of many."""

SHOWN_WORDS = 60
"""Words of one difference that are shown: its first and its last."""

LEAST_WIDTH, MOST_WIDTH = 40, 200


@dataclass(frozen=True)
class _Side:
    """How one of the two texts is shown."""

    text: str
    words: Words
    name: str  # of its part of a Difference
    style: str
    marks: tuple[str, str]

    def of(self, difference: Difference) -> tuple[int, int]:
        return getattr(difference, self.name)


def lines(pair: Pair, width: int, colours: bool, everything: bool = False) -> Iterator[Text]:
    """Both texts side by side, in lines of at most `width` cells."""
    width = max(LEAST_WIDTH, min(width, MOST_WIDTH))
    marks = (("", ""), ("", "")) if colours else (("{+", "+}"), ("[-", "-]"))
    kept = _Side(pair.kept.text, pair.compared.first, "first", "green" if colours else "", marks[0])
    removed = _Side(pair.removed.text, pair.compared.second, "second", "red" if colours else "", marks[1])
    yield from Text(pair.says).wrap(_RULER, width)
    yield Text()
    for one, other in zip_longest(_head("kept", pair.kept, kept), _head("removed", pair.removed, removed)):
        yield from _row(Text(one or ""), Text(other or ""), width)
    passages = _passages(pair.compared.differences)
    shown = passages if everything else passages[:SHOWN_PASSAGES]
    place = 0
    for passage in shown:
        begin, end = (max(0, passage[0].first[0] - CONTEXT_WORDS), passage[-1].first[1] + CONTEXT_WORDS)
        if not begin:
            yield from _between("", width)
        yield from _equal(kept, removed, (place, begin), _shift(passage[0], 0), width, everything)
        yield from _row(*(_cell(side, passage, everything) for side in (kept, removed)), width)
        place = min(end, len(kept.words.start))
    if len(shown) == len(passages):
        shift = _shift(passages[-1][-1], 1) if passages else 0
        yield from _equal(kept, removed, (place, len(kept.words.start)), shift, width, everything)
    else:
        left = [difference for passage in passages[len(shown) :] for difference in passage]
        words = [sum(side.of(d)[1] - side.of(d)[0] for d in left) for side in (kept, removed)]
        yield from _between("", width)
        yield from Text(
            f"{len(left):,} more differences are left out, with {words[0]:,} words of the kept text and {words[1]:,} of "
            "the removed one; --full shows everything"
        ).wrap(_RULER, width)
    if not pair.compared.whole:
        limit = removal.text_diff.MAX_CHARACTERS
        yield Text(f"only the first {limit:,} characters of each text are compared")


_RULER = Console(width=MOST_WIDTH)
"""What knows how wide characters are; nothing is printed on it."""


def visible(text: str) -> str:
    """A text on one line, without anything that could steer a terminal: what cannot be seen is written out."""
    line = re.sub(r"\s+", " ", text)
    if line.isprintable():
        return line
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)


def _head(what: str, text: removal.Text, side: _Side) -> Iterator[str]:
    about = text.about
    yield what
    yield str(about["id"])
    manifest = f"{about['manifest']}: " if about.get("manifest") else ""
    yield f"{manifest}{about['source']}  {len(side.words.start):,} words"
    for name in ("locator", "url", "title"):
        yield visible(about[name] or "")
    if text.later:
        yield f"dropped later by {text.later}"


def _passages(differences: list[Difference]) -> list[list[Difference]]:
    """Differences that are near enough for their surroundings to meet are shown as one passage."""
    found: list[list[Difference]] = []
    for difference in differences:
        if found and difference.first[0] - found[-1][-1].first[1] <= 2 * CONTEXT_WORDS:
            found[-1].append(difference)
        else:
            found.append([difference])
    return found


def _shift(difference: Difference, end: int) -> int:
    """How far words that are equal stand further on in the second text."""
    return difference.second[end] - difference.first[end]


def _cell(side: _Side, passage: list[Difference], everything: bool) -> Text:
    """A passage of one text: what differs is marked."""
    first, last = side.of(passage[0])[0], side.of(passage[-1])[1]
    begin, end = max(0, first - CONTEXT_WORDS), min(len(side.words.start), last + CONTEXT_WORDS)
    cell = Text("" if everything or not begin else "… ")
    place = begin
    for difference in passage:
        one, other = side.of(difference)
        cell.append(_words(side, place, one))
        if one < other:
            cell.append(_marked(side, one, other, everything), side.style)
            cell.append(_gap(side, other))
        place = other
    cell.append(_words(side, place, end))
    cell.rstrip()
    return cell if everything or end == len(side.words.start) else cell.append(" …")


def _words(side: _Side, begin: int, end: int) -> str:
    """Words of a text as they stand there, with the space before the next one."""
    if begin >= end:
        return ""
    return visible(side.text[int(side.words.start[begin]) : int(side.words.end[end - 1])]) + _gap(side, end)


def _gap(side: _Side, place: int) -> str:
    """What stands before a word."""
    stop = int(side.words.end[place - 1])
    return " " if side.text[stop : stop + 1].isspace() else ""


def _marked(side: _Side, begin: int, end: int, everything: bool) -> str:
    before, after = side.marks
    if everything or end - begin <= SHOWN_WORDS:
        return before + _words(side, begin, end).strip() + after
    half = SHOWN_WORDS // 2
    first, last = _words(side, begin, begin + half).strip(), _words(side, end - half, end).strip()
    return f"{before}{first} … {end - begin - SHOWN_WORDS:,} words … {last}{after}"


def _equal(
    kept: _Side, removed: _Side, span: tuple[int, int], shift: int, width: int, everything: bool
) -> Iterator[Text]:
    """Equal words between two passages: their number, or the words themselves."""
    begin, end = span
    if begin >= end:
        return
    if everything:
        yield from _row(Text(_words(kept, begin, end)), Text(_words(removed, begin + shift, end + shift)), width)
    else:
        yield from _between(f" {end - begin:,} equal words ", width)


def _between(says: str, width: int) -> Iterator[Text]:
    yield Text(says.center((width - 3) // 2 * 2 + 3, "─"), "dim")


def _row(one: Text, other: Text, width: int) -> Iterator[Text]:
    """Two cells beside each other."""
    column = (width - 3) // 2
    wrapped = [cell.wrap(_RULER, column, overflow="fold") if cell.plain else [] for cell in (one, other)]
    for left, right in zip_longest(*wrapped):
        line = left or Text()
        line.rstrip()
        line.pad_right(column - line.cell_len)
        line.append(" │ ").append_text(right or Text())
        line.rstrip()
        yield line
