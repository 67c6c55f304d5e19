"""TensorFlow Serving's REST interface (version 1), which KServe speaks too.

::

    GET  /v1/models/<name>                          {"model_version_status": [...]}, or KServe's {"name", "ready"}
    GET  /v1/models/<name>[/versions/<v>]/metadata  the signature; KServe has none
    POST /v1/models/<name>[/versions/<v>]:predict   {"instances": [...]} to {"predictions": [...]}

See https://www.tensorflow.org/tfx/serving/api_rest. KServe knows no versions, and is never asked for one.
"""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

import numpy as np
import numpy.typing as npt
import orjson

from dfd.backends.http_calls import HttpAnswer, HttpCalls
from dfd.backends.model_server import Fault, ModelServer, ServedModel, ServerFault, Target, no_such_model
from dfd.backends.tf_serving import SIGNATURE, TOO_MANY, served_model, version_to_ask
from dfd.types import FloatArray

_FLOAT: Final = "DT_FLOAT"


class TfServingRest(ModelServer):
    """One model of a server that speaks TensorFlow Serving's REST interface."""

    def __init__(self, base_url: str, target: Target) -> None:
        """Prepare; nothing is sent yet.

        Args:
            base_url: ``http`` or ``https`` address of the server.
            target: the model.
        """
        self._calls = HttpCalls(base_url)
        self._target = target
        self._path = f"/v1/models/{quote(target.name, safe='')}"

    @property
    def where(self) -> str:
        """The server by its address."""
        return self._calls.where

    def describe(self, timeout_s: float) -> ServedModel:
        """State first, which also tells KServe from TensorFlow Serving, then the signature."""
        status = self.status(timeout_s)
        versions = status.get("model_version_status")
        if versions is None:
            if status.get("ready") not in (True, "True", "true"):  # older releases of KServe answer text
                raise ServerFault(Fault.AWAY, f"{self.where} says that {self._target.name} is not ready", again=True)
            return ServedModel()
        version = version_to_ask(_states(versions, self.where), self._target, self.where)
        answer = self._calls.send("GET", f"{self._versioned(version)}/metadata", timeout_s)
        if answer.status != 200:
            return ServedModel(path_version=version)
        return _signature(answer.json(), version, self.where)

    def infer(self, model: ServedModel, batch: FloatArray, timeout_s: float) -> npt.NDArray[np.floating]:
        """Send the crops as JSON; numbers are written in as few digits as float32 needs to come back the same."""
        answer = self._calls.send(
            "POST",
            f"{self._versioned(model.path_version)}:predict",
            timeout_s,
            body=orjson.dumps({"instances": batch}, option=orjson.OPT_SERIALIZE_NUMPY),
            headers={"Content-Type": "application/json"},
        )
        if answer.status != 200:
            raise _refused(answer, len(batch))
        return _predictions(answer.json(), self.where)

    def status(self, timeout_s: float) -> dict[str, Any]:
        """``GET /v1/models/<name>``, as it came."""
        answer = self._calls.send("GET", self._path, timeout_s)
        if answer.status == 404:
            raise no_such_model(self._target, self.where, answer.text)
        if answer.status != 200:
            raise answer.fault("the question for the model's state")
        return answer.json()

    def close(self) -> None:
        """Close idle connections."""
        self._calls.close()

    def _versioned(self, version: str | None) -> str:
        return self._path if version is None else f"{self._path}/versions/{version}"


def _refused(answer: HttpAnswer, count: int) -> ServerFault:
    task = f"a batch of {count} crops"
    if answer.status == 400 and TOO_MANY.search(answer.text):
        return ServerFault(Fault.TOO_LARGE, str(answer.fault(task)))
    return answer.fault(task)


def _states(versions: Any, where: str) -> dict[str, str]:
    """State by version.

    Raises:
        ServerFault: this is not what TensorFlow Serving answers.
    """
    try:
        return {str(int(entry["version"])): str(entry["state"]) for entry in versions}
    except (KeyError, TypeError, ValueError) as error:
        raise ServerFault(Fault.GARBAGE, f"{where} answered no states of versions: {versions!r:.200}") from error


def _signature(metadata: Mapping[str, Any], version: str | None, where: str) -> ServedModel:
    """What ``/metadata`` says of the signature that is asked for.

    Raises:
        ServerFault: there is no such signature, it is not of one picture and one score, or this is no metadata.
    """
    try:
        signatures = metadata["metadata"]["signature_def"]["signature_def"]
        if SIGNATURE not in signatures:
            raise ServerFault(Fault.MISMATCH, f"the model of {where} has no signature {SIGNATURE}")
        inputs = {name: _shape(info, name, where) for name, info in signatures[SIGNATURE]["inputs"].items()}
        outputs = list(signatures[SIGNATURE]["outputs"])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ServerFault(Fault.GARBAGE, f"{where} answered no metadata of a model: {metadata!r:.200}") from error
    return served_model(version, inputs, outputs, where)


def _shape(info: Mapping[str, Any], name: str, where: str) -> list[int] | None:
    if info["dtype"] != _FLOAT:
        raise ServerFault(Fault.MISMATCH, f"input {name} of {where} is {info['dtype']} instead of {_FLOAT}")
    shape = info["tensor_shape"]
    return None if shape.get("unknown_rank") else [int(axis["size"]) for axis in shape["dim"]]


def _predictions(answer: Mapping[str, Any], where: str) -> npt.NDArray[np.floating]:
    """The array in ``predictions``: rows of numbers, or of one named output each.

    Raises:
        ServerFault: there is none.
    """
    rows = answer.get("predictions")
    if isinstance(rows, list):
        if rows and all(isinstance(row, dict) and len(row) == 1 for row in rows):
            rows = [next(iter(row.values())) for row in rows]
        try:
            return np.array(rows, np.float64)
        except (TypeError, ValueError):  # no numbers, or rows of several lengths
            pass
    raise ServerFault(Fault.GARBAGE, f"{where} answered no predictions: {dict(answer)!r:.200}")
