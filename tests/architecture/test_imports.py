"""The import contracts of ``pyproject.toml`` hold."""

import subprocess
import sys
from pathlib import Path

from tests.architecture.tree import ROOT


def test_import_contracts_hold() -> None:
    """In a process of its own: import-linter's logging set-up would silence the loggers of every later test."""
    command = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([command, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
