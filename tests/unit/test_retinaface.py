"""RetinaFace's anchors and decoding, against the paper's figures and an encoder of its own."""

from pathlib import Path

import numpy as np
import pytest
from tests.fakes import make_manifest
from tests.onnx_models import write_mean_model
from tests.retinaface_model import Seen, write_retinaface

from dfd.errors import ConfigurationError
from dfd.faces.five_points import DROP, SIDE
from dfd.faces.retinaface import PAPER, THREE_LEVELS, Level, RetinaFaceDetector, anchors

LEFT = Seen((40, 60, 140, 200), ((70, 110), (112, 108), (90, 140), (74, 165), (108, 163)), 5.0)
RIGHT = Seen((300, 80, 330, 120), ((308, 95), (322, 95), (315, 103), (309, 111), (321, 111)), 3.0)


def test_the_paper_has_102300_anchors_for_640_pixels() -> None:
    """Section 3.2: 102,300 of them, three quarters from the lowest level, from 16 to 406 pixels."""
    found = anchors(PAPER, 640, 640)
    assert len(found) == 102_300
    assert 160 * 160 * 3 / len(found) == pytest.approx(0.75, abs=0.01)
    np.testing.assert_allclose(np.unique(found[:3, 2]), [16, 20.16, 25.40], atol=0.01)
    np.testing.assert_allclose(np.unique(found[-3:, 2]), [256, 322.54, 406.37], atol=0.01)


def test_anchors_lie_in_the_middle_of_their_cells() -> None:
    found = anchors(THREE_LEVELS, 64, 96)
    assert len(found) == 2 * (8 * 12 + 4 * 6 + 2 * 3)
    assert found[:3].tolist() == [[4, 4, 16], [4, 4, 32], [12, 4, 16]]
    assert found[-1].tolist() == [80, 48, 512]


@pytest.mark.parametrize("levels", [THREE_LEVELS, PAPER], ids=["three levels", "paper"])
@pytest.mark.parametrize("softmaxed", [True, False])
def test_faces_come_out_as_they_were_encoded(tmp_path: Path, levels: tuple[Level, ...], softmaxed: bool) -> None:
    weights = write_retinaface(tmp_path / "r.onnx", levels, (256, 384), [RIGHT, LEFT], softmaxed=softmaxed)
    faces = RetinaFaceDetector(weights, threads=1).detect(np.zeros((256, 384, 3), np.uint8))
    assert len(faces) == 2
    for face, seen in zip(faces, (LEFT, RIGHT), strict=True):
        x1, y1, x2, y2 = seen.box
        assert face.score == pytest.approx(1 / (1 + np.exp(-seen.logit)), abs=1e-4)
        assert face.box.centre_px == pytest.approx(((x1 + x2) / 2, (y1 + y2) / 2 + DROP * (y2 - y1)), abs=0.01)
        assert face.box.side_px == pytest.approx(SIDE * (y2 - y1), rel=1e-4)
        assert face.landmarks_px is not None
        np.testing.assert_allclose(face.landmarks_px[:3], seen.points[:3], atol=0.01)
        np.testing.assert_allclose(face.landmarks_px[3], np.mean(seen.points[3:], axis=0), atol=0.01)


def test_a_larger_picture_is_scaled_to_a_fixed_input(tmp_path: Path) -> None:
    weights = write_retinaface(tmp_path / "r.onnx", THREE_LEVELS, (256, 384), [LEFT])
    [face] = RetinaFaceDetector(weights, threads=1).detect(np.zeros((512, 600, 3), np.uint8))
    assert face.box.centre_px == pytest.approx((180, 260 + 2 * DROP * 140), abs=0.1)


def test_an_unsure_face_is_dropped(tmp_path: Path) -> None:
    unsure = Seen(RIGHT.box, RIGHT.points, 0.0)
    weights = write_retinaface(tmp_path / "r.onnx", THREE_LEVELS, (256, 384), [LEFT, unsure])
    assert len(RetinaFaceDetector(weights, threads=1).detect(np.zeros((256, 384, 3), np.uint8))) == 1
    assert len(RetinaFaceDetector(weights, 0.4, threads=1).detect(np.zeros((256, 384, 3), np.uint8))) == 2


def test_what_is_no_retinaface_is_refused_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="there is no file"):
        RetinaFaceDetector(tmp_path / "missing.onnx")
    (tmp_path / "noise.onnx").write_bytes(b"noise")
    with pytest.raises(ConfigurationError, match="cannot be loaded"):
        RetinaFaceDetector(tmp_path / "noise.onnx")
    with pytest.raises(ConfigurationError, match="must have one float32 input"):
        RetinaFaceDetector(write_mean_model(tmp_path / "mean.onnx", make_manifest()))
    odd = (Level(8, (16.0,)),)
    with pytest.raises(ConfigurationError, match=r"answers 64 rows for 64x64 pixels; known are 168 and "):
        RetinaFaceDetector(write_retinaface(tmp_path / "odd.onnx", odd, (64, 64), []))
