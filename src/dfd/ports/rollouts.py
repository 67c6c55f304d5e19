"""The port of rollouts: their rows, and what was observed, shared by all processes."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from dfd.challenge.observation import Observation
from dfd.challenge.rollout import Rollout

RolloutTransition = Callable[[Rollout], Rollout | None]
"""A change of a rollout, or None where its state does not allow it."""


class RolloutStore(ABC):
    """Keeps rollouts. Safe to use from several threads and processes.

    Every method raises `JobStoreUnavailable` when the database does not answer.
    """

    @abstractmethod
    def start(self, rollout: Rollout) -> None:
        """Keep a new one.

        Raises:
            ModelConflict: another one of this model is running.
        """

    @abstractmethod
    def recent(self, name: str, limit: int) -> list[Rollout]:
        """The newest rollouts of a model, the newest first; one that runs is the first."""

    @abstractmethod
    def unsettled(self, name: str) -> list[Rollout]:
        """Those that are over but not settled, oldest first."""

    @abstractmethod
    def change(self, rollout_id: str, transition: RolloutTransition) -> Rollout | None:
        """Apply a transition to the row as it is now, while nobody else can.

        Returns:
            what it is since; None where the transition says no or there is no such rollout.
        """

    @abstractmethod
    def observe(self, observations: Sequence[Observation]) -> int:
        """Keep observations; of a file and an arm only the first, and none of a rollout that is over or gone.

        Returns:
            how many were kept.
        """

    @abstractmethod
    def count(self, rollout_id: str) -> int:
        """How many observations of a rollout are kept."""

    @abstractmethod
    def observations(self, rollout_id: str) -> list[Observation]:
        """All that are kept of a rollout, in the order in which they came."""

    @abstractmethod
    def forget(self, before_s: float) -> int:
        """Delete observations of rollouts that are over, made before a time in seconds since the epoch.

        Returns:
            how many there were.
        """
