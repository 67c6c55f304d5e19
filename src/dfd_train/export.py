"""From a trained Keras model to a registered version: SavedModel, ONNX and manifest, checked against each other."""

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import onnxruntime as ort
import tensorflow as tf

from dfd.backends.onnx_runtime import OnnxRuntimeBackend
from dfd.errors import ConfigurationError, ModelError
from dfd.manifest import ModelManifest
from dfd.registry.directory import MANIFEST_NAME
from dfd.registry.parity import recorded
from dfd.types import FloatArray
from dfd_train.card import CARD_FOLDER, CARD_NAME

ONNX_NAME = "model.onnx"
_OPSET = 17
PARITY_TOLERANCE = 1e-3
"""Largest difference of logits between the three forms; the probabilities then agree to 2.5e-4 at worst."""


class ParityError(ModelError):
    """The exported forms of a model do not answer alike, or one of them cannot be made."""

    code = "parity"


def check_place(folder: Path) -> None:
    """Refuse to put a version where anything else lies: what is there before gives way to it.

    Raises:
        ConfigurationError: the folder holds files, but no manifest.
    """
    if folder.exists() and not (folder / MANIFEST_NAME).is_file() and (folder.is_file() or any(folder.iterdir())):
        raise ConfigurationError(f"{folder} is in use, but not by a model version: give another folder, or empty it")


@contextmanager
def built_beside(folder: Path) -> Iterator[Path]:
    """A new folder for a version, which at the end takes the place of the old one as a whole.

    If anything is raised meanwhile, the old one stays as it was.

    Args:
        folder: of the version; what is in it goes in the end, files of another export among it.

    Raises:
        ConfigurationError: as `check_place`.
    """
    check_place(folder)
    fresh, old = (folder.with_name(f".{folder.name}.{state}") for state in ("fresh", "old"))
    if old.exists() and not folder.exists():  # an earlier call was cut short between the two renames
        old.rename(folder)
    for left in (fresh, old):
        shutil.rmtree(left, ignore_errors=True)
    fresh.mkdir(parents=True)
    try:
        yield fresh
        if folder.exists():
            folder.rename(old)
        fresh.rename(folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    shutil.rmtree(old, ignore_errors=True)


def export(model: keras.Model, folder: Path, probes: FloatArray) -> float:
    """Write ``saved_model.pb``, ``variables/`` and ``model.onnx``.

    Args:
        model: with one output of logits.
        folder: of the version, best from `built_beside`; TensorFlow Serving reads it as it is.
        probes: ``(N, S, S, 3) float32`` real crops the three forms are compared on (random weights or noise would
            agree on anything).

    Returns:
        the largest difference of logits that was seen.

    Raises:
        ParityError: the forms differ by more than `PARITY_TOLERANCE`, or the probes all get one answer.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _write_saved_model(model, folder)
    _convert(folder, folder / ONNX_NAME)
    return _compare(model, folder, probes)


def file_hashes(folder: Path) -> dict[str, str]:
    """sha256 of every file of a version, save the manifest and the card with its pictures, by path relative to it."""
    written_later = {MANIFEST_NAME, CARD_NAME, CARD_FOLDER}
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.relative_to(folder).parts[0] not in written_later
    }


def write_manifest(folder: Path, manifest: ModelManifest) -> None:
    """Write the manifest and read it back.

    Raises:
        ParityError: it does not come back as it went.
    """
    path = folder / MANIFEST_NAME
    manifest.write(path)
    if ModelManifest.read(path) != manifest:
        raise ParityError(f"{path} does not read back as it was written")


def with_parity(folder: Path, manifest: ModelManifest) -> ModelManifest:
    """The manifest with what the ONNX file answers here, so that a registry can tell whether it answers so elsewhere.

    Raises:
        ModelCorrupt: ONNX Runtime cannot run it, or all its answers are alike.
    """
    backend = OnnxRuntimeBackend(folder / manifest.weights_file, manifest)
    return replace(manifest, parity=recorded(backend, manifest.input))


def _write_saved_model(model: keras.Model, folder: Path) -> None:
    """One signature, ``image`` to ``fake_logit``. Keras' own export would store every variable twice."""

    @tf.function(input_signature=[tf.TensorSpec((None, *model.input_shape[1:]), tf.float32, name="image")])  # type: ignore[untyped-decorator]  # TensorFlow is untyped
    def serve(image: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"fake_logit": model(image, training=False)}

    holder = tf.Module()
    holder.weights = [variable.value for variable in model.variables]
    tf.saved_model.save(holder, str(folder), signatures={"serving_default": serve})


def _convert(saved_model: Path, target: Path) -> None:
    """Run tf2onnx in a process of its own: Keras' own ONNX export leaves dangling inputs."""
    command = ["-m", "tf2onnx.convert", "--saved-model", str(saved_model), "--output", str(target)]
    done = subprocess.run(  # noqa: S603 -- our own interpreter, no outside input
        [sys.executable, *command, "--opset", str(_OPSET)], check=False, capture_output=True, text=True
    )
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise ParityError(f"tf2onnx failed: {said[-1]}: install the versions that requirements/ names")


def _compare(model: keras.Model, folder: Path, probes: FloatArray) -> float:
    keras_logits = np.asarray(model.predict(probes, verbose=0))[:, 0]
    serving = tf.saved_model.load(str(folder)).signatures["serving_default"]
    saved_logits = serving(image=tf.constant(probes))["fake_logit"].numpy()[:, 0]
    session = ort.InferenceSession(str(folder / ONNX_NAME), providers=["CPUExecutionProvider"])
    onnx_logits = np.asarray(session.run(None, {session.get_inputs()[0].name: probes})[0])[:, 0]
    if float(np.ptp(keras_logits)) < 0.1:
        raise ParityError("the probes all get the same answer, so that agreement on them proves nothing: train longer")
    worst = max(float(np.abs(other - keras_logits).max()) for other in (saved_logits, onnx_logits))
    if worst > PARITY_TOLERANCE:
        raise ParityError(
            f"logits differ by {worst:.2e} between Keras, SavedModel and ONNX: install the versions that requirements/ "
            "names"
        )
    return worst
