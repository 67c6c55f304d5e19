"""Errors of the service: a part of it is away, or it is full."""

from dfd.errors.base import DfdError


class Unavailable(DfdError):
    """A part that the service rests on is away, perhaps for a moment."""

    code = "unavailable"


class JobStoreUnavailable(Unavailable):
    """The database of jobs does not answer."""

    code = "job_store_unavailable"


class RegistryUnavailable(Unavailable):
    """The registry of models does not answer, or cannot be written."""

    code = "registry_unavailable"


class StorageUnavailable(Unavailable):
    """The storage of files does not answer, or has lost the file."""

    code = "storage_unavailable"


class StorageFull(Unavailable):
    """There is no room for the file."""

    code = "storage_full"


class IdentityUnavailable(Unavailable):
    """The keys that tokens are signed with cannot be loaded."""

    code = "identity_unavailable"


class Overloaded(DfdError):
    """All slots are taken.

    Attributes:
        retry_after_s: seconds after which another try makes sense.
    """

    code = "overloaded"

    def __init__(self, message: str, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class QueueFull(Overloaded):
    """As many jobs wait as may."""

    code = "queue_full"


class RateLimited(Overloaded):
    """The caller has asked as often in this minute as may be."""

    code = "rate_limited"


class QuotaExceeded(RateLimited):
    """The caller has asked as often today as may be."""

    code = "quota_exceeded"
