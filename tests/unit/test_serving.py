"""Listening and leaving: which sockets are had, what is said where they are not, and who is answered at the end."""

import asyncio
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from starlette.types import Receive, Scope, Send
from tests.live_service import until

from dfd.asgi import hand_out
from dfd.cli.serving import GracefulServer, bound, inherited
from dfd.errors import ConfigurationError
from dfd.telemetry.exposition import MetricsPort


def test_a_name_with_several_addresses_is_listened_on_at_each_with_one_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", _addresses("127.0.0.1", "127.0.0.2"))
    sockets = bound("several.example", 0)
    assert [one.getsockname()[0] for one in sockets] == ["127.0.0.1", "127.0.0.2"]
    assert len({one.getsockname()[1] for one in sockets}) == 1
    for one in sockets:
        one.close()


def test_an_address_that_is_not_of_this_machine_is_left_out_where_there_is_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", _addresses("192.0.2.1", "127.0.0.1"))
    [one] = bound("several.example", 0)
    assert one.getsockname()[0] == "127.0.0.1"
    one.close()


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-name.invalid"])
def test_an_address_that_cannot_be_had_is_named_with_its_settings(host: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"HOST, PORT: {host}:8000 cannot be listened on: \w"):
        bound(host, 8000)


def test_a_port_that_is_taken_is_named_and_what_was_had_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.2", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr(socket, "getaddrinfo", _addresses("127.0.0.1", "127.0.0.2"))
        with pytest.raises(ConfigurationError, match=f"HOST, PORT: x:{port} cannot be listened on: address already"):
            bound("x", port)
    socket.create_server(("127.0.0.1", port)).close()


def test_a_number_that_is_no_socket_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="--fd"):
        inherited([2**20])


def _addresses(*hosts: str) -> Callable[..., Any]:
    def found(_host: str, port: int, **_: object) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port)) for host in hosts]

    return found


async def slow_to_apologise(scope: Scope, receive: Receive, send: Send) -> None:
    """Needs many turns of the loop, and a while, to say that it was broken off."""
    assert scope["type"] == "http"
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        for _ in range(20):
            await asyncio.sleep(0.02)
        await send({"type": "http.response.start", "status": 503, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body"})


@pytest.mark.logs_errors
def test_a_request_that_is_broken_off_is_still_answered() -> None:
    config = uvicorn.Config(slow_to_apologise, lifespan="off", log_config=None, timeout_graceful_shutdown=1)
    server = GracefulServer(config, delay_s=0, handed_over=False, ready_fd=None)
    listening = bound("127.0.0.1", 0)
    url = f"http://127.0.0.1:{listening[0].getsockname()[1]}"
    with ThreadPoolExecutor(2) as pool:
        served = pool.submit(server.run, listening)
        until(lambda: server.started, 10)
        answer = pool.submit(httpx.get, url, timeout=30)
        until(lambda: bool(server.server_state.tasks), 10)
        server.should_exit = True
        assert answer.result().status_code == 503
        served.result()


def scraped(port: MetricsPort) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port.port}/metrics", timeout=30).status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.parametrize("handed_over", [True, False])
def test_a_service_that_has_a_successor_leaves_the_metrics_port_before_its_last_answer(handed_over: bool) -> None:
    app, held, came = FastAPI(), threading.Event(), threading.Event()

    @app.get("/")
    def slow() -> None:
        came.set()
        held.wait(30)

    port = MetricsPort(CollectorRegistry(), "127.0.0.1", 0, shared=True)
    hand_out(app, port)
    server = GracefulServer(uvicorn.Config(app, log_config=None), delay_s=0, handed_over=handed_over, ready_fd=None)
    listening = bound("127.0.0.1", 0)
    with ThreadPoolExecutor(2) as pool:
        served = pool.submit(server.run, listening)
        until(lambda: server.started, 10)
        answer = pool.submit(httpx.get, f"http://127.0.0.1:{listening[0].getsockname()[1]}", timeout=30)
        assert came.wait(10) and scraped(port)
        server.should_exit = True
        until(lambda: not (scraped(port) if handed_over else server.servers[0].is_serving()), 10)
        assert not answer.done()
        assert scraped(port) is not handed_over
        held.set()
        assert answer.result().status_code == 200
        served.result()
    if not handed_over:
        port.close()
