"""Numbers for figures, tables, equations, sections and theorems, so that "see Figure~\\ref{f}" can be read.

LaTeX takes the numbers from the last run's .aux file, which no source archive has. Here they are counted in the order
of the text. Captions and theorems get the same numbers printed, so text and references agree even where a class would
have counted otherwise.
"""

import re
from collections.abc import Mapping, Set
from dataclasses import dataclass, field

MAX_NESTING = 20
"""Environments further out than this do not number what is inside."""

_EVENT = re.compile(
    r"\\(?:(?P<edge>begin|end)\s*\{(?P<environment>[^{}\n]{1,80})\}"
    r"|(?P<heading>chapter|section|subsection|subsubsection)(?P<bare>\*?)(?=\s*[\[{])|(?P<appendix>appendix)(?![A-Za-z])"
    r"|caption(?P<kind>of\s*\{[^{}]{1,40}\})?(?=\s*[\[{])|label\s*\{(?P<label>[^{}]{1,200})\}|(?P<item>item)(?![A-Za-z])"
    r"|(?P<row>\\)|(?P<silent>nonumber|notag)(?![A-Za-z]))"
)
_REFERENCE = re.compile(
    r"\\(?P<command>ref|eqref|cref|Cref|autoref|Autoref|vref|Vref|fref|Fref|labelcref)\*?\s*\{(?P<labels>[^{}]{1,500})\}"
)
_CAPTION_START = re.compile(r"\s*(?:\[[^\[\]]{0,1000}\])?\s*\{")
_HEADINGS = ("chapter", "section", "subsection", "subsubsection")
_FLOATS = {
    "figure": "Figure", "wrapfigure": "Figure", "sidewaysfigure": "Figure", "SCfigure": "Figure", "marginfigure": "Figure",
    "teaserfigure": "Figure", "floatingfigure": "Figure", "table": "Table", "wraptable": "Table", "margintable": "Table",
    "sidewaystable": "Table", "longtable": "Table", "supertabular": "Table", "algorithm": "Algorithm",
    "algorithm2e": "Algorithm", "listing": "Listing",
}  # fmt: skip
_PARTS = frozenset(("subfigure", "subtable"))
_ROWS = frozenset(("align", "eqnarray", "gather", "flalign", "alignat", "xalignat", "IEEEeqnarray"))
_EQUATIONS = _ROWS | {"equation", "multline", "dmath"}


@dataclass(slots=True)
class _State:
    """Counters, and the environments that are open."""

    theorems: Mapping[str, str]
    unnumbered: Set[str]
    counts: dict[str, int] = field(default_factory=dict)
    sections: list[int] = field(default_factory=lambda: [0] * len(_HEADINGS))
    top: int = 1  # index of the highest heading in use
    appendix: bool = False
    anchors: list[list[str]] = field(default_factory=list)  # of open environments: name, kind, number
    section: tuple[str, str] = ("", "")

    def next(self, kind: str) -> str:
        self.counts[kind] = self.counts.get(kind, 0) + 1
        return str(self.counts[kind])

    def heading(self, name: str) -> None:
        level = _HEADINGS.index(name)
        if level < self.top:
            return
        self.sections[level] += 1
        self.sections[level + 1 :] = [0] * (len(_HEADINGS) - level - 1)
        numbers = [str(number) for number in self.sections[self.top : level + 1]]
        if self.appendix and self.sections[self.top] <= 26:
            numbers[0] = chr(ord("A") + self.sections[self.top] - 1) if self.sections[self.top] else "A"
        self.section = ("Appendix" if self.appendix else "Section", ".".join(numbers))

    def anchor(self) -> tuple[str, str]:
        """Kind and number of what a label here stands for."""
        return next(((kind, number) for _, kind, number in self.innermost() if number), self.section)

    def innermost(self) -> list[list[str]]:
        """The open environments from the inside outwards, as many as anybody nests."""
        return self.anchors[: -MAX_NESTING - 1 : -1]


def numbered(text: str, theorems: Mapping[str, str], unnumbered: Set[str]) -> str:
    """The source with its references replaced by numbers, and numbers before its captions and theorems.

    A theorem's number follows its \\begin as `\\theoremnumber{2}`. References to unknown labels stay.
    """
    if "\\label" not in text:
        return text
    state = _State(theorems, unnumbered, top=0 if re.search(r"\\chapter\s*[\[{]", text) else 1)
    labels: dict[str, tuple[str, str]] = {}
    parts: list[str] = []
    position = 0
    for match in _EVENT.finditer(text):
        if match["label"] is not None:
            labels.setdefault(match["label"].strip(), state.anchor())
            continue
        insert = _event(match, state, text)
        if insert:
            place = match.end()
            if match["environment"] is None:
                start = _CAPTION_START.match(text, match.end())
                if start is None:
                    continue
                place = start.end()
            parts.extend((text[position:place], insert))
            position = place
    text = "".join(parts) + text[position:]

    def printed(match: re.Match[str]) -> str:
        words = _named(match, labels)
        # "\\S\\ref{appendix}" must not become the command "\\SA".
        return f"{{}}{words}" if words[:1].isalpha() and text[match.start() - 1 : match.start()].isalpha() else words

    return _REFERENCE.sub(printed, text)


