"""The guard rails: what is known for and against the challenger, and what follows from it.

Each rail puts one bet against "the challenger is within its limit", whose gain stops the rollout, and the reverse bet
against "it is over its limit", whose gain lets it pass; see `dfd.rollout.betting`.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from statistics import fmean, median
from typing import Final

import numpy as np

from dfd.challenge.observation import Arm, Observation
from dfd.challenge.policy import RolloutPolicy
from dfd.rollout.betting import Numbers, against_all, against_any
from dfd.rollout.comparing import CUTS, Comparison, Labels, ks_distance, psi, squared_error
from dfd.types import Verdict

Value = Callable[[Observation], float]
Fits = Callable[[Observation], bool]


class Standing(StrEnum):
    """How a rail stands."""

    OPEN = "open"
    """Nothing is shown yet."""
    QUIET = "quiet"
    """The challenger is within the limit."""
    ALARM = "alarm"
    """It is over the limit."""


@dataclass(frozen=True, slots=True)
class Rail:
    """One guard rail at a moment.

    Attributes:
        name: as in the policy.
        value: what was measured; None where nothing was.
        limit: of the policy.
        compared: how many comparisons that rests on.
        against: natural logarithm of the evidence that the challenger is over the limit.
        alarm_at: from which `against` alarms.
        within: logarithm of the evidence that it is within; None for rails that do not ask for any.
        quiet_at: from which `within` is quiet.
        required: whether a promotion waits until it is quiet.
    """

    name: str
    value: float | None
    limit: float
    compared: int
    against: float
    alarm_at: float
    within: float | None
    quiet_at: float
    required: bool = True

    @property
    def standing(self) -> Standing:
        """See `Standing`. Evidence is the highest so far: the rail that alarms first is not taken back."""
        if self.against >= self.alarm_at:
            return Standing.ALARM
        shown = self.value is not None and self.value <= self.limit if self.within is None else self.is_shown
        return Standing.QUIET if shown else Standing.OPEN

    @property
    def is_shown(self) -> bool:
        """Whether the evidence suffices that the challenger is within the limit."""
        return self.within is not None and self.within >= self.quiet_at


_RAILS: Final = ("error_rate", "latency_ratio", "inconclusive_rate", "ks", "psi", "disagreement", "brier")


def readings(policy: RolloutPolicy, comparison: Comparison, labels: Labels) -> tuple[Rail, ...]:
    """All rails that the policy does not turn off, in its order."""
    in_force = [name for name in _RAILS if getattr(policy, name) is not None]
    bars = math.log(len(in_force) / policy.false_alarm) if in_force else 0.0, math.log(1 / policy.false_promotion)
    made = _Reader(policy, comparison, labels, *bars)
    readers: Mapping[str, Callable[[float], Rail]] = {
        "error_rate": lambda limit: made.rate("error_rate", limit, _everything, _failed),
        "latency_ratio": made.latency,
        "inconclusive_rate": lambda limit: made.rate("inconclusive_rate", limit, _judged, _inconclusive),
        "ks": made.ks,
        "psi": made.psi,
        "disagreement": made.disagreement,
        "brier": made.brier,
    }
    return tuple(readers[name](getattr(policy, name)) for name in in_force)


@dataclass(frozen=True, slots=True)
class _Reader:
    policy: RolloutPolicy
    comparison: Comparison
    labels: Labels
    alarm_at: float
    quiet_at: float

    def rate(self, name: str, limit: float, fits: Fits, of: Value) -> Rail:
        """The mean of something in [0, 1], which may exceed the champion's by the limit."""
        blocks = self.comparison.blocks(fits)
        excess = np.array([[_mean(theirs, of) - _mean(ours, of) for ours, theirs in blocks]])
        one, other = ([of(each) for each in self._of(arm, fits)] for arm in Arm)
        value = fmean(other) - fmean(one) if one and other else None
        return self._rail(name, value, limit, excess, _Bet(limit))

    def latency(self, limit: float) -> Rail:
        """How often a face takes the challenger over `limit` times the champion's time: half the time at most."""
        blocks = self.comparison.blocks(_timed)
        slower = np.array([[_share_slower(ours, theirs, limit) for ours, theirs in blocks]])
        one, other = ([_latency(each) for each in self._of(arm, _timed)] for arm in Arm)
        value = median(other) / max(median(one), 1e-6) if one and other else None
        return self._rail("latency_ratio", value, limit, slower, _Bet(0.5, lowest=0.0))

    def ks(self, limit: float) -> Rail:
        """The distance of the distributions of scores."""
        return self._rail("ks", self._between(ks_distance), limit, self._distances(), _Bet(limit))

    def psi(self, limit: float) -> Rail:
        """PSI is at least four times the square of any distance (Pinsker's inequality, both ways round)."""
        bet = _Bet(math.sqrt(limit) / 2, reverse=False)
        return self._rail("psi", self._between(psi), limit, self._distances(), bet)

    def disagreement(self, limit: float) -> Rail:
        """How often one says fake and the other real of the same file."""
        both = [pair for pair in self.comparison.pairs if all(_decided(one) for one in pair)]
        differ = np.array([[float(one.verdict is not other.verdict) for one, other in both]])
        expected = self.comparison.paired or self.policy.pairs
        value = float(differ.mean()) if both else None
        return self._rail("disagreement", value, limit, differ, _Bet(limit, lowest=0.0), required=expected)

    def brier(self, limit: float) -> Rail:
        """How far scores are from the truth, where it is known. No promotion waits for people to label files."""
        rail = self.rate("brier", limit, self._is_labelled, self._missed_by)
        return replace(rail, required=rail.value is not None and rail.value > limit)

    def _rail(
        self, name: str, value: float | None, limit: float, measured: Numbers, bet: "_Bet", required: bool = True
    ) -> Rail:
        """A rail from what was measured, ``(K, N)``, from `_Bet.lowest` to 1."""
        against = within = 0.0
        if measured.size:
            against = against_all(measured - bet.bound, bet.lowest - bet.bound)
            within = against_any(bet.bound - measured, bet.bound - 1)
        shown = within if bet.reverse else None
        return Rail(name, value, limit, measured.shape[-1], against, self.alarm_at, shown, self.quiet_at, required)

    def _distances(self) -> Numbers:
        """Differences of the distribution functions at each cut, both ways round: ``(18, N)``, from -1 to 1."""
        blocks = self.comparison.blocks(_scored)
        below = [[_below(theirs) - _below(ours)] for ours, theirs in blocks]
        differences = np.concatenate(below).T if below else np.empty((len(CUTS), 0))
        return np.concatenate([differences, -differences])

    def _between(self, distance: Callable[[Sequence[float], Sequence[float]], float]) -> float | None:
        one, other = ([_score(each) for each in self._of(arm, _scored)] for arm in Arm)
        return distance(one, other) if one and other else None

    def _of(self, arm: Arm, fits: Fits) -> list[Observation]:
        return [each for each in self.comparison.of_arm(arm) if fits(each)]

    def _is_labelled(self, each: Observation) -> bool:
        return squared_error(each, self.labels) is not None

    def _missed_by(self, each: Observation) -> float:
        return squared_error(each, self.labels) or 0.0


