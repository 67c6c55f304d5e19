"""Evidence that may be looked at as often as one likes.

A gambler bets against a hypothesis "the mean of these gains is at most 0". Each gain ``z``, at least `least`,
multiplies his wealth by ``1 + stake * z``, where the stake is at most ``1 / -least``, so that he never owes. Under
the hypothesis no strategy makes money on average, and by Ville's inequality ("Étude critique de la notion de
collectif", 1939) his wealth ever reaches ``1 / alpha`` with probability `alpha` at most. So the highest wealth so far
is evidence at any time, whatever made one look: Waudby-Smith and Ramdas, "Estimating means of bounded random
variables by betting", JRSS B 86 (2024); for two samples Shekhar and Ramdas, "Nonparametric two-sample testing by
betting", IEEE Trans. Inf. Theory 70 (2024).

The stakes are a fixed mixture (Cover, "Universal portfolios", Mathematical Finance 1991): nothing is fitted, and wealth
follows from the gains alone.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

STAKES: Final = (0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 0.95)
"""Parts of the highest stake, each begun with the same share of the wealth."""

LOG_MOST: Final = 25.0
"""Logarithm of the largest evidence that is told: a sure thing need not become infinite."""


def log_wealth(gains: Numbers, least: float) -> Numbers:
    """The gambler's wealth after each gain.

    Args:
        gains: ``(..., N)``, none below `least`; along the leading axes are further hypotheses.
        least: below 0.

    Returns:
        ``(..., N)``, natural logarithms, of a wealth that began with 1.
    """
    if not least < 0:
        raise ValueError(f"a bet needs a possible loss, got {least}")
    stakes = np.asarray(STAKES) / -least
    grown = np.cumsum(np.log1p(stakes[:, None] * np.asarray(gains, np.float64)[..., None, :]), axis=-1)
    mixed: Numbers = _log_mean(grown, axis=-2)
    return mixed


def against_all(gains: Numbers, least: float) -> float:
    """Evidence against "the mean of every row is at most 0".

    Args:
        gains: ``(K, N)``; see `log_wealth`.
        least: see `log_wealth`.

    Returns:
        the highest mean wealth so far, as a natural logarithm; 0 at least.
    """
    return _highest(_log_mean(log_wealth(gains, least), axis=0))


def against_any(gains: Numbers, least: float) -> float:
    """Evidence against "the mean of some row is at most 0": that of the row with the least of it; see `against_all`."""
    return min(_highest(row) for row in log_wealth(gains, least))


def _highest(wealth: Numbers) -> float:
    return float(min(LOG_MOST, max(0.0, wealth.max(initial=0.0))))


def _log_mean(values: Numbers, axis: int) -> Numbers:
    """The logarithm of the mean of exponentials, without overflow."""
    if values.size == 0:
        empty: Numbers = values.sum(axis=axis)
        return empty
    top = values.max(axis=axis, keepdims=True)
    mean: Numbers = np.log(np.exp(values - top).mean(axis=axis)) + np.squeeze(top, axis=axis)
    return mean
