"""What the observations of a rollout come to: figures, and a decision where one is due."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dfd.challenge.observation import Arm, Observation
from dfd.challenge.rollout import Rollout, RolloutState
from dfd.rollout.comparing import ArmFigures, Labels, compared, figures_of
from dfd.rollout.rails import Rail, Standing, readings


@dataclass(frozen=True, slots=True)
class Decision:
    """An end that is due, and why in words."""

    state: RolloutState
    reason: str


@dataclass(frozen=True, slots=True)
class Weighing:
    """A rollout at a moment.

    Attributes:
        arms: figures of each arm.
        pairs: files that both have judged.
        rails: the guard rails in force.
        decision: the end that is due; None where it goes on.
    """

    arms: Mapping[Arm, ArmFigures]
    pairs: int
    rails: Sequence[Rail]
    decision: Decision | None

    @property
    def figures(self) -> dict[str, float]:
        """All of it as numbers by name, for the audit log."""
        found: dict[str, float | None] = {"pairs": self.pairs}
        for arm, its in self.arms.items():
            found |= {f"{arm}_observations": its.observations, f"{arm}_errors": its.errors}
            found |= {f"{arm}_inconclusive": its.inconclusive, f"{arm}_mean_score": its.mean_score}
            found |= {f"{arm}_median_latency_ms": its.median_latency_ms, f"{arm}_brier": its.brier}
        for rail in self.rails:
            found |= {rail.name: rail.value, f"{rail.name}_limit": rail.limit}
            found |= {f"{rail.name}_log_evidence": rail.against, f"{rail.name}_log_alarm": rail.alarm_at}
        return {name: round(float(value), 6) for name, value in found.items() if value is not None}


def weigh(
    rollout: Rollout, observations: Sequence[Observation], now_s: float, labels: Labels | None = None
) -> Weighing:
    """Compare the arms, and see what the policy says.

    Args:
        rollout: the rollout.
        observations: all that are kept of it, in their order.
        now_s: seconds since the epoch; only the least and the longest time depend on it.
        labels: files whose truth is known.
    """
    known = labels or {}
    comparison = compared(rollout, observations)
    arms = {arm: figures_of(comparison.of_arm(arm), known) for arm in Arm}
    rails = readings(rollout.policy, comparison, known)
    decision = _decision(rollout, arms, rails, len(observations), now_s) if rollout.running else None
    return Weighing(arms, len(comparison.pairs), rails, decision)


def _decision(
    rollout: Rollout, arms: Mapping[Arm, ArmFigures], rails: Sequence[Rail], observed: int, now_s: float
) -> Decision | None:
    policy = rollout.policy
    alarms = [rail for rail in rails if rail.standing is Standing.ALARM]
    if alarms:
        said = "; ".join(f"{rail.name} is {_told(rail)}, at most {rail.limit:g} is allowed" for rail in alarms)
        return Decision(RolloutState.ROLLED_BACK, said)
    passed_s = now_s - rollout.begun.at_s
    fewest = min(arm.observations for arm in arms.values())
    quiet = all(rail.standing is Standing.QUIET or not rail.required for rail in rails)
    ripe = passed_s >= policy.min_time_s and fewest >= policy.min_observations
    if policy.promotes and quiet and ripe:
        names = ", ".join(rail.name for rail in rails if rail.standing is Standing.QUIET) or "no rail"
        return Decision(RolloutState.PROMOTED, f"within its limits after {fewest} files of each version: {names}")
    if passed_s >= policy.max_time_s or observed >= policy.max_observations:
        waited = [rail.name for rail in rails if rail.required and rail.standing is Standing.OPEN]
        missing = f"nothing shown of {', '.join(waited)}" if waited else "nobody has promoted it"
        return Decision(RolloutState.UNDECIDED, f"over after {observed} observations in {passed_s:.0f} s: {missing}")
    return None


def _told(rail: Rail) -> str:
    return "over its limit" if rail.value is None else f"{rail.value:.4g}"
