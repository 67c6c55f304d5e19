"""Classes and sources in balance: how often, or how heavily, each clip counts.

Balance comes after the split and counts clips, so that a long clip weighs no more than a short one; classes are evened
out by oversampling, and large sources are damped by the square root of their size.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from imblearn.over_sampling import RandomOverSampler

from dfd_train.datasets import Clip, require_both_classes

FACES_WANTED = "training that show a face"
"""What clips are for, in messages about a class that is missing."""


def balanced(clips: Sequence[Clip], seed: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Draw clips of the smaller class again until there are as many of both.

    Args:
        clips: of one side of a split, those that show a face; both classes must be among them.
        seed: of the draw.

    Returns:
        indices of clips, ``(M,)``, and the weight of each entry, ``(M,)``; the weights of a class sum to one half.

    Raises:
        DatasetError: a class is missing.
    """
    require_both_classes(clips, FACES_WANTED)
    labels = np.array([clip.is_fake for clip in clips])
    sampler = RandomOverSampler(random_state=seed)
    chosen: npt.NDArray[np.int64] = sampler.fit_resample(np.arange(len(labels)).reshape(-1, 1), labels)[0][:, 0]
    keys = [(clips[number].source, clips[number].is_fake) for number in chosen]
    sizes = Counter(keys)
    weights = np.array([sizes[key] ** -0.5 for key in keys])
    is_fake = labels[chosen]
    for side in (is_fake, ~is_fake):
        weights[side] *= 0.5 / weights[side].sum()
    return chosen, weights
