"""``dfd keys`` and ``dfd audit``, and their options."""

# ruff: noqa: PLC0415 - as in `dfd.cli.app`

from enum import StrEnum
from typing import Annotated, Final

import typer

from dfd.cli.app import EXIT_CODES_HELP, _debugging, app
from dfd.cli.exits import guarded

keys = typer.Typer(help="Make, list and revoke the API keys of callers.", no_args_is_help=True, epilog=EXIT_CODES_HELP)
app.add_typer(keys, name="keys")

MOST_DAYS: Final = 36_500
"""As in `dfd.caller`."""

AsJson = Annotated[bool, typer.Option("--json", help="Write one JSON object a line.")]


class ScopeName(StrEnum):
    """Scopes that --scope takes; the same as `dfd.caller.Scope`."""

    ANALYSE = "analyse"
    JOBS_READ = "jobs:read"
    JOBS_WRITE = "jobs:write"
    FEEDBACK = "feedback"
    MODELS_READ = "models:read"


class ActionName(StrEnum):
    """Actions that --action takes; the same as `dfd.audit.Action`."""

    KEY_CREATED = "key.created"
    KEY_REVOKED = "key.revoked"
    JOB_CANCELLED = "job.cancelled"
    JOB_RETRIED = "job.retried"
    JOB_FORGOTTEN = "job.forgotten"
    FEEDBACK_GIVEN = "feedback.given"
    DELIVERY_REPLAYED = "delivery.replayed"
    SIGN_IN_FAILED = "sign_in.failed"
    ACCESS_REFUSED = "access.refused"


@keys.command()
def create(  # noqa: PLR0913, PLR0917 - one parameter an option, as Typer reads them
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", show_default=False, help="Your own name for the key.")],
    tenant: Annotated[str, typer.Option(help="Whose jobs its bearer sees.")] = "default",
    scope: Annotated[
        list[ScopeName] | None, typer.Option(help="What its bearer may do; may be repeated. Without it, everything.")
    ] = None,
    days: Annotated[float, typer.Option(min=0, max=MOST_DAYS, help="Days that it is good for; 0 is for ever.")] = 365.0,
    per_minute: Annotated[
        int | None, typer.Option(min=1, help="Requests of a minute, instead of REQUESTS_PER_MINUTE.")
    ] = None,
    per_day: Annotated[int | None, typer.Option(min=1, help="Requests of a day, instead of REQUESTS_PER_DAY.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make a key and show it, this once."""

    def run() -> int:
        from dfd.cli import keys as command

        scopes = [one.value for one in scope or ScopeName]
        return command.create(command.Wanted(name, tenant, scopes, days, per_minute, per_day), as_json)

    raise typer.Exit(guarded(run, lambda: _debugging(context)))


@keys.command("list")
def list_keys(
    context: typer.Context,
    tenant: Annotated[str | None, typer.Option(help="Only keys of this tenant.")] = None,
    as_json: AsJson = False,
) -> None:
    """List keys, those too that are good for nothing any more."""

    def run() -> int:
        from dfd.cli import keys as command

        return command.list_keys(tenant, as_json)

    raise typer.Exit(guarded(run, lambda: _debugging(context)))


@keys.command()
def revoke(
    context: typer.Context,
    key_id: Annotated[str, typer.Argument(metavar="ID", show_default=False, help="The key's id, as listed.")],
) -> None:
    """Make a key good for nothing, at once and for good."""

    def run() -> int:
        from dfd.cli import keys as command

        return command.revoke(key_id)

    raise typer.Exit(guarded(run, lambda: _debugging(context)))


@keys.command()
def webhook_secret(
    context: typer.Context,
    tenant: Annotated[str, typer.Argument(metavar="TENANT", show_default=False, help="Whose receivers need it.")],
) -> None:
    """Show what webhooks of a tenant are signed with, the newest first while WEBHOOK_SECRET is being replaced."""

    def run() -> int:
        from dfd.cli import keys as command

        return command.webhook_secret(tenant)

    raise typer.Exit(guarded(run, lambda: _debugging(context)))


@app.command(epilog=EXIT_CODES_HELP)
def audit(
    context: typer.Context,
    action: Annotated[ActionName | None, typer.Option(help="Only entries of this kind.")] = None,
    tenant: Annotated[str | None, typer.Option(help="Only entries of this tenant.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000_000, help="Most entries listed.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Tell who did what, the newest first."""

    def run() -> int:
        from dfd.cli import audit as command

        return command.audit(None if action is None else action.value, tenant, limit, as_json)

    raise typer.Exit(guarded(run, lambda: _debugging(context)))
