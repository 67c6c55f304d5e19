"""KServe's server with models that run ONNX files. Started by tests in `.venv-servers`.

``python kserve_app.py --model NAME=FILE --http_port P --grpc_port Q``, with ``--model`` as often as needed. A model
given by ``--plain NAME=FILE`` says nothing of its input and output, as KServe's models do unless told to.
"""

import argparse
from typing import Any

import kserve
import numpy as np
import onnxruntime as ort
from kserve.protocol.infer_type import InferOutput, InferRequest, InferResponse


class OnnxModel(kserve.Model):  # type: ignore[misc] # without types where this is checked
    """Answers by version 1 (JSON) and by version 2 (JSON, raw bytes, gRPC)."""

    def __init__(self, name: str, weights: str, *, plain: bool) -> None:
        """Load the weights."""
        super().__init__(name)
        self._session = ort.InferenceSession(weights, providers=["CPUExecutionProvider"])
        self._plain = plain
        self.ready = True

    def get_input_types(self) -> list[dict[str, Any]]:
        """Its input as the file has it."""
        return [] if self._plain else [_tensor(self._session.get_inputs()[0])]

    def get_output_types(self) -> list[dict[str, Any]]:
        """Its output as the file has it."""
        return [] if self._plain else [_tensor(self._session.get_outputs()[0])]

    async def predict(self, payload: Any, headers: Any = None, response_headers: Any = None) -> Any:
        """Score a batch in the form in which it came."""
        if not isinstance(payload, InferRequest):
            scores = self._score(np.array(payload["instances"], np.float32))
            return {"predictions": scores.tolist()}
        scores = self._score(payload.inputs[0].as_numpy())
        output = InferOutput(self._session.get_outputs()[0].name, list(scores.shape), "FP32")
        output.set_data_from_numpy(scores, binary_data=payload.parameters is not None)
        return InferResponse(payload.id or "1", self.name, [output])

    def _score(self, batch: np.ndarray) -> np.ndarray:
        return np.asarray(self._session.run(None, {self._session.get_inputs()[0].name: batch})[0], np.float32)


def _tensor(node: Any) -> dict[str, Any]:
    shape = [side if isinstance(side, int) else -1 for side in node.shape]
    return {"name": node.name, "datatype": "FP32", "shape": shape}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(parents=[kserve.model_server.parser])
    parser.add_argument("--model", action="append", default=[])
    parser.add_argument("--plain", action="append", default=[])
    arguments, _ = parser.parse_known_args()
    models = [OnnxModel(*given.split("=", 1), plain=False) for given in arguments.model]
    models += [OnnxModel(*given.split("=", 1), plain=True) for given in arguments.plain]
    kserve.ModelServer().start(models)
