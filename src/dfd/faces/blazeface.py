"""BlazeFace "back" 256: the fast face detector that ships with DFD.

Bazarevsky et al., "BlazeFace: Sub-millisecond Neural Face Detection on Mobile GPUs", 2019 (arXiv 1907.05047). Weights:
MediaPipe, Apache-2.0 (see NOTICE). Boxes are decoded and merged as MediaPipe does: 896 anchors, blended non-maximum
suppression. Small faces, for which the net is vague, get a second look from close up.
"""

from importlib.resources import as_file, files

import cv2
import numpy as np
import numpy.typing as npt

from dfd.device import Device
from dfd.onnx_sessions import open_session
from dfd.ports import FaceDetector
from dfd.types import BoundingBox, FaceDetection, FloatArray, ImageU8

INPUT_PX = 256
_MIN_OVERLAP = 0.3  # MediaPipe's min_suppression_threshold
_LOGIT_LIMIT = 80.0  # MediaPipe clips raw scores here before the sigmoid
_SMALL = 0.1  # share of the image's longer side below which boxes were measured to come out up to 40 % too small
_DOUBT = 0.75  # share of min_score from which a small candidate is worth a second look
_CONTEXT = 5.0  # side of the part looked at again, in candidate sides: the face then fills a fifth to a third of it
_MAX_SECOND_LOOKS = 8  # bounds the time a crowd takes

_Candidate = tuple[FloatArray, float]
"""A shape, ``(8, 2) float32``: two box corners and six points; and its score."""


