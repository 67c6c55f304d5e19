"""Sessions of ONNX Runtime: all policy for processors, threads and graphics cards, with its reason."""

import ctypes
import logging
from pathlib import Path
from typing import Any, Final, TypeAlias

import onnxruntime as ort
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

from dfd.device import Device
from dfd.errors import ConfigurationError

_LOG = logging.getLogger(__name__)

Session: TypeAlias = ort.InferenceSession

RUNTIME_ERRORS: Final = (
    ort_errors.EPFail,
    ort_errors.Fail,
    ort_errors.InvalidArgument,
    ort_errors.InvalidGraph,
    ort_errors.InvalidProtobuf,
    ort_errors.NoSuchFile,
    ort_errors.NotImplemented,
    ort_errors.RuntimeException,
)
"""ONNX Runtime's exceptions; they share no base of their own."""

_CPU: Final = "CPUExecutionProvider"
_CUDA: Final = "CUDAExecutionProvider"

_CUDA_OPTIONS: Final = {
    "use_tf32": "0",  # its 10 bits of mantissa move logits by more than the 1e-4 that backends may differ by
    "cudnn_conv_algo_search": "HEURISTIC",  # trying all algorithms takes seconds, again for each size of batch
    "arena_extend_strategy": "kSameAsRequested",  # else it doubles: a detector and a model share the card
}


def open_session(weights: Path, threads: int, device: Device = Device.CPU) -> Session:
    """Load a network.

    Args:
        weights: the ONNX file.
        threads: threads of one inference on the CPU; 0 leaves the choice to ONNX Runtime.
        device: where it is computed; `AUTO` is a CUDA card where this ONNX Runtime can use one, else the CPU.

    Raises:
        ConfigurationError: `device` is `CUDA`, which cannot be used here.
        one of `RUNTIME_ERRORS`: the file cannot be loaded.
    """
    options = _options(threads)
    if device is Device.CPU or not (missing := missing_for_cuda()):
        wanted: list[Any] = [_CPU] if device is Device.CPU else [(_CUDA, _CUDA_OPTIONS), _CPU]
        session = ort.InferenceSession(str(weights), options, providers=wanted)
        if device is Device.CPU or device_of(session) is Device.CUDA:
            return session
        # It falls back by itself, and says so on the standard error stream alone.
        missing = "CUDA does not start: its log says why; CUDA and cuDNN must have the versions that it was built for"
        if device is Device.AUTO:
            _LOG.warning("%s is computed on the CPU, though there is a graphics card: %s", weights.name, missing)
            return session
    if device is Device.CUDA:
        raise ConfigurationError(f"DEVICE is cuda, but {missing}")
    return ort.InferenceSession(str(weights), options, providers=[_CPU])


def device_of(session: Session) -> Device:
    """What a session computes on: `CUDA` or `CPU`."""
    return Device.CUDA if session.get_providers()[0] == _CUDA else Device.CPU


def missing_for_cuda() -> str:
    """What keeps ONNX Runtime from a graphics card; empty where it may be tried."""
    if _CUDA not in ort.get_available_providers():
        return "this ONNX Runtime has no CUDA (docs/serving.md says how to have it)"
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return "there is no driver of a CUDA graphics card (libcuda.so.1)"
    if hasattr(ort, "preload_dlls"):  # finds the libraries of NVIDIA's Python packages
        ort.preload_dlls()
    return ""


def runtime_version() -> str:
    """Version of ONNX Runtime, whichever of its packages is installed."""
    return str(ort.__version__)


def execution_providers() -> tuple[str, ...]:
    """What this ONNX Runtime can compute on, as it calls it: ``CPU``, ``CUDA``."""
    return tuple(name.removesuffix("ExecutionProvider") for name in ort.get_available_providers())


def _options(threads: int) -> ort.SessionOptions:
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL  # the networks in use are chains: nothing to overlap
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Idle workers that spin take the cores from the video decoder: with spinning a call costs twice the CPU time
    # (18 ms instead of 8 for BlazeFace on 2 threads) and is no faster beside other work.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3  # errors only: its warnings are about optimisations, not about the answer
    return options
