"""The model manifest: the only thing that crosses from training to serving.

It says how a model must be fed, how its output is read and calibrated, which bytes it consists of and where it comes
from. It lives as ``manifest.json`` beside the weights.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

from dfd.errors import ModelCorrupt
from dfd.faithfulness import ExplanationRecord
from dfd.histograms import SCORE, ReferenceHistogram
from dfd.judgement import Calibration, CalibrationMethod, Decision, ReferenceQuality
from dfd.reliability import Reliability
from dfd.report import Method, ModelIdentity, WhatWasLikeIt
from dfd.types import QUALITY_MEASURES

__all__ = [
    "MANIFEST_SCHEMA",
    "Alignment",
    "Calibration",
    "Decision",
    "InputContract",
    "Layout",
    "ModelManifest",
    "Output",
    "Parity",
]

MANIFEST_SCHEMA = 1

_LATER: Mapping[str, Mapping[str, Any]] = {
    "input": {"frames": 1},
    "calibration": {"method": CalibrationMethod.PLATT, "knots": (), "quality": {}},
    "decision": {"frame_spread": 0.0, "operating_points": {}},
}
"""Fields that the first manifests did not have, with what their absence means."""


class Layout(StrEnum):
    """Axis order of the model's input."""

    NHWC = "NHWC"
    NCHW = "NCHW"


class Alignment(StrEnum):
    """How a crop is rotated before it is cut."""

    NONE = "none"
    EYES = "eyes"


class Output(StrEnum):
    """What the model emits for each crop."""

    FAKE_LOGIT = "fake_logit"
    FAKE_PROBABILITY = "fake_probability"


@dataclass(frozen=True, slots=True)
class InputContract:
    """How crops are cut and scaled.

    Attributes:
        size_px: side of the square input.
        layout: axis order.
        value_min: input value of black.
        value_max: input value of white.
        crop_margin: context added on each side of the face box, as a share of the box's longer side.
        alignment: rotation applied before cutting.
        frames: pictures of a face that the model sees at once: 1, or 2 for a frame and the one after it.
    """

    size_px: int
    layout: Layout
    value_min: float
    value_max: float
    crop_margin: float
    alignment: Alignment
    frames: int = 1

    def __post_init__(self) -> None:
        if not 16 <= self.size_px <= 1024:
            raise ValueError(f"input size must be 16 to 1024 px, got {self.size_px}")
        if not self.value_max > self.value_min:
            raise ValueError("value_max must exceed value_min")
        if not 0 <= self.crop_margin <= 2:
            raise ValueError(f"crop margin must be in [0, 2], got {self.crop_margin}")
        if self.frames not in (1, 2):
            raise ValueError(f"a model sees 1 or 2 frames at once, got {self.frames}")

    @property
    def tensor_shape(self) -> tuple[int, int, int]:
        """Of one crop as the model takes it: ``(S, S, C)`` or ``(C, S, S)``, C = 3 for each frame."""
        side, channels = self.size_px, 3 * self.frames
        return (side, side, channels) if self.layout is Layout.NHWC else (channels, side, side)


