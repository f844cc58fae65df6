"""Days of IRC channels: logs of irssi, WeeChat, ZNC, eggdrop, HexChat and of channel bots such as Ubuntu's.

Every line that somebody said becomes `<name> words` or `* name does`, without the clock's time; joining, leaving and
the like, which show addresses, go and are counted. A log that says where a day begins, or dates every line, gives a
document for each day.
"""

import re
from collections.abc import Iterator
from typing import BinaryIO

from gristmill.curation.archives import decompressed
from gristmill.curation.documents import (
    Extracted,
    ReadOptions,
    Record,
    Unextracted,
    UnreadableFile,
)
from gristmill.curation.markup import plain_lines

MAX_DAY_BYTES = 16 * 2**20
"""A longer day, such as a log of years without dates, goes on in a document of its own."""

_LINE_BYTES = 2**16
_STAMP = re.compile(
    r"\[?(?:(?P<day>\d{4}-\d\d-\d\d)[ T]|[A-Z][a-z]{2} \d{1,2} )?\d{1,2}:\d\d(?::\d\d)?(?:[+-]\d\d:?\d\d|Z)?\]?[ \t]+"
)
_SPOKEN = re.compile(r"<[ @+%&~!]?([^<>\s][^<>\n]{0,39})>[ \t]?(.*)")
_COMMON = re.compile(r"\[?\d\d:\d\d(?::\d\d)?\]? <[ @+]?([^<>\s@+%&~! ]{1,40})>[ \t]?(.*)")  # nine lines of ten
_TABBED = re.compile(r"[@+%&~!]?([^\s\t]{1,40})\t(.*)")  # WeeChat
_ACTED = re.compile(r"(?:Action: |\* ?|=== )(?=[^\s*=])(\S{1,40}) +(.*)")
_EVENT = re.compile(
    r"(?:-!-|\*\*\*|<?--+>?|=!=|==|!)(?:[ \t]|$)"  # irssi, ZNC, WeeChat
    r"|(?:=== |\* |\*\*\* )?(?:Now talking (?:in|on)|Topic |Mode |mode/[#&\w]|Nick change:|\S+ sets mode)"
    r"|(?:=== |\* )?\S+ {1,2}(?:_ ?)?(?:[\[(][^\])\s]*[@!][^\])\s]*[\])] +)?(?:has )?(?:joined|left|quit)"
    r"(?: [#&]| \(|:| [Ii][Rr][Cc]\b|\.?$)"  # eggdrop, HexChat, Ubuntu's bot
    r"|(?:=== |\* )?\S+ (?:is now known as|set the topic|changed the topic|sets mode|gives (?:channel|voice)|removes (?:channel|voice)) "
    r"|=== (?:\S+ {0,2}(?:_ )?\[|.{1,60} \[.{0,80}@\S*\] +has (?:joined|left|quit)|.{1,60} is now known as \S+$)"
    r"|-[^\s-]\S*- "  # notices, mostly spam
)
_DAY_BEGINS = re.compile(
    r"(?:---|\*\*\*\*|Session Start:|#?--)\s*(?:Log (?:opened|closed)|Day changed|BEGIN(?:NING)? LOGGING(?: AT)?|ENDING LOGGING(?: AT)?)?[ :]*"
    r"(?:\[?[A-Z][a-z]{2},? )?(?P<month>[A-Z][a-z]{2}) {1,2}(?P<date>\d{1,2})(?: \d\d:\d\d(?::\d\d)?)? (?P<year>\d{4})"
)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_FILE_DAY = re.compile(r"(?<!\d)((?:19|20)\d\d)[-_.]?(\d\d)[-_.]?(\d\d)(?!\d)")
_COLOURS = re.compile("\x03(?:[0-9]{1,2}(?:,[0-9]{1,2})?)?|\x04[0-9A-Fa-f]{6}")


