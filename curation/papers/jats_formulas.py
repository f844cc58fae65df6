"""The formulas of a JATS article: TeX where the publisher gives it, else MathML in one line, else a sign that one stood there."""

from collections.abc import Iterable

from lxml import etree

from gristmill.curation.markup import inline_text
from gristmill.curation.mathml import formula, tex_source

PICTURE = "[formula]"
"""What stands for a formula inside a sentence that the publisher gives as a picture only."""


def formula_text(element: etree._Element, name: str) -> str | None:
    """The formula in an element of that name; None if it is ordinary text."""
    tex = element if name == "tex-math" else next(element.iter("{*}tex-math"), None)
    if tex is not None:
        return tex_source("".join(tex.itertext()))
    math = element if name == "math" else next(element.iter("{*}math"), None)
    if math is not None:
        return formula(math)
    return PICTURE if name == "inline-formula" and _is_picture(element) else None


def pictures(parts: Iterable[etree._Element]) -> int:
    """How many formulas in these parts are there as pictures only, in sentences and displayed."""
    return sum(_is_picture(element) for part in parts for element in part.iter("{*}inline-formula", "{*}disp-formula"))


def _is_picture(element: etree._Element) -> bool:
    if next(element.iter("{*}graphic", "{*}inline-graphic"), None) is None:
        return False
    if next(element.iter("{*}tex-math", "{*}math"), None) is not None:
        return False
    label = next((inline_text(child) for child in element.iter("{*}label")), "")
    return inline_text(element) == label
