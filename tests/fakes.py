"""Fakes of the ports, and ready-made values, for tests that need neither a video, a detector nor a model.

A painted frame carries its number in its pixels, so a test can follow a frame through the whole pipeline: see
`numbered_image` and `image_number`.
"""

import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from dfd.caller import DEFAULT_TENANT
from dfd.challenge.observation import Arm, Observation
from dfd.challenge.rollout import Rollout
from dfd.delivery import Answer, Delivery, first_delivery
from dfd.errors import CallbackRefused, ModelConflict, StorageUnavailable
from dfd.feedback import Feedback
from dfd.job import Job, JobState
from dfd.jobs.options import options_to_dict
from dfd.manifest import Alignment, Calibration, Decision, InputContract, Layout, ModelManifest, Output
from dfd.media import AudioTrack, MediaFacts, Tag
from dfd.pipeline import AnalysisOptions
from dfd.ports import FaceDetector, JobFilter, JobQueue, JobStore, ModelBackend, Transition, VideoOpener, VideoSource
from dfd.ports.deliveries import DeliveryStore, DeliveryTransition, Errand, Notifier
from dfd.ports.observing import JobCensus
from dfd.ports.rollouts import RolloutStore, RolloutTransition
from dfd.ports.storage import ObjectStorage, StoredObject
from dfd.ports.usage import UsageMeter
from dfd.report import Coverage, Method, ModelIdentity, Provenance, Report
from dfd.types import (
    BoundingBox,
    FaceDetection,
    FaceQuality,
    FaceScore,
    FloatArray,
    Frame,
    ImageU8,
    TrackScore,
    Verdict,
    VideoInfo,
)

SHA256 = "5e" * 32
"""A well-formed hash of nothing in particular."""

GOOD_QUALITY = FaceQuality(face_side_px=120.0, brightness=0.5, sharpness=0.3, flatness=0.25)
"""A face that no quality limit could object to."""


