"""From results to figures: every number that says how good a model is, ready for JSON.

A figure is ``{"value", "low", "high"}``, or null where a class is missing. Videos without a score are left out of all
figures but those that say otherwise, and counted beside them.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from dfd.evaluation.results import ClipResult
from dfd.statistics import metrics
from dfd.statistics.metrics import Metric
from dfd.statistics.resampling import ROUNDS, Estimate, Scored, difference, estimates
from dfd.types import Reason, Verdict

Figure = dict[str, float] | None

MISSING_PROBABILITY = 0.5
"""What SelfBlendedImages gives a video without a face; for `auc_missing_as_half` alone."""

RANKING: Mapping[str, Metric] = MappingProxyType(
    {
        "auc": metrics.auc,
        "eer": metrics.eer,
        "ap": metrics.average_precision,
        "tpr_at_fpr_0_1": metrics.tpr_at_fpr(0.001),
        "tpr_at_fpr_1": metrics.tpr_at_fpr(0.01),
        "tpr_at_fpr_5": metrics.tpr_at_fpr(0.05),
    }
)

CALIBRATION: Mapping[str, Metric] = MappingProxyType(
    {
        "brier": metrics.brier,
        "log_loss": metrics.log_loss,
        "ece": metrics.ece,
        "ece_equal_mass": metrics.ece_equal_mass,
    }
)

_CALLS = {Verdict.FAKE: 1.0, Verdict.REAL: 0.0}


@dataclass(frozen=True, slots=True)
class Judge:
    """What turns results into figures.

    Attributes:
        threshold: probability from which a video is called fake.
        rng: of all draws.
        rounds: draws a figure.
    """

    threshold: float
    rng: np.random.Generator
    rounds: int = ROUNDS

    def estimate(self, chosen: Mapping[str, Metric], items: Scored) -> dict[str, Figure]:
        """Figures with intervals."""
        return {name: figure(found) for name, found in estimates(chosen, items, self.rng, self.rounds).items()}

    def change(self, metric: Metric, before: Scored, after: metrics.Scores) -> Figure:
        """The change of a figure, with its interval."""
        return figure(difference(metric, before, after, self.rng, self.rounds))

    def calls(self) -> dict[str, Metric]:
        """False alarms and detections at the threshold."""
        return calls_at(self.threshold)


def figure(estimate: Estimate | None) -> Figure:
    """The JSON form."""
    return None if estimate is None else estimate.to_dict()


def calls_at(threshold: float) -> dict[str, Metric]:
    """False alarms and detections at a threshold."""
    return {
        "false_alarm_rate": metrics.false_alarm_rate(threshold),
        "detection_rate": metrics.detection_rate(threshold),
    }


def videos(results: Sequence[ClipResult]) -> Scored:
    """The videos that have a score."""
    return _of(results, lambda result: result.probability)


def frames(results: Sequence[ClipResult]) -> Scored:
    """Every scored frame of every video, drawn with its video's cluster."""
    rows = [(result.sample, value) for result in results for value in result.frame_probabilities]
    return Scored.of([s.is_fake for s, _ in rows], [value for _, value in rows], [s.cluster for s, _ in rows])


def summarise(results: Sequence[ClipResult], judge: Judge) -> dict[str, Any]:
    """The figures of a set of videos, as far as they need no more than scores and labels.

    Returns:
        ``coverage``, figures by name of videos (``video``) and of frames (``frame``), ``per_family`` and, where
        verdicts were given, ``verdicts``.
    """
    chosen = {**RANKING, **CALIBRATION, **judge.calls()}
    filled = _of(results, lambda result: MISSING_PROBABILITY if result.probability is None else result.probability)
    return {
        "coverage": coverage(results, judge),
        "video": {
            **judge.estimate(chosen, videos(results)),
            "auc_missing_as_half": judge.estimate({"auc": metrics.auc}, filled)["auc"],
        },
        "frame": {
            "frames": sum(len(result.frame_probabilities) for result in results),
            **judge.estimate({**RANKING, **CALIBRATION}, frames(results)),
        },
        "per_family": against_all_reals(results, judge, lambda result: result.sample.family),
        **({"verdicts": verdicts(results, judge)} if any(result.verdict for result in results) else {}),
    }


