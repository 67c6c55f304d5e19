"""EfficientNet-Lite0, and an EfficientNet-B0 that starts from its ImageNet weights.

Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", ICML 2019 (arXiv 1905.11946).
Lite0 is B0 without squeeze-and-excitation and with ReLU6 in place of swish. Its 49 convolutions fit a B0 whose
squeeze gates start wide open (sigmoid(6) = 0.998); ReLU6 is kept, the gates learn in fine-tuning.
"""

import re
from typing import Any

import keras
from keras import layers

from dfd_train.imagenet import read_lite0
from dfd_train.recipe import MOTION_GAIN, Backbone, Pooling, Recipe

# expansion, channels, repeats, stride, kernel (table 1 of the paper)
_STAGES = (
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 40, 2, 2, 5),
    (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5),
    (6, 192, 4, 2, 5),
    (6, 320, 1, 1, 3),
)
BN_EPSILON = 1e-3
"""Added to a variance, of batch normalisation and of the features that the last layer sees."""
_GATE_BIAS = 6.0
_BANDS = 5
_TRUNK = re.compile("^(still|half|change|motion)_")
_CLASSIFIER = ("scale", "fake_logit", "dropout")
"""Layers behind the trunks."""


def build(recipe: Recipe) -> keras.Model:
    """A network for one fake logit.

    A recipe whose contract has two frames gets a trunk for each of its ``trunks``; what they find meets in the last
    layer.

    Args:
        recipe: says which backbone, pooling and input, and what is not trained.

    Returns:
        model with input RGB in [0, 1], ``(N, S, S, 3 * frames)``, and output ``fake_logit``, ``(N, 1) float32``.
    """
    size_px = recipe.contract.size_px
    image = keras.Input((size_px, size_px, 3 * recipe.contract.frames), name="image")
    found = []
    for name, picture in _streams(image, recipe).items():
        # the checkpoint wants (x - 127) / 128 on 0..255
        x = layers.Rescaling(255 / 128, offset=-127 / 128, name=f"{name}normalise")(picture)
        found.append(_pool(_maps(x, name, recipe), name, recipe.pooling))
    x = layers.Concatenate(name="pool")(found) if len(found) > 1 else found[0]
    if recipe.pooling is not Pooling.LAST:  # statistics of all depths on one scale
        x = layers.BatchNormalization(epsilon=BN_EPSILON, momentum=0.98, scale=False, center=False, name="scale")(x)
    x = layers.Dropout(recipe.dropout, name="dropout")(x)
    logit = layers.Dense(1, dtype="float32", name="fake_logit")(x)
    model = keras.Model(image, logit, name=recipe.backbone.value)
    _freeze(model, recipe)
    return model


def _streams(image: Any, recipe: Recipe) -> dict[str, Any]:
    """What each trunk looks at, by the prefix of its layers' names."""
    if recipe.contract.frames == 1:
        return {"": image}
    still, change = FramePair(name="pair")(image)
    half, motion = FramePair(name="half_pair")(layers.AveragePooling2D(2, name="half_size")(image))
    pictures = {"still": still, "half": half, "change": change, "motion": motion}
    return {f"{name}_": pictures[name] for name in recipe.trunks}


def _maps(x: Any, name: str, recipe: Recipe) -> list[Any]:
    """The feature maps after each stage, and after the head where all stages are there."""
    has_gates = recipe.backbone is Backbone.B0
    x = _conv_bn(x, 32, 3, 2, f"{name}stem")
    channels, maps = 32, []
    for stage, (expansion, width, repeats, stride, kernel) in enumerate(_STAGES[: recipe.stages]):
        for repeat in range(repeats):
            shape = (expansion, width, stride if repeat == 0 else 1, kernel)
            x = _block(x, channels, shape, f"{name}s{stage}b{repeat}", has_gates=has_gates)
            channels = width
        maps.append(x)
    if recipe.stages == len(_STAGES):
        maps.append(_conv_bn(x, 1280, 1, 1, f"{name}head"))
    return maps


