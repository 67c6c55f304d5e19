"""Faces, and models that look at one part of them, for tests of explanations: what is true of them is known."""

from typing import Any

import numpy as np
from tests.fakes import make_manifest

from dfd.explanation.heat import METHOD, HeatConfig
from dfd.explanation.regions import Mask, Region, regions_of
from dfd.faithfulness import ExplanationRecord, Faithfulness, Figure
from dfd.manifest import InputContract, Layout, ModelManifest
from dfd.types import FloatArray, ImageU8

SIDE_PX = 64
LANDMARKS = np.array([[22, 24], [42, 24], [32, 34], [32, 44], [12, 27], [52, 27]], np.float32)
"""A face seen from the front, in a crop of 64 px."""

REGIONS = dict(regions_of(LANDMARKS, SIDE_PX))

BELOW, ABOVE = Figure(-0.2, -0.3, -0.1), Figure(0.2, 0.1, 0.3)
FAITHFUL = Faithfulness(
    Figure(0.3, 0.2, 0.4),
    Figure(0.7, 0.6, 0.8),
    {"random": (BELOW, ABOVE), "centre": (BELOW, ABOVE)},
    {"last_layer": Figure(0.2, 0.1, 0.3), "all_layers": Figure(0.1, 0.0, 0.2)},
)
UNFAITHFUL = Faithfulness(
    Figure(0.5, 0.4, 0.6),
    Figure(0.5, 0.4, 0.6),
    {"random": (Figure(0.0, -0.1, 0.1), ABOVE)},
    {"last_layer": Figure(0.6, 0.5, 0.7)},
)


def texture(seed: int = 0, frames: int = 1) -> ImageU8:
    """A crop of black and white noise, ``(64, 64, 3 * frames)``: blur takes nearly all of its contrast."""
    drawn = np.random.default_rng(seed).integers(0, 2, (SIDE_PX, SIDE_PX, 3 * frames), dtype=np.uint8)
    return np.asarray(drawn * 255, np.uint8)


class PartModel:
    """Answers the contrast of one part of a crop, times `gain`: what it looks at is known."""

    def __init__(self, part: Mask, gain: float = 8.0, contract: InputContract | None = None) -> None:
        self._part = part
        self._gain = gain
        self._channels_first = contract is not None and contract.layout is Layout.NCHW
        self.calls = 0

    def __call__(self, batch: FloatArray) -> FloatArray:
        self.calls += len(batch)
        pictures = batch.transpose(0, 2, 3, 1) if self._channels_first else batch
        contrast = ((pictures - 0.5) ** 2).mean(axis=-1)[:, self._part].mean(axis=1)
        return np.asarray(self._gain * contrast, np.float32)


def mouth_model(gain: float = 8.0, contract: InputContract | None = None) -> PartModel:
    return PartModel(REGIONS[Region.MOUTH], gain, contract)


def make_record(manifest: ModelManifest, **changes: Any) -> ExplanationRecord:
    """What the manifest says of a model whose explanations are faithful, with `changes`."""
    fields: dict[str, Any] = {
        "method": METHOD,
        "parameters": HeatConfig(calls=120).to_dict(),
        "weights_sha256": manifest.weights_sha256,
        "faces": 20,
        "clusters": 15,
        "maps": FAITHFUL,
        "regions": FAITHFUL,
    }
    return ExplanationRecord(**{**fields, **changes})


def explainable(**changes: Any) -> ModelManifest:
    """The manifest of a model that may be explained; `changes` are of its record."""
    return make_manifest(explanation=make_record(make_manifest(), **changes))
