"""The HTTP interface, pinned: a change of the OpenAPI document must be meant.

After a change that is meant, write it anew with ``DFD_UPDATE_GOLDEN=1 pytest tests/golden/test_openapi.py`` and look
at the difference.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from tests.api_client import TOKEN, make_services

import dfd
from dfd.api.app import create_app
from dfd.api.problems import KINDS

GOLDEN = Path(__file__).with_name("openapi.json")


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    document = create_app(make_services(bearer_token=TOKEN)).openapi()
    assert document["info"]["version"] == dfd.__version__
    document["info"]["version"] = "0"
    return document


def test_the_interface_is_the_one_that_was_agreed(document: dict[str, Any]) -> None:
    written = json.dumps(document, indent=1, sort_keys=True) + "\n"
    if os.environ.get("DFD_UPDATE_GOLDEN"):
        GOLDEN.write_text(written, encoding="utf-8")
    assert written == GOLDEN.read_text(encoding="utf-8")


def _references(node: object) -> set[str]:
    if isinstance(node, dict):
        own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
        return own.union(*map(_references, node.values()))
    return set().union(*map(_references, node)) if isinstance(node, list) else set()


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    prefix = "#/components/schemas/"
    names = {reference.removeprefix(prefix) for reference in _references(document)}
    assert "Problem" in names
    assert names <= set(document["components"]["schemas"])


def test_the_upload_and_every_status_of_a_problem_are_documented(document: dict[str, Any]) -> None:
    predict = document["paths"]["/predict"]["post"]
    form = predict["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert form["required"] == ["file"]
    assert form["properties"]["file"]["format"] == "binary"
    problems = {int(status) for status in predict["responses"]} - {200}
    assert problems == {kind.status for kind in KINDS.values()} - {404, 405, 409, 416}  # the rest is of jobs
    for status in problems:
        assert set(predict["responses"][str(status)]["content"]) == {"application/problem+json"}
    promised = {"score", "label", "frame_samples", "version", "latency_ms", "meta"}
    prediction = document["components"]["schemas"]["Prediction"]
    assert promised < set(prediction["required"])
    assert "null" in json.dumps(prediction["properties"]["score"])
