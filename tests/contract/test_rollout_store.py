"""What every adapter of `RolloutStore` must do."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from tests.fakes import FakeRolloutStore
from tests.job_databases import new_store
from tests.rollout_traffic import make_rollout, sha256_of_number

from dfd.aliases import Note
from dfd.challenge.observation import Arm, Observation
from dfd.challenge.policy import RolloutPolicy
from dfd.challenge.rollout import Mode, Rollout, RolloutState
from dfd.errors import ModelConflict
from dfd.ports.rollouts import RolloutStore
from dfd.types import Verdict

ENDED = Note(1_700_000_100.0, "bob", "too slow", {"latency_ratio": 3.0})


@pytest.fixture(params=["fake", "sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RolloutStore]:
    if request.param == "fake":
        yield FakeRolloutStore()
        return
    with new_store(request, tmp_path) as sql:
        yield sql.rollouts()


def rolled_back(rollout: Rollout) -> Rollout | None:
    return rollout.ended_as(RolloutState.ROLLED_BACK, ENDED)


def seen(number: int, arm: Arm = Arm.CHAMPION, rollout_id: str = "r1", at_s: float = 50.0) -> Observation:
    return Observation(rollout_id, sha256_of_number(number), arm, True, at_s, Verdict.FAKE, 0.75, 12.5)


def test_what_is_kept_comes_back_as_it_was(store: RolloutStore) -> None:
    policy = RolloutPolicy(min_observations=7, psi=None)
    rollout = make_rollout(mode=Mode.SHADOW, share=0.1, policy=policy)
    store.start(rollout)
    assert store.recent("deepfake", 10) == [rollout]
    assert store.recent("other", 10) == []
    failed = Observation("r1", "aa" * 32, Arm.CHALLENGER, False, 51.0, error="backend_unavailable")
    assert store.observe([seen(1), failed]) == 2
    assert store.observations("r1") == [seen(1), failed]
    assert store.count("r1") == 2


def test_one_rollout_of_a_model_runs_at_a_time(store: RolloutStore) -> None:
    store.start(make_rollout("r1"))
    store.start(make_rollout("other", name="other"))
    with pytest.raises(ModelConflict, match="is running"):
        store.start(make_rollout("r2"))
    assert store.change("r1", rolled_back) is not None
    store.start(make_rollout("r2"))
    assert [rollout.rollout_id for rollout in store.recent("deepfake", 10)] == ["r2", "r1"]
    assert [rollout.rollout_id for rollout in store.recent("deepfake", 1)] == ["r2"]


def test_an_end_is_final_and_settled_once(store: RolloutStore) -> None:
    store.start(make_rollout())
    assert store.unsettled("deepfake") == []
    assert store.change("r1", Rollout.followed) is None
    ended = store.change("r1", rolled_back)
    assert ended is not None
    assert (ended.state, ended.ended) == (RolloutState.ROLLED_BACK, ENDED)
    assert store.change("r1", lambda found: found.ended_as(RolloutState.PROMOTED, ENDED)) is None
    assert store.unsettled("deepfake") == [ended]
    assert store.change("r1", Rollout.followed) == replace(ended, settled=True)
    assert store.change("r1", Rollout.followed) is None
    assert store.unsettled("deepfake") == []
    assert store.change("nobody", rolled_back) is None


def test_only_one_of_many_ends_a_rollout(store: RolloutStore) -> None:
    store.start(make_rollout())
    barrier = threading.Barrier(4)

    def end(number: int) -> bool:
        barrier.wait()
        note = replace(ENDED, actor=f"replica {number}")
        state = (RolloutState.ROLLED_BACK, RolloutState.PROMOTED)[number % 2]
        return store.change("r1", lambda found: found.ended_as(state, note)) is not None

    with ThreadPoolExecutor(4) as pool:
        won = list(pool.map(end, range(4)))
    assert won.count(True) == 1
    [rollout] = store.recent("deepfake", 1)
    assert rollout.ended is not None
    assert rollout.ended.actor == f"replica {won.index(True)}"


def test_a_file_counts_once_for_each_arm_and_only_while_the_rollout_runs(store: RolloutStore) -> None:
    assert store.observe([]) == 0
    assert store.observe([seen(1)]) == 0  # there is no such rollout
    store.start(make_rollout())
    assert store.observe([seen(1), seen(1), seen(1, Arm.CHALLENGER), seen(2)]) == 3
    assert store.observe([seen(2), seen(3, rollout_id="nobody")]) == 0
    store.change("r1", rolled_back)
    assert store.observe([seen(4)]) == 0
    assert store.observations("r1") == [seen(1), seen(1, Arm.CHALLENGER), seen(2)]


def test_observations_of_several_processes_are_all_kept(store: RolloutStore) -> None:
    store.start(make_rollout())
    with ThreadPoolExecutor(4) as pool:
        kept = list(pool.map(lambda turn: store.observe([seen(3 * turn + k) for k in range(3)]), range(20)))
    assert (sum(kept), store.count("r1")) == (60, 60)


def test_old_observations_of_what_is_over_are_forgotten(store: RolloutStore) -> None:
    store.start(make_rollout("r1"))
    store.observe([seen(1, at_s=10.0), seen(2, at_s=100.0)])
    assert store.forget(50.0) == 0  # it still needs them
    store.change("r1", rolled_back)
    store.start(make_rollout("r2"))
    store.observe([seen(1, rollout_id="r2", at_s=10.0)])
    assert store.forget(50.0) == 1
    assert (store.count("r1"), store.count("r2")) == (1, 1)
