"""What stands behind the figures: which model, how it was asked, and at which thresholds it is judged."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from dfd import __version__
from dfd.manifest import Decision, ModelManifest
from dfd.pipeline import AnalysisOptions


@dataclass(frozen=True, slots=True)
class Setting:
    """What stands behind the figures, ready for JSON.

    Attributes:
        model: what answered.
        analysis: settings of each analysis, with the ``threshold`` in force and the version of DFD.
        selection: which list, split and conditions.
        points: thresholds by name.
        seed: of the draws.
    """

    model: Mapping[str, Any]
    analysis: Mapping[str, Any]
    selection: Mapping[str, Any]
    points: Mapping[str, float]
    seed: int

    @property
    def threshold(self) -> float:
        """Probability from which a video is called fake."""
        return float(self.analysis["threshold"])

    @property
    def header(self) -> dict[str, Any]:
        """What results of two runs must share to be results of one."""
        return {
            "model": self.model["name"],
            "version": self.model["version"],
            "digest": self.model["digest"],
            **self.analysis,
        }


def setting_of(
    manifest: ModelManifest,
    options: AnalysisOptions,
    parts: Mapping[str, Any],
    selection: Mapping[str, Any],
    seed: int,
) -> Setting:
    """Put together what stands behind the figures.

    Args:
        manifest: of the model.
        options: of each analysis.
        parts: names and sizes of the other parts that an answer depends on, ready for JSON.
        selection: see `Setting`.
        seed: see `Setting`.

    Raises:
        InvalidParameter: the model has no operating point of the name in `options`.
    """
    threshold, _ = manifest.decision.in_force(options.threshold, options.operating_point)
    return Setting(
        model={
            "name": manifest.name,
            "version": manifest.version,
            "weights_sha256": manifest.weights_sha256,
            "digest": digest(manifest),
        },
        analysis={"dfd": __version__, **asdict(options), "threshold": threshold, **parts},
        selection=dict(selection),
        points=operating_points(manifest.decision, threshold),
        seed=seed,
    )


_SAID_ABOUT_IT = {"architecture", "training_data", "licence", "metrics", "reference", "reliability", "explanation"}
"""Parts of a manifest that no answer depends on."""


def digest(manifest: ModelManifest) -> str:
    """SHA-256 of everything in the manifest that an answer depends on, the hashes of the weights among it."""
    data = {name: value for name, value in manifest.to_dict().items() if name not in _SAID_ABOUT_IT}
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()


def operating_points(decision: Decision, threshold: float) -> dict[str, float]:
    """The thresholds at which a model is judged, by name: the one in force, where verdicts begin and end, and its own.

    Args:
        decision: of the model.
        threshold: the one in force, which may not be the model's own.
    """
    margin = decision.inconclusive_margin
    own = {} if threshold == decision.threshold else {"models_own_threshold": decision.threshold}
    return {
        "threshold": threshold,
        "called_fake": min(1.0, threshold + margin),
        "not_called_real": max(0.0, threshold - margin),
        **own,
        **{name: point.threshold for name, point in decision.operating_points.items()},
    }
