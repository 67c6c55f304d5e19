"""How far the picture of a face can be trusted: size, light, sharpness and flatness of the crop that the model sees."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from dfd.judgement import ReferenceQuality
from dfd.types import QUALITY_MEASURES, FaceQuality, FloatArray, ImageU8, Reason

MEASURED_PX = 64
"""Side to which crops are brought before sharpness is measured, so that models of all input sizes share one scale."""

_LUMA = np.array([0.299, 0.587, 0.114], np.float32) / 255  # ITU-R BT.601, of R'G'B' in 0 to 255
_TEXTURE = 0.02  # largest Laplacian, as a share of mean luma, that does not count as texture: two levels in fair light
_NOISE = 1e-3  # variance of luma below which contrast is taken for noise: a standard deviation of 8 levels


@dataclass(frozen=True, slots=True)
class QualityLimits:
    """From where on a face is too weak to be judged.

    Chosen on 265 real clips with BlazeFace and a margin of 0.15 (median of each; docs/decisions/0003-faces.md): none
    trips a limit. Lowest, 2nd and 50th percentile are 68, 86 and 147 px of size, 0.11, 0.18 and 0.41 of brightness,
    0.10, 0.15 and 0.33 of sharpness. At a tenth of their light 96 % are too dark; shrunk to faces of 24 px and enlarged
    again 60 %, of 16 px or blurred by 3 % of the face over 99 % are too blurry.

    Attributes:
        min_face_side_px: smallest face box, longer side, in pixels of the source.
        min_brightness: lowest mean luma, in [0, 1]; low, because dark skin in fair light must pass.
        min_sharpness: least sharpness, see `measure`.
    """

    min_face_side_px: float = 32.0
    min_brightness: float = 0.06
    min_sharpness: float = 0.06

    def __post_init__(self) -> None:
        if min(self.min_face_side_px, self.min_brightness, self.min_sharpness) < 0:
            raise ValueError(f"quality limits must not be negative: {self}")


def measure(crop: ImageU8, face_side_px: float) -> FaceQuality:
    """Measure a crop.

    Sharpness is the variance of the Laplacian (Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy: a
    comparative study", 2000) at 64 x 64 px, divided by the variance of the luma itself, so that neither exposure nor
    contrast counts: 0 for a flat picture, 0.3 for a sharp face, 20 for white noise.

    Flatness is the share of pixels whose Laplacian is at most 2 % of the mean luma, at the crop's own size. A codec
    takes weak texture away and leaves edges, and rescaling afterwards does not bring it back
    (docs/decisions/0006-calibration.md).

    Args:
        crop: ``(S, S, 3) uint8`` RGB, of any size.
        face_side_px: longer side of the face box, in pixels of the source.
    """
    luma = np.asarray(crop.astype(np.float32) @ _LUMA, dtype=np.float32)
    return FaceQuality(
        face_side_px=face_side_px,
        brightness=float(luma.mean()),
        sharpness=_sharpness(luma),
        flatness=_flatness(luma),
    )


def weaknesses(
    qualities: Sequence[FaceQuality], limits: QualityLimits, reference: ReferenceQuality | None = None
) -> tuple[Reason, ...]:
    """What most faces of a track suffer from (more than half of them); empty for no faces.

    Args:
        qualities: of the faces of one track.
        limits: from where on a face is too weak.
        reference: what the training faces look like; None asks no face to be like them.
    """
    unlike = [False] * len(qualities)
    if qualities and reference is not None:
        measures = np.array([quality.measures for quality in qualities])
        unlike = (squared_distances(measures, reference) > reference.limit).tolist()
    found = {
        Reason.FACE_TOO_SMALL: [quality.face_side_px < limits.min_face_side_px for quality in qualities],
        Reason.TOO_DARK: [quality.brightness < limits.min_brightness for quality in qualities],
        Reason.TOO_BLURRY: [quality.sharpness < limits.min_sharpness for quality in qualities],
        Reason.UNLIKE_TRAINING: unlike,
    }
    return tuple(reason for reason, weak in found.items() if 2 * sum(weak) > len(weak))


def squared_distances(measures: npt.NDArray[np.float64], reference: ReferenceQuality) -> npt.NDArray[np.float64]:
    """Squared Mahalanobis distance of faces from the training faces (Mahalanobis, 1936).

    Args:
        measures: ``(N, K) float64``, `FaceQuality.measures` of each face.
        reference: what the training faces look like.

    Returns:
        ``(N,) float64``, at least 0.
    """
    columns = [QUALITY_MEASURES.index(name) for name in reference.measures]
    offsets = measures[:, columns] - np.array(reference.mean)
    return np.asarray(np.einsum("nj,jk,nk->n", offsets, np.array(reference.inverse_covariance), offsets))


def _sharpness(luma: FloatArray) -> float:
    """Variance of the Laplacian over the variance of luma; `luma` is ``(S, S) float32`` in [0, 1]."""
    if luma.shape != (MEASURED_PX, MEASURED_PX):
        interpolation = cv2.INTER_AREA if min(luma.shape) > MEASURED_PX else cv2.INTER_LINEAR
        luma = np.asarray(cv2.resize(luma, (MEASURED_PX, MEASURED_PX), interpolation=interpolation), dtype=np.float32)
    return float(_laplacian(luma).var() / (luma.var() + _NOISE))


def _flatness(luma: FloatArray) -> float:
    """Share of pixels without texture; 1 where there are too few to tell."""
    if min(luma.shape) < 3:
        return 1.0
    return float(np.mean(np.abs(_laplacian(luma)) <= _TEXTURE * luma.mean()))


def _laplacian(luma: FloatArray) -> FloatArray:
    """Sum of a pixel's four neighbours less four times the pixel, without the rim: ``(H - 2, W - 2) float32``."""
    middle = luma[1:-1, 1:-1]
    return np.asarray(luma[:-2, 1:-1] + luma[2:, 1:-1] + luma[1:-1, :-2] + luma[1:-1, 2:] - 4 * middle)