def load_imagenet(model: keras.Model) -> None:
    """Copy Lite0's ImageNet convolutions and batch-norm statistics into each trunk of a network of `build`.

    Raises:
        ValueError: the checkpoint does not fit the network.
    """
    checkpoint = read_lite0()
    kernels = [name for name in checkpoint if name.endswith("weight") and checkpoint[name].ndim == 4]
    norms = [name.removesuffix("running_mean") for name in checkpoint if name.endswith("running_mean")]
    prefixes = sorted({layer.name.removesuffix("stem_conv") for layer in model.layers if "stem_conv" in layer.name})
    for prefix in prefixes:
        ours = [layer for layer in model.layers if layer.name.startswith(prefix) and layer.name.endswith("_conv")]
        our_norms = [layer for layer in model.layers if layer.name.startswith(prefix) and _is_trunk_norm(layer)]
        if not len(ours) == len(our_norms) <= len(kernels) == len(norms):
            raise ValueError(f"checkpoint has {len(kernels)} convolutions, the network {len(ours)}")
        # a network of fewer stages takes the first ones; both lists are in network order
        for layer, name in zip(ours, kernels, strict=False):
            kernel = checkpoint[name]  # (out, in / groups, h, w)
            depthwise = isinstance(layer, layers.DepthwiseConv2D)
            layer.set_weights([kernel.transpose((2, 3, 0, 1) if depthwise else (2, 3, 1, 0))])
        for layer, title in zip(our_norms, norms, strict=False):
            layer.set_weights([checkpoint[title + part] for part in ("weight", "bias", "running_mean", "running_var")])


def load_foundation(model: keras.Model, foundation: keras.Model) -> None:
    """Copy the trunk of a model of one frame, of the same stages, into the trunks that look at the frame.

    Raises:
        ValueError: a layer is missing or of another shape.
    """
    names = {layer.name for layer in model.layers}
    prefixes = [prefix for prefix in ("", "still_", "half_") if f"{prefix}stem_conv" in names]
    for layer in foundation.layers:
        if layer.weights and layer.name not in _CLASSIFIER:
            for prefix in prefixes:
                model.get_layer(prefix + layer.name).set_weights(layer.get_weights())


def _is_trunk_norm(layer: keras.Layer) -> bool:
    return isinstance(layer, layers.BatchNormalization) and layer.name.endswith("_bn")


def _freeze(model: keras.Model, recipe: Recipe) -> None:
    if recipe.head_strength:
        model.get_layer("scale").trainable = False
    frozen = [f"s{stage}b" for stage in range(recipe.frozen_stages)] + ["stem_"] * (recipe.frozen_stages > 0)
    for layer in model.layers:
        title = _TRUNK.sub("", layer.name)
        if title.startswith(tuple(frozen)) or (recipe.frozen_norms and _is_trunk_norm(layer)):
            layer.trainable = False


