"""Errors of requests: what a caller asks for cannot be done."""

from dfd.errors.base import DfdError


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
    """The request carries no valid credential."""

    code = "unauthorized"


class Forbidden(RequestError):
    """The caller is known, and may not do this.

    Attributes:
        scope: what he lacks (`dfd.caller.Scope`).
    """

    code = "forbidden"

    def __init__(self, message: str, scope: str = "") -> None:
        super().__init__(message)
        self.scope = scope


class KeyNotFound(RequestError):
    """There is no API key of this id."""

    code = "key_not_found"


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
