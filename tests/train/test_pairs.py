"""Training and serving cut the same tensor from a frame and the one after it."""

from pathlib import Path

import numpy as np
import pytest
from tests.fakes import FakeVideoOpener, make_video_info

from dfd.cropping import crop_face
from dfd.manifest import Alignment, InputContract, Layout
from dfd.preprocessing import to_model_input
from dfd.types import BoundingBox, FaceDetection, ImageU8
from dfd_train.store import WIDE_MARGIN, WIDE_PX, wide_detection

CONTRACT = InputContract(
    size_px=96,
    layout=Layout.NHWC,
    value_min=-1.0,
    value_max=1.0,
    crop_margin=0.15,
    alignment=Alignment.NONE,
    frames=2,
)
WIDE = InputContract(WIDE_PX, Layout.NHWC, 0.0, 1.0, WIDE_MARGIN, Alignment.EYES, frames=2)


def noise(seed: int) -> ImageU8:
    return np.random.default_rng(seed).integers(0, 256, (WIDE_PX, WIDE_PX, 3), dtype=np.uint8)


@pytest.mark.parametrize("follows", [True, False], ids=["followed", "last"])
def test_training_and_serving_cut_the_same_pair(follows: bool) -> None:
    """The training crop of an unjittered pair is bit for bit what serving cuts from the same frames."""
    opener = FakeVideoOpener(
        video=make_video_info(width_px=WIDE_PX, height_px=WIDE_PX),
        paint=lambda index, time_s: noise(0),
        paint_next=lambda index, time_s: noise(1) if follows else None,
    )
    side = WIDE_PX / (1 + 2 * WIDE_MARGIN)
    low, high = (WIDE_PX - side) / 2, (WIDE_PX + side) / 2
    face = FaceDetection(BoundingBox(low, low, high, high), 0.9)
    with opener.open(Path("clip.mp4")) as video:
        (frame,) = video.sample((0.0,), with_next=True)
    served = crop_face(frame.image, face, CONTRACT, frame.following)
    wide = crop_face(frame.image, face, WIDE, frame.following)
    trained = crop_face(wide[..., :3], wide_detection((0.0, 0.0), 1.0, 0.0), CONTRACT, wide[..., 3:])

    tensor = to_model_input([trained], CONTRACT)
    assert np.array_equal(tensor, to_model_input([served], CONTRACT))
    assert np.array_equal(tensor[..., :3], tensor[..., 3:]) == (not follows)
