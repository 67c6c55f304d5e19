"""Running ``dfd`` as a process, and what its tests feed it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
TIMEOUT_S = 120


class Cli:
    """Runs ``dfd`` in a folder of its own, with nothing of the environment but what is given."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        self.environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT / "src"),
            "PYTHONWARNINGS": "error",
            "MODELS_DIR": str(folder / "models"),
            "NO_FACE_FALLBACK": "true",  # the painted clips hold no face
            **environment,
        }

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "dfd.cli", *arguments],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )

    def run(self, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        with Cli(self.folder, **{**self.environment, **environment}).start(*arguments) as process:
            out, err = process.communicate(timeout=TIMEOUT_S)
        assert "Traceback" not in out + err
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)


def lines(out: str) -> list[dict[str, Any]]:
    """The JSON lines, which must be all there is."""
    assert out.endswith("\n")
    found = [json.loads(line) for line in out.splitlines()]
    assert all(isinstance(line, dict) for line in found)
    return found


def paint(path: Path, dark: int, bright: int) -> None:
    """Write two seconds of a sharp checkerboard; the mean model calls bright ones fake."""
    rows, columns = np.indices((240, 240)) // 4
    board = np.where((rows + columns) % 2, bright, dark).astype(np.uint8)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (240, 240))
    assert writer.isOpened()
    for _ in range(20):
        writer.write(cv2.merge([board] * 3))
    writer.release()
