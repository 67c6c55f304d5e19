"""The web service as uvicorn starts it: ``uvicorn dfd.asgi:create --factory``."""

import logging
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI

from dfd.allocator import keep_to_arenas
from dfd.api.app import create_app
from dfd.bootstrap.metrics import build_metrics, open_port
from dfd.bootstrap.service import build_services
from dfd.errors import ConfigurationError, ModelError, Unavailable
from dfd.settings import load_settings
from dfd.telemetry.exposition import PORT_STATE, MetricsPort
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
        port = open_port(settings, metrics, shared=shares_ports)  # its threads end with the process
        return hand_out(create_app(services), port if shares_ports else None)
    except (ConfigurationError, ModelError, Unavailable) as error:
        sys.stderr.write(f"dfd cannot start: {error}\n")
        raise SystemExit(EXIT_NOT_SET_UP) from error


def hand_out(app: FastAPI, port: MetricsPort | None) -> FastAPI:
    """The application; whoever serves it finds the port in its lifespan's state, to close it for a successor."""
    inner = app.router.lifespan_context

    @asynccontextmanager
    async def at_work(running: FastAPI) -> AsyncIterator[dict[str, Any]]:
        async with inner(running) as state:
            yield {**(state or {}), PORT_STATE: port}

    app.router.lifespan_context = at_work
    return app
