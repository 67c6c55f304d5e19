"""What the tests of the command line share."""

import shutil
from pathlib import Path

import pytest
from tests.cli_process import Cli, paint
from tests.onnx_models import SERVED, write_registry


@pytest.fixture(scope="session")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model, clips that it calls fake and real, and files that are no video."""
    folder = tmp_path_factory.mktemp("cli")
    write_registry(folder / "models", version=SERVED)
    paint(folder / "fake.avi", 150, 255)
    paint(folder / "real.avi", 30, 120)
    (folder / "text.mp4").write_text("no video")
    (folder / "zero.mp4").touch()
    clips = folder / "clips"
    (clips / "inner").mkdir(parents=True)
    shutil.copy(folder / "real.avi", clips / "b.avi")
    shutil.copy(folder / "fake.avi", clips / "inner" / "a.avi")
    (clips / "readme.txt").write_text("no media by its name")
    (folder / "empty").mkdir()
    return folder


@pytest.fixture
def cli(media: Path) -> Cli:
    return Cli(media)
