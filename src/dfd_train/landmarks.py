"""MediaPipe FaceMesh: 468 points on a face, from which self-blending makes its masks.

Kartynnik et al., "Real-time Facial Surface Geometry from Monocular Video on Mobile GPUs", 2019 (arXiv 1907.06724).
Weights: MediaPipe, Apache-2.0 (see NOTICE).
"""

from importlib.resources import as_file, files

import cv2
import numpy as np
import onnxruntime as ort

from dfd.types import FloatArray, ImageU8

_INPUT_PX = 192
_POINTS = 468
# MediaPipe's face-oval contour and feature indices
OVAL = (
    10,
    338,
    297,
    332,
    284,
    251,
    389,
    356,
    454,
    323,
    361,
    288,
    397,
    365,
    379,
    378,
    400,
    377,
    152,
    148,
    176,
    149,
    150,
    136,
    172,
    58,
    132,
    93,
    234,
    127,
    162,
    21,
    54,
    103,
    67,
    109,
)
BROWS = (70, 63, 105, 66, 107, 336, 296, 334, 293, 300)
EYES = (33, 133, 159, 145, 263, 362, 386, 374)
MOUTH = (61, 291, 0, 17, 37, 267, 84, 314, 40, 270, 91, 321)
NOSE = (1, 2, 98, 327, 168, 6)


class FaceMesh:
    """Finds the 468 points on an upright crop that holds one face.

    Args:
        threads: threads for one inference.
    """

    def __init__(self, threads: int = 1) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        with as_file(files("dfd_train") / "weights" / "facemesh_468.onnx") as weights:
            self._session = ort.InferenceSession(str(weights), options, providers=["CPUExecutionProvider"])

    def points(self, crop: ImageU8) -> tuple[FloatArray, float]:
        """Find the points.

        Args:
            crop: ``(S, S, 3) uint8`` RGB, upright, about 1.5 times the face box.

        Returns:
            ``(468, 2) float32`` points in pixels of `crop`, and the model's logit that a face is there.
        """
        side = crop.shape[0]
        picture = cv2.resize(crop, (_INPUT_PX, _INPUT_PX)).astype(np.float32) / np.float32(255)
        mesh, flag = self._session.run(None, {"input_1": picture[None]})
        points = mesh.reshape(_POINTS, 3)[:, :2] * np.float32(side / _INPUT_PX)
        return np.ascontiguousarray(points, dtype=np.float32), float(flag.reshape(()))
