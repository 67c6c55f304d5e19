"""The use case of jobs over fakes: accepting, working, cancelling, sweeping, and what faults leave behind."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from tests.access_fakes import FakeAuditLog
from tests.api_client import PATIENCE_S, FakeAnalyzer
from tests.fakes import FakeJobStore, FakeNotifier, FakeQueue, FakeRolloutStore, FakeStorage, make_report
from tests.live_service import until
from tests.rollout_traffic import STARTED, make_rollout

from dfd.access.trail import AuditTrail
from dfd.audit import Action
from dfd.challenge.observation import Arm, Observation
from dfd.challenge.rollout import RolloutState
from dfd.errors import (
    BackendUnavailable,
    IdempotencyConflict,
    InvalidParameter,
    JobConflict,
    JobEnded,
    JobNotFound,
    JobStoreUnavailable,
    QueueFull,
    ReportNotReady,
    StorageFull,
    StorageUnavailable,
    UnreadableVideo,
)
from dfd.job import TIMED_OUT, Job, JobFailure, JobState, Retry
from dfd.jobs.callbacks import CallbackDesk
from dfd.jobs.crew import Crew
from dfd.jobs.deliverer import Deliverer
from dfd.jobs.desk import JobDesk
from dfd.jobs.options import options_from_dict, options_to_dict, result_key
from dfd.jobs.policy import DeliveryPolicy, JobPolicy
from dfd.jobs.request import JobRequest, ReceivedFile
from dfd.jobs.sweeper import Sweeper, TablesBeside
from dfd.jobs.worker import Worker
from dfd.pipeline import AnalysisOptions, Progress
from dfd.ports import JobFilter
from dfd.quality import QualityLimits
from dfd.queues.embedded import EmbeddedQueue
from dfd.report import Origin, Report
from dfd.reporting import report_to_dict
from dfd.types import Verdict

QUICK = JobPolicy(lease_s=30.0, heartbeat_s=0.01, poll_s=0.01, sweep_s=0.01, retry=Retry(2, 0.0))
REQUEST = JobRequest(AnalysisOptions())


@dataclass
class House:
    """Everything around the table of jobs, with a clock that stands still unless told."""

    policy: JobPolicy = QUICK
    now_s: float = 1000.0
    store: FakeJobStore = field(default_factory=FakeJobStore)
    storage: FakeStorage = field(default_factory=FakeStorage)
    queue: FakeQueue = field(default_factory=FakeQueue)
    analyzer: FakeAnalyzer = field(default_factory=FakeAnalyzer)
    notifier: FakeNotifier | None = field(default_factory=FakeNotifier)
    delivery_policy: DeliveryPolicy = field(default_factory=DeliveryPolicy)
    stop: threading.Event = field(default_factory=threading.Event)
    origin: Origin = field(default_factory=lambda: Origin("1", {"face_detector": "blazeface"}))

    def clock(self) -> float:
        return self.now_s

    @property
    def desk(self) -> JobDesk:
        model = make_report().model
        return JobDesk(
            self.store, self.storage, self.queue, lambda _sha256: model, self.origin, self.policy, self.clock
        )

    def worker(self, analyze: Callable[..., Report] | None = None) -> Worker:
        return Worker(
            "w", self.store, self.storage, analyze or self.analyzer.analyze, report_to_dict, self.policy, self.clock
        )

    @property
    def sweeper(self) -> Sweeper:
        return Sweeper(self.store, self.storage, self.queue, self.policy, self.clock)

    @property
    def callbacks(self) -> CallbackDesk:
        return CallbackDesk(self.store.deliveries(), self.desk, self.notifier, self.clock)

    @property
    def deliverer(self) -> Deliverer:
        assert self.notifier is not None
        deliveries = self.store.deliveries()
        return Deliverer(deliveries, self.notifier, self.delivery_policy, self.clock, lambda: 0.5)

    def job(self, job_id: str) -> Job:
        return self.desk.get(job_id)


@pytest.fixture
def file(tmp_path: Path) -> ReceivedFile:
    return received(tmp_path, b"video")


@pytest.fixture
def house() -> House:
    return House()


def received(folder: Path, content: bytes, sha256: str = "c0" * 32) -> ReceivedFile:
    path = folder / f"received-{sha256[:4]}"
    path.write_bytes(content)
    return ReceivedFile(path, sha256, len(content))


# --- accepting ----------------------------------------------------------------------------------------------------


def test_a_file_becomes_a_job_that_waits(house: House, file: ReceivedFile) -> None:
    [job] = house.desk.submit([file], replace(REQUEST, external_id="7", callback_url="https://a.example/", priority=2))
    assert (job.state, job.external_id, job.callback_url, job.priority) == (
        JobState.QUEUED,
        "7",
        "https://a.example/",
        2,
    )
    assert house.storage.objects == {f"uploads/{job.job_id}": b"video"}
    assert house.queue.announced == [job.job_id]
    assert house.desk.queue_position(job) == 1
    with pytest.raises(ReportNotReady):
        house.desk.report(job.job_id)


def test_several_files_are_accepted_together(house: House, tmp_path: Path) -> None:
    files = [received(tmp_path, b"a", "aa" * 32), received(tmp_path, b"b", "bb" * 32)]
    jobs = house.desk.submit(files, REQUEST)
    assert [job.input_sha256[:2] for job in jobs] == ["aa", "bb"]
    assert [house.desk.queue_position(job) for job in jobs] == [1, 2]


def test_options_survive_being_kept() -> None:
    options = AnalysisOptions(fps=3.5, threshold=0.25, no_face_fallback=True, quality=QualityLimits(min_sharpness=0.1))
    assert options_from_dict(json.loads(json.dumps(options_to_dict(options)))) == options


def test_a_known_answer_holds_whichever_backend_scored_for_the_model() -> None:
    model, said = make_report().model, make_report().provenance
    key = result_key("ab", model, said)
    assert key == result_key("ab", replace(model, backends=("oip",)), said)
    assert key == result_key("ab", model, replace(said, sampled_pts_s=()))
    assert key != result_key("ab", replace(model, version="9"), said)
    assert key != result_key("ab", model, replace(said, dfd_version="9"))


def test_a_report_of_another_detector_is_no_answer(file: ReceivedFile) -> None:
    house = House()
    house.desk.submit([file], REQUEST)
    assert house.worker().run_one(house.stop)
    house.origin = Origin("1", {"face_detector": "haar"})
    assert house.desk.submit([file], REQUEST)[0].state is JobState.QUEUED


def test_a_known_file_is_answered_at_once(house: House, file: ReceivedFile) -> None:
    [first] = house.desk.submit([file], REQUEST)
    assert house.worker().run_one(house.stop)
    [second] = house.desk.submit([file], REQUEST)
    assert (second.state, second.answered_from) == (JobState.SUCCEEDED, first.job_id)
    assert house.desk.report(second.job_id) == house.desk.report(first.job_id)
    assert f"uploads/{second.job_id}" not in house.storage.objects
    [third] = house.desk.submit([file], REQUEST)
    assert third.answered_from == first.job_id
    assert len(house.analyzer.paths) == 1


@pytest.mark.parametrize(
    "request_",
    [replace(REQUEST, force=True), JobRequest(AnalysisOptions(fps=1.0))],
    ids=["forced", "other options"],
)
def test_another_question_is_analysed(house: House, file: ReceivedFile, request_: JobRequest) -> None:
    house.desk.submit([file], REQUEST)
    house.worker().run_one(house.stop)
    [job] = house.desk.submit([file], request_)
    assert job.state is JobState.QUEUED


def test_a_key_gives_the_same_jobs_and_keeps_one_file(house: House, file: ReceivedFile) -> None:
    keyed = replace(REQUEST, key="k")
    first = house.desk.submit([file], keyed)
    assert house.desk.submit([file], keyed) == first
    assert len(house.storage.objects) == 1


def test_a_key_for_something_else_is_a_conflict(house: House, file: ReceivedFile, tmp_path: Path) -> None:
    keyed = replace(REQUEST, key="k")
    house.desk.submit([file], keyed)
    other = received(tmp_path, b"other", "dd" * 32)
    for files, request in (([other], keyed), ([file, other], keyed), ([file], replace(keyed, priority=1))):
        with pytest.raises(IdempotencyConflict):
            house.desk.submit(files, request)
    assert len(house.storage.objects) == 1


def test_who_loses_a_race_for_a_key_leaves_no_file(house: House, file: ReceivedFile) -> None:
    """Two requests with one key at the same time: the second finds out only when it writes its rows."""

    class Late(FakeJobStore):
        is_blind = False

        def of_submission(self, tenant: str, key: str) -> list[Job]:
            if self.is_blind:
                self.is_blind = False
                return []
            return super().of_submission(tenant, key)

    keyed = replace(REQUEST, key="k")
    house.store = late = Late()
    first = house.desk.submit([file], keyed)
    late.is_blind = True
    assert house.desk.submit([file], keyed) == first
    assert list(house.storage.objects) == [f"uploads/{first[0].job_id}"]


def test_a_full_queue_refuses_and_says_when_to_come_back(house: House, file: ReceivedFile) -> None:
    house.policy = replace(QUICK, max_queued=2, retry_after_s=7)
    house.desk.submit([file], REQUEST)
    with pytest.raises(QueueFull) as caught:
        house.desk.submit([file, file], REQUEST)
    assert caught.value.retry_after_s == 7
    house.desk.submit([file], REQUEST)
    with pytest.raises(QueueFull):
        house.desk.check_room()
    assert len(house.storage.objects) == 2


def test_no_file_is_left_when_the_table_is_away(house: House, file: ReceivedFile) -> None:
    class Away(FakeJobStore):
        def add(self, jobs: Any, reports: Any = None) -> list[Job]:
            raise JobStoreUnavailable("away")

    house.store = Away()
    with pytest.raises(JobStoreUnavailable):
        house.desk.submit([file], REQUEST)
    assert house.storage.objects == {}


def test_a_job_whose_acceptance_was_not_heard_of_keeps_its_file(house: House, file: ReceivedFile) -> None:
    class Lost(FakeJobStore):
        def add(self, jobs: Any, reports: Any = None) -> list[Job]:
            super().add(jobs, reports)
            raise JobStoreUnavailable("the connection broke after the rows were written")

    house.store = Lost()
    with pytest.raises(JobStoreUnavailable):
        house.desk.submit([file], REQUEST)
    [job] = house.store.page(JobFilter(), 9)
    assert [*house.storage.objects] == [job.input_key]


def test_where_nobody_can_tell_the_file_is_left_for_the_sweeper(house: House, file: ReceivedFile) -> None:
    class Gone(FakeJobStore):
        def add(self, jobs: Any, reports: Any = None) -> list[Job]:
            raise JobStoreUnavailable("away")

        def get(self, job_id: str) -> Job | None:
            raise JobStoreUnavailable("away")

    house.store = Gone()
    with pytest.raises(JobStoreUnavailable):
        house.desk.submit([file], REQUEST)
    assert len(house.storage.objects) == 1


def test_no_file_is_left_when_the_storage_fills_up(house: House, file: ReceivedFile) -> None:
    class Small(FakeStorage):
        def put(self, key: str, source: Any) -> None:
            if self.objects:
                raise StorageFull("no room")
            super().put(key, source)

    house.storage = Small()
    with pytest.raises(StorageFull):
        house.desk.submit([file, file], REQUEST)
    assert house.storage.objects == {}
    assert house.store.page(JobFilter(), 9) == []


def test_a_priority_out_of_range_is_refused() -> None:
    with pytest.raises(InvalidParameter):
        JobRequest(AnalysisOptions(), priority=101)


def test_pages_tell_where_the_next_begins(house: House, file: ReceivedFile) -> None:
    jobs = house.desk.submit([file] * 3, REQUEST)
    page, following = house.desk.page(JobFilter(), 2)
    assert page == [jobs[2], jobs[1]]
    assert house.desk.page(JobFilter(), 2, following) == ([jobs[0]], None)


# --- working ------------------------------------------------------------------------------------------------------


def test_a_worker_brings_a_job_to_its_end(house: House, file: ReceivedFile) -> None:
    options = AnalysisOptions(fps=1.5)
    [job] = house.desk.submit([file], JobRequest(options))
    assert house.worker().run_one(house.stop)
    ended = house.job(job.job_id)
    assert (ended.state, ended.verdict, ended.fake_probability) == (JobState.SUCCEEDED, "fake", 0.9)
    assert json.loads(house.desk.report(job.job_id))["verdict"] == "fake"
    assert house.analyzer.options == [options]
    assert house.analyzer.contents == [b"video"]
    assert not house.worker().run_one(house.stop)


def test_a_file_that_is_no_video_fails_at_once_and_names_no_path(house: House, file: ReceivedFile) -> None:
    house.analyzer.error = lambda path: UnreadableVideo(f"{path} is no video")
    [job] = house.desk.submit([file], REQUEST)
    house.worker().run_one(house.stop)
    ended = house.job(job.job_id)
    assert ended.state is JobState.FAILED and ended.failure is not None
    assert (ended.failure.code, ended.failure.message) == ("unreadable_video", "the upload is no video")
    assert ended.attempts == 1


def test_a_model_that_is_away_is_tried_again_and_then_given_up(house: House, file: ReceivedFile) -> None:
    house.analyzer.error = BackendUnavailable("secret host is away")
    [job] = house.desk.submit([file], REQUEST)
    house.worker().run_one(house.stop)
    assert house.job(job.job_id).state is JobState.QUEUED
    house.worker().run_one(house.stop)
    ended = house.job(job.job_id)
    assert ended.state is JobState.FAILED and ended.failure is not None
    assert ended.failure.code == "backend_unavailable"
    assert "secret host" not in ended.failure.message


@pytest.mark.logs_errors
def test_a_bug_is_logged_and_its_text_is_not_shown(house: House, file: ReceivedFile) -> None:
    house.analyzer.error = ZeroDivisionError("a secret")
    [job] = house.desk.submit([file], REQUEST)
    for _ in range(2):
        assert house.worker().run_one(house.stop)
    ended = house.job(job.job_id)
    assert ended.state is JobState.FAILED and ended.failure is not None
    assert ended.failure.code == "internal" and "secret" not in ended.failure.message


def test_a_lost_file_is_tried_again(house: House, file: ReceivedFile) -> None:
    [job] = house.desk.submit([file], REQUEST)
    house.storage.objects.clear()
    house.worker().run_one(house.stop)
    again = house.job(job.job_id)
    assert again.state is JobState.QUEUED and again.failure is not None
    assert again.failure.code == "storage_unavailable"


class Frames:
    """Analyses frame after frame until told to end, or for ever."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.finish = threading.Event()

    def analyze(self, path: Path, options: AnalysisOptions, progress: Callable[[Progress], None]) -> Report:
        done = 0
        while not self.finish.wait(0.005):
            done += 1
            progress(Progress(done, 1000))
            self.begun.set()
        return make_report()


