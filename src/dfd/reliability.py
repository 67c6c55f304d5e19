"""How often videos of a score turned out to be fake, where that was tried: what a probability was worth."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Videos whose calibrated probability lies from `low` up to, but not including, `high`.

    Attributes:
        low: lower edge, in [0, 1).
        high: upper edge, in (0, 1]; the last bin holds 1 too.
        real_count: real videos in it.
        fake_count: fake videos in it.
        fake_share: share of fakes among them, with real and fake videos made equally frequent, in [0, 1].
        fake_share_low: lower end of its 95 % interval.
        fake_share_high: upper end.
    """

    low: float
    high: float
    real_count: int
    fake_count: int
    fake_share: float
    fake_share_low: float
    fake_share_high: float

    def __post_init__(self) -> None:
        if not 0 <= self.low < self.high <= 1:
            raise ValueError(f"a bin lies in [0, 1], its lower edge first, got {self.low} and {self.high}")
        if min(self.real_count, self.fake_count) < 0 or self.real_count + self.fake_count < 1:
            raise ValueError(f"a bin holds videos, got {self.real_count} real and {self.fake_count} fake ones")
        if not 0 <= self.fake_share_low <= self.fake_share <= self.fake_share_high <= 1:
            raise ValueError(f"a share lies in its interval, and that in [0, 1], got {self}")


@dataclass(frozen=True, slots=True)
class Reliability:
    """The bins of a model, which cover [0, 1] without gaps.

    Attributes:
        bins: ascending.
        tested_on: which videos these were, in words.
    """

    bins: tuple[ReliabilityBin, ...]
    tested_on: str

    def __post_init__(self) -> None:
        if not self.bins or self.bins[0].low != 0 or self.bins[-1].high != 1:
            raise ValueError("the bins of a reliability must reach from 0 to 1")
        if any(left.high != right.low for left, right in pairwise(self.bins)):
            raise ValueError("the bins of a reliability must follow each other without gaps")

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Build from the parsed JSON.

        Raises:
            KeyError, TypeError, ValueError: it is something else.
        """
        rows: Sequence[Mapping[str, Any]] = data["bins"]
        return cls(tuple(ReliabilityBin(**row) for row in rows), str(data["tested_on"]))

    def to_dict(self) -> dict[str, Any]:
        """The JSON form; `from_dict` reads it back to an equal value."""
        return {"bins": [asdict(one) for one in self.bins], "tested_on": self.tested_on}

    def of(self, probability: float) -> ReliabilityBin:
        """The bin of a probability in [0, 1]."""
        return next((one for one in self.bins if probability < one.high), self.bins[-1])
