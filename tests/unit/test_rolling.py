"""The parent that replaces services, where there is none to be had."""

import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import pytest

from dfd.cli.rolling import _Roller


def gone(*_arguments: object, **_options: object) -> NoReturn:
    raise FileNotFoundError("this interpreter was moved away")


@pytest.mark.logs_errors
def test_a_successor_for_which_there_is_no_program_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as current:
        monkeypatch.setattr(subprocess, "Popen", gone)
        before = len(list(Path("/proc/self/fd").iterdir()))
        assert _Roller([])._replaced(current) is current
        assert current.poll() is None
        assert len(list(Path("/proc/self/fd").iterdir())) == before
        assert "did not start (this interpreter was moved away)" in caplog.text
        current.communicate(b"\n")
