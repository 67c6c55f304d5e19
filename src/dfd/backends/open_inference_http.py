"""The Open Inference Protocol over HTTP, with tensors as raw bytes where the server takes them.

::

    GET  /v2/models/<name>[/versions/<v>]         metadata
    GET  /v2/models/<name>[/versions/<v>]/config  Triton's configuration, with its largest batch
    GET  /v2/models/<name>[/versions/<v>]/ready   200 when the model answers
    POST /v2/models/<name>[/versions/<v>]/infer   a JSON head, and raw tensors behind it

The header ``Inference-Header-Content-Length`` says where the head ends (the protocol's binary extension). Not every
server lists the extensions it has, so requests try until one is answered; a server that cannot read it gets JSON from
then on.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final
from urllib.parse import quote

import numpy as np
import numpy.typing as npt
import orjson

from dfd.backends.http_calls import HttpAnswer, HttpCalls
from dfd.backends.model_server import Fault, ModelServer, ServedModel, ServerFault, Target, no_such_model
from dfd.backends.open_inference import TOO_MANY, UNKNOWN, no_such_version, served_model
from dfd.backends.tensors import FP32, from_numbers, from_raw
from dfd.types import FloatArray

HEAD_LENGTH: Final = "Inference-Header-Content-Length"

_NOT_UNDERSTOOD: Final = frozenset({400, 406, 415, 422, 500, 501})
"""Statuses by which servers that read only JSON answer raw bytes."""


class OpenInferenceHttp(ModelServer):
    """One model of a server that speaks the protocol over HTTP."""

    def __init__(self, base_url: str, target: Target) -> None:
        """Prepare; nothing is sent yet.

        Args:
            base_url: ``http`` or ``https`` address of the server.
            target: the model.
        """
        self._calls = HttpCalls(base_url)
        self._target = target
        self._path = f"/v2/models/{quote(target.name, safe='')}"
        self._binary: bool | None = None  # None until an answer has shown it

    @property
    def where(self) -> str:
        """The server by its address."""
        return self._calls.where

    def describe(self, timeout_s: float) -> ServedModel:
        """Metadata, and the largest batch where the server tells it."""
        version = self._target.version
        answer = self._calls.send("GET", self._versioned(version), timeout_s)
        if version is not None and answer.status == 501:  # KServe has no versions
            version = None
            answer = self._calls.send("GET", self._path, timeout_s)
        if answer.status != 200:
            raise self._no_model(answer, version, timeout_s)
        metadata = answer.json()
        config = self._calls.send("GET", f"{self._versioned(version)}/config", timeout_s)
        max_batch = config.json().get("max_batch_size") if config.status == 200 else None
        return served_model(
            version,
            {name: (entry.get("datatype", FP32), entry["shape"]) for name, entry in _tensors(metadata, "inputs")},
            [name for name, _ in _tensors(metadata, "outputs")],
            max_batch if isinstance(max_batch, int) and max_batch > 0 else None,
            self.where,
        )

    def infer(self, model: ServedModel, batch: FloatArray, timeout_s: float) -> npt.NDArray[np.floating]:
        """Send the crops raw, or as JSON where the server cannot read that."""
        if self._binary is not False:
            answer = self._infer(model, batch, timeout_s, binary=True)
            if answer.status == 200 or self._binary or not _perhaps_not_understood(answer):
                if answer.status == 200:  # a server that is away, or a batch too large, shows nothing of it
                    self._binary = True
                return self._scores(answer, model, len(batch))
        answer = self._infer(model, batch, timeout_s, binary=False)
        if answer.status == 200:
            self._binary = False
        return self._scores(answer, model, len(batch))

    def status(self, timeout_s: float) -> dict[str, Any]:
        """``{"name", "ready"}``, from the model's ``ready`` route, whose answer is its HTTP status."""
        answer = self._calls.send("GET", f"{self._versioned(self._target.version)}/ready", timeout_s)
        if answer.status == 501:
            answer = self._calls.send("GET", f"{self._path}/ready", timeout_s)
        if answer.status >= 500 and answer.status != 503:
            raise answer.fault("the question whether the model is ready")
        return {"name": self._target.name, "ready": answer.status == 200}

    def close(self) -> None:
        """Close idle connections."""
        self._calls.close()

    def _versioned(self, version: str | None) -> str:
        return self._path if version is None else f"{self._path}/versions/{version}"

    def _no_model(self, answer: HttpAnswer, version: str | None, timeout_s: float) -> ServerFault:
        """Why there is no metadata: is it the name, or the version?"""
        if answer.status not in (400, 404) or not (answer.status == 404 or UNKNOWN.search(answer.text)):
            return answer.fault("the question for the model's metadata")
        if version is not None:
            others = self._calls.send("GET", self._path, timeout_s)
            if others.status == 200:
                return no_such_version(self._target, others.json().get("versions") or (), self.where)
        return no_such_model(self._target, self.where, answer.text)

    def _infer(self, model: ServedModel, batch: FloatArray, timeout_s: float, *, binary: bool) -> HttpAnswer:
        tensor: dict[str, Any] = {"name": model.input_name, "datatype": FP32, "shape": batch.shape}
        head: dict[str, Any] = {"inputs": [tensor]}
        if binary:
            tensor["parameters"] = {"binary_data_size": batch.nbytes}
            head["parameters"] = {"binary_data_output": True}
        else:
            tensor["data"] = batch.reshape(-1)
        if model.output_name is not None:
            head["outputs"] = [{"name": model.output_name, **({"parameters": {"binary_data": True}} if binary else {})}]
        body = orjson.dumps(head, option=orjson.OPT_SERIALIZE_NUMPY)
        headers = {"Content-Type": "application/json"}
        if binary:
            headers = {"Content-Type": "application/octet-stream", HEAD_LENGTH: str(len(body))}
            body += batch.astype("<f4", copy=False).tobytes()
        path = f"{self._versioned(model.path_version)}/infer"
        return self._calls.send("POST", path, timeout_s, body=body, headers=headers)

    def _scores(self, answer: HttpAnswer, model: ServedModel, count: int) -> npt.NDArray[np.floating]:
        """The one tensor of an answer.

        Raises:
            ServerFault: the server refused, another version answered, or this is no answer.
        """
        if answer.status != 200:
            task = f"a batch of {count} crops"
            if answer.status == 400 and TOO_MANY.search(answer.text):
                raise ServerFault(Fault.TOO_LARGE, str(answer.fault(task)))
            if answer.status == 400 and UNKNOWN.search(answer.text):
                raise ServerFault(Fault.UNKNOWN_MODEL, str(answer.fault(task)))
            raise answer.fault(task)
        head, raw = _split(answer, self.where)
        if head.get("model_version"):
            self._target.refuse_other(str(head["model_version"]), self.where)
        found = dict(_tensors(head, "outputs"))
        wanted = model.output_name if model.output_name in found else next(iter(found), None)
        if wanted is None or (model.output_name is None and len(found) != 1):
            raise ServerFault(Fault.GARBAGE, f"{self.where} answered the outputs {list(found)} instead of one")
        tensor = found[wanted]
        if "data" in tensor:
            return from_numbers(tensor["data"], tensor["shape"], self.where)
        return from_raw(
            _own_bytes(found, wanted, raw, self.where), str(tensor.get("datatype")), tensor["shape"], self.where
        )


