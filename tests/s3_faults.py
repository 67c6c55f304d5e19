"""A real HTTP proxy before an S3 server, which fails or dawdles when told to."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Faults:
    """What goes wrong now.

    Attributes:
        port: where the proxy listens.
        failing: every request is answered with 500.
        delay_s: each request is held for so long.
        failed: requests answered so.
        says_206: a part of an object is answered with status 206, as others do; rclone says 200.
        parts: parts answered.
        lost: that many further writes are done, and answered with 500.
    """

    port: int = 0
    failing: bool = False
    delay_s: float = 0.0
    failed: int = 0
    says_206: bool = False
    parts: int = 0
    lost: int = 0

    def status_of(self, command: str, status: int, headers: dict[str, str]) -> int:
        """What is said to a request that was done."""
        if command == "PUT" and self.lost > 0:
            self.lost -= 1
            return 500
        if self.says_206 and any(name.lower() == "content-range" for name in headers):
            self.parts += 1
            return 206
        return status


@contextmanager
def faulty(behind_port: int) -> Iterator[Faults]:
    """A proxy before a server of this machine."""
    faults = Faults()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _forward(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            time.sleep(faults.delay_s)
            if faults.failing:
                faults.failed += 1
                self._answer(500, {}, b"")
                return
            connection = HTTPConnection("127.0.0.1", behind_port, timeout=60)
            connection.request(self.command, self.path, body, dict(self.headers))
            response = connection.getresponse()
            headers, content = dict(response.getheaders()), response.read()
            connection.close()
            self._answer(faults.status_of(self.command, response.status, headers), headers, content)

        def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(status)
            told = {name: value for name, value in headers.items() if name.lower() != "transfer-encoding"}
            if self.command != "HEAD":
                told["Content-Length"] = str(len(body))
            for name, value in told.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _forward  # noqa: N815 - names that the library looks for

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            """Nothing is told."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        faults.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield faults
        finally:
            server.shutdown()
            thread.join()
