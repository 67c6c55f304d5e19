"""What is counted of an analysis, and in which bins."""

import hashlib
import statistics
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from dfd.aggregation import by_track
from dfd.histograms import SCORE, bin_of
from dfd.manifest import ModelManifest
from dfd.ports.feedback import Tally
from dfd.report import Report
from dfd.types import QUALITY_MEASURES, Reason

MEASURES: Final = (SCORE, *QUALITY_MEASURES)

PLAIN_EDGES: Final[Mapping[str, tuple[float, ...]]] = MappingProxyType(
    {
        SCORE: tuple(map(float, range(-4, 5))),
        "log2_face_side_px": tuple(value / 2 for value in range(10, 20)),
        "brightness": tuple(value / 10 for value in range(1, 10)),
        "log2_sharpness": tuple(value / 2 for value in range(-10, 1)),
        "flatness": tuple(value / 10 for value in range(1, 10)),
    }
)
"""Bins of models whose manifest has no reference histogram: they can be looked at, and compared with nothing."""

HOUR_S: Final = 3600.0


def edges_of(manifest: ModelManifest, measure: str) -> tuple[float, ...]:
    """The inner edges of a measure's bins."""
    reference = manifest.reference_histograms.get(measure)
    return PLAIN_EDGES[measure] if reference is None else reference.edges


def tally_of(manifest: ModelManifest, measure: str) -> Tally:
    """What a measure of a model is counted under."""
    edges = ",".join(f"{edge:.6f}" for edge in edges_of(manifest, measure))
    return Tally(manifest.name, manifest.version, measure, hashlib.sha256(edges.encode()).hexdigest()[:16])


def measured(report: Report) -> dict[str, float]:
    """What a video measures: mean logit, and median quality, of the leading track's faces.

    Empty where nothing was scored, or squares in place of faces; without the score where a logit is not known.
    """
    if not report.tracks or Reason.NO_FACE_FALLBACK in report.reasons:
        return {}
    faces = by_track(report.face_scores)[report.tracks[0].track_id]
    qualities = zip(*(face.quality.measures for face in faces), strict=True)
    found = {name: statistics.median(values) for name, values in zip(QUALITY_MEASURES, qualities, strict=True)}
    logits = [face.fake_logit for face in faces if face.fake_logit is not None]
    return {SCORE: statistics.fmean(logits), **found} if len(logits) == len(faces) else found


def binned(report: Report, manifest: ModelManifest) -> dict[Tally, int]:
    """The bin of each measure of a video."""
    return {
        tally_of(manifest, name): bin_of(value, edges_of(manifest, name)) for name, value in measured(report).items()
    }
