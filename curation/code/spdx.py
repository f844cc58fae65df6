"""SPDX licence expressions: what `MIT OR GPL-3.0-only` permits, and which licences ask for what in return.

Grammar: annex D of the SPDX specification 2.3, names compared without regard to case. `PERMISSIVE` and `COPYLEFT` are
lists to allow or deny by; `licence_ids.json` says where they come from.
"""

import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

_TOKEN = re.compile(r"\s*(\(|\)|[A-Za-z0-9.:+-]+)")
_MAX_CHARACTERS = 2_000
_MAX_DEPTH = 20


@dataclass(frozen=True, slots=True)
class Licence:
    """One licence, perhaps with an exception: `GPL-2.0-only WITH Classpath-exception-2.0`."""

    name: str
    exception: str | None = None

    def __str__(self) -> str:
        return f"{self.name} WITH {self.exception}" if self.exception else self.name


@dataclass(frozen=True, slots=True)
class Several:
    """Licences that hold together (`AND`) or are offered for choice (`OR`)."""

    operator: str
    parts: tuple["Expression", ...]

    def __str__(self) -> str:
        inner = (f"({p})" if isinstance(p, Several) and self.operator == "AND" else str(p) for p in self.parts)
        return f" {self.operator} ".join(inner)


Expression = Licence | Several


def parse(text: str) -> Expression | None:
    """The expression that a text is, its names as SPDX spells them, operands in order of name; None if it is none.

    >>> str(parse("(mit or apache-2.0) and isc"))
    '(Apache-2.0 OR MIT) AND ISC'
    """
    if len(text) > _MAX_CHARACTERS:
        return None
    tokens: list[str] = []
    position, end = 0, len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None:
            return None
        tokens.append(match[1])
        position = match.end()
    try:
        expression, rest = _choice(tokens, 0)
    except _NoExpression:
        return None
    return expression if not rest else None


class _NoExpression(Exception):
    pass


def _choice(tokens: list[str], depth: int) -> tuple[Expression, list[str]]:
    return _joined("OR", tokens, depth)


def _joined(operator: str, tokens: list[str], depth: int) -> tuple[Expression, list[str]]:
    """Operands of one operator; AND binds closer than OR."""
    operand = _all if operator == "OR" else _one
    part, tokens = operand(tokens, depth)
    parts = [part]
    while tokens and tokens[0].upper() == operator:
        part, tokens = operand(tokens[1:], depth)
        parts.append(part)
    flat: list[Expression] = []
    for part in parts:
        flat += part.parts if isinstance(part, Several) and part.operator == operator else [part]
    unique = tuple(sorted(dict.fromkeys(flat), key=str))
    return (unique[0] if len(unique) == 1 else Several(operator, unique)), tokens


def _all(tokens: list[str], depth: int) -> tuple[Expression, list[str]]:
    return _joined("AND", tokens, depth)


def _one(tokens: list[str], depth: int) -> tuple[Expression, list[str]]:
    if not tokens or depth > _MAX_DEPTH or tokens[0].upper() in ("AND", "OR", "WITH", ")"):
        raise _NoExpression
    if tokens[0] == "(":
        expression, tokens = _choice(tokens[1:], depth + 1)
        if not tokens or tokens[0] != ")":
            raise _NoExpression
        return expression, tokens[1:]
    name, tokens = _spelled(tokens[0]), tokens[1:]
    if tokens and tokens[0].upper() == "WITH":
        if len(tokens) < 2 or tokens[1] in "()":
            raise _NoExpression
        return Licence(name, tokens[1]), tokens[2:]
    return Licence(name), tokens


def names(expression: Expression | None) -> tuple[str, ...]:
    """The names of all licences in an expression, sorted, without exceptions."""
    if isinstance(expression, Several):
        return tuple(sorted({name for part in expression.parts for name in names(part)}))
    return (expression.name,) if expression else ()


def allowed(expression: str | None, allow: Collection[str] | None = None, deny: Collection[str] | None = None) -> bool:
    """Whether a document under a licence expression may be used: some choice of licences is allowed and not denied.

    `A OR B` needs one of the two, `A AND B` both. An exception only widens what a licence permits, so `X WITH E` is
    allowed if `X` is, or if a list says `X WITH E` itself. Without a licence, or with words that are no expression,
    nothing is permitted by an `allow` list, and nothing is denied by a `deny` list alone unless it names those words.

    >>> allowed("MIT OR GPL-3.0-only", allow=PERMISSIVE), allowed("MIT AND GPL-3.0-only", deny=COPYLEFT)
    (True, False)
    """
    if expression is None or not expression.strip():
        return allow is None
    allowed_names, denied_names = _lowered(allow), _lowered(deny)
    parsed = parse(expression) or Licence(expression.strip())

    def holds(part: Expression) -> bool:
        if isinstance(part, Several):
            return (any if part.operator == "OR" else all)(holds(inner) for inner in part.parts)
        whole = str(part).lower()
        if part.exception and allowed_names is not None and whole in allowed_names:
            return True
        if denied_names is not None and (whole in denied_names or part.name.lower() in denied_names):
            return False
        return allowed_names is None or part.name.lower() in allowed_names

    return holds(parsed)


def _lowered(names_given: Collection[str] | None) -> frozenset[str] | None:
    return None if names_given is None else frozenset(name.lower() for name in names_given)


@cache
def _data() -> dict:
    return json.loads(files("gristmill.curation.code").joinpath("licence_ids.json").read_text("utf-8"))


PERMISSIVE: tuple[str, ...] = tuple(_data()["permissive"])
"""Licences that ask for no more than notices: those that the Blue Oak Council rates bronze or better, and the like."""

COPYLEFT: tuple[str, ...] = tuple(_data()["copyleft"])
"""Licences under which derived works must be shared alike, from files (MPL) to services (AGPL)."""


@cache
def _spelling() -> dict[str, str]:
    return {name.lower(): name for name in (*PERMISSIVE, *COPYLEFT)}


def _spelled(name: str) -> str:
    """A name as SPDX writes it; the deprecated `GPL-2.0+` is `GPL-2.0-or-later`."""
    if name.endswith("+") and f"{name[:-1]}-or-later".lower() in _spelling():
        name = f"{name[:-1]}-or-later"
    return _spelling().get(name.lower(), name)


def from_words(text: str) -> str | None:
    """The expression that the licence field of a package means, in SPDX's names or in everyday words; None if unknown.

    >>> from_words("MIT/Apache-2.0"), from_words("GPLv3+"), from_words("see the file LICENSE")
    ('Apache-2.0 OR MIT', 'GPL-3.0-or-later', None)
    """
    text = " ".join(text.split()).strip(" \"'").rstrip(".,")
    if alias := _data()["aliases"].get(text.lower()):
        return alias
    if "/" in text and not text.startswith("http"):
        parts = [from_words(part) for part in text.split("/")]
        return str(parse(" OR ".join(f"({part})" for part in parts))) if all(parts) else None
    expression = parse(text)
    known = all(name.lower() in _spelling() or name.startswith("LicenseRef-") for name in names(expression))
    return str(expression) if expression and known else None
