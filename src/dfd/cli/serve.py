"""``dfd serve``: the HTTP interface under uvicorn."""

from typing import Final

import uvicorn

from dfd.cli.exits import ExitCode
from dfd.settings import load_settings

STOP_LIMIT_S: Final = 30
"""Longest wait for answers under way once the service is told to stop."""


def serve(host: str | None, port: int | None) -> int:
    """Serve until interrupted.

    Args:
        host: address to listen on; None for the settings' own.
        port: port to listen on; None for the settings' own.

    Returns:
        `ExitCode.DONE`, or `ExitCode.MODEL_OR_CONFIGURATION` when the service could not start, the reason having been
        told on stderr.

    Raises:
        ConfigurationError: the settings do not hold.
    """
    settings = load_settings(host=host, port=port)
    try:
        uvicorn.run(
            "dfd.asgi:create",
            factory=True,
            host=settings.host,
            port=settings.port,
            log_config=None,  # the application sets logging up, uvicorn's included
            timeout_graceful_shutdown=STOP_LIMIT_S,
        )
    except SystemExit as stopped:  # how uvicorn and the factory end a start that failed, say on a port in use
        return ExitCode.MODEL_OR_CONFIGURATION if stopped.code else ExitCode.DONE
    return ExitCode.DONE
