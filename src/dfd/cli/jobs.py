"""``dfd jobs``: the table of jobs from the command line."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.table import Table
from rich.text import Text

from dfd.audit import Action
from dfd.bootstrap.access import build_trail
from dfd.bootstrap.jobs import JobParts, build_job_parts
from dfd.cli.clock import clock_time
from dfd.cli.exits import ExitCode, printable
from dfd.cli.tables import rendered
from dfd.job import Job, JobState
from dfd.jobs.desk import JobDesk
from dfd.jobs.telling import job_to_dict
from dfd.ports import JobFilter
from dfd.settings import load_settings


def list_jobs(
    states: Sequence[str], external_id: str | None, limit: int, as_json: bool, tenant: str | None = None
) -> ExitCode:
    """Write the newest jobs, of all tenants or of one, to stdout, as a table or as JSON lines.

    It raises as every command here does.

    Raises:
        ConfigurationError: the settings do not hold.
        JobStoreUnavailable: the database does not answer.
    """
    wanted = JobFilter(frozenset(map(JobState, states)) or None, external_id, tenant)
    with _desk() as desk:
        found, _ = desk.page(wanted, limit)
    if as_json:
        sys.stdout.writelines(json.dumps(_told(job)) + "\n" for job in found)
    elif found:
        sys.stdout.write(_render(found))
    return ExitCode.DONE


def show(job_id: str) -> ExitCode:
    """Write one job, with its place in the queue and its report, to stdout as JSON.

    Raises:
        JobNotFound: there is none.
    """
    with _desk() as desk:
        job = desk.get(job_id)
        report = json.loads(desk.report(job_id)) if job.state is JobState.SUCCEEDED else None
        told = {**_told(job), "queue_position": desk.queue_position(job), "result": report}
    sys.stdout.write(json.dumps(told, indent=1) + "\n")
    return ExitCode.DONE


def cancel(job_id: str) -> ExitCode:
    """End a job, and say where it is then.

    Raises:
        JobNotFound: there is none.
        JobEnded: it ended before, in another way.
    """
    with opened_parts() as parts:
        job = parts.desk().cancel(job_id)
        build_trail(parts).operator_did(Action.JOB_CANCELLED, job_id, job.tenant)
    sys.stdout.write(f"{job.job_id} {job.state.value if job.ended else 'will be cancelled'}\n")
    return ExitCode.DONE


def retry(job_id: str) -> ExitCode:
    """Begin an ended job anew, and write the id of the new one.

    Raises:
        JobNotFound: there is none.
        JobConflict: it has not ended, or its file is gone.
        QueueFull, StorageUnavailable: no new job can be accepted now.
    """
    with opened_parts() as parts:
        job = parts.desk().again(job_id)
        build_trail(parts).operator_did(Action.JOB_RETRIED, job_id, job.tenant, new_job=job.job_id)
    sys.stdout.write(f"{job.job_id}\n")
    return ExitCode.DONE


@contextmanager
def opened_parts() -> Iterator[JobParts]:
    """The parts of the settings, and the table closed behind them."""
    parts = build_job_parts(load_settings())
    try:
        yield parts
    finally:
        parts.store.close()


@contextmanager
def _desk() -> Iterator[JobDesk]:
    with opened_parts() as parts:
        yield parts.desk()


def _told(job: Job) -> dict[str, Any]:
    return {**job_to_dict(job), "tenant": job.tenant, "worker": job.worker, "input_kept": job.input_key is not None}


def _render(found: Sequence[Job]) -> str:
    table = Table()
    for heading in (
        "id",
        "tenant",
        "state",
        "created",
        "attempts",
        "frames",
        "verdict",
        "fake",
        "external id",
        "error",
    ):
        table.add_column(heading, overflow="fold")
    for job in found:
        probability = "-" if job.fake_probability is None else f"{job.fake_probability:.3f}"
        cells = (
            job.job_id,
            job.tenant,
            job.state.value,
            clock_time(job.created_at_s),
            str(job.attempts),
            f"{job.done_frames}/{'?' if job.total_frames is None else job.total_frames}",
            job.verdict or "-",
            probability,
            printable(job.external_id or "-"),
            job.failure.code if job.failure else "-",
        )
        table.add_row(*map(Text, cells))  # a caller's words are no markup
    return rendered(table)
