"""The options of ``dfd backup``."""

# ruff: noqa: PLC0415 - as in `dfd.cli.app`

from pathlib import Path
from typing import Annotated

import typer

from dfd.cli.app import EXIT_CODES_HELP, _debugging, app
from dfd.cli.exits import guarded

backup = typer.Typer(
    help="Copy the database and the files of jobs into a folder, check such a copy, or restore it.",
    no_args_is_help=True,
    epilog=EXIT_CODES_HELP,
)
app.add_typer(backup, name="backup")

Folder = Annotated[Path, typer.Argument(metavar="FOLDER", show_default=False, help="The folder of the backup.")]
AsJson = Annotated[bool, typer.Option("--json", help="Write one JSON object.")]


@backup.command()
def create(context: typer.Context, folder: Folder, as_json: AsJson = False) -> None:
    """Write a backup; the service may go on working."""

    def run() -> int:
        from dfd.cli import backup as command

        return command.create(folder, as_json)

    raise typer.Exit(guarded(run, lambda: _debugging(context)))


@backup.command()
def verify(context: typer.Context, folder: Folder, as_json: AsJson = False) -> None:
    """Read a backup to its end and compare every hash."""

    def run() -> int:
        from dfd.cli import backup as command

        return command.verify(folder, as_json)

    raise typer.Exit(guarded(run, lambda: _debugging(context)))


@backup.command()
def restore(
    context: typer.Context,
    folder: Folder,
    force: Annotated[bool, typer.Option("--force", help="Replace what is there.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make the database and the files of jobs what they were; stop the service before."""

    def run() -> int:
        from dfd.cli import backup as command

        return command.restore(folder, force, as_json)

    raise typer.Exit(guarded(run, lambda: _debugging(context)))
