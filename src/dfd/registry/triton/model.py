"""A model for Triton's Python backend: runs the ONNX file beside it. Written by `dfd models export-serving-config`.

Read by Triton itself, whose Python must have onnxruntime; no part of the package.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import triton_python_backend_utils as triton


class TritonPythonModel:
    """What Triton looks for."""

    def initialize(self, args: dict[str, str]) -> None:
        """Load the weights of this version."""
        config = json.loads(args["model_config"])
        weights = Path(args["model_repository"]) / args["model_version"] / "model.onnx"
        options = ort.SessionOptions()
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # leave the cores to the transport
        self._session = ort.InferenceSession(str(weights), options, providers=["CPUExecutionProvider"])
        self._input, self._output = config["input"][0]["name"], config["output"][0]["name"]

    def execute(self, requests: list[Any]) -> list[Any]:
        """Score each request's batch."""
        responses = []
        for request in requests:
            batch = triton.get_input_tensor_by_name(request, self._input).as_numpy()
            scores = self._session.run([self._output], {self._input: batch})[0]
            tensor = triton.Tensor(self._output, np.asarray(scores, np.float32).reshape(len(batch), 1))
            responses.append(triton.InferenceResponse([tensor]))
        return responses
