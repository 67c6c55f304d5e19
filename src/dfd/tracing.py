"""Spans of a trace: what the work at hand is a part of, when it began and ended, and what came of it.

Where nobody records (the default) a span costs one look at a variable. Spans are values; whoever records is given each
as it ends (`record_to`), and `dfd.telemetry.spans` hands them to OpenTelemetry. Ids are those of `dfd.correlation`, so
that lines of the log and spans can be found by each other.
"""

import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from dfd.correlation import TRACE, Trace

Attribute = str | bool | int | float
"""What a span may say; none of it is a file's name, an address of a caller or anything else of a person."""


class SpanKind(StrEnum):
    """How a span stands to those around it, in OpenTelemetry's words."""

    INTERNAL = "internal"
    SERVER = "server"
    CLIENT = "client"
    PRODUCER = "producer"
    CONSUMER = "consumer"


@dataclass(frozen=True, slots=True)
class Span:
    """A span that has ended.

    Attributes:
        name: of few different values.
        trace_id: 32 hex digits.
        span_id: 16 of them.
        parent_id: likewise; None for the first span of a trace.
        kind: see `SpanKind`.
        start_ns: since the epoch.
        end_ns: likewise.
        attributes: facts by name.
        error: kind of the exception that ended it, or another word for what went wrong; None where nothing did.
    """

    name: str
    trace_id: str
    span_id: str
    parent_id: str | None
    kind: SpanKind
    start_ns: int
    end_ns: int
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    error: str | None = None


@dataclass(slots=True)
class Noted:
    """What is noted while a span lasts; nobody may ever read it."""

    attributes: dict[str, Attribute] = field(default_factory=dict)
    error: str | None = None


@dataclass(frozen=True, slots=True)
class _Recorder:
    sink: Callable[[Span], None]
    share: float
    rng: random.Random


_recorder: _Recorder | None = None  # of the process, as the log is

_KEPT: Final = "01"


@contextmanager
def record_to(sink: Callable[[Span], None], share: float = 1.0, rng: random.Random | None = None) -> Iterator[None]:
    """Have every span of this process recorded for as long as the block lasts.

    Args:
        sink: given each span as it ends, in the thread that ended it; must be quick and never raise.
        share: of the traces that begin here, from 0 to 1; of those that came from elsewhere the caller has decided.
        rng: draws them.
    """
    global _recorder  # noqa: PLW0603 - one of the process
    before, _recorder = _recorder, _Recorder(sink, share, rng or random.SystemRandom())
    try:
        yield
    finally:
        _recorder = before


def is_recording() -> bool:
    """Whether what is done now is in a trace that is recorded."""
    trace = TRACE.get()
    return _recorder is not None and trace is not None and trace.is_kept


def trace_of(header: str | None, *, worth_it: bool = True) -> Trace:
    """Our place in the trace that a request came with; a trace of its own where it came with none.

    Args:
        header: the request's ``traceparent``.
        worth_it: whether to record a trace that begins here.
    """
    given = Trace.parsed(header)
    if given is not None:
        return given.child()
    begun = Trace.begun()
    recorder = _recorder
    if worth_it and recorder is not None and recorder.rng.random() < recorder.share:
        return replace(begun, flags=_KEPT)
    return begun


def outgoing() -> dict[str, str]:
    """Headers that carry the work at hand's place in its trace to another service."""
    trace = TRACE.get()
    return {} if trace is None else {"traceparent": trace.header}


@contextmanager
def this_span(name: str | Callable[[], str], kind: SpanKind = SpanKind.INTERNAL) -> Iterator[Noted]:
    """Record the block as the span that `TRACE` already names.

    Args:
        name: of the span, or what tells it at the end.
        kind: see `SpanKind`.
    """
    noted = Noted()
    recorder, trace = _recorder, TRACE.get()
    if recorder is None or trace is None or not trace.is_kept:
        yield noted
        return
    start_ns = time.time_ns()
    try:
        yield noted
    except BaseException as error:
        noted.error = noted.error or type(error).__name__
        raise
    finally:
        told = name if isinstance(name, str) else name()
        ids = (trace.trace_id, trace.span_id, trace.parent_id)
        recorder.sink(Span(told, *ids, kind, start_ns, time.time_ns(), noted.attributes, noted.error))


@contextmanager
def span(name: str, kind: SpanKind = SpanKind.INTERNAL) -> Iterator[Noted]:
    """Record the block as a span below the one at hand; where nothing is recorded, only run it."""
    trace = TRACE.get()
    if _recorder is None or trace is None or not trace.is_kept:
        yield Noted()
        return
    token = TRACE.set(trace.child())
    try:
        with this_span(name, kind) as noted:
            yield noted
    finally:
        TRACE.reset(token)


def record_beside(name: str, start_s: float, end_s: float) -> None:
    """Record what has passed before the span at hand, below the same parent; seconds since the epoch."""
    recorder, trace = _recorder, TRACE.get()
    if recorder is None or trace is None or not trace.is_kept:
        return
    times = (round(start_s * 1e9), round(max(start_s, end_s) * 1e9))
    recorder.sink(Span(name, trace.trace_id, trace.child().span_id, trace.parent_id, SpanKind.INTERNAL, *times))


class StageSpans:
    """Spans of stages that take turns, hundreds of times: one for each stage, from its first turn to its last.

    How long it was at work in between is its attribute ``dfd.busy_ms``, and ``dfd.turns`` says how often. Stages lie
    below the one that was at work when they first had a turn. For one thread.
    """

    def __init__(self) -> None:
        """Nothing has had a turn."""
        self._stages: dict[str, _Stage] = {}
        self._depth = 0

    @contextmanager
    def turn(self, name: str) -> Iterator[None]:
        """One turn of a stage; all are recorded when the outermost ends."""
        now_ns = time.time_ns()
        here = TRACE.get()
        stage = self._stages.get(name)
        if stage is None:
            stage = self._stages[name] = _Stage((here or Trace.begun()).child(), now_ns)
        token = TRACE.set(stage.trace)
        self._depth += 1
        try:
            yield
        except BaseException as error:
            stage.error = type(error).__name__
            raise
        finally:
            TRACE.reset(token)
            stage.end_ns = time.time_ns()
            stage.busy_ns += stage.end_ns - now_ns
            stage.turns += 1
            self._depth -= 1
            if self._depth == 0:
                self._record()

    def _record(self) -> None:
        stages, self._stages = self._stages, {}
        recorder = _recorder
        if recorder is None:
            return
        for name, stage in stages.items():
            facts: dict[str, Attribute] = {"dfd.busy_ms": round(stage.busy_ns / 1e6, 3), "dfd.turns": stage.turns}
            ids = (stage.trace.trace_id, stage.trace.span_id, stage.trace.parent_id)
            times = (stage.start_ns, stage.end_ns)
            recorder.sink(Span(name, *ids, SpanKind.INTERNAL, *times, facts, stage.error))


@dataclass(slots=True)
class _Stage:
    trace: Trace
    start_ns: int
    end_ns: int = 0
    busy_ns: int = 0
    turns: int = 0
    error: str | None = None