def _event(match: re.Match[str], state: _State, text: str) -> str:
    """Counts what happens at a place; gives what is to be printed there."""
    if match["environment"] is not None:
        return _begun(match["environment"].strip(), state) if match["edge"] == "begin" else _ended(match, state)
    innermost = state.anchors[-1] if state.anchors else None
    if match["heading"]:
        if not match["bare"]:
            state.heading(match["heading"])
    elif match["appendix"]:
        state.appendix = True
        state.sections = [0] * len(_HEADINGS)
    elif match["item"]:
        if innermost and innermost[0] == "enumerate":
            innermost[2] = str(int(innermost[2] or 0) + 1)
    elif match["silent"]:
        if innermost and innermost[0] in _ROWS:
            innermost[2] = ""
    elif match["row"]:
        if innermost and innermost[0] in _ROWS:
            innermost[2] = state.next("Equation") if innermost[2] else str(state.counts.get("Equation", 0))
    else:
        return _caption(match, state)
    return ""


def _begun(name: str, state: _State) -> str:
    kind, number, insert = "", "", ""
    if name in _EQUATIONS:
        kind, number = "Equation", state.next("Equation")
    elif name in _PARTS and state.anchors:
        outer = next((anchor for anchor in state.innermost() if anchor[0].rstrip("*") in _FLOATS), None)
        if outer:
            # The number of the whole is known at its caption, which comes last: it is the next one.
            part = state.next(f"part of {outer[0]} {state.counts.get(_FLOATS[outer[0].rstrip('*')], 0)}")
            kind = _FLOATS[outer[0].rstrip("*")]
            number = f"{state.counts.get(kind, 0) + (not outer[2])}{chr(ord('a') + min(int(part), 26) - 1)}"
    elif name in state.theorems and name != "proof" and name not in state.unnumbered:
        kind = " ".join(re.sub(r"\\[A-Za-z@]+|[{}$]", " ", state.theorems[name]).split())
        number = state.next(kind)
        insert = f"\\theoremnumber{{{number}}}"
    elif name == "enumerate":
        kind = "Item"
    state.anchors.append([name, kind, number])
    return insert


def _ended(match: re.Match[str], state: _State) -> str:
    name = match["environment"].strip()
    for i in range(len(state.anchors) - 1, max(-1, len(state.anchors) - MAX_NESTING), -1):
        if state.anchors[i][0] == name:
            del state.anchors[i:]
            break
    return ""


def _caption(match: re.Match[str], state: _State) -> str:
    """Numbers a float at its caption, as LaTeX does."""
    wanted = match["kind"][match["kind"].find("{") + 1 : -1].strip() if match["kind"] else ""
    for anchor in state.innermost():
        name = anchor[0].rstrip("*")
        if name in _PARTS:
            return ""
        if name in _FLOATS or wanted in _FLOATS:
            kind = _FLOATS.get(wanted) or _FLOATS[name]
            anchor[1:] = [kind, state.next(kind)]
            return f"{kind} {anchor[2]}. "
    return ""


def _named(match: re.Match[str], labels: Mapping[str, tuple[str, str]]) -> str:
    """What a reference prints: its number, with its kind where the command adds that."""
    wanted = [label.strip() for label in match["labels"].split(",")]
    found = [labels[label] for label in wanted if label in labels and labels[label][1]]
    if not found:
        return match[0]
    command = match["command"]
    numbers = [number for _, number in found]
    if command == "eqref":
        return ", ".join(f"({number})" for number in numbers)
    listed = numbers[0] if len(numbers) == 1 else f"{', '.join(numbers[:-1])} and {numbers[-1]}"
    if command in ("ref", "labelcref", "vref", "Vref"):
        return listed
    kinds = {kind for kind, _ in found}
    if len(kinds) > 1:
        return ", ".join(f"{kind} {number}" for kind, number in found)
    kind = found[0][0]
    return f"{kind}{'s' if len(found) > 1 and kind != 'Appendix' else ''} {listed}"
