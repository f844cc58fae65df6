"""Charts for the report as inline SVG: nothing to load, readable in print, one scale a chart."""

import math
from collections.abc import Mapping, Sequence
from html import escape

COLOURS = (
    "#3b6fb6",
    "#c8702b",
    "#4f9a5b",
    "#8d5fa8",
    "#b8860b",
    "#a33b4a",
    "#3a8f95",
    "#77736a",
    "#6a7f2f",
    "#5a5fc0",
)
"""One colour a source, in the order of the manifest; they repeat after ten."""

FONT = 'font-family="system-ui, sans-serif" font-size="12"'


def stacked_bars(rows: Mapping[str, Mapping[str, float]], colours: Mapping[str, str], width: int = 860) -> str:
    """Horizontal bars, one a row, each divided by source; numbers at the end of the bar.

    `rows` maps a label to {source: amount}. Rows come in the order given.
    """
    if not rows:
        return "<p>none</p>"
    left, line, right = 250, 22, 90
    most = max(sum(parts.values()) for parts in rows.values()) or 1
    height = line * len(rows) + 6
    out = [f'<svg viewBox="0 0 {width} {height}" width="100%" role="img" {FONT}>']
    for number, (label, parts) in enumerate(rows.items()):
        y = number * line
        out.append(f'<text x="{left - 8}" y="{y + 15}" text-anchor="end" fill="currentColor">{escape(label)}</text>')
        x = float(left)
        for source, amount in parts.items():
            length = amount / most * (width - left - right)
            out.append(
                f'<rect x="{x:.1f}" y="{y + 3}" width="{max(length, 0.5):.1f}" height="{line - 6}" fill="{colours[source]}">'
                f"<title>{escape(source)}: {amount:,.0f}</title></rect>"
            )
            x += length
        out.append(f'<text x="{x + 6:.1f}" y="{y + 15}" fill="currentColor">{sum(parts.values()):,.0f}</text>')
    return "\n".join([*out, "</svg>"])


def curves(
    lines: Mapping[str, Sequence[tuple[float, float]]],
    level: tuple[str, float] | None,
    x_label: str,
    y_label: str,
    width: int = 860,
    height: int = 320,
) -> str:
    """Line charts over one pair of axes, with a dashed horizontal level (a baseline) if given.

    `lines` maps a name to its points in order of x. Points that are not finite are left out.
    """
    lines = {name: [(x, y) for x, y in points if math.isfinite(y)] for name, points in lines.items()}
    points = [point for line in lines.values() for point in line]
    if not points:
        return "<p>no training yet</p>"
    ys = [y for _, y in points] + ([level[1]] if level else [])
    x_most = max(x for x, _ in points) or 1
    low, high = min(ys), max(ys)
    low, high = low - 0.05 * (high - low or 1), high + 0.05 * (high - low or 1)
    left, bottom, top, right = 60, 44, 10, 150

    def at(x: float, y: float) -> str:
        return f"{left + x / x_most * (width - left - right):.1f},{top + (high - y) / (high - low) * (height - top - bottom):.1f}"

    out = [f'<svg viewBox="0 0 {width} {height}" width="100%" role="img" {FONT}>']
    for tick in _ticks(low, high):
        x0, y0 = at(0, tick).split(",")
        x1, _ = at(x_most, tick).split(",")
        out.append(f'<line x1="{x0}" x2="{x1}" y1="{y0}" y2="{y0}" stroke="currentColor" stroke-opacity=".15"/>')
        out.append(f'<text x="{left - 8}" y="{float(y0) + 4}" text-anchor="end" fill="currentColor">{tick:g}</text>')
    for tick in _ticks(0, x_most):
        x0, y0 = at(tick, low).split(",")
        out.append(f'<text x="{x0}" y="{float(y0) + 18}" text-anchor="middle" fill="currentColor">{tick:,.0f}</text>')
    out.append(
        f'<text x="{(left + width - right) / 2}" y="{height - 6}" text-anchor="middle" fill="currentColor">{escape(x_label)}</text>'
    )
    out.append(
        f'<text transform="translate(14 {height / 2}) rotate(-90)" text-anchor="middle" fill="currentColor">{escape(y_label)}</text>'
    )
    placed: list[float] = []
    for number, (name, line) in enumerate(lines.items()):
        if not line:
            continue
        colour = COLOURS[number % len(COLOURS)]
        path = " ".join(at(x, y) for x, y in line)
        out.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.8"/>')
        out.append(_tag(name, at(*line[-1]), colour, placed))
    if level:
        (x0, y0), (x1, _) = at(0, level[1]).split(","), at(x_most, level[1]).split(",")
        out.append(f'<line x1="{x0}" x2="{x1}" y1="{y0}" y2="{y0}" stroke="#888" stroke-dasharray="5 4"/>')
        out.append(_tag(level[0], f"{x1},{y0}", "#888", placed))
    return "\n".join([*out, "</svg>"])


def _tag(name: str, place: str, colour: str, placed: list[float]) -> str:
    """A curve's name at its end, moved down where another name already stands."""
    x, y = (float(v) for v in place.split(","))
    while any(abs(y - other) < 14 for other in placed):
        y += 14
    placed.append(y)
    return f'<text x="{x + 6:.1f}" y="{y + 4:.1f}" fill="{colour}">{escape(name)}</text>'


def _ticks(low: float, high: float) -> list[float]:
    """Four to eight round numbers between two others."""
    span = high - low or 1.0
    step = 10 ** math.floor(math.log10(span / 4))
    step *= next(m for m in (1, 2, 5, 10) if span / (step * m) <= 8)
    first = math.ceil(low / step)
    return [round(i * step, 10) for i in range(first, math.floor(high / step) + 1)]