def coverage(results: Sequence[ClipResult], judge: Judge) -> dict[str, Any]:
    """How many videos there are, how many of them were scored, and what became of the rest."""
    has_score = _of(results, lambda result: float(result.probability is not None))
    unscored = [result for result in results if result.probability is None]
    seen = sum(result.sampled_frames for result in results)
    return {
        "real": _count(results, is_fake=False),
        "fake": _count(results, is_fake=True),
        "scored_real": _count(results, is_fake=False) - _count(unscored, is_fake=False),
        "scored_fake": _count(results, is_fake=True) - _count(unscored, is_fake=True),
        "scored_share": judge.estimate({"": metrics.mean}, has_score)[""],
        "no_face": sum(result.error is None for result in unscored),
        "errors": dict(sorted(Counter(result.error for result in unscored if result.error).items())),
        "face_frame_share": round(sum(result.face_frames for result in results) / seen, 4) if seen else None,
    }


def ranked(results: Sequence[ClipResult], judge: Judge) -> dict[str, Any]:
    """The figures of a part of the videos: how many, how many scored, AUC, and calls at the threshold."""
    scored = videos(results)
    return {
        "real": _count(results, is_fake=False),
        "fake": _count(results, is_fake=True),
        "coverage": round(len(scored.labels) / len(results), 4) if results else None,
        **judge.estimate({"auc": metrics.auc, **judge.calls()}, scored),
    }


def against_all_reals(
    results: Sequence[ClipResult], judge: Judge, name_of: Callable[[ClipResult], str]
) -> dict[str, dict[str, Any]]:
    """The figures of the fakes of each name against all real videos, by name; fakes without a name are left out."""
    reals = [result for result in results if not result.sample.is_fake]
    fakes: dict[str, list[ClipResult]] = {}
    for result in results:
        if result.sample.is_fake and name_of(result):
            fakes.setdefault(name_of(result), []).append(result)
    table = {}
    for name in sorted(fakes):
        found = videos([*fakes[name], *reals])
        chosen = {"auc": metrics.auc, "detection_rate": metrics.detection_rate(judge.threshold)}
        scored = sum(result.probability is not None for result in fakes[name])
        table[name] = {
            "fakes": len(fakes[name]),
            "coverage": round(scored / len(fakes[name]), 4),
            **judge.estimate(chosen, found),
        }
    return table


def verdicts(results: Sequence[ClipResult], judge: Judge) -> dict[str, Any]:
    """How often each verdict was given, how often it was right, and which reasons stood beside it."""
    given = [(result, result.verdict) for result in results if result.verdict is not None]
    calls = Scored.of(
        [result.sample.is_fake for result, _ in given],
        [_CALLS.get(verdict, np.nan) for _, verdict in given],
        [result.sample.cluster for result, _ in given],
    )
    return {
        **{
            label: {
                str(v): sum(verdict is v and result.sample.label == label for result, verdict in given) for v in Verdict
            }
            for label in ("real", "fake")
        },
        **judge.estimate({"decided_share": _decided_share, "decided_accuracy": metrics.decided_accuracy}, calls),
        "reasons": {
            str(reason): {
                label: sum(reason in result.reasons and result.sample.label == label for result, _ in given)
                for label in ("real", "fake")
            }
            for reason in Reason
        },
    }


def operating_points(results: Sequence[ClipResult], judge: Judge, points: Mapping[str, float]) -> list[dict[str, Any]]:
    """False alarms and detections at named thresholds."""
    scored = videos(results)
    return [
        {"name": name, "threshold": round(threshold, 6), **judge.estimate(calls_at(threshold), scored)}
        for name, threshold in points.items()
    ]


def _decided_share(_labels: metrics.Labels, calls: metrics.Scores) -> float:
    return float(np.mean(~np.isnan(calls))) if len(calls) else np.nan


def _of(results: Iterable[ClipResult], value_of: Callable[[ClipResult], float | None]) -> Scored:
    """The results that have a value."""
    rows = [(result.sample, value) for result in results if (value := value_of(result)) is not None]
    return Scored.of([s.is_fake for s, _ in rows], [value for _, value in rows], [s.cluster for s, _ in rows])


def _count(results: Iterable[ClipResult], *, is_fake: bool) -> int:
    return sum(result.sample.is_fake == is_fake for result in results)
