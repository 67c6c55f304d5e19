"""What each region of a face adds to the answer: exact Shapley values.

Shapley, "A value for n-person games", 1953; Lundberg and Lee, "A Unified Approach to Interpreting Model Predictions",
NeurIPS 2017. The players are the regions, and the worth of some of them is the model's logit when all others are hidden
(`dfd.explanation.curtain`). Six regions have 64 such subsets, so nothing is sampled: the values are exact, and they add
up to the logit of the whole crop less that of the hidden one.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Final

import cv2
import numpy as np

from dfd.explanation.curtain import Curtain, Score
from dfd.explanation.regions import Mask, Region
from dfd.types import FloatArray

REGION_CALLS: Final = 1 << len(Region)
"""Crops that the model scores for one face."""

_SOFTNESS_SHARE: Final = 0.02
"""Standard deviation of the edges of regions, as a share of the crop's side."""


def region_evidence(
    curtain: Curtain, regions: Mapping[Region, Mask], score: Score, batch: int = 32
) -> Mapping[Region, float]:
    """Shapley value of every region, in logits: above 0 speaks for *fake*, below 0 for *real*.

    Args:
        curtain: the crop.
        regions: ``(S, S) bool`` each; together they cover the crop once (`dfd.explanation.regions.regions_of`).
        score: the model.
        batch: most crops that are scored in one call.

    Returns:
        by region. They add up to what the crop scores less what it scores hidden.

    Raises:
        BackendUnavailable: the model does not answer.
    """
    soft = softened(np.stack([regions[region] for region in Region]), curtain.size_px)
    logits = curtain.scored(_subsets(soft, batch), score).astype(np.float64)
    return {region: _value(logits, player) for player, region in enumerate(Region)}


def softened(masks: Mask, size_px: int) -> FloatArray:
    """Regions that run into each other and still add up to 1 everywhere, ``(K, S, S) float32``."""
    sigma = max(_SOFTNESS_SHARE * size_px, 0.1)
    blurred = [
        cv2.GaussianBlur(mask.astype(np.float32), (0, 0), sigma, borderType=cv2.BORDER_REPLICATE) for mask in masks
    ]
    return np.stack(blurred).astype(np.float32)


def _subsets(soft: FloatArray, batch: int) -> Iterator[FloatArray]:
    """The mask of every subset; bit k of its number says whether region k is shown."""
    count = 1 << len(soft)
    member = (np.arange(count)[:, None] >> np.arange(len(soft))) & 1
    for start in range(0, count, batch):
        yield np.clip(np.tensordot(member[start : start + batch].astype(np.float32), soft, axes=1), 0, 1)


def _value(logits: np.ndarray[tuple[int, ...], np.dtype[np.float64]], player: int) -> float:
    """Mean of what a player adds, over all orders in which the players may come."""
    players = len(logits).bit_length() - 1
    without = [subset for subset in range(len(logits)) if not subset >> player & 1]
    total = 0.0
    for subset in without:
        size = subset.bit_count()
        weight = math.factorial(size) * math.factorial(players - size - 1) / math.factorial(players)
        total += weight * float(logits[subset | 1 << player] - logits[subset])
    return total