@dataclass(frozen=True, slots=True)
class _Bet:
    """On the mean of something from `lowest` to 1 being at most `bound`; and whether the reverse is bet on too."""

    bound: float
    lowest: float = -1.0
    reverse: bool = True


def _mean(observations: Sequence[Observation], of: Value) -> float:
    return fmean(of(each) for each in observations)


def _share_slower(ours: Sequence[Observation], theirs: Sequence[Observation], ratio: float) -> float:
    return fmean(_latency(other) > ratio * _latency(one) for one in ours for other in theirs)


def _below(observations: Sequence[Observation]) -> Numbers:
    """Share of the scores at or below each cut."""
    scores = np.array([_score(each) for each in observations])
    below: Numbers = (scores[:, None] <= CUTS).mean(axis=0)
    return below


def _everything(_each: Observation) -> bool:
    return True


def _judged(each: Observation) -> bool:
    return each.verdict is not None


def _decided(each: Observation) -> bool:
    return each.verdict is not None and each.verdict is not Verdict.INCONCLUSIVE


def _scored(each: Observation) -> bool:
    return each.score is not None


def _timed(each: Observation) -> bool:
    return each.latency_ms is not None


def _failed(each: Observation) -> float:
    return float(each.error is not None)


def _inconclusive(each: Observation) -> float:
    return float(each.verdict is Verdict.INCONCLUSIVE)


def _score(each: Observation) -> float:
    return each.score or 0.0


def _latency(each: Observation) -> float:
    return each.latency_ms or 0.0
