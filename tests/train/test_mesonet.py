"""The peer network: what ONNX answers is what Keras answers for the same layers and weights."""

import os
from collections.abc import Callable
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from benchmarks.mesonet import CONTRACT, convert, weight_files
from keras import layers

from dfd.backends.onnx_runtime import OnnxRuntimeBackend
from dfd.errors import InputError

PEER_WEIGHTS = os.environ.get("DFD_PEER_WEIGHTS")


def meso4() -> keras.Model:
    image = keras.Input((256, 256, 3))
    x = image
    for width, kernel, pool in ((8, 3, 2), (8, 5, 2), (16, 5, 2), (16, 5, 4)):
        x = layers.Conv2D(width, kernel, padding="same", activation="relu")(x)
        x = layers.MaxPooling2D(pool, padding="same")(layers.BatchNormalization()(x))
    return head(image, x)


def inception4() -> keras.Model:
    image = keras.Input((256, 256, 3))
    x = image
    for widths in ((1, 4, 4, 2), (2, 4, 4, 2)):
        parts = [layers.Conv2D(widths[0], 1, activation="relu")(x)]
        for dilation, width in enumerate(widths[1:], start=1):
            part = layers.Conv2D(width, 1, activation="relu")(x)
            parts.append(layers.Conv2D(width, 3, padding="same", dilation_rate=dilation, activation="relu")(part))
        x = layers.BatchNormalization()(layers.Concatenate()(parts))
        x = layers.MaxPooling2D(2, padding="same")(x)
    for pool in (2, 4):
        x = layers.Conv2D(16, 5, padding="same", activation="relu")(x)
        x = layers.MaxPooling2D(pool, padding="same")(layers.BatchNormalization()(x))
    return head(image, x)


def head(image: keras.KerasTensor, x: keras.KerasTensor) -> keras.Model:
    x = layers.LeakyReLU(0.1)(layers.Dense(16)(layers.Flatten()(x)))
    return keras.Model(image, layers.Dense(1)(x))  # the logit of *real*


def randomised(model: keras.Model, rng: np.random.Generator) -> keras.Model:
    """Every weight away from its initial value; variances stay positive, answers away from certainty."""
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            width = layer.gamma.shape[0]
            layer.set_weights([*rng.normal(0.5, 0.3, (3, width)), rng.uniform(0.01, 0.2, width)])
        elif layer.weights:
            scale = 2 / np.sqrt(np.prod(layer.kernel.shape[:-1]))
            layer.set_weights([rng.normal(0, scale, weight.shape) for weight in layer.weights])
    return model


def write_keras_2(model: keras.Model, path: Path) -> Path:
    """The model's weights as Keras 2 laid them out; numbers are those of the layers' making, from 1."""
    numbers: dict[str, int] = {}
    names = []
    with h5py.File(path, "w") as file:
        for layer in sorted(
            (layer for layer in model.layers if layer.weights), key=lambda layer: number_of(layer.name)
        ):
            kind = {"Conv2D": "conv2d", "BatchNormalization": "batch_normalization", "Dense": "dense"}[
                type(layer).__name__
            ]
            numbers[kind] = numbers.get(kind, 0) + 1
            name = f"{kind}_{numbers[kind]}"
            names.append(name)
            group = file.create_group(name)
            keys = [f"{name}/{weight.name}:0" for weight in layer.weights]
            group.attrs["weight_names"] = np.array(keys, "S")
            for key, value in zip(keys, layer.get_weights(), strict=True):
                group[key] = value
        file.attrs["layer_names"] = np.array(names[::-1], "S")  # the order says nothing
    return path


def number_of(name: str) -> int:
    tail = name.rpartition("_")[2]
    return int(tail) if tail.isdigit() else 0


@pytest.mark.parametrize("build", [meso4, inception4])
def test_onnx_answers_what_keras_answers(build: Callable[[], keras.Model], tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    model = randomised(build(), rng)
    images = rng.random((4, 256, 256, 3), np.float32)

    path, manifest = convert(write_keras_2(model, tmp_path / "Random.h5"), tmp_path)

    expected = -np.asarray(model.predict(images, verbose=0))[:, 0]
    assert np.ptp(expected) > 0.01
    assert OnnxRuntimeBackend(path, manifest, 1).predict(images) == pytest.approx(expected, rel=1e-3, abs=1e-3)


def test_a_file_with_a_layer_too_few_or_too_many_is_refused(tmp_path: Path) -> None:
    path = write_keras_2(meso4(), tmp_path / "m.h5")
    with h5py.File(path, "a") as file:
        names = list(file.attrs["layer_names"])
        file.attrs["layer_names"] = [name for name in names if name != b"dense_2"]
    with pytest.raises(InputError, match="too few dense"):
        convert(path, tmp_path)
    with h5py.File(path, "a") as file:
        extra = file.create_group("dense_3")
        extra.attrs["weight_names"] = [b"kernel"]
        extra["kernel"] = np.zeros((1, 1))
        file.attrs["layer_names"] = [*names, b"dense_3"]
    with pytest.raises(InputError, match="no such network has"):
        convert(path, tmp_path)


def test_a_layer_of_another_shape_is_refused(tmp_path: Path) -> None:
    path = write_keras_2(meso4(), tmp_path / "m.h5")
    with h5py.File(path, "a") as file:
        key = file["conv2d_1"].attrs["weight_names"][0]
        del file["conv2d_1"][key]
        file["conv2d_1"][key] = np.zeros((3, 3, 3, 9))
    with pytest.raises(InputError, match=r"conv2d layer has the shapes .*\(3, 3, 3, 9\)"):
        convert(path, tmp_path)


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no Meso\*\.h5"):
        weight_files(tmp_path)
    (tmp_path / "Meso4_DF.h5").write_text("no weights")
    (found,) = weight_files(tmp_path)
    with pytest.raises(InputError, match="is not a Keras 2 weight file"):
        convert(found, tmp_path)


@pytest.mark.skipif(PEER_WEIGHTS is None, reason="DFD_PEER_WEIGHTS does not name the folder of MesoNet's weights")
def test_the_published_weights_are_read_whole(tmp_path: Path) -> None:
    images = np.random.default_rng(0).random((2, 256, 256, 3), np.float32)
    for weights in weight_files(Path(str(PEER_WEIGHTS))):
        path, manifest = convert(weights, tmp_path)

        logits = OnnxRuntimeBackend(path, manifest, 1).predict(images)

        assert manifest.input == CONTRACT
        assert manifest.architecture == ("MesoInception-4" if "Inception" in weights.name else "Meso-4")
        assert logits[0] != logits[1]
