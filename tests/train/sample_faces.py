"""Faces of the two people in the sample clips, with their landmarks, cut once for all tests."""

import functools
from pathlib import Path

import cv2
import numpy as np

from dfd.cropping import crop_face
from dfd.faces.blazeface import BlazeFaceDetector
from dfd.manifest import Alignment, InputContract, Layout
from dfd.video.limits import MediaLimits
from dfd.video.pyav import PyAvOpener
from dfd_train.landmarks import FaceMesh
from dfd_train.synthesis import FaceSample

SAMPLES = Path(__file__).parents[2] / "samples"
PEOPLE = ("astronaut", "hopper")
_TIMES_S = (0.2, 1.2, 2.2, 3.2)
_WIDE = InputContract(224, Layout.NHWC, 0.0, 1.0, 0.35, Alignment.EYES)


@functools.cache
def clip_of(person: str, side_px: int = 160) -> tuple[FaceSample, ...]:
    """Four frames of one of `PEOPLE`, in order of time."""
    detector, mesh = BlazeFaceDetector(threads=1), FaceMesh()
    faces = []
    with PyAvOpener(MediaLimits()).open(SAMPLES / f"real_{person}.mp4") as video:
        for frame in video.sample(_TIMES_S):
            wide = crop_face(frame.image, detector.detect(frame.image)[0], _WIDE)
            image = np.asarray(cv2.resize(wide, (side_px, side_px), interpolation=cv2.INTER_AREA), dtype=np.uint8)
            faces.append(FaceSample(image, mesh.points(wide)[0] * np.float32(side_px / 224)))
    return tuple(faces)


def face_of(person: str, side_px: int = 160) -> FaceSample:
    """The first frame of one of `PEOPLE`."""
    return clip_of(person, side_px)[0]
