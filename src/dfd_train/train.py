"""One training run: resumable, with progress, and the same result for the same seed."""

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from dfd.errors import ConfigurationError
from dfd.preprocessing import to_model_input
from dfd.types import ImageU8
from dfd_train.backbone import build, load_foundation, load_imagenet
from dfd_train.batches import TrainingBatches
from dfd_train.datasets import digest_of
from dfd_train.head import fit_head
from dfd_train.made_fakes import NO_EXTRAS, Extras, Faces
from dfd_train.recipe import Recipe

_RECIPE = "recipe.json"
_MATERIAL = "material.json"
_PROGRESS = "progress.json"
MODEL_NAME = "model.keras"
"""Of a finished run's model, with averaged weights and without the optimizer's state."""


def train(
    clips: Sequence[Faces], recipe: Recipe, run: Path, extras: Extras = NO_EXTRAS, *, progress: bool
) -> keras.Model:
    """Train a model, or go on with a run that was cut short.

    Args:
        clips: every training clip and its crops.
        recipe: all numbers.
        run: folder of this run; holds the state after each epoch and at last ``model.keras``.
        extras: what there is to learn from beside the clips.
        progress: whether to show a bar.

    Returns:
        the model with its averaged weights.

    Raises:
        ConfigurationError: the folder holds a run of another recipe, or of other clips or photographs.
    """
    run.mkdir(parents=True, exist_ok=True)
    _claim(run, recipe, clips, extras)
    if (run / MODEL_NAME).exists():
        return keras.models.load_model(run / MODEL_NAME, compile=False)
    keras.utils.set_random_seed(recipe.seed)
    keras.mixed_precision.set_global_policy("mixed_bfloat16" if recipe.mixed_precision else "float32")
    if (run / _PROGRESS).exists():
        first, model = _resume(run, recipe)
    else:
        first, model = 0, _compiled(_started(recipe, clips, extras, progress=progress), recipe)

    def keep(epoch: int, logs: Any = None) -> None:
        state = _state(run, epoch + 1)
        _save(model, state)
        seed = np.asarray(model.get_layer("dropout").seed_generator.state).tolist()
        # a run cut short before this goes on from the state before, which is still there
        _write(run / _PROGRESS, json.dumps({"epochs_done": epoch + 1, "dropout_seed": seed}))
        for old in set(run.glob("state-*.keras")) - {state}:
            old.unlink()
        with (run / "history.jsonl").open("a") as history:
            history.write(json.dumps({"epoch": epoch, **{k: float(v) for k, v in (logs or {}).items()}}) + "\n")

    if recipe.epochs:
        model.fit(
            TrainingBatches(clips, recipe, extras).from_epoch(first),
            epochs=recipe.epochs,
            initial_epoch=first,
            shuffle=False,
            verbose=1 if progress else 2,
            callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=keep)],
        )
        model.optimizer.finalize_variable_values(model.trainable_variables)  # take the averaged weights
    _save(_in_float32(model, recipe), run / MODEL_NAME)
    return keras.models.load_model(
        run / MODEL_NAME, compile=False
    )  # without the optimizer, which an export would carry


def _in_float32(model: keras.Model, recipe: Recipe) -> keras.Model:
    """The same weights, which are float32 either way, in a model that computes so too: what is served must."""
    if not recipe.mixed_precision:
        return model
    keras.mixed_precision.set_global_policy("float32")
    plain = build(recipe)
    plain.set_weights(model.get_weights())
    return plain


def score(model: keras.Model, crops: ImageU8, recipe: Recipe) -> npt.NDArray[np.float32]:
    """Logits of exact crops, ``(N,) float32``; N may be 0."""
    if not len(crops):
        return np.empty(0, np.float32)
    batch = to_model_input(list(crops), recipe.contract)
    return np.asarray(model.predict(batch, batch_size=64, verbose=0), dtype=np.float32)[:, 0]


def _state(run: Path, epochs: int) -> Path:
    """File of the model and its optimizer after so many passes."""
    return run / f"state-{epochs}.keras"


