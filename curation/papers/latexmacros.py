"""The commands and environments that a paper defines for itself: found, taken out of the source, and expanded.

Knows \\newcommand and its kin with an optional argument, \\def with parameters, \\let, \\DeclareMathOperator, xparse's
\\NewDocumentCommand, \\newenvironment and \\newtheorem. Everything runs in time linear in the output, which is bounded:
a macro bomb stops at a size.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from gristmill.curation.papers import latexcommands as tables

MAX_MACRO_CHARS = 4 * 2**20
"""Macros that have written this much are not expanded further; a book of 600 pages full of macros writes a third of it."""

CALL_CHARS = 32
"""What a call counts beside the characters that it writes, since calls that write nothing take time as well."""

MAX_DEPTH = 24
"""Macros nested deeper than this stay as they are."""

_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
_COMMAND = re.compile(r"\\([A-Za-z@]+)\*?")
_DEFINITION = re.compile(
    r"\\(?:(?P<new>(?:re|provide)?newcommand|providecommand|DeclareRobustCommand|DeclareMathOperator)\*?\s*"
    r"(?:\{\s*\\(?P<name1>[A-Za-z@]+)\s*\}|\\(?P<name2>[A-Za-z@]+))\s*"
    r"(?:\[(?P<count>\d)\])?\s*(?:\[(?P<default>[^\[\]]{0,200})\])?\s*"
    r"|(?:New|Renew|Provide|Declare)DocumentCommand\s*\{?\s*\\(?P<name4>[A-Za-z@]+)\s*\}?\s*"
    r"\{(?P<kinds>(?:[^{}]|\{[^{}]{0,80}\}){0,80})\}\s*"
    r"|(?:long\s*\\|global\s*\\)*[egx]?def\s*\\(?P<name3>[A-Za-z@]+)\s*(?P<pattern>(?:#\d)*)\s*)(?=\{)"
)
_LET = re.compile(r"\\let\s*\\(?P<new>[A-Za-z@]+)\s*=?\s*\\(?P<old>[A-Za-z@]+)")
_OTHER_DEFINITION = re.compile(
    r"\\(?:(?:re)?newenvironment\*?\s*\{(?P<environment>[^{}]{0,80})\}\s*(?:\[(?P<count>\d)\])?(?P<optional>\[[^\[\]]{0,200}\])?"
    r"|newtheorem(?P<star>\*?)\s*\{(?P<theorem>[^{}]{0,80})\}(?:\[[^\[\]]{0,40}\])?"
    r"|(?:new(?:length|counter|if|toks|dimen|count|box|savebox))\s*(?:\{[^{}]{0,80}\}|\\[A-Za-z@]+))"
)
_ENVIRONMENT = re.compile(r"\\(begin|end)\s*\{([^{}\n]{1,80})\}")
_KIND = re.compile(r"m|O\{([^{}]*)\}|o|s|[+>!]")
_OWN = frozenset(
    (*tables.HEADINGS, *tables.DROPPED, "caption", "footnote", "item", "begin", "end", "par", "verb", "lstinline")
)
_OWN_ENVIRONMENTS = frozenset(
    (*tables.MATH_ENVIRONMENTS, *tables.FLOATS, *tables.DROPPED_ENVIRONMENTS, *tables.VERBATIM, *tables.THEOREMS)
    + ("abstract", "document", "itemize", "enumerate", "description", "quote", "quotation", "verse", "center")
)
_PARAMETER = re.compile(r"#(\d)")
_SPACE = re.compile(r"\s*")
_OPTIONAL = re.compile(r"\s*\[([^\[\]]{0,400})\]")


@dataclass(frozen=True, slots=True)
class Macro:
    """A command that the author defined."""

    parameters: int
    default: str | None  # of the first parameter, if it is optional
    body: str


@dataclass(frozen=True, slots=True)
class Definitions:
    """What a paper defines."""

    macros: dict[str, Macro] = field(default_factory=dict)
    environments: dict[str, tuple[Macro, str]] = field(default_factory=dict)  # name -> what begins and what ends it
    theorems: dict[str, str] = field(default_factory=dict)  # environment -> its printed name
    unnumbered: set[str] = field(default_factory=set)  # theorems without a number


def closing_braces(text: str) -> dict[int, int]:
    """Position of each opening brace -> position of its closing brace; braces without a partner are absent."""
    closing: dict[int, int] = {}
    open_braces: list[int] = []
    for match in _BRACE.finditer(text):
        token = match[0]
        if token == "{":
            open_braces.append(match.start())
        elif token == "}" and open_braces:
            closing[open_braces.pop()] = match.start()
    return closing


def definitions(text: str) -> tuple[str, Definitions]:
    """The text without its definitions, and what they define."""
    found = Definitions()
    text = _without_commands(text, found.macros)
    text = _without_environments(text, found)
    return _without_lets(text, found.macros), found


def _without_commands(text: str, macros: dict[str, Macro]) -> str:
    closing = closing_braces(text)
    parts: list[str] = []
    position = 0
    for match in _DEFINITION.finditer(text):
        end = closing.get(match.end())
        if match.start() < position or end is None:
            continue
        name = match["name1"] or match["name2"] or match["name3"] or match["name4"]
        body = text[match.end() + 1 : end]
        if match["new"] == "DeclareMathOperator":
            body = f"\\operatorname{{{body}}}"
        count, default = int(match["count"] or 0), match["default"]
        if match["kinds"] is not None:
            kinds = [kind for kind in _KIND.finditer(match["kinds"]) if kind[0] not in "+>!s"]
            count = len(kinds)
            default = (kinds[0][1] or "") if kinds and kinds[0][0] != "m" else None
        elif not match["new"]:
            count = len(match["pattern"] or "") // 2
        # A command that calls itself never ends: it stays, and prints nothing of its own.
        if name in _OWN:
            pass  # a paper's own looks for a heading or a caption do not change what they are
        elif f"\\{name}" not in body or not re.search(rf"\\{name}(?![A-Za-z@])", body):
            macros[name] = Macro(count, default if count else None, body)
        parts.append(text[position : match.start()])
        position = end + 1
    return "".join(parts) + text[position:]


def _without_environments(text: str, found: Definitions) -> str:
    closing = closing_braces(text)
    parts: list[str] = []
    position = 0
    for match in _OTHER_DEFINITION.finditer(text):
        if match.start() < position:
            continue
        parts.append(text[position : match.start()])
        position = match.end()
        bodies: list[str] = []
        for _ in range(1 if match["theorem"] is not None else 2 if match["environment"] is not None else 0):
            start = _SPACE.match(text, position).end()
            if start not in closing:
                break
            bodies.append(text[start + 1 : closing[start]])
            position = closing[start] + 1
        if match["theorem"] is not None and bodies:
            found.theorems[match["theorem"]] = bodies[0]
            if match["star"]:
                found.unnumbered.add(match["theorem"])
        elif len(bodies) == 2 and match["environment"] not in {*_OWN_ENVIRONMENTS, *_named_environments(bodies[0])}:
            default = match["optional"][1:-1] if match["optional"] else None
            count = int(match["count"] or 0)
            found.environments[match["environment"]] = (Macro(count, default if count else None, bodies[0]), bodies[1])
    return "".join(parts) + text[position:]


def _named_environments(body: str) -> list[str]:
    return [match[2] for match in _ENVIRONMENT.finditer(body)]


def _without_lets(text: str, macros: dict[str, Macro]) -> str:
    """Another name for a command of the author's or of LaTeX's own."""
    calls: dict[str, frozenset[str]] = {}  # body -> the commands in it, found once
    for match in _LET.finditer(text):
        new, old = match["new"], match["old"]
        if new == old or new in _OWN:
            continue
        body = macros[old].body if old in macros else ""
        if body and body not in calls:
            calls[body] = frozenset(_COMMAND.findall(body))
        if body and new in calls[body]:
            del macros[old]  # "\\let\\oldx\\x \\renewcommand\\x{... \\oldx}" only decorates
        macros.setdefault(new, macros.get(old) or Macro(0, None, f"\\{old}"))
    return _LET.sub("", text)


def expanded(text: str, found: Definitions) -> tuple[str, bool]:
    """The text with the paper's environments and macros replaced by what they stand for, and whether all of them were.

    They are not where MAX_MACRO_CHARS is reached: the macros behind that place stay as they are.
    """
    budget = [MAX_MACRO_CHARS]
    if found.environments:
        text = _with_environments(text, found.environments, budget)
    return "".join(_expanded(text, found.macros, 0, budget)), budget[0] > 0


def _with_environments(text: str, environments: Mapping[str, tuple[Macro, str]], budget: list[int]) -> str:
    closing = closing_braces(text)
    parts: list[str] = []
    position = 0
    for match in _ENVIRONMENT.finditer(text):
        known = environments.get(match[2])
        if known is None or match.start() < position or budget[0] <= 0:
            continue
        begin, end = known
        body, after = end, match.end()
        if match[1] == "begin":
            arguments, after = _arguments(text, match.end(), begin, closing)
            if arguments is None:
                continue
            body = _filled(begin.body, arguments)
        budget[0] -= len(body) + CALL_CHARS
        parts.extend((text[position : match.start()], body))
        position = after
    return "".join(parts) + text[position:]


def _filled(body: str, arguments: list[str]) -> str:
    return _PARAMETER.sub(lambda m: arguments[int(m[1]) - 1] if 0 < int(m[1]) <= len(arguments) else "", body)


def _expanded(text: str, macros: Mapping[str, Macro], depth: int, budget: list[int]) -> list[str]:
    """The text in parts, with the author's macros replaced by their bodies."""
    if not macros or depth >= MAX_DEPTH or "\\" not in text:
        return [text]
    closing: dict[int, int] | None = None
    parts: list[str] = []
    position = 0
    for match in _COMMAND.finditer(text):
        macro = macros.get(match[1])
        if macro is None or match.start() < position or budget[0] <= 0:
            continue
        if closing is None:
            closing = closing_braces(text)
        arguments, end = _arguments(text, match.end(), macro, closing)
        if arguments is None:
            continue
        parts.append(text[position : match.start()])
        body = _filled(macro.body, arguments)
        budget[0] -= len(body) + CALL_CHARS
        parts.extend(_expanded(body, macros, depth + 1, budget))
        if not arguments and text[end : end + 1].isalpha():
            parts.append(" ")  # keeps \alpha from running into the next letter
        position = end
    parts.append(text[position:])
    return parts


def _arguments(text: str, position: int, macro: Macro, closing: Mapping[int, int]) -> tuple[list[str] | None, int]:
    """The macro's arguments after its name, and where they end; None if they are not all there."""
    arguments: list[str] = []
    if not macro.parameters:
        # A command's name swallows the spaces after it, which matters to words only where a brace follows.
        return arguments, position
    if macro.default is not None:
        optional = _OPTIONAL.match(text, position)
        arguments.append(optional[1] if optional else macro.default)
        position = optional.end() if optional else position
    while len(arguments) < macro.parameters:
        start = _SPACE.match(text, position).end()
        if start >= len(text):
            return None, position
        if text[start] == "{":
            if start not in closing:
                return None, position
            arguments.append(text[start + 1 : closing[start]])
            position = closing[start] + 1
        else:
            command = _COMMAND.match(text, start)
            arguments.append(command[0] if command else text[start])
            position = command.end() if command else start + 1
    return arguments, position
