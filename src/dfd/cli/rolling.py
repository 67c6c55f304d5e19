"""``dfd serve --rolling``: the service in a process of its own, replaced by another without a request being lost.

This process holds the sockets and answers nothing. At SIGUSR2 it starts a successor, with whatever code, settings and
model there are then; once that answers requests, the old one takes no more connections, ends those it has, and leaves.
A successor that does not start changes nothing.
"""

import logging
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from types import FrameType
from typing import Final

from dfd.cli.exits import ExitCode
from dfd.cli.serving import bound
from dfd.settings import load_settings
from dfd.telemetry.logs import configure_logging

_LOG = logging.getLogger(__name__)

START_LIMIT_S: Final = 300.0
"""Longest wait for a successor: models may come over the network."""

_LOOK_S: Final = 0.1

_STOPPING: Final = (signal.SIGINT, signal.SIGTERM)

Service = subprocess.Popen[bytes]


def serve_rolling(host: str | None, port: int | None) -> int:
    """Serve until interrupted, replacing the service at SIGUSR2.

    Args:
        host: address to listen on; None for the settings' own.
        port: port to listen on; None for the settings' own.

    Returns:
        exit code of the service, where it ended by itself.

    Raises:
        ConfigurationError: the settings do not hold, or the port cannot be listened on.
    """
    settings = load_settings(host=host, port=port)
    configure_logging(settings.log_level)
    sockets = bound(settings.host, settings.port)
    for one in sockets:
        one.set_inheritable(True)
    return _Roller([one.fileno() for one in sockets]).run()


class _Roller:
    """Keeps one service running, and two while one replaces the other."""

    def __init__(self, descriptors: Sequence[int]) -> None:
        self._descriptors = descriptors
        self._told: list[int] = []
        self._leaving: list[Service] = []

    def run(self) -> int:
        for heard in (*_STOPPING, signal.SIGHUP, signal.SIGUSR2):
            signal.signal(heard, self._hear)
        current, code = self._started()
        while current is not None:
            self._leaving = [one for one in self._leaving if one.poll() is None]
            if current.poll() is not None and not self._stopping:
                self._end()
                return current.returncode if current.returncode >= 0 else ExitCode.INTERNAL
            number = self._told.pop(0) if self._told else None
            if number in _STOPPING:
                self._leaving.append(current)
                self._end()
                return ExitCode.DONE
            if number == signal.SIGHUP:
                current.send_signal(signal.SIGHUP)
            elif number == signal.SIGUSR2:
                current = self._replaced(current)
            else:
                time.sleep(_LOOK_S)
        return code

    def _hear(self, number: int, _frame: FrameType | None) -> None:
        self._told.append(number)

    def _replaced(self, current: Service) -> Service:
        try:
            successor, code = self._started()
        except OSError as error:
            _LOG.error("the successor did not start (%s), the service goes on as it is", error)
            return current
        if successor is None:
            _LOG.error("the successor did not start (exit code %s), the service goes on as it is", code)
            return current
        _LOG.info("process %s takes over from process %s", successor.pid, current.pid)
        current.send_signal(signal.SIGTERM)
        self._leaving.append(current)
        return successor

    def _started(self) -> tuple[Service | None, int]:
        """A service that answers requests, or the exit code of one that did not come to that.

        Raises:
            OSError: there is no room for a process, or no such program any more.
        """
        heard, tell = os.pipe()
        sockets = [part for number in self._descriptors for part in ("--fd", str(number))]
        try:
            service = subprocess.Popen(  # noqa: S603 - this program itself
                [sys.executable, "-m", "dfd.cli", "serve", *sockets, "--ready-fd", str(tell)],
                pass_fds=[*self._descriptors, tell],
            )
        except OSError:
            os.close(heard)
            raise
        finally:
            os.close(tell)
        try:
            if self._is_ready(heard):
                return service, ExitCode.DONE
        finally:
            os.close(heard)
        if service.poll() is None and not self._stopping:
            service.kill()
        self._leaving.append(service)
        self._end([service])
        return None, ExitCode.DONE if self._stopping else service.wait()

    def _is_ready(self, heard: int) -> bool:
        until_s = time.monotonic() + START_LIMIT_S
        while time.monotonic() < until_s and not self._stopping:
            if select.select([heard], [], [], _LOOK_S)[0]:
                return os.read(heard, 1) == b"1"  # nothing comes from a process that has ended
        return False

    @property
    def _stopping(self) -> bool:
        return any(number in _STOPPING for number in self._told)

    def _end(self, services: Sequence[Service] | None = None) -> None:
        """Tell services to stop, and wait for them: each keeps to its own limits.

        They are told by SIGTERM whatever came here: Ctrl-C sends SIGINT to all processes of the terminal, and a second
        one has uvicorn cut off what is under way.
        """
        for service in self._leaving if services is None else services:
            if service.poll() is None:
                service.send_signal(signal.SIGTERM)
        for service in self._leaving if services is None else services:
            service.wait()
