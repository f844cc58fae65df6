"""LaTeX as readable text: words plain, maths in TeX between dollars, headings as paragraphs, captions kept.

Dropped: preamble, citations with the brackets round them, pictures, tabular material, and the bibliography unless wanted.
"""

import re

from gristmill.curation.markup import tidy
from gristmill.curation.papers import latexcommands as tables
from gristmill.curation.papers.latexclean import joined
from gristmill.curation.papers.latexconvert import Converter
from gristmill.curation.papers.latexsource import Source, restored

_BIBITEM = re.compile(r"\\bibitem\s*(?:\[(?:[^\[\]]|\[[^\[\]]*\]){0,600}\])?\s*%?\s*\{[^{}]{0,200}\}")
_ABSTRACT = re.compile(r"\\begin\s*\{abstract\}")
_ABSTRACT_COMMAND = re.compile(r"\\abstract\s*\{")


def latex_text(source: Source, references: bool = False) -> tuple[str, str | None]:
    """The paper's text, with its references at the end if wanted, and its title. Never raises on malformed LaTeX."""
    text, title = _paper(Converter(source.text, {**tables.THEOREMS, **source.theorems}, source.citations))
    if references and source.bibliography:
        text = f"{text}\n\n{_references(source.bibliography)}"
    return tidy(restored(text, source.verbatim)), " ".join(restored(title, source.verbatim).split()) or None


def _references(bibliography: str) -> str:
    """The items of a bibliography, one a line."""
    items = []
    for item in _BIBITEM.split(bibliography.partition("\\end{thebibliography}")[0])[1:]:
        converter = Converter(item, {}, {})
        words = " ".join(converter.convert().split())
        items.extend([f"- {words}"] if words else [])
    return joined(["References", *items]) if items else ""


def _paper(converter: Converter) -> tuple[str, str]:
    """Title, abstract and body, and the title alone."""
    text = converter.text
    begin = text.find("\\begin{document}")
    start = begin + len("\\begin{document}") if begin >= 0 else 0
    end = text.rfind("\\end{document}")
    end = end if end > start else len(text)
    title = converter.argument("title", 0, end) or converter.argument("icmltitle", 0, end)
    abstract = ""
    if begin >= 0:
        preamble = _ABSTRACT.search(text, 0, begin)
        if preamble:
            abstract = converter.convert(preamble.end(), converter.environment_end("abstract", preamble.end(), begin))
        elif _ABSTRACT_COMMAND.search(text, 0, begin):
            abstract = converter.argument("abstract", 0, begin)
    parts = [title, f"Abstract\n\n{abstract}" if abstract else "", converter.convert(start, end)]
    return "\n\n".join(part for part in parts if part), title
