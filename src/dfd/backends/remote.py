"""The backend that asks a model server, whatever its protocol: all policy for requests is here.

A batch is cut to what the server takes. Each piece may last the time-out, repetitions included. A piece is sent again
only where that may help: nobody there, a broken connection, a server that says it cannot now. Scoring changes nothing
on the server, so that a piece which was scored and whose answer was lost may be scored again.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from dfd.backends.answers import as_logits, check_batch, label, one_number_each
from dfd.backends.breaker import BreakerState, CircuitBreaker
from dfd.backends.model_server import Fault, ModelServer, ServedModel, ServerFault
from dfd.errors import BackendUnavailable
from dfd.manifest import ModelManifest
from dfd.ports import ModelBackend
from dfd.scoring import BackendEvent, BackendEventKind, BackendState
from dfd.types import FloatArray

Listener = Callable[[BackendEvent], None]
"""Told of every event, in the thread of the request; must not raise."""

STATUS_TIMEOUT_S: Final = 2.0
"""Longest wait for a server's status: health checks must be quick, whatever the time-out of requests."""


@dataclass(frozen=True, slots=True)
class Retry:
    """When a request is sent again.

    Attributes:
        max_attempts: of one request, the first included.
        first_wait_s: longest wait before the second attempt; twice as long before each further one. The wait is drawn
            between half of that and all of it, so that callers who failed together do not come back together.
    """

    max_attempts: int = 4
    first_wait_s: float = 0.25

    def wait_s(self, attempt: int, rng: random.Random) -> float:
        """Seconds to wait after the `attempt`-th attempt, counted from 1."""
        longest: float = self.first_wait_s * 2 ** (attempt - 1)
        return longest * (0.5 + rng.random() / 2)


@dataclass(frozen=True, slots=True)
class Timing:
    """How a remote backend deals with time and chance.

    Attributes:
        timeout_s: longest time of one piece of a batch, repetitions included; the first piece, and one after a fault,
            may take as long again for each question about the model.
        retry: when a piece is sent again.
        clock: seconds since some fixed moment.
        sleep: waits for so many seconds.
        rng: draws the waits.
    """

    timeout_s: float
    retry: Retry = field(default_factory=Retry)
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    rng: random.Random = field(default_factory=random.Random)


