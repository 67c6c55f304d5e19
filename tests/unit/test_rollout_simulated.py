"""Whole rollouts on simulated traffic: bad challengers are sent back soon, good ones promoted, and neither by luck."""

from dataclasses import replace

import numpy as np
import pytest
from tests.rollout_traffic import File, Judgement, Version, files, inverted, make_rollout, observed, slow, sound

from dfd.challenge.observation import Observation
from dfd.challenge.policy import RolloutPolicy
from dfd.challenge.rollout import Mode, Rollout, RolloutState
from dfd.rollout.weighing import Decision, weigh

SEEDS = 50
LOOK_EVERY = 10
"""Requests between two looks."""

MOST_REQUESTS = 3000


def run(
    rollout: Rollout, challenger: Version, seed: int, most: int, every: int = LOOK_EVERY
) -> tuple[Decision | None, int]:
    """The first decision, and after how many requests it came."""
    rng = np.random.default_rng(seed)
    traffic = files(rng)
    rows: list[Observation] = []
    now_s = rollout.begun.at_s + 86_400
    for request in range(1, most + 1):
        rows += observed(rollout, next(traffic), sound, challenger, rng)
        if request % every == 0:
            decision = weigh(rollout, rows, now_s).decision
            if decision is not None:
                return decision, request
    return None, most


@pytest.mark.parametrize("bad", [inverted, slow])
@pytest.mark.parametrize("mode", list(Mode))
def test_a_bad_challenger_is_rolled_back_within_200_requests(bad: Version, mode: Mode) -> None:
    rollout = make_rollout(mode=mode, share=0.25)
    for seed in range(SEEDS):
        decision, requests = run(rollout, bad, seed, 200)
        assert decision is not None, seed
        assert decision.state is RolloutState.ROLLED_BACK
        assert requests <= 200


def test_a_good_challenger_is_promoted_and_never_rolled_back() -> None:
    for seed in range(SEEDS):
        decision, _ = run(make_rollout(), sound, seed, MOST_REQUESTS, every=50)
        assert decision is not None, seed
        assert decision.state is RolloutState.PROMOTED


def at_the_limit(file: File, rng: np.random.Generator) -> Judgement:
    """As slow as the policy allows, to the hair: the hardest case that must not be rolled back."""
    its = sound(file, rng)
    return replace(its, latency_ms=1.5 * its.latency_ms)


@pytest.mark.parametrize("challenger", [sound, at_the_limit])
def test_a_challenger_within_its_limits_is_not_rolled_back_by_many_looks(challenger: Version) -> None:
    """One per cent is allowed. Evidence is the highest so far, so one look at the end sees what any look before saw."""
    rollout = make_rollout(policy=RolloutPolicy(promotes=False))
    decisions = [run(rollout, challenger, seed, 1500, every=1500)[0] for seed in range(SEEDS)]
    assert sum(decision is not None for decision in decisions) <= 1
