"""Asking the model how it is, without holding up anything else."""

from collections.abc import Callable
from typing import TypeVar

from anyio import CapacityLimiter, move_on_after, to_thread

from dfd.api.services import Services
from dfd.scoring import BackendState

PROBE_LIMIT_S = 5
"""How long a probe waits for the model; orchestrators give up soon after."""

_PROBE_THREADS = 4
"""Threads of the probes' own: analyses, however many, cannot keep a probe waiting."""

Answer = TypeVar("Answer")


class ModelProbe:
    """Asks in worker threads, and takes silence for a no."""

    def __init__(self, services: Services, limit_s: float = PROBE_LIMIT_S) -> None:
        """Ask `services`, and wait at most `limit_s` for each answer."""
        self._model = services.model
        self._tf_serving = services.tf_serving
        self._limit_s = limit_s
        self._threads = CapacityLimiter(_PROBE_THREADS)

    async def ready(self) -> bool:
        """Whether the model would answer now."""
        return await self._ask(self._model.current.backend.ready) or False

    async def state(self) -> BackendState:
        """How the model's backend is."""
        backend = self._model.current.backend
        silent = BackendState(backend.name, ready=False, reason=f"no answer within {self._limit_s} s")
        return await self._ask(backend.state) or silent

    async def tf_serving(self) -> object | None:
        """What TensorFlow Serving says of the model; None where it is not in use or silent."""
        return await self._ask(self._tf_serving)

    async def _ask(self, question: Callable[[], Answer]) -> Answer | None:
        with move_on_after(self._limit_s):
            return await to_thread.run_sync(question, limiter=self._threads, abandon_on_cancel=True)
        return None
