"""Listening, and leaving without anybody noticing: what `dfd serve` adds to uvicorn."""

import asyncio
import errno
import logging
import os
import socket
from collections.abc import Sequence
from typing import Any, Final

import uvicorn

from dfd.errors import ConfigurationError
from dfd.telemetry.exposition import PORT_STATE

KEEP_ALIVE_S: Final = 5
"""A connection over which nothing comes for so long is closed."""

_LAST_WORDS_S: Final = 5
"""Longest time that requests which were broken off have to tell their callers so."""

_NOT_HERE: Final = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
"""The machine has no such address, or none of its kind."""

_LOG = logging.getLogger(__name__)


def bound(host: str, port: int) -> list[socket.socket]:
    """Sockets on every address that a name has; nothing listens yet, so that nobody waits for a service that loads.

    Addresses that this machine cannot have, as those of IPv6 where it is switched off, are left out if others are left.

    Raises:
        ConfigurationError: none of them can be had, or one is taken.
    """
    sockets: list[socket.socket] = []
    problem: OSError | None = None
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, _, _, _, address in dict.fromkeys(found):
            chosen = sockets[0].getsockname()[1] if sockets else port  # where the system chooses: the same for all
            try:
                sockets.append(_bound(family, (address[0], chosen, *address[2:])))
            except OSError as error:
                if error.errno not in _NOT_HERE:
                    raise
                problem = error
        if not sockets:
            raise problem or OSError("the name has no address")
    except OSError as error:
        for one in sockets:
            one.close()
        reason = (error.strerror or str(error)).lower()
        raise ConfigurationError(f"HOST, PORT: {host}:{port} cannot be listened on: {reason}") from error
    return sockets


def _bound(family: int, address: tuple[Any, ...]) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind(address)
    except OSError:
        made.close()
        raise
    return made


class GracefulServer(uvicorn.Server):
    """A server that takes its leave.

    Alone it goes on for a while, for its proxy to notice what `/readyz` says. Where a successor listens on the same
    sockets it takes no more connections and no more scrapes at once, and waits for those it has to come to their end.
    """

    def __init__(self, config: uvicorn.Config, *, delay_s: float, handed_over: bool, ready_fd: int | None) -> None:
        """Prepare.

        Args:
            config: of uvicorn.
            delay_s: see `Settings.stop_delay_s`.
            handed_over: somebody else keeps the sockets open.
            ready_fd: file descriptor that is written to once requests are answered.
        """
        super().__init__(config)
        self._delay_s = delay_s
        self._handed_over = handed_over
        self._ready_fd = ready_fd

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen, and tell who waits for it."""
        await super().startup(sockets)
        for one in sockets or ():
            _LOG.info("listening on %s port %s", *one.getsockname()[:2])
        if self._ready_fd is not None:
            os.write(self._ready_fd, b"1")
            os.close(self._ready_fd)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take leave, then stop as uvicorn does."""
        if self._handed_over:
            for server in self.servers:
                server.close()
            await self._close_metrics()
            await self._wait(KEEP_ALIVE_S + 1, until_alone=True)
        else:
            await self._wait(self._delay_s, until_alone=False)
        await super().shutdown(sockets)
        # uvicorn does not wait for those whom it has just broken off, and their answers take a few steps yet.
        await self._wait(_LAST_WORDS_S, until_alone=True)

    async def _close_metrics(self) -> None:
        """Leave `METRICS_PORT` to the successor: scrapes that find now one, now the other, inflate every counter."""
        port = self.lifespan.state.get(PORT_STATE)
        if port is not None:
            await asyncio.to_thread(port.close)  # which takes up to half a second

    async def _wait(self, longest_s: float, *, until_alone: bool) -> None:
        """Answer on; a second interrupt ends it."""
        loop = asyncio.get_running_loop()
        until_s = loop.time() + longest_s
        while loop.time() < until_s and not self.force_exit:
            if until_alone and not self.server_state.connections:
                return
            await asyncio.sleep(0.05)


def inherited(descriptors: Sequence[int]) -> list[socket.socket]:
    """Sockets that the parent process has bound.

    Raises:
        ConfigurationError: a number is none of a socket.
    """
    try:
        return [socket.socket(fileno=number) for number in descriptors]
    except OSError as error:
        raise ConfigurationError(f"--fd: no socket was handed over: {error.strerror}") from error