class RemoteBackend(ModelBackend):
    """Scores crops on a model server. Connections are kept and shared between threads."""

    def __init__(
        self,
        name: str,
        server: ModelServer,
        manifest: ModelManifest,
        timing: Timing,
        listener: Listener,
        breaker: CircuitBreaker | None = None,
    ) -> None:
        """Prepare; the server is first asked with the first batch, so that it may come later.

        Args:
            name: see `ModelBackend.name`.
            server: asked for the model.
            manifest: says how the model is fed and what it emits; what the server says is checked against it.
            timing: time-out and repetitions.
            listener: told what happens.
            breaker: turns requests away while the server keeps failing; None is one with the usual limits.
        """
        self._name = name
        self._server = server
        self._manifest = manifest
        self._timing = timing
        self._listener = listener
        self._breaker = breaker or CircuitBreaker(timing.clock)
        self._described: ServedModel | None = None
        self._most = manifest.max_batch

    @property
    def name(self) -> str:
        """As it was given."""
        return self._name

    @property
    def left_alone(self) -> bool:
        """See `dfd.backends.breaker.Guarded`; half-open counts, for nothing has been answered yet."""
        return self._breaker.state is not BreakerState.CLOSED

    def predict(self, batch: FloatArray) -> npt.NDArray[np.float32]:
        """Score a batch, in pieces of what manifest and server take; see `ModelBackend.predict`.

        Raises:
            ValueError: `batch` is not what the manifest says, which is the caller's mistake.
            BackendUnavailable: the server does not answer, or answers nonsense.
        """
        check_batch(batch, self._manifest)
        outputs = np.empty(len(batch), np.float32)
        done = 0
        while done < len(batch):
            scored = self._score_some(batch[done:])
            outputs[done : done + len(scored)] = scored
            done += len(scored)
        return as_logits(outputs, self._manifest.output)

    def ready(self) -> bool:
        """Whether the server has the model that the manifest describes, and is not left alone after failures."""
        return self._reason() is None

    def state(self) -> BackendState:
        """What the server says of the model, and why it cannot be used, where that is so."""
        try:
            said: object | None = self._server.status(STATUS_TIMEOUT_S)
            reason = self._reason()
        except ServerFault as fault:
            said, reason = None, str(fault)
        return BackendState(self._name, reason is None, said, reason, self._breaker.state.value)

    def close(self) -> None:
        """Close idle connections; the backend may be used again all the same."""
        self._server.close()

    def _reason(self) -> str | None:
        """Why the server cannot be used now."""
        if self._breaker.state is BreakerState.OPEN:
            return self._breaker.reason
        try:
            self._look(STATUS_TIMEOUT_S)
        except ServerFault as fault:
            return str(fault)
        return None

    def _score_some(self, batch: FloatArray) -> npt.NDArray[np.float32]:
        """Score as many crops from the front as the server takes at once.

        What it takes may become known only here: the first request describes the model, and some servers do not say.
        """
        deadline_s = self._timing.clock() + self._timing.timeout_s
        while True:
            try:
                return self._through_breaker(batch, deadline_s)
            except _TooMany as too_many:
                self._most = max(1, too_many.count // 2)

    def _through_breaker(self, batch: FloatArray, deadline_s: float) -> npt.NDArray[np.float32]:
        if not self._breaker.admit():
            reason = self._breaker.reason or "being tried by another request"
            turned_away = ServerFault(Fault.AWAY, f"{self._server.where} is {reason}")
            self._tell(BackendEventKind.FAILED, turned_away)
            raise turned_away
        started_s = self._timing.clock()
        try:
            outputs = self._persist(batch, deadline_s)
        except ServerFault as fault:
            opened = self._breaker.failed(str(fault))
            self._tell(BackendEventKind.FAILED, fault)
            if opened:
                self._tell(BackendEventKind.BREAKER_OPENED, fault)
            raise
        except BaseException:
            self._breaker.left()
            raise
        duration_s = self._timing.clock() - started_s
        if self._breaker.succeeded():
            self._listener(BackendEvent(BackendEventKind.BREAKER_CLOSED, self._name))
        self._listener(BackendEvent(BackendEventKind.ANSWERED, self._name, duration_s=duration_s))
        return outputs

    def _persist(self, batch: FloatArray, deadline_s: float) -> npt.NDArray[np.float32]:
        """Try until it works, it cannot work, or time is up."""
        attempt = 1
        while True:
            try:
                return self._try(batch, max(0.001, deadline_s - self._timing.clock()))
            except ServerFault as fault:
                wait_s = self._timing.retry.wait_s(attempt, self._timing.rng)
                in_time = self._timing.clock() + wait_s < deadline_s
                if not (fault.again and in_time and attempt < self._timing.retry.max_attempts):
                    raise
                self._tell(BackendEventKind.RETRIED, fault)
            self._timing.sleep(wait_s)
            attempt += 1

    def _try(self, batch: FloatArray, timeout_s: float) -> npt.NDArray[np.float32]:
        """One attempt; after a fault the server may have another model, so it is looked at again."""
        started_s = self._timing.clock()
        model = self._described or self._look(timeout_s)
        piece = np.ascontiguousarray(batch[: self._most])
        left_s = max(0.001, timeout_s - (self._timing.clock() - started_s))
        try:
            outputs = self._server.infer(model, piece, left_s)
            return self._checked(outputs, len(piece))
        except ServerFault as fault:
            self._described = None
            if fault.fault is Fault.TOO_LARGE and len(piece) > 1:
                raise _TooMany(len(piece)) from fault
            if fault.fault is Fault.UNKNOWN_MODEL:
                self._look(left_s)  # says whether it is the name or the version
            raise

    def _checked(self, outputs: npt.NDArray[np.floating], count: int) -> npt.NDArray[np.float32]:
        try:
            scores = one_number_each(outputs, count, f"{label(self._manifest)} of {self._server.where}")
            as_logits(scores, self._manifest.output)
        except BackendUnavailable as error:
            raise ServerFault(Fault.GARBAGE, str(error)) from error
        return scores

    def _look(self, timeout_s: float) -> ServedModel:
        """Ask what the server has, and compare it with the manifest."""
        model = self._server.describe(timeout_s)
        self._most = min(self._most, _checked_limit(model, self._manifest, self._server.where))
        self._described = model
        return model

    def _tell(self, kind: BackendEventKind, fault: ServerFault) -> None:
        self._listener(BackendEvent(kind, self._name, fault.fault.value, str(fault)))


class _TooMany(Exception):
    """The server takes fewer crops at once than `count`."""

    def __init__(self, count: int) -> None:
        super().__init__(count)
        self.count = count


def _checked_limit(model: ServedModel, manifest: ModelManifest, where: str) -> int:
    """Most crops of one request, after comparing what the server says with the manifest.

    Raises:
        ServerFault: the model takes other crops, or batches of one size only.
    """
    limit = min(manifest.max_batch, model.max_batch or manifest.max_batch)
    if model.input_shape is None:
        return limit
    promised = manifest.input.tensor_shape
    batch_axis, *crop = model.input_shape or (0,)
    if len(crop) != len(promised) or any(axis not in (-1, side) for axis, side in zip(crop, promised, strict=True)):
        raise ServerFault(
            Fault.MISMATCH,
            f"{where} takes crops of {crop}, but the manifest of {label(manifest)} says {list(promised)}: "
            "another model is served, or another version",
        )
    if batch_axis > 1:
        raise ServerFault(
            Fault.MISMATCH, f"{where} takes batches of {batch_axis} only; serve the model with a free batch axis"
        )
    return 1 if batch_axis == 1 else limit