@dataclass
class Working:
    """A worker at work in a thread of its own."""

    frames: Frames
    thread: threading.Thread

    def join(self) -> None:
        self.thread.join(20)
        assert not self.thread.is_alive()


def working(house: House) -> Working:
    frames = Frames()
    thread = threading.Thread(target=house.worker(frames.analyze).run_one, args=(house.stop,))
    thread.start()
    assert frames.begun.wait(20)
    return Working(frames, thread)


def test_progress_is_told_and_the_lease_renewed(house: House, file: ReceivedFile) -> None:
    [job] = house.desk.submit([file], REQUEST)
    at_work = working(house)
    house.now_s += 20
    until(lambda: house.job(job.job_id).lease_expires_at_s == house.now_s + QUICK.lease_s)
    until(lambda: house.job(job.job_id).done_frames > 2)
    assert house.job(job.job_id).total_frames == 1000
    at_work.frames.finish.set()
    at_work.join()
    ended, sampled = house.job(job.job_id), make_report().coverage.sampled_frames
    assert (ended.done_frames, ended.total_frames) == (sampled, sampled)


def test_a_running_job_is_cancelled(house: House, file: ReceivedFile) -> None:
    [job] = house.desk.submit([file], REQUEST)
    at_work = working(house)
    marked = house.desk.cancel(job.job_id)
    assert marked.cancel_requested
    at_work.join()
    assert house.desk.cancel(job.job_id).state is JobState.CANCELLED
    assert house.store.ends == {job.job_id: 1}


