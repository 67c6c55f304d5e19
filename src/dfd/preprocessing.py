"""From crops to the numbers the model is fed, exactly as its manifest says."""

from collections.abc import Sequence

import numpy as np

from dfd.manifest import InputContract, Layout
from dfd.types import FloatArray, ImageU8


def to_model_input(crops: Sequence[ImageU8], contract: InputContract) -> FloatArray:
    """Stack crops and map 0..255 linearly to ``value_min..value_max``.

    Args:
        crops: each ``(S, S, C) uint8`` as `dfd.cropping.crop_face` cuts them, S = ``contract.size_px`` and
            C = 3 for each of ``contract.frames``.
        contract: size, range, layout and number of frames.

    Returns:
        ``(N, S, S, C)`` or ``(N, C, S, S)`` float32, contiguous; N may be 0.

    Raises:
        ValueError: a crop has another shape or dtype.
    """
    shape = (contract.size_px, contract.size_px, 3 * contract.frames)
    for crop in crops:
        if crop.shape != shape or crop.dtype != np.uint8:
            raise ValueError(f"a crop must be {shape} uint8, got {crop.shape} {crop.dtype}")
    stacked = np.stack(crops) if crops else np.empty((0, *shape), np.uint8)
    step = np.float32((contract.value_max - contract.value_min) / 255)
    batch = stacked.astype(np.float32) * step + np.float32(contract.value_min)
    if contract.layout is Layout.NCHW:
        batch = np.ascontiguousarray(batch.transpose(0, 3, 1, 2))
    return batch
