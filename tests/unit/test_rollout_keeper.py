"""Starting and ending rollouts, what the registry hears of it, and processes that decide at the same moment."""

import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.api_client import FakeAnalyzer
from tests.fakes import FakeBackend, FakeRolloutStore, make_manifest
from tests.live_service import until
from tests.onnx_models import write_registry
from tests.rollout_traffic import STARTED, Version, files, inverted, observed, sound

from dfd.aliases import Action, Alias, Aliases, Note
from dfd.challenge.policy import RolloutPolicy
from dfd.challenge.rollout import Mode, Rollout, RolloutState
from dfd.errors import (
    BackendUnavailable,
    InvalidParameter,
    JobStoreUnavailable,
    ModelConflict,
    ModelCorrupt,
    ModelNotFound,
    RegistryUnavailable,
)
from dfd.pipeline import AnalysisOptions
from dfd.ports.registry import ModelRegistry
from dfd.registry.directory import DirectoryRegistry
from dfd.rollout.desk import RolloutDesk, RolloutRequest
from dfd.rollout.keeper import ACTOR, RolloutKeeper
from dfd.rollout.live import LiveModel, LoadedModel

SMALL = RolloutPolicy(min_observations=50, min_time_s=0)
STOPPED = Note(1_700_000_500.0, "ann", "seen enough")


def loaded(version: str) -> LoadedModel:
    return LoadedModel(FakeAnalyzer(), FakeBackend(), make_manifest(version=version))


@dataclass
class Replica:
    """A process: the model that answers in it, and what keeps it up to date."""

    world: "World"
    live: LiveModel = field(default_factory=lambda: LiveModel(loaded("1")))
    broken: Exception | None = None
    loads: int = 0
    moves: int = 0

    def __post_init__(self) -> None:
        world = self.world
        self.keeper = RolloutKeeper(
            self.live, world.desk, world.store.observe, self._load, self._moved, 60.0, world.clock
        )

    def _load(self, version: str) -> LoadedModel:
        self.loads += 1
        if self.broken is not None:
            raise self.broken
        return loaded(version)

    def _moved(self) -> None:
        """What a follower does when it is nudged, at once."""
        self.moves += 1
        self.live.switch(loaded(self.world.aliases.champion or "?"))

    @property
    def part(self) -> str | None:
        return self.keeper.state.rollout_id


@dataclass
class World:
    """A registry whose champion is version 1, a table, and a clock that stands still unless told."""

    root: Path
    store: FakeRolloutStore = field(default_factory=FakeRolloutStore)
    now_s: float = STARTED.at_s + 10
    registry: ModelRegistry = field(init=False)

    def __post_init__(self) -> None:
        for version in ("1", "2", "3"):
            write_registry(self.root, version=version)
        self.registry = DirectoryRegistry(self.root)
        self.promote("1")

    def clock(self) -> float:
        return self.now_s

    @property
    def desk(self) -> RolloutDesk:
        return RolloutDesk(self.store, self.registry, self.clock)

    @property
    def aliases(self) -> Aliases:
        return self.registry.aliases("deepfake")

    def promote(self, version: str, alias: Alias = Alias.CHAMPION) -> None:
        self.registry.store_aliases("deepfake", self.aliases.promoted(version, alias, STARTED))

    def start(self, challenger: str | None = "2", **changes: Any) -> Rollout:
        request = RolloutRequest("deepfake", challenger, Mode.CANARY, 0.5, SMALL)
        return self.desk.start(replace(request, **changes), STARTED)

    def traffic(self, challenger: Version, requests: int, seed: int = 1) -> None:
        rng = np.random.default_rng(seed)
        running = self.desk.running("deepfake")
        assert running is not None
        for _, file in zip(range(requests), files(rng), strict=False):
            self.store.observe(observed(running, file, sound, challenger, rng))

    @property
    def newest(self) -> Rollout:
        return self.store.recent("deepfake", 1)[0]

    def actions(self) -> list[tuple[Action, Alias, str | None, str]]:
        return [(change.action, change.alias, change.after, change.note.actor) for change in self.aliases.history[1:]]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_what_starts_becomes_the_challenger(world: World) -> None:
    rollout = world.start()
    assert (rollout.champion, rollout.challenger, rollout.state) == ("1", "2", RolloutState.RUNNING)
    assert world.aliases.challenger == "2"
    with pytest.raises(ModelConflict, match="is running"):
        world.start("3")
    assert world.aliases.challenger == "2"


