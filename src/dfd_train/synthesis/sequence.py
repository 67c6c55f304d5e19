"""Forged clips: the same choices for every frame, with the flicker that frame-by-frame tools leave."""

from collections.abc import Sequence

import numpy as np

from dfd_train.synthesis.faces import FaceSample, Forged, Forger
from dfd_train.synthesis.pasting import feathered


def forge_clip(
    forger: Forger,
    frames: Sequence[FaceSample],
    partners: Sequence[FaceSample] | None,
    rng: np.random.Generator,
    flicker: float = 1.0,
) -> list[Forged]:
    """Forge every frame of a clip alike.

    Args:
        forger: of any family.
        frames: the clip's faces in order of time, all of one size.
        partners: as many faces or more in order of time, or fewer, which then repeat; None for families without.
        rng: the source of all randomness.
        flicker: strength of what differs from frame to frame: landmarks by about 0.3 % of the side, opacity by about
            4 %; 0 for none.

    Returns:
        one pair a frame; the reals together are again a clip with no flicker added.
    """
    state = rng.integers(2**63)
    forged = []
    for number, frame in enumerate(frames):
        noise = rng.normal(0, 1, (2, 2)) * flicker
        whole = noise[0] * 0.003 * frame.side_px  # landmarks of one face err together
        sample = FaceSample(frame.image, np.asarray(frame.points + whole, dtype=np.float32))
        partner = partners[number % len(partners)] if partners else None
        pair = forger(sample, partner, np.random.default_rng(state))
        opacity = np.float32(1 - min(0.3, abs(noise[1, 0]) * 0.04))
        fake = feathered(pair.fake, pair.real, np.full_like(pair.mask, opacity))
        forged.append(Forged(pair.real, fake, pair.mask * opacity, pair.family, pair.region))
    return forged
