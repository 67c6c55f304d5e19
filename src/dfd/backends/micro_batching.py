"""Batches of videos that are analysed at the same time are scored together.

While one batch is being scored, those that come wait in line; whoever is next then scores as many of them as fit into
one call. So nobody waits for company that may not come: a batch that comes alone is scored at once, in its own thread,
and one that comes beside others waits for those before it, as it would for the processor. To wait longer than that
would gain nothing: on a CPU a crop costs about as much in a batch of eight as in one of thirty-two.
"""

import threading
from collections import deque
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from dfd.errors import BackendUnavailable
from dfd.ports import ModelBackend
from dfd.types import FloatArray


@dataclass(slots=True, eq=False)
class _Waiting:
    """A batch in line, and what became of it. `turn` is set when it was scored, or when its thread is to score."""

    batch: FloatArray
    turn: threading.Event = field(default_factory=threading.Event)
    logits: npt.NDArray[np.float32] | None = None
    error: BackendUnavailable | None = None

    @property
    def settled(self) -> bool:
        return self.logits is not None or self.error is not None


class MicroBatcher(ModelBackend):
    """Puts a backend's batches of several threads together. A crop scores the same alone and in company."""

    def __init__(self, backend: ModelBackend, max_batch: int) -> None:
        """Stand before `backend`, whose calls then hold at most `max_batch` crops unless one caller brings more."""
        self._backend = backend
        self._max_batch = max_batch
        self._lock = threading.Lock()
        self._line: deque[_Waiting] = deque()
        self._busy = False

    @property
    def name(self) -> str:
        """That of the backend."""
        return self._backend.name

    def predict(self, batch: FloatArray) -> npt.NDArray[np.float32]:
        """Score a batch, perhaps in company; see `ModelBackend.predict`."""
        mine = _Waiting(batch)
        with self._lock:
            self._line.append(mine)
            scores_now = not self._busy
            self._busy = True
        if not scores_now:
            mine.turn.wait()
        if not mine.settled:
            together = self._next_together()  # headed by `mine`
            try:
                self._score(together)
            finally:
                self._pass_on([waiting for waiting in together[1:] if not waiting.settled])
        if mine.error is not None:
            raise mine.error
        if mine.logits is None:
            raise RuntimeError("a batch left the line without being scored")
        return mine.logits

    def ready(self) -> bool:
        """Whether the backend is."""
        return self._backend.ready()

    def _next_together(self) -> list[_Waiting]:
        """Take from the head of the line what fits into one call."""
        with self._lock:
            together = [self._line.popleft()]
            room = self._max_batch - len(together[0].batch)
            while self._line and len(self._line[0].batch) <= room and _alike(together[0].batch, self._line[0].batch):
                together.append(self._line.popleft())
                room -= len(together[-1].batch)
            return together

    def _score(self, together: list[_Waiting]) -> None:
        """Score and hand out; where a call of several fails, each is tried alone, as one of them may be at fault."""
        if len(together) > 1:
            try:
                logits = self._backend.predict(np.concatenate([waiting.batch for waiting in together]))
            except BackendUnavailable:
                for waiting in together:
                    self._score([waiting])
                return
            ends = np.cumsum([len(waiting.batch) for waiting in together])[:-1]
            for waiting, part in zip(together, np.split(logits, ends), strict=True):
                waiting.logits = part
                waiting.turn.set()
            return
        [alone] = together
        try:
            alone.logits = self._backend.predict(alone.batch)
        except BackendUnavailable as error:
            alone.error = error
        alone.turn.set()

    def _pass_on(self, left: list[_Waiting]) -> None:
        """Let the next in line score, or note that nobody does; what a bug has `left` unscored comes first."""
        with self._lock:
            self._line.extendleft(reversed(left))
            if self._line:
                self._line[0].turn.set()
            else:
                self._busy = False


def _alike(one: FloatArray, other: FloatArray) -> bool:
    return one.shape[1:] == other.shape[1:] and one.dtype == other.dtype
