"""What a caller hands in when he asks for jobs."""

from dataclasses import dataclass, field
from pathlib import Path

from dfd.errors import InvalidParameter
from dfd.pipeline import AnalysisOptions

LOWEST_PRIORITY, HIGHEST_PRIORITY = -100, 100


@dataclass(frozen=True, slots=True)
class ReceivedFile:
    """A file that came with a request: where it lies for now, its SHA-256 in lower-case hex, and its size."""

    path: Path
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class JobRequest:
    """What the caller asks for beside the files.

    Attributes:
        options: of the analyses.
        external_id: the caller's own name for the jobs, at most 256 characters.
        callback_url: where to tell of the end.
        priority: higher goes first.
        force: analyse also what has been analysed before.
        key: the request's ``Idempotency-Key``, at most 256 characters.
        traceparent: trace that the request is in (`dfd.correlation.Trace.header`).
    """

    options: AnalysisOptions
    external_id: str | None = None
    callback_url: str | None = field(default=None, repr=False)
    priority: int = 0
    force: bool = False
    key: str | None = None
    traceparent: str | None = None

    def __post_init__(self) -> None:
        if not LOWEST_PRIORITY <= self.priority <= HIGHEST_PRIORITY:
            raise InvalidParameter(f"priority must be from {LOWEST_PRIORITY} to {HIGHEST_PRIORITY}")
