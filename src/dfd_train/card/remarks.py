"""What a figure is worth, in words that are taken from the figure: the only place where the card judges."""

from collections.abc import Mapping, Sequence
from typing import Any

from scipy.special import betaincinv

from dfd_train.card.markdown import Figure, counted

CHANCE = 0.5
"""AUC of a model that knows nothing."""

CONSTANT_BRIER = 0.25
"""Brier score of a constant 0.5."""

FEW = 10
"""Below so many videos of a class, the interval of a figure says nothing of other videos of that class: a bootstrap
draws again and again the few that there are."""

_UPPER = 0.975  # of a two-sided 95 % interval, as those of the bootstrap are


def contains(figure: Mapping[str, float], value: float) -> bool:
    """Whether a value lies in the interval of a figure."""
    return figure["low"] <= value <= figure["high"]


def of_auc(figure: Figure, fakes: int | None = None, reals: int | None = None) -> str:
    """What is to be said of an AUC; empty where it lies above chance and rests on enough videos.

    Args:
        figure: the AUC.
        fakes: videos of this class that it rests on; None where there are enough.
        reals: likewise.
    """
    if figure is None:
        return "undefined: a class is missing"
    found = []
    if figure["high"] < CHANCE:
        found.append("below chance")
    elif contains(figure, CHANCE):
        found.append("interval contains 0.5")
    found += [
        f"only {counted(number, noun)}"
        for number, noun in ((fakes, "fake"), (reals, "real"))
        if number is not None and number < FEW
    ]
    return "; ".join(found)


def against_chance(figure: Figure) -> str:
    """A clause on an AUC, to stand after the figure."""
    if figure is None:
        return "it is undefined, because a class is missing"
    if figure["high"] < CHANCE:
        return "its interval lies below 0.5: the answers are worse than guessing"
    if contains(figure, CHANCE):
        return "its interval contains 0.5: it is not shown to be better than guessing"
    return "its interval lies above 0.5, where guessing is"


def of_brier(figure: Figure) -> str:
    """What is to be said of a Brier score; empty where it lies below that of a constant 0.5."""
    if figure is None or figure["high"] < CONSTANT_BRIER:
        return ""
    where = "contains" if figure["low"] <= CONSTANT_BRIER else "lies above"
    return f"its interval {where} 0.25, which is what a constant answer of 0.5 gets"


def of_change(figure: Figure) -> str:
    """What is to be said of a change of AUC; empty where its interval contains 0."""
    if figure is None:
        return "undefined"
    if figure["high"] < 0:
        return "AUC is lost"
    return "AUC is gained" if figure["low"] > 0 else ""


def of_rarest(reals: int) -> str:
    """What 1 % and 0.1 % false positives mean on so many reals; empty where both are whole videos."""
    if reals < 100:
        return f"with {counted(reals, 'real')}, 1 % and 0.1 % false positives both mean no false alarm at all"
    if reals < 1000:
        return f"with {reals} reals, 0.1 % false positives means no false alarm at all"
    return ""


def highest_rate(events: int, count: int) -> float:
    """The upper end of the exact 95 % interval of a rate; that of a bootstrap is too low where events are few.

    Clopper and Pearson, "The use of confidence or fiducial limits illustrated in the case of the binomial", Biometrika
    1934: under a higher rate, so few events or fewer are rarer than 2.5 %.

    Args:
        events: seen, at most `count`.
        count: videos, above 0.
    """
    return 1.0 if events == count else float(betaincinv(events + 1, count - events, _UPPER))


def of_false_alarms(figure: Mapping[str, float] | None, reals: int) -> str:
    """What is to be said of a rate of false alarms; empty where there were some.

    Args:
        figure: the rate.
        reals: videos that it rests on.
    """
    if figure is None or figure["value"] > 0 or not reals:
        return ""
    return f"no false alarm: a rate of up to {highest_rate(0, reals):.1%} cannot be ruled out"


def share_of_alarms_that_are_right(false_alarms: float, detections: float, prevalence: float) -> float | None:
    """Bayes: which share of the videos that are called fake are fake, where a share of `prevalence` is fake.

    Returns:
        the share; None where nothing is called fake.
    """
    hits, misfires = prevalence * detections, (1 - prevalence) * false_alarms
    return hits / (hits + misfires) if hits + misfires > 0 else None


def parts_not_told_apart(parts: Sequence[Mapping[str, Any]]) -> list[str]:
    """Names of the parts of the videos whose AUC is not shown to be above chance, though both classes are there."""
    return [part["name"] for part in parts if part["auc"] is not None and part["auc"]["low"] <= CHANCE]
