"""The written policy of a rollout: what is allowed to the challenger, and what it must show before it is promoted."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from dfd.errors import InvalidParameter

_DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class RolloutPolicy:
    """Limits of the guard rails, and how sure a decision must be. A limit of None turns its rail off.

    Attributes:
        min_observations: files that each arm must have judged before a promotion; a rollback needs no least number.
        min_time_s: shortest time before a promotion.
        max_time_s: a rollout that has come to no decision by then ends, and the champion stays.
        max_observations: likewise by number of observations, of both arms together.
        false_alarm: probability, at most, that a challenger within all limits is ever rolled back.
        false_promotion: probability, at most, that a challenger over a limit is ever promoted.
        error_rate: how much the share of analyses that fail may exceed the champion's.
        latency_ratio: how many times the champion's the time for a face may be.
        inconclusive_rate: how much the share of inconclusive verdicts may exceed the champion's.
        ks: largest distance of the two distributions of scores (Kolmogorov-Smirnov).
        psi: largest population stability index between them.
        disagreement: largest share, of the files that both decide, on which one says fake and the other real.
        brier: how much the mean squared error on labelled files may exceed the champion's.
        promotes: promote by itself; otherwise a good challenger waits for `promote`, or for the longest time.
        pairs: in a canary, let the champion score the challenger's files aside, so that files can be compared.
    """

    min_observations: int = 200
    min_time_s: float = 3600.0
    max_time_s: float = 14 * _DAY_S
    max_observations: int = 20_000
    false_alarm: float = 0.01
    false_promotion: float = 0.05
    error_rate: float | None = 0.02
    latency_ratio: float | None = 1.5
    inconclusive_rate: float | None = 0.1
    ks: float | None = 0.3
    psi: float | None = 0.25
    disagreement: float | None = 0.2
    brier: float | None = 0.05
    promotes: bool = True
    pairs: bool = True

    def __post_init__(self) -> None:
        _check_kinds(self)
        if not 1 <= self.min_observations <= self.max_observations <= 100_000:
            raise InvalidParameter("policy: min_observations must be from 1 to max_observations, that at most 100000")
        if not 0 <= self.min_time_s <= self.max_time_s:
            raise InvalidParameter("policy: min_time_s must be from 0 to max_time_s")
        for name in ("false_alarm", "false_promotion"):
            if not 0 < getattr(self, name) < 0.5:
                raise InvalidParameter(f"policy: {name} must lie between 0 and 0.5")
        for name in ("error_rate", "inconclusive_rate", "ks", "disagreement", "brier"):
            limit = getattr(self, name)
            if limit is not None and not 0 < limit < 1:
                raise InvalidParameter(f"policy: {name} must lie between 0 and 1, or be null")
        if self.latency_ratio is not None and self.latency_ratio <= 0:
            raise InvalidParameter("policy: latency_ratio must be positive, or null")
        if self.psi is not None and not 0 < self.psi < 4:
            raise InvalidParameter("policy: psi must lie between 0 and 4, or be null")

    def to_dict(self) -> dict[str, Any]:
        """The JSON form; `from_dict` reads it back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Read a policy; what is not said keeps its default.

        Raises:
            InvalidParameter: a name is unknown, or a value out of its range.
        """
        known = {field.name for field in fields(cls)}
        if unknown := sorted(set(data) - known):
            raise InvalidParameter(f"policy: unknown {', '.join(unknown)}; there are {', '.join(sorted(known))}")
        return cls(**data)


_WHOLE = ("min_observations", "max_observations")
_YES_OR_NO = ("promotes", "pairs")
_NEVER_OFF = ("min_time_s", "max_time_s", "false_alarm", "false_promotion")


def _check_kinds(policy: RolloutPolicy) -> None:
    for field in fields(policy):
        value = getattr(policy, field.name)
        number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        if field.name in _YES_OR_NO:
            fits, kind = isinstance(value, bool), "true or false"
        elif field.name in _WHOLE:
            fits, kind = number and isinstance(value, int), "a whole number"
        else:
            off = value is None and field.name not in _NEVER_OFF
            fits, kind = number or off, "a number" if field.name in _NEVER_OFF else "a number, or null"
        if not fits:
            raise InvalidParameter(f"policy: {field.name} must be {kind}, got {value!r}")
