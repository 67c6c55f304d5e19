"""Which request, job and trace the work at hand belongs to, so that every line of the log can say so.

Context variables: what is started for a request by asyncio or anyio, threads included, sees its values.
"""

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Self

REQUEST_ID: ContextVar[str | None] = ContextVar("dfd_request_id", default=None)
"""Id of the request being answered."""

JOB_ID: ContextVar[str | None] = ContextVar("dfd_job_id", default=None)
"""Id of the job being worked on."""

_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")


@dataclass(frozen=True, slots=True)
class Trace:
    """Where the work stands in a trace, as the header ``traceparent`` of W3C Trace Context (level 1) has it.

    Attributes:
        trace_id: 32 lower-case hex digits, not all zero.
        span_id: 16 of them; the caller's span in a header that came, ours in one that goes on.
        flags: 2 of them; the lowest bit says that the trace is recorded.
        parent_id: of the span above this one; None where there is none, or it is not known.
    """

    trace_id: str
    span_id: str
    flags: str = "00"
    parent_id: str | None = None

    @classmethod
    def parsed(cls, header: str | None) -> Self | None:
        """What a header says; None where there is none, or it is not valid, which the standard says to ignore."""
        found = _TRACEPARENT.fullmatch(header or "")
        if found is None or found[1] == "ff" or (found[1] == "00" and found[5]):
            return None
        trace_id, span_id = found[2], found[3]
        return cls(trace_id, span_id, found[4]) if int(trace_id, 16) and int(span_id, 16) else None

    @classmethod
    def begun(cls) -> Self:
        """A trace of its own."""
        return cls(secrets.token_hex(16), secrets.token_hex(8))

    def child(self) -> Self:
        """A span below this one."""
        return replace(self, span_id=secrets.token_hex(8), parent_id=self.span_id)

    @property
    def is_kept(self) -> bool:
        """Whether its spans are recorded."""
        return bool(int(self.flags, 16) & 1)

    @property
    def header(self) -> str:
        """The value of ``traceparent``."""
        return f"00-{self.trace_id}-{self.span_id}-{self.flags}"


TRACE: ContextVar[Trace | None] = ContextVar("dfd_trace", default=None)
"""Where the work at hand stands in a trace."""


@contextmanager
def job_at_hand(job_id: str, traceparent: str | None) -> Iterator[None]:
    """Mark what this thread does inside the block as work on a job, in the trace that its request was in."""
    trace = Trace.parsed(traceparent)
    job_token = JOB_ID.set(job_id)
    trace_token = TRACE.set(trace.child() if trace else Trace.begun())
    try:
        yield
    finally:
        TRACE.reset(trace_token)
        JOB_ID.reset(job_token)
