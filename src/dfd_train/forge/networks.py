"""Small convolutional networks whose decoders up-sample in the three ways generators do."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from dfd.types import ImageU8

LATENT_STRIDE = 4
"""Pixels of the picture for one of the autoencoder's codes, in each direction."""

_SLOPE = 0.1


@keras.saving.register_keras_serializable(package="dfd_train")
class PixelShuffle(layers.Layer):  # type: ignore[misc]  # Keras is untyped
    """``(N, H, W, 4 C)`` to ``(N, 2 H, 2 W, C)`` (Shi et al., CVPR 2016, arXiv 1609.05158)."""

    def call(self, inputs: Any) -> Any:
        count, height, width, channels = ops.shape(inputs)
        cells = ops.reshape(inputs, (count, height, width, 2, 2, channels // 4))
        return ops.reshape(ops.transpose(cells, (0, 1, 3, 2, 4, 5)), (count, 2 * height, 2 * width, channels // 4))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        count, height, width, channels = input_shape
        double = [None if side is None else 2 * side for side in (height, width)]
        return (count, *double, None if channels is None else channels // 4)


@keras.saving.register_keras_serializable(package="dfd_train")  # type: ignore[untyped-decorator]
def detail_loss(truth: Any, drawn: Any) -> Any:
    """Mean absolute error of values and of differences between neighbours, so that edges do not wash out."""
    error = ops.mean(ops.abs(truth - drawn), axis=(1, 2, 3))
    rows = ops.mean(ops.abs((truth[:, 1:] - truth[:, :-1]) - (drawn[:, 1:] - drawn[:, :-1])), axis=(1, 2, 3))
    columns = (truth[:, :, 1:] - truth[:, :, :-1]) - (drawn[:, :, 1:] - drawn[:, :, :-1])
    return error + rows + ops.mean(ops.abs(columns), axis=(1, 2, 3))


def _transposed(x: Any, width: int) -> Any:
    return layers.Conv2DTranspose(width, 3, 2, padding="same")(x)


def _nearest(x: Any, width: int) -> Any:
    return layers.Conv2D(width, 3, padding="same")(layers.UpSampling2D(2)(x))


def _shuffled(x: Any, width: int) -> Any:
    return PixelShuffle()(layers.Conv2D(4 * width, 3, padding="same")(x))


UPSAMPLERS: Mapping[str, Callable[[Any, int], Any]] = MappingProxyType(
    {"transposed": _transposed, "nearest": _nearest, "shuffled": _shuffled}
)
"""Ways to double a feature map, by name."""


def build_autoencoder(upsampler: str) -> keras.Model:
    """A fully convolutional autoencoder, ``(N, H, W, 3)`` to the same in [0, 1]; H and W multiples of 4.

    Args:
        upsampler: one of `UPSAMPLERS`.
    """
    image = keras.Input((None, None, 3), name="image")
    x = _activated(layers.Conv2D(32, 5, 2, padding="same")(image))
    x = _activated(layers.Conv2D(64, 3, 2, padding="same")(x))
    x = layers.Conv2D(12, 3, padding="same", name="code")(x)
    x = _activated(layers.Conv2D(64, 3, padding="same")(x))
    x = _activated(UPSAMPLERS[upsampler](x, 40))
    x = _activated(UPSAMPLERS[upsampler](x, 24))
    return keras.Model(image, layers.Conv2D(3, 3, padding="same", activation="sigmoid")(x), name=upsampler)


def build_face_encoder(size_px: int) -> keras.Model:
    """The encoder that all people share: ``(N, S, S, 3)`` in [0, 1] to a code of 64 numbers for each 16x16 pixels.

    Args:
        size_px: S, a multiple of 16.
    """
    face = keras.Input((size_px, size_px, 3), name="face")
    x = face
    for width, kernel in ((32, 5), (64, 5), (96, 3), (128, 3)):
        x = _activated(layers.Conv2D(width, kernel, 2, padding="same")(x))
    x = layers.Conv2D(64, 3, padding="same")(x)
    return keras.Model(face, _activated(UPSAMPLERS["shuffled"](x, 96)), name="encoder")


def build_face_decoder(size_px: int) -> keras.Model:
    """One person's decoder: from the code of `build_face_encoder` to a face in [0, 1].

    Args:
        size_px: as for the encoder.
    """
    cells = size_px // 8
    code = keras.Input((cells, cells, 96), name="code")
    x = code
    for width in (64, 40, 24):
        x = _activated(UPSAMPLERS["shuffled"](x, width))
    return keras.Model(code, layers.Conv2D(3, 3, padding="same", activation="sigmoid")(x), name="decoder")


def chained(encoder: keras.Model, decoder: keras.Model) -> keras.Model:
    """Encoder and decoder in one."""
    face = keras.Input(encoder.input_shape[1:], name="face")
    return keras.Model(face, decoder(encoder(face)), name="face_autoencoder")


class Redrawer:
    """A network as a function on one picture.

    Args:
        model: ``(N, H, W, 3)`` to the same, in [0, 1].
    """

    def __init__(self, model: keras.Model) -> None:
        self._model = model

    def __call__(self, image: ImageU8) -> ImageU8:
        """The picture ``(H, W, 3) uint8`` drawn anew; sides that do not fit the network are padded and cut again."""
        height, width = image.shape[:2]
        padding = [(0, -height % LATENT_STRIDE), (0, -width % LATENT_STRIDE), (0, 0)]
        values = np.pad(image, padding, mode="edge")[None].astype(np.float32) / np.float32(255)
        drawn = ops.convert_to_numpy(self._model(values, training=False))[0, :height, :width]
        return np.asarray(np.clip(np.rint(drawn * 255), 0, 255), dtype=np.uint8)


def _activated(x: Any) -> Any:
    return layers.LeakyReLU(_SLOPE)(x)
