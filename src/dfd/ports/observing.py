"""The port through which the work tells what happens, for metrics."""

from dataclasses import dataclass

from dfd.job import Job
from dfd.report import Report
from dfd.scoring import BackendEvent


@dataclass(frozen=True, slots=True)
class JobCensus:
    """How many jobs have not ended, and since when the one waits that was accepted first; None where none does."""

    queued: int
    running: int
    oldest_queued_s: float | None


@dataclass(frozen=True, slots=True)
class AnsweredRequest:
    """A request that was answered, or broken off.

    Attributes:
        method: HTTP method as it came.
        route: template of the path, as ``/v1/jobs/{job_id}``; None where no route has it.
        status: of the answer; 0 where there was none.
        duration_s: from its head to the end of its answer.
        body_bytes: of its body, as received.
    """

    method: str
    route: str | None
    status: int
    duration_s: float
    body_bytes: int


class Observer:
    """Hears what happens. Safe to call from several threads, must be quick and never raise. This one forgets it all."""

    def request_began(self) -> None:
        """A request has come; `request_answered` follows."""

    def request_answered(self, request: AnsweredRequest) -> None:
        """It has been answered."""

    def analysis_began(self) -> None:
        """An analysis begins; one of the next two follows."""

    def analysis_ended(self, report: Report) -> None:
        """It came to an answer."""

    def analysis_failed(self, kind: str, code: str) -> None:
        """It came to none.

        Args:
            kind: what was at fault, ``media``, ``request`` or ``service``; ``stopped`` where it was called off.
            code: of `dfd.errors`; ``stopped`` likewise.
        """

    def job_ended(self, job: Job) -> None:
        """A job came to its end, whichever; told in the process that wrote the end."""

    def webhook_answered(self, *, arrived: bool, given_up: bool) -> None:
        """An attempt to deliver a webhook is over.

        Args:
            arrived: the receiver took it.
            given_up: there will be no other.
        """

    def backend_event(self, event: BackendEvent) -> None:
        """Something happened to a model backend."""

    def model_switched(self) -> None:
        """Another version of the model took over."""

    def model_refused(self, code: str) -> None:
        """A version that should have taken over could not; `code` is one of `dfd.errors`."""
