"""Whether a model answers here what it answered where it was made.

The answers stand in the manifest (`dfd.manifest.Parity`). The pictures are drawn anew each time, from a formula, so
that nothing has to be stored, and nobody's face: eight crops of crossed waves, from dark to bright and from coarse to
fine, rounded to bytes and fed as the manifest says. They are no faces, and what the model says of them means nothing;
that it says the same is what counts.
"""

from typing import Final

import numpy as np

from dfd.errors import BackendUnavailable, ModelCorrupt
from dfd.manifest import InputContract, ModelManifest, Parity
from dfd.ports import ModelBackend
from dfd.preprocessing import to_model_input
from dfd.types import FloatArray, ImageU8

WAVES: Final = "waves-1"
"""Name of the set of pictures that `probes` draws. Another formula would need another name."""

COUNT: Final = 8

TOLERANCE: Final = 1e-3
"""Largest difference of logits between processors and releases of the runtime; of probabilities 2.5e-4 at worst."""

LEAST_SPREAD: Final = 10 * TOLERANCE
"""Logits of the probes closer together than this could agree by chance."""


def probes(contract: InputContract) -> FloatArray:
    """The pictures, as the model takes them: ``(8, *contract.tensor_shape) float32``."""
    return to_model_input([_waves(number, contract) for number in range(COUNT)], contract)


def _waves(number: int, contract: InputContract) -> ImageU8:
    """``(S, S, C) uint8``; the second of two frames is the first, moved by a sixteenth of the side."""
    side = contract.size_px
    rows, columns = np.indices((side, side)) * (2 * np.pi / side)
    level, height = 0.15 + 0.7 * number / (COUNT - 1), 0.15 - 0.01 * number
    channels = []
    for channel in range(3 * contract.frames):
        frame, colour = divmod(channel, 3)
        moved = columns + frame * 2 * np.pi / 16
        wave = np.sin((1 + number) * moved + colour) * np.cos((1 + 2 * number % 7) * rows + number)
        channels.append(level + height * wave)
    image: ImageU8 = np.rint(np.stack(channels, axis=-1) * 255).astype(np.uint8)
    return image


def recorded(backend: ModelBackend, contract: InputContract) -> Parity:
    """What a model answers, for its manifest.

    Raises:
        BackendUnavailable: it does not answer.
        ModelCorrupt: its answers are too much alike to tell it from another model.
    """
    logits = [round(float(logit), 6) for logit in backend.predict(probes(contract))]
    _refuse_alike(logits)
    return Parity(WAVES, tuple(logits), TOLERANCE)


def check_parity(backend: ModelBackend, manifest: ModelManifest) -> float:
    """Compare what a model answers with what its manifest says it answered.

    Returns:
        the largest difference of a logit.

    Raises:
        ModelCorrupt: the manifest says nothing, or something of other pictures, or the answers differ or are too much
            alike, or there are none.
    """
    name, parity = f"{manifest.name}/{manifest.version}", manifest.parity
    if parity is None:
        raise ModelCorrupt(f"the manifest of {name} has no `parity`: what the model answers cannot be checked")
    if parity.probes != WAVES or len(parity.logits) != COUNT:
        raise ModelCorrupt(
            f"the parity of {name} was recorded on {len(parity.logits)} pictures {parity.probes!r}; "
            f"this version of DFD knows the {COUNT} of {WAVES!r}"
        )
    _refuse_alike(parity.logits)
    try:
        logits = backend.predict(probes(manifest.input))
    except BackendUnavailable as error:
        raise ModelCorrupt(f"{name} does not answer: {error}") from error
    worst = float(np.abs(logits.astype(np.float64) - np.array(parity.logits)).max())
    if worst > parity.tolerance:
        raise ModelCorrupt(
            f"{name} answers otherwise here than where it was made: logits differ by up to {worst:.3g}, "
            f"{parity.tolerance:g} is allowed"
        )
    return worst


def _refuse_alike(logits: list[float] | tuple[float, ...]) -> None:
    if max(logits) - min(logits) < LEAST_SPREAD:
        raise ModelCorrupt("the model gives all probes the same answer, so that agreement on them proves nothing")
