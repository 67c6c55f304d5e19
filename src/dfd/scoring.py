"""What a model backend says besides scores: who answered, how it is, and what happened to it."""

from dataclasses import dataclass
from enum import StrEnum

from dfd.types import FloatArray


@dataclass(frozen=True, slots=True)
class Answer:
    """Scores, and who gave them.

    Attributes:
        logits: ``(N,) float32`` logits of *fake*.
        backend: name of the backend that gave them, as ``onnx``.
    """

    logits: FloatArray
    backend: str


@dataclass(frozen=True, slots=True)
class BackendState:
    """How a backend is, for people and probes.

    Attributes:
        name: of the backend.
        ready: whether it would answer itself; a fall-back does not count.
        server: what its server says of the model, as JSON-ready values; None where there is no server, or no answer.
        reason: why it is not ready; None where it is.
        breaker: state of its circuit breaker; None where it has none.
        fallback: name of the backend that answers in its place; None where none may or can.
    """

    name: str
    ready: bool
    server: object | None = None
    reason: str | None = None
    breaker: str | None = None
    fallback: str | None = None

    @property
    def answers(self) -> bool:
        """Whether a batch would be scored now, by whichever backend."""
        return self.ready or self.fallback is not None


class BackendEventKind(StrEnum):
    """What may happen to a backend."""

    ANSWERED = "answered"
    """A request was answered; `BackendEvent.duration_s` says after how long, repetitions included."""
    FAILED = "failed"
    """A request was given up."""
    RETRIED = "retried"
    """A request failed and is sent again."""
    BREAKER_OPENED = "breaker_opened"
    BREAKER_CLOSED = "breaker_closed"
    FELL_BACK = "fell_back"
    """Another backend answered in its place."""


@dataclass(frozen=True, slots=True)
class BackendEvent:
    """Something that happened to a backend, for counters and logs.

    Attributes:
        kind: what.
        backend: name of the backend.
        cause: why, from a small closed set (`dfd.backends.model_server.Fault`); None where nothing went wrong.
        detail: the error in words.
        duration_s: see `BackendEventKind.ANSWERED`.
    """

    kind: BackendEventKind
    backend: str
    cause: str | None = None
    detail: str | None = None
    duration_s: float | None = None
