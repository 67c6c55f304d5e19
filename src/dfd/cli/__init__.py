"""The command line. Importing it costs little: what a command needs is imported when the command runs."""

from dfd.cli import batch_command  # noqa: F401 - adds its command
from dfd.cli.app import main

__all__ = ["main"]
