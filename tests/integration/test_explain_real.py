"""`dfd explain` with the model, the detector and a clip that ship with DFD."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from dfd.cli import explain as command
from dfd.cli.exits import ExitCode
from dfd.errors import ExplanationUnavailable, FaceNotFound
from dfd.explanation.regions import Region

CLIP = Path(__file__).parents[2] / "samples" / "fake_swap.mp4"


def test_the_shipped_model_is_explained(tmp_path: Path) -> None:
    request = command.Request(CLIP, tmp_path / "why", top=2)
    assert command.explain(request) is ExitCode.DONE
    told = json.loads((tmp_path / "why" / command.RESULT_NAME).read_text(encoding="utf-8"))
    assert told["regions_unavailable"] is None
    assert [one["region"] for one in told["tracks"][0]["regions"]] == [region.value for region in Region]
    assert len(told["maps"]) == 2
    for entry in told["maps"]:
        picture = cv2.imread(str(tmp_path / "why" / entry["file"]))
        assert picture is not None
        face, overlay = picture[:, :320].astype(int), picture[:, 320:640].astype(int)
        assert np.abs(face - overlay).mean() > 1


def test_a_time_without_a_face_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FaceNotFound, match="near 500 s"):
        command.explain(command.Request(CLIP, tmp_path / "why", time_s=500.0))
    assert not (tmp_path / "why").exists()


def test_a_version_that_was_not_measured_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExplanationUnavailable, match="deepfake/1"):
        command.explain(command.Request(CLIP, tmp_path / "why", model_name="deepfake", model_version="1"))
