"""Asking the model how it is, without holding up anything else.

A question costs an inference, and on a machine that is busy with analyses that takes a while. So one is under way at a
time, whoever asks meanwhile shares its answer, and the last answer is remembered.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from anyio import CapacityLimiter, move_on_after, to_thread

from dfd.api.services import Services
from dfd.scoring import BackendState

PROBE_LIMIT_S: Final = 5
"""How long a probe waits for the model; orchestrators give up soon after."""

FRESH_S: Final = 1.0
"""An answer so young is not asked for again."""

LATELY_S: Final = 15.0
"""An answer so young is good enough for who looks at the service, and is meanwhile asked for again."""

_PROBE_THREADS: Final = 4
"""Threads of the probes' own: analyses, however many, cannot keep a probe waiting."""

Answer = TypeVar("Answer")


class ModelProbe:
    """Asks in worker threads, and takes silence for a no."""

    def __init__(
        self, services: Services, limit_s: float = PROBE_LIMIT_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Ask `services`, and wait at most `limit_s` for each answer; `clock` gives seconds since any moment."""
        threads = CapacityLimiter(_PROBE_THREADS)
        self._model = services.model
        self._limit_s = limit_s
        self._ready = _Question(self._ask_ready, threads, limit_s, clock)
        self._state = _Question(self._ask_state, threads, limit_s, clock)
        self._tf_serving = _Question(services.tf_serving, threads, limit_s, clock)

    async def ready(self, oldest_s: float = FRESH_S) -> bool:
        """Whether the model would answer now, as was found at most so many seconds ago."""
        return await self._ready.answer(oldest_s) or False

    async def state(self, oldest_s: float = FRESH_S) -> BackendState:
        """How the model's backend is, likewise."""
        name = self._model.current.backend.name
        silent = BackendState(name, ready=False, reason=f"no answer within {self._limit_s} s")
        return await self._state.answer(oldest_s) or silent

    async def tf_serving(self, oldest_s: float = FRESH_S) -> object | None:
        """What TensorFlow Serving says of the model, likewise; None where it is not in use or silent."""
        return await self._tf_serving.answer(oldest_s)

    def _ask_ready(self) -> bool:
        return self._model.current.backend.ready()

    def _ask_state(self) -> BackendState:
        return self._model.current.backend.state()


class _Question(Generic[Answer]):
    """A question that is asked once at a time. None stands for silence."""

    def __init__(
        self, question: Callable[[], Answer], threads: CapacityLimiter, limit_s: float, clock: Callable[[], float]
    ) -> None:
        self._question = question
        self._threads = threads
        self._limit_s = limit_s
        self._clock = clock
        self._asking: asyncio.Task[None] | None = None
        self._known: Answer | None = None
        self._known_at_s: float | None = None

    async def answer(self, oldest_s: float) -> Answer | None:
        """The last answer if it is young enough, else the next one."""
        if self._older_than(FRESH_S) and (self._asking is None or self._asking.done()):
            self._asking = asyncio.create_task(self._ask())
        if self._asking is not None and self._older_than(oldest_s):
            await asyncio.shield(self._asking)  # others may wait for it too, also when this caller leaves
        return self._known

    def _older_than(self, age_s: float) -> bool:
        return self._known_at_s is None or self._clock() - self._known_at_s > age_s

    async def _ask(self) -> None:
        found = None
        with move_on_after(self._limit_s):
            found = await to_thread.run_sync(self._question, limiter=self._threads, abandon_on_cancel=True)
        self._known, self._known_at_s = found, self._clock()
