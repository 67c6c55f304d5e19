"""Tiny ONNX models, and registries that hold them, for tests that need a model which really runs."""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx
from onnx import TensorProto, helper
from tests.fakes import make_manifest

from dfd.backends.onnx_runtime import OnnxRuntimeBackend
from dfd.manifest import Layout, ModelManifest
from dfd.registry.parity import recorded
from dfd.settings import Settings

GAIN = 8.0
BIAS = -4.0


def write_mean_model(
    path: Path, manifest: ModelManifest, *, tail: str = "", column: bool = False, batch: str | int = "batch"
) -> Path:
    """Write a model that answers ``GAIN * mean + BIAS`` for each crop, so -4 for black and 4 for white in [0, 1].

    Args:
        path: where to.
        manifest: says the shape of the crops.
        tail: an ONNX operator put behind it, for example ``Sigmoid``.
        column: answer ``(N, 1)`` instead of ``(N,)``.
        batch: name, or fixed size, of the batch axis.
    """
    side, channels = manifest.input.size_px, 3 * manifest.input.frames
    crop = [side, side, channels] if manifest.input.layout is Layout.NHWC else [channels, side, side]
    nodes = [
        helper.make_node("ReduceMean", ["crops"], ["mean"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Mul", ["mean", "gain"], ["scaled"]),
        helper.make_node("Add", ["scaled", "bias"], ["logit"]),
        helper.make_node(tail or "Identity", ["logit"], ["answer"]),
        helper.make_node("Reshape", ["answer", "shape"], ["output"]),
    ]
    constants = [
        helper.make_tensor("gain", TensorProto.FLOAT, [], [GAIN]),
        helper.make_tensor("bias", TensorProto.FLOAT, [], [BIAS]),
        helper.make_tensor("shape", TensorProto.INT64, [2] if column else [1], [-1, 1] if column else [-1]),
    ]
    return save(path, nodes, constants, [batch, *crop], [None, 1] if column else [None])


def save(path: Path, nodes: list[Any], constants: list[Any], crops: list[Any], output: list[Any]) -> Path:
    """Write a graph from the input ``crops`` to ``output``, of the given shapes."""
    graph = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info("crops", TensorProto.FLOAT, crops)],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, output)],
        constants,
    )
    # An old IR version: each release of the onnx package writes one that older runtimes refuse.
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
    return path


SERVED = str(Settings.model_fields["model_version"].default)
"""Version that answers where nothing is said."""


def write_registry(root: Path, name: str = "deepfake", version: str = "1", **changes: Any) -> ModelManifest:
    """Put a mean model with a true manifest into a registry below `root`."""
    directory = root / name / version
    directory.mkdir(parents=True)
    manifest = make_manifest(name=name, version=version, **changes)
    weights = write_mean_model(directory / manifest.weights_file, manifest)
    manifest = make_manifest(
        name=name,
        version=version,
        files={manifest.weights_file: hashlib.sha256(weights.read_bytes()).hexdigest()},
        **changes,
    )
    manifest = replace(manifest, parity=recorded(OnnxRuntimeBackend(weights, manifest, 1), manifest.input))
    manifest.write(directory / "manifest.json")
    return manifest
