"""The options of ``dfd models rollout``."""

# ruff: noqa: PLC0415 - as in `dfd.cli.app`

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from dfd.cli.app import EXIT_CODES_HELP
from dfd.cli.models_commands import Actor, AsJson, Name, Reason, models, run_command

rollout = typer.Typer(
    help="Try a version on live traffic, beside the champion.", no_args_is_help=True, epilog=EXIT_CODES_HELP
)
models.add_typer(rollout, name="rollout")


class RolloutMode(StrEnum):
    """What the challenger does; the same as `dfd.challenge.rollout.Mode`."""

    CANARY = "canary"
    SHADOW = "shadow"


Tried = Annotated[
    str | None,
    typer.Argument(metavar="[VERSION]", show_default=False, help="The version; by default the challenger."),
]


@rollout.command()
def start(  # noqa: PLR0913, PLR0917 - one parameter an option, as Typer reads them
    context: typer.Context,
    name: Name,
    reason: Reason,
    version: Tried = None,
    mode: Annotated[
        RolloutMode, typer.Option(help="canary: answers its share; shadow: scores it aside.")
    ] = RolloutMode.CANARY,
    share: Annotated[float, typer.Option(help="Of the files, above 0 and at most 1.")] = 0.25,
    policy: Annotated[
        Path | None, typer.Option(metavar="FILE", help="JSON with what differs from the default policy.")
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Also where it was rolled back before.")] = False,
    actor: Actor = None,
    as_json: AsJson = False,
) -> None:
    """Check a version, and begin to try it."""

    def run() -> int:
        from dfd.cli import rollout as command

        trying = command.Trying(name, version, mode.value, share, policy, again)
        return command.start(trying, reason, actor, as_json)

    run_command(context, run)


@rollout.command()
def status(context: typer.Context, name: Name, as_json: AsJson = False) -> None:
    """Show how it goes: figures of both versions, guard rails, and the rollouts before."""

    def run() -> int:
        from dfd.cli import rollout as command

        return command.status(name, as_json)

    run_command(context, run)


@rollout.command()
def stop(context: typer.Context, name: Name, reason: Reason, actor: Actor = None, as_json: AsJson = False) -> None:
    """End it; the champion goes on answering."""

    def run() -> int:
        from dfd.cli import rollout as command

        return command.end(name, False, reason, actor, as_json)

    run_command(context, run)


@rollout.command()
def promote(context: typer.Context, name: Name, reason: Reason, actor: Actor = None, as_json: AsJson = False) -> None:
    """Check the version again, and end it with the challenger as champion."""

    def run() -> int:
        from dfd.cli import rollout as command

        return command.end(name, True, reason, actor, as_json)

    run_command(context, run)
