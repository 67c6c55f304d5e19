"""OpenCV's Haar cascade: the detector of DFD's first version, kept for comparison and for old expectations.

Viola and Jones, "Rapid Object Detection using a Boosted Cascade of Simple Features", 2001. It finds upright frontal
faces only, gives no key points and takes many times as long as BlazeFace (``benchmarks/face_detection.py``).
"""

import math
import threading
from pathlib import Path

import cv2
import numpy as np

from dfd.errors import ConfigurationError
from dfd.ports import FaceDetector
from dfd.types import BoundingBox, FaceDetection, ImageU8

_CASCADE = "haarcascade_frontalface_default.xml"
_STAGES = 25  # of that cascade; detectMultiScale3 also returns windows that fell at one of the last stages
_WINDOW_PX = 24  # the size the cascade was trained at
_SCALE_FACTOR = 1.1
_MIN_NEIGHBOURS = 5


class HaarDetector(FaceDetector):
    """Finds upright frontal faces.

    Args:
        min_side: smallest face to look for, as a share of the image's shorter side, in (0, 1].

    Raises:
        ConfigurationError: this OpenCV has no Haar cascades (5.0 dropped them).
    """

    def __init__(self, min_side: float = 0.06) -> None:
        if not 0 < min_side <= 1:
            raise ValueError(f"min_side must be in (0, 1], got {min_side}")
        self._min_side = min_side
        self._local = threading.local()  # a CascadeClassifier keeps its work buffers: one for each thread
        self._classifier()

    def detect(self, image: ImageU8) -> list[FaceDetection]:
        grey = cv2.equalizeHist(cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY))
        side = max(_WINDOW_PX, round(min(grey.shape) * self._min_side))
        boxes, stages, weights = self._classifier().detectMultiScale3(
            grey,
            scaleFactor=_SCALE_FACTOR,
            minNeighbors=_MIN_NEIGHBOURS,
            minSize=(side, side),
            outputRejectLevels=True,
        )
        found = [
            FaceDetection(BoundingBox(float(x), float(y), float(x + width), float(y + height)), _confidence(weight))
            for (x, y, width, height), stage, weight in zip(boxes, stages, weights, strict=True)
            if stage >= _STAGES
        ]
        return sorted(found, key=lambda face: (-face.score, face.box.x1_px, face.box.y1_px, face.box.side_px))

    def _classifier(self) -> "cv2.CascadeClassifier":
        """This thread's classifier.

        Raises:
            ConfigurationError: the cascade cannot be loaded.
        """
        classifier: cv2.CascadeClassifier | None = getattr(self._local, "classifier", None)
        if classifier is None:
            if not hasattr(cv2, "CascadeClassifier"):
                raise ConfigurationError("the Haar detector needs opencv-python-headless below 5")
            path = Path(cv2.__file__).parent / "data" / _CASCADE
            classifier = cv2.CascadeClassifier(str(path))
            if classifier.empty():
                raise ConfigurationError(f"OpenCV's Haar cascade {_CASCADE} is missing or damaged")
            self._local.classifier = classifier
        return classifier


def _confidence(weight: float) -> float:
    """Map the last stage's sum to (0, 1): 3 (as false alarms have) to 0.8, 7 (the median of true faces) to 0.97."""
    return 1.0 / (1.0 + math.exp(-float(weight) / 2.0))
