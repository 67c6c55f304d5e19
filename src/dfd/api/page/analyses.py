"""What the page knows of one analysis: its job, its result once there is one, and what is still kept of it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dfd.api.artifacts import UPLOAD, Artifact, Shelf
from dfd.api.front import Front
from dfd.api.job_schemas import JobDetail
from dfd.api.page.verdict import Result, result_of
from dfd.errors import ArtifactNotFound, JobNotFound, Unavailable
from dfd.job import Job, JobState
from dfd.manifest import ModelManifest


@dataclass(frozen=True, slots=True)
class Analysis:
    """One analysis.

    Attributes:
        job: as the interface tells it.
        result: None before it has succeeded.
        source_id: the job whose upload is shown: this one, or the one whose report it was given.
        upload: what is kept of the video; None where nothing is.
    """

    job: JobDetail
    result: Result | None
    source_id: str
    upload: Artifact | None

    @property
    def title(self) -> str:
        """What people call it."""
        return title_of(self.job.external_id, self.job.id)

    @property
    def report(self) -> Mapping[str, Any]:
        """Its report; empty where there is none."""
        return self.result.report if self.result else {}

    @property
    def media_kind(self) -> str | None:
        """``video`` or ``image``; None where nothing can be shown."""
        if self.upload is None:
            return None
        kind = self.upload.media_type.partition("/")[0]
        return kind if kind in ("video", "image") else None


def title_of(external_id: str | None, job_id: str) -> str:
    """What people call an analysis: the name of the file, or the beginning of its number."""
    return external_id or f"Analysis {job_id[:8]}"


def found_analysis(job_id: str, front: Front, manifest: ModelManifest) -> Analysis:
    """One analysis; waits for a database and a storage.

    Args:
        job_id: its job.
        front: the desks as the caller sees them.
        manifest: of the model at hand.

    Raises:
        JobNotFound: there is none.
        JobStoreUnavailable: the table does not answer.
    """
    job = front.desk.get(job_id)
    result = None
    if job.state is JobState.SUCCEEDED:
        result = result_of(json.loads(front.desk.report(job_id)), manifest)
    source_id = job.answered_from or job.job_id
    return Analysis(front.detail(job), result, source_id, _upload(job, source_id, front.shelf))


def _upload(job: Job, source_id: str, shelf: Shelf) -> Artifact | None:
    """What is kept; a storage that is away keeps nobody from reading the verdict."""
    if not job.ended:
        return None
    try:
        return shelf.one(source_id, UPLOAD)
    except (JobNotFound, ArtifactNotFound, Unavailable):
        return None
