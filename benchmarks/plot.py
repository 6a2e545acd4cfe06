"""Line charts as SVG, so small that no library is needed. Pure."""

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Final

Points = Sequence[tuple[float, float]]

WIDTH, HEIGHT = 760, 420
LEFT, RIGHT, TOP, BOTTOM = 70, 130, 40, 50
COLOURS: Final = ("#d62728", "#1f77b4", "#2ca02c", "#ff7f0e", "#9467bd", "#8c564b", "#17becf", "#7f7f7f")
"""Line by line: the first is the one to look at."""
LABEL_GAP: Final = 14


def _decades(low: float, high: float) -> list[float]:
    """Return the powers of ten around a range."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    return [10.0**power for power in range(first, max(last, first + 1) + 1)]


def _short(value: float) -> str:
    if value >= 1e6:
        return f"{value / 1e6:g}M"
    return f"{value / 1e3:g}k" if value >= 1e3 else f"{value:g}"


def _spread(heights: Sequence[float]) -> list[float]:
    """Move labels apart that would lie on each other."""
    order = sorted(range(len(heights)), key=lambda index: heights[index])
    moved, last = list(heights), -math.inf
    for index in order:
        last = moved[index] = max(heights[index], last + LABEL_GAP)
    return moved


def line_chart(title: str, x_label: str, y_label: str, lines: Mapping[str, Points]) -> str:
    """Draw a line through each series' points, both axes logarithmic."""
    drawn = {name: points for name, points in lines.items() if points}
    all_points = [point for points in drawn.values() for point in points]
    x_ticks = _decades(min(x for x, _ in all_points), max(x for x, _ in all_points))
    y_ticks = _decades(min(y for _, y in all_points), max(y for _, y in all_points))

    def across(x: float) -> float:
        share = math.log10(x / x_ticks[0]) / math.log10(x_ticks[-1] / x_ticks[0])
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def down(y: float) -> float:
        share = math.log10(y / y_ticks[0]) / math.log10(y_ticks[-1] / y_ticks[0])
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)

    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    middle = 'text-anchor="middle"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        "<style>text { font: 12px sans-serif } .title { font: bold 15px sans-serif }</style>",
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{LEFT}" y="22" class="title">{escape(title)}</text>',
        f'<text x="{(LEFT + right) / 2}" y="{HEIGHT - 12}" {middle}>{escape(x_label)}</text>',
        f'<text transform="translate(18 {(TOP + bottom) / 2}) rotate(-90)" {middle}>{escape(y_label)}</text>',
    ]
    for tick in x_ticks:
        x = across(tick)
        parts.append(f'<path d="M{x:.1f} {TOP}V{bottom}" stroke="#ddd"/>')
        parts.append(f'<text x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{_short(tick)}</text>')
    for tick in y_ticks:
        y = down(tick)
        parts.append(f'<path d="M{LEFT} {y:.1f}H{right}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{_short(tick)}</text>')
    label_heights = _spread([down(points[-1][1]) for points in drawn.values()])
    for index, ((name, points), height) in enumerate(zip(drawn.items(), label_heights, strict=True)):
        colour = COLOURS[index % len(COLOURS)]
        places = [(across(x), down(y)) for x, y in points]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        width = 3 if index == 0 else 1.5
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{width}"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in places]
        parts.append(
            f'<text x="{places[-1][0] + 8:.1f}" y="{height + 4:.1f}" fill="{colour}">{escape(name)}</text>'
        )
    return "\n".join([*parts, "</svg>"]) + "\n"
