"""The circuit breaker: a server that keeps failing is left alone for a while."""

import threading
from collections.abc import Callable
from enum import StrEnum
from typing import Final, Protocol, runtime_checkable

FAILURES_TO_OPEN: Final = 3
"""Requests in a row, each with its repetitions, that must fail: one may be bad luck, and each costs its caller time."""

COOL_DOWN_S: Final = 10.0
"""How long nobody asks then: a restarted server needs seconds to load its models."""


class BreakerState(StrEnum):
    """Closed lets every request through, open none, half-open one to see."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@runtime_checkable
class Guarded(Protocol):
    """A backend whose requests pass a circuit breaker."""

    @property
    def left_alone(self) -> bool:
        """Whether its server failed so often that it is left alone, and has answered nobody since. Asks nobody."""
        ...


class CircuitBreaker:
    """Counts failures in a row. Safe to use from several threads.

    Whoever `admit` lets through must tell `succeeded`, `failed` or `left` afterwards.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        failures_to_open: int = FAILURES_TO_OPEN,
        cool_down_s: float = COOL_DOWN_S,
    ) -> None:
        """Begin closed.

        Args:
            clock: seconds since some fixed moment.
            failures_to_open: failures in a row that open it.
            cool_down_s: how long it then stays open.
        """
        self._clock = clock
        self._failures_to_open = failures_to_open
        self._cool_down_s = cool_down_s
        self._lock = threading.Lock()
        self._failures = 0
        self._opened_s: float | None = None
        self._trying = False
        self._reason = ""

    @property
    def state(self) -> BreakerState:
        """The state now."""
        with self._lock:
            if self._opened_s is None:
                return BreakerState.CLOSED
            return BreakerState.HALF_OPEN if self._rest_s() <= 0 else BreakerState.OPEN

    @property
    def reason(self) -> str | None:
        """Why requests are turned away; None where they are not."""
        with self._lock:
            rest_s = self._rest_s()
            if rest_s <= 0:
                return None
            return f"left alone for another {rest_s:.0f} s after {self._failures} failures; the last: {self._reason}"

    def admit(self) -> bool:
        """Whether a request may be sent; in the half-open state the first only, until its outcome is known."""
        with self._lock:
            if self._opened_s is None:
                return True
            if self._rest_s() > 0 or self._trying:
                return False
            self._trying = True
            return True

    def succeeded(self) -> bool:
        """A request was answered; whether that closed the breaker."""
        with self._lock:
            closes = self._opened_s is not None
            self._failures, self._opened_s, self._trying = 0, None, False
            return closes

    def failed(self, reason: str) -> bool:
        """A request failed, for a reason in words; whether that opened the breaker, or opened it again."""
        with self._lock:
            self._failures += 1
            self._reason = reason
            was_trying, self._trying = self._trying, False
            if not was_trying and (self._opened_s is not None or self._failures < self._failures_to_open):
                return False
            self._opened_s = self._clock()
            return True

    def left(self) -> None:
        """A request ended without telling anything of the server."""
        with self._lock:
            self._trying = False

    def _rest_s(self) -> float:
        if self._opened_s is None:
            return 0.0
        return self._opened_s + self._cool_down_s - self._clock()
