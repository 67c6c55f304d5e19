"""The plots of the report, each from its part of the document."""

from collections.abc import Mapping, Sequence
from typing import Any

from dfd.evaluation.svg import Axis, Plot, Point, share_axis

_DIAGONAL = ((0.0, 0.0), (1.0, 1.0))
_SMALL = (250, 200)


def roc_plot(points: Sequence[Sequence[float]]) -> str:
    """ROC curve with the line of chance."""
    plot = Plot("ROC curve", share_axis("false-positive rate"), share_axis("true-positive rate"))
    plot.line(_DIAGONAL, "chance")
    plot.line(_pairs(points), "curve")
    return plot.render()


def reliability_plot(bins: Sequence[Mapping[str, float]]) -> str:
    """Share of fakes by predicted probability, with intervals."""
    plot = Plot("Reliability", share_axis("probability given"), share_axis("share that is fake"))
    plot.line(_DIAGONAL, "chance")
    for entry in bins:
        x = entry["mean_probability"]
        plot.line(((x, entry["low"]), (x, entry["high"])), "interval")
        says = f"{entry['count']} videos: {x:.3f} given, {entry['fake_share']:.3f} fake"
        plot.dot((x, entry["fake_share"]), "value", says)
    return plot.render()


def histogram_plot(counts: Mapping[str, Sequence[int]], threshold: float) -> str:
    """Share of each class by probability, as steps, with the threshold."""
    shares = {name: [count / max(1, sum(found)) for count in found] for name, found in counts.items()}
    top = max(0.05, *(share for found in shares.values() for share in found))
    ticks = (0, top / 2, top)
    axis = Axis("share of the class", 0, top, ticks, [f"{tick:.2f}" for tick in ticks])
    plot = Plot("Probabilities by class", share_axis("probability given"), axis)
    for name, found in shares.items():
        steps = _steps(found)
        plot.area([(0.0, 0.0), *steps, (1.0, 0.0)], f"fill {name}")
        plot.line(steps, f"stroke {name}")
    plot.line(((threshold, 0.0), (threshold, top)), "reference")
    return plot.render()


def risk_plot(points: Sequence[Sequence[float]]) -> str:
    """Share of wrong answers by share of answers given."""
    plot = Plot("Risk against coverage", share_axis("share answered, surest first"), share_axis("share wrong"))
    plot.line(_pairs(points), "curve")
    return plot.render()


def robustness_plots(entries: Sequence[Mapping[str, Any]], clean: Mapping[str, float] | None) -> list[tuple[str, str]]:
    """AUC by level, with its interval and the clean videos' AUC, for each kind that has several levels.

    Returns:
        title and plot of each kind.
    """
    kinds: dict[str, list[Mapping[str, Any]]] = {}
    for entry in entries:
        if entry["auc"] is not None:
            kinds.setdefault(entry["kind"], []).append(entry)
    return [(_title(found[0]), _by_level(found, clean)) for found in kinds.values() if len(found) > 1]


def _by_level(entries: Sequence[Mapping[str, Any]], clean: Mapping[str, float] | None) -> str:
    places = list(range(len(entries)))
    x = Axis("level", -0.3, len(entries) - 0.7, places, [f"{entry['level']:g}" for entry in entries])
    title = f"AUC under {_title(entries[0])}, by level"
    plot = Plot(title, x, share_axis("AUC"), *_SMALL)
    if clean is not None:
        plot.line(((x.low, clean["value"]), (x.high, clean["value"])), "reference")
    found = [entry["auc"] for entry in entries]
    lower = [(place, auc["low"]) for place, auc in zip(places, found, strict=True)]
    upper = [(place, auc["high"]) for place, auc in zip(places, found, strict=True)]
    plot.area([*lower, *reversed(upper)], "band")
    plot.line([(place, auc["value"]) for place, auc in zip(places, found, strict=True)], "curve")
    for place, auc in zip(places, found, strict=True):
        plot.dot((place, auc["value"]), "value", f"{auc['value']:.3f} ({auc['low']:.3f} to {auc['high']:.3f})")
    return plot.render()


def _title(entry: Mapping[str, Any]) -> str:
    return f"{entry['kind']}: {entry['title']}"


def _steps(shares: Sequence[float]) -> list[Point]:
    width = 1 / len(shares)
    return [
        corner
        for number, share in enumerate(shares)
        for corner in ((number * width, share), ((number + 1) * width, share))
    ]


def _pairs(points: Sequence[Sequence[float]]) -> list[Point]:
    return [(x, y) for x, y in points]