def test_a_worker_told_to_stop_gives_its_job_back(house: House, file: ReceivedFile) -> None:
    [job] = house.desk.submit([file], REQUEST)
    at_work = working(house)
    house.stop.set()
    at_work.join()
    back = house.job(job.job_id)
    assert (back.state, back.attempts) == (JobState.QUEUED, 0)


def test_a_worker_that_was_thought_dead_stops_and_writes_nothing(house: House, file: ReceivedFile) -> None:
    [job] = house.desk.submit([file], REQUEST)
    at_work = working(house)
    later_s = house.now_s + 1000
    house.store.change(job.job_id, lambda found: found.swept(later_s, QUICK.retry))
    at_work.join()
    house.now_s = later_s
    assert house.job(job.job_id).state is JobState.QUEUED
    assert house.worker().run_one(house.stop)
    assert house.store.ends == {job.job_id: 1}


def test_an_end_is_written_once_the_table_is_back(house: House, file: ReceivedFile) -> None:
    [job] = house.desk.submit([file], REQUEST)
    at_work = working(house)
    house.store.error = JobStoreUnavailable("locked")
    at_work.frames.finish.set()
    at_work.thread.join(0.1)
    house.store.error = None
    at_work.join()
    assert house.job(job.job_id).state is JobState.SUCCEEDED


