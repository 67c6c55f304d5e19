"""A receiver of webhooks that really listens, and answers as a test tells it."""

import json
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Got:
    """One request."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        event: dict[str, Any] = json.loads(self.body)
        return event


@dataclass
class Receiver:
    """What a receiver was sent, and how it answers.

    Attributes:
        port: on this machine.
        status: of every answer for which `statuses` has none.
        statuses: of the next answers.
        headers: of every answer.
        hold: while it is cleared, answers wait.
        got: every request, in order.
    """

    port: int = 0
    status: int = 204
    statuses: list[int] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    hold: threading.Event = field(default_factory=threading.Event)
    got: list[Got] = field(default_factory=list)

    def url(self, host: str = "127.0.0.1", query: str = "") -> str:
        return f"http://{host}:{self.port}/hook{query}"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, receiver: Receiver) -> None:
        super().__init__(("127.0.0.1", receiver.port), _Handler)
        self.receiver = receiver

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A sender that leaves is no error of the receiver's."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        receiver = self.server.receiver
        body = self.rfile.read(int(self.headers["Content-Length"]))
        receiver.got.append(Got(self.path, dict(self.headers), body))
        status = receiver.statuses.pop(0) if receiver.statuses else receiver.status
        receiver.hold.wait()
        self.send_response(status)
        for name, value in receiver.headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in the base class
        """Keep quiet."""


@contextmanager
def receiving(port: int = 0, tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """A receiver on a port, or on a free one, that takes everything until it is told otherwise."""
    receiver = Receiver(port)
    receiver.hold.set()
    with _Server(receiver) as server:
        receiver.port = server.server_port
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield receiver
        finally:
            receiver.hold.set()
            server.shutdown()
            thread.join()
