"""Making pictures of faces, and reports that show them: few at a time, in threads of their own, and not twice."""

import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from anyio import CapacityLimiter, fail_after, to_thread

from dfd.api.services import Services
from dfd.casefile.content import KeyFrames
from dfd.casefile.forms import CaseForm, Paper, case_file
from dfd.casefile.moments import FILE_CHANGED, FILE_GONE, NO_FACES, OTHER_MODEL, key_frames_of
from dfd.errors import ArtifactNotFound, ExplanationUnavailable, InputError, JobNotFound, Overloaded
from dfd.explanation.faces import FacePlace
from dfd.explanation.videos import ExplainedVideos, Form
from dfd.job import Job
from dfd.jobs.desk import JobDesk
from dfd.report import RegionEvidence
from dfd.reporting import regions_to_list

_MOST_KEPT_BYTES: Final = 32 * 1024 * 1024
_WAITING: Final = 16
_LONGEST_WAIT_S: Final = 30.0
"""For a turn: on a machine that is busy with analyses one picture may take ten seconds, and 16 that wait minutes."""

_NO_PICTURES: Final = {ArtifactNotFound: FILE_GONE, ExplanationUnavailable: OTHER_MODEL, InputError: FILE_CHANGED}

Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class FaceWish:
    """Which face a caller means: see `dfd.explanation.faces.place_at`."""

    track_id: int | None
    time_s: float | None


class KeptPictures:
    """The pictures asked for last, so many bytes of them. Safe to use from several threads."""

    def __init__(self, most_bytes: int = _MOST_KEPT_BYTES) -> None:
        """Keep at most so many bytes."""
        self._most_bytes = most_bytes
        self._pictures: OrderedDict[Hashable, bytes] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> bytes | None:
        """A picture that is kept."""
        with self._lock:
            found = self._pictures.get(key)
            if found is not None:
                self._pictures.move_to_end(key)
            return found

    def put(self, key: Hashable, picture: bytes) -> None:
        """Keep a picture, and forget those that were not asked for the longest."""
        with self._lock:
            self._bytes += len(picture) - len(self._pictures.pop(key, b""))
            self._pictures[key] = picture
            while self._bytes > self._most_bytes:
                _, forgotten = self._pictures.popitem(last=False)
                self._bytes -= len(forgotten)

    def forget(self, job_id: str) -> None:
        """Forget the pictures of a job, and those of its file in reports of others: their keys hold its name."""
        with self._lock:
            for key in [key for key in self._pictures if isinstance(key, tuple) and job_id in key]:
                self._bytes -= len(self._pictures.pop(key))


