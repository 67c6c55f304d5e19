"""From a trained Keras model to a registered version: SavedModel, ONNX and manifest, checked against each other."""

import hashlib
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import onnxruntime as ort
import tensorflow as tf

from dfd.backends.onnx_runtime import OnnxRuntimeBackend
from dfd.manifest import ModelManifest
from dfd.registry.directory import MANIFEST_NAME
from dfd.registry.parity import recorded
from dfd.types import FloatArray
from dfd_train.card import CARD_FOLDER, CARD_NAME

ONNX_NAME = "model.onnx"
_OPSET = 17
PARITY_TOLERANCE = 1e-3
"""Largest difference of logits between the three forms; the probabilities then agree to 2.5e-4 at worst."""


class ParityError(RuntimeError):
    """The exported forms of a model do not answer alike."""


def export(model: keras.Model, folder: Path, probes: FloatArray) -> float:
    """Write ``saved_model.pb``, ``variables/`` and ``model.onnx``.

    Args:
        model: with one output of logits.
        folder: of the version; TensorFlow Serving reads it as it is.
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
        raise ParityError(f"tf2onnx failed: {done.stderr.strip().splitlines()[-1]}")


def _compare(model: keras.Model, folder: Path, probes: FloatArray) -> float:
    keras_logits = np.asarray(model.predict(probes, verbose=0))[:, 0]
    serving = tf.saved_model.load(str(folder)).signatures["serving_default"]
    saved_logits = serving(image=tf.constant(probes))["fake_logit"].numpy()[:, 0]
    session = ort.InferenceSession(str(folder / ONNX_NAME), providers=["CPUExecutionProvider"])
    onnx_logits = np.asarray(session.run(None, {session.get_inputs()[0].name: probes})[0])[:, 0]
    if float(np.ptp(keras_logits)) < 0.1:
        raise ParityError("the probes all get the same answer, so that agreement on them proves nothing")
    worst = max(float(np.abs(other - keras_logits).max()) for other in (saved_logits, onnx_logits))
    if worst > PARITY_TOLERANCE:
        raise ParityError(f"logits differ by {worst:.2e} between Keras, SavedModel and ONNX")
    return worst
