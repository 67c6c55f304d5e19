"""Fakes of what keeps API keys and the audit log, and a way to be let in."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from dfd.audit import AuditEntry
from dfd.caller import NO_ALLOWANCE, Allowance, ApiKey, Scope, new_key
from dfd.ports.access import AuditFilter, AuditLog, KeyStore


@dataclass
class FakeKeyStore(KeyStore):
    """Keys in memory.

    Attributes:
        error: raised by every method while it is set.
    """

    error: Exception | None = None
    keys: dict[str, ApiKey] = field(default_factory=dict)

    def _check(self) -> None:
        if self.error is not None:
            raise self.error

    def add(self, key: ApiKey) -> None:
        self._check()
        self.keys[key.key_id] = key

    def get(self, key_id: str) -> ApiKey | None:
        self._check()
        return self.keys.get(key_id)

    def all_of(self, tenant: str | None = None) -> list[ApiKey]:
        self._check()
        found = [key for key in self.keys.values() if tenant in (None, key.tenant)]
        return sorted(found, key=lambda key: (key.created_at_s, key.key_id))

    def change(self, key_id: str, transition: Callable[[ApiKey], ApiKey]) -> ApiKey | None:
        self._check()
        if key_id not in self.keys:
            return None
        self.keys[key_id] = transition(self.keys[key_id])
        return self.keys[key_id]

    def used(self, key_id: str, now_s: float) -> None:
        self._check()
        last_s = self.keys[key_id].last_used_at_s
        if last_s is None or last_s <= now_s - 60.0:
            self.keys[key_id] = replace(self.keys[key_id], last_used_at_s=now_s)

    def make(self, tenant: str, *scopes: Scope, allowance: Allowance = NO_ALLOWANCE) -> str:
        """A key for a tenant, with every scope unless some are named."""
        kept, token = new_key("test", tenant, frozenset(scopes or Scope), 0.0, None, allowance)
        self.add(kept)
        return token


@dataclass
class FakeAuditLog(AuditLog):
    """Entries in memory.

    Attributes:
        error: raised by every method while it is set.
    """

    error: Exception | None = None
    entries: list[AuditEntry] = field(default_factory=list)

    def write(self, entry: AuditEntry) -> None:
        if self.error is not None:
            raise self.error
        number = self.entries[-1].number + 1 if self.entries else 1
        self.entries.append(replace(entry, number=number))

    def latest(self, wanted: AuditFilter, limit: int) -> list[AuditEntry]:
        found = [
            entry
            for entry in reversed(self.entries)
            if wanted.action in (None, entry.action) and wanted.tenant in (None, entry.tenant)
        ]
        return found[:limit]

    def forget(self, before_s: float, limit: int) -> int:
        gone = [entry for entry in self.entries if entry.at_s < before_s][:limit]
        self.entries = [entry for entry in self.entries if entry not in gone]
        return len(gone)


def bearing(token: str) -> dict[str, str]:
    """The header of a request that shows a credential."""
    return {"Authorization": f"Bearer {token}"}
