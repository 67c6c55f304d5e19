"""The uploads of jobs, for as long as they are kept."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from dfd.errors import ArtifactNotFound
from dfd.job import Job
from dfd.ports.storage import ObjectStorage


class KeptUploads:
    """Gives back what callers have handed in. Safe to use from several threads."""

    def __init__(self, storage: ObjectStorage) -> None:
        """Read from `storage`."""
        self._storage = storage

    def read(self, job: Job, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Some bytes of a job's upload, in pieces (`ObjectStorage.read`).

        Raises:
            ArtifactNotFound: it is no longer kept.
            StorageUnavailable: the storage does not answer, or has lost it.
        """
        return self._storage.read(self._key(job), start, end)

    def local_file(self, job: Job) -> AbstractContextManager[Path]:
        """A file of this machine with a job's upload, to be read only, for as long as the block lasts.

        Raises:
            ArtifactNotFound: it is no longer kept.
            StorageUnavailable, StorageFull: see `ObjectStorage.local_file`.
        """
        return self._storage.local_file(self._key(job))

    def link(self, job: Job, valid_s: float) -> str | None:
        """An address from which anyone may load a job's upload for a while; None where the storage has no addresses.

        Raises:
            ArtifactNotFound: it is no longer kept.
            StorageUnavailable: the storage does not answer.
        """
        return self._storage.download_url(self._key(job), valid_s)

    def _key(self, job: Job) -> str:
        if job.input_key is None:
            raise ArtifactNotFound("the upload of the job is no longer kept")
        return job.input_key
