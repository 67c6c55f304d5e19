"""Signing and sending of webhooks, against a receiver that really listens."""

import socket
import threading
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from dfd.delivery import Answer
from dfd.signing import SIGNATURE, TIMESTAMP, is_genuine, signed_headers
from dfd.webhooks.sending import Sender, is_public


class Receiver(HTTPServer):
    """Keeps what it was sent, and answers with a status of the test's choice."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status = 204
        self.headers: dict[str, str] = {}
        self.got: list[tuple[str, dict[str, str], bytes]] = []

    @property
    def url(self) -> str:
        return f"http://receiver.example:{self.server_port}/hook?a=1"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((self.path, dict(self.headers), body))
        self.send_response(self.server.status)
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def here(_host: str, _port: int) -> Sequence[str]:
    return ["127.0.0.1"]


def test_what_is_sent_arrives_and_can_be_verified(receiver: Receiver) -> None:
    body = b'{"id": "j"}'
    sent = Sender(allow_http=True, allow_private=True, resolver=here).send(
        receiver.url, body, signed_headers(["secret"], body, 1000.9)
    )
    assert sent == Answer(204)
    assert sent.arrived
    [(path, headers, got)] = receiver.got
    assert (path, got, headers[TIMESTAMP]) == ("/hook?a=1", body, "1000")
    assert headers["Host"] == f"receiver.example:{receiver.server_port}"
    assert is_genuine("secret", headers, got, 1200.0)


def test_private_addresses_are_refused_after_resolving(receiver: Receiver) -> None:
    assert Sender(allow_http=True, resolver=here).send(receiver.url, b"", {}) == Answer(error="address")
    assert Sender(allow_http=True).send(f"http://127.0.0.1:{receiver.server_port}/", b"", {}) == Answer(error="address")
    assert receiver.got == []


def test_the_name_is_resolved_once_and_the_checked_address_taken(receiver: Receiver) -> None:
    asked: list[str] = []

    def fickle(host: str, _port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["192.0.2.1"]

    assert Sender(allow_http=True, allow_private=True, resolver=fickle).send(receiver.url, b"", {}).arrived
    assert asked == ["receiver.example"]


@pytest.mark.parametrize("status", [301, 307, 404, 500])
def test_redirects_are_not_followed_and_other_answers_are_told(receiver: Receiver, status: int) -> None:
    receiver.status, receiver.headers = status, {"Location": receiver.url}
    sent = Sender(allow_http=True, allow_private=True, resolver=here).send(receiver.url, b"", {})
    assert sent == Answer(status)
    assert not sent.arrived
    assert len(receiver.got) == 1


def test_a_receiver_that_does_not_answer_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        assert Sender(allow_http=True, allow_private=True, limit_s=0.1).send(url, b"", {}) == Answer(error="time")
    assert Sender(allow_http=True, allow_private=True).send(url, b"", {}) == Answer(error="connection")


def test_one_that_drips_is_given_up_too() -> None:
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as slow:

        def drip() -> None:
            connection, _ = slow.accept()
            with connection:
                while not stop.wait(0.01):
                    try:
                        connection.sendall(b"H")
                    except OSError:
                        return

        thread = threading.Thread(target=drip)
        thread.start()
        url = f"http://127.0.0.1:{slow.getsockname()[1]}/"
        sent = Sender(allow_http=True, allow_private=True, limit_s=0.3).send(url, b"", {})
        stop.set()
        thread.join()
    assert sent == Answer(error="time")


def test_a_receiver_without_tls_is_told(receiver: Receiver) -> None:
    url = receiver.url.replace("http://", "https://")
    assert Sender(allow_http=True, allow_private=True, resolver=here).send(url, b"", {}).error in ("tls", "answer")


def test_a_name_that_is_unknown_is_told() -> None:
    def nobody(_host: str, _port: int) -> Sequence[str]:
        raise socket.gaierror

    assert Sender(allow_http=True, resolver=nobody).send("http://nobody.example/", b"", {}) == Answer(error="name")


@pytest.mark.parametrize(
    "url",
    ["ftp://a.example/", "http://", "http://u:p@a.example/", "http://a.example/\r\nX: y", "http://[1/", "http://a:x/"],
)
def test_odd_addresses_are_refused(url: str) -> None:
    assert Sender(allow_http=True, allow_private=True, resolver=here).send(url, b"", {}) == Answer(error="address")


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1%eth0",
        "fc00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        "name",
    ],
)
def test_addresses_that_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "::ffff:93.184.216.34"])
def test_addresses_that_are(address: str) -> None:
    assert is_public(address)


def test_forged_old_and_broken_signatures_are_refused() -> None:
    headers = signed_headers(["secret"], b"body", 1000.0)
    assert is_genuine("secret", headers, b"body", 1000.0)
    assert not is_genuine("other", headers, b"body", 1000.0)
    assert not is_genuine("secret", headers, b"Body", 1000.0)
    assert not is_genuine("secret", headers | {TIMESTAMP: "1001"}, b"body", 1000.0)
    assert not is_genuine("secret", headers | {SIGNATURE: "v1=\N{SNOWMAN}"}, b"body", 1000.0)
    assert not is_genuine("secret", headers, b"body", 1301.0)
    assert not is_genuine("secret", {}, b"body", 1000.0)
    with pytest.raises(ValueError, match="empty"):
        signed_headers([""], b"body", 1000.0)
