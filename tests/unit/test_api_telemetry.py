"""The log as JSON lines."""

import io
import json
import logging
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from dfd.scoring import BackendEvent, BackendEventKind
from dfd.telemetry import configure_logging, log_backend_event

LOGGER = logging.getLogger("dfd.test_telemetry")


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """A stream to log to; the process's logging is put back afterwards."""
    names = ("", "uvicorn", "uvicorn.error", "uvicorn.access", "python_multipart")
    loggers = [logging.getLogger(name) for name in names]
    kept = [(logger, logger.handlers[:], logger.level, logger.propagate) for logger in loggers]
    yield io.StringIO()
    logging.captureWarnings(False)
    for logger, handlers, level, propagate in kept:
        logger.handlers[:] = handlers
        logger.setLevel(level)
        logger.propagate = propagate


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_record_is_one_json_line_with_its_extras_and_request(stream: io.StringIO) -> None:
    configure_logging("INFO", lambda: "request-7", stream)
    LOGGER.info("two\nlines of %s", "text", extra={"status": 200, "folder": stream})
    LOGGER.debug("unheard")
    (line,) = lines(stream)
    assert line["message"] == "two\nlines of text"
    assert (line["level"], line["logger"], line["request_id"], line["status"]) == (
        "INFO",
        LOGGER.name,
        "request-7",
        200,
    )
    assert line["time"].endswith("+00:00")
    assert set(line) == {"time", "level", "logger", "message", "request_id", "status", "folder"}


@pytest.mark.logs_errors
def test_a_stack_trace_stays_inside_its_line(stream: io.StringIO) -> None:
    configure_logging(stream=stream)
    nothing: dict[str, int] = {}
    try:
        nothing["lost"]
    except KeyError:
        LOGGER.exception("failed")
    (line,) = lines(stream)
    assert line["exception"].startswith("Traceback")
    assert "KeyError: 'lost'" in line["exception"]
    assert "request_id" not in line


def test_uvicorn_logs_the_same_way_and_leaves_requests_to_the_application(stream: io.StringIO) -> None:
    own = io.StringIO()
    for name in ("uvicorn", "uvicorn.access"):
        logging.getLogger(name).addHandler(logging.StreamHandler(own))
    configure_logging(stream=stream)
    logging.getLogger("uvicorn.error").info("started")
    logging.getLogger("uvicorn.access").info("GET /")
    logging.getLogger("python_multipart.multipart").warning("a broken form")
    assert [line["message"] for line in lines(stream)] == ["started"]
    assert own.getvalue() == ""


def test_warnings_are_logged(stream: io.StringIO) -> None:
    configure_logging(stream=stream)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(True)
        warnings.warn("old ways", DeprecationWarning, stacklevel=1)
    (line,) = lines(stream)
    assert "old ways" in line["message"]
    assert line["level"] == "WARNING"


@pytest.mark.parametrize(
    ("event", "level", "message"),
    [
        (
            BackendEvent(BackendEventKind.FAILED, "oip", "slow", "no answer"),
            "WARNING",
            "model backend oip: failed: no answer",
        ),
        (BackendEvent(BackendEventKind.BREAKER_CLOSED, "oip"), "WARNING", "model backend oip: breaker closed"),
        (BackendEvent(BackendEventKind.ANSWERED, "oip", duration_s=0.5), "DEBUG", "model backend oip: answered"),
    ],
)
def test_events_of_a_model_backend_are_logged_with_their_cause(
    stream: io.StringIO, event: BackendEvent, level: str, message: str
) -> None:
    configure_logging("DEBUG", stream=stream)
    log_backend_event(event)
    line = json.loads(stream.getvalue())
    assert (line["level"], line["message"]) == (level, message)
    assert (line["event"], line["backend"]) == (event.kind.value, "oip")
    assert (line.get("cause"), line.get("duration_s")) == (event.cause, event.duration_s)
