"""The import contracts of ``pyproject.toml`` hold."""

import pytest
from importlinter.cli import lint_imports
from tests.architecture.tree import ROOT


def test_import_contracts_hold(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(ROOT)

    status = lint_imports(config_filename="pyproject.toml", no_cache=True)

    assert status == 0, capsys.readouterr().out
