"""What held-out clips teach about turning logits into verdicts, and what the model is worth on them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dfd.evaluation import setting
from dfd.evaluation.curves import told_reliability
from dfd.evaluation.figures import Judge, operating_points, ranked, summarise, videos
from dfd.evaluation.results import ClipResult
from dfd.histograms import ReferenceHistogram
from dfd.judgement import Calibration, Decision, ReferenceQuality
from dfd.reliability import Reliability
from dfd_train import calibrate
from dfd_train.datasets import Clip
from dfd_train.examination import DRAWN_BY, sample_of
from dfd_train.splits import groups
from dfd_train.store import ClipCrops
from dfd_train.temporal import compare_rules
from dfd_train.validation import HeldOut

_HELD_OUT_IN_WORDS = "held-out clips, each judged by a model that had seen neither its source nor its people"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the held-out clips taught about turning logits into verdicts.

    Attributes:
        calibration: the chosen form, fitted.
        decision: threshold, margin and operating points.
        reference_quality: what the faces are like.
        reference_histograms: how scores and quality are spread.
        metrics: ``cross_validation`` figures, by fold and at thresholds too, how the forms of ``calibration`` compared,
            and how other ``rules`` than the mean would rank clips.
        reliability: how often clips of each score were fake.
    """

    calibration: Calibration
    decision: Decision
    reference_quality: ReferenceQuality
    reference_histograms: Mapping[str, ReferenceHistogram]
    metrics: dict[str, Any]
    reliability: Reliability | None


def judge_held_out(held: Sequence[HeldOut], faces: Sequence[ClipCrops], seed: int) -> Judgement:
    """Calibrate on held-out clips.

    Args:
        held: what models that had not seen them said of the clips.
        faces: of every clip that shows one, for what faces are like.
        seed: of the bootstrap.
    """
    numbers = groups([item.clip for item in held])
    scored = [
        (item, calibrate.ScoredClip(item.logits, item.clip.is_fake, number, item.crops.measures))
        for item, number in zip(held, numbers, strict=True)
        if len(item.logits)
    ]
    clips = [clip for _, clip in scored]
    comparison = calibrate.compare(clips)
    calibration = calibrate.fit(clips, comparison.chosen)
    probabilities = [calibrate.face_probabilities(clip.logits, calibration, clip.measures) for clip in clips]
    of_clips = np.array([values.mean() for values in probabilities]), np.array([clip.is_fake for clip in clips])
    threshold, margin = calibrate.verdict_bounds(*of_clips)
    points = calibrate.operating_points(*of_clips, margin)
    decision = Decision(threshold, margin, calibrate.frame_spread(probabilities), points)
    by_key = {item.clip.key: values for (item, _), values in zip(scored, probabilities, strict=True)}
    results = [(item.fold, _result(item.clip, by_key.get(item.clip.key, np.empty(0)))) for item in held]
    judge = Judge(decision.threshold, np.random.default_rng(seed))
    return Judgement(
        calibration,
        decision,
        calibrate.reference_quality([crops.measures for crops in faces]),
        calibrate.reference_histograms(clips),
        {
            "cross_validation": _cross_validation(results, judge, decision),
            "calibration": comparison.to_dict(),
            "rules": compare_rules(held, seed),
        },
        reliability_of([result for _, result in results], seed),
    )


def reliability_of(results: Sequence[ClipResult], seed: int) -> Reliability | None:
    """How often held-out clips of each score were fake; `seed` is that of the bootstrap."""
    judge = Judge(0.5, np.random.default_rng(seed))  # draws of its own: the other figures keep theirs
    return told_reliability(videos(results), judge, _HELD_OUT_IN_WORDS)


def _cross_validation(results: Sequence[tuple[int, ClipResult]], judge: Judge, decision: Decision) -> dict[str, Any]:
    """Figures of all folds together, of each fold (``per_fold``, in their order), and at every threshold."""
    pooled = [result for _, result in results]
    return {
        **summarise(pooled, judge),
        "unit": DRAWN_BY,
        "per_fold": [
            ranked([result for fold, result in results if fold == number], judge)
            for number in sorted({fold for fold, _ in results})
        ],
        "operating_points": operating_points(pooled, judge, setting.operating_points(decision, decision.threshold)),
    }


def _result(clip: Clip, faces: npt.NDArray[np.float64]) -> ClipResult:
    return ClipResult(sample_of(clip), float(faces.mean()) if len(faces) else None, tuple(faces.tolist()))
