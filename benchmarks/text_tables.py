"""Plain tables for a terminal and for Markdown."""

from collections.abc import Sequence


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table whose columns stand under each other; floats with three digits, None as a dash.

    >>> print(table(["tool", "F1"], [["a", 0.5], ["bc", None]]))
    | tool | F1    |
    |------|------:|
    | a    | 0.500 |
    | bc   |     - |
    """
    cells = [[_cell(value) for value in row] for row in rows]
    widths = [max(3, len(name), *(len(row[i]) for row in cells)) for i, name in enumerate(head)]
    numeric = [bool(rows) and not any(isinstance(row[i], str) for row in rows) for i in range(len(head))]
    lines = ["| " + " | ".join(name.ljust(width) for name, width in zip(head, widths, strict=True)) + " |"]
    marks = ("-" * (width + 1) + (":" if right else "-") for width, right in zip(widths, numeric, strict=True))
    lines.append("|" + "|".join(marks) + "|")
    for row in cells:
        aligned = (
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, numeric, strict=True)
        )
        lines.append("| " + " | ".join(aligned) + " |")
    return "\n".join(lines)


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.3f}" if abs(value) < 10 else f"{value:,.1f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
