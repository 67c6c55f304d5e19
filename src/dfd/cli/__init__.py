"""The command line. Importing it costs little: what a command needs is imported when the command runs."""

from dfd.cli import (  # noqa: F401 - they add their commands
    backup_commands,
    batch_command,
    explain_command,
    jobs_commands,
    keys_commands,
    models_commands,
    rollout_commands,
)
from dfd.cli.app import main

__all__ = ["main"]
