"""``dfd jobs deliveries`` and ``dfd jobs replay``: what was sent for a job, and sending it again."""

import json
import sys
from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from dfd.cli.clock import clock_time
from dfd.cli.exits import ExitCode
from dfd.cli.jobs import opened_parts
from dfd.cli.tables import rendered
from dfd.delivery import Delivery, DeliveryState
from dfd.jobs.telling import delivery_to_dict


def list_deliveries(job_id: str, as_json: bool) -> ExitCode:
    """Write the deliveries of a job to stdout: every attempt as a row of a table, or each delivery as a JSON line.

    Raises:
        ConfigurationError: the settings do not hold.
        JobNotFound: there is no such job.
        JobStoreUnavailable: the database does not answer.
    """
    with opened_parts() as parts:
        found = parts.callbacks().of_job(job_id)
    if as_json:
        sys.stdout.writelines(json.dumps(delivery_to_dict(delivery)) + "\n" for delivery in found)
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
    with opened_parts() as parts:
        sys.stdout.write(f"{parts.callbacks().replay(job_id, number).number}\n")
    return ExitCode.DONE


def _table(found: Sequence[Delivery]) -> Table:
    table = Table()
    for heading in ("id", "state", "attempt", "at", "status", "error", "seconds"):
        table.add_column(heading, overflow="fold")
    for delivery in found:
        for number, attempt in enumerate(delivery.log, start=1):
            seconds = "-" if attempt.duration_s is None else f"{attempt.duration_s:.1f}"
            answer = (str(attempt.status or "-"), attempt.error or "-", seconds)
            table.add_row(*map(Text, (str(delivery.number), "", str(number), clock_time(attempt.at_s), *answer)))
        at = delivery.due_at_s if delivery.state is DeliveryState.PENDING else delivery.finished_at_s
        table.add_row(*map(Text, (str(delivery.number), delivery.state.value, "", clock_time(at), "", "", "")))
    return table
