"""Hearing that the server is to stop before it begins to wait, and that it is to look for another model.

A server that is told to stop first waits for the answers under way, and only then ends the application. Streams have no
end of their own, so both would wait for each other.
"""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType


@dataclass
class Stopping:
    """Whether the process has been told to stop.

    Attributes:
        begun: it has; it still answers, says at `/readyz` that it should be asked no more, and keeps no connection.
    """

    begun: bool = False


@contextmanager
def told_to_stop(act: Callable[[], None]) -> Iterator[None]:
    """Call `act` as soon as the process is told to stop, then let the server hear it.

    Signals that nobody handles keep their meaning; so do all of them where this is not the main thread.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    servers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def heard(number: int, frame: FrameType | None) -> None:
        act()
        server = servers[signal.Signals(number)]
        if callable(server):
            server(number, frame)

    wrapped = [number for number, server in servers.items() if callable(server)]
    for number in wrapped:
        signal.signal(number, heard)
    try:
        yield
    finally:
        for number in wrapped:
            if signal.getsignal(number) is heard:
                signal.signal(number, servers[number])


@contextmanager
def told_to_reload(act: Callable[[], None] | None) -> Iterator[None]:
    """Call `act` at SIGHUP, which ends the process where there is nothing to be done (None), as ever."""
    if act is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGHUP, lambda _number, _frame: act())
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)
