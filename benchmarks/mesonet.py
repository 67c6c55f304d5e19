"""MesoNet's published weights as a model that DFD's own serving code can run beside ours.

Afchar, Nozick, Yamagishi and Echizen, "MesoNet: a Compact Facial Video Forgery Detection Network", WIFS 2018
(arXiv 1809.00888), figures 4 and 5. The weights (Apache-2.0, https://github.com/DariusAf/MesoNet) are Keras 2 files;
they are read layer by layer into an ONNX graph, so that both models run in one runtime. Three things are told by the
authors' code and not by the figures: a leaky ReLU between the two last layers, the exact widths of the inception
modules, and that the output is the probability of *real*. The graph ends in the logit of *fake*, which is minus theirs.

The authors cut a square of 1.3 times 2.2 times the distance between eyes and mouth, turned so that the eyes lie level.
On faces that BlazeFace finds that is 1.29 times the longer side of its box (5th to 95th percentile: 1.25 to 1.34,
measured on 124 clips), hence the margin of 0.15 on each side.

Reading the weights needs h5py, which is in the environment for training.
"""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from dfd.errors import InputError
from dfd.manifest import Alignment, Calibration, Decision, InputContract, Layout, ModelManifest, Output
from dfd.types import FloatArray

CONTRACT: Final = InputContract(
    size_px=256, layout=Layout.NHWC, value_min=0.0, value_max=1.0, crop_margin=0.15, alignment=Alignment.EYES
)
_NORM_EPSILON = 1e-3  # Keras' default
_LEAK = 0.1
_BATCHES_OF = 32

Layer = tuple[FloatArray, ...]
"""The arrays of one layer, in Keras' order: kernel, bias; or gamma, beta, mean, variance."""


def weight_files(folder: Path) -> list[Path]:
    """The authors' weight files in a folder, ``Meso4_*.h5`` and ``MesoInception_*.h5``, by name.

    Raises:
        InputError: there is none.
    """
    found = sorted(folder.glob("Meso*.h5"))
    if not found:
        raise InputError(f"{folder} holds no Meso*.h5: fetch MesoNet's weights and name their folder")
    return found


def convert(weights: Path, folder: Path) -> tuple[Path, ModelManifest]:
    """Write the network of a weight file as ONNX.

    Args:
        weights: one of the authors' ``.h5`` files.
        folder: where ``<name>.onnx`` is written.

    Returns:
        the ONNX file, and a manifest for it.

    Raises:
        InputError: its layers are not exactly those of Meso-4 or MesoInception-4.
    """
    layers = read_layers(weights)
    try:
        graph = _Graph(layers)
        model = graph.finish(_inception4(graph) if len(layers["conv2d"]) > 4 else _meso4(graph))
    except _Mismatch as error:
        raise InputError(f"{weights} does not hold the weights of a MesoNet: {error}") from error
    path = folder / f"{weights.stem}.onnx"
    onnx.save(model, str(path))
    manifest = ModelManifest(
        name=f"mesonet-{weights.stem.lower()}",
        version="1",
        architecture=graph.name,
        files={path.name: hashlib.sha256(path.read_bytes()).hexdigest()},
        weights_file=path.name,
        input=CONTRACT,
        output=Output.FAKE_LOGIT,
        calibration=Calibration(),
        decision=Decision(threshold=0.5, inconclusive_margin=0.0),
        max_batch=_BATCHES_OF,
        training_data="Deepfakes of the authors' own collection (_DF) or FaceForensics' Face2Face (_F2F)",
        licence="Apache-2.0",
        reference={"weights_sha256": hashlib.sha256(weights.read_bytes()).hexdigest()},
    )
    return path, manifest


def read_layers(weights: Path) -> dict[str, list[Layer]]:
    """The arrays of a Keras 2 weight file by kind of layer (``conv2d``, ``batch_normalization``, ``dense``).

    Layers of a kind come in the order in which they were made, which their number tells.

    Raises:
        InputError: the file is no such file.
    """
    import h5py  # noqa: PLC0415 -- only in the environment for training

    found: dict[str, list[tuple[int, Layer]]] = defaultdict(list)
    try:
        with h5py.File(weights, "r") as file:
            for name in _texts(file.attrs["layer_names"]):
                arrays = tuple(
                    np.asarray(file[name][key], np.float32) for key in _texts(file[name].attrs["weight_names"])
                )
                match = re.fullmatch(r"(.+)_(\d+)", name)
                if arrays and match:
                    found[match[1]].append((int(match[2]), arrays))
    except (OSError, KeyError) as error:
        raise InputError(f"{weights} is not a Keras 2 weight file: {error}") from error
    return {
        kind: [arrays for _, arrays in sorted(layers, key=lambda entry: entry[0])] for kind, layers in found.items()
    }


def _texts(names: Iterable[str | bytes]) -> list[str]:
    return [name.decode() if isinstance(name, bytes) else name for name in names]


class _Mismatch(Exception):
    """A layer is not what the network needs."""


