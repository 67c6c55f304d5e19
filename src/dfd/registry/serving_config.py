"""Configurations of model servers that serve versions of a registry."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from dfd.errors import InvalidParameter, ModelCorrupt
from dfd.manifest import ModelManifest
from dfd.ports.registry import RegisteredModel

TF_SERVING_NAME: Final = "models.config"
SAVED_MODEL: Final = "saved_model.pb"

LABELS_FLAG: Final = "--allow_version_labels_for_unavailable_models"
"""Without it TensorFlow Serving ends at its start where a version has a label: none is loaded yet
(https://github.com/tensorflow/serving/issues/1608)."""

_PYTHON_MODEL: Final = Path(__file__).parent / "triton" / "model.py"
_WEIGHTS: Final = "model.onnx"
"""What both of Triton's backends find a version's weights by."""


class TritonBackend(StrEnum):
    """What runs the model inside Triton."""

    ONNX_RUNTIME = "onnxruntime"
    PYTHON = "python"
    """A script that calls ONNX Runtime, for servers built without that backend."""


@dataclass(frozen=True, slots=True)
class TritonVersion:
    """A version for Triton.

    Attributes:
        model: its files.
        input_name: name of the ONNX file's input.
        output_name: of its output.
        output_is_column: whether that is ``(N, 1)`` rather than ``(N,)``.
    """

    model: RegisteredModel
    input_name: str
    output_name: str
    output_is_column: bool

    @property
    def form(self) -> tuple[object, ...]:
        """What Triton takes to be the same for all versions of a name."""
        return (self.model.manifest.input.tensor_shape, self.input_name, self.output_name, self.output_is_column)


def tf_serving_config(models: Sequence[RegisteredModel], labels: Mapping[str, str], base_path: str) -> str:
    """The text of TensorFlow Serving's ``--model_config_file``; where there are labels, the server needs `LABELS_FLAG`.

    Args:
        models: versions of one name, each with a SavedModel.
        labels: versions by their alias.
        base_path: where the server finds the folder of models.

    Raises:
        ModelCorrupt: a version has no SavedModel.
    """
    for model in models:
        if SAVED_MODEL not in model.manifest.files:
            raise ModelCorrupt(
                f"{model.manifest.name}/{model.manifest.version} has no {SAVED_MODEL}, which TensorFlow Serving needs"
            )
    name = models[0].manifest.name
    versions = " ".join(f"versions: {model.manifest.version}" for model in models)
    labelled = "".join(
        f'    version_labels {{ key: "{alias}" value: {version} }}\n' for alias, version in labels.items()
    )
    needs = f"# start tensorflow_model_server with {LABELS_FLAG}\n" if labels else ""
    return (
        f"{needs}model_config_list {{\n"
        "  config {\n"
        f'    name: "{name}"\n'
        f'    base_path: "{base_path.rstrip("/")}/{name}"\n'
        '    model_platform: "tensorflow"\n'
        f"    model_version_policy {{ specific {{ {versions} }} }}\n"
        f"{labelled}"
        "  }\n"
        "}\n"
    )


def triton_config(versions: Sequence[TritonVersion], backend: TritonBackend) -> str:
    """The text of ``config.pbtxt`` for versions of one form."""
    first = versions[0]
    manifest = first.model.manifest
    crop = ", ".join(map(str, manifest.input.tensor_shape))
    # Triton has no tensors of rank 0: what ONNX calls (N,) is one number that is reshaped to none.
    column = first.output_is_column or backend is TritonBackend.PYTHON
    output = "dims: [ 1 ]" if column else "dims: [ 1 ] reshape { shape: [ ] }"
    numbers = ", ".join(version.model.manifest.version for version in versions)
    place = "instance_group [ { kind: KIND_CPU count: 1 } ]\n" if backend is TritonBackend.PYTHON else ""
    return (
        f'name: "{manifest.name}"\n'
        f'backend: "{backend.value}"\n'
        f"max_batch_size: {min(version.model.manifest.max_batch for version in versions)}\n"
        f'input [ {{ name: "{first.input_name}" data_type: TYPE_FP32 dims: [ {crop} ] }} ]\n'
        f'output [ {{ name: "{first.output_name}" data_type: TYPE_FP32 {output} }} ]\n'
        f"{place}"
        f"version_policy {{ specific {{ versions: [ {numbers} ] }} }}\n"
        "dynamic_batching { }\n"
    )


def of_one_form(versions: Sequence[TritonVersion]) -> tuple[list[TritonVersion], list[ModelManifest]]:
    """The versions of the form of the first, and the manifests of the others, which Triton cannot hold beside them."""
    kept = [version for version in versions if version.form == versions[0].form]
    return kept, [version.model.manifest for version in versions if version.form != versions[0].form]


def write_triton(out: Path, versions: Sequence[TritonVersion], backend: TritonBackend) -> Path:
    """Write a model into Triton's repository `out`: its configuration and its versions, weights copied.

    Returns:
        the model's folder.

    Raises:
        InvalidParameter: the repository has a model of this name already.
        OSError: it cannot be written.
    """
    folder = out / versions[0].model.manifest.name
    if folder.exists():
        raise InvalidParameter(f"{folder} is there already: delete it, or name another folder")
    folder.mkdir(parents=True)
    for version in versions:
        place = folder / version.model.manifest.version
        place.mkdir()
        shutil.copyfile(version.model.weights_path, place / _WEIGHTS)
        if backend is TritonBackend.PYTHON:
            shutil.copyfile(_PYTHON_MODEL, place / "model.py")
    (folder / "config.pbtxt").write_text(triton_config(versions, backend), encoding="utf-8")
    return folder
