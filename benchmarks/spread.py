"""How figures of several runs are told."""

import statistics
from collections.abc import Sequence

Spread = dict[str, float]


def spread(values: Sequence[float]) -> Spread:
    """Median, smallest and largest."""
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def in_words(values: Spread) -> str:
    """As tables show it."""
    return f"{values['median']:.2f} ({values['min']:.2f} to {values['max']:.2f})"
