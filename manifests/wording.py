"""What is wrong with a manifest's values in words for people who have never heard of pydantic.

Takes pydantic's errors as the plain mappings that they are, and knows nothing else of it.
"""

import difflib
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from gristmill.curation.documents import KINDS

KeysAt = Callable[[tuple], list[str]]

_BRANCH = re.compile(r".*\[.*|int|float|str|bool|list|dict|none", re.DOTALL)
"""Parts of a place that pydantic adds where a value may be one of several things: `tuple[str, ...]`, `literal['all']`."""

_BY_NAME = ("sources", "classifiers", "scores")
"""Blocks whose keys are names of the author's own, which may look like such a part."""


def messages(errors: Iterable[Mapping], keys_at: KeysAt, known: Sequence[str] | None = None) -> list[tuple[tuple, str]]:
    """(place, what is wrong and how to fix it) for pydantic's errors; where a value may be one of several things, what it may be in one line.

    `keys_at(place)` are the keys that may stand at a place, `known` those of the block that is checked alone.
    """
    messages: list[tuple[tuple, str]] = []
    choices: dict[tuple, list[Mapping]] = {}
    for item in errors:
        branch = [
            n for n, part in enumerate(item["loc"]) if n > 0 and isinstance(part, str) and _BRANCH.fullmatch(part)
        ]
        branch = [n for n in branch if item["loc"][n - 1] not in _BY_NAME]
        if branch:
            choices.setdefault(item["loc"][: branch[0]], []).append(item | {"rest": item["loc"][branch[0] + 1 :]})
        else:
            where = tuple(part for part in item["loc"] if part != "[key]")
            where += getattr(item.get("ctx", {}).get("error"), "place", ())
            messages.append((where, _explained(where, item, keys_at, known)))
    for where, items in choices.items():
        inner = [item for item in items if any(part != "[key]" for part in item["rest"])]
        if inner and len(items) > len(inner):  # of the right sort, and wrong inside
            items = inner
            where += tuple(part for part in inner[0]["rest"] if part != "[key]")
        wanted = list(dict.fromkeys(_wants(item).removeprefix("must be ") for item in items))
        messages.append((where, f"must be {', or '.join(reversed(wanted))}, but it is {_shown(items[0]['input'])}"))
    return messages


def _explained(where: tuple, item: Mapping, keys_at: KeysAt, known: Sequence[str] | None) -> str:
    kind, text = item["type"], item["msg"]
    if kind in ("extra_forbidden", "unexpected_keyword_argument"):
        known = known or keys_at(where[:-1])
        return f"unknown key{meant(str(where[-1]), known)}; keys here: {', '.join(known)}"
    if kind in ("missing", "missing_argument"):
        return "missing; add it" + (f" (one of {', '.join(KINDS)})" if where[-1] == "kind" else "")
    if kind == "literal_error":
        choices = [str(choice) for choice in re.findall(r"'([^']*)'", item["ctx"]["expected"])]
        return f"{item['input']!r} is not one of {', '.join(choices)}{meant(str(item['input']), choices)}"
    if kind == "value_error":
        return text.removeprefix("Value error, ")
    wants = _wants(item)
    if wants == _BLOCK:
        known = known or keys_at(where)
        keys = f"; keys here: {', '.join(known)}" if known else ""
        return f"{wants}, but it is {_shown(item['input'])}{keys}"
    return f"{wants}, but it is {_shown(item['input'])}"


def _wants(item: Mapping) -> str:
    """What a value must be, in words."""
    if item["type"] == "literal_error":
        return f"must be {item['ctx']['expected']}"
    if item["type"] in ("list_type", "tuple_type") and isinstance(item["input"], str):
        return f"must be a list, such as [{item['input']}]"
    limits = {name: int(v) if isinstance(v, float) and v.is_integer() else v for name, v in item.get("ctx", {}).items()}
    for types, words in _WORDS.items():
        if re.fullmatch(types, item["type"]):
            return words.format(**limits)
    return f"{item['msg'][:1].lower()}{item['msg'][1:]}"


_BLOCK = "must be a block of `key: value` lines"

_WORDS = {
    r"int_type|int_parsing|int_parsing_size|int_from_float": "must be a whole number",
    r"float_type|float_parsing|finite_number": "must be a number",
    r"string_type": "must be text (in quotes if it looks like a number)",
    r"bool_type|bool_parsing": "must be true or false",
    r"list_type|tuple_type|set_type": "must be a list, such as [a, b]",
    r"dict_type|mapping_type|model_type|model_attributes_type|dataclass_type|dataclass_exact_type": _BLOCK,
    r"greater_than": "must be more than {gt}",
    r"greater_than_equal": "must be {ge} or more",
    r"less_than": "must be less than {lt}",
    r"less_than_equal": "must be {le} or less",
    r"too_short": "must have at least {min_length} entries",
    r"too_long": "must have at most {max_length} entries",
    r"string_pattern_mismatch": "must be a name of letters, digits, _ - and ., that begins with a letter or digit",
    r"none_required": "must be null",
}
"""pydantic's types of error, as regular expressions, in words for people who have never heard of it."""


def _shown(value: object) -> str:
    """A value as the manifest writes it, or nearly."""
    if isinstance(value, str):
        return repr(value)
    try:
        text = json.dumps(value, ensure_ascii=False, default=str)
    except (TypeError, ValueError):
        text = str(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def meant(word: str, known: Sequence[str] | Mapping) -> str:
    close = difflib.get_close_matches(word, [str(k) for k in known], n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
