"""Plots."""

import itertools
from xml.etree import ElementTree as ET

from benchmarks.plot import HEIGHT, WIDTH, line_chart

SVG = "{http://www.w3.org/2000/svg}"


def drawn(lines: dict[str, list[tuple[float, float]]]) -> ET.Element:
    """Return a chart, read back."""
    return ET.fromstring(line_chart("A <title>", "x", "y", lines))  # noqa: S314 - made here


def places(line: ET.Element) -> list[tuple[float, float]]:
    """Return where a line's points lie."""
    pairs = (pair.split(",") for pair in line.attrib["points"].split())
    return [(float(x), float(y)) for x, y in pairs]


def test_each_series_is_a_line_with_its_name() -> None:
    """Series without points are left out; names and titles are escaped."""
    chart = drawn({"server": [(1, 10), (64, 300)], "none": [], "a & b": [(1, 20)]})
    texts = [text.text for text in chart.iter(f"{SVG}text")]

    assert len(list(chart.iter(f"{SVG}polyline"))) == 2
    assert {"server", "a & b", "A <title>"} <= set(texts)
    assert "none" not in texts


def test_a_larger_value_is_higher_and_more_connections_further_right() -> None:
    """The axes run as one expects, and everything lies within the picture."""
    chart = drawn({"server": [(1, 10_000), (64, 300_000), (5000, 200_000)]})
    [line] = chart.iter(f"{SVG}polyline")
    (x1, y1), (x2, y2), (x3, y3) = places(line)

    assert 0 < x1 < x2 < x3 < WIDTH
    assert 0 < y2 < y3 < y1 < HEIGHT


def test_equal_steps_of_a_logarithm_are_equal_steps_in_the_plot() -> None:
    """Both axes are logarithmic: ten times as many is the same way again."""
    [line] = drawn({"server": [(1, 1), (10, 10), (100, 100)]}).iter(f"{SVG}polyline")
    (x1, y1), (x2, y2), (x3, y3) = places(line)

    assert abs((x3 - x2) - (x2 - x1)) < 0.2
    assert abs((y3 - y2) - (y2 - y1)) < 0.2


def test_names_do_not_lie_on_each_other() -> None:
    """Lines that end at the same place have their names apart."""
    chart = drawn({name: [(1, 10), (64, 100)] for name in ("one", "two", "three")})
    heights = sorted(
        float(text.attrib["y"]) for text in chart.iter(f"{SVG}text") if text.text in ("one", "two", "three")
    )

    assert all(below - above >= 12 for above, below in itertools.pairwise(heights))
