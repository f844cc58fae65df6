"""Edits: what is cut from a kept document or masked in it, as spans beside the verdicts, applied once.

A span counts code points of the text that `extract` wrote, so every edit can be shown on that text, and no edit
depends on what another has already removed.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow as pa

EDIT_TYPE = pa.list_(
    pa.struct(
        [
            pa.field("start", pa.int32(), nullable=False),  # first code point
            pa.field("end", pa.int32(), nullable=False),  # code point after the last
            pa.field("replacement", pa.string(), nullable=False),  # "" for a cut
            pa.field("rule", pa.string(), nullable=False),  # who asked for it: c4.line, decontaminate, pii.email ...
        ]
    )
)


@dataclass(frozen=True, slots=True)
class Edit:
    """Code points [start, end) of the extracted text become `replacement`."""

    start: int
    end: int
    replacement: str
    rule: str


def apply(text: str, edits: Iterable[Edit]) -> str:
    """The text after its edits, without white space that cuts leave at its ends.

    Spans that overlap are one span: removed if any of them is a cut, else masked as the first of them says, so that
    no half of a masked address survives beside a cut.

    >>> apply("mail a@b.org now", [Edit(5, 12, "email@example.com", "pii.email")])
    'mail email@example.com now'
    """
    spans: list[tuple[int, int, str]] = []
    for edit in sorted(edits, key=lambda e: (e.start, e.end)):
        if spans and edit.start < spans[-1][1]:
            start, end, replacement = spans[-1]
            spans[-1] = (start, max(end, edit.end), replacement if edit.replacement else "")
        else:
            spans.append((edit.start, edit.end, edit.replacement))
    if not spans:
        return text
    pieces: list[str] = []
    position = 0
    for start, end, replacement in spans:
        pieces += [text[position:start], replacement]
        position = end
    pieces.append(text[position:])
    return "".join(pieces).strip()
