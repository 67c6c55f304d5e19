"""A batch whose files are spread over workers: over fakes, with a real crew where somebody works."""

import threading
import time
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NoReturn

import pytest
from tests.access_fakes import FakeAuditLog, FakeKeyStore
from tests.fakes import (
    FakeBackend,
    FakeDetector,
    FakeJobStore,
    FakeRolloutStore,
    FakeStorage,
    FakeVideoOpener,
    make_manifest,
)
from tests.feedback_fakes import FakeFeedbackStore, FakeTallyStore

from dfd.bootstrap import Parts
from dfd.bootstrap import jobs as bootstrap_jobs
from dfd.bootstrap.jobs import JobParts
from dfd.cli import batch_work
from dfd.cli.batch_sources import BatchItem, items_of
from dfd.cli.batch_work import Finished, analysed_by_workers, analysed_here
from dfd.cli.progress import progress_bar
from dfd.errors import (
    BackendUnavailable,
    ConfigurationError,
    DfdError,
    InputError,
    MediaNotFound,
    StorageUnavailable,
    Unavailable,
    UnreadableVideo,
    kind_of,
)
from dfd.job import Job, JobFailure, JobState
from dfd.jobs.policy import DeliveryPolicy, JobPolicy
from dfd.pipeline import Analyzer
from dfd.ports import JobFilter
from dfd.queues.embedded import EmbeddedQueue
from dfd.settings import load_settings

SOON = JobPolicy(poll_s=0.01, sweep_s=0.05)


@dataclass
class Table:
    """The shared table and storage, and how the batch is set."""

    folder: Path
    store: FakeJobStore = field(default_factory=FakeJobStore)
    storage: FakeStorage = field(default_factory=FakeStorage)
    policy: JobPolicy = SOON
    parts: Parts = field(
        default_factory=lambda: Parts(FakeVideoOpener(), FakeDetector(), FakeBackend(), make_manifest(), 1)
    )
    workers: int = 1

    def job_parts(self, _settings: object) -> JobParts:
        return JobParts(
            store=self.store,
            deliveries=self.store.deliveries(),
            feedback=FakeFeedbackStore(self.store),
            tallies=FakeTallyStore(),
            rollouts=FakeRolloutStore(),
            keys=FakeKeyStore(),
            audit=FakeAuditLog(),
            storage=self.storage,
            queue=EmbeddedQueue(),
            policy=self.policy,
            delivery_policy=DeliveryPolicy(),
        )

    def items(self, *names: str) -> list[BatchItem]:
        return items_of([str(self.folder / name) for name in names], load_settings())

    def run(self, items: list[BatchItem]) -> Generator[Finished, None, None]:
        settings = load_settings(job_workers=self.workers)
        with progress_bar(len(items), shown=False) as bar:
            yield from analysed_by_workers(items, self.parts, settings, bar)

    def jobs(self) -> list[Job]:
        return self.store.page(JobFilter(), 1000)


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Table:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(batch_work, "_LOOK_S", 0.005)
    made = Table(tmp_path)
    monkeypatch.setattr(bootstrap_jobs, "build_job_parts", made.job_parts)
    for name in "abc":
        (tmp_path / f"{name}.mp4").write_bytes(name.encode())
    return made


def by_name(found: list[Finished]) -> dict[str, Finished]:
    return {Path(one.item.path).stem: one for one in found}


def test_files_get_the_lines_that_they_would_get_here(table: Table) -> None:
    items = table.items("a.mp4", "b.mp4", "missing*")
    spread = by_name(list(table.run(items)))
    with progress_bar(3, shown=False) as bar:
        here = by_name(list(analysed_here(items, table.parts, load_settings(), bar, lambda: False)))
    assert list(here) == ["a", "b", "missing*"]
    for name, one in here.items():
        assert spread[name].outcome | {"timings_ms": None, "created_at": None} == one.outcome | {
            "timings_ms": None,
            "created_at": None,
        }
        assert type(spread[name].error) is type(one.error)
    assert {job.external_id for job in table.jobs()} == {str(table.folder / name) for name in ("a.mp4", "b.mp4")}


def test_a_file_that_was_analysed_before_is_answered_from_its_report(table: Table) -> None:
    table.parts = replace(table.parts, settings={"face_detector": "haar", "working_side_px": 640})
    [first], [again] = (list(table.run(table.items("a.mp4"))) for _ in range(2))
    answered, analysed = table.jobs()
    assert (analysed.answered_from, answered.answered_from) == (None, analysed.job_id)
    assert again.outcome == first.outcome


