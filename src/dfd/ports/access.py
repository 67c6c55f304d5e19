"""The protocols between access and the world: kept keys, tokens of others, and the audit log."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

from dfd.audit import Action, AuditEntry
from dfd.caller import ApiKey, Caller


class KeyStore(ABC):
    """The table of API keys. Safe to call from several threads and processes.

    Every method raises `JobStoreUnavailable` when the table does not answer.
    """

    @abstractmethod
    def add(self, key: ApiKey) -> None:
        """Keep a new key."""

    @abstractmethod
    def get(self, key_id: str) -> ApiKey | None:
        """One key, whether it is still good or not."""

    @abstractmethod
    def all_of(self, tenant: str | None = None) -> list[ApiKey]:
        """Every key of a tenant, or of all, the oldest first."""

    @abstractmethod
    def change(self, key_id: str, transition: Callable[[ApiKey], ApiKey]) -> ApiKey | None:
        """Change a key, while nobody else can.

        Returns:
            the changed one; None where there is none of this id.
        """

    @abstractmethod
    def used(self, key_id: str, now_s: float) -> None:
        """Note that a key has let somebody in, unless that was noted lately (`dfd.caller.USE_NOTED_EVERY_S`)."""


class TokenVerifier(ABC):
    """Checks tokens that somebody else has signed. Safe to call from several threads."""

    @abstractmethod
    def caller_of(self, token: str) -> Caller:
        """Whom a token speaks of; may wait for a server of keys.

        Raises:
            Unauthorized: it is none, not for this service, over, or not signed by whom we trust.
            IdentityUnavailable: the keys to check it with cannot be loaded.
        """


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which entries are wanted: those of all that is not None."""

    action: Action | None = None
    tenant: str | None = None


class AuditLog(ABC):
    """What was done by whom; entries are added, never changed. Safe to call from several threads and processes.

    Every method raises `JobStoreUnavailable` when the table does not answer.
    """

    @abstractmethod
    def write(self, entry: AuditEntry) -> None:
        """Add an entry."""

    @abstractmethod
    def latest(self, wanted: AuditFilter, limit: int) -> list[AuditEntry]:
        """The newest entries first, at most `limit`."""

    @abstractmethod
    def forget(self, before_s: float, limit: int) -> int:
        """Remove entries written before this time; how many there were."""
