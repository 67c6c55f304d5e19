"""Two arms side by side: which observations are compared with which, and figures of each."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

import numpy as np

from dfd.challenge.observation import Arm, Observation
from dfd.challenge.rollout import Mode, Rollout
from dfd.rollout.betting import Numbers
from dfd.types import Verdict

CUTS: Final[Numbers] = np.linspace(0.1, 0.9, 9)
"""Where distributions of scores are compared, and the inner edges of PSI's ten bins."""

BINS: Final = len(CUTS) + 1

Block = tuple[Sequence[Observation], Sequence[Observation]]
"""Observations of the champion and of the challenger that are compared, neither empty."""

Labels = Mapping[str, bool]
"""Whether a file is fake, by its SHA-256."""


@dataclass(frozen=True, slots=True)
class ArmFigures:
    """What one arm did.

    Attributes:
        observations: files it judged, or failed at.
        errors: at how many it failed.
        inconclusive: how many it would not decide.
        mean_score: of the files it scored; None where there are none.
        median_latency_ms: time of cropping and scoring for a face; likewise.
        labelled: scored files whose truth is known.
        brier: mean squared error of the score on those; None where there are none.
    """

    observations: int
    errors: int
    inconclusive: int
    mean_score: float | None
    median_latency_ms: float | None
    labelled: int
    brier: float | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """What was observed, sorted.

    Attributes:
        compared: the observations that arms are compared by, in their order.
        pairs: those of the same file, the champion's first, in the order in which they became pairs.
        paired: whether the arms are compared file by file, which is so in a shadow.
    """

    compared: Sequence[Observation]
    pairs: Sequence[tuple[Observation, Observation]]
    paired: bool

    def blocks(self, fits: Callable[[Observation], bool]) -> list[Block]:
        """What is compared, of observations that fit.

        In a shadow that is each file. In a canary, files of the two arms that came at about the same time: a block ends
        as soon as it holds both arms, which depends on no value, so that under equal distributions means are equal.
        """
        if self.paired:
            return [([one], [other]) for one, other in self.pairs if fits(one) and fits(other)]
        blocks: list[Block] = []
        ours: list[Observation] = []
        theirs: list[Observation] = []
        for observation in self.compared:
            if not fits(observation):
                continue
            (theirs if observation.arm is Arm.CHALLENGER else ours).append(observation)
            if ours and theirs:
                blocks.append((ours, theirs))
                ours, theirs = [], []
        return blocks

    def of_arm(self, arm: Arm) -> list[Observation]:
        """The observations of an arm that are compared."""
        return [observation for observation in self.compared if observation.arm is arm]


def compared(rollout: Rollout, observations: Iterable[Observation]) -> Comparison:
    """Sort observations.

    In a canary, arms are compared by what they answered: chance chose the files of each. In a shadow, by the files that
    both have judged: what found no place aside may be of another kind, such as long videos.
    """
    first: dict[str, Observation] = {}
    pairs: list[tuple[Observation, Observation]] = []
    answered: list[Observation] = []
    for observation in observations:
        if observation.answered:
            answered.append(observation)
        other = first.setdefault(observation.input_sha256, observation)
        if other.arm is Arm.CHAMPION and observation.arm is Arm.CHALLENGER:
            pairs.append((other, observation))
        elif other.arm is Arm.CHALLENGER and observation.arm is Arm.CHAMPION:
            pairs.append((observation, other))
    paired = rollout.mode is Mode.SHADOW
    return Comparison([one for pair in pairs for one in pair] if paired else answered, pairs, paired)


def figures_of(observations: Sequence[Observation], labels: Labels) -> ArmFigures:
    """Figures of one arm."""
    scores = [one.score for one in observations if one.score is not None]
    latencies = [one.latency_ms for one in observations if one.latency_ms is not None]
    misses = [miss for one in observations if (miss := squared_error(one, labels)) is not None]
    return ArmFigures(
        observations=len(observations),
        errors=sum(one.error is not None for one in observations),
        inconclusive=sum(one.verdict is Verdict.INCONCLUSIVE for one in observations),
        mean_score=float(np.mean(scores)) if scores else None,
        median_latency_ms=median(latencies) if latencies else None,
        labelled=len(misses),
        brier=float(np.mean(misses)) if misses else None,
    )


def squared_error(observation: Observation, labels: Labels) -> float | None:
    """How far a score is from the truth, squared; None where either is not known."""
    label = labels.get(observation.input_sha256)
    if label is None or observation.score is None:
        return None
    return float((observation.score - label) ** 2)


def ks_distance(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Largest distance of the two distribution functions at `CUTS`; both have values."""
    below = [np.mean(np.asarray(scores)[:, None] <= CUTS, axis=0) for scores in (ours, theirs)]
    return float(np.abs(below[0] - below[1]).max())


def psi(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Population stability index over ten equal bins, less what chance alone adds, and at least 0.

    Under equal distributions it is about ``(1/n + 1/m)`` times a chi-squared with 9 degrees of freedom (Yurdakul,
    "Statistical properties of population stability index", 2018), whose mean is taken off. Half a count is added to
    each bin, so that empty ones are no infinity.
    """
    counts = [np.histogram(scores, np.concatenate([[0.0], CUTS, [1.0]]))[0] + 0.5 for scores in (ours, theirs)]
    one, other = (count / count.sum() for count in counts)
    raw = float(np.sum((other - one) * np.log(other / one)))
    return max(0.0, raw - (BINS - 1) * (1 / len(ours) + 1 / len(theirs)))