# --- cancelling and sweeping --------------------------------------------------------------------------------------


def test_a_waiting_job_is_cancelled_at_once_and_again(house: House, file: ReceivedFile) -> None:
    [job] = house.desk.submit([file], REQUEST)
    for _ in range(2):
        assert house.desk.cancel(job.job_id).state is JobState.CANCELLED
    assert not house.worker().run_one(house.stop)


def test_what_has_ended_or_never_was_cannot_be_cancelled(house: House, file: ReceivedFile) -> None:
    [job] = house.desk.submit([file], REQUEST)
    house.worker().run_one(house.stop)
    with pytest.raises(JobEnded):
        house.desk.cancel(job.job_id)
    with pytest.raises(JobNotFound):
        house.desk.cancel("nobody")


class NoNulStore(FakeJobStore):
    """As PostgreSQL, does not even look for a text with NUL."""

    def get(self, job_id: str) -> Job | None:
        assert "\0" not in job_id
        return super().get(job_id)

    def change(self, job_id: str, transition: Callable[[Job], Job | None], report: str | None = None) -> Job | None:
        assert "\0" not in job_id
        return super().change(job_id, transition, report)


def test_an_id_with_nul_is_of_no_job() -> None:
    desk = House(store=NoNulStore()).desk
    for ask in (desk.get, desk.cancel, desk.report, desk.again, desk.forget):
        with pytest.raises(JobNotFound):
            ask("a\0b")


