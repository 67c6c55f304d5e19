"""What the client asks and how it goes on from the answers, said once for `Client` and `AsyncClient`.

A conversation is a generator. It yields steps, is sent what became of each, and returns what the caller wanted, or
yields it piece by piece as `Found`. It waits for nothing itself: a client takes the steps, blocking or awaiting.
"""

import os
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx

from dfd.client import calls
from dfd.client.calls import Call, Media, Retries
from dfd.client.errors import NotInTime
from dfd.client.feedback import Feedback, FeedbackHistory, Review, ReviewPage
from dfd.client.steps import Asking, Found, NextLine, NextPiece, Pause, Send, Step, Telling
from dfd.client.streams import RECONNECT_S, EventReader
from dfd.client.values import (
    Artifact,
    Delivery,
    ForgottenJob,
    Job,
    JobEvent,
    JobPage,
    Prediction,
    accepted_jobs,
    artifacts_in,
    deliveries_in,
    understood,
)
from dfd.feedback import Label
from dfd.job import JobState

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Conversations:
    """Every conversation with one service; the methods of both clients.

    Attributes:
        retries: how often and how patiently a call is repeated.
        clock: seconds since any moment.
    """

    retries: Retries
    clock: Callable[[], float]

    def predict(
        self, media: Media, *, fps: float | None = None, operating_point: str | None = None
    ) -> Asking[Prediction]:
        """Analyse one file now.

        Args:
            media: its path, or its bytes.
            fps: frames sampled for each second of video; None leaves it to the service.
            operating_point: of the model, by name; None leaves it to the service.
        """
        return self._asked(calls.predict(media, fps, operating_point), Prediction.read)

    def submit(
        self,
        *media: Media,
        fps: float | None = None,
        operating_point: str | None = None,
        external_id: str | None = None,
        callback_url: str | None = None,
        priority: int | None = None,
        force: bool = False,
        key: str | None = None,
    ) -> Asking[list[Job]]:
        """Have files analysed later; they come back as jobs, in their order.

        Args:
            media: paths, or bytes.
            fps: see `predict`.
            operating_point: see `predict`.
            external_id: your own name for the jobs.
            callback_url: to be told of the end (see `dfd.client.event_in`).
            priority: from -100 to 100, 0 without it.
            force: analyse also what has been analysed before.
            key: the same key and content give the same jobs; without it each call has its own.
        """
        wishes = {
            "fps": fps,
            "operating_point": operating_point,
            "external_id": external_id,
            "callback_url": callback_url,
            "priority": priority,
            "force": force,
        }
        return self._asked(calls.submit(media, wishes, key), accepted_jobs)

    def job(self, job_id: str) -> Asking[Job]:
        """A job with all there is to say of it."""
        return self._asked(calls.of_job("GET", job_id), Job.read)

    def jobs(
        self,
        *state: JobState | str,
        external_id: str | None = None,
        verdict: str | None = None,
        text: str | None = None,
        page_size: int | None = None,
    ) -> Telling[Job]:
        """Every job, the newest first; pages are loaded as they are needed.

        Args:
            state: only those in one of these states.
            external_id: only those of this name.
            verdict: only those with this verdict.
            text: only those whose name contains this, or whose id or file's hash begins with it.
            page_size: jobs of one page.
        """
        wanted = {
            "state": [JobState(one).value for one in state] or None,
            "external_id": external_id,
            "verdict": verdict,
            "text": text,
        }
        cursor = None
        while True:
            page = yield from self._asked(calls.listing(wanted, page_size, cursor), JobPage.read)
            yield from _all_of(page.jobs)
            cursor = page.next_cursor
            if cursor is None:
                return

    def cancel(self, job_id: str) -> Asking[Job]:
        """End a job that waits at once, and a running one soon.

        Raises:
            Conflict: it ended before, in another way.
        """
        return self._asked(calls.of_job("DELETE", job_id), Job.read)

    def forget(self, job_id: str) -> Asking[ForgottenJob]:
        """Delete an ended job with its file and its report, for good.

        Raises:
            Conflict: it has not ended.
        """
        return self._asked(calls.forget(job_id), ForgottenJob.read)

    def report(self, job_id: str) -> Asking[dict[str, Any]]:
        """The report alone (``docs/report.schema.json``).

        Raises:
            Conflict: there is none, or none yet.
        """
        return self._asked(calls.of_job("GET", job_id, "/report.json"), dict)

    def artifacts(self, job_id: str) -> Asking[list[Artifact]]:
        """The files that a job has now: its upload while that is kept, and its report once there is one."""
        return self._asked(calls.of_job("GET", job_id, "/artifacts"), artifacts_in)

    def download(self, job_id: str, name: str, path: str | os.PathLike[str]) -> Asking[Path]:
        """Load a file of a job; what is at `path` is replaced once all of it has come.

        Args:
            job_id: which.
            name: of the file, as `artifacts` has it; or ``report.html`` or ``report.pdf``, the report for people.
            path: where to put it.

        Returns:
            the path.

        Raises:
            NotFound: there is no such job or file, or it is no longer kept.
            Conflict: the job has no report, or none yet.
            OSError: the file cannot be written.
        """
        call, target, attempt = calls.loading(job_id, name), Path(path), 0
        while True:
            attempt += 1
            outcome = yield Send(call, streamed=True)
            if isinstance(outcome, httpx.Response) and outcome.is_success:
                outcome = yield from _saved(target)
                if outcome is None:
                    return target
            yield Pause(calls.pause_after(call, self.retries, attempt, outcome))

    def deliveries(self, job_id: str) -> Asking[list[Delivery]]:
        """What was sent, or is to be sent, to the job's ``callback_url``, in order; nothing before its end."""
        return self._asked(calls.of_job("GET", job_id, "/deliveries"), deliveries_in)

    def replay(self, job_id: str, delivery_id: int) -> Asking[Delivery]:
        """Have the event of a job sent again, as another delivery.

        Raises:
            Conflict: it is on its way already.
        """
        return self._asked(calls.replay(job_id, delivery_id), Delivery.read)

    def give_feedback(
        self, job_id: str, label: Label | str, *, note: str | None = None, reviewer: str | None = None
    ) -> Asking[Feedback]:
        """Say what the video of a job is; the latest word counts.

        Args:
            job_id: which.
            label: ``fake`` or ``real``.
            note: why, at most 2000 characters; deleted with the job.
            reviewer: who says so, at most 128 characters; deleted with the job.

        Raises:
            Conflict: the job has no report.
        """
        return self._asked(calls.give_feedback(job_id, Label(label), note, reviewer), Feedback.read)

    def feedback(self, job_id: str) -> Asking[FeedbackHistory]:
        """What was said of the video of a job."""
        return self._asked(calls.of_job("GET", job_id, "/feedback"), FeedbackHistory.read)

    def reviews(self, *, page_size: int | None = None) -> Telling[Review]:
        """The jobs most worth a look, in order; pages are loaded as they are needed."""
        cursor = None
        while True:
            page = yield from self._asked(calls.reviewing(page_size, cursor), ReviewPage.read)
            yield from _all_of(page.reviews)
            cursor = page.next_cursor
            if cursor is None:
                return

    def wait(self, job_id: str, *, timeout_s: float | None = None) -> Asking[Job]:
        """A job once it has ended, whichever way.

        Args:
            job_id: which.
            timeout_s: how long to wait; None waits for as long as it takes.

        Raises:
            NotInTime: it has not ended by then.
        """
        begun_s, pause = self.clock(), calls.polls()
        while not (job := (yield from self.job(job_id))).ended:
            pause_s = pause()
            if timeout_s is not None and self.clock() + pause_s - begun_s > timeout_s:
                raise NotInTime(f"job {job_id} is still {job.state.value} after {timeout_s:g} s")
            yield Pause(pause_s)
        return job

    def events(self, job_id: str, last: int | None = None) -> Telling[JobEvent]:
        """What is told of a job live, until it has ended; a stream that breaks off is taken up again.

        Args:
            job_id: which.
            last: id of the last event that is known; None tells from where it is now.
        """
        lost = refused = 0  # connections in a row
        while True:
            call = calls.listening(job_id, last)
            outcome = yield Send(call, streamed=True)
            if isinstance(outcome, httpx.Response) and not outcome.is_success:
                refused += 1
                yield Pause(calls.pause_after(call, self.retries, refused, outcome))
                continue
            refused = 0
            if isinstance(outcome, httpx.Response):
                if outcome.status_code == httpx.codes.NO_CONTENT:  # no more will ever come
                    return
                event, outcome = yield from _heard()
                if event is not None:
                    if event.job.ended:
                        return
                    last, lost = event.id, 0
            if outcome is None:  # the service stops, or is about to be replaced
                yield Pause(RECONNECT_S)
            else:
                lost += 1
                yield Pause(calls.pause_after(call, self.retries, lost, outcome))

    def _asked(self, call: Call, read: Callable[[Any], Value]) -> Asking[Value]:
        """One request, repeated where that helps, and what `read` makes of its answer."""
        attempt = 0
        while True:
            attempt += 1
            outcome = yield Send(call)
            if isinstance(outcome, httpx.Response) and outcome.is_success:
                return understood(calls.json_of(outcome), read)
            yield Pause(calls.pause_after(call, self.retries, attempt, outcome))


def _all_of(values: Sequence[Value]) -> Telling[Value]:
    for value in values:
        yield Found(value)


def _heard() -> Generator[Step | Found[JobEvent], Any, tuple[JobEvent | None, httpx.TransportError | None]]:
    """Tell the events of one connection; the last of them, and what broke the connection, if anything did."""
    reader, last = EventReader(), None
    while isinstance(line := (yield NextLine()), str):
        event = reader.feed(line)
        if event is not None:
            last = event
            yield Found(event)
            if event.job.ended:
                break
    return last, line if isinstance(line, httpx.TransportError) else None


def _saved(path: Path) -> Generator[Step, Any, httpx.TransportError | None]:
    """Make a file of the open response; what broke it off, if anything did, and then there is no file."""
    try:
        with calls.arriving(path) as file:
            while (piece := (yield NextPiece())) is not None:
                if isinstance(piece, httpx.TransportError):
                    raise piece
                file.write(piece)
    except httpx.TransportError as error:
        return error
    return None
