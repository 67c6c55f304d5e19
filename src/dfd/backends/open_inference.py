"""What the HTTP and gRPC forms of the Open Inference Protocol (version 2) have in common.

See https://github.com/kserve/open-inference-protocol. Triton, KServe, OpenVINO Model Server and others speak it.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from dfd.backends.model_server import Fault, ServedModel, ServerFault, Target, sole
from dfd.backends.tensors import FP32

UNKNOWN: Final = re.compile(r"unknown model|not found|does not exist|no available versions", re.IGNORECASE)
"""Triton's and KServe's words for a model that they do not have; the status beside them depends on the release."""

TOO_MANY: Final = re.compile(r"batch.size must be", re.IGNORECASE)
"""Triton's words for a batch over ``max_batch_size``, where that was changed after it was asked for."""

INPUT_NAME: Final = "image"
"""Input of the models that DFD exports; sent to servers that do not say what theirs is called, as KServe may not."""


def served_model(
    version: str | None,
    inputs: Mapping[str, tuple[str, Sequence[int]]],
    outputs: Sequence[str],
    max_batch: int | None,
    where: str,
) -> ServedModel:
    """What a model's metadata says.

    Args:
        version: to name in requests.
        inputs: kind of number and shape by name; empty where the server says nothing.
        outputs: names; empty likewise.
        max_batch: most crops of one request; None where it is not known.
        where: the server in words.

    Raises:
        ServerFault: the model has not one input of float32 and one output.
    """
    if not inputs and not outputs:
        return ServedModel(path_version=version, input_name=INPUT_NAME, max_batch=max_batch)
    name = sole(list(inputs), "input", where)
    datatype, shape = inputs[name]
    if datatype != FP32:
        raise ServerFault(Fault.MISMATCH, f"input {name} of {where} is {datatype} instead of {FP32}")
    return ServedModel(version, name, sole(list(outputs), "output", where), tuple(shape), max_batch)


def no_such_version(target: Target, held: Iterable[object], where: str) -> ServerFault:
    """The server knows the name, but not the version."""
    found = ", ".join(map(str, held)) or "others"
    return ServerFault(
        Fault.UNKNOWN_MODEL,
        f"{where} has no version {target.version} of model {target.name} (MODEL_VERSION); it has {found}",
    )
