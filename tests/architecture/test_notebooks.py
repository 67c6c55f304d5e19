"""Notebooks are kept without what a run leaves in them."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.architecture.test_source_rules import MACHINE_PATH
from tests.architecture.tree import ROOT, name

NOTEBOOKS = [pytest.param(path, id=name(path)) for path in sorted((ROOT / "notebooks").glob("*.ipynb"))]


def cells_of(path: Path) -> list[dict[str, Any]]:
    cells: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return cells


def test_there_are_notebooks() -> None:
    assert {Path(str(param.values[0])).name for param in NOTEBOOKS} == {"export_and_predict.ipynb", "train.ipynb"}


@pytest.mark.parametrize("path", NOTEBOOKS)
def test_no_output_is_kept(path: Path) -> None:
    code = [cell for cell in cells_of(path) if cell["cell_type"] == "code"]

    assert code
    for number, cell in enumerate(code, start=1):
        assert cell["outputs"] == [], f"code cell {number} holds outputs: clear them"
        assert cell["execution_count"] is None, f"code cell {number} was run: clear the outputs"
        assert cell["metadata"] == {}, f"code cell {number} holds metadata of a run: clear it"


@pytest.mark.parametrize("path", NOTEBOOKS)
def test_no_path_of_one_machine_is_named(path: Path) -> None:
    lines = [line for cell in cells_of(path) for line in cell["source"]]

    assert lines
    assert [line for line in lines if MACHINE_PATH.search(line)] == []
