"""The embedded model answers in place of a model server that does not, where the operator allows it."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from dfd.backends.breaker import Guarded
from dfd.backends.remote import Listener
from dfd.errors import BackendUnavailable
from dfd.ports import ModelBackend
from dfd.scoring import Answer, BackendEvent, BackendEventKind, BackendState
from dfd.types import FloatArray


class FallbackBackend(ModelBackend):
    """Asks one backend, and another when that does not answer.

    Both must be of one model, so that calibration and threshold hold for either. `answer` tells who answered.
    """

    def __init__(self, first: ModelBackend, second: ModelBackend, listener: Listener) -> None:
        """Put them together.

        Args:
            first: asked as long as it answers.
            second: asked where `first` raises `BackendUnavailable`.
            listener: told of each batch that went to `second`.
        """
        self._first = first
        self._second = second
        self._listener = listener

    @property
    def name(self) -> str:
        """That of the first."""
        return self._first.name

    @property
    def left_alone(self) -> bool:
        """Whether the first is, though the second answers; see `dfd.backends.breaker.Guarded`."""
        return isinstance(self._first, Guarded) and self._first.left_alone

    def predict(self, batch: FloatArray) -> npt.NDArray[np.float32]:
        """As `answer`, without who answered."""
        return self.answer(batch).logits

    def answer(self, batch: FloatArray) -> Answer:
        """Score a batch by whichever answers.

        Raises:
            BackendUnavailable: neither does.
        """
        try:
            return self._first.answer(batch)
        except BackendUnavailable as error:
            self._listener(
                BackendEvent(BackendEventKind.FELL_BACK, self.name, getattr(error, "fault", None), str(error))
            )
            return self._second.answer(batch)

    def ready(self) -> bool:
        """Whether either is."""
        return self._first.ready() or self._second.ready()

    def state(self) -> BackendState:
        """That of the first, and who stands in."""
        return replace(self._first.state(), fallback=self._second.name if self._second.ready() else None)
