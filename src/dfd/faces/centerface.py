"""CenterFace: the accurate, slower face detector that ships with DFD.

Xu et al., "CenterFace: Joint Face Detection and Alignment Using Face as Point", 2019 (arXiv 1911.03599): a heat map of
faces' centres at a quarter of the input's size, with size, offset and five points at each place. Weights: Star-Clouds,
MIT (see NOTICE).
"""

from importlib.resources import as_file, files
from typing import Final

import numpy as np

from dfd.device import Device
from dfd.faces.five_points import Candidates, detections, fitted
from dfd.onnx_sessions import open_session
from dfd.ports import FaceDetector
from dfd.types import FaceDetection, FloatArray, ImageU8

_STRIDE: Final = 4
_MULTIPLE: Final = 32
_OUTPUTS: Final = ("537", "538", "539", "540")
_LOG_SIDE_LIMIT: Final = 8.0  # exp(8) * 4 is more pixels than any input has


class CenterFaceDetector(FaceDetector):
    """Finds faces with five points each, also small and turned ones.

    Args:
        min_score: detections below this confidence are dropped.
        longest_px: frames are scaled down to this longer side; time grows with its square.
        threads: threads for one inference on the CPU; 0 leaves the choice to ONNX Runtime.
        device: where the net is computed.

    Raises:
        ConfigurationError: `device` cannot be used here.
    """

    def __init__(
        self, min_score: float = 0.5, longest_px: int = 640, threads: int = 0, device: Device = Device.CPU
    ) -> None:
        if not 0 < min_score < 1:
            raise ValueError(f"min_score must be in (0, 1), got {min_score}")
        if longest_px < _MULTIPLE:
            raise ValueError(f"longest_px must be {_MULTIPLE} or more, got {longest_px}")
        with as_file(files("dfd.faces") / "weights" / "centerface.onnx") as weights:
            self._session = open_session(weights, threads, device)
        self._min_score = min_score
        self._longest_px = longest_px

    def detect(self, image: ImageU8) -> list[FaceDetection]:
        shown, factor = fitted(image, self._longest_px, _MULTIPLE)
        planes = np.ascontiguousarray(shown.transpose(2, 0, 1)[None])
        heat, sizes, offsets, points = (part[0] for part in self._session.run(_OUTPUTS, {"input.1": planes}))
        return detections(_candidates(heat[0], sizes, offsets, points, self._min_score), factor)


def _candidates(
    heat: FloatArray, sizes: FloatArray, offsets: FloatArray, points: FloatArray, min_score: float
) -> Candidates:
    """Read the net's maps, ``(R, C)`` and ``(2 or 10, R, C)``; sizes, offsets and points have y before x."""
    rows, columns = np.nonzero(heat >= min_score)
    height, width = np.exp(np.minimum(sizes[:, rows, columns], _LOG_SIDE_LIMIT)) * _STRIDE
    y = (rows + offsets[0, rows, columns] + 0.5) * _STRIDE
    x = (columns + offsets[1, rows, columns] + 0.5) * _STRIDE
    corners = np.stack([x - width / 2, y - height / 2, x + width / 2, y + height / 2], axis=1)
    there = points[:, rows, columns].reshape(5, 2, -1)
    placed = np.stack([there[:, 1] * width + corners[:, 0], there[:, 0] * height + corners[:, 1]], axis=-1)
    return Candidates(corners, placed.transpose(1, 0, 2), heat[rows, columns])
