"""Workers that are told to stop: which job is finished, which handed back, and that none is begun."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.fakes import make_report
from tests.live_service import until
from tests.unit.test_jobs import QUICK, REQUEST, House, received

from dfd.job import JobState
from dfd.jobs.crew import Crew
from dfd.pipeline import AnalysisOptions, Progress
from dfd.report import Report

FRAMES = 100
FRAME_S = 1.0


def analysis(house: House, told_at: int) -> Callable[..., Report]:
    """One of a hundred frames of a second each; the worker is told to stop at one of them."""

    def analyze(_path: Path, _options: AnalysisOptions, progress: Callable[[Progress], None]) -> Report:
        for done in range(1, FRAMES + 1):
            house.now_s += FRAME_S
            if done == told_at:
                house.stop.set()
            progress(Progress(done, FRAMES))
        return make_report()

    return analyze


@pytest.mark.parametrize(
    ("grace_s", "told_at", "state"),
    [
        (0.0, 1, JobState.QUEUED),
        (0.0, 99, JobState.QUEUED),
        (0.0, 100, JobState.SUCCEEDED),  # nothing is left but to write it down
        (10.0, 89, JobState.QUEUED),
        (10.0, 90, JobState.SUCCEEDED),
        (100.0, 1, JobState.SUCCEEDED),
    ],
)
def test_a_job_is_finished_only_where_its_end_is_within_the_grace(
    grace_s: float, told_at: int, state: JobState, tmp_path: Path
) -> None:
    house = House(replace(QUICK, lease_s=1e6, timeout_s=1e6, heartbeat_s=600.0, stop_grace_s=grace_s))
    [job] = house.desk.submit([received(tmp_path, b"video")], REQUEST)
    assert house.worker(analysis(house, told_at)).run_one(house.stop)
    found = house.job(job.job_id)
    assert found.state is state
    assert found.attempts == (1 if state is JobState.SUCCEEDED else 0)


def test_an_analysis_that_slows_down_is_handed_back_when_the_grace_is_over(tmp_path: Path) -> None:
    house = House(replace(QUICK, lease_s=1e6, timeout_s=1e6, heartbeat_s=600.0, stop_grace_s=20.0))
    [job] = house.desk.submit([received(tmp_path, b"video")], REQUEST)
    seen: list[int] = []

    def analyze(_path: Path, _options: AnalysisOptions, progress: Callable[[Progress], None]) -> Report:
        for done in range(1, FRAMES + 1):
            house.now_s += FRAME_S if done <= 90 else 5 * FRAME_S
            if done == 90:
                house.stop.set()
            seen.append(done)
            progress(Progress(done, FRAMES))
        raise AssertionError("it was to be broken off")

    assert house.worker(analyze).run_one(house.stop)
    assert house.job(job.job_id).state is JobState.QUEUED
    assert 90 < seen[-1] <= 94  # it could still hope at 90, and no longer after twenty seconds


def test_a_crew_that_is_asked_to_stop_begins_nothing_more(tmp_path: Path) -> None:
    house = House()
    crew = Crew([house.worker()], house.sweeper, house.queue, house.policy)
    crew.start()
    crew.ask_to_stop()
    until(lambda: not any(thread.is_alive() for thread in crew._threads))
    [job] = house.desk.submit([received(tmp_path, b"video")], REQUEST)
    crew.stop()
    assert house.job(job.job_id).state is JobState.QUEUED


def test_a_grace_is_not_negative() -> None:
    with pytest.raises(ValueError, match="positive"):
        replace(QUICK, stop_grace_s=-1.0)
