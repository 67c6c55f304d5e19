"""A job told live: Server-Sent Events (WHATWG HTML, "Server-sent events").

The table is asked a few times a second, so a caller may listen to any process, whoever works on the job. The id of an
event is the job's revision: a caller who comes back with ``Last-Event-ID`` misses the end of nothing and hears nothing
twice.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Final

from anyio import CapacityLimiter, to_thread

from dfd.api.job_schemas import JobDetail
from dfd.errors import JobNotFound, Overloaded, Unavailable

LOOK_EVERY_S: Final = 0.5
"""How often the table is asked; progress is written to it once a second."""

COMMENT_EVERY_S: Final = 10.0
"""Silence after which a comment is sent, so that nobody between takes the connection for dead."""

_RETRY_AFTER_S: Final = 5


class Streams:
    """The callers who listen, of whom there may be so many."""

    def __init__(self, most: int) -> None:
        """Let `most` callers listen at the same time."""
        self._most = most
        self._open = 0
        self._stopping = False
        self.threads = CapacityLimiter(4)

    @property
    def stopping(self) -> bool:
        """Whether the service is about to end, and listeners are to leave."""
        return self._stopping

    def stop(self) -> None:
        """Send every listener away; they come back to another process, or to the next one."""
        self._stopping = True

    def check_room(self) -> None:
        """Refuse before the head of the answer is sent.

        Raises:
            Overloaded: too many listen.
        """
        if self._open >= self._most:
            raise Overloaded("too many callers listen to jobs, try again later", _RETRY_AFTER_S)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Count one listener."""
        self._open += 1
        try:
            yield
        finally:
            self._open -= 1


async def events_of(look: Callable[[], tuple[int, JobDetail]], streams: Streams, seen: int) -> AsyncIterator[str]:
    """Tell of a job until it has ended: ``progress`` with every change, then ``result``.

    Args:
        look: the job's revision and what there is to say of it; called in a worker thread.
        streams: counts the listeners.
        seen: the last revision that the caller knows, -1 for none.

    Yields:
        pieces of the stream, ready to be sent.
    """
    with streams.listening():
        yield "retry: 2000\n\n"
        said_s = time.monotonic()
        while not streams.stopping:
            try:
                revision, job = await to_thread.run_sync(look, limiter=streams.threads)
            except JobNotFound:  # no longer kept
                return
            except Unavailable:
                revision, job = seen, None
            if job is not None and revision > seen:
                ended = job.finished_at is not None
                yield _event("result" if ended else "progress", revision, job)
                seen, said_s = revision, time.monotonic()
                if ended:
                    return
            if time.monotonic() - said_s >= COMMENT_EVERY_S:
                yield ": still here\n\n"
                said_s = time.monotonic()
            await asyncio.sleep(LOOK_EVERY_S)


def _event(kind: str, revision: int, job: JobDetail) -> str:
    # Only ASCII: some readers end a line at U+0085, U+2028 and U+2029 too, which names of files may hold.
    data = json.dumps(job.model_dump(mode="json"), separators=(",", ":"))
    return f"event: {kind}\nid: {revision}\ndata: {data}\n\n"