class _Graph:
    """Builds the ONNX graph; every array of the weight file is used once or the file is refused."""

    def __init__(self, layers: dict[str, list[Layer]]) -> None:
        self.name = ""
        self._left = {kind: list(arrays) for kind, arrays in layers.items()}
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    def conv(self, x: str, inputs: int, width: int, side: int, dilation: int = 1) -> str:
        """Convolution that keeps the size, and ReLU."""
        kernel, bias = self._take("conv2d", [(side, side, inputs, width), (width,)])
        reach = dilation * (side - 1) // 2
        names = [x, self._constant(kernel.transpose(3, 2, 0, 1)), self._constant(bias)]
        return self._node("Relu", [self._node("Conv", names, pads=[reach] * 4, dilations=[dilation] * 2)])

    def norm_and_pool(self, x: str, width: int, side: int) -> str:
        """Batch normalisation, and the maximum of every `side` by `side` pixels."""
        arrays = self._take("batch_normalization", [(width,)] * 4)
        x = self._node("BatchNormalization", [x, *map(self._constant, arrays)], epsilon=_NORM_EPSILON)
        return self._node("MaxPool", [x], kernel_shape=[side, side], strides=[side, side])

    def join(self, parts: Sequence[str]) -> str:
        """Concatenate channels."""
        return self._node("Concat", parts, axis=1)

    def dense(self, x: str, inputs: int, width: int) -> str:
        """Matrix product and bias."""
        kernel, bias = self._take("dense", [(inputs, width), (width,)])
        return self._node("Gemm", [x, self._constant(kernel), self._constant(bias)])

    def image(self) -> str:
        """The input, channels first."""
        return self._node("Transpose", ["image"], perm=[0, 3, 1, 2])

    def head(self, x: str) -> str:
        """From ``(N, 16, 8, 8)`` to the logit of *fake*; Keras flattens channels last."""
        x = self._node("Flatten", [self._node("Transpose", [x], perm=[0, 2, 3, 1])])
        x = self._node("LeakyRelu", [self.dense(x, 1024, 16)], alpha=_LEAK)
        return self._node("Neg", [self.dense(x, 16, 1)])

    def finish(self, logit: str) -> onnx.ModelProto:
        """The model.

        Raises:
            _Mismatch: an array of the file was not used.
        """
        left = {kind: len(layers) for kind, layers in self._left.items() if layers}
        if left:
            raise _Mismatch(f"layers that no such network has: {left}")
        side = CONTRACT.size_px
        graph = helper.make_graph(
            self._nodes,
            self.name,
            [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", side, side, 3])],
            [helper.make_tensor_value_info(logit, TensorProto.FLOAT, ["batch", 1])],
            self._constants,
        )
        # An old IR version: each release of the onnx package writes one that older runtimes refuse.
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
        onnx.checker.check_model(model, full_check=True)
        return model

    def _take(self, kind: str, shapes: Sequence[tuple[int, ...]]) -> Layer:
        if not self._left.get(kind):
            raise _Mismatch(f"there are too few {kind} layers")
        arrays = self._left[kind].pop(0)
        if [array.shape for array in arrays] != list(shapes):
            raise _Mismatch(f"a {kind} layer has the shapes {[array.shape for array in arrays]} instead of {shapes}")
        return arrays

    def _constant(self, array: FloatArray) -> str:
        name = f"weight_{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def _node(self, kind: str, inputs: Sequence[str], **attributes: Any) -> str:
        output = f"{kind.lower()}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, list(inputs), [output], **attributes))
        return output


def _meso4(graph: _Graph) -> str:
    """Figure 4: four convolutions."""
    graph.name = "Meso-4"
    x = graph.norm_and_pool(graph.conv(graph.image(), 3, 8, 3), 8, 2)
    x = graph.norm_and_pool(graph.conv(x, 8, 8, 5), 8, 2)
    return _last_half(graph, x, 8)


def _inception4(graph: _Graph) -> str:
    """As Meso-4, with inception modules in place of the first two convolutions."""
    graph.name = "MesoInception-4"
    x = graph.norm_and_pool(_inception(graph, graph.image(), 3, (1, 4, 4, 2)), 11, 2)
    x = graph.norm_and_pool(_inception(graph, x, 11, (2, 4, 4, 2)), 12, 2)
    return _last_half(graph, x, 12)


def _inception(graph: _Graph, x: str, inputs: int, widths: tuple[int, int, int, int]) -> str:
    """Figure 5: a 1x1 convolution beside three 1x1 that go on to 3x3 with dilation 1, 2 and 3."""
    parts = [graph.conv(x, inputs, widths[0], 1)]
    for dilation, width in enumerate(widths[1:], start=1):
        parts.append(graph.conv(graph.conv(x, inputs, width, 1), width, width, 3, dilation))
    return graph.join(parts)


def _last_half(graph: _Graph, x: str, width: int) -> str:
    x = graph.norm_and_pool(graph.conv(x, width, 16, 5), 16, 2)
    return graph.head(graph.norm_and_pool(graph.conv(x, 16, 16, 5), 16, 4))
