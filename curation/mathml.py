"""MathML as one line of text: the TeX that it carries, else a linear reading such as `(a+b)/c`."""

import re

from lxml import etree

from gristmill.curation.markup import entity_text, inline_text, local_name, subscript, superscript

_DOCUMENT = re.compile(r"\\begin\s*\{document\}(.*?)(?:\\end\s*\{document\}|\Z)", re.DOTALL)
_SPACED = frozenset("=<>≤≥≈≡≠∼→←↔⇒⇔∈∉⊂⊆∪∩+−±×·∝∣|")
_ACCENTS = {"¯": "\u0304", "‾": "\u0304", "_": "\u0304", "^": "\u0302", "ˆ": "\u0302", "~": "\u0303", "˜": "\u0303",
            "∼": "\u0303", "˙": "\u0307", ".": "\u0307", "¨": "\u0308", "→": "\u20d7", "⃗": "\u20d7", "ˇ": "\u030c"}  # fmt: skip
_ONE_LETTER = re.compile(r".[\u0300-\u036f\u20d0-\u20ff]*")
_SILENT = frozenset("\u2061\u2062\u2063\u2064\u200b")

MAX_DEPTH = 60
"""Formulas nested deeper are read as their words in order."""


def tex_source(text: str) -> str:
    """The formula inside a <tex-math> or annotation, between dollars; publishers often wrap a whole document round it."""
    match = _DOCUMENT.search(text)
    text = " ".join((match[1] if match else text).split())
    if not text or text.startswith(("$", "\\(", "\\[")):
        return text
    return f"${text}$"


def formula(math: etree._Element) -> str:
    """A <math> element as text."""
    for annotation in math.iter("{*}annotation"):
        if "tex" in (annotation.get("encoding") or "").lower():
            return tex_source("".join(annotation.itertext()))
    return re.sub(r" {2,}", " ", _linear(math)).strip()


def _linear(node: etree._Element, depth: int = 0) -> str:
    if depth > MAX_DEPTH:
        return inline_text(node)
    name = local_name(node)
    if name == "&":
        return entity_text(node)
    if name in ("mi", "mn", "mtext", "ms", "mglyph"):
        return inline_text(node)
    if name == "mo":
        sign = inline_text(node)
        return "" if sign in _SILENT else f" {sign} " if sign in _SPACED else sign
    if name == "mspace":
        return " "
    if name in ("annotation", "annotation-xml", "mphantom", ""):
        return ""
    parts = [_linear(child, depth + 1) for child in node if local_name(child) not in ("", "none", "mprescripts")]
    if name == "semantics":
        return parts[0] if parts else ""
    return _construct(name, node, parts)


def _construct(name: str, node: etree._Element, parts: list[str]) -> str:
    if name == "mfrac" and len(parts) == 2:
        return f"{_grouped(parts[0])}/{_grouped(parts[1])}"
    if name == "mover" and len(parts) == 2 and parts[1].strip() in _ACCENTS and _ONE_LETTER.fullmatch(parts[0].strip()):
        base, accent = parts[0].strip(), _ACCENTS[parts[1].strip()]
        return base if base.endswith(accent) else base + accent  # some publishers give it twice
    if name in ("msup", "mover") and len(parts) == 2:
        return parts[0] + superscript(parts[1])
    if name in ("msub", "munder") and len(parts) == 2:
        return parts[0] + subscript(parts[1])
    if name in ("msubsup", "munderover") and len(parts) == 3:
        return parts[0] + subscript(parts[1]) + superscript(parts[2])
    if name == "msqrt":
        return f"√{_grouped(''.join(parts))}"
    if name == "mroot" and len(parts) == 2:
        return f"{superscript(parts[1])}√{_grouped(parts[0])}"
    if name == "mfenced":
        separator = node.get("separators", ",").strip()[:1]
        return node.get("open", "(") + (f"{separator} " if separator else "").join(parts) + node.get("close", ")")
    if name == "mtable":
        return "; ".join(part.strip() for part in parts)
    if name in ("mtr", "mlabeledtr"):
        return " ".join(part.strip() for part in parts)
    return "".join(parts)


def _grouped(text: str) -> str:
    text = text.strip()
    return text if text.isalnum() or (text.startswith("(") and text.endswith(")")) else f"({text})"
