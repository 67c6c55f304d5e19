"""Structured logs: one JSON object a line on stderr, in the fields of the Elastic Common Schema (ECS).

Names have dots in them, as ECS allows (``"log.level": "info"``); Elasticsearch reads those as nested objects. What ECS
has no field for stands under ``dfd.``. docs/observability.md lists them all.
"""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any, Final, TextIO

import dfd
from dfd.correlation import JOB_ID, REQUEST_ID, TRACE
from dfd.errors import DfdError
from dfd.scoring import BackendEvent, BackendEventKind
from dfd.tracing import Span

_LOG = logging.getLogger(__name__)

ECS_VERSION: Final = "8.11.0"
"""Version of https://www.elastic.co/guide/en/ecs/8.11/ that the fields are taken from."""

_QUIET = frozenset({BackendEventKind.ANSWERED})
"""Events of every day, logged at level DEBUG."""

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}
"""Attributes every record has (or uvicorn's colours); what lies beside them was passed as ``extra``."""

_ECS_NAMES: Final = {
    "method": "http.request.method",
    "body_bytes": "http.request.body.bytes",
    "status": "http.response.status_code",
    "error": "error.message",
    "trace_id": "trace.id",
    "span_id": "span.id",
    "parent_id": "parent.id",
    "span_name": "span.name",
}
"""Extras that ECS has a field for; ``duration_s`` becomes ``event.duration``, in nanoseconds."""


class EcsFormatter(logging.Formatter):
    """Writes a record as one JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        """Render one record; line breaks inside values are escaped, so that nobody can forge a line."""
        line: dict[str, Any] = {
            "@timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "log.level": record.levelname.lower(),
            "message": record.getMessage(),
            "ecs.version": ECS_VERSION,
            "service.name": "dfd",
            "service.version": dfd.__version__,
            "log.logger": record.name,
            "process.pid": record.process,
            "process.thread.name": record.threadName,
        }
        line |= _at_hand()
        for name, value in vars(record).items():
            if name not in _STANDARD and value is not None:
                line |= _field(name, value)
        if record.exc_info and record.exc_info[1] is not None:
            line |= self._error(record.exc_info[1])
            line["error.stack_trace"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)

    @staticmethod
    def _error(error: BaseException) -> dict[str, str]:
        fields = {"error.type": type(error).__name__, "error.message": str(error)}
        return fields | ({"error.code": error.code} if isinstance(error, DfdError) else {})


def _at_hand() -> dict[str, str]:
    """What the record belongs to."""
    trace = TRACE.get()
    fields = {
        "http.request.id": REQUEST_ID.get(),
        "dfd.job_id": JOB_ID.get(),
        "trace.id": trace.trace_id if trace else None,
        "span.id": trace.span_id if trace else None,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _field(name: str, value: Any) -> dict[str, Any]:
    if name == "duration_s":
        return {"event.duration": round(value * 1e9)}
    return {_ECS_NAMES.get(name, f"dfd.{name}"): value}


def log_backend_event(event: BackendEvent) -> None:
    """Log what happened to a model backend."""
    level = logging.DEBUG if event.kind in _QUIET else logging.WARNING
    fields = {"event": event.kind.value, "backend": event.backend, "cause": event.cause, "duration_s": event.duration_s}
    message = f"model backend {event.backend}: {event.kind.value.replace('_', ' ')}"
    _LOG.log(
        level,
        "%s",
        f"{message}: {event.detail}" if event.detail else message,
        extra={name: value for name, value in fields.items() if value is not None},
    )


def log_span(span: Span) -> None:
    """Log a span that has ended, where no collector takes it."""
    fields = {
        "trace_id": span.trace_id,
        "span_id": span.span_id,
        "parent_id": span.parent_id,
        "span_name": span.name,
        "span_kind": span.kind.value,
        "duration_s": (span.end_ns - span.start_ns) / 1e9,
        "span_started": datetime.fromtimestamp(span.start_ns / 1e9, UTC).isoformat(timespec="microseconds"),
        "span_error": span.error,
        "span_attributes": dict(span.attributes),
    }
    _LOG.info("span ended", extra={name: value for name, value in fields.items() if value is not None})


def configure_logging(level: str = "INFO", stream: TextIO | None = None) -> None:
    """Send every log of this process to `stream` as JSON.

    Args:
        level: least level that is written.
        stream: where to; None is stderr.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(EcsFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = name != "uvicorn.access"  # every request is logged once, with its id, by the application
    logging.getLogger("python_multipart").setLevel(logging.ERROR)  # it warns of every broken form anyone sends
    logging.captureWarnings(True)
