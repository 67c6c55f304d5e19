"""The protocol between limits and what counts requests."""

from abc import ABC, abstractmethod


class UsageMeter(ABC):
    """Counts what callers ask for, over all processes that share it. Safe to call from several threads.

    Every method raises `JobStoreUnavailable` when the table does not answer.
    """

    @abstractmethod
    def count(self, caller: str, window: str, ends_at_s: float) -> int:
        """Count one more request.

        Args:
            caller: who asks, at most 128 characters.
            window: names the stretch of time, at most 32 characters; each has a count of its own.
            ends_at_s: when the window is over, and its count may be forgotten.

        Returns:
            requests of the caller in the window so far, this one included.
        """

    @abstractmethod
    def forget(self, now_s: float) -> None:
        """Forget the counts of windows that are over."""
