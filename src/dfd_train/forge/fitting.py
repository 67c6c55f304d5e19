"""A training loop that goes on where it was cut short, with the same result."""

from collections.abc import Callable
from pathlib import Path

import keras
from tqdm import tqdm

from dfd.types import FloatArray
from dfd_train.forge.networks import detail_loss

_SAVE_EVERY = 200


def fit(
    path: Path,
    make: Callable[[], keras.Model],
    batch_at: Callable[[int], tuple[FloatArray, FloatArray]],
    steps: int,
    *,
    progress: bool,
) -> keras.Model:
    """Train a network to draw one picture from another, or read it if that is done.

    Args:
        path: ``.keras`` file of the finished network; the unfinished one lies beside it as ``.part.keras``.
        make: builds the network; random weights must come from a seed.
        batch_at: input and wanted output, each ``(N, H, W, 3) float32`` in [0, 1], of a step from 0.
        steps: how many steps in all.
        progress: whether to show a bar.
    """
    if path.exists():
        return keras.models.load_model(path)
    part = path.with_suffix(".part.keras")
    model = keras.models.load_model(part) if part.exists() else _compiled(make(), steps)
    first = int(model.optimizer.iterations)
    for step in tqdm(range(first, steps), path.stem, initial=first, total=steps, unit="step", disable=not progress):
        model.train_on_batch(*batch_at(step))
        if (step + 1) % _SAVE_EVERY == 0:
            _save(model, part)
    finished = keras.Model(model.input, model.output, name=model.name)  # without the optimizer
    _save(finished, path)
    part.unlink(missing_ok=True)
    return finished


def _compiled(model: keras.Model, steps: int) -> keras.Model:
    rate = keras.optimizers.schedules.CosineDecay(1e-3, steps, alpha=0.05)
    model.compile(keras.optimizers.Adam(rate, beta_1=0.8), loss=detail_loss, jit_compile=False)
    return model


def _save(model: keras.Model, path: Path) -> None:
    """Whole or not at all."""
    fresh = path.with_suffix(".fresh.keras")
    model.save(fresh)
    fresh.rename(path)
