"""A RetinaFace that sees the faces it was told of: its three outputs are written into the file."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from dfd.faces.retinaface import Level, anchors

NO_FACE = -6.0


@dataclass(frozen=True)
class Seen:
    """A face: its box in pixels of the input, five points, and the logit of being one."""

    box: tuple[float, float, float, float]
    points: tuple[tuple[float, float], ...]
    logit: float = 4.0


def write_retinaface(
    path: Path, levels: Sequence[Level], size: tuple[int, int], faces: Sequence[Seen], *, softmaxed: bool = True
) -> Path:
    """Write the file, for an input of `size` (height, width). Each face is told by the anchor nearest to it.

    As the SSD paper has it, centres are encoded by the anchor's side and 0.1, sizes by their logarithm and 0.2.
    """
    placed = anchors(levels, *size).astype(np.float64)
    boxes, points = np.zeros((len(placed), 4)), np.zeros((len(placed), 10))
    logits = np.full(len(placed), NO_FACE)
    for face in faces:
        x1, y1, x2, y2 = face.box
        centre, sides = np.array([(x1 + x2) / 2, (y1 + y2) / 2]), np.array([x2 - x1, y2 - y1])
        away = np.hypot(*(placed[:, :2] - centre).T) / placed[:, 2] + np.abs(np.log(placed[:, 2] / sides.mean()))
        best = int(np.argmin(away))
        x, y, side = placed[best]
        boxes[best] = [*((centre - (x, y)) / (0.1 * side)), *(np.log(sides / side) / 0.2)]
        points[best] = ((np.array(face.points) - (x, y)) / (0.1 * side)).ravel()
        logits[best] = face.logit
    classes = np.stack([np.zeros_like(logits), logits], axis=1)
    if softmaxed:
        classes = np.exp(classes) / np.exp(classes).sum(axis=1, keepdims=True)
    return _save(path, size, {"classes": classes, "points": points, "boxes": boxes})


def _save(path: Path, size: tuple[int, int], outputs: dict[str, np.ndarray]) -> Path:
    nodes, constants = [helper.make_node("ReduceSum", ["picture"], ["sum"], keepdims=0)], []
    nodes.append(helper.make_node("Mul", ["sum", "zero"], ["nothing"]))
    constants.append(numpy_helper.from_array(np.zeros((), np.float32), "zero"))
    for name, values in outputs.items():
        constants.append(numpy_helper.from_array(values[None].astype(np.float32), f"{name}_values"))
        nodes.append(helper.make_node("Add", [f"{name}_values", "nothing"], [name]))
    graph = helper.make_graph(
        nodes,
        "retinaface",
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, [1, 3, *size])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        constants,
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    return path
