"""What is noted of one analysis during a rollout."""

from dataclasses import dataclass
from enum import StrEnum

from dfd.types import Verdict


class Arm(StrEnum):
    """Which of the two versions."""

    CHAMPION = "champion"
    CHALLENGER = "challenger"


@dataclass(frozen=True, slots=True)
class Observation:
    """One file, as one arm judged it.

    Attributes:
        rollout_id: of the rollout.
        input_sha256: hash of the file, lower-case hex.
        arm: who judged.
        answered: whether the caller was to get this answer; False for what was scored aside.
        at_s: seconds since the epoch.
        verdict: None where the analysis failed.
        score: probability of fake; None where nothing was scored.
        latency_ms: time of cropping and scoring for each scored face; None where nothing was scored.
        error: code of what went wrong; None where nothing did.
    """

    rollout_id: str
    input_sha256: str
    arm: Arm
    answered: bool
    at_s: float
    verdict: Verdict | None = None
    score: float | None = None
    latency_ms: float | None = None
    error: str | None = None