def test_the_sweeper_requeues_and_then_parks(house: House, file: ReceivedFile) -> None:
    [job] = house.desk.submit([file], REQUEST)
    for attempt in range(QUICK.retry.max_attempts):
        claimed = house.store.claim(lambda found: found.claimed("dies", house.now_s, 30.0), house.now_s)
        assert claimed is not None and claimed.attempts == attempt + 1
        house.now_s += 30
        house.queue.announced.clear()
        house.sweeper.sweep()
    ended = house.job(job.job_id)
    assert ended.state is JobState.FAILED and ended.failure is not None
    assert ended.failure.code == "worker_lost"
    assert house.queue.announced == []


def test_jobs_expire(house: House, file: ReceivedFile) -> None:
    house.policy = replace(QUICK, expiry_s=10.0)
    [job] = house.desk.submit([file], REQUEST)
    house.now_s += 10
    house.sweeper.sweep()
    assert house.job(job.job_id).state is JobState.EXPIRED


def test_nothing_is_kept_longer_than_promised(house: House, file: ReceivedFile) -> None:
    house.policy = replace(QUICK, retention_s=100.0)
    [job] = house.desk.submit([file], REQUEST)
    house.worker().run_one(house.stop)
    house.now_s += 99
    house.sweeper.sweep()
    assert house.storage.objects and house.desk.report(job.job_id)
    house.now_s += 1
    house.sweeper.sweep()
    assert house.storage.objects == {}
    with pytest.raises(JobNotFound):
        house.desk.get(job.job_id)


