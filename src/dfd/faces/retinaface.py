"""RetinaFace, with weights of the operator's own: none with clear terms can be shipped.

Deng et al., "RetinaFace: Single-stage Dense Face Localisation in the Wild", CVPR 2020 (arXiv 1905.00641). An ONNX
export has three outputs with a row for each anchor: box ``(1, N, 4)``, background and face ``(1, N, 2)``, and five
points ``(1, N, 10)``, all relative to the anchor as in SSD (Liu et al., 2016), with variances 0.1 and 0.2. Two schemes
of anchors are known and told apart by their numbers: the paper's (five levels, three sizes a cell) and that of most
exports (three levels, two sizes a cell).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np

from dfd.device import Device
from dfd.errors import ConfigurationError
from dfd.faces.five_points import Candidates, detections, fitted
from dfd.onnx_sessions import RUNTIME_ERRORS, Session, open_session
from dfd.ports import FaceDetector
from dfd.types import FaceDetection, FloatArray, ImageU8

_MEAN_BGR: Final = (104.0, 117.0, 123.0)
_CENTRE_VARIANCE: Final = 0.1
_SIZE_VARIANCE: Final = 0.2
_LOG_LIMIT: Final = 8.0


@dataclass(frozen=True, slots=True)
class Level:
    """A level of the feature pyramid: its stride, and the sides of the square anchors in each cell, in pixels."""

    stride_px: int
    sides_px: tuple[float, ...]


PAPER: Final = tuple(
    Level(stride, tuple(4 * stride * 2 ** (step / 3) for step in range(3))) for stride in (4, 8, 16, 32, 64)
)
"""Table 2 of the paper: from 16 px at stride 4 to 406 px at stride 64, in steps of a third of an octave."""

THREE_LEVELS: Final = (Level(8, (16, 32)), Level(16, (64, 128)), Level(32, (256, 512)))
"""What exports of the MobileNet-0.25 and ResNet-50 variants have."""

_SCHEMES: Final = (THREE_LEVELS, PAPER)


def anchors(levels: Sequence[Level], height_px: int, width_px: int) -> FloatArray:
    """Anchors of a picture, level by level, row by row: ``(N, 3) float32``, centre x and y and side, in pixels."""
    parts = []
    for level in levels:
        rows, columns = -(-height_px // level.stride_px), -(-width_px // level.stride_px)
        y, x, side = np.meshgrid(
            (np.arange(rows) + 0.5) * level.stride_px,
            (np.arange(columns) + 0.5) * level.stride_px,
            np.asarray(level.sides_px),
            indexing="ij",
        )
        parts.append(np.stack([x, y, side], axis=-1).reshape(-1, 3))
    return np.concatenate(parts).astype(np.float32)


class RetinaFaceDetector(FaceDetector):
    """Finds faces with five points each, by weights that the operator brings.

    Args:
        weights: the ONNX file; its one input is ``(1, 3, H, W) float32``, BGR less ImageNet's mean.
        min_score: detections below this confidence are dropped.
        longest_px: frames are scaled down to this longer side where the size of the input is free.
        threads: threads for one inference on the CPU; 0 leaves the choice to ONNX Runtime.
        device: where the net is computed.

    Raises:
        ConfigurationError: the file cannot be loaded, is no RetinaFace, or `device` cannot be used here.
    """

    def __init__(
        self,
        weights: Path,
        min_score: float = 0.6,
        longest_px: int = 640,
        threads: int = 0,
        device: Device = Device.CPU,
    ) -> None:
        if not 0 < min_score < 1:
            raise ValueError(f"min_score must be in (0, 1), got {min_score}")
        if not weights.is_file():
            raise ConfigurationError(f"RETINAFACE_WEIGHTS: there is no file {weights}")
        try:
            self._session = open_session(weights, threads, device)
        except RUNTIME_ERRORS as error:
            raise ConfigurationError(f"RETINAFACE_WEIGHTS: {weights} cannot be loaded: {error}") from error
        self._input, self._fixed = _checked_input(self._session, weights)
        self._weights = weights
        self._min_score = min_score
        self._longest_px = longest_px
        self.detect(np.zeros((64, 64, 3), np.uint8))  # its outputs are checked at the start, not by the first video

    def detect(self, image: ImageU8) -> list[FaceDetection]:
        shown, factor = self._shown(image)
        blob = shown[..., ::-1] - np.asarray(_MEAN_BGR, np.float32)
        boxes, scores, points = self._answer(np.ascontiguousarray(blob.transpose(2, 0, 1)[None]))
        placed = self._anchors(len(boxes), *shown.shape[:2])
        kept = scores >= self._min_score
        return detections(_decoded(boxes[kept], points[kept], scores[kept], placed[kept]), factor)

    def _shown(self, image: ImageU8) -> tuple[FloatArray, float]:
        if self._fixed is None:
            return fitted(image, self._longest_px, 32)
        height, width = self._fixed
        factor = min(1.0, height / image.shape[0], width / image.shape[1])
        scaled, factor = fitted(image, max(1, int(max(image.shape[:2]) * factor)), 1)
        canvas = np.zeros((height, width, 3), np.float32)
        canvas[: scaled.shape[0], : scaled.shape[1]] = scaled
        return canvas, factor

    def _answer(self, blob: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Boxes ``(N, 4)``, probabilities of a face ``(N,)`` and points ``(N, 10)``, whatever the outputs' order."""
        by_width = {part.shape[-1]: part[0] for part in self._session.run(None, {self._input: blob}) if part.ndim == 3}
        if not {2, 4, 10} <= by_width.keys():
            raise ConfigurationError(
                f"RETINAFACE_WEIGHTS: {self._weights} must answer (1, N, 4), (1, N, 2) and (1, N, 10), "
                f"its last axes are {sorted(by_width)}"
            )
        classes = by_width[2]
        if classes.size and (classes.min() < 0 or not np.allclose(classes.sum(axis=1), 1, atol=1e-3)):
            # The export ends before its softmax.
            classes = 1 / (1 + np.exp(np.clip(classes[:, ::-1] - classes, -80, 80)))
        return by_width[4], classes[:, 1], by_width[10]

    def _anchors(self, rows: int, height: int, width: int) -> FloatArray:
        for scheme in _SCHEMES:
            found = _cached(scheme, height, width)
            if len(found) == rows:
                return found
        raise ConfigurationError(
            f"RETINAFACE_WEIGHTS: {self._weights} answers {rows} rows for {width}x{height} pixels; "
            f"known are {' and '.join(str(len(_cached(scheme, height, width))) for scheme in _SCHEMES)}"
        )