class ExplanationDesk:
    """Explains the answers for jobs, for as long as their uploads are kept.

    A picture takes a processor for a second or so: at most half as many are made at the same time as analyses may run,
    and a few may wait for a while.
    """

    def __init__(self, services: Services, longest_wait_s: float = _LONGEST_WAIT_S) -> None:
        """Explain jobs of `services`; who has not had his turn after so many seconds is told to come back."""
        self._services = services
        self._longest_wait_s = longest_wait_s
        self._threads = CapacityLimiter(max(1, services.policy.max_concurrency // 2))
        self._under_way = 0
        self._kept = KeptPictures()

    async def heat_map(self, jobs: JobDesk, job_id: str, wish: FaceWish, form: Form, side_px: int) -> bytes:
        """A map as a PNG file.

        Args:
            jobs: knows the caller's jobs.
            job_id: which of them.
            wish: which face.
            form: of the picture.
            side_px: of the face in it.

        Raises:
            JobNotFound, ReportNotReady, FaceNotFound, ArtifactNotFound, ExplanationUnavailable: there is none.
            Overloaded: too many are being made.
            InputError, ModelError, Unavailable: it cannot be made now.
        """

        def make(job: Job, report: dict[str, Any], videos: ExplainedVideos, place: FacePlace) -> bytes:
            videos.check_maps(report)
            with jobs.uploads.local_file(job) as path:
                return videos.heat_map_png(path, report, place, form, side_px)

        return await self._run(lambda: self._picture(jobs, job_id, wish, (form, side_px), make))

    async def face(self, jobs: JobDesk, job_id: str, wish: FaceWish, side_px: int) -> bytes:
        """A face as a JPEG file; raises as `heat_map`, but needs no explanation."""

        def make(job: Job, _report: dict[str, Any], videos: ExplainedVideos, place: FacePlace) -> bytes:
            with jobs.uploads.local_file(job) as path:
                return videos.face_jpeg(path, place, side_px)

        return await self._run(lambda: self._picture(jobs, job_id, wish, ("face", side_px), make))

    async def regions(self, jobs: JobDesk, job_id: str, track_id: int) -> list[dict[str, Any]]:
        """Evidence by region of one track, from the report where it has it; raises as `heat_map`."""
        return await self._run(lambda: self._regions(jobs, job_id, track_id))

    def forget(self, job_id: str) -> None:
        """Forget what was drawn of a job, also for those that were answered from it."""
        self._kept.forget(job_id)

    async def case_file(self, jobs: JobDesk, job_id: str, form: CaseForm, paper: Paper) -> bytes:
        """The report of a case, with pictures while the upload, or that of the job it was answered from, is kept.

        Raises:
            JobNotFound, ReportNotReady: there is none.
            Overloaded: too many are being made.
            ModelError, Unavailable: it cannot be made now.
        """
        return await self._run(lambda: self._case_file(jobs, job_id, form, paper))

    def _case_file(self, jobs: JobDesk, job_id: str, form: CaseForm, paper: Paper) -> bytes:
        model, job = self._services.model.current, jobs.get(job_id)
        report: dict[str, Any] = json.loads(jobs.report(job_id))
        source = _source_of(jobs, job)
        key = (job_id, source.job_id, form, paper, model.manifest.weights_sha256)
        kept = None if source.input_key is None else self._kept.get(key)
        if kept is None:
            labels = [("job", job_id), *([("named by its owner", job.external_id)] if job.external_id else [])]
            kept = case_file(form, report, labels, self._key_frames(jobs, source, report, model.videos), paper)
            if source.input_key is not None:
                self._kept.put(key, kept)
        return kept

    @staticmethod
    def _key_frames(jobs: JobDesk, source: Job, report: dict[str, Any], videos: ExplainedVideos | None) -> KeyFrames:
        if not report["face_scores"]:
            return NO_FACES
        if videos is None:
            return OTHER_MODEL
        try:
            with jobs.uploads.local_file(source) as path:
                return key_frames_of(videos.moments(path, report), report)
        except (ArtifactNotFound, ExplanationUnavailable, InputError) as error:
            return next(told for kind, told in _NO_PICTURES.items() if isinstance(error, kind))

    def _regions(self, jobs: JobDesk, job_id: str, track_id: int) -> list[dict[str, Any]]:
        job, report, videos = self._asked(jobs, job_id)
        for track in report["tracks"]:
            if track["track_id"] == track_id and track.get("regions") is not None:
                told: list[dict[str, Any]] = track["regions"]
                return told
        key = (job_id, "regions", track_id, report["model"]["weights_sha256"])
        kept = self._kept.get(key)
        if kept is None:
            with jobs.uploads.local_file(job) as path:
                found: tuple[RegionEvidence, ...] = videos.track_regions(path, report, track_id)
            kept = json.dumps(regions_to_list(found)).encode()
            self._kept.put(key, kept)
        answer: list[dict[str, Any]] = json.loads(kept)
        return answer

    def _picture(
        self,
        jobs: JobDesk,
        job_id: str,
        wish: FaceWish,
        kind: Hashable,
        make: Callable[[Job, dict[str, Any], ExplainedVideos, FacePlace], bytes],
    ) -> bytes:
        job, report, videos = self._asked(jobs, job_id)
        place = videos.place(report, wish.track_id, wish.time_s)
        key = (job_id, kind, place.track_id, place.pts_s, self._services.model.current.manifest.weights_sha256)
        kept = self._kept.get(key)
        if kept is None or job.input_key is None:  # what is no longer kept is no longer shown either
            kept = make(job, report, videos, place)
            self._kept.put(key, kept)
        return kept

    def _asked(self, jobs: JobDesk, job_id: str) -> tuple[Job, dict[str, Any], ExplainedVideos]:
        videos = self._services.model.current.videos
        job = jobs.get(job_id)
        report: dict[str, Any] = json.loads(jobs.report(job_id))
        if videos is None:
            raise ExplanationUnavailable("this service explains nothing")
        return job, report, videos

    async def _run(self, work: Callable[[], Made]) -> Made:
        if self._under_way >= _WAITING + self._threads.total_tokens:
            raise self._too_many()
        self._under_way += 1
        try:
            turn = await self._turn()
            try:
                return await to_thread.run_sync(lambda: _of_the_upload(work), limiter=CapacityLimiter(1))
            finally:
                self._threads.release_on_behalf_of(turn)
        finally:
            self._under_way -= 1

    async def _turn(self) -> object:
        turn = object()
        try:
            with fail_after(self._longest_wait_s):
                await self._threads.acquire_on_behalf_of(turn)
        except TimeoutError as error:
            raise self._too_many() from error
        return turn

    def _too_many(self) -> Overloaded:
        return Overloaded("too many pictures are being made, try again later", self._services.policy.retry_after_s)


def _source_of(jobs: JobDesk, job: Job) -> Job:
    """The job whose upload a job's answer is of; itself, which then has none either, where that one is gone."""
    try:
        return job if job.answered_from is None else jobs.get(job.answered_from)
    except JobNotFound:
        return job


def _of_the_upload(work: Callable[[], Made]) -> Made:
    """What an error says of the server's file is not for callers."""
    try:
        return work()
    except InputError as error:
        raise type(error)("the upload can no longer be read as it was when it was analysed") from error