def numbered_image(number: int, size: tuple[int, int] = (64, 48)) -> ImageU8:
    """A ``(height, width, 3)`` checkerboard, bright and sharp enough to trust, with `number` in every blue pixel.

    Args:
        number: what to write into the blue channel, modulo 256.
        size: ``(width, height)``.
    """
    width, height = size
    rows, columns = np.indices((height, width))
    image = np.empty((height, width, 3), np.uint8)
    image[..., :2] = np.where((rows // 2 + columns // 2) % 2, 230, 40)[..., None]
    image[..., 2] = number % 256
    return image


def image_number(image: ImageU8) -> int:
    """The number `numbered_image` wrote; it survives cropping and resizing, because the channel is flat."""
    return int(image[image.shape[0] // 2, image.shape[1] // 2, 2])


def make_video_info(**changes: Any) -> VideoInfo:
    """A three-second clip of 64x48 at 30 Hz, with `changes`."""
    info = VideoInfo(
        width_px=64,
        height_px=48,
        rotation_deg=0,
        frame_rate_hz=Fraction(30),
        frame_count=90,
        duration_s=3.0,
        codec="h264",
        container="mov,mp4,m4a,3gp,3g2,mj2",
    )
    return replace(info, **changes)


def make_media_facts(**changes: Any) -> MediaFacts:
    """What a telephone's clip with sound says of itself, with `changes`."""
    facts = MediaFacts(
        size_bytes=922_750,
        container_name="QuickTime / MOV",
        bit_rate_bps=1_476_400,
        video_bit_rate_bps=1_340_000,
        profile="High",
        codec_tag="avc1",
        pixel_format="yuv420p",
        audio_tracks=1,
        audio=(AudioTrack("aac", "LC", 48_000, 2, 128_000, "und"),),
        tags=(
            Tag("container", "creation_time", "2026-01-30T18:02:11.000000Z"),
            Tag("container", "com.apple.quicktime.make", "Apple"),
            Tag("video", "handler_name", "Core Media Video"),
        ),
    )
    return replace(facts, **changes)


@dataclass
class FakeVideoSource(VideoSource):
    """Paints one frame for each target time.

    Attributes:
        video: what `info` answers.
        paint: image of the n-th sampled frame at a time.
        paint_next: image that follows it; nothing follows where this is None or answers None.
        scale: `Frame.scale` of every frame.
        break_after: damage: iteration ends after so many frames, and `complete` turns False.
        fail_after: after so many frames `error` is raised.
        error: what is raised then.
    """

    video: VideoInfo
    paint: Callable[[int, float], ImageU8]
    paint_next: Callable[[int, float], ImageU8 | None] | None = None
    scale: float = 1.0
    break_after: int | None = None
    fail_after: int | None = None
    error: Exception | None = None
    closed: bool = False
    served: int = 0
    _complete: bool = True

    @property
    def info(self) -> VideoInfo:
        return self.video

    @property
    def facts(self) -> MediaFacts:
        return make_media_facts()

    def sample(self, times_s: Sequence[float], *, with_next: bool = False) -> Iterator[Frame]:
        for index, time_s in enumerate(times_s):
            if self.closed:
                raise RuntimeError("the video was closed while it was being read")
            if index == self.fail_after and self.error is not None:
                raise self.error
            if index == self.break_after:
                self._complete = False
                return
            self.served += 1
            following = self.paint_next(index, time_s) if with_next and self.paint_next is not None else None
            yield Frame(index, time_s, self.paint(index, time_s), self.scale, following)

    @property
    def complete(self) -> bool:
        return self._complete

    def close(self) -> None:
        self.closed = True


@dataclass
class FakeVideoOpener(VideoOpener):
    """Opens any path as one painted video; the sources it handed out are kept in `opened`.

    Attributes:
        video: what every source says of itself.
        paint: image of the n-th sampled frame; by default `numbered_image`, as large as `video` says.
        paint_next: see `FakeVideoSource`.
        scale: `Frame.scale` of every frame.
        open_error: raised by `open`.
        break_after: see `FakeVideoSource`.
        fail_after: see `FakeVideoSource`.
        error: see `FakeVideoSource`.
    """

    video: VideoInfo = field(default_factory=make_video_info)
    paint: Callable[[int, float], ImageU8] | None = None
    paint_next: Callable[[int, float], ImageU8 | None] | None = None
    scale: float = 1.0
    open_error: Exception | None = None
    break_after: int | None = None
    fail_after: int | None = None
    error: Exception | None = None
    opened: list[FakeVideoSource] = field(default_factory=list)

    def open(self, path: Path) -> FakeVideoSource:
        if self.open_error is not None:
            raise self.open_error
        source = FakeVideoSource(
            video=self.video,
            paint=self.paint or self._paint_number,
            paint_next=self.paint_next,
            scale=self.scale,
            break_after=self.break_after,
            fail_after=self.fail_after,
            error=self.error,
        )
        self.opened.append(source)
        return source

    def _paint_number(self, index: int, time_s: float) -> ImageU8:
        return numbered_image(index, (self.video.width_px, self.video.height_px))


def make_detection(
    x1_px: float = 16, y1_px: float = 8, side_px: float = 32, score: float = 0.9, landmarks_px: FloatArray | None = None
) -> FaceDetection:
    """A square face."""
    return FaceDetection(BoundingBox(x1_px, y1_px, x1_px + side_px, y1_px + side_px), score, landmarks_px)


@dataclass
class FakeDetector(FaceDetector):
    """Finds the same faces in every image, or what a function of the image says.

    Attributes:
        faces: the detections, or a function from the image to them.
        error: raised instead.
    """

    faces: Sequence[FaceDetection] | Callable[[ImageU8], Sequence[FaceDetection]] = (make_detection(),)
    error: Exception | None = None

    def detect(self, image: ImageU8) -> list[FaceDetection]:
        if self.error is not None:
            raise self.error
        found = self.faces(image) if callable(self.faces) else self.faces
        return sorted(found, key=lambda detection: -detection.score)


@dataclass
class FakeBackend(ModelBackend):
    """Answers the same logit for every crop, or what a function of one crop says.

    Attributes:
        logit: the logit, or a function from one crop (``(S, S, 3)`` or ``(3, S, S)`` float32) to it.
        is_ready: what `ready` answers.
        error: raised by `predict` instead.
        batch_sizes: size of every batch it was given.
        name: what it calls itself.
    """

    logit: float | Callable[[FloatArray], float] = 2.0
    is_ready: bool = True
    error: Exception | None = None
    batch_sizes: list[int] = field(default_factory=list)
    name: str = "fake"
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def predict(self, batch: FloatArray) -> FloatArray:
        if self.error is not None:
            raise self.error
        with self._lock:
            self.batch_sizes.append(len(batch))
        logit = self.logit
        return np.array([logit(crop) if callable(logit) else logit for crop in batch], np.float32)

    def ready(self) -> bool:
        return self.is_ready


def make_manifest(**changes: Any) -> ModelManifest:
    """The manifest of a classic 64x64 model, with `changes`."""
    manifest = ModelManifest(
        name="deepfake",
        version="1",
        architecture="fake",
        files={"model.onnx": SHA256},
        weights_file="model.onnx",
        input=InputContract(
            size_px=64, layout=Layout.NHWC, value_min=0.0, value_max=1.0, crop_margin=0.2, alignment=Alignment.NONE
        ),
        output=Output.FAKE_LOGIT,
        calibration=Calibration(),
        decision=Decision(threshold=0.5, inconclusive_margin=0.05),
        max_batch=32,
        training_data="none",
        licence="Apache-2.0",
    )
    return replace(manifest, **changes)


def make_face_score(**changes: Any) -> FaceScore:
    """A well-lit, sharp face of track 0 at the first frame, called fake with 0.9, with `changes`."""
    score = FaceScore(
        track_id=0,
        frame_index=0,
        pts_s=0.0,
        box=BoundingBox(100.0, 50.0, 220.0, 170.0),
        fake_probability=0.9,
        quality=GOOD_QUALITY,
        fake_logit=2.2,
    )
    return replace(score, **changes)


def make_report(**changes: Any) -> Report:
    """A *fake* verdict on two seconds of 640x360 with one face track of four samples, with `changes`."""
    scores = tuple(
        make_face_score(frame_index=index, pts_s=index * 0.5, fake_probability=probability)
        for index, probability in enumerate((0.8, 0.9, 0.95, 0.95))
    )
    report = Report(
        schema_version="1.4",
        verdict=Verdict.FAKE,
        reasons=(),
        fake_probability=0.9,
        threshold=0.5,
        operating_point=None,
        tracks=(
            TrackScore(
                track_id=0, start_s=0.0, end_s=1.5, face_count=4, fake_probability=0.9, median_face_side_px=120.0
            ),
        ),
        face_scores=scores,
        coverage=Coverage(sampled_frames=4, face_frames=4, scored_faces=4, sampling_step_s=0.5),
        video=make_video_info(width_px=640, height_px=360, frame_count=60, duration_s=2.0),
        model=ModelIdentity(name="deepfake", version="1", weights_sha256=SHA256, backends=("onnx",)),
        method=Method("fake", 64, 1, "platt", 0.05, "none"),
        input_sha256="c0" * 32,
        media=make_media_facts(),
        provenance=Provenance("1", {"fps": 2.0, "face_detector": "blazeface"}, (0.0, 0.5, 1.0, 1.5)),
        created_at_s=1_769_860_800.0,
        timings_ms={"total": 12.5},
    )
    return replace(report, **changes)


def make_job(job_id: str = "job-1", **changes: Any) -> Job:
    """A job that waits since second 100, with `changes`."""
    job = Job(
        job_id=job_id,
        state=JobState.QUEUED,
        created_at_s=100.0,
        options=options_to_dict(AnalysisOptions()),
        input_sha256="c0" * 32,
        input_bytes=5,
        input_key=f"uploads/{job_id}",
    )
    return replace(job, **changes)


def _mentions(job: Job, text: str) -> bool:
    own = (job.external_id or "").lower()
    return text in own or job.job_id.startswith(text) or job.input_sha256.startswith(text)


@dataclass
class FakeJobStore(JobStore):
    """A table in memory.

    Attributes:
        error: raised by every method while it is set.
        ends: how often each job went from a state that is no end to one that is.
    """

    error: Exception | None = None
    ends: Counter[str] = field(default_factory=Counter)
    _jobs: dict[str, Job] = field(default_factory=dict)
    _deliveries: dict[str, list[Delivery]] = field(default_factory=dict)
    _reports: dict[str, str] = field(default_factory=dict)
    _feedback: dict[str, list[Feedback]] = field(default_factory=dict)
    _left: list[Feedback] = field(default_factory=list)  # of feedback on jobs that are gone
    _sequence: Iterator[int] = field(default_factory=lambda: count(1))
    _lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    @contextmanager
    def _table(self) -> Iterator[dict[str, Job]]:
        with self._lock:
            if self.error is not None:
                raise self.error
            yield self._jobs

    def close(self) -> None:
        pass

    def add(self, jobs: Sequence[Job], reports: Mapping[str, str] | None = None) -> list[Job]:
        with self._table() as table:
            if jobs and jobs[0].submission is not None:
                known = self.of_submission(jobs[0].tenant, jobs[0].submission.key)
                if known:
                    return known
            added = [replace(job, sequence=next(self._sequence)) for job in jobs]
            table.update({job.job_id: job for job in added})
            self._reports.update(reports or {})
            for job in added:
                self._owe(job)
            return added

    def _owe(self, job: Job) -> None:
        owed = first_delivery(job)
        if owed is not None:
            self._deliveries[job.job_id] = [owed]

    def deliveries(self) -> "FakeDeliveryStore":
        return FakeDeliveryStore(self)

    def get(self, job_id: str) -> Job | None:
        with self._table() as table:
            return table.get(job_id)

    def of_submission(self, tenant: str, key: str) -> list[Job]:
        with self._table() as table:
            found = [
                (job.submission.position, job)
                for job in table.values()
                if job.tenant == tenant and job.submission and job.submission.key == key
            ]
            return [job for _, job in sorted(found, key=lambda pair: pair[0])]

    def page(self, wanted: JobFilter, limit: int, before: int | None = None) -> list[Job]:
        with self._table() as table:
            found = [
                job
                for job in table.values()
                if (wanted.states is None or job.state in wanted.states)
                and (wanted.external_id is None or job.external_id == wanted.external_id)
                and wanted.tenant in (None, job.tenant)
                and (wanted.verdicts is None or job.verdict in wanted.verdicts)
                and (wanted.text is None or _mentions(job, wanted.text.lower()))
                and (before is None or job.sequence < before)
            ]
            return sorted(found, key=lambda job: -job.sequence)[:limit]

    def waiting(self, most: int, tenant: str | None = None) -> int:
        with self._table():
            return min(most, sum(tenant in (None, job.tenant) for job in self._in_line()))

    def census(self) -> JobCensus:
        with self._table() as table:
            line = self._in_line()
            running = sum(job.state is JobState.RUNNING for job in table.values())
            return JobCensus(len(line), running, min((job.created_at_s for job in line), default=None))

    def ahead_of(self, job: Job) -> int:
        with self._table():
            turn = (-job.priority, job.sequence)
            return sum((-other.priority, other.sequence) < turn for other in self._in_line())

    def _in_line(self) -> list[Job]:
        waiting = [job for job in self._jobs.values() if job.state is JobState.QUEUED]
        return sorted(waiting, key=lambda job: (-job.priority, job.sequence))

    def claim(self, transition: Transition, now_s: float) -> Job | None:
        with self._table():
            for job in self._in_line():
                if job.not_before_s <= now_s and not job.overdue(now_s):
                    return self.change(job.job_id, transition)
            return None

    def change(self, job_id: str, transition: Transition, report: str | None = None) -> Job | None:
        with self._table() as table:
            job = table.get(job_id)
            changed = transition(job) if job is not None else None
            if job is None or changed is None:
                return None
            table[job_id] = changed
            if changed.ended and not job.ended:
                self.ends[job_id] += 1
                self._owe(changed)
                if changed.state is JobState.SUCCEEDED and report is not None:
                    self._reports[job_id] = report
            return changed

    def report(self, job_id: str) -> str | None:
        with self._table():
            return self._reports.get(job_id)

    def answered(self, tenant: str, result_key: str) -> Job | None:
        with self._table() as table:
            found = [job for job in table.values() if job.tenant == tenant and job.result_key == result_key]
            return max(found, key=lambda job: job.sequence, default=None)

    def to_sweep(self, now_s: float, limit: int) -> list[Job]:
        with self._table() as table:
            lost = [
                job for job in table.values() if job.lease_expires_at_s is not None and job.lease_expires_at_s <= now_s
            ]
            return [*lost, *(job for job in table.values() if job.overdue(now_s))][:limit]

    def with_input(self, ended_before_s: float, limit: int) -> list[Job]:
        with self._table():
            return [job for job in self._ended(ended_before_s) if job.input_key is not None][:limit]

    def remove_ended(self, ended_before_s: float, limit: int) -> int:
        with self._table() as table:
            gone = [job.job_id for job in self._ended(ended_before_s) if job.input_key is None][:limit]
            for job_id in gone:
                self._remove(table, job_id)
            return len(gone)

    def remove(self, job_id: str) -> bool:
        with self._table() as table:
            job = table.get(job_id)
            if job is None or not job.ended or job.input_key is not None:
                return False
            self._remove(table, job_id)
            return True

    def _remove(self, table: dict[str, Job], job_id: str) -> None:
        del table[job_id]
        self._reports.pop(job_id, None)
        self._deliveries.pop(job_id, None)
        self._left += [given.without_words() for given in self._feedback.pop(job_id, [])[-1:]]

    def _ended(self, before_s: float) -> list[Job]:
        ended = [(job.finished_at_s, job) for job in self._jobs.values() if job.finished_at_s is not None]
        return [job for at_s, job in sorted(ended, key=lambda pair: pair[0]) if at_s <= before_s]


@dataclass
class FakeDeliveryStore(DeliveryStore):
    """The deliveries of a table in memory."""

    jobs: FakeJobStore

    def claim(self, transition: DeliveryTransition, now_s: float) -> Errand | None:
        with self.jobs._table() as table:
            due = [
                (delivery.due_at_s, delivery)
                for found in self.jobs._deliveries.values()
                for delivery in found
                if delivery.due_at_s is not None and delivery.due_at_s <= now_s
            ]
            if not due:
                return None
            _, first = min(due, key=lambda pair: pair[0])
            changed = self.change(first.job_id, first.number, transition)
            return None if changed is None else Errand(changed, table[changed.job_id])

    def change(self, job_id: str, number: int, transition: DeliveryTransition) -> Delivery | None:
        with self.jobs._table():
            found = self.jobs._deliveries.get(job_id, [])
            changed = transition(found[number - 1]) if 1 <= number <= len(found) else None
            if changed is not None:
                found[number - 1] = changed
            return changed

    def of_job(self, job_id: str) -> list[Delivery]:
        with self.jobs._table():
            return list(self.jobs._deliveries.get(job_id, []))

    def add(self, job_id: str, make: Callable[[Sequence[Delivery]], Delivery]) -> Delivery | None:
        with self.jobs._table() as table:
            if job_id not in table:
                return None
            made = make(self.of_job(job_id))
            self.jobs._deliveries.setdefault(job_id, []).append(made)
            return made


@dataclass
class FakeNotifier(Notifier):
    """Remembers what it was to send, and answers as told.

    Attributes:
        answers: given one after the other; 204 once they are used up.
        sent: address, id of the event and body of each.
        tenants: whose event each was.
        meanwhile: called during each sending.
    """

    answers: list[Answer] = field(default_factory=list)
    sent: list[tuple[str, str, bytes]] = field(default_factory=list)
    tenants: list[str] = field(default_factory=list)
    meanwhile: Callable[[], None] = lambda: None

    def check(self, url: str) -> None:
        if not url.startswith("https://"):
            raise CallbackRefused("callback_url: it must begin with https://")

    def notify(self, url: str, event_id: str, body: bytes, now_s: float, tenant: str = DEFAULT_TENANT) -> Answer:
        self.sent.append((url, event_id, body))
        self.tenants.append(tenant)
        self.meanwhile()
        return self.answers.pop(0) if self.answers else Answer(204)


@dataclass
class FakeStorage(ObjectStorage):
    """Keeps objects in memory.

    Attributes:
        objects: their bytes by key.
        clock: when they are written.
        error: raised by every method while it is set.
        folder: where `local_file` puts copies.
        url: where anyone may load any object; None where there are no addresses.
        piece_bytes: how much is read at once.
    """

    objects: dict[str, bytes] = field(default_factory=dict)
    clock: Callable[[], float] = lambda: 100.0
    error: Exception | None = None
    folder: Path | None = None
    url: str | None = None
    piece_bytes: int = 1 << 20
    _modified_s: dict[str, float] = field(default_factory=dict)

    def _check(self, key: str | None = None) -> None:
        if self.error is not None:
            raise self.error
        if key is not None and key not in self.objects:
            raise StorageUnavailable(f"there is no object {key}")

    def put(self, key: str, source: Path | Iterable[bytes]) -> None:
        self._check()
        content = source.read_bytes() if isinstance(source, Path) else b"".join(source)
        self.objects[key] = content
        self._modified_s[key] = self.clock()

    def read(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        self._check(key)
        content = self.objects[key][start:end]
        return (content[at : at + self.piece_bytes] for at in range(0, len(content), self.piece_bytes))

    @contextmanager
    def local_file(self, key: str) -> Iterator[Path]:
        self._check(key)
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            path = Path(folder) / "object"
            path.write_bytes(self.objects[key])
            yield path

    def delete(self, key: str) -> None:
        self._check()
        self.objects.pop(key, None)

    def listed(self, prefix: str) -> Iterator[StoredObject]:
        self._check()
        for key in sorted(self.objects):
            if key.startswith(prefix):
                yield StoredObject(key, len(self.objects[key]), self._modified_s[key])

    def download_url(self, key: str, valid_s: float) -> str | None:
        self._check()
        return None if self.url is None else f"{self.url}/{key}?valid_s={valid_s:g}"


@dataclass
class FakeQueue(JobQueue):
    """Remembers what was announced; waiting returns at once."""

    announced: list[str] = field(default_factory=list)

    def announce(self, job_ids: Sequence[str]) -> None:
        self.announced.extend(job_ids)

    def wait(self, timeout_s: float) -> bool:
        return bool(self.announced)

    def close(self) -> None:
        """It holds nothing."""


@dataclass
class FakeMeter(UsageMeter):
    """Counts in memory."""

    counts: dict[tuple[str, str], tuple[int, float]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def count(self, caller: str, window: str, ends_at_s: float) -> int:
        with self._lock:
            number = self.counts.get((caller, window), (0, 0.0))[0] + 1
            self.counts[caller, window] = (number, ends_at_s)
            return number

    def forget(self, now_s: float) -> None:
        self.counts = {key: value for key, value in self.counts.items() if value[1] > now_s}


@dataclass
class FakeRolloutStore(RolloutStore):
    """Rollouts in memory.

    Attributes:
        error: raised by every method while it is set.
    """

    error: Exception | None = None
    _rollouts: dict[str, Rollout] = field(default_factory=dict)
    _observations: dict[tuple[str, str, Arm], Observation] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    @contextmanager
    def _tables(self) -> Iterator[None]:
        with self._lock:
            if self.error is not None:
                raise self.error
            yield

    def start(self, rollout: Rollout) -> None:
        with self._tables():
            if any(other.name == rollout.name and other.running for other in self._rollouts.values()):
                raise ModelConflict(f"a rollout of {rollout.name} is running")
            self._rollouts[rollout.rollout_id] = rollout

    def recent(self, name: str, limit: int) -> list[Rollout]:
        with self._tables():
            return [rollout for rollout in reversed(self._rollouts.values()) if rollout.name == name][:limit]

    def unsettled(self, name: str) -> list[Rollout]:
        with self._tables():
            return [
                rollout
                for rollout in self._rollouts.values()
                if rollout.name == name and not rollout.running and not rollout.settled
            ]

    def change(self, rollout_id: str, transition: RolloutTransition) -> Rollout | None:
        with self._tables():
            found = self._rollouts.get(rollout_id)
            changed = None if found is None else transition(found)
            if changed is not None:
                self._rollouts[rollout_id] = changed
            return changed

    def observe(self, observations: Sequence[Observation]) -> int:
        with self._tables():
            before = len(self._observations)
            for each in observations:
                rollout = self._rollouts.get(each.rollout_id)
                if rollout is not None and rollout.running:
                    self._observations.setdefault((each.rollout_id, each.input_sha256, each.arm), each)
            return len(self._observations) - before

    def count(self, rollout_id: str) -> int:
        return len(self.observations(rollout_id))

    def observations(self, rollout_id: str) -> list[Observation]:
        with self._tables():
            return [each for each in self._observations.values() if each.rollout_id == rollout_id]

    def forget(self, before_s: float) -> int:
        with self._tables():
            old = [
                key
                for key, each in self._observations.items()
                if each.at_s < before_s and not self._rollouts[each.rollout_id].running
            ]
            for key in old:
                del self._observations[key]
            return len(old)
