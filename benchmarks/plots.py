"""Plots of figures as SVG files that stand for themselves, in light and in dark."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from benchmarks.spread import Spread, in_words

from dfd.evaluation.svg import Axis, Plot

_STYLE: Final = (
    "text{font:11px sans-serif;fill:#333}.grid{stroke:#ccc;stroke-width:.5}.interval{stroke:#36c;stroke-width:2}"
    ".value{fill:#36c}.reference{stroke:#c33;stroke-width:1.5;stroke-dasharray:5 4}"
    "@media(prefers-color-scheme:dark){text{fill:#ddd}.grid{stroke:#555}.interval{stroke:#8af}.value{fill:#8af}}"
)
_COLUMN_PX: Final = 62
_MARGINS_PX: Final = 58
_HEIGHT_PX: Final = 300
_STEPS: Final = (0.1, 0.2, 0.25, 0.5, 1, 2, 5, 10, 20, 50, 100, 200)
_MOST_TICKS: Final = 8


def columns(title: str, label: str, figures: Sequence[tuple[str, Spread]], goal: float | None = None) -> str:
    """One column for each figure: its median as a dot, smallest to largest as a line.

    Args:
        title: for readers who do not see it.
        label: of the upright axis, which begins at 0.
        figures: names and values, from left to right; at least one.
        goal: drawn as a line across.

    Returns:
        a whole SVG file.
    """
    top = max([values["max"] for _, values in figures] + [goal or 0.0]) * 1.05
    step = next((step for step in _STEPS if top / step <= _MOST_TICKS), top / _MOST_TICKS)
    ticks = [number * step for number in range(int(top / step) + 1)]
    places = range(len(figures))
    across = Axis("", -0.5, len(figures) - 0.5, places, [name for name, _ in figures])
    plot = Plot(title, across, Axis(label, 0, top, ticks), _MARGINS_PX + _COLUMN_PX * len(figures), _HEIGHT_PX)
    if goal is not None:
        plot.line(((across.low, goal), (across.high, goal)), "reference")
    for place, (name, values) in zip(places, figures, strict=True):
        plot.line(((place, values["min"]), (place, values["max"])), "interval")
        plot.dot((place, values["median"]), "value", f"{name}: {in_words(values)}")
    return _alone(plot.render())


def write_plots(folder: Path, plots: Mapping[str, str]) -> None:
    """Write files by their names into a folder, which is made if need be."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, svg in plots.items():
        (folder / name).write_text(svg, encoding="utf-8")


def _alone(element: str) -> str:
    """An SVG element of a page as a file of its own."""
    head, rest = element.split(">", 1)
    return f'{head} xmlns="http://www.w3.org/2000/svg"><style>{_STYLE}</style>{rest}\n'
