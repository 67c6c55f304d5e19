"""Numbers as they come from model servers."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from dfd.backends.model_server import Fault, ServerFault

FP32: Final = "FP32"
"""float32 in the words of the Open Inference Protocol."""

_DTYPES: Final[Mapping[str, npt.DTypeLike]] = {"FP16": "<f2", FP32: "<f4", "FP64": "<f8"}
"""Kinds of numbers that a model may emit; raw bytes come in little-endian order."""


def from_raw(raw: bytes | memoryview, datatype: str, shape: Sequence[int], where: str) -> npt.NDArray[np.floating]:
    """Numbers from the bytes in which they came.

    Raises:
        ServerFault: there are more or fewer bytes than the shape needs, or these are no floating-point numbers.
    """
    if datatype not in _DTYPES:
        raise ServerFault(Fault.GARBAGE, f"{where} answered numbers of the kind {datatype}")
    dtype = np.dtype(_DTYPES[datatype])
    expected_bytes = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    if min(shape, default=0) < 0 or expected_bytes != len(raw):
        raise ServerFault(Fault.GARBAGE, f"{where} answered {len(raw)} bytes for the shape {list(shape)} of {datatype}")
    numbers: npt.NDArray[np.floating] = np.frombuffer(raw, dtype).reshape(shape)
    return numbers


def from_numbers(data: object, shape: Sequence[int], where: str) -> npt.NDArray[np.floating]:
    """Numbers that came as a list, flat or nested.

    Raises:
        ServerFault: these are no numbers, or not as many as the shape needs.
    """
    try:
        return np.array(data, np.float64).reshape(shape)
    except (TypeError, ValueError) as error:
        raise ServerFault(Fault.GARBAGE, f"{where} answered no numbers of the shape {list(shape)}") from error
