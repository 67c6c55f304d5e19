"""What TensorFlow Serving's REST and gRPC interfaces have in common: versions, and signatures of models."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from dfd.backends.model_server import Fault, ServedModel, ServerFault, Target, sole

SIGNATURE: Final = "serving_default"
"""Signature that is asked for where none is named."""

TOO_MANY: Final = re.compile(r"larger than maximum.*batch size", re.IGNORECASE)
"""Its words for a batch over ``max_batch_size`` of its batching parameters, which no answer tells beforehand."""

AVAILABLE: Final = "AVAILABLE"
"""State of a version that answers."""


def version_to_ask(states: Mapping[str, str], target: Target, where: str) -> str | None:
    """Version to name in requests; None leaves the choice to the server, which takes the newest that is available.

    Args:
        states: state by version, as the server tells them.
        target: what is wanted.
        where: the server in words.

    Raises:
        ServerFault: the version asked for is not available, or another than the manifest's would answer.
    """
    available = [version for version, state in states.items() if state == AVAILABLE]
    if target.version is not None:
        if target.version not in available:
            raise _not_there(states, target, where)
        return target.version
    if not available:
        raise _not_there(states, target, where)
    target.refuse_other(max(available, key=int), where)
    return None


def _not_there(states: Mapping[str, str], target: Target, where: str) -> ServerFault:
    """No such version now; one that is being loaded may be there in a moment."""
    told = ", ".join(f"{version} ({state})" for version, state in states.items()) or "no version"
    wanted = f"version {target.version}" if target.version is not None else "any version"
    coming = {"START", "LOADING"} & {state for version, state in states.items() if target.version in (None, version)}
    return ServerFault(
        Fault.AWAY if coming else Fault.UNKNOWN_MODEL,
        f"{where} knows model {target.name}, but does not have {wanted} of it available; it has {told}",
        again=bool(coming),
    )


def served_model(
    version: str | None,
    inputs: Mapping[str, Sequence[int] | None],
    outputs: Sequence[str],
    where: str,
) -> ServedModel:
    """What the signature of a model says.

    Args:
        version: to name in requests.
        inputs: shape by name, -1 for a free axis; None where the rank is not known.
        outputs: names.
        where: the server in words.

    Raises:
        ServerFault: the model has not one input and one output.
    """
    name = sole(list(inputs), "input", where)
    shape = inputs[name]
    return ServedModel(
        path_version=version,
        input_name=name,
        output_name=sole(list(outputs), "output", where),
        input_shape=None if shape is None else tuple(shape),
    )