@dataclass(frozen=True, slots=True)
class Parity:
    """What the model answered where it was made, on pictures that anybody can draw again (`dfd.registry.parity`).

    Attributes:
        probes: name of the set of pictures.
        logits: of each of them, as the port of backends gives them.
        tolerance: largest difference of a logit that is taken.
    """

    probes: str
    logits: tuple[float, ...]
    tolerance: float

    def __post_init__(self) -> None:
        if not all(math.isfinite(logit) for logit in self.logits):
            raise ValueError("logits of probes must be finite")
        if not 0 < self.tolerance <= 0.1:
            raise ValueError(f"the tolerance of parity must be above 0 and at most 0.1, got {self.tolerance}")

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Build from the parsed JSON.

        Raises:
            KeyError, TypeError, ValueError: it is something else.
        """
        fields = dict(data)
        return cls(logits=tuple(map(float, fields.pop("logits"))), **fields)


@dataclass(frozen=True, slots=True)
class ModelManifest:
    """Everything serving must know of a model.

    Attributes:
        name: model name, for example ``deepfake``.
        version: version, a positive integer as text.
        architecture: backbone in the field's words.
        files: sha256 (lower-case hex) of every file of the model, by path relative to the manifest.
        weights_file: which of `files` the embedded backend loads (ONNX).
        input: the input contract.
        output: what the model emits.
        calibration: from logits to probabilities.
        decision: from probability to verdict.
        max_batch: largest batch the model should be given.
        training_data: what it was trained on, with terms.
        licence: SPDX identifier or plain words.
        metrics: figures of the evaluation, as published in the card.
        reference: free facts for provenance (seed, code version, recipe).
        reference_quality: what the training faces look like; None asks no face to be like them.
        parity: what the model answered where it was made; None where nobody wrote it down.
        reference_histograms: how scores and quality were spread over held-out videos, by measure
            (`dfd.histograms.SCORE` and `dfd.types.QUALITY_MEASURES`); what is missing has no PSI.
        explanation: how faithful explanations of it were measured to be; None where they were not, and none are shown.
        reliability: how often held-out videos of each score were fake; None where nobody counted.
    """

    name: str
    version: str
    architecture: str
    files: Mapping[str, str]
    weights_file: str
    input: InputContract
    output: Output
    calibration: Calibration
    decision: Decision
    max_batch: int
    training_data: str
    licence: str
    metrics: Mapping[str, Any] = field(default_factory=dict)
    reference: Mapping[str, Any] = field(default_factory=dict)
    reference_quality: ReferenceQuality | None = None
    parity: Parity | None = None
    reference_histograms: Mapping[str, ReferenceHistogram] = field(default_factory=dict)
    explanation: ExplanationRecord | None = None
    reliability: Reliability | None = None

    def __post_init__(self) -> None:
        if self.weights_file not in self.files:
            raise ValueError(f"weights file {self.weights_file!r} has no hash in files")
        if self.max_batch < 1:
            raise ValueError(f"max_batch must be at least 1, got {self.max_batch}")
        unknown = self.reference_histograms.keys() - {SCORE, *QUALITY_MEASURES}
        if unknown:
            raise ValueError(f"there is no measure {', '.join(sorted(unknown))} to have a reference histogram of")

    @property
    def weights_sha256(self) -> str:
        """Hash of the weights that the embedded backend loads."""
        return self.files[self.weights_file]

    def identity(self, backends: tuple[str, ...] = ()) -> ModelIdentity:
        """What a report calls this model, whose faces the backends of these names scored."""
        return ModelIdentity(self.name, self.version, self.weights_sha256, backends)

    def method(self, fake_probability: float | None) -> Method:
        """What a report says of how this model looks, and of videos with a probability like this one's.

        Args:
            fake_probability: of the video; None where nothing was scored, or no face: videos with faces were counted.
        """
        like_it = None
        if fake_probability is not None and self.reliability is not None:
            like_it = WhatWasLikeIt(self.reliability.of(fake_probability), self.reliability.tested_on)
        return Method(
            architecture=self.architecture,
            input_size_px=self.input.size_px,
            frames=self.input.frames,
            calibration=self.calibration.method.value,
            inconclusive_margin=self.decision.inconclusive_margin,
            training_data=self.training_data,
            like_it=like_it,
        )

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Build from the parsed JSON.

        Raises:
            ModelCorrupt: a field is missing, unknown or out of range.
        """
        fields = dict(data)
        schema = fields.pop("schema", None)
        if schema != MANIFEST_SCHEMA:
            raise ModelCorrupt(f"manifest schema {schema!r} is not supported, this version reads {MANIFEST_SCHEMA}")
        try:
            contract = dict(fields.pop("input"))
            contract["layout"] = Layout(contract["layout"])
            contract["alignment"] = Alignment(contract["alignment"])
            likeness = fields.pop("reference_quality", None)
            parity = fields.pop("parity", None)
            histograms = dict(fields.pop("reference_histograms", {}))
            explanation = fields.pop("explanation", None)
            reliability = fields.pop("reliability", None)
            return cls(
                input=InputContract(**contract),
                output=Output(fields.pop("output")),
                calibration=Calibration.from_dict(fields.pop("calibration")),
                decision=Decision.from_dict(fields.pop("decision")),
                reference_quality=None if likeness is None else ReferenceQuality.from_dict(likeness),
                parity=None if parity is None else Parity.from_dict(parity),
                reference_histograms={
                    name: ReferenceHistogram.from_dict(histogram) for name, histogram in histograms.items()
                },
                explanation=None if explanation is None else ExplanationRecord.from_dict(explanation),
                reliability=None if reliability is None else Reliability.from_dict(reliability),
                **fields,
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ModelCorrupt(f"the model manifest is not valid: {error}") from error

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read ``manifest.json``.

        Raises:
            ModelCorrupt: the file cannot be read, is not JSON or not a manifest.
        """
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ModelCorrupt(f"cannot read the model manifest {path}: {error}") from error
        if not isinstance(data, dict):
            raise ModelCorrupt(f"the model manifest {path} is not a JSON object")
        return cls.from_dict(data)

    def to_dict(self) -> dict[str, Any]:
        """The JSON form; `from_dict` reads it back to an equal manifest.

        Fields of later versions are left out where they say nothing, so that a manifest is written as it was read.
        """
        data = asdict(self)
        for part, absent in _LATER.items():
            data[part] = {
                name: value for name, value in data[part].items() if name not in absent or value != absent[name]
            }
        for part in ("reference_quality", "parity", "reference_histograms", "explanation", "reliability"):
            if not data[part]:
                del data[part]
        return {"schema": MANIFEST_SCHEMA, **data}

    def write(self, path: Path) -> None:
        """Write ``manifest.json``, sorted and indented, so that differences read well."""
        path.write_text(json.dumps(self.to_dict(), indent=2, sort_keys=True) + "\n", encoding="utf-8")
