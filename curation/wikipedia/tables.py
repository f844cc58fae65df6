"""Tables, in wikitext and HTML: left out, or written as a line for each row.

Templates and links are resolved before, so that every "|" left belongs to a table.
"""

import re

_TABLE = re.compile(r"^[ \t:;*#]*(?:(\{\|)|(\|\}))", re.MULTILINE)
_HTML_TABLE = re.compile(r"<(/?)table\b[^<>]*>", re.IGNORECASE)
_HTML_CELL_END = re.compile(r"(?:(?<!\s)\s++)?</t[dh]\s*>\s*(?=<t[dh]\b)", re.IGNORECASE)
_HTML_CELL = re.compile(r"(?:(?<!\s)\s++)?<t[dh]\b[^<>]*>\s*", re.IGNORECASE)
_BREAK = re.compile(r"(?:(?<!\s)\s++)?<(?:br|/?p|/?div|hr)\b[^<>]*>\s*", re.IGNORECASE)
_ATTRIBUTES = re.compile(r"[^|]*\|(?!\|)")
_HEADER_CELLS = re.compile(r"!!|\|\|")
_LIST_MARKS = "*#:; \t"
_WORD = re.compile(r"\w")


def without_tables(text: str, keep: bool = False) -> str:
    """The text without `{| ... |}` and `<table>`, nested or not; with `keep`, their rows as lines.

    A table without an end loses only its own lines.
    """
    if "{|" in text:
        text = _without_wikitext_tables(text, keep)
    if "<table" in text or "<TABLE" in text:
        text = _without_html_tables(text, keep)
    return text


def _without_wikitext_tables(text: str, keep: bool) -> str:
    kept: list[str] = []
    depth, position, opened = 0, 0, 0
    for match in _TABLE.finditer(text):
        if match[1]:
            if not depth:
                kept.append(text[position : match.start()])
                opened = match.start()
            depth += 1
        elif depth:
            depth -= 1
            if not depth:
                position = match.end()
                kept.append(_rows(text[opened : match.start()]) if keep else "\n")
    if depth:
        lines = text[opened:].split("\n")
        kept.append("\n".join(line for line in lines if not line.lstrip(" \t:").startswith(("{|", "|", "!"))))
    else:
        kept.append(text[position:])
    return "".join(kept)


def _rows(table: str) -> str:
    """The rows of a table as lines; what stands in a table inside it becomes rows of their own."""
    rows: list[list[str]] = [[]]
    for line in table.split("\n")[1:]:
        line = line.strip()
        if line.startswith(("{|", "|}", "|-")):
            rows.append([])
        elif line.startswith("|+"):
            rows += [[_cell(line[2:])], []]
        elif line.startswith("!"):
            rows[-1] += map(_cell, _HEADER_CELLS.split(line[1:]))
        elif line.startswith("|"):
            rows[-1] += map(_cell, line[1:].split("||"))
        elif line and rows[-1]:
            rows[-1][-1] += " " + _cell(line)
    written = (" | ".join(cell for cell in map(str.strip, row) if _WORD.search(cell)) for row in rows)
    return "\n\n" + "\n".join(filter(None, written)) + "\n\n"


def _cell(source: str) -> str:
    """The content of a cell, without its attributes, on one line."""
    return _BREAK.sub(" ", _ATTRIBUTES.sub("", source, count=1)).strip(_LIST_MARKS).replace("|", " ")


def _without_html_tables(text: str, keep: bool) -> str:
    kept: list[str] = []
    depth, position, opened = 0, 0, 0
    for match in _HTML_TABLE.finditer(text):
        if not match[1]:
            if not depth:
                kept.append(text[position : match.start()])
                opened = match.start()
            depth += 1
        elif depth:
            depth -= 1
            if not depth:
                if keep:
                    row = _HTML_CELL_END.sub(" | ", _BREAK.sub(" ", text[opened : match.end()]))
                    kept.append(_HTML_CELL.sub(" ", row))
                position = match.end()
    kept.append(text[opened if depth else position :])
    return "\n".join(kept)
