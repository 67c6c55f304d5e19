"""Making API keys, listing them, and taking them back."""

from collections.abc import Callable

from dfd.access.trail import AuditTrail
from dfd.audit import Action
from dfd.caller import NO_ALLOWANCE, Allowance, ApiKey, Scope, new_key, scopes_to_text
from dfd.errors import KeyNotFound
from dfd.ports.access import KeyStore


class KeyDesk:
    """The operator's desk of API keys."""

    def __init__(self, store: KeyStore, trail: AuditTrail, clock: Callable[[], float]) -> None:
        """Keep keys in `store`, and write down in `trail` what is done; `clock` tells seconds since the epoch."""
        self._store = store
        self._trail = trail
        self._clock = clock

    def create(
        self,
        name: str,
        tenant: str,
        scopes: frozenset[Scope],
        valid_s: float | None,
        allowance: Allowance = NO_ALLOWANCE,
    ) -> tuple[ApiKey, str]:
        """Make a key; see `dfd.caller.new_key`.

        Returns:
            what is kept, and the key itself, which nobody can show again.

        Raises:
            InvalidParameter: one of the arguments is not as it must be.
            JobStoreUnavailable: the table does not answer.
        """
        kept, token = new_key(name, tenant, scopes, self._clock(), valid_s, allowance)
        self._store.add(kept)
        self._trail.operator_did(
            Action.KEY_CREATED, kept.key_id, tenant, name=kept.name, scopes=scopes_to_text(kept.scopes)
        )
        return kept, token

    def every(self, tenant: str | None = None) -> list[ApiKey]:
        """Every key of a tenant, or of all, the oldest first."""
        return self._store.all_of(tenant)

    def revoke(self, key_id: str) -> ApiKey:
        """Make a key good for nothing, at once and for good; to do so again changes nothing.

        Raises:
            KeyNotFound: there is none of this id.
            JobStoreUnavailable: the table does not answer.
        """
        key = self._store.change(key_id, lambda found: found.revoked(self._clock()))
        if key is None:
            raise KeyNotFound(f"there is no key {key_id!r}")
        self._trail.operator_did(Action.KEY_REVOKED, key_id, key.tenant, name=key.name)
        return key