def _resume(run: Path, recipe: Recipe) -> tuple[int, keras.Model]:
    """Epochs done, and the model as it was then.

    The state is copied into a new model: what Keras loads has forgotten which variables are not to decay, and where
    dropout's random numbers stand.
    """
    progress = json.loads((run / _PROGRESS).read_text())
    saved = keras.models.load_model(_state(run, progress["epochs_done"]))
    model = _compiled(build(recipe), recipe)
    model.set_weights(saved.get_weights())
    model.optimizer.build(model.trainable_variables)
    for variable, value in zip(model.optimizer.variables, saved.optimizer.variables, strict=True):
        variable.assign(value)
    model.get_layer("dropout").seed_generator.state.assign(progress["dropout_seed"])
    return progress["epochs_done"], model


def _started(recipe: Recipe, clips: Sequence[Faces], extras: Extras, *, progress: bool) -> keras.Model:
    """A new model with what it knows before its trunks are trained."""
    model = build(recipe)
    load_imagenet(model)
    if extras.foundation is not None:
        load_foundation(model, keras.models.load_model(extras.foundation, compile=False))
    if recipe.head_strength:
        fit_head(model, clips, recipe, extras, progress=progress)
    return model


def _compiled(model: keras.Model, recipe: Recipe) -> keras.Model:
    """The model with its optimizer and loss."""
    total = recipe.epochs * recipe.steps_per_epoch
    warm_up = max(1, total // 20)
    schedule = keras.optimizers.schedules.CosineDecay(
        recipe.learning_rate / 20,
        max(1, total - warm_up),
        alpha=0.01,
        warmup_target=recipe.learning_rate,
        warmup_steps=warm_up,
    )
    optimizer = keras.optimizers.AdamW(
        schedule, weight_decay=recipe.weight_decay, use_ema=True, ema_momentum=recipe.ema_momentum, global_clipnorm=5.0
    )
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    loss = keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=recipe.label_smoothing)
    model.compile(optimizer, loss, metrics=[keras.metrics.BinaryAccuracy(threshold=0.0)], jit_compile=False)
    return model


def recipe_facts(recipe: Recipe) -> dict[str, Any]:
    """A recipe as plain JSON."""
    shallow = {field.name: getattr(recipe, field.name) for field in dataclasses.fields(recipe)}
    foundation = None if recipe.foundation is None else recipe_facts(recipe.foundation)
    plain = {"contract": dataclasses.asdict(recipe.contract), "made": dict(recipe.made)}
    lists = {"mask_families": list(recipe.mask_families), "trunks": list(recipe.trunks)}
    return {**shallow, **plain, **lists, "foundation": foundation}


def recipe_digest(recipe: Recipe) -> str:
    """Eight hexadecimal digits that tell recipes apart."""
    return hashlib.sha256(_as_text(recipe).encode()).hexdigest()[:8]


def _as_text(recipe: Recipe) -> str:
    return json.dumps(recipe_facts(recipe), sort_keys=True)


def _claim(run: Path, recipe: Recipe, clips: Sequence[Faces], extras: Extras) -> None:
    """Make a folder that of a recipe and of what is learned from: a model of other clips may know those held out."""
    material = {"clips": clips, "photographs": extras.stills}
    digests = {name: digest_of(clip for clip, _ in faces) for name, faces in material.items()}
    for name, text, what in (
        (_RECIPE, _as_text(recipe), "another recipe"),
        (_MATERIAL, json.dumps(digests), "other clips or photographs"),
    ):
        path = run / name
        if not path.exists():
            _write(path, text)
        elif path.read_text() != text:
            raise ConfigurationError(f"{run} holds a run of {what}: give another folder, or delete it")


def _save(model: keras.Model, path: Path) -> None:
    """Whole or not at all: a model that is there counts as finished."""
    partial = path.with_suffix(f".partial{path.suffix}")
    model.save(partial)
    partial.rename(path)


def _write(path: Path, text: str) -> None:
    """Whole or not at all."""
    partial = path.with_suffix(".partial")
    partial.write_text(text)
    partial.rename(path)
