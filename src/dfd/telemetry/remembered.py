"""Answers that are not asked for again at once."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from dfd.errors import DfdError

Answer = TypeVar("Answer")


class Remembered(Generic[Answer]):
    """The last answer, asked for again when it has aged, however many scrape. Safe to call from several threads."""

    def __init__(self, ask: Callable[[], Answer | None], fresh_s: float, monotonic: Callable[[], float]) -> None:
        """Remember an answer for a time.

        Args:
            ask: gives it; may raise `DfdError`, which counts as no answer for as long.
            fresh_s: how old an answer may be, in seconds.
            monotonic: seconds since any moment.
        """
        self._ask = ask
        self._fresh_s = fresh_s
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._known: Answer | None = None
        self._asked_s: float | None = None

    def now(self) -> Answer | None:
        """The answer; None where there is none."""
        with self._lock:
            now_s = self._monotonic()
            if self._asked_s is None or now_s - self._asked_s >= self._fresh_s:
                try:
                    self._known = self._ask()
                except DfdError:
                    self._known = None
                self._asked_s = now_s
            return self._known