def test_the_challenger_is_tried_unless_another_version_is_named(world: World) -> None:
    with pytest.raises(ModelNotFound, match="is challenger"):
        world.start(None)
    world.promote("3", Alias.CHALLENGER)
    assert world.start(None).challenger == "3"
    assert [action for action, *_ in world.actions()] == [Action.PROMOTE]  # it was the challenger already


def test_without_a_champion_nothing_is_tried(tmp_path: Path) -> None:
    write_registry(tmp_path, version="2")
    desk = RolloutDesk(FakeRolloutStore(), DirectoryRegistry(tmp_path), lambda: 0.0)
    with pytest.raises(ModelNotFound, match="is champion"):
        desk.start(RolloutRequest("deepfake", "2", Mode.CANARY, 0.5, SMALL), STARTED)


@pytest.mark.parametrize("changes", [{"challenger": "1"}, {"share": 0.0}, {"share": 1.5}])
def test_what_cannot_be_is_refused_and_nothing_is_written(world: World, changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidParameter):
        world.start(**changes)
    assert (world.store.recent("deepfake", 1), world.aliases.challenger) == ([], None)


def test_a_bad_challenger_is_sent_back_and_not_tried_again_by_itself(world: World) -> None:
    rollout = world.start()
    replica = Replica(world)
    replica.keeper.look()
    assert replica.part == rollout.rollout_id
    world.traffic(inverted, 200)
    replica.keeper.look()
    ended = world.newest
    assert (ended.state, ended.settled) == (RolloutState.ROLLED_BACK, True)
    assert not replica.part
    assert ended.ended is not None
    assert ended.ended.actor == ACTOR
    assert ended.ended.figures["disagreement"] > ended.ended.figures["disagreement_limit"]
    assert (world.aliases.champion, world.aliases.challenger) == ("1", None)
    assert world.actions() == [
        (Action.PROMOTE, Alias.CHALLENGER, "2", "ann"),
        (Action.WITHDRAW, Alias.CHALLENGER, None, ACTOR),
    ]
    assert world.aliases.history[-1].note.figures == ended.ended.figures
    for _ in range(3):
        replica.keeper.look()
    assert [rollout.rollout_id for rollout in world.desk.recent("deepfake")] == [ended.rollout_id]
    with pytest.raises(ModelConflict, match="was rolled_back before"):
        world.start()
    assert world.start(again=True).challenger == "2"


def test_a_good_challenger_is_promoted_and_answers_without_a_gap(world: World) -> None:
    world.start()
    replica, other = Replica(world), Replica(world)
    for each in (replica, other):
        each.keeper.look()
    world.traffic(sound, 2500)
    replica.keeper.look()
    assert (world.newest.state, world.newest.settled) == (RolloutState.PROMOTED, True)
    assert (world.aliases.champion, world.aliases.previous, world.aliases.challenger) == ("2", "1", None)
    assert replica.live.current.manifest.version == "2"
    other.keeper.look()
    assert (other.live.current.manifest.version, other.moves) == ("2", 1)
    for each in (replica, other):
        each.keeper.look()
        assert each.part is None
    assert len(world.actions()) == 2


def test_a_policy_that_does_not_promote_waits_for_somebody(world: World) -> None:
    world.start(policy=replace(SMALL, promotes=False, max_observations=4000))
    replica = Replica(world)
    world.traffic(sound, 2000)
    replica.keeper.look()
    assert world.newest.running
    world.traffic(sound, 2000, seed=2)
    replica.keeper.look()
    assert (world.newest.state, world.aliases.challenger) == (RolloutState.UNDECIDED, None)
    assert world.newest.ended is not None
    assert "nobody has promoted it" in world.newest.ended.reason


