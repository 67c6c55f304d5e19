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


def _indices(text: str) -> tuple[int, ...]:
    return tuple(int(word) for word in text.split())


# Point numbers of MediaPipe's canonical face model. Right and left are the person's own.
OVAL = _indices(
    "10 338 297 332 284 251 389 356 454 323 361 288 397 365 379 378 400 377 "
    "152 148 176 149 150 136 172 58 132 93 234 127 162 21 54 103 67 109"
)
"""The face's outline, from the top of the forehead round by the left ear and the chin."""
JAW = OVAL[9:28]
"""The outline below the ears."""
BROWS = _indices("70 63 105 66 107 336 296 334 293 300")
EYES = _indices("33 133 159 145 263 362 386 374")
MOUTH = _indices("61 291 0 17 37 267 84 314 40 270 91 321")
NOSE = _indices("1 2 98 327 168 6")
RIGHT_EYE = _indices("33 7 163 144 145 153 154 155 133 173 157 158 159 160 161 246")
LEFT_EYE = _indices("263 249 390 373 374 380 381 382 362 398 384 385 386 387 388 466")
OUTER_LIPS = _indices("61 146 91 181 84 17 314 405 321 375 291 409 270 269 267 0 37 39 40 185")
INNER_LIPS = _indices("78 95 88 178 87 14 317 402 318 324 308 415 310 311 312 13 82 81 80 191")
NOSE_OUTLINE = _indices("168 6 197 195 5 4 1 2 98 327 64 294 48 278 129 358 97 326")
FOREHEAD = _indices("151 9 8 69 299 108 337")
UPPER_CHEEKS = _indices("117 346 123 352 50 280")
LOWER_CHEEKS = _indices("205 425 187 411 207 427 212 432 210 430")
CHIN = _indices("199 175 200 18")

SKULL = (*FOREHEAD, *UPPER_CHEEKS, *_indices("33 133 362 263 168 6 197 195 5 4 1 2 98 327"))
"""Points that move with the head and not with speech."""
WARP = (
    *OVAL,
    *BROWS,
    *RIGHT_EYE[::2],
    *LEFT_EYE[::2],
    *OUTER_LIPS[::2],
    *INNER_LIPS[::2],
    *NOSE_OUTLINE,
    *FOREHEAD,
    *UPPER_CHEEKS,
    *LOWER_CHEEKS,
    *CHIN,
)
"""Corners of the triangles by which one face is laid upon another."""


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