def _perhaps_not_understood(answer: HttpAnswer) -> bool:
    """Whether a refusal may be of the raw bytes, not of the batch or the model."""
    return answer.status in _NOT_UNDERSTOOD and not TOO_MANY.search(answer.text) and not UNKNOWN.search(answer.text)


def _split(answer: HttpAnswer, where: str) -> tuple[dict[str, Any], bytes]:
    """The JSON head of an answer, and the raw bytes behind it.

    Raises:
        ServerFault: the answer is no such thing.
    """
    length = answer.headers.get(HEAD_LENGTH.lower())
    if length is None:
        return answer.json(), b""
    if not length.isdecimal() or int(length) > len(answer.body):
        raise ServerFault(Fault.GARBAGE, f"{where} answered a head of {length:.20} in {len(answer.body)} bytes")
    return replace(answer, body=answer.body[: int(length)]).json(), answer.body[int(length) :]


def _tensors(head: Mapping[str, Any], kind: str) -> list[tuple[str, Mapping[str, Any]]]:
    """Name and description of each tensor in ``inputs`` or ``outputs``.

    Raises:
        ServerFault: they are no such lists.
    """
    entries = head.get(kind) or []
    if not isinstance(entries, list) or not all(_is_tensor(entry) for entry in entries):
        raise ServerFault(Fault.GARBAGE, f"the model server answered {kind} that are no tensors: {entries!r:.200}")
    return [(str(entry["name"]), entry) for entry in entries]


def _is_tensor(entry: object) -> bool:
    if not isinstance(entry, dict) or "name" not in entry:
        return False
    shape = entry.get("shape")
    return isinstance(shape, list) and all(isinstance(axis, int) for axis in shape)


def _own_bytes(found: Mapping[str, Mapping[str, Any]], wanted: str, raw: bytes, where: str) -> bytes:
    """The part of the raw bytes that belongs to one tensor; they follow one another in the order of the outputs.

    Raises:
        ServerFault: the head does not say which they are.
    """
    start = 0
    for name, tensor in found.items():
        size = (tensor.get("parameters") or {}).get("binary_data_size", 0)
        if not isinstance(size, int) or size < 0:
            raise ServerFault(Fault.GARBAGE, f"{where} answered no size of its output {name}")
        if name == wanted:
            return raw[start : start + size]
        start += size
    raise ServerFault(Fault.GARBAGE, f"{where} answered no output {wanted}")