def test_with_zero_retention_the_upload_goes_with_the_verdict(house: House, file: ReceivedFile) -> None:
    house.policy = replace(QUICK, zero_retention=True)
    [job] = house.desk.submit([file], REQUEST)
    house.worker().run_one(house.stop)
    assert house.storage.objects == {}
    assert house.desk.report(job.job_id)
    [cancelled] = house.desk.submit([file], replace(REQUEST, force=True))
    house.desk.cancel(cancelled.job_id)
    house.sweeper.sweep()
    assert house.storage.objects == {}


def test_what_could_not_be_deleted_is_deleted_later(house: House, file: ReceivedFile) -> None:
    house.policy = replace(QUICK, zero_retention=True)
    house.desk.submit([file], REQUEST)

    def analyze(path: Path, *_: Any) -> Report:
        house.storage.error = StorageUnavailable("away")
        return make_report()

    house.worker(analyze).run_one(house.stop)
    with pytest.raises(StorageUnavailable):
        house.sweeper.sweep()
    assert house.storage.objects
    house.storage.error = None
    house.sweeper.sweep()
    assert house.storage.objects == {}


def test_only_old_files_without_a_job_are_orphans(house: House, file: ReceivedFile) -> None:
    house.storage.clock = house.clock
    [job] = house.desk.submit([file], REQUEST)
    house.storage.put("uploads/orphan", [b"x"])
    assert house.sweeper.delete_orphans() == 0
    house.now_s += QUICK.orphan_s
    house.storage.put("uploads/young", [b"x"])
    assert house.sweeper.delete_orphans() == 1
    assert set(house.storage.objects) == {f"uploads/{job.job_id}", "uploads/young"}


# --- a crew -------------------------------------------------------------------------------------------------------


def test_a_crew_works_until_it_is_stopped(house: House, tmp_path: Path) -> None:
    queue = EmbeddedQueue()
    crew = Crew([house.worker(), house.worker()], house.sweeper, queue, QUICK)
    crew.start()
    files = [received(tmp_path, b"x", f"{number:02x}" * 32) for number in range(20)]
    jobs = house.desk.submit(files, replace(REQUEST, force=True))
    until(lambda: all(house.job(job.job_id).ended for job in jobs))
    crew.stop()
    assert set(house.store.ends.values()) == {1}
    assert len(house.store.ends) == 20


@pytest.mark.parametrize(
    "error",
    [
        JobStoreUnavailable("away"),
        pytest.param(ZeroDivisionError("a bug of the table"), marks=pytest.mark.logs_errors),
    ],
    ids=["table away", "bug"],
)
def test_a_crew_outlives_what_its_table_raises(house: House, file: ReceivedFile, error: Exception) -> None:
    crew = Crew([house.worker()], house.sweeper, EmbeddedQueue(), QUICK)
    house.store.error = error
    crew.start()
    house.stop.wait(0.05)
    house.store.error = None
    [job] = house.desk.submit([file], REQUEST)
    until(lambda: house.job(job.job_id).ended)
    crew.stop()


@pytest.mark.parametrize(
    "wrong",
    [{"heartbeat_s": 20.0}, {"max_queued": 0}, {"expiry_s": 0.0}, {"poll_s": 0.0}, {"retention_s": -1.0}],
)
def test_rules_that_contradict_each_other_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must"):
        JobPolicy(**wrong)


def test_an_analysis_that_hangs_is_ended_while_it_hangs(house: House, file: ReceivedFile) -> None:
    house.policy = replace(QUICK, timeout_s=60.0)
    [job] = house.desk.submit([file], REQUEST)
    released = threading.Event()

    def hangs(*_anything: object) -> Report:
        house.now_s += 60.0
        assert released.wait(PATIENCE_S)
        return make_report()

    worker = threading.Thread(target=house.worker(hangs).run_one, args=(house.stop,))
    worker.start()
    until(lambda: house.job(job.job_id).ended)
    released.set()
    worker.join()
    ended = house.job(job.job_id)
    assert (ended.state, ended.attempts) == (JobState.FAILED, 1)
    assert ended.failure == JobFailure(TIMED_OUT, "the analysis took longer than 60 s")
    assert house.store.report(job.job_id) is None


