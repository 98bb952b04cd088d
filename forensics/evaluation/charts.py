"""A square plot as shapes: axes with round ticks, and a path per detector."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

# Pixels of the square that the curves lie in.
SIDE = 260.0
DIAGONAL = f"M0 {SIDE:g}L{SIDE:g} 0"


@dataclass(frozen=True)
class Tick:
    """A round value of an axis: its place in pixels and its label."""

    place: float
    label: str


@dataclass(frozen=True)
class Line:
    """One detector's curve: `style` is the number of its colour, `dots` mark its points."""

    name: str
    style: int
    path: str
    dots: str


@dataclass(frozen=True)
class Chart:
    """A square plot whose y grows upwards. `guide` is the path of a line to compare with."""

    title: str
    x_name: str
    y_name: str
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    lines: tuple[Line, ...]
    guide: str = ""


def line_of(
    name: str, styles: Mapping[str, int], points: Iterable[tuple[float, float]], *, dots: bool
) -> Line:
    """The line through points whose x and y are shares of the side."""
    places = [f"{round(x * SIDE, 1):g} {round((1 - y) * SIDE, 1):g}" for x, y in points]
    # Not of length 0, which some printers of SVG leave out.
    marks = "".join(f"M{place}h.01" for place in places) if dots else ""
    return Line(name, styles[name], "M" + "L".join(places) if places else "", marks)


def across(values: Sequence[tuple[float, str]]) -> tuple[Tick, ...]:
    """Ticks of x, at shares of the side."""
    return tuple(Tick(round(share * SIDE, 1), label) for share, label in values)


def upwards(values: Sequence[tuple[float, str]]) -> tuple[Tick, ...]:
    """Ticks of y, at shares of the side."""
    return tuple(Tick(round((1 - share) * SIDE, 1), label) for share, label in values)
