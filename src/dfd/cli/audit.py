"""``dfd audit``: who did what."""

import json
import sys
from collections.abc import Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from dfd.audit import Action, AuditEntry
from dfd.cli.clock import clock_time
from dfd.cli.exits import ExitCode, printable
from dfd.cli.jobs import opened_parts
from dfd.cli.tables import rendered
from dfd.jobs.telling import moment
from dfd.ports.access import AuditFilter


def audit(action: str | None, tenant: str | None, limit: int, as_json: bool) -> ExitCode:
    """Write the newest entries to stdout, as a table or as JSON lines.

    Raises:
        ConfigurationError: the settings do not hold.
        JobStoreUnavailable: the database does not answer.
    """
    wanted = AuditFilter(None if action is None else Action(action), tenant)
    with opened_parts() as parts:
        found = parts.audit.latest(wanted, limit)
    if as_json:
        sys.stdout.writelines(json.dumps(_told(entry)) + "\n" for entry in found)
    elif found:
        sys.stdout.write(rendered(_table(found)))
    return ExitCode.DONE


def _told(entry: AuditEntry) -> dict[str, Any]:
    return {
        "number": entry.number,
        "at": moment(entry.at_s),
        "action": entry.action.value,
        "actor": entry.actor,
        "tenant": entry.tenant,
        "subject": entry.subject,
        "request_id": entry.request_id,
        "address": entry.address,
        "facts": dict(entry.facts),
    }


def _table(found: Sequence[AuditEntry]) -> Table:
    table = Table()
    for heading in ("at", "action", "actor", "tenant", "subject", "address", "facts"):
        table.add_column(heading, overflow="fold")
    for entry in found:
        cells = (
            clock_time(entry.at_s),
            entry.action.value,
            entry.actor or "-",
            entry.tenant or "-",
            entry.subject or "-",
            entry.address or "-",
            ", ".join(f"{name}={value}" for name, value in sorted(entry.facts.items())) or "-",
        )
        table.add_row(*(Text(printable(cell)) for cell in cells))  # a caller's words are no markup
    return table
