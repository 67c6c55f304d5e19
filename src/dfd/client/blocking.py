"""The client for ordinary code."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from dfd.client import calls
from dfd.client.calls import Call, Media, Retries
from dfd.client.errors import NotInTime
from dfd.client.streams import RECONNECT_S, EventReader
from dfd.client.values import (
    Artifact,
    Delivery,
    Job,
    JobEvent,
    JobPage,
    Prediction,
    accepted_jobs,
    artifacts_in,
    deliveries_in,
    understood,
)
from dfd.job import JobState


class Client:
    """Speaks with one service. A context manager; safe to use from several threads.

    Every method raises `dfd.client.ClientError`; those that send files also OSError.
    """

    def __init__(
        self,
        url: str = "http://localhost:8000",
        token: str | None = None,
        *,
        timeout_s: float = 300.0,
        retries: Retries | None = None,
        http: httpx.Client | None = None,
        sleep: Callable[[float], object] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Nothing is sent yet.

        Args:
            url: address of the service.
            token: the bearer secret, where the service asks for one.
            timeout_s: longest silence of the service.
            retries: how often and how patiently a call is repeated.
            http: used instead of a client of its own, with its address, headers and timeouts; not closed here.
            sleep: waits for so many seconds.
            clock: seconds since any moment.
        """
        self._own = http is None
        self._http = http or httpx.Client(base_url=url, headers=calls.headers_of(token), timeout=timeout_s)
        self._retries = retries or Retries()
        self._sleep = sleep
        self._clock = clock

    def close(self) -> None:
        """Close its connections."""
        if self._own:
            self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def predict(self, media: Media, *, fps: float | None = None, operating_point: str | None = None) -> Prediction:
        """Analyse one file now.

        Args:
            media: its path, or its bytes.
            fps: frames sampled for each second of video; None leaves it to the service.
            operating_point: of the model, by name; None leaves it to the service.
        """
        return understood(self._json(calls.predict(media, fps, operating_point)), Prediction.read)

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
    ) -> list[Job]:
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
        return understood(self._json(calls.submit(media, wishes, key)), accepted_jobs)

    def job(self, job_id: str) -> Job:
        """A job with all there is to say of it."""
        return understood(self._json(calls.of_job("GET", job_id)), Job.read)

    def jobs(
        self, *state: JobState | str, external_id: str | None = None, page_size: int | None = None
    ) -> Iterator[Job]:
        """Every job, the newest first, in one of the states where any is given; pages are loaded as they are needed."""
        wanted = [JobState(one) for one in state]
        cursor = None
        while True:
            page = understood(self._json(calls.listing(wanted, external_id, page_size, cursor)), JobPage.read)
            yield from page.jobs
            cursor = page.next_cursor
            if cursor is None:
                return

    def cancel(self, job_id: str) -> Job:
        """End a job that waits at once, and a running one soon.

        Raises:
            Conflict: it ended before, in another way.
        """
        return understood(self._json(calls.of_job("DELETE", job_id)), Job.read)

    def report(self, job_id: str) -> dict[str, Any]:
        """The report alone (``docs/report.schema.json``).

        Raises:
            Conflict: there is none, or none yet.
        """
        return understood(self._json(calls.of_job("GET", job_id, "/report.json")), dict)

    def artifacts(self, job_id: str) -> list[Artifact]:
        """The files that a job has now: its upload while that is kept, and its reports once there are any."""
        return understood(self._json(calls.of_job("GET", job_id, "/artifacts")), artifacts_in)

    def download(self, job_id: str, name: str, path: str | os.PathLike[str]) -> Path:
        """Load a file of a job; what is at `path` is replaced once all of it has come.

        Args:
            job_id: which.
            name: of the file, as `artifacts` has it.
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
            outcome: httpx.Response | httpx.TransportError
            try:
                with self._http.stream(call.method, call.path, follow_redirects=True) as response:
                    outcome = response
                    if response.is_success:
                        with calls.arriving(target) as file:
                            for piece in response.iter_bytes():
                                file.write(piece)
                        return target
                    response.read()
            except httpx.TransportError as error:
                outcome = error
            self._sleep(calls.pause_after(call, self._retries, attempt, outcome))

    def deliveries(self, job_id: str) -> list[Delivery]:
        """What was sent, or is to be sent, to the job's ``callback_url``, in order; nothing before its end."""
        return understood(self._json(calls.of_job("GET", job_id, "/deliveries")), deliveries_in)

    def replay(self, job_id: str, delivery_id: int) -> Delivery:
        """Have the event of a job sent again, as another delivery.

        Raises:
            Conflict: it is on its way already.
        """
        return understood(self._json(calls.replay(job_id, delivery_id)), Delivery.read)

    def wait(self, job_id: str, *, timeout_s: float | None = None) -> Job:
        """A job once it has ended, whichever way.

        Args:
            job_id: which.
            timeout_s: how long to wait; None waits for as long as it takes.

        Raises:
            NotInTime: it has not ended by then.
        """
        begun_s, pause = self._clock(), calls.polls()
        while not (job := self.job(job_id)).ended:
            pause_s = pause()
            if timeout_s is not None and self._clock() + pause_s - begun_s > timeout_s:
                raise NotInTime(f"job {job_id} is still {job.state.value} after {timeout_s:g} s")
            self._sleep(pause_s)
        return job

    def events(self, job_id: str, last: int | None = None) -> Iterator[JobEvent]:
        """What is told of a job live, until it has ended; a stream that breaks off is taken up again.

        Args:
            job_id: which.
            last: id of the last event that is known; None tells from where it is now.
        """
        silent = 0
        while True:
            try:
                for event in self._stream(calls.listening(job_id, last)):
                    if event is None:
                        return
                    last, silent = event.id, 0
                    yield event
                    if event.job.ended:
                        return
            except httpx.TransportError as error:
                silent += 1
                self._sleep(calls.pause_after(calls.listening(job_id, last), self._retries, silent, error))
            else:  # the service stops, or is about to be replaced
                self._sleep(RECONNECT_S)

    def _stream(self, call: Call) -> Iterator[JobEvent | None]:
        """The events of one connection; None says that no more will ever come."""
        attempt = 0
        while True:
            attempt += 1
            with call.sendable() as arguments, self._http.stream(**arguments) as response:
                if response.status_code == httpx.codes.NO_CONTENT:
                    yield None
                    return
                if response.is_success:
                    yield from _events_in(response)
                    return
                response.read()
            self._sleep(calls.pause_after(call, self._retries, attempt, response))

    def _json(self, call: Call) -> Any:
        attempt = 0
        while True:
            attempt += 1
            outcome: httpx.Response | httpx.TransportError
            try:
                with call.sendable() as arguments:
                    outcome = self._http.request(**arguments)
            except httpx.TransportError as error:
                outcome = error
            if isinstance(outcome, httpx.Response) and outcome.is_success:
                return calls.json_of(outcome)
            self._sleep(calls.pause_after(call, self._retries, attempt, outcome))


def _events_in(response: httpx.Response) -> Iterator[JobEvent]:
    reader = EventReader()
    for line in response.iter_lines():
        if (event := reader.feed(line)) is not None:
            yield event