def is_log(head: str) -> bool:
    """Whether a text's first lines are a channel's log: most of them are things said, done or noted, with a time."""
    told = timed = 0
    lines = [line for line in head.splitlines()[:200] if line.strip()]
    for line in lines:
        stamp = _STAMP.match(line)
        rest = line[stamp.end() :] if stamp else line
        known = bool(_SPOKEN.match(rest) or _EVENT.match(rest) or _ACTED.match(rest) or _DAY_BEGINS.match(line))
        told += known or bool(stamp and _TABBED.match(rest))
        timed += bool(stamp)
    return bool(timed) and 2 * told > len(lines)


def read(stream: BinaryIO, name: str, options: ReadOptions) -> Iterator[Record]:
    """The days of a log, each a document; the record is "" for the only day of a file, else the date.

    `meta` counts the `lines` that stayed and the `events` that went: together all lines of the day but blank ones.
    """
    found = _FILE_DAY.search(name.rsplit("/", 1)[-1])
    day = _Day("-".join(found.groups()) if found else None, False)
    broken = None
    stream = decompressed(stream)
    try:
        while line := stream.readline(_LINE_BYTES):
            text = _decoded(line)
            if not text.strip():
                continue
            begins = _DAY_BEGINS.match(text)
            spoken, date = ("", None) if begins else _read_line(text)
            if begins and begins["month"] in _MONTHS:
                date = f"{begins['year']}-{_MONTHS.index(begins['month']) + 1:02}-{int(begins['date']):02}"
            if date and (date != day.date or not day.inside):
                if day.spoken or (day.inside and day.events):
                    yield day.record()
                day = _Day(date, True)
            elif day.size >= MAX_DAY_BYTES:
                yield day.record()
                day = _Day(day.date, day.inside, day.part + 1)
            day.add(spoken)
    except UnreadableFile as error:
        broken = error
    if day.spoken or day.events or not day.inside:
        yield day.record()
    if broken:
        raise broken


class _Day:
    """The lines of one day, up to where it ends."""

    def __init__(self, date: str | None, inside: bool, part: int = 1):
        self.date = date
        self.inside = inside  # whether the file itself told the date
        self.part = part
        self.spoken: list[str] = []
        self.events = 0
        self.size = 0

    def add(self, line: str) -> None:
        if line:
            self.spoken.append(line)
            self.size += len(line)
        else:
            self.events += 1

    def record(self) -> Record:
        place = (self.date if self.inside else "") or ""
        if self.part > 1:
            place += f"part{self.part}"
        if not self.spoken:
            return Unextracted(place, "empty_text")
        meta = {"lines": len(self.spoken), "events": self.events}
        return Extracted(place, plain_lines("\n".join(self.spoken)), created=self.date, meta=meta)


def _read_line(line: str) -> tuple[str, str | None]:
    """What a line says as it stands in the text ("" for an event), and its date if it has one.

    A line of no known form, such as one that goes on, stays as it is but for its time.
    """
    if found := _COMMON.match(line):
        return f"<{found[1]}> {found[2]}", None
    stamp = _STAMP.match(line)
    date = stamp["day"] if stamp else None
    rest = line[stamp.end() :] if stamp else line
    if rest.startswith("*\t"):
        rest = "* " + rest[2:]
    if found := _SPOKEN.match(rest):
        return f"<{found[1].strip()}> {found[2]}", date
    if stamp and "\t" in stamp[0] and (found := _TABBED.match(rest)):
        return ("" if found[1] in _SYSTEM else f"<{found[1]}> {found[2]}"), date
    if _EVENT.match(rest):
        return "", date
    if found := _ACTED.match(rest):
        return f"* {found[1]} {found[2]}", date
    return rest, date


_SYSTEM = frozenset(("--", "-->", "<--", "=!="))  # where WeeChat puts a name


def _decoded(line: bytes) -> str:
    """Channels mix encodings line by line; colours and bold are control codes."""
    try:
        text = line.decode()
    except UnicodeDecodeError:
        text = line.decode("cp1252", "replace")
    if "\x03" in text or "\x04" in text:
        text = _COLOURS.sub("", text)
    return text.removeprefix("\ufeff").rstrip("\r\n")
