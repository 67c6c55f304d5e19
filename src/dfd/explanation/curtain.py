"""Hiding parts of a crop from a model without showing it anything that looks forged.

What is hidden is replaced by a strong blur of the same crop: light and colour stay, detail and what moves in it go. The
blur was chosen among fills by what the models say of a crop that is hidden as a whole (docs/decisions/0013): nearest to
neither class, and least different from crop to crop. Edges of masks are soft, so that no cut shows. Both frames of a
model that looks at two are hidden alike.
"""

from collections.abc import Callable, Iterator
from typing import Final

import cv2
import numpy as np

from dfd.manifest import InputContract, Layout
from dfd.preprocessing import to_model_input
from dfd.types import FloatArray, ImageU8

BLUR_SHARE: Final = 0.1
"""Standard deviation of the blur, as a share of the crop's side."""

Score = Callable[[FloatArray], FloatArray]
"""From ``(N, ...)`` float32, as a model's input contract says, to ``(N,) float32`` logits of *fake*."""


class Curtain:
    """One crop, parts of which can be hidden.

    Attributes:
        size_px: side of the crop, S.
    """

    def __init__(self, crop: ImageU8, contract: InputContract, blur_share: float = BLUR_SHARE) -> None:
        """Prepare the crop and its blur.

        Args:
            crop: ``(S, S, 3 * frames) uint8`` of `dfd.cropping.crop_face`.
            contract: of the model.
            blur_share: see `BLUR_SHARE`.
        """
        self.size_px = contract.size_px
        self._channels_first = contract.layout is Layout.NCHW
        (picture,) = to_model_input([crop], contract)
        self._picture: FloatArray = picture
        self._blur = self._blurred(picture, blur_share * contract.size_px)

    def shown(self, keep: FloatArray) -> FloatArray:
        """The crop with parts hidden.

        Args:
            keep: ``(N, S, S) float32`` in [0, 1]: 1 shows a pixel, 0 hides it.

        Returns:
            ``(N, ...)`` float32 as the contract says.
        """
        weights = keep[:, None] if self._channels_first else keep[..., None]
        return np.asarray(self._blur + weights * (self._picture - self._blur), dtype=np.float32)

    def scored(self, masks: Iterator[FloatArray], score: Score) -> FloatArray:
        """Logits of the crop under masks, ``(N,) float32``.

        Args:
            masks: batches, each ``(n, S, S) float32`` as `shown` takes them; one is held in memory at a time.
            score: the model.
        """
        return np.concatenate([score(self.shown(batch)) for batch in masks])

    def _blurred(self, picture: FloatArray, sigma_px: float) -> FloatArray:
        planes = picture if self._channels_first else picture.transpose(2, 0, 1)
        # Rows and columns of each plane on their own: the same weights for every channel and frame.
        blurred = [
            cv2.GaussianBlur(np.ascontiguousarray(plane), (0, 0), sigma_px, borderType=cv2.BORDER_REPLICATE)
            for plane in planes
        ]
        return np.stack(blurred, axis=0 if self._channels_first else -1).astype(np.float32)
