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

from dfd.errors.base import DfdError
from dfd.errors.media import (
    DecodeOutOfMemory,
    DecodeTimedOut,
    InputError,
    MediaNotFound,
    MediaTooLarge,
    NotAFile,
    NoVideoStream,
    UnreadableBackup,
    UnreadableReport,
    UnreadableVideo,
    UnsupportedCodec,
)
from dfd.errors.models import (
    BackendUnavailable,
    ExplanationUnavailable,
    ModelConflict,
    ModelCorrupt,
    ModelError,
    ModelNotFound,
    RecalibrationRefused,
)
from dfd.errors.requests import (
    ArtifactNotFound,
    CallbackRefused,
    DeliveryConflict,
    DeliveryNotFound,
    FaceNotFound,
    Forbidden,
    IdempotencyConflict,
    InvalidParameter,
    JobConflict,
    JobEnded,
    JobNotFound,
    KeyNotFound,
    MalformedUpload,
    RangeNotSatisfiable,
    ReportNotReady,
    RequestError,
    RestoreRefused,
    Unauthorized,
    UnsupportedContentType,
    UploadTimeout,
    UploadTooLarge,
    VersionNotFound,
)
from dfd.errors.services import (
    IdentityUnavailable,
    JobStoreUnavailable,
    Overloaded,
    QueueFull,
    QuotaExceeded,
    RateLimited,
    RegistryUnavailable,
    StorageFull,
    StorageUnavailable,
    Unavailable,
)

__all__ = [
    "ArtifactNotFound",
    "BackendUnavailable",
    "CallbackRefused",
    "ConfigurationError",
    "DecodeOutOfMemory",
    "DecodeTimedOut",
    "DeliveryConflict",
    "DeliveryNotFound",
    "DfdError",
    "ExplanationUnavailable",
    "FaceNotFound",
    "Forbidden",
    "IdempotencyConflict",
    "IdentityUnavailable",
    "InputError",
    "InvalidParameter",
    "JobConflict",
    "JobEnded",
    "JobNotFound",
    "JobStoreUnavailable",
    "KeyNotFound",
    "MalformedUpload",
    "MediaNotFound",
    "MediaTooLarge",
    "ModelConflict",
    "ModelCorrupt",
    "ModelError",
    "ModelNotFound",
    "NoVideoStream",
    "NotAFile",
    "Overloaded",
    "QueueFull",
    "QuotaExceeded",
    "RangeNotSatisfiable",
    "RateLimited",
    "RecalibrationRefused",
    "RegistryUnavailable",
    "ReportNotReady",
    "RequestError",
    "RestoreRefused",
    "StorageFull",
    "StorageUnavailable",
    "Unauthorized",
    "Unavailable",
    "UnreadableBackup",
    "UnreadableReport",
    "UnreadableVideo",
    "UnsupportedCodec",
    "UnsupportedContentType",
    "UploadTimeout",
    "UploadTooLarge",
    "VersionNotFound",
    "kind_of",
]


class ConfigurationError(DfdError):
    """The settings contradict each other or name something that does not exist."""

    code = "configuration"


def kind_of(code: str) -> type[DfdError]:
    """The class with a stable code that was written down; `DfdError` for one that no class has."""
    kinds = [DfdError]
    for kind in kinds:  # grows while it is gone through
        if kind.code == code:
            return kind
        kinds += kind.__subclasses__()
    return DfdError
