"""What there is of the model that answers: versions, aliases, and how its rollout goes."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from dfd.aliases import Aliases
from dfd.challenge.rollout import Rollout
from dfd.ports.registry import ModelRegistry
from dfd.rollout.desk import RolloutDesk, RolloutStatus
from dfd.rollout.keeper import KeeperState
from dfd.rollout.live import LiveModel

FRESH_S: Final = 1.0
"""What was looked up so lately is told again."""


@dataclass(frozen=True, slots=True)
class ModelView:
    """One model.

    Attributes:
        name: of the model.
        answering: version that answers in this process.
        versions: those of the registry, oldest first.
        aliases: which of them bear one.
        rollout: the newest rollout; None where there never was one.
        recent: the newest rollouts, the newest first.
        taking_part: how this process takes part in rollouts; None where it does not.
    """

    name: str
    answering: str
    versions: Sequence[str]
    aliases: Aliases
    rollout: RolloutStatus | None
    recent: Sequence[Rollout]
    taking_part: KeeperState | None


class ModelCatalogue:
    """Looks things up; safe to use from several threads."""

    def __init__(
        self,
        live: LiveModel,
        registry: ModelRegistry,
        desk: RolloutDesk,
        taking_part: Callable[[], KeeperState | None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Tell of the model of `live`, of its registry and of its rollouts; `clock` gives seconds since any moment."""
        self._clock = clock
        self._lock = threading.Lock()
        self._told: tuple[float, list[ModelView]] | None = None
        self._live = live
        self._registry = registry
        self._desk = desk
        self._taking_part = taking_part

    def models(self) -> list[ModelView]:
        """The model that answers, as it is now, or was a second ago: weighing thousands of observations takes a while.

        Raises:
            JobStoreUnavailable, RegistryUnavailable: a part does not answer.
            ModelCorrupt: the aliases cannot be read.
        """
        with self._lock:
            if self._told is None or self._clock() - self._told[0] >= FRESH_S:
                self._told = (self._clock(), self._looked_up())
            return self._told[1]

    def _looked_up(self) -> list[ModelView]:
        identity = self._live.current.identity
        name = identity.name
        return [
            ModelView(
                name,
                identity.version,
                self._registry.versions(name),
                self._registry.aliases(name),
                self._desk.status(name),
                self._desk.recent(name),
                self._taking_part(),
            )
        ]
