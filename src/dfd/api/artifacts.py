"""The files that belong to a job: its upload, while that is kept, and its report.

What is made of them for people, when it is asked for, is `dfd.api.case_routes`'.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from dfd.api.media_types import HEAD_BYTES, media_type_of
from dfd.errors import ArtifactNotFound
from dfd.job import Job, JobState
from dfd.jobs.desk import JobDesk

UPLOAD: Final = "upload"
REPORT_JSON: Final = "report.json"


@dataclass(frozen=True, slots=True)
class Artifact:
    """One file of a job.

    Attributes:
        name: among those of the job.
        media_type: as ``Content-Type`` says it.
        size_bytes: of the whole.
        tag: strong validator (RFC 9110, ``ETag``), quotes included.
        file_name: under which it may be saved; ASCII letters, digits, ``-`` and ``.`` only.
        read: bytes from the first number on up to the second, in pieces; may wait for a storage.
    """

    name: str
    media_type: str
    size_bytes: int
    tag: str
    file_name: str
    read: Callable[[int, int], Iterator[bytes]]


class Shelf:
    """Finds the files of jobs; every method waits for a database or a storage. Safe to use from several threads."""

    def __init__(self, desk: JobDesk) -> None:
        """Look where `desk` keeps jobs."""
        self._desk = desk
        self._makers: dict[str, Callable[[Job], Artifact]] = {
            UPLOAD: self._upload,
            REPORT_JSON: self._report_json,
        }

    def all_of(self, job_id: str) -> list[Artifact]:
        """What a job has now.

        Raises:
            JobNotFound: there is no such job.
            StorageUnavailable: its upload cannot be looked at.
        """
        job = self._desk.get(job_id)
        names = [] if job.input_key is None else [UPLOAD]
        if job.state is JobState.SUCCEEDED:
            names += [REPORT_JSON]
        return [self._makers[name](job) for name in names]

    def one(self, job_id: str, name: str) -> Artifact:
        """One of them.

        Raises:
            JobNotFound: there is no such job.
            ArtifactNotFound: no job has such a file, or it is no longer kept.
            ReportNotReady: the job has no report, or none yet.
            StorageUnavailable: the upload cannot be looked at.
        """
        job, make = self._desk.get(job_id), self._makers.get(name)
        if make is None:
            raise ArtifactNotFound(f"jobs have no such file; they have {', '.join(self._makers)}")
        return make(job)

    def link(self, job_id: str, valid_s: float) -> str | None:
        """Where anyone may load the upload for a while; None where the storage has no addresses.

        Raises:
            JobNotFound, ArtifactNotFound, StorageUnavailable: as of `one`.
        """
        return self._desk.uploads.link(self._desk.get(job_id), valid_s)

    def _upload(self, job: Job) -> Artifact:
        kind = media_type_of(b"".join(self._desk.uploads.read(job, 0, HEAD_BYTES)))
        return Artifact(
            name=UPLOAD,
            media_type=kind.name,
            size_bytes=job.input_bytes,
            tag=f'"{job.input_sha256}"',
            file_name=f"{job.job_id}{kind.suffix}",
            read=lambda start, end: self._desk.uploads.read(job, start, end),
        )

    def _report_json(self, job: Job) -> Artifact:
        return _of_bytes(job, REPORT_JSON, "application/json", self._desk.report(job.job_id).encode())


def _of_bytes(job: Job, name: str, media_type: str, content: bytes) -> Artifact:
    return Artifact(
        name=name,
        media_type=media_type,
        size_bytes=len(content),
        tag=f'"{hashlib.sha256(content).hexdigest()}"',
        file_name=f"{job.job_id}-{name}",
        read=lambda start, end: iter([content[start:end]]),
    )
