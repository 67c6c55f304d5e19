"""EfficientNet-B0 that starts from ImageNet weights of its Lite0 sibling.

Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", ICML 2019 (arXiv 1905.11946).
Lite0 is B0 without squeeze-and-excitation and with ReLU6 in place of swish. Its 49 convolutions fit a B0 whose
squeeze gates start wide open (sigmoid(6) = 0.998); ReLU6 is kept, the gates learn in fine-tuning.
"""

from typing import Any

import keras
from keras import layers

from dfd_train.imagenet import read_lite0

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
_BN_EPSILON = 1e-3
_GATE_BIAS = 6.0


def build_b0(size_px: int, dropout: float) -> keras.Model:
    """An EfficientNet-B0 class network for one fake logit.

    Args:
        size_px: side of the input, RGB in [0, 1], ``(N, S, S, 3)``.
        dropout: share dropped before the last layer.

    Returns:
        model with output ``fake_logit``, ``(N, 1) float32``.
    """
    image = keras.Input((size_px, size_px, 3), name="image")
    # the checkpoint wants (x - 127) / 128 on 0..255
    x = layers.Rescaling(255 / 128, offset=-127 / 128, name="normalise")(image)
    x = _conv_bn(x, 32, 3, 2, "stem")
    channels = 32
    for stage, (expansion, width, repeats, stride, kernel) in enumerate(_STAGES):
        for repeat in range(repeats):
            x = _block(x, channels, expansion, width, stride if repeat == 0 else 1, kernel, f"s{stage}b{repeat}")
            channels = width
    x = _conv_bn(x, 1280, 1, 1, "head")
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    x = layers.Dropout(dropout, name="dropout")(x)
    logit = layers.Dense(1, dtype="float32", name="fake_logit")(x)
    return keras.Model(image, logit, name="efficientnet_b0")


def load_imagenet(model: keras.Model) -> None:
    """Copy Lite0's ImageNet convolutions and batch-norm statistics into a network of `build_b0`.

    Raises:
        ValueError: the checkpoint does not fit the network.
    """
    checkpoint = read_lite0()
    ours = [
        layer
        for layer in model.layers
        if isinstance(layer, (layers.Conv2D, layers.DepthwiseConv2D)) and "_se_" not in layer.name
    ]
    norms = [layer for layer in model.layers if isinstance(layer, layers.BatchNormalization)]
    theirs = [name for name in checkpoint if name.endswith("weight") and checkpoint[name].ndim == 4]
    their_norms = [name.removesuffix("running_mean") for name in checkpoint if name.endswith("running_mean")]
    if not len(ours) == len(theirs) == len(norms) == len(their_norms):
        raise ValueError(f"checkpoint has {len(theirs)} convolutions, the network {len(ours)}")
    for layer, name in zip(ours, theirs, strict=True):
        kernel = checkpoint[name]  # (out, in / groups, h, w)
        depthwise = isinstance(layer, layers.DepthwiseConv2D)
        layer.set_weights([kernel.transpose((2, 3, 0, 1) if depthwise else (2, 3, 1, 0))])
    for layer, prefix in zip(norms, their_norms, strict=True):
        layer.set_weights([checkpoint[prefix + part] for part in ("weight", "bias", "running_mean", "running_var")])


def _conv_bn(x: Any, width: int, kernel: int, stride: int, name: str) -> Any:
    x = layers.Conv2D(width, kernel, stride, "same", use_bias=False, name=f"{name}_conv")(x)
    x = layers.BatchNormalization(epsilon=_BN_EPSILON, momentum=0.99, name=f"{name}_bn")(x)
    return layers.ReLU(6.0, name=f"{name}_relu")(x)


def _block(x: Any, channels: int, expansion: int, width: int, stride: int, kernel: int, name: str) -> Any:
    """Inverted residual with squeeze-and-excitation (MBConv)."""
    inner = x if expansion == 1 else _conv_bn(x, channels * expansion, 1, 1, f"{name}_expand")
    inner = layers.DepthwiseConv2D(kernel, stride, "same", use_bias=False, name=f"{name}_dw_conv")(inner)
    inner = layers.BatchNormalization(epsilon=_BN_EPSILON, momentum=0.99, name=f"{name}_dw_bn")(inner)
    inner = layers.ReLU(6.0, name=f"{name}_dw_relu")(inner)
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
    inner = layers.Multiply(name=f"{name}_se_gate")([inner, gate])
    inner = layers.Conv2D(width, 1, use_bias=False, name=f"{name}_project_conv")(inner)
    inner = layers.BatchNormalization(epsilon=_BN_EPSILON, momentum=0.99, name=f"{name}_project_bn")(inner)
    return layers.Add(name=f"{name}_add")([x, inner]) if stride == 1 and channels == width else inner
