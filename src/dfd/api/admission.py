"""Who may upload and analyse now: a bounded number of analyses, a short queue, and a quick no for everyone else."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

from anyio import CancelScope, CapacityLimiter, to_thread
from starlette.requests import ClientDisconnect, Request

from dfd.api.services import Services
from dfd.errors import Overloaded
from dfd.pipeline import AnalysisOptions, Progress
from dfd.report import Report


class AnalysisDesk:
    """Runs analyses in worker threads of its own, off the event loop."""

    def __init__(self, services: Services) -> None:
        """Set up as many places as `services.policy` allows."""
        self._model = services.model
        self._retry_after_s = services.policy.retry_after_s
        self._threads = CapacityLimiter(services.policy.max_concurrency)
        self._admitted = 0
        self.capacity = services.policy.max_concurrency + services.policy.max_waiting

    @property
    def running(self) -> int:
        """Analyses running now."""
        return int(self._threads.borrowed_tokens)

    @property
    def admitted(self) -> int:
        """Callers inside `admission` now."""
        return self._admitted

    @contextmanager
    def admission(self) -> Iterator[None]:
        """Hold one place from before the upload is read until the answer is ready.

        Raises:
            Overloaded: every place is taken.
        """
        if self._admitted >= self.capacity:
            raise Overloaded("every place is taken, try again later", self._retry_after_s)
        self._admitted += 1
        try:
            yield
        finally:
            self._admitted -= 1

    async def analyze(self, path: Path, options: AnalysisOptions, request: Request) -> Report:
        """Analyse a file when its turn comes; a caller who goes away ends it at the next frame.

        Args:
            path: the file.
            options: of the analysis.
            request: whose body has been read to its end; watched for its caller's leaving.

        Raises:
            ClientDisconnect: the caller went away.
            DfdError: whatever the analysis raises.
        """
        left = Event()

        def stop_if_left(_progress: Progress) -> None:
            if left.is_set():
                raise ClientDisconnect

        def run() -> Report:
            return self._model.analyze(path, options, stop_if_left)

        with CancelScope() as waiting:
            watcher = asyncio.create_task(_when_left(request, left, waiting.cancel))
            try:
                return await to_thread.run_sync(run, limiter=self._threads)
            finally:
                left.set()
                watcher.cancel()
        raise ClientDisconnect


async def _when_left(request: Request, left: Event, cancel: Callable[[], None]) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
    left.set()
    cancel()
