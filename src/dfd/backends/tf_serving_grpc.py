"""TensorFlow Serving's gRPC interface: Predict, GetModelMetadata and GetModelStatus. Needs ``dfd[grpc]``."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from google.protobuf.message import DecodeError

from dfd.backends.grpc_calls import GrpcCalls, GrpcFault
from dfd.backends.messages import tf_serving_pb2 as pb
from dfd.backends.model_server import Fault, ModelServer, ServedModel, ServerFault, Target, no_such_model
from dfd.backends.tensors import from_numbers, from_raw
from dfd.backends.tf_serving import SIGNATURE, TOO_MANY, served_model, version_to_ask
from dfd.types import FloatArray

PREDICT: Final = "/tensorflow.serving.PredictionService/Predict"
METADATA: Final = "/tensorflow.serving.PredictionService/GetModelMetadata"
STATUS: Final = "/tensorflow.serving.ModelService/GetModelStatus"

_KINDS: Final = {pb.DT_FLOAT: "FP32", pb.DT_DOUBLE: "FP64"}


class TfServingGrpc(ModelServer):
    """One model of a server that speaks TensorFlow Serving's gRPC interface."""

    def __init__(self, url: str, target: Target) -> None:
        """Prepare; nothing is sent yet.

        Args:
            url: ``grpc`` or ``grpcs`` address of the server.
            target: the model.
        """
        self._calls = GrpcCalls(url)
        self._target = target

    @property
    def where(self) -> str:
        """The server by its address."""
        return self._calls.where

    def describe(self, timeout_s: float) -> ServedModel:
        """State, then the signature, which gives the names that a request needs."""
        states = {
            str(entry.version): pb.ModelVersionStatus.State.Name(entry.state)
            for entry in self._status(timeout_s).model_version_status
        }
        version = version_to_ask(states, self._target, self.where)
        request = pb.GetModelMetadataRequest(model_spec=self._spec(version), metadata_field=["signature_def"])
        answer = self._calls.call(METADATA, request, pb.GetModelMetadataResponse, timeout_s)
        signatures = pb.SignatureDefMap()
        try:  # packed by a server under the message's full name there, so `Unpack` would refuse it
            signatures.ParseFromString(answer.metadata["signature_def"].value)
        except DecodeError as error:
            raise ServerFault(Fault.GARBAGE, f"{self.where} answered no metadata of a model") from error
        if SIGNATURE not in signatures.signature_def:
            raise ServerFault(Fault.MISMATCH, f"the model of {self.where} has no signature {SIGNATURE}")
        signature = signatures.signature_def[SIGNATURE]
        inputs = {name: _shape(info, name, self.where) for name, info in signature.inputs.items()}
        return served_model(version, inputs, list(signature.outputs), self.where)

    def infer(self, model: ServedModel, batch: FloatArray, timeout_s: float) -> npt.NDArray[np.floating]:
        """Send the crops as raw bytes."""
        shape = pb.TensorShapeProto(dim=[pb.TensorShapeProto.Dim(size=side) for side in batch.shape])
        content = batch.astype("<f4", copy=False).tobytes()
        tensor = pb.TensorProto(dtype=pb.DT_FLOAT, tensor_shape=shape, tensor_content=content)
        request = pb.PredictRequest(
            model_spec=self._spec(model.path_version),
            inputs={model.input_name or "": tensor},
            output_filter=[model.output_name or ""],
        )
        try:
            answer = self._calls.call(PREDICT, request, pb.PredictResponse, timeout_s)
        except GrpcFault as fault:
            if TOO_MANY.search(fault.told):
                raise ServerFault(Fault.TOO_LARGE, str(fault)) from fault
            raise
        if answer.model_spec.HasField("version"):
            self._target.refuse_other(str(answer.model_spec.version.value), self.where)
        if len(answer.outputs) != 1:
            raise ServerFault(Fault.GARBAGE, f"{self.where} answered the outputs {list(answer.outputs)} instead of one")
        return _numbers(next(iter(answer.outputs.values())), self.where)

    def status(self, timeout_s: float) -> dict[str, Any]:
        """The versions and their states, in the words of the REST interface."""
        return {
            "model_version_status": [
                {
                    "version": str(entry.version),
                    "state": pb.ModelVersionStatus.State.Name(entry.state),
                    "status": {"error_code": entry.status.error_code, "error_message": entry.status.error_message},
                }
                for entry in self._status(timeout_s).model_version_status
            ]
        }

    def close(self) -> None:
        """Close the channel."""
        self._calls.close()

    def _status(self, timeout_s: float) -> pb.GetModelStatusResponse:
        request = pb.GetModelStatusRequest(model_spec=self._spec(None))
        try:
            return self._calls.call(STATUS, request, pb.GetModelStatusResponse, timeout_s)
        except GrpcFault as fault:
            if fault.fault is Fault.UNKNOWN_MODEL:
                raise no_such_model(self._target, self.where, fault.told) from fault
            raise

    def _spec(self, version: str | None) -> pb.ModelSpec:
        spec = pb.ModelSpec(name=self._target.name)
        if version is not None:
            spec.version.value = int(version)
        return spec


def _shape(info: pb.TensorInfo, name: str, where: str) -> list[int] | None:
    if info.dtype != pb.DT_FLOAT:
        raise ServerFault(Fault.MISMATCH, f"input {name} of {where} is of the kind {info.dtype} instead of DT_FLOAT")
    return None if info.tensor_shape.unknown_rank else [axis.size for axis in info.tensor_shape.dim]


def _numbers(tensor: pb.TensorProto, where: str) -> npt.NDArray[np.floating]:
    """The numbers of a tensor: raw, or listed.

    Raises:
        ServerFault: they are not as many as its shape needs, or no floating-point numbers.
    """
    shape = [axis.size for axis in tensor.tensor_shape.dim]
    if tensor.dtype not in _KINDS:
        raise ServerFault(Fault.GARBAGE, f"{where} answered numbers of the kind {tensor.dtype}")
    if tensor.tensor_content:
        return from_raw(tensor.tensor_content, _KINDS[tensor.dtype], shape, where)
    listed = tensor.float_val if tensor.dtype == pb.DT_FLOAT else tensor.double_val
    count = int(np.prod(shape, dtype=np.int64))
    if len(listed) == 1 < count:  # equal numbers may be listed once
        return np.full(shape, listed[0])
    return from_numbers(list(listed), shape, where)
