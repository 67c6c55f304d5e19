"""The log as JSON lines in the fields of ECS."""

import io
import json
import logging
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

import dfd
from dfd.correlation import REQUEST_ID, Trace, job_at_hand
from dfd.errors import UnreadableVideo
from dfd.scoring import BackendEvent, BackendEventKind
from dfd.telemetry.logs import configure_logging, log_backend_event

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


def caught(error: Exception) -> Exception:
    """The error with a stack trace."""
    with pytest.raises(type(error)) as found:
        raise error
    return found.value


def test_a_record_is_one_json_line_with_its_extras(stream: io.StringIO) -> None:
    configure_logging("INFO", stream)
    LOGGER.info("two\nlines of %s", "text", extra={"status": 200, "duration_s": 0.25, "folder": stream, "worker": None})
    LOGGER.debug("unheard")
    (line,) = lines(stream)
    assert line.pop("@timestamp").endswith("+00:00")
    assert line.pop("dfd.folder").startswith("<_io.StringIO")
    assert line.pop("process.pid") > 0
    assert line == {
        "log.level": "info",
        "message": "two\nlines of text",
        "ecs.version": "8.11.0",
        "service.name": "dfd",
        "service.version": dfd.__version__,
        "log.logger": LOGGER.name,
        "process.thread.name": "MainThread",
        "http.response.status_code": 200,
        "event.duration": 250_000_000,
    }


def test_a_record_says_which_request_job_and_trace_it_belongs_to(stream: io.StringIO) -> None:
    configure_logging("INFO", stream)
    token = REQUEST_ID.set("request-7")
    with job_at_hand("job-1", f"00-{'ab' * 16}-{'cd' * 8}-01"):
        LOGGER.info("inside")
    REQUEST_ID.reset(token)
    LOGGER.info("outside")
    inside, outside = lines(stream)
    assert (inside["http.request.id"], inside["dfd.job_id"], inside["trace.id"]) == ("request-7", "job-1", "ab" * 16)
    assert inside["span.id"] != "cd" * 8
    assert not {"http.request.id", "dfd.job_id", "trace.id", "span.id"} & set(outside)


@pytest.mark.logs_errors
def test_a_stack_trace_stays_inside_its_line(stream: io.StringIO) -> None:
    configure_logging(stream=stream)
    LOGGER.error("failed", exc_info=caught(UnreadableVideo("no header")))
    (line,) = lines(stream)
    assert line["error.stack_trace"].startswith("Traceback")
    assert (line["error.type"], line["error.code"]) == ("UnreadableVideo", "unreadable_video")
    assert line["error.message"] == "no header"


@pytest.mark.parametrize(
    ("header", "trace_id"),
    [
        (f"00-{'ab' * 16}-{'cd' * 8}-01", "ab" * 16),
        (f"cc-{'ab' * 16}-{'cd' * 8}-01-of-the-future", "ab" * 16),
        (f"00-{'ab' * 16}-{'cd' * 8}-01-more", None),
        (f"ff-{'ab' * 16}-{'cd' * 8}-01", None),
        (f"00-{'00' * 16}-{'cd' * 8}-01", None),
        (f"00-{'ab' * 16}-{'00' * 8}-01", None),
        (f"00-{'AB' * 16}-{'cd' * 8}-01", None),
        (f"00-{'ab' * 16}-{'cd' * 8}-01\n", None),
        ("", None),
        (None, None),
    ],
)
def test_a_traceparent_is_read_as_the_standard_says(header: str | None, trace_id: str | None) -> None:
    trace = Trace.parsed(header)
    assert (trace.trace_id if trace else None) == trace_id
    assert trace is None or Trace.parsed(trace.header) == trace


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
    assert line["log.level"] == "warning"


@pytest.mark.parametrize(
    ("event", "level", "message"),
    [
        (
            BackendEvent(BackendEventKind.FAILED, "oip", "slow", "no answer"),
            "warning",
            "model backend oip: failed: no answer",
        ),
        (BackendEvent(BackendEventKind.BREAKER_CLOSED, "oip"), "warning", "model backend oip: breaker closed"),
        (BackendEvent(BackendEventKind.ANSWERED, "oip", duration_s=0.5), "debug", "model backend oip: answered"),
    ],
)
def test_events_of_a_model_backend_are_logged_with_their_cause(
    stream: io.StringIO, event: BackendEvent, level: str, message: str
) -> None:
    configure_logging("DEBUG", stream=stream)
    log_backend_event(event)
    line = json.loads(stream.getvalue())
    assert (line["log.level"], line["message"]) == (level, message)
    assert (line["dfd.event"], line["dfd.backend"], line.get("dfd.cause")) == (event.kind.value, "oip", event.cause)
    assert line.get("event.duration") == (None if event.duration_s is None else event.duration_s * 1e9)
