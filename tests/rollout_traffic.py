"""Traffic that never was: files judged by two versions, by a generator of random numbers."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from dfd.aliases import Note
from dfd.challenge.observation import Arm, Observation
from dfd.challenge.policy import RolloutPolicy
from dfd.challenge.rollout import Mode, Rollout
from dfd.types import Verdict

STARTED = Note(1_700_000_000.0, "ann", "to see whether it is better")


def make_rollout(rollout_id: str = "r1", **changes: Any) -> Rollout:
    """A canary of version 2 against version 1 that takes half of the files, with `changes`."""
    rollout = Rollout(rollout_id, "deepfake", "1", "2", Mode.CANARY, 0.5, "salt", STARTED, RolloutPolicy())
    return replace(rollout, **changes)


def sha256_of_number(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


@dataclass(frozen=True)
class Judgement:
    """What a version makes of a file: probability of fake, time for a face, and whether it fails."""

    score: float
    latency_ms: float
    fails: bool = False


Version = Callable[["File", np.random.Generator], Judgement]


@dataclass(frozen=True)
class File:
    """A file, whether it is fake, and how a sound model sees it."""

    sha256: str
    fake: bool
    score: float


def sound(file: File, rng: np.random.Generator) -> Judgement:
    """The same score but for noise, and a time that varies by a third either way."""
    score = float(np.clip(file.score + rng.normal(0, 0.03), 0, 1))
    return Judgement(score, 20.0 * float(np.exp(rng.normal(0, 0.3))), rng.random() < 0.002)


def inverted(file: File, rng: np.random.Generator) -> Judgement:
    its = sound(file, rng)
    return replace(its, score=1 - its.score)


def slow(file: File, rng: np.random.Generator) -> Judgement:
    its = sound(file, rng)
    return replace(its, latency_ms=3 * its.latency_ms)


def failing(file: File, rng: np.random.Generator) -> Judgement:
    return replace(sound(file, rng), fails=rng.random() < 0.3)


def undecided(file: File, rng: np.random.Generator) -> Judgement:
    return replace(sound(file, rng), score=0.5) if rng.random() < 0.5 else sound(file, rng)


def files(rng: np.random.Generator, fakes: float = 0.3) -> Iterator[File]:
    """Files without end, of which so many are fake; a sound model is right about nine of ten."""
    number = int(rng.integers(1 << 40))
    while True:
        number += 1
        fake = bool(rng.random() < fakes)
        score = float(rng.beta(6, 2) if fake else rng.beta(2, 6))
        yield File(sha256_of_number(number), fake, score)


def observed(rollout: Rollout, file: File, champion: Version, challenger: Version, rng: Any) -> list[Observation]:
    """What is noted of one request: the answer, and what was scored aside."""
    arm = rollout.answers(file.sha256)
    aside = (
        rollout.policy.pairs and arm is Arm.CHALLENGER if rollout.mode is Mode.CANARY else rollout.takes(file.sha256)
    )
    other = Arm.CHAMPION if arm is Arm.CHALLENGER else Arm.CHALLENGER
    versions = {Arm.CHAMPION: champion, Arm.CHALLENGER: challenger}
    arms = [(arm, True), *([(other, False)] if aside else [])]
    return [_noted(rollout, file, its, answered, versions[its](file, rng)) for its, answered in arms]


def _noted(rollout: Rollout, file: File, arm: Arm, answered: bool, judged: Judgement) -> Observation:
    noted = Observation(rollout.rollout_id, file.sha256, arm, answered, rollout.begun.at_s)
    if judged.fails:
        return replace(noted, error="backend_unavailable")
    return replace(noted, verdict=verdict(judged.score), score=judged.score, latency_ms=judged.latency_ms)


def verdict(score: float) -> Verdict:
    if abs(score - 0.5) < 0.05:
        return Verdict.INCONCLUSIVE
    return Verdict.FAKE if score >= 0.5 else Verdict.REAL
