"""Following an alias: what takes over, what does not, and who hears of it."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.api_client import PATIENCE_S, FakeAnalyzer
from tests.fakes import FakeBackend, make_manifest, make_report

from dfd.errors import DfdError, ModelCorrupt, ModelNotFound
from dfd.pipeline import AnalysisOptions
from dfd.report import ModelIdentity
from dfd.rollout.follower import RETRY_S, AliasFollower, FollowState
from dfd.rollout.live import LiveModel, LoadedModel


def loaded(version: str, analyzer: FakeAnalyzer | None = None) -> LoadedModel:
    report = make_report(model=ModelIdentity("deepfake", version, "00"))
    return LoadedModel(analyzer or FakeAnalyzer(report), FakeBackend(), make_manifest(version=version))


@dataclass
class World:
    """An alias that tests move, and what came of following it."""

    wanted: str = "1"
    broken: dict[str, Exception] = field(default_factory=dict)
    unreadable: DfdError | None = None
    now_s: float = 0.0
    loads: list[str] = field(default_factory=list)
    live: LiveModel = field(default_factory=lambda: LiveModel(loaded("1")))

    def follower(self, poll_s: float = 5.0) -> AliasFollower:
        return AliasFollower(self.live, "champion", self._named, self._load, poll_s, lambda: self.now_s)

    def _named(self) -> str:
        if self.unreadable is not None:
            raise self.unreadable
        return self.wanted

    def _load(self, version: str) -> LoadedModel:
        self.loads.append(version)
        if version in self.broken:
            raise self.broken[version]
        return loaded(version)

    @property
    def answering(self) -> str:
        return self.live.current.manifest.version


def test_an_alias_that_moved_brings_another_version() -> None:
    world = World()
    follower = world.follower()
    assert not follower.look()
    world.wanted = "2"
    assert follower.look()
    assert not follower.look()
    assert (world.answering, world.loads) == ("2", ["2"])
    assert follower.state == FollowState("champion", "2")


@pytest.mark.logs_errors
def test_a_version_that_does_not_load_leaves_the_old_one(caplog: pytest.LogCaptureFixture) -> None:
    world = World(wanted="2", broken={"2": ModelCorrupt("a hash does not hold")})
    follower = world.follower()
    assert not follower.look()
    assert world.answering == "1"
    assert follower.state == FollowState("champion", "2", "model_corrupt")
    assert (follower.state.known, follower.state.behind) == (True, True)
    [record] = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert record.getMessage() == ("deepfake/2 cannot take over: a hash does not hold; version 1 goes on answering")
    world.wanted = "1"
    follower.look()
    assert follower.state == FollowState("champion", "1")


@pytest.mark.logs_errors
def test_a_version_that_failed_is_left_alone_for_a_while_unless_somebody_asks() -> None:
    world = World(wanted="2", broken={"2": ModelCorrupt("not copied yet")})
    follower = world.follower()
    follower.look()
    follower.look()
    assert world.loads == ["2"]
    follower.look(insist=True)
    assert world.loads == ["2"] * 2
    world.now_s += RETRY_S
    world.broken.clear()
    assert follower.look()
    assert world.answering == "2"
    assert follower.state.error is None


@pytest.mark.logs_errors
def test_a_version_with_a_bug_leaves_the_old_one_and_a_trace(caplog: pytest.LogCaptureFixture) -> None:
    world = World(wanted="2", broken={"2": ZeroDivisionError("bug")})
    follower = world.follower()
    follower.look()
    assert follower.state.error == "internal"
    assert caplog.records[-1].exc_info
    assert world.answering == "1"


@pytest.mark.logs_errors
def test_aliases_that_cannot_be_read_are_complained_of_once(caplog: pytest.LogCaptureFixture) -> None:
    world = World(unreadable=ModelNotFound("no version is champion"))
    follower = world.follower()
    for _ in range(3):
        follower.look()
    assert len(caplog.records) == 1
    assert follower.state == FollowState("champion", None, "model_not_found")
    assert (follower.state.known, follower.state.behind) == (False, False)
    world.unreadable = None
    follower.look()
    assert follower.state == FollowState("champion", "1")


def test_an_analysis_ends_on_the_model_it_began_with(tmp_path: Path) -> None:
    clip = tmp_path / "clip"
    clip.write_bytes(b"video")
    gate = threading.Event()
    slow = FakeAnalyzer(make_report(model=ModelIdentity("deepfake", "1", "00")), hold=gate)
    live = LiveModel(loaded("1", slow))
    answers = list[str]()

    def analyse() -> None:
        answers.append(live.analyze(clip, AnalysisOptions()).model.version)

    running = threading.Thread(target=analyse)
    running.start()
    assert slow.started.acquire(timeout=PATIENCE_S)
    live.switch(loaded("2"))
    analyse()
    gate.set()
    running.join(PATIENCE_S)
    assert answers == ["2", "1"]


def _until(condition: Callable[[], bool]) -> None:
    for _ in range(PATIENCE_S * 100):
        if condition():
            return
        threading.Event().wait(0.01)
    pytest.fail("it did not come to be")


def test_the_thread_looks_by_itself_and_when_it_is_nudged_and_ends() -> None:
    world = World()
    for poll_s, nudge in ((0.01, False), (3600.0, True)):
        follower = world.follower(poll_s)
        follower.start()
        world.wanted = "2" if world.answering == "1" else "1"
        if nudge:
            follower.nudge()
        _until(lambda: world.answering == world.wanted)
        follower.stop()
        follower.stop()