def test_what_does_not_open_here_is_not_handed_in(table: Table) -> None:
    class Broken(FakeVideoOpener):
        def open(self, path: Path) -> NoReturn:
            raise UnreadableVideo("no video")

    table.parts = replace(table.parts, opener=Broken())
    [found] = table.run(table.items("a.mp4"))
    assert isinstance(found.error, UnreadableVideo) and found.lasting
    assert table.jobs() == [] and table.storage.objects == {}


def test_what_workers_say_of_the_upload_is_said_of_the_file(table: Table) -> None:
    found = ended_by_hand(
        table, lambda job: job.failed(1, time.time(), JobFailure("unreadable_video", "the upload is damaged"))
    )
    assert isinstance(found.error, UnreadableVideo) and found.lasting
    assert found.outcome["error"] == {"code": "unreadable_video", "message": f"{table.folder / 'a.mp4'} is damaged"}


@pytest.mark.parametrize(
    ("transition", "kind", "code"),
    [
        (lambda job: job.failed(1, time.time(), JobFailure("worker_lost", "lost")), DfdError, "worker_lost"),
        (lambda job: job.failed(1, time.time(), JobFailure("backend_unavailable", "away")), BackendUnavailable, None),
        (lambda job: replace(job, state=JobState.CANCELLED), Unavailable, None),
        (lambda job: replace(job, state=JobState.EXPIRED), Unavailable, None),
    ],
    ids=["lost", "model away", "cancelled", "expired"],
)
def test_other_ends_are_tried_again_by_the_next_run(
    table: Table, transition: Callable[[Job], Job | None], kind: type[DfdError], code: str | None
) -> None:
    found = ended_by_hand(table, transition)
    assert type(found.error) is kind and not found.lasting
    assert found.outcome["error"]["code"] == (code or kind.code)


def ended_by_hand(table: Table, transition: Callable[[Job], Job | None]) -> Finished:
    """One file, whose job somebody else claims and ends."""
    table.workers = 0
    found: list[Finished] = []
    thread = threading.Thread(target=lambda: found.extend(table.run(table.items("a.mp4"))))
    thread.start()
    deadline_s = time.monotonic() + 20
    while table.store.claim(lambda job: job.claimed("other", time.time(), 30.0), time.time()) is None:
        assert time.monotonic() < deadline_s
        time.sleep(0.01)
    [job] = table.jobs()
    table.store.change(job.job_id, transition)
    thread.join(20)
    [one] = found
    return one


def test_another_model_of_a_worker_stops_the_batch(table: Table) -> None:
    mine = table.parts

    class Other(Parts):
        def analyzer(self) -> Analyzer:
            return replace(mine, manifest=make_manifest(version="7")).analyzer()

    table.parts = Other(mine.opener, mine.detector, mine.backend, mine.manifest, 1)
    with pytest.raises(ConfigurationError, match=r"deepfake/7.*asks for deepfake/1"):
        list(table.run(table.items("a.mp4")))


def test_leaving_early_cancels_the_rest(table: Table) -> None:
    table.workers = 0
    items = table.items("a.mp4", "missing*", "b.mp4", "c.mp4")
    with closing(table.run(items)) as found:
        assert isinstance(next(found).error, MediaNotFound)
    assert {job.state for job in table.jobs()} == {JobState.CANCELLED}


def test_a_full_queue_is_waited_for(table: Table) -> None:
    table.policy = replace(SOON, max_queued=1)
    found = list(table.run(table.items("a.mp4", "b.mp4", "c.mp4")))
    assert [one.error for one in found] == [None] * 3


def test_few_files_are_with_the_workers_at_a_time(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_work, "AT_ONCE", 1)
    for one in table.run(table.items("a.mp4", "b.mp4", "c.mp4")):
        assert one.error is None
        assert all(job.ended for job in table.jobs())


def test_a_storage_that_is_away_is_an_error_of_the_file(table: Table) -> None:
    table.storage.error = StorageUnavailable("away")
    [found] = table.run(table.items("a.mp4"))
    assert isinstance(found.error, StorageUnavailable) and not found.lasting


def test_every_stable_code_leads_back_to_its_class() -> None:
    assert kind_of("media_not_found") is MediaNotFound
    assert kind_of("unreadable_media") is InputError
    assert kind_of("worker_lost") is kind_of("internal") is DfdError
