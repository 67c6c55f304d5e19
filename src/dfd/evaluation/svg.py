"""Plots as SVG text, for a page that needs no script and asks nobody for anything.

Colours come from the page's style sheet by class, so that one plot serves light, dark and paper. Numbers are written
with two decimals: equal data gives equal bytes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

Point = tuple[float, float]

_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 12, 10, 40
_TICK = 4
_RADIUS = 3


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis.

    Attributes:
        label: what it shows.
        low: value at its start.
        high: value at its end, above `low`.
        ticks: values that are named.
        names: what they are called; the values themselves where empty.
    """

    label: str
    low: float
    high: float
    ticks: Sequence[float]
    names: Sequence[str] = ()

    def __post_init__(self) -> None:
        if not self.high > self.low:
            raise ValueError(f"an axis needs a length, got {self.low} to {self.high}")

    def share(self, value: float) -> float:
        """Where a value lies, 0 at the start and 1 at the end; what lies beyond is brought to the edge."""
        return min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))

    def named(self) -> list[tuple[float, str]]:
        """Ticks with their names."""
        return list(zip(self.ticks, self.names or [f"{tick:g}" for tick in self.ticks], strict=True))


def share_axis(label: str) -> Axis:
    """An axis from 0 to 1."""
    return Axis(label, 0, 1, (0, 0.25, 0.5, 0.75, 1))


@dataclass
class Plot:
    """A plot that is drawn upon, and then rendered.

    Attributes:
        title: for readers who do not see it.
        x: axis to the right.
        y: axis upwards.
        width_px: of the whole.
        height_px: of the whole.
    """

    title: str
    x: Axis
    y: Axis
    width_px: int = 340
    height_px: int = 280
    _parts: list[str] = field(default_factory=list)

    def line(self, points: Sequence[Point], style: str) -> None:
        """Straight lines from point to point."""
        if points:
            self._parts.append(f'<polyline class="{style}" points="{self._path(points)}"/>')

    def area(self, points: Sequence[Point], style: str) -> None:
        """A filled shape."""
        if points:
            self._parts.append(f'<polygon class="{style}" points="{self._path(points)}"/>')

    def dot(self, point: Point, style: str, says: str) -> None:
        """A point that tells its values when it is pointed at."""
        x, y = self._place(point)
        tip = f"<title>{escape(says)}</title>"
        self._parts.append(f'<circle class="{style}" cx="{x:.2f}" cy="{y:.2f}" r="{_RADIUS}">{tip}</circle>')

    def render(self) -> str:
        """The SVG element."""
        frame = "".join([*self._grid(), *self._parts, *self._names()])
        return (
            f'<svg class="plot" role="img" aria-label="{escape(self.title)}" {_sized(self.width_px, self.height_px)}>'
            f"{frame}</svg>"
        )

    def _place(self, point: Point) -> Point:
        width = self.width_px - _LEFT - _RIGHT
        height = self.height_px - _TOP - _BOTTOM
        return _LEFT + width * self.x.share(point[0]), _TOP + height * (1 - self.y.share(point[1]))

    def _path(self, points: Sequence[Point]) -> str:
        return " ".join(f"{x:.2f},{y:.2f}" for x, y in map(self._place, points))

    def _grid(self) -> list[str]:
        rows = [(self._place((self.x.low, tick)), self._place((self.x.high, tick))) for tick in self.y.ticks]
        columns = [(self._place((tick, self.y.low)), self._place((tick, self.y.high))) for tick in self.x.ticks]
        return [_segment(start, end, "grid") for start, end in (*rows, *columns)]

    def _names(self) -> list[str]:
        bottom = self.height_px - _BOTTOM
        parts = []
        for tick, name in self.x.named():
            x, _ = self._place((tick, self.y.low))
            parts.append(_text((x, bottom + 15), name, "tick", "middle"))
        for tick, name in self.y.named():
            _, y = self._place((self.x.low, tick))
            parts.append(_text((_LEFT - _TICK - 2, y + 4), name, "tick", "end"))
        middle = (_LEFT + self.width_px - _RIGHT) / 2
        parts.append(_text((middle, self.height_px - 8), self.x.label, "axis", "middle"))
        turned = f'transform="rotate(-90)" x="{-(_TOP + bottom) / 2:.2f}" y="12"'
        parts.append(f'<text class="axis" text-anchor="middle" {turned}>{escape(self.y.label)}</text>')
        return parts


def interval_bar(value: float, low: float, high: float, reference: float, axis: Axis) -> str:
    """A value with its interval on a small scale of its own, for a table's cell; `reference` is marked."""
    width, height = 150, 16
    places = [4 + (width - 8) * axis.share(x) for x in (low, high, value, reference)]
    says = f"{value:.3f}, 95 % interval {low:.3f} to {high:.3f}"
    return (
        f'<svg class="bar" role="img" aria-label="{says}" {_sized(width, height)}>'
        f"{_segment((places[3], 0), (places[3], height), 'reference')}"
        f"{_segment((places[0], height / 2), (places[1], height / 2), 'interval')}"
        f'<circle class="value" cx="{places[2]:.2f}" cy="{height / 2:.2f}" r="{_RADIUS}"/></svg>'
    )


def _sized(width_px: int, height_px: int) -> str:
    return f'viewBox="0 0 {width_px} {height_px}" width="{width_px}" height="{height_px}"'


def _segment(start: Point, end: Point, style: str) -> str:
    return f'<line class="{style}" x1="{start[0]:.2f}" y1="{start[1]:.2f}" x2="{end[0]:.2f}" y2="{end[1]:.2f}"/>'


def _text(place: Point, words: str, style: str, anchor: str) -> str:
    return f'<text class="{style}" text-anchor="{anchor}" x="{place[0]:.2f}" y="{place[1]:.2f}">{escape(words)}</text>'
