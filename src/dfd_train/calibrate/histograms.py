"""What held-out clips are like, for telling later whether traffic is."""

from collections.abc import Sequence

import numpy as np

from dfd.histograms import SCORE, ReferenceHistogram
from dfd.types import QUALITY_MEASURES
from dfd_train.calibrate.scored import ScoredClip, labels_of


def reference_histograms(clips: Sequence[ScoredClip]) -> dict[str, ReferenceHistogram]:
    """Histograms of the mean logit and of the median quality of each clip's faces, as serving counts them.

    Measures that are not known of every clip, or the same in all, are left out (`dfd.monitoring.measuring`).

    Args:
        clips: answers of models that have not seen the clips.

    Raises:
        ValueError: a class is missing.
    """
    is_fake = labels_of(clips).tolist()
    values = {SCORE: np.array([clip.logits.astype(np.float64).mean() for clip in clips])}
    measures = [clip.measures for clip in clips if clip.measures is not None]
    if len(measures) == len(clips):
        middles = np.array([np.median(rows, axis=0) for rows in measures])
        values |= dict(zip(QUALITY_MEASURES, middles.T, strict=True))
    return {
        name: ReferenceHistogram.of(found.tolist(), is_fake) for name, found in values.items() if np.ptp(found) > 1e-6
    }
