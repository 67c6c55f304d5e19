"""``dfd jobs`` and the options of its commands."""

# ruff: noqa: PLC0415 - as in `dfd.cli.app`

from collections.abc import Callable
from enum import StrEnum
from typing import Annotated

import typer

from dfd.cli.app import EXIT_CODES_HELP, _debugging, app
from dfd.cli.exits import guarded

jobs = typer.Typer(
    help="List, show, cancel or retry jobs, say what their videos are, and see what was sent for them.",
    no_args_is_help=True,
    epilog=EXIT_CODES_HELP,
)
app.add_typer(jobs, name="jobs")

Id = Annotated[str, typer.Argument(metavar="ID", show_default=False, help="The job's id.")]
AsJson = Annotated[bool, typer.Option("--json", help="Write one JSON object a line.")]


class State(StrEnum):
    """States that --state takes; the same as `dfd.job.JobState`."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


def _run(context: typer.Context, command: Callable[[], int]) -> None:
    raise typer.Exit(guarded(command, lambda: _debugging(context)))


@jobs.command("list")
def list_jobs(
    context: typer.Context,
    state: Annotated[list[State] | None, typer.Option(help="Only jobs in this state; may be repeated.")] = None,
    external_id: Annotated[str | None, typer.Option(metavar="NAME", help="Only jobs of this name.")] = None,
    tenant: Annotated[str | None, typer.Option(metavar="NAME", help="Only jobs of this tenant.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="Most jobs listed.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List the newest jobs, of all tenants."""

    def run() -> int:
        from dfd.cli import jobs as command

        return command.list_jobs([one.value for one in state or ()], external_id, limit, as_json, tenant)

    _run(context, run)


@jobs.command()
def show(context: typer.Context, job_id: Id) -> None:
    """Show one job and its report."""

    def run() -> int:
        from dfd.cli import jobs as command

        return command.show(job_id)

    _run(context, run)


@jobs.command()
def cancel(context: typer.Context, job_id: Id) -> None:
    """End a job that waits at once, and a running one soon."""

    def run() -> int:
        from dfd.cli import jobs as command

        return command.cancel(job_id)

    _run(context, run)


@jobs.command()
def retry(context: typer.Context, job_id: Id) -> None:
    """Begin an ended job anew, as a new job."""

    def run() -> int:
        from dfd.cli import jobs as command

        return command.retry(job_id)

    _run(context, run)


class Truth(StrEnum):
    """What --label takes; the same as `dfd.feedback.Label`."""

    FAKE = "fake"
    REAL = "real"


@jobs.command()
def feedback(
    context: typer.Context,
    job_id: Id,
    label: Annotated[Truth | None, typer.Option(help="What the video is; without it, show what was said.")] = None,
    note: Annotated[str | None, typer.Option(help="Why; deleted with the job.")] = None,
    reviewer: Annotated[str | None, typer.Option(help="Who says so; deleted with the job.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say what the video of a job is, or show what was said."""
    if label is None and (note is not None or reviewer is not None):
        raise typer.BadParameter("a note and a reviewer need --label")

    def run() -> int:
        from dfd.cli import feedback as command

        return command.feedback(job_id, None if label is None else label.value, note, reviewer, as_json)

    _run(context, run)


@jobs.command()
def reviews(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="Most jobs listed.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List the jobs most worth a look."""

    def run() -> int:
        from dfd.cli import feedback as command

        return command.reviews(limit, as_json)

    _run(context, run)


@jobs.command()
def deliveries(context: typer.Context, job_id: Id, as_json: AsJson = False) -> None:
    """List what was sent, or is to be sent, to the callback address of a job."""

    def run() -> int:
        from dfd.cli import deliveries as command

        return command.list_deliveries(job_id, as_json)

    _run(context, run)


@jobs.command()
def replay(
    context: typer.Context,
    job_id: Id,
    delivery: Annotated[int, typer.Argument(metavar="DELIVERY", min=1, show_default=False, help="The delivery's id.")],
) -> None:
    """Have the event of a job sent again."""

    def run() -> int:
        from dfd.cli import deliveries as command

        return command.replay(job_id, delivery)

    _run(context, run)
