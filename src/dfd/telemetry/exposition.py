"""Showing the metrics to Prometheus: as an answer for somebody else's route, or on a port of their own."""

from collections.abc import Callable
from types import TracebackType
from typing import Self

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.exposition import choose_encoder

from dfd.errors import ConfigurationError


def renderer(registry: CollectorRegistry) -> Callable[[str], tuple[bytes, str]]:
    """A function from the header ``Accept`` to body and content type: Prometheus' text format, or OpenMetrics."""

    def render(accept: str) -> tuple[bytes, str]:
        encode, content_type = choose_encoder(accept)
        return encode(registry), content_type

    return render


class MetricsPort:
    """Answers ``GET /metrics`` on a port of its own, in threads of its own: also while the process is busy."""

    def __init__(self, registry: CollectorRegistry, host: str, port: int) -> None:
        """Listen at once.

        Args:
            registry: of what is shown.
            host: address to listen on.
            port: port to listen on; 0 takes one that is free.

        Raises:
            ConfigurationError: it cannot listen there.
        """
        try:
            self._server, self._thread = start_http_server(port, host, registry)
        except (OSError, OverflowError) as error:
            raise ConfigurationError(f"METRICS_PORT: {host}:{port} cannot be listened on: {error}") from error

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