# --- trying again by hand -----------------------------------------------------------------------------------------


def test_an_ended_job_is_begun_anew_as_another_one(house: House, file: ReceivedFile) -> None:
    [job] = house.desk.submit([file], replace(REQUEST, external_id="7", priority=2, key="k"))
    with pytest.raises(JobConflict):
        house.desk.again(job.job_id)
    house.desk.cancel(job.job_id)
    new = house.desk.again(job.job_id)
    assert (new.state, new.external_id, new.priority, new.submission) == (JobState.QUEUED, "7", 2, None)
    assert house.queue.announced[-1] == new.job_id
    assert house.worker().run_one(house.stop)
    assert house.job(new.job_id).state is JobState.SUCCEEDED
    assert house.job(job.job_id).state is JobState.CANCELLED
    house.store.change(job.job_id, Job.without_input)
    with pytest.raises(JobConflict, match="no longer kept"):
        house.desk.again(job.job_id)


def test_a_retry_that_fails_leaves_no_file(house: House, file: ReceivedFile, monkeypatch: pytest.MonkeyPatch) -> None:
    [job] = house.desk.submit([file], REQUEST)
    house.desk.cancel(job.job_id)

    def away(*_: object) -> list[Job]:
        raise JobStoreUnavailable("away")

    monkeypatch.setattr(house.store, "add", away)
    with pytest.raises(JobStoreUnavailable):
        house.desk.again(job.job_id)
    assert list(house.storage.objects) == [f"uploads/{job.job_id}"]


def test_without_a_model_no_file_is_known(house: House, file: ReceivedFile) -> None:
    house.desk.submit([file], REQUEST)
    house.worker().run_one(house.stop)
    desk = JobDesk(house.store, house.storage, house.queue, None, house.origin, house.policy, house.clock)
    assert desk.submit([file], REQUEST)[0].state is JobState.QUEUED


def test_a_job_of_a_dead_worker_is_begun_again_within_its_lease_and_ten_seconds(file: ReceivedFile) -> None:
    """By the times that hold where nobody sets any: a sweep comes last, then an idle worker looks last."""
    house = House(policy=JobPolicy())
    [job] = house.desk.submit([file], REQUEST)
    lease_s = house.policy.lease_s
    house.store.claim(lambda found: found.claimed("dies", house.now_s, lease_s), house.now_s)
    house.now_s += lease_s + house.policy.sweep_s
    house.sweeper.sweep()
    assert house.queue.announced[-1] == job.job_id
    assert house.worker().run_one(house.stop)
    assert house.job(job.job_id).state is JobState.SUCCEEDED
    assert house.policy.sweep_s + house.policy.poll_s <= 10.0


def test_observations_of_a_rollout_that_is_over_go_with_the_jobs_of_their_time(house: House) -> None:
    rollouts, rollout = FakeRolloutStore(), make_rollout()
    rollouts.start(rollout)
    rollouts.observe([Observation(rollout.rollout_id, "ab" * 32, Arm.CHAMPION, True, house.now_s, Verdict.FAKE, 0.9)])
    house.policy = replace(house.policy, retention_s=10.0)
    sweeper = Sweeper(
        house.store, house.storage, house.queue, house.policy, house.clock, TablesBeside(rollouts=rollouts)
    )
    house.now_s += 11.0
    sweeper.sweep()
    assert len(rollouts.observations(rollout.rollout_id)) == 1  # it still runs
    assert rollouts.change(rollout.rollout_id, lambda found: found.ended_as(RolloutState.STOPPED, STARTED)) is not None
    sweeper.sweep()
    assert rollouts.observations(rollout.rollout_id) == []


def test_entries_of_the_audit_log_are_kept_for_their_time_and_no_longer(house: House) -> None:
    log = FakeAuditLog()
    AuditTrail(log, house.clock).operator_did(Action.KEY_REVOKED, "k1")
    house.policy = replace(house.policy, audit_retention_s=10.0)
    sweeper = Sweeper(house.store, house.storage, house.queue, house.policy, house.clock, TablesBeside(audit=log))
    house.now_s += 10.0
    sweeper.sweep()
    assert len(log.entries) == 1
    house.now_s += 0.1
    sweeper.sweep()
    assert log.entries == []
