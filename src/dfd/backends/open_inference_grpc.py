"""The Open Inference Protocol over gRPC. Needs ``dfd[grpc]``."""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from google.protobuf.message import Message

from dfd.backends.grpc_calls import GrpcCalls, GrpcFault, Reply
from dfd.backends.messages import open_inference_pb2 as pb
from dfd.backends.model_server import Fault, ModelServer, ServedModel, ServerFault, Target, no_such_model
from dfd.backends.open_inference import TOO_MANY, UNKNOWN, no_such_version, served_model
from dfd.backends.tensors import FP32, from_numbers, from_raw
from dfd.types import FloatArray

SERVICE: Final = "/inference.GRPCInferenceService/"


class OpenInferenceGrpc(ModelServer):
    """One model of a server that speaks the protocol over gRPC."""

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
        """Metadata, and the largest batch where the server tells it."""
        version = self._target.version
        try:
            metadata = self._metadata(version, timeout_s)
        except ServerFault as fault:
            if fault.fault is Fault.UNKNOWN_MODEL and version is not None:
                raise self._no_version(fault, timeout_s) from fault
            raise
        return served_model(
            version,
            {tensor.name: (tensor.datatype, list(tensor.shape)) for tensor in metadata.inputs},
            [tensor.name for tensor in metadata.outputs],
            self._max_batch(version, timeout_s),
            self.where,
        )

    def infer(self, model: ServedModel, batch: FloatArray, timeout_s: float) -> npt.NDArray[np.floating]:
        """Send the crops as raw bytes."""
        request = pb.ModelInferRequest(
            model_name=self._target.name,
            model_version=model.path_version or "",
            inputs=[pb.ModelInferRequest.InferInputTensor(name=model.input_name, datatype=FP32, shape=batch.shape)],
            raw_input_contents=[batch.astype("<f4", copy=False).tobytes()],
        )
        if model.output_name is not None:
            request.outputs.add(name=model.output_name)
        answer = self._call("ModelInfer", request, pb.ModelInferResponse, timeout_s)
        if answer.model_version:
            self._target.refuse_other(answer.model_version, self.where)
        if len(answer.outputs) != 1:
            names = [output.name for output in answer.outputs]
            raise ServerFault(Fault.GARBAGE, f"{self.where} answered the outputs {names} instead of one")
        [output] = answer.outputs
        if answer.raw_output_contents:
            return from_raw(answer.raw_output_contents[0], output.datatype, list(output.shape), self.where)
        listed = output.contents.fp64_contents if output.datatype == "FP64" else output.contents.fp32_contents
        return from_numbers(list(listed), list(output.shape), self.where)

    def status(self, timeout_s: float) -> dict[str, Any]:
        """``{"name", "ready"}``."""
        request = pb.ModelReadyRequest(name=self._target.name, version=self._target.version or "")
        try:
            answer = self._call("ModelReady", request, pb.ModelReadyResponse, timeout_s)
        except ServerFault as fault:
            if fault.fault is not Fault.UNKNOWN_MODEL:
                raise
            return {"name": self._target.name, "ready": False}
        return {"name": self._target.name, "ready": answer.ready}

    def close(self) -> None:
        """Close the channel."""
        self._calls.close()

    def _metadata(self, version: str | None, timeout_s: float) -> pb.ModelMetadataResponse:
        request = pb.ModelMetadataRequest(name=self._target.name, version=version or "")
        return self._call("ModelMetadata", request, pb.ModelMetadataResponse, timeout_s)

    def _max_batch(self, version: str | None, timeout_s: float) -> int | None:
        """Triton's limit; other servers have no such method, or answer nothing in it."""
        request = pb.ModelConfigRequest(name=self._target.name, version=version or "")
        try:
            answer = self._calls.call(f"{SERVICE}ModelConfig", request, pb.ModelConfigResponse, timeout_s)
        except ServerFault as fault:
            if fault.again:
                raise
            return None
        return answer.config.max_batch_size or None

    def _no_version(self, fault: ServerFault, timeout_s: float) -> ServerFault:
        """Is it the name that the server does not know, or the version?"""
        try:
            return no_such_version(self._target, self._metadata(None, timeout_s).versions, self.where)
        except ServerFault:
            return fault

    def _call(self, method: str, request: Message, reply: Callable[[], Reply], timeout_s: float) -> Reply:
        """Call a method; the server's words tell what its status leaves open."""
        try:
            return self._calls.call(SERVICE + method, request, reply, timeout_s)
        except GrpcFault as fault:
            if TOO_MANY.search(fault.told):
                raise ServerFault(Fault.TOO_LARGE, str(fault)) from fault
            if fault.fault is Fault.UNKNOWN_MODEL or UNKNOWN.search(fault.told):
                raise no_such_model(self._target, self.where, fault.told) from fault
            raise
