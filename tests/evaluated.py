"""Results of evaluations, made up, for tests of figures and reports."""

from pathlib import Path

import numpy as np

from dfd.evaluation.figures import Judge
from dfd.evaluation.results import ClipResult
from dfd.evaluation.samples import Sample
from dfd.types import FaceQuality, Reason, Verdict


def judge(rounds: int = 30) -> Judge:
    """One that draws little."""
    return Judge(0.5, np.random.default_rng(0), rounds)


def sample(name: str, *, is_fake: bool, family: str = "", group: str | None = None, **slices: str) -> Sample:
    """A listed video; a fake's method is its family's name with a number."""
    method = f"{family}-1" if family else ""
    return Sample(name, Path(name), is_fake=is_fake, method=method, family=family, group=group, slices=slices)


def scored(of: Sample, probability: float, *reasons: Reason) -> ClipResult:
    """A video with a score; two frames, a little below and above it."""
    verdict = Verdict.FAKE if probability >= 0.6 else Verdict.REAL if probability <= 0.4 else Verdict.INCONCLUSIVE
    return ClipResult(
        sample=of,
        probability=probability,
        frame_probabilities=(max(0.0, probability - 0.05), min(1.0, probability + 0.05)),
        verdict=Verdict.INCONCLUSIVE if reasons else verdict,
        reasons=reasons,
        quality=FaceQuality(face_side_px=50 + 200 * probability, brightness=0.5, sharpness=0.3),
        sampled_frames=4,
        face_frames=2,
    )


def unseen(of: Sample) -> ClipResult:
    """A video without a face."""
    return ClipResult(of, None, verdict=Verdict.INCONCLUSIVE, reasons=(Reason.NO_FACE,), sampled_frames=4)


def unreadable(of: Sample, code: str = "unreadable_video") -> ClipResult:
    """A video that is none."""
    return ClipResult(of, None, error=code)


def mixed() -> list[ClipResult]:
    """Five real and six fake videos of two families, one of them without a face and one unreadable."""
    reals = [
        scored(sample(f"r{n}.mp4", is_fake=False, sex="f" if n % 2 else "m"), p)
        for n, p in enumerate((0.1, 0.2, 0.3, 0.7))
    ]
    fakes = [
        scored(sample("s0.mp4", is_fake=True, family="swap", sex="f"), 0.9),
        scored(sample("s1.mp4", is_fake=True, family="swap", sex="m"), 0.8),
        scored(sample("l0.mp4", is_fake=True, family="lipsync", sex="m"), 0.15),
        scored(sample("l1.mp4", is_fake=True, family="lipsync", sex=""), 0.45, Reason.TOO_DARK, Reason.NEAR_THRESHOLD),
    ]
    return [
        *reals,
        unseen(sample("r4.mp4", is_fake=False, sex="f")),
        *fakes,
        unseen(sample("l2.mp4", is_fake=True, family="lipsync", sex="m")),
        unreadable(sample("x.mp4", is_fake=True, sex="m")),
    ]