def test_nothing_is_promoted_before_its_time_and_nothing_waits_for_ever(world: World) -> None:
    world.start(policy=replace(SMALL, min_time_s=100, max_time_s=200))
    replica = Replica(world)
    world.traffic(sound, 10)
    for world.now_s, state in (
        (STARTED.at_s + 199, RolloutState.RUNNING),
        (STARTED.at_s + 200, RolloutState.UNDECIDED),
    ):
        replica.keeper.look()
        assert world.newest.state is state
    assert world.newest.ended is not None
    assert "nothing shown of" in world.newest.ended.reason


@pytest.mark.parametrize("skew_s", [-5.0, 5.0])
def test_clocks_that_differ_by_seconds_change_no_decision(world: World, skew_s: float) -> None:
    world.start()
    world.traffic(inverted, 200)
    world.now_s = STARTED.at_s + skew_s
    Replica(world).keeper.look()
    assert world.newest.state is RolloutState.ROLLED_BACK


@pytest.mark.faults
@pytest.mark.parametrize("turn", range(5))
def test_replicas_that_decide_at_once_write_one_decision_and_move_the_alias_once(world: World, turn: int) -> None:
    world.start()
    world.traffic(sound, 2500, seed=turn)
    replicas = [Replica(world) for _ in range(4)]
    barrier = threading.Barrier(len(replicas))

    def decide(replica: Replica) -> None:
        barrier.wait()
        replica.keeper.look()

    with ThreadPoolExecutor(len(replicas)) as pool:
        list(pool.map(decide, replicas))
    assert (world.newest.state, world.newest.settled) == (RolloutState.PROMOTED, True)
    assert world.actions() == [
        (Action.PROMOTE, Alias.CHALLENGER, "2", "ann"),
        (Action.PROMOTE, Alias.CHAMPION, "2", ACTOR),
    ]
    assert {replica.keeper.state.error for replica in replicas} == {None}


class DyingRegistry(DirectoryRegistry):
    """Cannot be written to while `away` is set."""

    away: Exception | None = None

    def store_aliases(self, name: str, changed: Aliases) -> None:
        if self.away is not None:
            raise self.away
        super().store_aliases(name, changed)


@pytest.mark.faults
@pytest.mark.parametrize("error", [RegistryUnavailable("read only"), ModelConflict("changed"), RuntimeError()])
def test_what_cannot_be_made_the_challenger_does_not_run(world: World, error: Exception) -> None:
    registry = DyingRegistry(world.root)
    world.registry = registry
    registry.away = error
    with pytest.raises(type(error)):
        world.start()
    assert world.desk.running("deepfake") is None
    assert (world.newest.state, world.newest.settled) == (RolloutState.STOPPED, True)
    assert world.newest.ended is not None
    assert (world.newest.ended.actor, world.newest.ended.at_s) == ("ann", world.now_s)
    assert world.newest.ended.reason == f"version 2 was not made the challenger: {str(error) or 'RuntimeError'}"
    registry.away = None
    assert world.start().challenger == world.aliases.challenger == "2"  # it was not sent back


@pytest.mark.faults
@pytest.mark.parametrize(("challenger", "champion"), [(inverted, "1"), (sound, "2")])
def test_an_end_that_a_dead_replica_left_is_followed_by_the_next(
    world: World, challenger: Version, champion: str
) -> None:
    registry = DyingRegistry(world.root)
    world.registry = registry
    world.start()
    replica = Replica(world)
    replica.keeper.look()
    world.traffic(challenger, 2500)
    registry.away = RegistryUnavailable("read only")
    replica.keeper.look()
    assert (world.newest.running, world.newest.settled) == (False, False)
    assert replica.keeper.state.error == "registry_unavailable"
    assert (replica.part is None) == (champion == "1")  # a bad one is gone at once, a good one goes on meanwhile
    assert world.aliases.champion == "1"
    registry.away = None
    Replica(world).keeper.look()
    assert (world.newest.settled, world.aliases.champion, world.aliases.challenger) == (True, champion, None)


