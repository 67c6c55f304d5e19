"""The errors DFD raises on purpose, in one tree.

::

    DfdError
    ├── InputError          the media itself is at fault
    ├── RequestError        the caller's request is at fault
    │   └── JobConflict     what is asked of is in no state for it
    ├── ConfigurationError  the operator's settings are at fault
    ├── ModelError          the model is at fault
    ├── Unavailable         a part that the service rests on is away
    └── Overloaded          the service is full: try again later
        └── RateLimited     this caller has asked often enough for now

Every class has a stable ``code``; HTTP statuses and exit codes are each mapped from it in one table
(`dfd.api.problems`, `dfd.cli`). What a video merely lacks (a face, light) is no error: it is a reason in the report.
"""

from typing import ClassVar


class DfdError(Exception):
    """Base of every error DFD raises on purpose; its message is fit to be shown to the user."""

    code: ClassVar[str] = "internal"


class InputError(DfdError):
    """The media given cannot be analysed."""

    code = "unreadable_media"


class MediaNotFound(InputError):
    """The path names nothing."""

    code = "media_not_found"


class NotAFile(InputError):
    """The path names something that is not a regular file."""

    code = "not_a_file"


class UnreadableVideo(InputError):
    """The bytes are no video that can be decoded: wrong kind of file, damaged or empty."""

    code = "unreadable_video"


class NoVideoStream(InputError):
    """The container holds no picture, only sound or data."""

    code = "no_video_stream"


class UnsupportedCodec(InputError):
    """The video stream uses a codec this build has no decoder for."""

    code = "unsupported_codec"


class MediaTooLarge(InputError):
    """The video has more pixels a frame, or lasts longer, than the limits allow."""

    code = "media_too_large"


class UnreadableReport(InputError):
    """The file holds no report, or a damaged one."""

    code = "unreadable_report"


class UnreadableBackup(InputError):
    """The folder holds no backup, or a damaged one."""

    code = "unreadable_backup"


class RequestError(DfdError):
    """The request is at fault, not the media."""

    code = "bad_request"


class InvalidParameter(RequestError):
    """A parameter is missing, of the wrong kind or out of range."""

    code = "invalid_parameter"


class UploadTooLarge(RequestError):
    """The upload is larger than the service takes."""

    code = "upload_too_large"


class UploadTimeout(RequestError):
    """The upload stopped coming."""

    code = "upload_timeout"


class MalformedUpload(RequestError):
    """The body breaks off, or is not the multipart form its header promises."""

    code = "malformed_upload"


class UnsupportedContentType(RequestError):
    """The body is of a kind this service does not read."""

    code = "unsupported_content_type"


class RestoreRefused(RequestError):
    """What would be restored over is not empty."""

    code = "restore_refused"


class Unauthorized(RequestError):
    """The request carries no valid bearer token."""

    code = "unauthorized"


class CallbackRefused(RequestError):
    """The callback address is none that this service sends to."""

    code = "callback_refused"


class JobNotFound(RequestError):
    """There is no job of this name, or it is no longer kept."""

    code = "job_not_found"


class VersionNotFound(RequestError):
    """There is no such model or version to tell of."""

    code = "version_not_found"


class ArtifactNotFound(RequestError):
    """The job has no such file, or it is no longer kept."""

    code = "artifact_not_found"


class RangeNotSatisfiable(RequestError):
    """The file has none of the bytes that were asked for.

    Attributes:
        size_bytes: how many it has.
    """

    code = "range_not_satisfiable"

    def __init__(self, message: str, size_bytes: int = 0) -> None:
        super().__init__(message)
        self.size_bytes = size_bytes


class DeliveryNotFound(RequestError):
    """The job has no delivery of this number."""

    code = "delivery_not_found"


class FaceNotFound(RequestError):
    """There is no such face track, or it shows no face at that time."""

    code = "face_not_found"


class JobConflict(RequestError):
    """The request does not fit the state of things."""

    code = "job_conflict"


class JobEnded(JobConflict):
    """The job has ended, and an end is final."""

    code = "job_ended"


class DeliveryConflict(JobConflict):
    """The event of the job cannot be sent again now."""

    code = "delivery_conflict"


class ReportNotReady(JobConflict):
    """The job has no report: it has not ended, or it ended without one."""

    code = "report_not_ready"


class IdempotencyConflict(JobConflict):
    """The idempotency key came before, with other content."""

    code = "idempotency_conflict"


class ConfigurationError(DfdError):
    """The settings contradict each other or name something that does not exist."""

    code = "configuration"


class ModelError(DfdError):
    """The model is missing, damaged or silent."""

    code = "model"


class ModelNotFound(ModelError):
    """The registry holds no such model or version."""

    code = "model_not_found"


class ModelCorrupt(ModelError):
    """The manifest cannot be read, or the model's files are not, or do not answer, what it states."""

    code = "model_corrupt"


class ModelConflict(ModelError):
    """The registry is in no state for it: the version exists, or an alias is elsewhere than was thought."""

    code = "model_conflict"


class RecalibrationRefused(ModelError):
    """There are too few labels to fit calibration again, or it gets no better by it."""

    code = "recalibration_refused"


class BackendUnavailable(ModelError):
    """The model backend does not answer, or answers nonsense."""

    code = "backend_unavailable"


class ExplanationUnavailable(ModelError):
    """No explanation can be shown: it was not measured to be faithful."""

    code = "explanation_unavailable"


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


def kind_of(code: str) -> type[DfdError]:
    """The class with a stable code that was written down; `DfdError` for one that no class has."""
    kinds = [DfdError]
    for kind in kinds:  # grows while it is gone through
        if kind.code == code:
            return kind
        kinds += kind.__subclasses__()
    return DfdError
