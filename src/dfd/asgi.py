"""The web service as uvicorn starts it: ``uvicorn dfd.asgi:create --factory``."""

import logging
import sys

from fastapi import FastAPI

from dfd.allocator import keep_to_arenas
from dfd.api.app import create_app
from dfd.bootstrap.metrics import build_metrics, open_port
from dfd.bootstrap.service import build_services
from dfd.errors import ConfigurationError, ModelError, Unavailable
from dfd.settings import load_settings
from dfd.telemetry.logs import configure_logging

EXIT_NOT_SET_UP = 4
"""Exit code when settings or model do not allow a start, as for the command line."""

_LOG = logging.getLogger(__name__)


def create() -> FastAPI:
    """Read the settings, build the parts and make the application.

    Raises:
        SystemExit: the settings or the model do not allow a start; one sentence on stderr says why.
    """
    return _created(shares_ports=False)


def create_beside_another() -> FastAPI:
    """Likewise, in a process that may replace another, and be replaced: both listen on `METRICS_PORT` meanwhile."""
    return _created(shares_ports=True)


def _created(*, shares_ports: bool) -> FastAPI:
    try:
        settings = load_settings()
        keep_to_arenas(settings.malloc_arena_max)
        configure_logging(settings.log_level)
        metrics = build_metrics()
        services = build_services(settings, metrics=metrics)
        open_port(settings, metrics, shared=shares_ports)  # its threads end with the process
        return create_app(services)
    except (ConfigurationError, ModelError, Unavailable) as error:
        sys.stderr.write(f"dfd cannot start: {error}\n")
        raise SystemExit(EXIT_NOT_SET_UP) from error
