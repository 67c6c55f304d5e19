"""Where an analysis spends its time."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from dfd.tracing import StageSpans, is_recording

Item = TypeVar("Item")

_SPANS = {"total": "analysis", "decode_wait": "decode", "hash_wait": "hash"}
"""Stages whose spans have another name; the two that are waited for work in threads of their own."""


class Stopwatch:
    """Adds up the wall time of named stages; each stage for one thread.

    Attributes:
        elapsed_ms: milliseconds by stage.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        """Start with nothing measured.

        Args:
            clock: seconds since some fixed moment.
        """
        self._clock = clock
        self._spans = StageSpans() if is_recording() else None
        self.elapsed_ms: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count the block under `name`, also when it fails."""
        started = self._clock()
        try:
            if self._spans is None:
                yield
            else:
                with self._spans.turn(_SPANS.get(name, name)):
                    yield
        finally:
            self.elapsed_ms[name] = self.elapsed_ms.get(name, 0.0) + (self._clock() - started) * 1000

    def each(self, name: str, items: Iterator[Item]) -> Iterator[Item]:
        """Pass items on, counting the time spent waiting for them."""
        while True:
            try:
                with self.stage(name):
                    item = next(items)
            except StopIteration:
                return
            yield item
