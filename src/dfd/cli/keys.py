"""``dfd keys``: the operator's desk of API keys."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from rich.table import Table
from rich.text import Text

from dfd.access.keys import KeyDesk
from dfd.bootstrap.access import build_key_desk
from dfd.caller import Allowance, ApiKey, check_tenant, scopes_of
from dfd.cli.clock import clock_time
from dfd.cli.exits import ExitCode, printable
from dfd.cli.jobs import opened_parts
from dfd.cli.tables import rendered
from dfd.errors import ConfigurationError
from dfd.jobs.telling import moment
from dfd.settings import load_settings
from dfd.signing import secret_of

_DAY_S: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """The key that is wanted; `days` 0 is for ever."""

    name: str
    tenant: str
    scopes: Sequence[str]
    days: float
    per_minute: int | None
    per_day: int | None


def create(wanted: Wanted, as_json: bool) -> ExitCode:
    """Make a key, and write it to stdout and what is to be known of it to stderr.

    Raises:
        ConfigurationError: the settings do not hold.
        InvalidParameter: name or tenant is not as it must be.
        JobStoreUnavailable: the database does not answer.
    """
    allowance = Allowance(wanted.per_minute, wanted.per_day)
    valid_s = wanted.days * _DAY_S or None
    with _desk() as desk:
        kept, token = desk.create(wanted.name, wanted.tenant, scopes_of(" ".join(wanted.scopes)), valid_s, allowance)
    if as_json:
        sys.stdout.write(json.dumps({**_told(kept), "key": token}) + "\n")
        return ExitCode.DONE
    sys.stdout.write(token + "\n")
    until = "for ever" if kept.expires_at_s is None else f"until {clock_time(kept.expires_at_s)}"
    sys.stderr.write(f"key {kept.key_id} of tenant {kept.tenant}, good {until}. It is not shown again.\n")
    return ExitCode.DONE


def list_keys(tenant: str | None, as_json: bool) -> ExitCode:
    """Write what is kept of keys to stdout, as a table or as JSON lines; raises as `create`."""
    with _desk() as desk:
        found = desk.every(tenant)
    if as_json:
        sys.stdout.writelines(json.dumps(_told(key)) + "\n" for key in found)
    elif found:
        sys.stdout.write(rendered(_table(found)))
    return ExitCode.DONE


def revoke(key_id: str) -> ExitCode:
    """Revoke a key; raises as `create`.

    Raises:
        KeyNotFound: there is none of this id.
    """
    with _desk() as desk:
        key = desk.revoke(key_id)
    sys.stdout.write(f"{key.key_id} is revoked\n")
    return ExitCode.DONE


def webhook_secret(tenant: str) -> ExitCode:
    """Write what webhooks of a tenant are signed with to stdout, a line for each secret in use.

    Raises:
        ConfigurationError: the settings do not hold, or no webhooks are sent.
        InvalidParameter: this is no tenant's name.
    """
    secrets = load_settings().webhook_secrets
    if not secrets:
        raise ConfigurationError("no webhooks are sent: WEBHOOK_SECRET is not set")
    sys.stdout.writelines(secret_of(secret, check_tenant(tenant)) + "\n" for secret in secrets)
    return ExitCode.DONE


@contextmanager
def _desk() -> Iterator[KeyDesk]:
    with opened_parts() as parts:
        yield build_key_desk(parts)


def _told(key: ApiKey) -> dict[str, Any]:
    return {
        "id": key.key_id,
        "name": key.name,
        "tenant": key.tenant,
        "scopes": sorted(key.scopes),
        "created_at": moment(key.created_at_s),
        "expires_at": moment(key.expires_at_s),
        "revoked_at": moment(key.revoked_at_s),
        "last_used_at": moment(key.last_used_at_s),
        "requests_per_minute": key.allowance.per_minute,
        "requests_per_day": key.allowance.per_day,
    }


def _table(found: Sequence[ApiKey]) -> Table:
    table = Table()
    for heading in ("id", "name", "tenant", "scopes", "created", "expires", "last used", "revoked"):
        table.add_column(heading, overflow="fold")
    for key in found:
        times = (key.created_at_s, key.expires_at_s, key.last_used_at_s, key.revoked_at_s)
        cells = (
            key.key_id,
            key.name,
            key.tenant,
            " ".join(sorted(key.scopes)),
            *("-" if at_s is None else clock_time(at_s) for at_s in times),
        )
        table.add_row(*(Text(printable(cell)) for cell in cells))
    return table