def _pool(maps: list[Any], name: str, pooling: Pooling) -> Any:
    """What the classifier sees of the feature maps, ``(N, D)``.

    ``bands``: mean and spread of every channel of every stage, in each of five bands from brow to chin. Traces of
    forgery are texture more than content, and so lie in the statistics of shallow maps too (compare Gatys et al.,
    "Image Style Transfer Using Convolutional Neural Networks", CVPR 2016); and as faces are upright, a band is a part
    of the face.
    """
    if pooling is Pooling.LAST:
        return layers.GlobalAveragePooling2D(name=f"{name}pool")(maps[-1])
    found = []
    for stage, x in enumerate(maps):
        height, width = x.shape[1:3]
        if height % _BANDS:
            raise ValueError(
                f"maps of {height} rows do not fall into {_BANDS} bands: take an input size of 80 or 160 px"
            )
        window = (height // _BANDS, width)
        mean = layers.AveragePooling2D(window, name=f"{name}mean{stage}")(x)
        power = layers.AveragePooling2D(window, name=f"{name}power{stage}")(Square(name=f"{name}square{stage}")(x))
        spread = Deviation(name=f"{name}deviation{stage}")([mean, power])
        found += [
            layers.Flatten(name=f"{name}flat_{kind}{stage}")(y) for kind, y in (("mean", mean), ("spread", spread))
        ]
    return layers.Concatenate(name=f"{name}statistics")(found)


@keras.saving.register_keras_serializable("dfd")
class FramePair(layers.Layer):  # type: ignore[misc]  # Keras is untyped
    """Splits ``(N, S, S, 6)`` into the frame and its difference to the next, both ``(N, S, S, 3)`` in [0, 1]."""

    def call(self, x: Any) -> tuple[Any, Any]:
        still, following = x[..., :3], x[..., 3:]
        return still, keras.ops.clip(0.5 + MOTION_GAIN * (following - still), 0.0, 1.0)


@keras.saving.register_keras_serializable("dfd")
class Square(layers.Layer):  # type: ignore[misc]  # Keras is untyped
    """Each value times itself."""

    def call(self, x: Any) -> Any:
        return x * x


@keras.saving.register_keras_serializable("dfd")
class Deviation(layers.Layer):  # type: ignore[misc]  # Keras is untyped
    """Standard deviation from the mean and the mean square, with a finite slope at 0."""

    def call(self, inputs: tuple[Any, Any]) -> Any:
        mean, power = inputs
        return keras.ops.sqrt(keras.ops.maximum(power - mean * mean, 0.0) + BN_EPSILON)


def _conv_bn(x: Any, width: int, kernel: int, stride: int, name: str) -> Any:
    x = layers.Conv2D(width, kernel, stride, "same", use_bias=False, name=f"{name}_conv")(x)
    x = layers.BatchNormalization(epsilon=BN_EPSILON, momentum=0.99, name=f"{name}_bn")(x)
    return layers.ReLU(6.0, name=f"{name}_relu")(x)


def _block(x: Any, channels: int, shape: tuple[int, int, int, int], name: str, *, has_gates: bool) -> Any:
    """Inverted residual (MBConv) of expansion, width, stride and kernel; has gates: with squeeze-and-excitation."""
    expansion, width, stride, kernel = shape
    inner = x if expansion == 1 else _conv_bn(x, channels * expansion, 1, 1, f"{name}_expand")
    inner = layers.DepthwiseConv2D(kernel, stride, "same", use_bias=False, name=f"{name}_dw_conv")(inner)
    inner = layers.BatchNormalization(epsilon=BN_EPSILON, momentum=0.99, name=f"{name}_dw_bn")(inner)
    inner = layers.ReLU(6.0, name=f"{name}_dw_relu")(inner)
    if has_gates:
        inner = _gated(inner, channels, expansion, name)
    inner = layers.Conv2D(width, 1, use_bias=False, name=f"{name}_project_conv")(inner)
    inner = layers.BatchNormalization(epsilon=BN_EPSILON, momentum=0.99, name=f"{name}_project_bn")(inner)
    return layers.Add(name=f"{name}_add")([x, inner]) if stride == 1 and channels == width else inner


def _gated(inner: Any, channels: int, expansion: int, name: str) -> Any:
    """Squeeze-and-excitation, wide open at first."""
    gate = layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_se_pool")(inner)
    gate = layers.Conv2D(max(1, channels // 4), 1, activation="relu6", name=f"{name}_se_reduce")(gate)
    gate = layers.Conv2D(
        channels * expansion,
        1,
        activation="sigmoid",
        kernel_initializer="zeros",
        bias_initializer=keras.initializers.Constant(_GATE_BIAS),
        name=f"{name}_se_expand",
    )(gate)
    return layers.Multiply(name=f"{name}_se_gate")([inner, gate])
