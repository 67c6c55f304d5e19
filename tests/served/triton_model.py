"""A model for Triton's Python backend: runs an ONNX file. Read by Triton itself, in `.venv-servers`.

Parameters of its configuration: ``weights``, the file; ``delay_s``, how long each batch takes at least.
"""

import json
import time
from typing import Any

import numpy as np
import onnxruntime as ort
import triton_python_backend_utils as triton


class TritonPythonModel:
    """What Triton looks for."""

    def initialize(self, args: dict[str, str]) -> None:
        """Load the weights."""
        config = json.loads(args["model_config"])
        parameters = {name: entry["string_value"] for name, entry in config["parameters"].items()}
        options = ort.SessionOptions()
        options.intra_op_num_threads = 2
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = ort.InferenceSession(parameters["weights"], options, providers=["CPUExecutionProvider"])
        self._input, self._output = config["input"][0]["name"], config["output"][0]["name"]
        self._delay_s = float(parameters["delay_s"])

    def execute(self, requests: list[Any]) -> list[Any]:
        """Score each request's batch."""
        responses = []
        for request in requests:
            batch = triton.get_input_tensor_by_name(request, self._input).as_numpy()
            time.sleep(self._delay_s)
            scores = self._session.run(None, {self._session.get_inputs()[0].name: batch})[0]
            tensor = triton.Tensor(self._output, np.asarray(scores, np.float32).reshape(len(batch), 1))
            responses.append(triton.InferenceResponse([tensor]))
        return responses
