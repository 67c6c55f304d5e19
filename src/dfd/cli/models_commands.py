"""``dfd models`` and the options of its commands."""

# ruff: noqa: PLC0415 - as in `dfd.cli.app`

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from dfd.cli.app import EXIT_CODES_HELP, _debugging, app
from dfd.cli.exits import guarded
from dfd.cli.options import checked_model

models = typer.Typer(
    help="The registry of models: versions, and which of them answers.", no_args_is_help=True, epilog=EXIT_CODES_HELP
)
app.add_typer(models, name="models")


class Bearing(StrEnum):
    """What a version may be promoted to; the same as `dfd.aliases.Alias`."""

    CHAMPION = "champion"
    CHALLENGER = "challenger"


class Server(StrEnum):
    """Model servers whose configuration can be written."""

    TFSERVING = "tfserving"
    TRITON = "triton"


class TritonBackend(StrEnum):
    """What runs the model inside Triton; the same as `dfd.registry.serving_config.TritonBackend`."""

    ONNXRUNTIME = "onnxruntime"
    PYTHON = "python"


def _said(value: str) -> str:
    if not value.strip():
        raise typer.BadParameter("it must not be blank")
    return value


AsJson = Annotated[bool, typer.Option("--json", help="Write one JSON object a line.")]
Name = Annotated[str, typer.Argument(metavar="NAME", show_default=False, help="The model.")]
Reason = Annotated[str, typer.Option(callback=_said, show_default=False, help="Why; goes into the audit file.")]
Actor = Annotated[str | None, typer.Option(help="Who, for the audit file; by default the user of the system.")]
Chosen = Annotated[
    str | None,
    typer.Argument(
        metavar="[NAME[:VERSION]]", callback=checked_model, show_default=False, help="Only this model, or version."
    ),
]


def run_command(context: typer.Context, command: Callable[[], int]) -> None:
    """Run a command, and end with its exit code."""
    raise typer.Exit(guarded(command, lambda: _debugging(context)))


@models.command("list")
def list_models(context: typer.Context, name: Chosen = None, as_json: AsJson = False) -> None:
    """List models, their versions and aliases."""

    def run() -> int:
        from dfd.cli import models as command

        return command.list_models(name, as_json)

    run_command(context, run)


@models.command()
def show(
    context: typer.Context,
    model: Annotated[
        str,
        typer.Argument(metavar="NAME[:VERSION]", callback=checked_model, show_default=False, help="Model or version."),
    ],
    as_json: AsJson = False,
) -> None:
    """Show a model's aliases and their history, or one version."""

    def run() -> int:
        from dfd.cli import models as command

        return command.show(model, as_json)

    run_command(context, run)


@models.command()
def verify(context: typer.Context, model: Chosen = None, as_json: AsJson = False) -> None:
    """Check hashes, input contract, answers and aliases again."""

    def run() -> int:
        from dfd.cli import models as command

        return command.verify(model, as_json)

    run_command(context, run)


@models.command()
def register(
    context: typer.Context,
    source: Annotated[
        str, typer.Argument(metavar="DIR", show_default=False, help="Folder of a version, or s3://BUCKET/PREFIX.")
    ],
    as_json: AsJson = False,
) -> None:
    """Check a version and copy it into the registry."""

    def run() -> int:
        from dfd.cli import models_changes as command

        return command.register(source, as_json)

    run_command(context, run)


@models.command()
def promote(
    context: typer.Context,
    name: Name,
    version: Annotated[str, typer.Argument(metavar="VERSION", show_default=False, help="Its version, or challenger.")],
    reason: Reason,
    bearing: Annotated[Bearing, typer.Option("--as", help="What it becomes.")] = Bearing.CHAMPION,
    actor: Actor = None,
    as_json: AsJson = False,
) -> None:
    """Check a version, and let it answer (champion) or be tried next (challenger)."""

    def run() -> int:
        from dfd.cli import models_changes as command

        return command.promote(name, version, bearing.value, reason, actor, as_json)

    run_command(context, run)


@models.command()
def rollback(context: typer.Context, name: Name, reason: Reason, actor: Actor = None, as_json: AsJson = False) -> None:
    """Let the champion before answer again."""

    def run() -> int:
        from dfd.cli import models_changes as command

        return command.rollback(name, reason, actor, as_json)

    run_command(context, run)


@models.command()
def recalibrate(
    context: typer.Context,
    name: Name,
    version: Annotated[
        str, typer.Argument(metavar="VERSION", show_default=False, help="Its version, champion or challenger.")
    ],
    reason: Reason,
    min_labels: Annotated[int, typer.Option(min=10, max=5000, help="Labelled videos that it takes.")] = 50,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the folds.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Fit the calibration again to labelled videos, and register that as a new version if it is better."""

    def run() -> int:
        from dfd.cli import models_feedback as command

        return command.recalibrate(name, version, reason, min_labels, seed, as_json)

    run_command(context, run)


@models.command()
def monitor(
    context: typer.Context,
    name: Name,
    version: Annotated[
        str, typer.Argument(metavar="VERSION", show_default=False, help="Its version, champion or challenger.")
    ],
    hours: Annotated[int, typer.Option(min=1, max=720, help="How far back drift is looked for.")] = 168,
    as_json: AsJson = False,
) -> None:
    """Show drift of what a version is fed, and its calibration on labelled videos."""

    def run() -> int:
        from dfd.cli import models_feedback as command

        return command.monitor(name, version, hours, as_json)

    run_command(context, run)


@models.command("export-serving-config")
def export_serving_config(
    context: typer.Context,
    server: Annotated[Server, typer.Argument(show_default=False, help="The model server.")],
    out: Annotated[Path, typer.Argument(show_default=False, help="Folder to write to.")],
    name: Annotated[
        str | None, typer.Option("--model", metavar="NAME", help="The model, by default MODEL_NAME.")
    ] = None,
    base_path: Annotated[
        str, typer.Option(help="TensorFlow Serving: where the server finds the folder of models.")
    ] = "/models",
    backend: Annotated[
        TritonBackend, typer.Option(help="Triton: what runs the model; python where it has no onnxruntime backend.")
    ] = TritonBackend.ONNXRUNTIME,
) -> None:
    """Write the configuration of a model server for the versions that bear an alias or answer."""

    def run() -> int:
        from dfd.cli import models_serving as command

        return command.export_serving_config(server.value, out, name, base_path, backend.value)

    run_command(context, run)
