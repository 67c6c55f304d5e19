"""A rollout and its states.

::

                     within all limits, or by hand
    (start) ─> running ─────────────────────────> promoted      the challenger is champion
                  ├── a guard rail ─────────────> rolled_back   not tried again unless somebody insists
                  ├── by hand, champion moved ──> stopped
                  ├── cannot be loaded ─────────> failed
                  └── too long ─────────────────> undecided

All but the first are ends. An end is settled once the registry's aliases say the same.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any, Final, Self

from dfd.aliases import Note
from dfd.challenge.observation import Arm
from dfd.challenge.policy import RolloutPolicy
from dfd.errors import InvalidParameter

_RANGE: Final = 1 << 64


class Mode(StrEnum):
    """What the challenger does."""

    SHADOW = "shadow"
    """Scores a share of the files aside; its answers reach nobody."""
    CANARY = "canary"
    """Answers a share of the files."""


class RolloutState(StrEnum):
    """Where a rollout is; all but the first are ends."""

    RUNNING = "running"
    PROMOTED = "promoted"
    ROLLED_BACK = "rolled_back"
    STOPPED = "stopped"
    FAILED = "failed"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Rollout:
    """One challenger against one champion.

    Attributes:
        rollout_id: its name.
        name: of the model.
        champion: version that answers.
        challenger: version that is tried.
        mode: see `Mode`.
        share: of the files, above 0 and at most 1, that go to the challenger.
        salt: mixed into the hash that chooses them, so that another rollout chooses others.
        policy: what decides.
        begun: who started it, when and why.
        state: see above.
        ended: who or what ended it, when, why and on which figures; None while it runs.
        settled: whether the aliases of the registry have followed the end.
    """

    rollout_id: str
    name: str
    champion: str
    challenger: str
    mode: Mode
    share: float
    salt: str
    begun: Note
    policy: RolloutPolicy = field(default_factory=RolloutPolicy)
    state: RolloutState = RolloutState.RUNNING
    ended: Note | None = None
    settled: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise InvalidParameter(f"the share of traffic must be above 0 and at most 1, got {self.share:g}")
        if self.champion == self.challenger:
            raise InvalidParameter(f"version {self.champion} is the champion and cannot challenge itself")
        if (self.ended is None) != self.running:
            raise ValueError("a rollout has an end if and only if it does not run")

    @property
    def running(self) -> bool:
        """Whether it is not over."""
        return self.state is RolloutState.RUNNING

    def takes(self, input_sha256: str) -> bool:
        """Whether a file belongs to the challenger's share: the same in every process, for as long as it runs."""
        digest = hashlib.sha256(f"{self.salt}:{input_sha256}".encode()).digest()
        return int.from_bytes(digest[:8], "big") < self.share * _RANGE

    def answers(self, input_sha256: str) -> Arm:
        """Who answers for a file."""
        return Arm.CHALLENGER if self.mode is Mode.CANARY and self.takes(input_sha256) else Arm.CHAMPION

    def ended_as(self, state: RolloutState, note: Note) -> Self | None:
        """Over; None where it is over already."""
        if state is RolloutState.RUNNING:
            raise ValueError("running is no end")
        return replace(self, state=state, ended=note) if self.running else None

    def followed(self) -> Self | None:
        """The aliases have followed; None where that is known, or it still runs."""
        return None if self.running or self.settled else replace(self, settled=True)

    def to_dict(self) -> dict[str, Any]:
        """The JSON form; `from_dict` reads it back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote."""
        parts = dict(data)
        ended = parts.pop("ended")
        return cls(
            mode=Mode(parts.pop("mode")),
            state=RolloutState(parts.pop("state")),
            begun=Note(**parts.pop("begun")),
            policy=RolloutPolicy.from_dict(parts.pop("policy")),
            ended=None if ended is None else Note(**ended),
            **parts,
        )
