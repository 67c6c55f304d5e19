"""`KeyStore` and `AuditLog` in the database of jobs."""

import json
from collections.abc import Callable
from typing import Any

from sqlalchemy import RowMapping, delete, insert, or_, select, update

from dfd.audit import Action, AuditEntry
from dfd.caller import USE_NOTED_EVERY_S, Allowance, ApiKey, scopes_of, scopes_to_text
from dfd.job_store.database import Database
from dfd.job_store.schema import API_KEYS, AUDIT
from dfd.ports.access import AuditFilter, AuditLog, KeyStore


class SqlKeyStore(KeyStore):
    """The table of API keys."""

    def __init__(self, database: Database) -> None:
        """Use a database whose tables are there."""
        self._database = database

    def add(self, key: ApiKey) -> None:
        with self._database.writing() as connection:
            connection.execute(insert(API_KEYS).values(_to_row(key)))

    def get(self, key_id: str) -> ApiKey | None:
        with self._database.reading() as connection:
            row = connection.execute(select(API_KEYS).where(API_KEYS.c.key_id == key_id)).mappings().first()
        return None if row is None else _to_key(row)

    def all_of(self, tenant: str | None = None) -> list[ApiKey]:
        query = select(API_KEYS).order_by(API_KEYS.c.created_at_s, API_KEYS.c.key_id)
        if tenant is not None:
            query = query.where(API_KEYS.c.tenant == tenant)
        with self._database.reading() as connection:
            return [_to_key(row) for row in connection.execute(query).mappings()]

    def change(self, key_id: str, transition: Callable[[ApiKey], ApiKey]) -> ApiKey | None:
        this_one = API_KEYS.c.key_id == key_id
        with self._database.writing() as connection:
            row = connection.execute(select(API_KEYS).where(this_one).with_for_update()).mappings().first()
            if row is None:
                return None
            changed = transition(_to_key(row))
            connection.execute(update(API_KEYS).where(this_one).values(_to_row(changed)))
            return changed

    def used(self, key_id: str, now_s: float) -> None:
        long_ago = or_(API_KEYS.c.last_used_at_s.is_(None), API_KEYS.c.last_used_at_s <= now_s - USE_NOTED_EVERY_S)
        with self._database.writing() as connection:
            connection.execute(
                update(API_KEYS).where(API_KEYS.c.key_id == key_id, long_ago).values(last_used_at_s=now_s)
            )


class SqlAuditLog(AuditLog):
    """The table of the audit log."""

    def __init__(self, database: Database) -> None:
        """Use a database whose tables are there."""
        self._database = database

    def write(self, entry: AuditEntry) -> None:
        row = {
            "at_s": entry.at_s,
            "action": entry.action.value,
            "actor": entry.actor,
            "tenant": entry.tenant,
            "subject": entry.subject,
            "request_id": entry.request_id,
            "address": entry.address,
            "facts": json.dumps(dict(entry.facts), sort_keys=True),
        }
        with self._database.writing() as connection:
            connection.execute(insert(AUDIT).values(row))

    def latest(self, wanted: AuditFilter, limit: int) -> list[AuditEntry]:
        query = select(AUDIT).order_by(AUDIT.c.number.desc()).limit(limit)
        if wanted.action is not None:
            query = query.where(AUDIT.c.action == wanted.action.value)
        if wanted.tenant is not None:
            query = query.where(AUDIT.c.tenant == wanted.tenant)
        with self._database.reading() as connection:
            return [_to_entry(row) for row in connection.execute(query).mappings()]

    def forget(self, before_s: float, limit: int) -> int:
        old = select(AUDIT.c.number).where(AUDIT.c.at_s < before_s).limit(limit)
        with self._database.writing() as connection:
            numbers = connection.execute(old).scalars().all()
            connection.execute(delete(AUDIT).where(AUDIT.c.number.in_(numbers)))
        return len(numbers)


def _to_row(key: ApiKey) -> dict[str, Any]:
    return {
        "key_id": key.key_id,
        "name": key.name,
        "tenant": key.tenant,
        "scopes": scopes_to_text(key.scopes),
        "token_sha256": key.token_sha256,
        "created_at_s": key.created_at_s,
        "expires_at_s": key.expires_at_s,
        "revoked_at_s": key.revoked_at_s,
        "last_used_at_s": key.last_used_at_s,
        "requests_per_minute": key.allowance.per_minute,
        "requests_per_day": key.allowance.per_day,
    }


def _to_key(row: RowMapping) -> ApiKey:
    fields = dict(row)
    allowance = Allowance(fields.pop("requests_per_minute"), fields.pop("requests_per_day"))
    return ApiKey(scopes=scopes_of(fields.pop("scopes")), allowance=allowance, **fields)


def _to_entry(row: RowMapping) -> AuditEntry:
    fields = dict(row)
    return AuditEntry(action=Action(fields.pop("action")), facts=json.loads(fields.pop("facts")), **fields)
