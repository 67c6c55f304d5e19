"""Figures for sets of clips: cross-validated ones during training, and final ones through the serving pipeline."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from tqdm import tqdm

from dfd.pipeline import AnalysisOptions, Analyzer
from dfd.types import Verdict
from dfd_train import metrics
from dfd_train.datasets import Clip


@dataclass(frozen=True, slots=True)
class ClipResult:
    """What a model said of one clip.

    Attributes:
        clip: which.
        probability: calibrated, None when nothing was scored.
        face_probabilities: of every scored face.
        verdict: fake, real or inconclusive; None where only scores were asked for.
    """

    clip: Clip
    probability: float | None
    face_probabilities: tuple[float, ...]
    verdict: Verdict | None = None


def analyse(clips: Sequence[Clip], analyzer: Analyzer, *, progress: bool) -> list[ClipResult]:
    """Run clips through the serving pipeline with its defaults."""
    results = []
    for clip in tqdm(clips, "analysing", unit="clip", disable=not progress):
        report = analyzer.analyze(clip.path, AnalysisOptions())
        faces = tuple(face.fake_probability for face in report.face_scores)
        results.append(ClipResult(clip, report.fake_probability, faces, report.verdict))
    return results


def summarise(results: Sequence[ClipResult], threshold: float, rng: np.random.Generator) -> dict[str, Any]:
    """All figures of a set, as they go into the manifest.

    Clips without a score are left out of the figures and counted in ``coverage``.

    Args:
        results: of clips of both classes.
        threshold: probability from which a clip is called fake.
        rng: for the bootstrap.

    Returns:
        ``videos``, ``coverage``, ``video`` and ``frame`` figures (each with a 95 % interval for video),
        ``per_family`` AUC against all reals, and, where verdicts were given, how many of each.
    """
    scored = [(result, result.probability) for result in results if result.probability is not None]
    labels = np.array([result.clip.is_fake for result, _ in scored])
    values = np.array([probability for _, probability in scored])
    chosen: dict[str, metrics.Metric] = {
        "auc": metrics.auc,
        "eer": metrics.eer,
        "ap": metrics.average_precision,
        "brier": metrics.brier,
        "ece": metrics.ece,
        "tpr_at_fpr_5": metrics.tpr_at_fpr(0.05),
        "false_alarm_rate": metrics.false_alarm_rate(threshold),
        "detection_rate": metrics.detection_rate(threshold),
    }
    frame_labels = np.concatenate([np.full(len(r.face_probabilities), r.clip.is_fake) for r, _ in scored])
    frame_values = np.concatenate([np.asarray(r.face_probabilities) for r, _ in scored])
    return {
        "videos": {"real": sum(not r.clip.is_fake for r in results), "fake": sum(r.clip.is_fake for r in results)},
        "coverage": round(len(scored) / len(results), 4),
        "video": {name: metrics.bootstrap(metric, labels, values, rng).to_dict() for name, metric in chosen.items()},
        "frame": {"auc": round(metrics.auc(frame_labels, frame_values), 4)},
        "per_family": _per_family(scored, rng),
        **_verdicts(results),
    }


def _per_family(scored: Iterable[tuple[ClipResult, float]], rng: np.random.Generator) -> dict[str, Any]:
    pairs = list(scored)
    families = sorted({result.clip.family for result, _ in pairs} - {"real"})
    table = {}
    for family in families:
        inside = [(result, value) for result, value in pairs if result.clip.family in ("real", family)]
        labels = np.array([result.clip.is_fake for result, _ in inside])
        values = np.array([value for _, value in inside])
        estimate = metrics.bootstrap(metrics.auc, labels, values, rng)
        table[family] = {"fakes": int(labels.sum()), "auc": estimate.to_dict()}
    return table


def _verdicts(results: Sequence[ClipResult]) -> dict[str, Any]:
    if any(result.verdict is None for result in results):
        return {}
    counts = {
        name: {str(v): sum(r.verdict == v for r in results if r.clip.is_fake == is_fake) for v in Verdict}
        for name, is_fake in (("real", False), ("fake", True))
    }
    return {"verdicts": counts}