def _anchors() -> FloatArray:
    """Anchor centres, ``(896, 2) float32`` in [0, 1]: two a cell at stride 16, six a cell at stride 32."""
    grids = []
    for stride, per_cell in ((16, 2), (32, 6)):
        ticks = (np.arange(INPUT_PX // stride, dtype=np.float32) + 0.5) * stride / INPUT_PX
        centre_x, centre_y = np.meshgrid(ticks, ticks)
        grids.append(np.repeat(np.stack([centre_x, centre_y], axis=-1).reshape(-1, 2), per_cell, axis=0))
    return np.concatenate(grids)


class BlazeFaceDetector(FaceDetector):
    """Finds faces with six key points each; from about 3 % of the frame's longer side upwards.

    Args:
        min_score: detections below this confidence are dropped.
        threads: threads for one inference on the CPU; 0 leaves the choice to ONNX Runtime. A second one costs half as
            much processor time again (5.5 ms instead of 3.8), which beside a decoder is no gain.
        device: where the net is computed.

    Raises:
        ConfigurationError: `device` cannot be used here.
    """

    def __init__(self, min_score: float = 0.6, threads: int = 1, device: Device = Device.CPU) -> None:
        if not 0 < min_score < 1:
            raise ValueError(f"min_score must be in (0, 1), got {min_score}")
        with as_file(files("dfd.faces") / "weights" / "blazeface_back_256.onnx") as weights:
            self._session = open_session(weights, threads, device)
        self._min_score = min_score
        self._anchors = _anchors()

    def detect(self, image: ImageU8) -> list[FaceDetection]:
        found = []
        small_px = _SMALL * max(image.shape[:2])
        looks_left = _MAX_SECOND_LOOKS
        for shape, score in self._look(image, self._min_score * _DOUBT):
            if _side(shape) >= small_px or looks_left == 0:
                found.append((shape, score))
            else:
                looks_left -= 1
                found += self._look_again(image, shape)
        sure = [(shape, score) for shape, score in found if score >= self._min_score]
        if not sure:
            return []
        merged = _blend(np.stack([shape for shape, _ in sure]), np.array([score for _, score in sure], np.float32))
        return [_detection(shape, score) for shape, score in merged]

    def _look(self, image: ImageU8, min_score: float) -> list[_Candidate]:
        """One pass of the net: candidates of at least `min_score` in pixels of `image`, best first."""
        factor = INPUT_PX / max(image.shape[:2])
        regressors, scores = self._session.run(None, {"input": _letterbox(image, factor)})
        confidence = 1.0 / (1.0 + np.exp(-np.clip(scores[0, :, 0], -_LOGIT_LIMIT, _LOGIT_LIMIT)))
        kept = np.flatnonzero(confidence >= min_score)
        # regressors: box centre, box size, then six points, all in input pixels relative to the anchor
        points = regressors[0, kept].reshape(-1, 8, 2) / INPUT_PX
        centre = points[:, 0] + self._anchors[kept]
        half = points[:, 1] / 2
        landmarks = points[:, 2:] + self._anchors[kept, None]
        shapes = np.concatenate([(centre - half)[:, None], (centre + half)[:, None], landmarks], axis=1)
        return _blend(shapes * np.float32(INPUT_PX / factor), confidence[kept])

    def _look_again(self, image: ImageU8, shape: FloatArray) -> list[_Candidate]:
        """The face nearest to a small candidate as a close look shows it; empty when there is none."""
        centre, side = shape[:2].mean(axis=0), _side(shape)
        top_left = np.maximum(centre - side * _CONTEXT / 2, 0).astype(int)
        bottom_right = np.ceil(centre + side * _CONTEXT / 2).astype(int)
        part = image[top_left[1] : bottom_right[1], top_left[0] : bottom_right[0]]
        if part.size == 0:
            return []
        close = [(seen + top_left.astype(np.float32), score) for seen, score in self._look(part, self._min_score)]
        return [candidate for candidate in close if _same_face(candidate[0], shape)][:1]


def _side(shape: FloatArray) -> float:
    return float((shape[1] - shape[0]).max())


def _same_face(close: FloatArray, shape: FloatArray) -> bool:
    """Whether a close look shows the candidate: about its place and, within a factor of 2.2, its size."""
    away = close[:2].mean(axis=0) - shape[:2].mean(axis=0)
    return float(np.hypot(*away)) < 0.75 * _side(shape) and _side(shape) / 2.2 < _side(close) < 2.2 * _side(shape)


def _letterbox(image: ImageU8, factor: float) -> FloatArray:
    """Scale into the top left of a black square: ``(1, 256, 256, 3) float32`` in [-1, 1]."""
    height, width = image.shape[:2]
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    interpolation = cv2.INTER_AREA if factor < 0.5 else cv2.INTER_LINEAR
    canvas = np.zeros((1, INPUT_PX, INPUT_PX, 3), np.uint8)
    canvas[0, : size[1], : size[0]] = cv2.resize(image, size, interpolation=interpolation)
    return canvas.astype(np.float32) / np.float32(127.5) - np.float32(1)


def _blend(shapes: FloatArray, scores: FloatArray) -> list[tuple[FloatArray, float]]:
    """Merge overlapping candidates into their score-weighted mean, best first.

    Args:
        shapes: ``(N, 8, 2)``: two box corners and six points.
        scores: ``(N,)`` in [0, 1].
    """
    order = np.argsort(-scores, kind="stable")
    merged = []
    while order.size:
        overlap = _iou(shapes[order[0], :2], shapes[order, :2])
        overlap[0] = 1.0  # a degenerate box still takes itself away
        near = order[overlap > _MIN_OVERLAP]
        weights = scores[near, None, None]
        merged.append(((shapes[near] * weights).sum(axis=0) / weights.sum(), float(scores[order[0]])))
        order = order[overlap <= _MIN_OVERLAP]
    return merged


def _iou(box: FloatArray, boxes: FloatArray) -> npt.NDArray[np.float32]:
    """Overlap of one ``(2, 2)`` box with ``(N, 2, 2)`` boxes."""
    shared = np.clip(np.minimum(box[1], boxes[:, 1]) - np.maximum(box[0], boxes[:, 0]), 0, None).prod(axis=1)
    areas = np.clip(boxes[:, 1] - boxes[:, 0], 0, None).prod(axis=1)
    union = np.maximum(areas + areas[0] - shared, np.float32(1e-9))
    return np.asarray(shared / union, dtype=np.float32)


def _detection(shape: FloatArray, score: float) -> FaceDetection:
    (x1, y1), (x2, y2) = shape[:2].tolist()
    box = BoundingBox(min(x1, x2), min(y1, y2), max(x1, x2) + 1e-3, max(y1, y2) + 1e-3)
    return FaceDetection(box=box, score=score, landmarks_px=np.ascontiguousarray(shape[2:], dtype=np.float32))
