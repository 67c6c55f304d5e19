"""Structured logs: one JSON object a line on stderr, events of model backends among them."""

import json
import logging
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TextIO

from dfd.scoring import BackendEvent, BackendEventKind

_LOG = logging.getLogger(__name__)

_QUIET = frozenset({BackendEventKind.ANSWERED})
"""Events of every day, logged at level DEBUG."""

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}
"""Attributes every record has (or uvicorn's colours); what lies beside them was passed as ``extra``."""


class JsonFormatter(logging.Formatter):
    """Writes a record as one JSON object: time (UTC), level, logger, message, request id, extras, stack trace."""

    def __init__(self, request_id: Callable[[], str | None]) -> None:
        """Ask `request_id` for the id of the request at hand, in the thread and task that logs."""
        super().__init__()
        self._request_id = request_id

    def format(self, record: logging.LogRecord) -> str:
        """Render one record; line breaks inside values are escaped, so that nobody can forge a line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        request_id = self._request_id()
        if request_id is not None:
            line["request_id"] = request_id
        line.update({name: value for name, value in vars(record).items() if name not in _STANDARD})
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def log_backend_event(event: BackendEvent) -> None:
    """Log what happened to a model backend; counters take ``event``, ``backend`` and ``cause`` from the record."""
    level = logging.DEBUG if event.kind in _QUIET else logging.WARNING
    fields = {"event": event.kind.value, "backend": event.backend, "cause": event.cause, "duration_s": event.duration_s}
    message = f"model backend {event.backend}: {event.kind.value.replace('_', ' ')}"
    _LOG.log(
        level,
        "%s",
        f"{message}: {event.detail}" if event.detail else message,
        extra={name: value for name, value in fields.items() if value is not None},
    )


def _no_request() -> None:
    return None


def configure_logging(
    level: str = "INFO", request_id: Callable[[], str | None] = _no_request, stream: TextIO | None = None
) -> None:
    """Send every log of this process to `stream` as JSON.

    Args:
        level: least level that is written.
        request_id: tells the id of the request at hand, if there is one.
        stream: where to; None is stderr.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter(request_id))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = name != "uvicorn.access"  # every request is logged once, with its id, by the application
    logging.getLogger("python_multipart").setLevel(logging.ERROR)  # it warns of every broken form anyone sends
    logging.captureWarnings(True)
