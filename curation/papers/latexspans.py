"""Where the arguments, options, formulas and environments of a LaTeX source begin and end."""

import re
from bisect import bisect_left

from gristmill.curation.papers.latexmacros import closing_braces

_ENDING = re.compile(r"\\end\s*\{([^{}\n]{1,80})\}")
_FORMULA_END = re.compile(r"\\([)\]])")
_OPTIONAL = re.compile(r"[ \t]*+(?:\n[ \t]*+)?\[[^\[\]]{0,1000}\]")
_GROUP = re.compile(r"[ \t]*+(?:\n[ \t]*+)?\{")


class Spans:
    """The brackets of one source, found once, so that nothing is copied or searched twice."""

    def __init__(self, text: str):
        self._text = text
        self._closing = closing_braces(text)
        self._ends: dict[str, list[int]] = {}
        for match in _ENDING.finditer(text):
            self._ends.setdefault(match[1].strip(), []).append(match.start())
        self._closers: dict[str, list[int]] = {")": [], "]": []}
        for match in _FORMULA_END.finditer(text):
            self._closers[match[1]].append(match.start())

    def closing(self, brace: int) -> int | None:
        """Where the brace that opens at a position closes."""
        return self._closing.get(brace)

    def formula_end(self, closer: str, start: int, end: int) -> int | None:
        r"""Where the formula opened before `start` has its `\)` or `\]`."""
        closers = self._closers[closer]
        i = bisect_left(closers, start)
        return closers[i] if i < len(closers) and closers[i] < end else None

    def environment_end(self, name: str, start: int, end: int) -> int:
        r"""Where the environment opened before `start` closes: its first \end, or the end of the range."""
        ends = self._ends.get(name, [])
        i = bisect_left(ends, start)
        return ends[i] if i < len(ends) and ends[i] <= end else end

    def after_end(self, position: int, end: int) -> int:
        r"""The position after the \end{...} that stands at one."""
        match = _ENDING.match(self._text, position)
        return min(match.end(), end) if match else end

    def option(self, position: int, end: int) -> tuple[int, int] | None:
        """Start and end of the content of the `[...]` that comes next."""
        match = _OPTIONAL.match(self._text, position, end)
        return (self._text.index("[", position) + 1, match.end() - 1) if match else None

    def group(self, position: int, end: int) -> tuple[int, int] | None:
        """Start and end of the next argument's content, an option passed over."""
        option = _OPTIONAL.match(self._text, position, end)
        group = _GROUP.match(self._text, option.end() if option else position, end)
        close = self._closing.get(group.end() - 1) if group else None
        return (group.end(), close) if group and close is not None and close < end else None

    def groups(self, position: int, end: int, count: int) -> list[tuple[int, int]]:
        """The next arguments' contents, at most `count` of them."""
        found: list[tuple[int, int]] = []
        while len(found) < count and (group := self.group(position, end)):
            found.append(group)
            position = group[1] + 1
        return found

    def skip(self, position: int, end: int, count: int) -> int:
        """The position after options and `count` arguments."""
        for number in range(count + 1):
            option = _OPTIONAL.match(self._text, position, end) if number == 0 or count else None
            while option:
                position = option.end()
                option = _OPTIONAL.match(self._text, position, end)
            if number == count:
                break
            group = _GROUP.match(self._text, position, end)
            close = self._closing.get(group.end() - 1) if group else None
            if close is None or close >= end:
                break
            position = close + 1
        return position
