"""``dfd jobs deliveries`` and ``dfd jobs replay``: what was sent for a job, and sending it again."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.table import Table
from rich.text import Text

from dfd.bootstrap.jobs import build_job_parts
from dfd.cli.exits import ExitCode
from dfd.cli.output import rendered
from dfd.delivery import Delivery, DeliveryState, event_id_of
from dfd.jobs.callbacks import CallbackDesk
from dfd.jobs.telling import moment
from dfd.settings import load_settings


def list_deliveries(job_id: str, as_json: bool) -> ExitCode:
    """Write the deliveries of a job to stdout: every attempt as a row of a table, or each delivery as a JSON line.

    Raises:
        ConfigurationError: the settings do not hold.
        JobNotFound: there is no such job.
        JobStoreUnavailable: the database does not answer.
    """
    with _desk() as desk:
        found = desk.of_job(job_id)
    if as_json:
        sys.stdout.writelines(json.dumps(_told(delivery)) + "\n" for delivery in found)
    elif found:
        sys.stdout.write(rendered(_table(found)))
    return ExitCode.DONE


def replay(job_id: str, number: int) -> ExitCode:
    """Have the event of a job sent again by whichever process sends, and write the number of the new delivery.

    Raises:
        CallbackRefused: the settings name no secret.
        JobNotFound, DeliveryNotFound: there is no such job or delivery.
        DeliveryConflict: the event is on its way already, or was sent too often.
    """
    with _desk() as desk:
        sys.stdout.write(f"{desk.replay(job_id, number).number}\n")
    return ExitCode.DONE


@contextmanager
def _desk() -> Iterator[CallbackDesk]:
    parts = build_job_parts(load_settings())
    try:
        yield parts.callbacks()
    finally:
        parts.store.close()


def _told(delivery: Delivery) -> dict[str, Any]:
    waits = delivery.state is DeliveryState.PENDING
    log = [
        {
            "at": moment(attempt.at_s),
            "status": attempt.status,
            "error": attempt.error,
            "duration_ms": None if attempt.duration_s is None else round(attempt.duration_s * 1000, 1),
        }
        for attempt in delivery.log
    ]
    return {
        "id": delivery.number,
        "event_id": event_id_of(delivery.job_id),
        "state": delivery.state.value,
        "created_at": moment(delivery.created_at_s),
        "next_attempt_at": moment(delivery.due_at_s) if waits else None,
        "finished_at": moment(delivery.finished_at_s),
        "attempts": delivery.attempts,
        "last_status": log[-1]["status"] if log else None,
        "last_error": log[-1]["error"] if log else None,
        "log": log,
    }


def _table(found: Sequence[Delivery]) -> Table:
    table = Table()
    for heading in ("id", "state", "attempt", "at", "status", "error", "seconds"):
        table.add_column(heading, overflow="fold")
    for delivery in found:
        for number, attempt in enumerate(delivery.log, start=1):
            seconds = "-" if attempt.duration_s is None else f"{attempt.duration_s:.1f}"
            answer = (str(attempt.status or "-"), attempt.error or "-", seconds)
            table.add_row(*map(Text, (str(delivery.number), "", str(number), moment(attempt.at_s) or "-", *answer)))
        at = delivery.due_at_s if delivery.state is DeliveryState.PENDING else delivery.finished_at_s
        table.add_row(*map(Text, (str(delivery.number), delivery.state.value, "", moment(at) or "-", "", "", "")))
    return table
