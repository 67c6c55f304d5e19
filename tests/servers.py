"""What the real servers that tests start have in common."""

import os
import socket
from typing import NoReturn

import pytest

START_LIMIT_S = 60


def not_installed(reason: str) -> NoReturn:
    """Skip the test; in CI, where every server must be there, fail it."""
    if os.environ.get("CI"):
        pytest.fail(f"{reason}, and CI must have it")
    pytest.skip(reason)


def free_port() -> int:
    """A port of the loopback address that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def listens(port: int) -> bool:
    """Whether somebody listens on a port of the loopback address."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
