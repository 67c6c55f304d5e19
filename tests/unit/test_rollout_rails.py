"""The bets, the guard rails and the policy: what counts, and how often luck may decide."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.rollout_traffic import (
    Version,
    failing,
    files,
    inverted,
    make_rollout,
    observed,
    sha256_of_number,
    slow,
    sound,
    undecided,
)

from dfd.challenge.observation import Arm, Observation
from dfd.challenge.policy import RolloutPolicy
from dfd.challenge.rollout import Mode, Rollout, RolloutState
from dfd.errors import InvalidParameter
from dfd.rollout.betting import LOG_MOST, against_all, against_any, log_wealth
from dfd.rollout.comparing import compared, ks_distance, psi
from dfd.rollout.rails import Rail, Standing
from dfd.rollout.weighing import weigh
from dfd.types import Verdict

NOW_S = 1_700_100_000.0


def test_wealth_is_the_mean_of_fixed_stakes() -> None:
    gains = np.array([0.5, -0.25, 1.0])
    stakes = np.array([0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 0.95]) / 0.5
    by_hand = [np.mean(np.prod(1 + stakes[:, None] * gains[:count], axis=1)) for count in (1, 2, 3)]
    assert np.exp(log_wealth(gains, -0.5)) == pytest.approx(by_hand)
    assert against_all(gains[None], -0.5) == pytest.approx(math.log(max(by_hand)))


@given(st.lists(st.floats(-0.5, 1.0), max_size=60), st.integers(0, 60))
def test_evidence_never_shrinks_and_is_never_infinite(gains: list[float], count: int) -> None:
    rows = np.array([gains])
    assert 0 <= against_all(rows[:, :count], -0.5) <= against_all(rows, -0.5) <= LOG_MOST
    assert against_any(np.concatenate([rows, rows]), -0.5) == pytest.approx(against_all(rows, -0.5))


@pytest.mark.parametrize("chance", [0.02, 0.2, 0.5])
def test_luck_wins_the_bet_as_seldom_as_promised_though_one_always_looks(chance: float) -> None:
    """Ville: at most 5 % of 2000 fair games ever reach 20, looked at after each of 500 rounds."""
    rng = np.random.default_rng(7)
    gains = (rng.random((2000, 500)) < chance).astype(np.float64) - chance
    highest = log_wealth(gains, -chance).max(axis=1)
    assert np.mean(highest >= math.log(20)) <= 0.05


def test_a_bet_without_a_possible_loss_is_none() -> None:
    with pytest.raises(ValueError, match="possible loss"):
        log_wealth(np.zeros(3), 0.0)


def test_psi_and_ks_are_what_they_are_said_to_be() -> None:
    low, high = [0.05] * 100, [0.95] * 100
    assert ks_distance(low, high) == 1.0
    assert ks_distance(low, low) == psi(low, low) == 0.0
    one, other = 100.5 / 105, 0.5 / 105
    assert psi(low, high) == pytest.approx(2 * (one - other) * math.log(one / other) - 9 * 0.02)
    rng = np.random.default_rng(3)
    same = [psi(list(rng.random(300)), list(rng.random(300))) for _ in range(50)]
    assert np.mean(same) < 0.03  # what chance adds is taken off


def rows_of(rollout: Rollout, challenger: Version, requests: int, fakes: float = 0.3) -> list[Observation]:
    rng = np.random.default_rng(5)
    traffic = files(rng, fakes)
    return [each for _ in range(requests) for each in observed(rollout, next(traffic), sound, challenger, rng)]


def rails_of(rollout: Rollout, rows: list[Observation], labels: dict[str, bool] | None = None) -> dict[str, Rail]:
    return {rail.name: rail for rail in weigh(rollout, rows, NOW_S, labels).rails}


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize(
    ("bad", "name"),
    [(failing, "error_rate"), (slow, "latency_ratio"), (undecided, "inconclusive_rate"), (inverted, "disagreement")],
)
def test_each_rail_sees_its_own_fault_and_no_other(mode: Mode, bad: Version, name: str) -> None:
    rails = rails_of(make_rollout(mode=mode), rows_of(make_rollout(mode=mode), bad, 400))
    alarmed = {rail.name for rail in rails.values() if rail.standing is Standing.ALARM}
    assert name in alarmed
    related = {"disagreement": {"ks", "psi"}, "inconclusive_rate": {"ks", "psi"}}
    assert alarmed - {name} <= related.get(name, set())


def test_scores_turned_round_are_found_by_their_distribution_where_files_are_not_compared() -> None:
    rollout = make_rollout(policy=RolloutPolicy(pairs=False))
    rows = rows_of(rollout, inverted, 200, fakes=0.1)
    rails = rails_of(rollout, rows)
    assert {name for name, rail in rails.items() if rail.standing is Standing.ALARM} == {"ks", "psi"}
    assert (rails["disagreement"].value, rails["disagreement"].required) == (None, False)


def test_labels_tell_a_model_that_is_wrong() -> None:
    rollout = make_rollout(policy=RolloutPolicy(ks=None, psi=None, disagreement=None))
    rows = rows_of(rollout, inverted, 300)
    assert all(rail.standing is not Standing.ALARM for rail in rails_of(rollout, rows).values())
    assert rails_of(rollout, rows)["brier"].value is None
    labels = {each.input_sha256: each.score > 0.5 for each in rows if each.arm is Arm.CHAMPION and each.score}
    weighing = weigh(rollout, rows, NOW_S, labels)
    assert weighing.decision is not None
    assert weighing.decision.reason.startswith("brier is")
    assert weighing.arms[Arm.CHALLENGER].labelled > 50


def test_no_promotion_waits_for_labels_and_few_bad_ones_hold_it_up() -> None:
    rollout = make_rollout(policy=RolloutPolicy(min_time_s=0))
    rows = rows_of(rollout, sound, 2500)
    assert not rails_of(rollout, rows)["brier"].required
    decision = weigh(rollout, rows, NOW_S).decision
    assert decision is not None
    assert decision.state is RolloutState.PROMOTED
    answers = [each for each in rows if each.answered and each.score is not None]
    few = {
        each.input_sha256: ((each.score or 0) > 0.5) == (each.arm is Arm.CHAMPION) for each in answers[:12]
    }  # the champion was right about its own, the challenger wrong
    assert rails_of(rollout, rows, few)["brier"].required
    assert weigh(rollout, rows, NOW_S, few).decision is None


def test_a_challenger_that_never_scores_is_not_promoted() -> None:
    rollout = make_rollout(policy=RolloutPolicy(min_time_s=0, min_observations=1))
    rows = [
        Observation("r1", sha256_of_number(number), arm, True, NOW_S, verdict=Verdict.INCONCLUSIVE)
        for number, arm in enumerate([*Arm] * 500)
    ]
    assert weigh(rollout, rows, NOW_S).decision is None


def test_a_shadow_is_compared_by_the_files_that_both_have_judged() -> None:
    rollout = make_rollout(mode=Mode.SHADOW)
    rows = [
        Observation("r1", sha256_of_number(1), Arm.CHAMPION, True, NOW_S, Verdict.FAKE, 0.9, 10.0),
        Observation("r1", sha256_of_number(2), Arm.CHAMPION, True, NOW_S, Verdict.REAL, 0.1, 10.0),
        Observation("r1", sha256_of_number(2), Arm.CHALLENGER, False, NOW_S, Verdict.FAKE, 0.8, 10.0),
    ]
    weighing = weigh(rollout, rows, NOW_S)
    assert [its.observations for its in weighing.arms.values()] == [1, 1]
    assert weighing.pairs == 1
    assert rails_of(rollout, rows)["disagreement"].value == 1.0


def test_blocks_hold_both_arms_and_end_as_soon_as_they_do() -> None:
    arms = [Arm.CHAMPION, Arm.CHAMPION, Arm.CHALLENGER, Arm.CHALLENGER, Arm.CHAMPION, Arm.CHAMPION]
    rows = [Observation("r1", sha256_of_number(n), arm, True, 0.0) for n, arm in enumerate(arms)]
    blocks = compared(make_rollout(), rows).blocks(lambda _each: True)
    assert [(len(ours), len(theirs)) for ours, theirs in blocks] == [(2, 1), (1, 1)]


def test_figures_are_numbers_that_json_can_hold() -> None:
    rollout = make_rollout()
    figures = weigh(rollout, rows_of(rollout, slow, 200), NOW_S).figures
    assert json.loads(json.dumps(figures, allow_nan=False)) == figures
    assert figures["latency_ratio"] > 2
    assert {"champion_observations", "challenger_errors", "latency_ratio_limit", "pairs"} <= set(figures)


def test_nothing_observed_decides_nothing() -> None:
    for mode in Mode:
        weighing = weigh(make_rollout(mode=mode), [], NOW_S)
        assert weighing.decision is None
        assert all(rail.standing is Standing.OPEN for rail in weighing.rails if rail.required)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"psy": 1}, "unknown psy"),
        ({"ks": 1.5}, "ks must lie between"),
        ({"ks": "0.3"}, "ks must be a number, or null"),
        ({"false_alarm": 0}, "false_alarm"),
        ({"false_alarm": None}, "false_alarm must be a number"),
        ({"min_observations": 0}, "min_observations"),
        ({"min_observations": 1.5}, "whole number"),
        ({"promotes": 1}, "true or false"),
        ({"min_time_s": 10, "max_time_s": 5}, "min_time_s"),
        ({"latency_ratio": -1}, "latency_ratio"),
        ({"psi": 5}, "psi"),
        ({"max_time_s": float("nan")}, "max_time_s must be a number"),
    ],
)
def test_a_policy_that_cannot_be_is_refused(data: dict[str, object], said: str) -> None:
    with pytest.raises(InvalidParameter, match=said):
        RolloutPolicy.from_dict(data)


def test_a_policy_says_only_what_differs() -> None:
    policy = RolloutPolicy.from_dict({"ks": None, "min_observations": 30})
    assert policy == replace(RolloutPolicy(), ks=None, min_observations=30)
    assert RolloutPolicy.from_dict(json.loads(json.dumps(policy.to_dict()))) == policy


@given(st.floats(0.01, 1.0), st.integers(0, 1 << 30))
def test_a_file_stays_where_it_is_and_a_larger_share_only_adds_files(share: float, number: int) -> None:
    rollout, sha256 = make_rollout(share=share), sha256_of_number(number)
    assert rollout.takes(sha256) == make_rollout(share=share).takes(sha256)
    assert not rollout.takes(sha256) or make_rollout(share=1.0).takes(sha256)


@pytest.mark.parametrize("share", [0.05, 0.5, 0.9])
def test_the_share_is_kept_and_another_rollout_chooses_other_files(share: float) -> None:
    names = [sha256_of_number(number) for number in range(4000)]
    taken = [make_rollout(share=share).takes(name) for name in names]
    other = [make_rollout(share=share, salt="other").takes(name) for name in names]
    assert np.mean(taken) == pytest.approx(share, abs=0.03)
    assert np.mean(np.array(taken) & np.array(other)) == pytest.approx(share**2, abs=0.03)