def test_a_champion_that_was_moved_by_hand_ends_the_rollout_and_is_left_where_it_is(world: World) -> None:
    world.start()
    replica = Replica(world)
    replica.keeper.look()
    world.promote("3")
    replica.keeper.look()
    assert (world.newest.state, replica.part) == (RolloutState.STOPPED, None)
    assert (world.aliases.champion, world.aliases.challenger) == ("3", None)


def test_a_promotion_that_comes_too_late_moves_nothing(world: World) -> None:
    rollout = world.start()
    ended = world.desk.end(rollout, RolloutState.PROMOTED, STOPPED)
    assert ended is not None
    world.promote("3")
    assert world.desk.settle(ended).settled
    assert world.aliases.champion == "3"


@pytest.mark.faults
@pytest.mark.parametrize("error", [ModelCorrupt("a hash does not hold"), ModelNotFound("it is gone")])
def test_a_challenger_that_cannot_be_loaded_ends_the_rollout(world: World, error: Exception) -> None:
    world.start()
    Replica(world, broken=error).keeper.look()
    assert (world.newest.state, world.aliases.challenger) == (RolloutState.FAILED, None)
    assert world.newest.ended is not None
    assert str(error) in world.newest.ended.reason


@pytest.mark.faults
def test_a_model_server_that_is_away_ends_nothing(world: World) -> None:
    world.start()
    replica = Replica(world, broken=BackendUnavailable("away"))
    for _ in range(2):
        replica.keeper.look()
    assert (world.newest.running, replica.loads, replica.part) == (True, 1, None)  # and is not asked at every look
    replica.broken = None
    world.now_s += 60
    replica.keeper.look()
    assert replica.part is not None


@pytest.mark.faults
def test_a_version_that_is_deleted_while_it_is_tried_is_not_promoted(world: World) -> None:
    world.start()
    replica = Replica(world)
    replica.keeper.look()
    world.traffic(sound, 2500)
    shutil.rmtree(world.root / "deepfake" / "2")
    replica.keeper.look()
    assert (world.newest.state, world.aliases.champion) == (RolloutState.FAILED, "1")


@pytest.mark.faults
def test_a_database_that_is_away_leaves_things_as_they_are(world: World) -> None:
    world.start()
    replica = Replica(world)
    replica.keeper.look()
    world.store.error = JobStoreUnavailable("away")
    for _ in range(2):
        replica.keeper.look()
    assert (replica.part is None, replica.keeper.state.error) == (False, "job_store_unavailable")
    world.store.error = None
    replica.keeper.look()
    assert replica.keeper.state.error is None


def test_a_rollout_ended_by_hand_is_left_by_all(world: World) -> None:
    rollout = world.start()
    replica = Replica(world)
    replica.keeper.look()
    ended = world.desk.end(rollout, RolloutState.STOPPED, STOPPED)
    assert ended is not None
    assert world.desk.end(rollout, RolloutState.PROMOTED, STOPPED) is None
    world.desk.settle(ended)
    replica.keeper.look()
    assert (replica.part, world.aliases.challenger) == (None, None)
    assert world.start("2").challenger == "2"  # stopped is not sent back


@pytest.fixture
def running(world: World) -> Iterator[Callable[[], Replica]]:
    started: list[Replica] = []

    def start() -> Replica:
        replica = Replica(world)
        started.append(replica)
        replica.keeper.start()
        return replica

    yield start
    for replica in started:
        replica.keeper.stop()


def test_a_keeper_in_its_thread_observes_what_is_analysed(
    world: World, running: Callable[[], Replica], tmp_path: Path
) -> None:
    rollout = world.start()
    replica = running()
    until(lambda: replica.part is not None)
    (tmp_path / "clip.mp4").write_bytes(b"a video")
    replica.live.analyze(tmp_path / "clip.mp4", AnalysisOptions())
    until(lambda: world.store.count(rollout.rollout_id) >= 1)
