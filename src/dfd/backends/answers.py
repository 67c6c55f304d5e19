"""What every backend checks alike: the batch that goes in, and the numbers that come out."""

from typing import Final

import numpy as np
import numpy.typing as npt

from dfd.errors import BackendUnavailable
from dfd.manifest import ModelManifest, Output
from dfd.types import FloatArray

PROBABILITY_FLOOR: Final = 1e-7
"""Probabilities are clipped to [floor, 1 - floor] before the logit, as Keras does in its cross-entropy: the next
float32 below 1 is 6e-8 away, so a smaller floor could not be told from certainty."""


def label(manifest: ModelManifest) -> str:
    """The model, as messages call it."""
    return f"model {manifest.name}/{manifest.version}"


def check_batch(batch: FloatArray, manifest: ModelManifest) -> None:
    """Refuse a batch that the model does not take.

    Raises:
        ValueError: `batch` is not what the manifest says, which is the caller's mistake.
    """
    crop_shape = manifest.input.tensor_shape
    if batch.shape[1:] != crop_shape or batch.dtype != np.float32:
        expected = ", ".join(map(str, crop_shape))
        raise ValueError(f"the model takes (N, {expected}) float32, got {batch.shape} {batch.dtype}")


def one_number_each(outputs: npt.NDArray[np.floating], count: int, who: str) -> npt.NDArray[np.float32]:
    """What the model emitted, ``(count,)`` or ``(count, 1)``, as ``(count,) float32``.

    Args:
        outputs: what came back for `count` crops.
        count: how many crops were sent.
        who: the model, in words.

    Raises:
        BackendUnavailable: the shape is another, or a number is not finite.
    """
    if outputs.shape not in ((count,), (count, 1)):
        raise BackendUnavailable(
            f"{who} answered the shape {outputs.shape} for {count} crops instead of one number each"
        )
    if not np.isfinite(outputs).all():
        raise BackendUnavailable(f"{who} answered numbers that are not finite")
    return outputs.reshape(-1).astype(np.float32, copy=False)


def as_logits(outputs: npt.NDArray[np.float32], output: Output) -> npt.NDArray[np.float32]:
    """Natural logits of what the model emitted, both ``(N,) float32``.

    Raises:
        BackendUnavailable: a number is no probability where the manifest promises probabilities.
    """
    if output is not Output.FAKE_PROBABILITY:
        return outputs
    if ((outputs < 0) | (outputs > 1)).any():
        raise BackendUnavailable("the model answered numbers outside [0, 1] where its manifest promises probabilities")
    clipped = np.clip(outputs.astype(np.float64), PROBABILITY_FLOOR, 1 - PROBABILITY_FLOOR)
    return np.log(clipped / (1 - clipped)).astype(np.float32)
