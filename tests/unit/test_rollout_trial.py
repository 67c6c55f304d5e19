"""Who answers during a rollout, what is noted of it, and that the caller never pays for the challenger."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from tests.api_client import FakeAnalyzer
from tests.fakes import FakeBackend, make_manifest, make_report
from tests.live_service import until
from tests.rollout_traffic import make_rollout

from dfd.challenge.observation import Arm, Observation
from dfd.challenge.policy import RolloutPolicy
from dfd.challenge.rollout import Mode, Rollout
from dfd.errors import BackendUnavailable, InvalidParameter, JobStoreUnavailable, UnreadableVideo
from dfd.pipeline import AnalysisOptions, Progress
from dfd.report import Report
from dfd.rollout.asides import Recorder, SideScorer
from dfd.rollout.live import LiveModel, LoadedModel
from dfd.rollout.trial import SideTask, Trial
from dfd.types import Verdict

OPTIONS = AnalysisOptions()


def report_of(version: str) -> Report:
    report = make_report(timings_ms={"crop": 10.0, "score": 30.0, "detect": 500.0})
    return replace(report, model=replace(report.model, version=version))


def loaded(version: str, analyzer: FakeAnalyzer | None = None) -> LoadedModel:
    return LoadedModel(analyzer or FakeAnalyzer(report_of(version)), FakeBackend(), make_manifest(version=version))


@dataclass
class World:
    """A champion, a challenger, and what was noted and put aside."""

    rollout: Rollout = field(default_factory=make_rollout)
    champion: FakeAnalyzer = field(default_factory=lambda: FakeAnalyzer(report_of("1")))
    challenger: FakeAnalyzer = field(default_factory=lambda: FakeAnalyzer(report_of("2")))
    noted: list[Observation] = field(default_factory=list)
    asides: list[SideTask] = field(default_factory=list)

    def offer(self, path: Path, options: AnalysisOptions, task: SideTask) -> None:
        assert path.exists()
        self.asides.append(task)

    def live(self) -> LiveModel:
        live = LiveModel(loaded("1", self.champion))
        trial = Trial(self.rollout, loaded("2", self.challenger), self.noted.append, self, lambda: 77.0)
        live.route(trial)
        return live

    def summary(self) -> list[tuple[Arm, bool, str | None]]:
        return [(each.arm, each.answered, each.error) for each in self.noted]


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """A file that the champion answers in the canary, and one that the challenger does."""
    found: dict[Arm, Path] = {}
    live = World().live()
    for number in range(50):
        path = tmp_path / f"{number}.mp4"
        path.write_bytes(str(number).encode())
        version = live.analyze(path, OPTIONS).model.version
        found.setdefault(Arm.CHAMPION if version == "1" else Arm.CHALLENGER, path)
    return found[Arm.CHAMPION], found[Arm.CHALLENGER]


def test_in_a_canary_the_hash_decides_and_the_other_scores_aside(files: tuple[Path, Path]) -> None:
    world = World()
    live = world.live()
    for _ in range(2):
        assert [live.analyze(path, OPTIONS).model.version for path in files] == ["1", "2"]
    assert world.summary() == [(Arm.CHAMPION, True, None), (Arm.CHALLENGER, True, None)] * 2
    assert {(task.arm, task.model.manifest.version) for task in world.asides} == {(Arm.CHAMPION, "1")}
    [first, second] = world.noted[:2]
    assert (second.verdict, second.score, second.latency_ms, second.at_s) == (Verdict.FAKE, 0.9, 10.0, 77.0)
    assert [live.identity_for(each.input_sha256).version for each in (first, second)] == ["1", "2"]


def test_pairs_can_be_turned_off(files: tuple[Path, Path]) -> None:
    world = World(make_rollout(policy=RolloutPolicy(pairs=False)))
    world.live().analyze(files[1], OPTIONS)
    assert world.asides == []


def test_in_a_shadow_the_champion_answers_and_the_challenger_scores_its_share_aside(files: tuple[Path, Path]) -> None:
    world = World(make_rollout(mode=Mode.SHADOW))
    live = world.live()
    assert [live.analyze(path, OPTIONS).model.version for path in files] == ["1", "1"]
    assert world.summary() == [(Arm.CHAMPION, True, None)] * 2
    [task] = world.asides
    assert (task.arm, task.model.manifest.version, task.input_sha256) == (
        Arm.CHALLENGER,
        "2",
        world.noted[1].input_sha256,
    )
    assert live.identity_for(task.input_sha256).version == "1"


def test_both_models_of_a_trial_may_answer_and_one_that_left_may_not() -> None:
    live = World().live()
    assert [model.manifest.version for model in live.answering] == ["1", "2"]
    live.route(None)
    assert [model.manifest.version for model in live.answering] == ["1"]
    live.switch(loaded("3"))
    assert [model.manifest.version for model in live.answering] == ["3"]


def test_another_champion_is_left_in_peace(files: tuple[Path, Path]) -> None:
    world = World(make_rollout(champion="7"))
    assert [world.live().analyze(path, OPTIONS).model.version for path in files] == ["1", "1"]
    assert (world.noted, world.asides) == ([], [])


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (BackendUnavailable("away"), "backend_unavailable"),
        (InvalidParameter("no such operating point"), "invalid_parameter"),
        (RuntimeError("a bug"), "internal"),
    ],
)
def test_what_the_challenger_raises_is_answered_by_the_champion(
    files: tuple[Path, Path], error: Exception, code: str
) -> None:
    world = World(challenger=FakeAnalyzer(error=error))
    assert world.live().analyze(files[1], OPTIONS).model.version == "1"
    assert world.summary() == [(Arm.CHALLENGER, True, code)]
    assert world.noted[0].score is None
    assert world.asides == []


def test_what_the_champion_raises_counts_and_comes_out(files: tuple[Path, Path]) -> None:
    world = World(champion=FakeAnalyzer(error=BackendUnavailable("away")))
    with pytest.raises(BackendUnavailable):
        world.live().analyze(files[0], OPTIONS)
    assert world.summary() == [(Arm.CHAMPION, True, "backend_unavailable")]


@pytest.mark.parametrize("number", [0, 1])
def test_a_file_at_fault_counts_against_nobody(files: tuple[Path, Path], number: int) -> None:
    broken = FakeAnalyzer(error=UnreadableVideo("damaged"))
    world = World(champion=broken, challenger=broken)
    with pytest.raises(UnreadableVideo):
        world.live().analyze(files[number], OPTIONS)
    assert (world.noted, len(broken.paths)) == ([], 1)


@pytest.mark.parametrize("number", [0, 1])
def test_a_caller_who_leaves_counts_against_nobody(files: tuple[Path, Path], number: int) -> None:
    class Left(Exception):
        pass

    def leave(_progress: Progress) -> None:
        raise Left

    never = threading.Event()
    world = World(champion=FakeAnalyzer(hold=never), challenger=FakeAnalyzer(hold=never))
    with pytest.raises(Left):
        world.live().analyze(files[number], OPTIONS, leave)
    assert world.noted == []


def test_a_file_that_cannot_be_read_is_left_to_the_champion(tmp_path: Path) -> None:
    world = World(champion=FakeAnalyzer(error=lambda path: UnreadableVideo(f"{path.name} is no file")))
    with pytest.raises(FileNotFoundError):  # as the fake reads it
        world.live().analyze(tmp_path / "none.mp4", OPTIONS)
    assert world.noted == []


@dataclass
class Side:
    """A scorer of files aside, and what it noted."""

    noted: list[Observation] = field(default_factory=list)

    def scorer(self, most: int = 4) -> SideScorer:
        return SideScorer(self.noted.append, lambda: 88.0, most)


def task_of(analyzer: FakeAnalyzer) -> SideTask:
    return SideTask(make_rollout(), Arm.CHALLENGER, loaded("2", analyzer), "ab" * 32)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    (tmp_path / "clip.mp4").write_bytes(b"a video")
    return tmp_path / "clip.mp4"


def test_a_file_is_scored_aside_though_it_is_deleted_meanwhile(clip: Path) -> None:
    side, analyzer = Side(), FakeAnalyzer(report_of("2"))
    scorer = side.scorer()
    scorer.offer(clip, OPTIONS, task_of(analyzer))
    clip.unlink()
    scorer.start()
    until(lambda: len(side.noted) == 1)
    scorer.stop()
    assert analyzer.contents == [b"a video"]
    [noted] = side.noted
    assert (noted.arm, noted.answered, noted.score, noted.input_sha256) == (Arm.CHALLENGER, False, 0.9, "ab" * 32)


def test_what_is_scored_aside_is_no_analysis_that_somebody_asked_for(clip: Path) -> None:
    side, asked, plain = Side(), FakeAnalyzer(report_of("2")), FakeAnalyzer(report_of("2"))
    scorer = side.scorer()
    task = task_of(asked)
    scorer.offer(clip, OPTIONS, replace(task, model=replace(task.model, aside=plain)))
    scorer.start()
    until(lambda: len(side.noted) == 1)
    scorer.stop()
    assert (asked.paths, len(plain.paths)) == ([], 1)


def test_what_finds_no_place_is_dropped_and_counted_and_nobody_waits(clip: Path) -> None:
    side, hold = Side(), threading.Event()
    analyzer = FakeAnalyzer(report_of("2"), hold=hold)
    scorer = side.scorer(most=2)
    scorer.start()
    scorer.offer(clip, OPTIONS, task_of(analyzer))
    assert analyzer.started.acquire(timeout=20)
    for _ in range(5):
        scorer.offer(clip, OPTIONS, task_of(analyzer))
    scorer.offer(clip.with_name("gone.mp4"), OPTIONS, task_of(analyzer))
    assert scorer.dropped == 4
    hold.set()
    until(lambda: len(side.noted) == 3)
    scorer.stop()


def test_whatever_fails_aside_counts_and_the_next_file_goes_on(clip: Path) -> None:
    side = Side()
    scorer = side.scorer()
    for error in (RuntimeError("a bug"), UnreadableVideo("damaged"), BackendUnavailable("away"), None):
        scorer.offer(clip, OPTIONS, task_of(FakeAnalyzer(report_of("2"), error=error)))
    scorer.start()
    until(lambda: len(side.noted) == 3)
    scorer.stop()
    assert [each.error for each in side.noted] == ["internal", "backend_unavailable", None]


def test_a_scorer_that_is_stopped_leaves_its_file_at_the_next_frame(clip: Path) -> None:
    side, analyzer = Side(), FakeAnalyzer(report_of("2"), hold=threading.Event())
    scorer = side.scorer()
    scorer.start()
    for _ in range(3):
        scorer.offer(clip, OPTIONS, task_of(analyzer))
    assert analyzer.started.acquire(timeout=20)
    scorer.stop()
    assert (side.noted, len(analyzer.paths)) == ([], 1)


def observation(number: int) -> Observation:
    return Observation("r1", f"{number:064x}", Arm.CHAMPION, True, 1.0)


@dataclass
class Table:
    """Where observations are written, which may be away for some attempts."""

    away: int = 0
    error: Callable[[], Exception] = lambda: JobStoreUnavailable("away")
    rows: list[Observation] = field(default_factory=list)

    def write(self, observations: object) -> None:
        if self.away:
            self.away -= 1
            raise self.error()
        assert isinstance(observations, list)
        self.rows += observations


def test_observations_wait_while_the_database_is_away_and_all_come_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dfd.rollout.asides._RETRY_S", 0.01)
    table, written = Table(away=3), threading.Event()
    recorder = Recorder(table.write, written.set)
    all_of_them = [observation(number) for number in range(450)]
    for each in all_of_them:
        recorder(each)
    recorder.start()
    until(lambda: len(table.rows) == len(all_of_them))
    recorder.stop()
    assert table.rows == all_of_them
    assert written.is_set()
    assert recorder.dropped == 0


def test_a_recorder_does_not_wait_for_a_database_that_stays_away() -> None:
    table = Table(away=1_000_000)
    recorder = Recorder(table.write, lambda: None)
    recorder(observation(1))
    recorder.start()
    until(lambda: table.away < 1_000_000)
    recorder.stop()
    assert table.rows == []


def test_more_observations_than_may_wait_are_dropped_and_counted() -> None:
    recorder = Recorder(Table().write, lambda: None, most=3)
    for number in range(5):
        recorder(observation(number))
    assert recorder.dropped == 2


@pytest.mark.logs_errors
def test_a_batch_that_cannot_be_written_is_lost_alone() -> None:
    table = Table(away=1, error=lambda: ValueError("a bug"))
    recorder = Recorder(table.write, lambda: None)
    recorder.start()
    recorder(observation(1))
    until(lambda: table.away == 0)
    recorder(observation(2))
    recorder.stop()
    assert table.rows == [observation(2)]
