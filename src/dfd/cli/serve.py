"""``dfd serve``: the HTTP interface under uvicorn."""

from collections.abc import Sequence

import uvicorn

from dfd.cli.exits import ExitCode
from dfd.cli.serving import KEEP_ALIVE_S, GracefulServer, bound, inherited
from dfd.settings import load_settings


def serve(host: str | None, port: int | None, descriptors: Sequence[int] = (), ready_fd: int | None = None) -> int:
    """Serve until interrupted.

    Args:
        host: address to listen on; None for the settings' own.
        port: port to listen on; None for the settings' own.
        descriptors: sockets that were bound already, and that somebody else keeps open too; then nothing else is
            listened on.
        ready_fd: file descriptor that is written to once requests are answered.

    Returns:
        `ExitCode.DONE`, or `ExitCode.MODEL_OR_CONFIGURATION` when the service could not start, the reason having been
        told on stderr.

    Raises:
        ConfigurationError: the settings do not hold, or the port cannot be listened on.
    """
    settings = load_settings(host=host, port=port)
    sockets = inherited(descriptors) if descriptors else bound(settings.host, settings.port)
    config = uvicorn.Config(
        "dfd.asgi:create_beside_another" if descriptors else "dfd.asgi:create",
        factory=True,
        log_config=None,  # the application sets logging up, uvicorn's included
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=max(1, round(settings.stop_limit_s)),
    )
    server = GracefulServer(config, delay_s=settings.stop_delay_s, handed_over=bool(descriptors), ready_fd=ready_fd)
    try:
        server.run(sockets)
    except KeyboardInterrupt:  # uvicorn lets the signal be heard again once it has stopped
        return ExitCode.DONE
    except SystemExit as stopped:  # how uvicorn and the factory end a start that failed
        return ExitCode.MODEL_OR_CONFIGURATION if stopped.code else ExitCode.DONE
    return ExitCode.DONE
