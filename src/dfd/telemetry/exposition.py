"""Showing the metrics to Prometheus: as an answer for somebody else's route, or on a port of their own."""

import socket
import threading
from collections.abc import Callable
from socketserver import ThreadingMixIn
from types import TracebackType
from typing import Final, Self
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.exposition import choose_encoder

from dfd.errors import ConfigurationError

PORT_STATE: Final = "metrics_port"
"""Key of a `MetricsPort` in the state of an application's lifespan: whoever serves that closes it on handing over."""


def renderer(registry: CollectorRegistry) -> Callable[[str], tuple[bytes, str]]:
    """A function from the header ``Accept`` to body and content type: Prometheus' text format, or OpenMetrics."""

    def render(accept: str) -> tuple[bytes, str]:
        encode, content_type = choose_encoder(accept)
        return encode(registry), content_type

    return render


class _Listener(ThreadingMixIn, WSGIServer):
    """Answers each scrape in a thread."""

    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    """Logs no scrapes."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in the base class
        """Keep quiet."""


class MetricsPort:
    """Answers ``GET /metrics`` on a port of its own, in threads of its own: also while the process is busy."""

    def __init__(self, registry: CollectorRegistry, host: str, port: int, *, shared: bool = False) -> None:
        """Listen at once.

        Args:
            registry: of what is shown.
            host: address to listen on.
            port: port to listen on; 0 takes one that is free.
            shared: others that say so too may listen there at the same time; either answers.

        Raises:
            ConfigurationError: it cannot listen there.
        """
        try:
            family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
            kind = {"address_family": family, "allow_reuse_port": shared}
            listener: type[WSGIServer] = type("Listener", (_Listener,), kind)
            app = make_wsgi_app(registry)
            self._server: WSGIServer = make_server(str(address[0]), port, app, listener, handler_class=_Quiet)
        except (OSError, OverflowError) as error:
            raise ConfigurationError(f"METRICS_PORT: {host}:{port} cannot be listened on: {error}") from error
        self._thread = threading.Thread(target=self._server.serve_forever, name="dfd-metrics", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self._server.server_port)

    def close(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
