"""The embedded backend: ONNX Runtime in this process, on the CPU or on a CUDA card."""

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from dfd.backends.answers import as_logits, check_batch, label, one_number_each
from dfd.device import Device
from dfd.errors import BackendUnavailable, DfdError, ModelCorrupt
from dfd.manifest import ModelManifest
from dfd.onnx_sessions import RUNTIME_ERRORS, device_of, open_session
from dfd.ports import ModelBackend
from dfd.processors import available_cpus
from dfd.types import FloatArray


@dataclass(frozen=True, slots=True)
class Tensors:
    """What a model calls its input and output, for configurations of model servers.

    Attributes:
        input_name: of the one input.
        output_name: of the output that is read.
        output_is_column: whether it is ``(N, 1)`` rather than ``(N,)``.
    """

    input_name: str
    output_name: str
    output_is_column: bool


class OnnxRuntimeBackend(ModelBackend):
    """Scores crops with ONNX Runtime. One session serves all threads."""

    def __init__(
        self,
        weights: Path,
        manifest: ModelManifest,
        threads: int = 0,
        device: Device = Device.CPU,
        call_threads: int = 1,
        piece_crops: int = 2,
    ) -> None:
        """Load the weights.

        Args:
            weights: the ONNX file.
            manifest: says how the model is fed and what it emits.
            threads: on the CPU, for all pieces of a batch together; 0: one for each processor that may be used.
            device: where it is computed.
            call_threads: those of one piece; see `dfd.tuning.Tuning`.
            piece_crops: most crops of one piece on the CPU; likewise.

        Raises:
            ModelCorrupt: the file is no model that ONNX Runtime can run, or its input is not what the manifest says.
            ConfigurationError: `device` cannot be used here.
        """
        if threads < 0 or call_threads < 1 or piece_crops < 1:
            raise ValueError(f"no threads or crops: {threads}, {call_threads}, {piece_crops}")
        self._manifest = manifest
        self._crop_shape = manifest.input.tensor_shape
        try:
            self._session = open_session(weights, call_threads, device)
        except RUNTIME_ERRORS as error:
            raise ModelCorrupt(f"ONNX Runtime cannot load {weights}: {_first_line(error)}") from error
        self._input_name = _checked_input(self._session, self._crop_shape, weights)
        on_card = self.device is Device.CUDA
        self._piece = manifest.max_batch if on_card else min(manifest.max_batch, piece_crops)
        self._threads = 1 if on_card else max(1, (threads or available_cpus()) // call_threads)
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="dfd-onnx")

    @property
    def name(self) -> str:
        """``onnx``."""
        return "onnx"

    @property
    def device(self) -> Device:
        """Where it is computed: `Device.CUDA` or `Device.CPU`."""
        return device_of(self._session)

    @property
    def tensors(self) -> Tensors:
        """What the model calls its input and output."""
        output = self._session.get_outputs()[0]
        return Tensors(self._input_name, str(output.name), len(output.shape) > 1)

    def predict(self, batch: FloatArray) -> npt.NDArray[np.float32]:
        """Score a batch, in pieces of at most the manifest's ``max_batch``, and smaller on the CPU; see the port.

        Raises:
            ValueError: `batch` is not what the manifest says, which is the caller's mistake.
            BackendUnavailable: the model fails, or answers the wrong shape or non-finite numbers.
        """
        check_batch(batch, self._manifest)
        pieces = self._pieces(batch)
        scored = list(self._pool.map(self._run, pieces)) if len(pieces) > 1 else [self._run(piece) for piece in pieces]
        outputs = np.concatenate(scored) if scored else np.empty(0, np.float32)
        return as_logits(outputs, self._manifest.output)

    def ready(self) -> bool:
        """Whether a blank crop gets an answer."""
        try:
            self.predict(np.zeros((1, *self._crop_shape), np.float32))
        except DfdError:
            return False
        return True

    def _pieces(self, batch: FloatArray) -> list[FloatArray]:
        """Parts of a batch that keep all threads busy to the end: as many of one size as go round."""
        rounds = math.ceil(len(batch) / (self._piece * self._threads))
        count = min(len(batch), rounds * self._threads)
        return np.array_split(batch, count) if count else []

    def _run(self, piece: FloatArray) -> npt.NDArray[np.float32]:
        try:
            answer = np.asarray(self._session.run(None, {self._input_name: piece})[0])
        except RUNTIME_ERRORS as error:
            raise BackendUnavailable(f"{label(self._manifest)} failed: {_first_line(error)}") from error
        return one_number_each(answer, len(piece), label(self._manifest))


def _checked_input(session: ort.InferenceSession, crop_shape: tuple[int, int, int], weights: Path) -> str:
    """Name of the model's one input.

    Raises:
        ModelCorrupt: the model cannot take batches of any size of the crops that the manifest promises.
    """
    inputs = session.get_inputs()
    if len(inputs) != 1 or inputs[0].type != "tensor(float)" or len(inputs[0].shape) != 4:
        raise ModelCorrupt(f"{weights} must have one float32 input of rank 4")
    batch_axis, *axes = inputs[0].shape
    if isinstance(batch_axis, int):
        raise ModelCorrupt(f"{weights} takes batches of {batch_axis} only; export it with a free batch axis")
    if any(isinstance(axis, int) and axis != side for axis, side in zip(axes, crop_shape, strict=True)):
        raise ModelCorrupt(
            f"{weights} takes crops of {axes}, but its manifest says {list(crop_shape)}: "
            "size_px, layout or frames of its input is wrong"
        )
    return str(inputs[0].name)


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
