"""A model server that does what a test tells it: TensorFlow Serving's and the Open Inference Protocol, HTTP and gRPC.

It answers ``GAIN * mean + BIAS`` for each crop, and its answers are shaped as the protocols' documents show them. What
real servers answer is tested with `tests.model_servers`; this one breaks in ways that those cannot be made to.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc
import numpy as np
from tests.fakes import make_manifest
from tests.onnx_models import BIAS, GAIN

from dfd.backends.messages import open_inference_pb2 as oip
from dfd.backends.messages import tf_serving_pb2 as tfs
from dfd.backends.tf_serving_grpc import METADATA, PREDICT, STATUS
from dfd.manifest import ModelManifest
from dfd.types import FloatArray

HEAD_LENGTH = "Inference-Header-Content-Length"


class Refusal(Exception):
    """What the server answers in place of scores: an HTTP status, the gRPC code beside it, and words."""

    def __init__(self, status: int, code: grpc.StatusCode, words: str = "told to") -> None:
        super().__init__(words)
        self.status = status
        self.code = code
        self.words = words


UNAVAILABLE = Refusal(503, grpc.StatusCode.UNAVAILABLE)
FAILED = Refusal(500, grpc.StatusCode.INTERNAL)


@dataclass
class Script:
    """What the server has, and how it behaves.

    Attributes:
        manifest: of the model; its name and input are what the server tells.
        versions: state by version.
        score: from a batch to what is answered, in any shape.
        refuse: refusals of the next requests for scores, in order.
        delay_s: before each answer to a request for scores.
        garbage: answer requests for scores with bytes that mean nothing.
        binary: whether raw bytes are understood over HTTP.
        max_batch: what Triton's configuration says; 0 says nothing.
        takes: most crops of one request; more are refused in the server's words.
        requests: every request: path or method, and the crops in it.
        connections: how many were made over HTTP.
        input_shape: what the server tells of its input; None is that of the manifest.
        inputs: names of its inputs.
        heard: told the ``traceparent`` of each request; empty where there was none.
    """

    manifest: ModelManifest = field(default_factory=make_manifest)
    versions: dict[str, str] = field(default_factory=lambda: {"1": "AVAILABLE"})
    score: Callable[[FloatArray], FloatArray] = lambda batch: GAIN * batch.mean(axis=(1, 2, 3))[:, None] + BIAS
    refuse: list[Refusal] = field(default_factory=list)
    delay_s: float = 0.0
    garbage: bool = False
    binary: bool = True
    max_batch: int = 0
    takes: int = 1000
    requests: list[tuple[str, int]] = field(default_factory=list)
    connections: int = 0
    input_shape: list[int] | None = None
    inputs: tuple[str, ...] = ("image",)
    heard: Callable[[str], None] = lambda _traceparent: None

    @property
    def shape(self) -> list[int]:
        return [-1, *self.manifest.input.tensor_shape] if self.input_shape is None else self.input_shape

    def scores(self, method: str, batch: FloatArray) -> FloatArray:
        self.requests.append((method, len(batch)))
        time.sleep(self.delay_s)
        if self.refuse:
            raise self.refuse.pop(0)
        if len(batch) > self.takes:
            words = f"Task size {len(batch)} is larger than maximum input batch size {self.takes}"
            oip_words = f"inference request batch-size must be <= {self.takes}"
            raise Refusal(400, grpc.StatusCode.INVALID_ARGUMENT, words if method.startswith("/v1") else oip_words)
        return np.asarray(self.score(batch), np.float32)

    def find(self, name: str, version: str) -> str:
        """The version that answers."""
        if name != self.manifest.name:
            raise Refusal(404, grpc.StatusCode.NOT_FOUND, f"Servable not found for request: Latest({name})")
        available = [number for number, state in self.versions.items() if state == "AVAILABLE"]
        if (version or (available[-1] if available else None)) not in available:
            words = f"Servable not found for request: Specific({name}, {version})"
            raise Refusal(404, grpc.StatusCode.NOT_FOUND, words)
        return version or available[-1]


class _Http(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    script: Script

    def setup(self) -> None:
        super().setup()
        self.script.connections += 1

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in the base class
        """Keep quiet."""

    def do_GET(self) -> None:
        self._answer(self._got)

    def do_POST(self) -> None:
        self._answer(self._posted)

    def _answer(self, make: Callable[[], tuple[dict[str, str], bytes]]) -> None:
        self.script.heard(self.headers.get("traceparent", ""))
        try:
            headers, body = make()
            status = 200
        except Refusal as refusal:
            status, headers, body = refusal.status, {}, json.dumps({"error": refusal.words}).encode()
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _asked(self) -> tuple[str, str, str, str]:
        """Protocol, model, version and what is wanted of it."""
        parts = self.path.removesuffix(":predict").strip("/").split("/")
        version = parts[4] if len(parts) > 4 and parts[3] == "versions" else ""
        rest = parts[5:] if version else parts[3:]
        return parts[0], parts[2], version, "/".join(rest)

    def _got(self) -> tuple[dict[str, str], bytes]:
        protocol, name, version, wanted = self._asked()
        if protocol == "v1" and not wanted and name == self.script.manifest.name:
            states = [
                {"version": number, "state": state, "status": {"error_code": "OK", "error_message": ""}}
                for number, state in self.script.versions.items()
            ]
            return {}, json.dumps({"model_version_status": states}).encode()
        version = self.script.find(name, version)
        return {}, json.dumps(_metadata(self.script, protocol, wanted, version)).encode()

    def _posted(self) -> tuple[dict[str, str], bytes]:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        protocol, name, version, _ = self._asked()
        version = self.script.find(name, version)
        if protocol == "v1":
            scores = self.script.scores(self.path, np.array(json.loads(body)["instances"], np.float32))
            answer = json.dumps({"predictions": scores.tolist()}).encode()
            return {}, b"<html>" if self.script.garbage else answer
        length = self.headers[HEAD_LENGTH]
        if length is not None and not self.script.binary:
            raise Refusal(400, grpc.StatusCode.INVALID_ARGUMENT, "not JSON")
        head = json.loads(body[: int(length)] if length else body)
        tensor = head["inputs"][0]
        data = np.frombuffer(body[int(length) :], "<f4") if length else np.array(tensor["data"], np.float32)
        scores = self.script.scores(self.path, data.reshape(tensor["shape"]))
        output: dict[str, Any] = {"name": "fake_logit", "datatype": "FP32", "shape": list(scores.shape)}
        answer_head = {"model_name": name, "model_version": version, "outputs": [output]}
        if not length:
            output["data"] = scores.ravel().tolist()
            return {}, b"[1, 2" if self.script.garbage else json.dumps(answer_head).encode()
        output["parameters"] = {"binary_data_size": scores.nbytes}
        text = json.dumps(answer_head).encode()
        raw = b"xyz" if self.script.garbage else scores.astype("<f4").tobytes()
        return {HEAD_LENGTH: str(len(text))}, text + raw


def _metadata(script: Script, protocol: str, wanted: str, version: str) -> dict[str, Any]:
    if protocol == "v1":
        dims = [{"size": str(side), "name": ""} for side in script.shape]
        tensor = {"dtype": "DT_FLOAT", "tensor_shape": {"dim": dims, "unknown_rank": False}, "name": "serving_image:0"}
        signature = {
            "inputs": dict.fromkeys(script.inputs, tensor),
            "outputs": {"fake_logit": tensor},
            "method_name": "",
        }
        return {
            "model_spec": {"name": script.manifest.name, "signature_name": "", "version": version},
            "metadata": {"signature_def": {"signature_def": {"serving_default": signature}}},
        }
    if wanted == "config":
        if not script.max_batch:
            raise Refusal(404, grpc.StatusCode.UNIMPLEMENTED, "no such route")
        return {"name": script.manifest.name, "max_batch_size": script.max_batch}
    return {
        "name": script.manifest.name,
        "versions": list(script.versions),
        "platform": "scripted",
        "inputs": [{"name": name, "datatype": "FP32", "shape": script.shape} for name in script.inputs],
        "outputs": [{"name": "fake_logit", "datatype": "FP32", "shape": [-1, 1]}],
    }


class _Grpc(grpc.GenericRpcHandler):
    """Every method by its path; the messages are taken and given as bytes."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._methods: dict[str, Callable[[bytes], Any]] = {
            STATUS: self._tf_status,
            METADATA: self._tf_metadata,
            PREDICT: self._tf_predict,
            "/inference.GRPCInferenceService/ModelReady": self._oip_ready,
            "/inference.GRPCInferenceService/ModelMetadata": self._oip_metadata,
            "/inference.GRPCInferenceService/ModelConfig": self._oip_config,
            "/inference.GRPCInferenceService/ModelInfer": self._oip_infer,
        }

    def service(self, call: Any) -> Any:
        method = self._methods.get(call.method)
        if method is None:
            return None

        metadata = dict(call.invocation_metadata)

        def answer(request: bytes, context: grpc.ServicerContext) -> bytes:
            self._script.heard(str(metadata.get("traceparent", "")))
            try:
                reply = method(request)
            except Refusal as refusal:
                context.abort(refusal.code, refusal.words)
            scoring = call.method.endswith(("Predict", "ModelInfer"))
            if self._script.garbage and scoring:
                return b"\xff\xff\xff"
            message: bytes = reply.SerializeToString()
            return message

        return grpc.unary_unary_rpc_method_handler(answer)

    def _tf_status(self, raw: bytes) -> tfs.GetModelStatusResponse:
        name = tfs.GetModelStatusRequest.FromString(raw).model_spec.name
        if name != self._script.manifest.name:
            raise Refusal(404, grpc.StatusCode.NOT_FOUND, f"Could not find any versions of model {name}")
        return tfs.GetModelStatusResponse(
            model_version_status=[
                tfs.ModelVersionStatus(version=int(number), state=state)
                for number, state in self._script.versions.items()
            ]
        )

    def _tf_version(self, spec: tfs.ModelSpec) -> int:
        asked = str(spec.version.value) if spec.HasField("version") else ""
        return int(self._script.find(spec.name, asked))

    def _tf_metadata(self, raw: bytes) -> tfs.GetModelMetadataResponse:
        self._tf_version(tfs.GetModelMetadataRequest.FromString(raw).model_spec)
        shape = tfs.TensorShapeProto(dim=[tfs.TensorShapeProto.Dim(size=side) for side in self._script.shape])
        tensor = tfs.TensorInfo(name="serving_image:0", dtype=tfs.DT_FLOAT, tensor_shape=shape)
        signature = tfs.SignatureDef(inputs=dict.fromkeys(self._script.inputs, tensor), outputs={"fake_logit": tensor})
        signatures = tfs.SignatureDefMap(signature_def={"serving_default": signature})
        answer = tfs.GetModelMetadataResponse()
        answer.metadata["signature_def"].type_url = "type.googleapis.com/tensorflow.serving.SignatureDefMap"
        answer.metadata["signature_def"].value = signatures.SerializeToString()
        return answer

    def _tf_predict(self, raw: bytes) -> tfs.PredictResponse:
        request = tfs.PredictRequest.FromString(raw)
        version = self._tf_version(request.model_spec)
        tensor = request.inputs["image"]
        batch = np.frombuffer(tensor.tensor_content, "<f4").reshape([axis.size for axis in tensor.tensor_shape.dim])
        scores = self._script.scores(PREDICT.replace("/", "/v1."), batch)
        shape = tfs.TensorShapeProto(dim=[tfs.TensorShapeProto.Dim(size=side) for side in scores.shape])
        output = tfs.TensorProto(dtype=tfs.DT_FLOAT, tensor_shape=shape, float_val=scores.ravel().tolist())
        answer = tfs.PredictResponse(outputs={"fake_logit": output}, model_spec=tfs.ModelSpec(name="deepfake"))
        answer.model_spec.version.value = version
        return answer

    def _oip_ready(self, raw: bytes) -> oip.ModelReadyResponse:
        request = oip.ModelReadyRequest.FromString(raw)
        self._script.find(request.name, request.version)
        return oip.ModelReadyResponse(ready=True)

    def _oip_metadata(self, raw: bytes) -> oip.ModelMetadataResponse:
        request = oip.ModelMetadataRequest.FromString(raw)
        told = _metadata(self._script, "v2", "", self._script.find(request.name, request.version))
        tensor = oip.ModelMetadataResponse.TensorMetadata
        return oip.ModelMetadataResponse(
            name=told["name"],
            versions=told["versions"],
            inputs=[tensor(**entry) for entry in told["inputs"]],
            outputs=[tensor(**entry) for entry in told["outputs"]],
        )

    def _oip_config(self, raw: bytes) -> oip.ModelConfigResponse:
        told = _metadata(self._script, "v2", "config", "")
        return oip.ModelConfigResponse(config=oip.ModelConfig(max_batch_size=told["max_batch_size"]))

    def _oip_infer(self, raw: bytes) -> oip.ModelInferResponse:
        request = oip.ModelInferRequest.FromString(raw)
        version = self._script.find(request.model_name, request.model_version)
        batch = np.frombuffer(request.raw_input_contents[0], "<f4").reshape(request.inputs[0].shape)
        scores = self._script.scores("/v2/ModelInfer", batch)
        output = oip.ModelInferResponse.InferOutputTensor(name="fake_logit", datatype="FP32", shape=scores.shape)
        return oip.ModelInferResponse(
            model_name=request.model_name,
            model_version=version,
            outputs=[output],
            raw_output_contents=[scores.astype("<f4").tobytes()],
        )


@dataclass(frozen=True)
class Scripted:
    """A server that listens.

    Attributes:
        script: changes at any time.
        http_url: its address.
        grpc_url: its address for gRPC.
    """

    script: Script
    http_url: str
    grpc_url: str


@contextmanager
def scripted_server(script: Script, http_port: int = 0) -> Iterator[Scripted]:
    """A server that follows `script`, on a free port unless one is given."""
    handler = type("_Handler", (_Http,), {"script": script})
    rpc = grpc.server(
        ThreadPoolExecutor(8), handlers=[_Grpc(script)], options=[("grpc.max_receive_message_length", -1)]
    )
    grpc_port = rpc.add_insecure_port("127.0.0.1:0")
    rpc.start()
    with ThreadingHTTPServer(("127.0.0.1", http_port), handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield Scripted(script, f"http://127.0.0.1:{server.server_port}", f"grpc://127.0.0.1:{grpc_port}")
        finally:
            server.shutdown()
            thread.join()
            rpc.stop(None).wait()