@lru_cache(maxsize=8)
def _cached(levels: tuple[Level, ...], height: int, width: int) -> FloatArray:
    found = anchors(levels, height, width)
    found.flags.writeable = False
    return found


def _decoded(boxes: FloatArray, points: FloatArray, scores: FloatArray, placed: FloatArray) -> Candidates:
    centre, side = placed[:, :2], placed[:, 2:]
    middle = centre + boxes[:, :2] * _CENTRE_VARIANCE * side
    half = np.exp(np.minimum(boxes[:, 2:] * _SIZE_VARIANCE, _LOG_LIMIT)) * side / 2
    there = centre[:, None] + points.reshape(-1, 5, 2) * _CENTRE_VARIANCE * side[:, None]
    return Candidates(np.concatenate([middle - half, middle + half], axis=1), there, scores)


def _checked_input(session: Session, weights: Path) -> tuple[str, tuple[int, int] | None]:
    """Name of the input, and its height and width where they are fixed."""
    inputs = session.get_inputs()
    if len(inputs) != 1 or inputs[0].type != "tensor(float)" or len(inputs[0].shape) != 4 or inputs[0].shape[1] != 3:
        raise ConfigurationError(f"RETINAFACE_WEIGHTS: {weights} must have one float32 input of shape (1, 3, H, W)")
    height, width = inputs[0].shape[2:]
    fixed = (height, width) if isinstance(height, int) and isinstance(width, int) else None
    return str(inputs[0].name), fixed
