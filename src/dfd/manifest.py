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

MANIFEST_SCHEMA = 1


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
    """

    size_px: int
    layout: Layout
    value_min: float
    value_max: float
    crop_margin: float
    alignment: Alignment

    def __post_init__(self) -> None:
        if not 16 <= self.size_px <= 1024:
            raise ValueError(f"input size must be 16 to 1024 px, got {self.size_px}")
        if not self.value_max > self.value_min:
            raise ValueError("value_max must exceed value_min")
        if not 0 <= self.crop_margin <= 2:
            raise ValueError(f"crop margin must be in [0, 2], got {self.crop_margin}")


@dataclass(frozen=True, slots=True)
class Calibration:
    """Platt scaling of a face's logit: p = 1 / (1 + exp(-(slope * logit + intercept))).

    Platt, "Probabilistic outputs for support vector machines", 1999. Slope 1 and intercept 0 change nothing.
    """

    slope: float = 1.0
    intercept: float = 0.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.slope) and math.isfinite(self.intercept) and self.slope > 0):
            raise ValueError(f"calibration needs a positive slope and finite numbers, got {self}")


@dataclass(frozen=True, slots=True)
class Decision:
    """From probability to verdict.

    Attributes:
        threshold: a video whose probability reaches it is called fake.
        inconclusive_margin: closer to the threshold than this, the verdict is inconclusive.
    """

    threshold: float
    inconclusive_margin: float

    def __post_init__(self) -> None:
        if not 0 < self.threshold < 1:
            raise ValueError(f"threshold must be in (0, 1), got {self.threshold}")
        if not 0 <= self.inconclusive_margin < 0.5:
            raise ValueError(f"inconclusive margin must be in [0, 0.5), got {self.inconclusive_margin}")


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

    def __post_init__(self) -> None:
        if self.weights_file not in self.files:
            raise ValueError(f"weights file {self.weights_file!r} has no hash in files")
        if self.max_batch < 1:
            raise ValueError(f"max_batch must be at least 1, got {self.max_batch}")

    @property
    def weights_sha256(self) -> str:
        """Hash of the weights that the embedded backend loads."""
        return self.files[self.weights_file]

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
            return cls(
                input=InputContract(**contract),
                output=Output(fields.pop("output")),
                calibration=Calibration(**fields.pop("calibration")),
                decision=Decision(**fields.pop("decision")),
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
        """The JSON form; `from_dict` reads it back to an equal manifest."""
        return {"schema": MANIFEST_SCHEMA, **asdict(self)}

    def write(self, path: Path) -> None:
        """Write ``manifest.json``, sorted and indented, so that differences read well."""
        path.write_text(json.dumps(self.to_dict(), indent=2, sort_keys=True) + "\n", encoding="utf-8")
