"""The desks as one caller sees them: bound to his tenant, so that no route can show another's things by mistake.

The desks wait for a database and a storage, so each call runs in a thread, of a number of its own: neither `/predict`
nor the probes wait behind a database that is away.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Final, TypeVar

from anyio import CapacityLimiter, to_thread
from fastapi import Depends, Path, Request

from dfd.api.artifacts import Shelf
from dfd.api.auth import PresentCaller
from dfd.api.events import Streams
from dfd.api.job_schemas import JobDetail, detail_of
from dfd.api.services import Services
from dfd.audit import Action
from dfd.caller import Caller
from dfd.errors import Overloaded
from dfd.job import Job, JobState
from dfd.jobs.callbacks import CallbackDesk
from dfd.jobs.desk import JobDesk
from dfd.jobs.feedback import FeedbackDesk

_THREADS: Final = 16

Answer = TypeVar("Answer")


class FrontHouse:
    """What all callers share: threads, places for uploads and for listeners."""

    def __init__(self, services: Services) -> None:
        """Work with `services`."""
        self.services = services
        self.streams = Streams(services.policy.max_streams)
        self._policy = services.policy
        self._threads = CapacityLimiter(_THREADS)
        self._receiving = 0

    async def ask(self, question: Callable[[], Answer]) -> Answer:
        """Run what may wait for a database in a thread."""
        return await to_thread.run_sync(question, limiter=self._threads)

    @contextmanager
    def receiving(self) -> Iterator[None]:
        """Hold a place while an upload comes.

        Raises:
            Overloaded: too many come already.
        """
        if self._receiving >= self._policy.max_receiving:
            raise Overloaded("too many uploads are coming in, try again later", self._policy.retry_after_s)
        self._receiving += 1
        try:
            yield
        finally:
            self._receiving -= 1


@dataclass(frozen=True, slots=True)
class Front:
    """The desks of one request.

    Attributes:
        house: what all callers share.
        caller: who asks.
        desk: the jobs of his tenant.
        callbacks: what was sent for these.
        feedback: what was said of these.
        shelf: the files of these.
        request_id: of the request.
    """

    house: FrontHouse
    caller: Caller
    desk: JobDesk
    callbacks: CallbackDesk
    feedback: FeedbackDesk
    shelf: Shelf
    request_id: str

    async def ask(self, question: Callable[[], Answer]) -> Answer:
        """Run what may wait for a database in a thread."""
        return await self.house.ask(question)

    def detail(self, job: Job) -> JobDetail:
        """All there is to say of a job; waits for the database."""
        report = self.desk.report(job.job_id) if job.state is JobState.SUCCEEDED else None
        return detail_of(job, self.desk.queue_position(job), report)

    def note(self, action: Action, subject: str, **facts: str) -> None:
        """Write down what the caller did; waits for the database."""
        self.house.services.trail.did(action, self.caller, subject, self.request_id, **facts)


def front_of(request: Request, caller: PresentCaller) -> Front:
    """The desks as the caller of a request sees them."""
    house: FrontHouse = request.app.state.jobs
    services, tenant = house.services, caller.tenant
    desk = services.jobs.of(tenant)
    return Front(
        house=house,
        caller=caller,
        desk=desk,
        callbacks=services.callbacks.of(tenant),
        feedback=services.feedback.of(tenant),
        shelf=Shelf(desk),
        request_id=request.state.request_id,
    )


FrontDesk = Annotated[Front, Depends(front_of)]
JobId = Annotated[str, Path(description="The job's id.", max_length=64)]
