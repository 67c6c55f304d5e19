"""``dfd-train``: make a model version from a data folder."""

import typer

from dfd_train.cli import data_sets, versions

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)

app.command()(versions.run)
app.command()(versions.card)
app.command()(versions.ablate)
app.command()(versions.left_out)
app.command()(data_sets.data)
app.command()(data_sets.splits)
app.command("list")(data_sets.list_clips)
app.command()(data_sets.forge)
app.command()(data_sets.preview)


@app.callback()
def about() -> None:
    """Train, calibrate, evaluate and export DFD's models."""


def main() -> None:
    """Entry point of the console script."""
    app()
