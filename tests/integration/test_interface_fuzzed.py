"""Requests made up from the interface's own description: whatever comes, the service never fails."""

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from tests.api_client import make_services

from dfd.api.app import create_app

EXAMPLES = 15
"""Requests for each operation: enough to meet the odd ones of every parameter, and done in seconds."""

INTERFACE = schemathesis.openapi.from_asgi("/openapi.json", create_app(make_services()))
FOUND: Any = INTERFACE.get_all_operations()
OPERATIONS = [found.ok() for found in FOUND]


@pytest.mark.slow
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.label)
def test_no_request_makes_the_service_fail(operation: Any) -> None:
    @given(case=operation.as_strategy())
    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
    )
    def send(case: Any) -> None:
        case.call_and_validate(checks=[not_a_server_error])

    send()


def test_every_operation_is_tried() -> None:
    labels = {operation.label for operation in OPERATIONS}
    assert {"POST /predict", "POST /v1/jobs", "GET /v1/jobs/{job_id}/events"} <= labels
