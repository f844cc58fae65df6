"""A paragraph of converted LaTeX on one line, without what dropped citations and references leave behind."""

import re

_FORMULA = re.compile(r"(\$\$.*?\$\$|\$[^$]*\$)", re.DOTALL)
_EMPTY_BRACKETS = re.compile(r"(?:\s++|^)[(\[]\s*+(?:(?:e\.g\.|i\.e\.|see|cf\.?|and|also|[,;–-])\s*+)*+[)\]]")
_DANGLING = re.compile(r"(?<=[(\[])\s*[,;]\s*|\s*[,;]\s*(?=[)\]])")
_BEFORE_SIGN = re.compile(r"[ \t\u00a0]+(?=[,;.:!?)\]]{1,4}(?:\s|$))")
_REPEATED = re.compile(r"([,;])(?:\s*[,;])+")
_SPACES = re.compile(r"[ \t\u00a0]+")
_DISPLAY_BREAK = re.compile(r" ?\v[ \v]*")
_LONE_BREAK = re.compile(r"\n[ \t]*")


def clean(text: str) -> str:
    """The paragraph with its white space collapsed; `\v` marks the line ends that stay (displayed formulas)."""
    text = _SPACES.sub(" ", _LONE_BREAK.sub(" ", text))
    if "$" not in text:
        return _without_traces(text).strip()
    # Brackets inside formulas are not ours to judge.
    parts = _FORMULA.split(text)
    parts[::2] = [_without_traces(part) for part in parts[::2]]
    return _DISPLAY_BREAK.sub("\n", _BEFORE_SIGN.sub("", "".join(parts)).strip(" \v"))


def _without_traces(text: str) -> str:
    text = _DANGLING.sub("", _EMPTY_BRACKETS.sub("", text))
    return _SPACES.sub(" ", _BEFORE_SIGN.sub("", _REPEATED.sub(r"\1", text)))


def joined(paragraphs: list[str]) -> str:
    """Paragraphs separated by blank lines; list items follow each other at once."""
    parts: list[str] = []
    for i, paragraph in enumerate(paragraphs):
        if i:
            parts.append("\n" if paragraph.startswith("- ") and paragraphs[i - 1].startswith("- ") else "\n\n")
        parts.append(paragraph)
    return "".join(parts)
